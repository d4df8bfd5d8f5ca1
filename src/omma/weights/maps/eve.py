"""EVE (baaivision/EVE, `EVELlamaForCausalLM`, whose code is never run): config.json → patch tokens, projector, Llama; names ↔ ours.

Its patch-aligning teacher (`vision_clip`, `vision_tower_compressor`) is for training alone and not read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from omma.core.errors import CheckpointError
from omma.media.views.long_side import LongSide
from omma.model.connectors.patch_tokens import PatchTokens
from omma.model.slots import Language
from omma.model.vision.raw_patches import RawPatches
from omma.model.vlm import Vlm
from omma.weights.compose import language_from, language_names
from omma.weights.family import Family, Vocabulary
from omma.weights.names import Names, Pair
from omma.weights.released import Released
from omma.weights.sight import RESAMPLE, normalised
from omma.weights.speech import chat_from
from omma.weights.vit_names import OPENAI, both, conv

MODEL_TYPE = "eve"
WHERE = "config.json of EVE"
IMAGE_TOKEN = "<image>"
SIZE, SIZE_CLIP, STRIDE, POOL = 672, 336, 14, 2  # of EVE-7B's image processor, where the folder has none
TRAINED_ONLY = ("model.vision_tower_compressor.", "model.vision_clip.")
ASKING = (("query_norm", "q.0"), ("query", "q.1"), ("key_norm", "kv.0"), ("key_value", "kv.1"), ("output", "proj"))
# Vicuna's conversation, as in baaivision/EVE `EVEv1/eve/conversation.py`; a picture is followed by a line break
TEMPLATE = (
    "{{ bos_token }}A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ ' USER: ' }}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>\\n' }}{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{{ ' ASSISTANT:' }}"
    "{% else %}{{ ' ' }}{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{{ eos_token }}{% endif %}{% endfor %}"
)


@dataclass(frozen=True, slots=True)
class Parts:
    """The slots that the weights of an EVE checkpoint fill."""

    encoder: RawPatches
    connector: PatchTokens
    language: Language


def config_from(theirs: Mapping[str, Any]) -> Parts:
    """config.json → parts. CheckpointError for another projector."""
    kind = theirs.get("mm_projector_type", "linear")
    if kind != "mlp2x_gelu":
        raise CheckpointError(WHERE, f"mm_projector_type is {kind!r}", "'mlp2x_gelu'", "this variant is not covered")
    return Parts(
        encoder=RawPatches(patch=STRIDE, **OPENAI),
        connector=PatchTokens(width=theirs.get("mm_hidden_size", 1024), pool=POOL),
        language=language_from({**theirs, "model_type": "llama"}, where=WHERE),
    )


def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """CheckpointError always: this layout needs code of its own."""
    raise CheckpointError(MODEL_TYPE, "a layout that only code from a checkpoint reads", "", "keep the model in our own layout")


def names(parts: Parts | Vlm, theirs: Mapping[str, Any]) -> Names:
    """Parts and the config.json beside the tensors → names of all tensors of a `VlmModule` made of them."""
    tower = "model.vision_tower."
    pairs = [
        Pair("embed.weight", f"{tower}patch_embedding.weight", conv(parts.encoder.patch)),
        Pair("class_token", f"{tower}class_embedding"),
        Pair("split_token", f"{tower}split_embedding"),
        *both("layers.0", "model.mm_projector.0"),
        *both("layers.1", "model.mm_projector.2"),
    ]
    for ours, attention in (("local", "local_attention"), ("globally", "global_attention")):
        for part, name in ASKING:
            own = both(f"{ours}.{part}", f"{tower}{attention}.{name}")
            pairs += own[:1] if part in ("query", "key_value") else own
    own_names = Names(tuple(pairs)).under("connector.", "")
    return own_names + Names((), unused=TRAINED_ONLY) + language_names(parts.language, {**theirs, "model_type": "llama"}, ())


def model_from(released: Released) -> Vlm:
    """Folder → the model with the sizes of its image processor (EVE-7B's where there is none) and Vicuna's conversation.

    CheckpointError for an image processor that cuts other patches than 14 px, pooled by other than 2.
    """
    parts, said = config_from(released.config), released.preprocessor
    found = said.get("patch_stride", STRIDE), said.get("conv_stride", POOL)
    if found != (STRIDE, POOL):
        where = str(released.folder / "preprocessor_config.json")
        raise CheckpointError(where, f"patch_stride and conv_stride are {found}", f"{STRIDE} and {POOL}", "this is not covered")
    size, small = said.get("image_size", SIZE), said.get("image_size_clip", SIZE_CLIP)
    spoken = replace(released, chat_template=released.chat_template or TEMPLATE)
    return Vlm(
        view=LongSide(size=size, step=size // small // POOL, resample=RESAMPLE[said.get("resample", RESAMPLE.index("bicubic"))]),
        encoder=normalised(parts.encoder, released),
        connector=parts.connector,
        language=parts.language,
        text=chat_from(spoken, image_token=IMAGE_TOKEN, vocab_size=released.config["vocab_size"]),
    )


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("EVELlamaForCausalLM",),
    model_from=model_from,
    names=names,
    config_to=config_to,
)
