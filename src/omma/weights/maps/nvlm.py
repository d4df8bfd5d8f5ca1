"""NVLM-D as nvidia released it (`NVLM_D`, whose code is never run): config.json → model, tensor names ↔ ours.

InternVL's layout with tags before tiles and a wide projector (nvidia/NVLM-D-72B `modeling_nvlm_d.py`; vLLM
`model_executor/models/nvlm_d.py`). Its tower carries seven heads more, all zeros, so that their number divides by eight: they are
left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from omma.core.errors import CheckpointError
from omma.media.views.tagged_tiles import TaggedTiles
from omma.model.connectors.wide_shuffle import WideShuffle
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.weights.compose import encoder_from, language_from, language_names
from omma.weights.family import Family, Vocabulary
from omma.weights.internvl_parts import Parts, factor_from, tower_at
from omma.weights.internvl_words import CONVERSATIONS
from omma.weights.maps import intern_vit_6b
from omma.weights.names import Form, Names, Pair
from omma.weights.released import Released
from omma.weights.sight import normalised
from omma.weights.speech import chat_from
from omma.weights.vit_names import both

MODEL_TYPE = "NVLM_D"
WHERE = "config.json of NVLM-D"
IMAGE, SLOT = "<Image>{slot}</Image>", "<|vision_pad|>"
EXTRA_HEADS = 7
MOVED = (("", "language_model."),)
PROJECTOR = Names((*both("norm", "mlp1.0"), Pair("up.weight", "mlp1.1.weight"), Pair("down.weight", "mlp1.3.weight")))


@dataclass(frozen=True, slots=True)
class Fewer(Form):
    """`parts` tensors one behind the other along `axis`, of each of which only the first `kept` are ours; the `extra` are zeros.

    CheckpointError, where values are read, for others than zeros: those heads would take part.
    """

    kept: int
    extra: int
    parts: int = 1
    axis: int = 0

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Their tensor → ours."""
        whole = theirs.unflatten(self.axis, (self.parts, self.kept + self.extra))
        ours, extra = whole.split((self.kept, self.extra), dim=self.axis + 1)
        if not theirs.is_meta and self.axis + 1 == theirs.dim() > 1 and extra.any():
            raise CheckpointError("vision_model", "values in its extra heads", "zeros", "this checkpoint is not covered")
        return tuple(part.contiguous() for part in ours.unbind(self.axis))

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Inverse of `split`."""
        shape = list(ours[0].shape)
        shape[self.axis] = self.extra
        return torch.cat([x for part in ours for x in (part, part.new_zeros(shape))], dim=self.axis)


def config_from(theirs: Mapping[str, Any]) -> Parts:
    """config.json → parts. CheckpointError for towers, language models and feature choices that are not covered."""
    if theirs.get("ps_version", "v1") != "v2":
        raise CheckpointError(WHERE, f"ps_version is {theirs.get('ps_version')!r}", "'v2'", "this variant is not covered")
    text = _text(theirs)
    return Parts(
        encoder=tower_at(encoder_from(theirs["vision_config"], where=WHERE), theirs.get("select_layer", -1), where=WHERE),
        connector=WideShuffle(factor=factor_from(theirs, WHERE), hidden=text["intermediate_size"]),
        language=language_from(text, where=WHERE),
    )


def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """CheckpointError always: this layout needs code of its own, and none of transformers' holds a wide projector."""
    raise CheckpointError(MODEL_TYPE, "a layout that only code from a checkpoint reads", "", "keep the model in our own layout")


def names(parts: Parts | Vlm, theirs: Mapping[str, Any]) -> Names:
    """Parts and the config.json beside the tensors → names of all tensors of a `VlmModule` made of them."""
    encoder = parts.encoder
    assert isinstance(encoder, ViT)
    extra = EXTRA_HEADS * (encoder.width // encoder.heads)
    tower = intern_vit_6b.names(encoder)
    forms = {
        "attn.qkv": Fewer(encoder.width, extra, parts=3),
        "attn.q_norm": Fewer(encoder.width, extra),
        "attn.k_norm": Fewer(encoder.width, extra),
        "attn.proj": Fewer(encoder.width, extra, axis=1),
    }
    pairs = tuple(replace(pair, form=_form(pair, forms)) for pair in tower.pairs)
    whole = replace(tower, pairs=pairs).under("encoder.", "vision_model.")
    return whole + PROJECTOR.under("connector.", "") + language_names(parts.language, _text(theirs), MOVED)


def model_from(released: Released) -> Vlm:
    """Folder → the model with tagged tiles and Qwen's conversation, each picture between <Image> and </Image>."""
    theirs, parts = released.config, config_from(released.config)
    template = CONVERSATIONS["chatml"].jinja(IMAGE.format(slot=SLOT))
    spoken = replace(released, chat_template=template)
    return Vlm(
        view=TaggedTiles(
            size=theirs.get("force_image_size") or parts.encoder.image_size,
            min_tiles=theirs.get("min_dynamic_patch", 1),
            max_tiles=theirs.get("max_dynamic_patch", 6),
        ),
        encoder=normalised(parts.encoder, released),
        connector=parts.connector,
        language=parts.language,
        text=chat_from(spoken, image_token=SLOT, vocab_size=_text(theirs)["vocab_size"]),
    )


def _text(theirs: Mapping[str, Any]) -> Mapping[str, Any]:
    said = theirs.get("llm_config") or theirs.get("text_config")
    if not isinstance(said, Mapping):
        raise CheckpointError(WHERE, "no llm_config", "the config.json of NVLM-D")
    return {"model_type": "qwen2", **said}


def _form(pair: Pair, forms: Mapping[str, Form]) -> Form:
    if pair.theirs.endswith("attn.proj.bias"):
        return pair.form
    return next((form for part, form in forms.items() if f".{part}." in pair.theirs), pair.form)


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("NVLM_D_Model",),
    model_from=model_from,
    names=names,
    config_to=config_to,
)
