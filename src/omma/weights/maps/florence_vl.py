"""Florence-VL (arXiv 2412.04424; JiuhaiChen/Florence-VL, `llava_llama` with `tune_entire_model`): config.json ↔ parts; names.

Florence-2 with three prompts, a projector of `mlpNx_gelu`, a Llama. Only a folder whose training tuned all parts holds the
tower's config, in `vision_tower`; of others the tower is Florence-2-large, as in the released scripts. The released class of
the tower lies with its weights alone; that its 577 tokens go to the projector without the first, the mean's, is read from the
576 that the paper counts. Read only: no program but code of its own loads the layout.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from omma.core.errors import CheckpointError
from omma.media.views.pad import Pad
from omma.model.connectors.mlp import Mlp
from omma.model.slots import Language
from omma.model.vision.florence2 import Florence2
from omma.model.vlm import Vlm
from omma.weights.compose import language_from, language_names
from omma.weights.family import Family
from omma.weights.maps import florence2
from omma.weights.names import Names, Pair
from omma.weights.original import moved, unwritten
from omma.weights.released import CONFIG_FILE, Released, read_released
from omma.weights.sight import normalised
from omma.weights.speech import chat_from
from omma.weights.vit_names import both

MODEL_TYPE = "llava_llama"
WHERE = "config.json of Florence-VL"
TOWER = "vision_tower"  # the folder that says what the tower is; its weights stand with the others
SIDE = 768  # px of a tile, where no file says
# microsoft/Florence-2-large-ft: DaViT-H with the encoder of its transformer
FLORENCE_2_LARGE = Florence2(
    widths=(256, 512, 1024, 2048), heads=(8, 16, 32, 64), groups=(8, 16, 32, 64), text_width=1024, text_depth=12, text_heads=16,
    text_mlp_width=4096, longest=4096,
)  # fmt: skip

# the "llama3" conversation of JiuhaiChen/Florence-VL `conversation.py`
CONVERSATION = (
    "{{ '<|begin_of_text|><|start_header_id|>system<|end_header_id|>\\n\\nA chat between a curious user and an artificial "
    "intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user\\'s questions.<|eot_id|>' }}"
    "{% for message in messages %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] + '<|eot_id|>' }}"
    "{% endfor %}"
)


@dataclass(frozen=True, slots=True)
class Parts:
    """The slots that config.json and the tower's own describe."""

    encoder: Florence2
    connector: Mlp
    language: Language


def config_from(theirs: Mapping[str, Any]) -> Parts:
    """config.json, with that of its tower under `vision_tower` if there is one → parts. CheckpointError for another projector."""
    projector = theirs.get("mm_projector_type", "linear")
    found = re.fullmatch(r"mlp(\d+)x_gelu", projector)
    if not found:
        raise CheckpointError(WHERE, f"mm_projector_type is {projector!r}", "'mlpNx_gelu'", "this projector is not covered")
    return Parts(
        encoder=florence2.config_from(theirs[TOWER]) if TOWER in theirs else FLORENCE_2_LARGE,
        connector=Mlp(depth=int(found[1])),
        language=language_from(_spoken(theirs), where=WHERE),
    )


def names(parts: Parts | Vlm, theirs: Mapping[str, Any]) -> Names:
    """Parts and the config.json → names of all tensors of a `VlmModule` made of them. The tower keeps Microsoft's names."""
    assert isinstance(parts.encoder, Florence2) and isinstance(parts.connector, Mlp)
    seen = florence2.names(parts.encoder, {"vision_config": {"dim_embed": ()}})
    pairs: list[Pair] = []
    for i in range(parts.connector.depth):
        pairs += both(f"connector.layers.{i}", f"model.mm_projector.encoder_mlp.{i}" + (".1" if i else ""))
    tower = seen.under("encoder.", "model.vision_tower.vision_tower.")
    return tower + Names(tuple(pairs)) + language_names(parts.language, _spoken(theirs), moved(""))


def model_from(released: Released) -> Vlm:
    """Folder → the model that pads pictures with the mean colour of the tower's image processor."""
    folder = released.folder / TOWER
    seen = read_released(folder) if (folder / CONFIG_FILE).is_file() else Released(folder, {})
    parts = config_from({**released.config, **({TOWER: seen.config} if seen.config else {})})
    encoder = normalised(parts.encoder, seen)
    size = seen.preprocessor.get("crop_size", seen.preprocessor.get("size", {})).get("height", SIDE)
    # The tokenizer's own template is that of the language model before it saw pictures.
    spoken = replace(released, chat_template=CONVERSATION)
    red, green, blue = (int(255 * value) for value in encoder.mean)
    return Vlm(
        view=Pad(size=size, fill=(red, green, blue)),
        encoder=encoder,
        connector=parts.connector,
        language=parts.language,
        text=chat_from(spoken, image_token="<image>", vocab_size=released.config["vocab_size"]),
    )


def _spoken(theirs: Mapping[str, Any]) -> dict[str, Any]:
    """The config.json as that of its language model."""
    return {**theirs, "model_type": "llama"}


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("LlavaLlamaForCausalLM",),
    model_from=model_from,
    names=names,
    config_to=unwritten("Florence-VL"),
    mark="tune_entire_model",
)
