"""MiniCPM-V 2.5 and 2.6 (no class in transformers): config.json → model, tensor names ↔ ours.

Layout of the released `modeling_minicpmv.py`, `resampler.py` and `modeling_navit_siglip.py` (SigLIP that reads its table of
positions in buckets), whose code is never run; prompts as OpenBMB/MiniCPM-V `finetune/dataset.py` writes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from omma.core.errors import CheckpointError
from omma.media.views.slices import Slices
from omma.model.connectors.adaptive_resampler import AdaptiveResampler
from omma.model.slots import Language
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.pack.templates.jinja import Jinja
from omma.weights.compose import language_from, language_names
from omma.weights.family import Family
from omma.weights.maps import siglip
from omma.weights.names import Names, Pair, Rows
from omma.weights.original import Turned, moved, unwritten
from omma.weights.released import Released
from omma.weights.speech import chat_from
from omma.weights.vit_names import both

MODEL_TYPE, WHERE = "minicpmv", "config.json of MiniCPM-V"
SLOT = "<unk>"  # stands at every visual token
HEAD = 128  # width of a head of the resampler
CONTENT = (
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ PICTURE }}{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
)
# 2.6: ChatML in which pictures are numbered from 0
NUMBERED = (
    "{% set seen = namespace(pictures=0) %}"
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    + CONTENT.replace("{{ PICTURE }}", "{{ '<image_id>' + (seen.pictures | string) + '</image_id><unk>\\n' }}"
                      "{% set seen.pictures = seen.pictures + 1 %}")
    + "{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)  # fmt: skip
# 2.5: Llama 3's headers
HEADED = (
    "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    + CONTENT.replace("{{ PICTURE }}", "{{ '<unk>\\n' }}")
    + "{{ '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Version:
    """What the versions do differently: language model, template, and the tags of slices."""

    model_type: str
    template: str
    view: Slices


VERSIONS = {
    2.5: Version("llama", HEADED, Slices(slice=("<image>", "</image>"), around=("<slice>", "</slice>"))),
    2.6: Version("qwen2", NUMBERED, Slices()),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """The slots that config.json alone describes."""

    encoder: ViT
    connector: AdaptiveResampler
    language: Language


def config_from(theirs: Mapping[str, Any]) -> Parts:
    """config.json → parts. CheckpointError for variants that are not covered."""
    version = version_of(theirs)
    tower = siglip.config_from(theirs["vision_config"])
    language = language_from({**theirs, "model_type": version.model_type}, where=WHERE)
    last = -2 if theirs.get("drop_vision_last_layer") else -1
    return Parts(replace(tower, positions="buckets", feature_layer=last), AdaptiveResampler(queries=theirs["query_num"]), language)


def version_of(theirs: Mapping[str, Any]) -> Version:
    """config.json → version; the release of 2.5 states none. CheckpointError for others."""
    number = float(theirs.get("version", 2.5))
    if number not in VERSIONS:
        known = " or ".join(map(str, VERSIONS))
        raise CheckpointError(WHERE, f"version {number}", known, "this version of the family is not covered")
    return VERSIONS[number]


def names(model: Vlm, theirs: Mapping[str, Any]) -> Names:
    """Model → names of all tensors. The table beside the queries is a formula, which ours computes."""
    encoder, width = model.encoder, model.language.width
    assert isinstance(encoder, ViT)
    said = {**theirs, "model_type": version_of(theirs).model_type}
    return (
        siglip.names(encoder).under("encoder.", "vpm.")
        + _resampler(encoder.out_width, width).under("connector.", "resampler.")
        + language_names(model.language, said, moved("llm."))
    )


def _resampler(in_dim: int, width: int) -> Names:
    pairs = [Pair("queries", "query"), *both("query_norm", "ln_q"), *both("patch_norm", "ln_kv")]
    if in_dim != width:
        pairs.append(Pair("widen.weight", "kv_proj.weight"))
    fused = Rows((width,) * 3)
    for part, name in enumerate(("query", "key", "value")):
        pairs += [Pair(f"attention.{name}.{kind}", f"attn.in_proj_{kind}", fused, part) for kind in ("weight", "bias")]
    pairs += [*both("attention.output", "attn.out_proj"), *both("output_norm", "ln_post"), Pair("project.weight", "proj", Turned())]
    return Names(tuple(pairs), unused=("pos_embed",))


def model_from(released: Released) -> Vlm:
    """Folder → the model with the slices and the prompts of its version."""
    theirs, parts = released.config, config_from(released.config)
    version, cut = version_of(theirs), dict(theirs.get("slice_config") or {})
    size, most = cut.get("scale_resolution", 448), cut.get("max_slice_nums", 9) if theirs.get("slice_mode", True) else 1
    template = Jinja(source=version.template, image_token=SLOT, picture=f"{SLOT}\n")
    return Vlm(
        view=replace(version.view, size=size, max_slices=most),
        encoder=parts.encoder,
        connector=parts.connector,
        language=parts.language,
        text=chat_from(replace(released, chat_template=""), image_token=SLOT, vocab_size=theirs["vocab_size"], template=template),
    )


config_to = unwritten(MODEL_TYPE)

FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("MiniCPMV",),
    model_from=model_from,
    names=names,
    config_to=config_to,
)
