"""Fuyu (transformers `FuyuForCausalLM`): config.json → patches without an encoder, one matrix, Persimmon; tensor names ↔ ours.

A picture is its patches, |NEWLINE| behind each row, then <s>, the words, and <0x04> before the answer. transformers' processor
writes all but the words itself, so that no chat template can say it, and an export is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from omma.core.errors import CheckpointError
from omma.media.views.lined_patches import LinedPatches
from omma.model.connectors.linear import Linear
from omma.model.slots import Language
from omma.model.vision.raw_patches import RawPatches
from omma.model.vlm import Vlm
from omma.weights.compose import language_from, language_names
from omma.weights.family import Family, Vocabulary
from omma.weights.fuyu_words import NEWLINE, SLOT, TEMPLATE
from omma.weights.names import Form, Names, Pair
from omma.weights.released import Released
from omma.weights.sight import RESAMPLE
from omma.weights.speech import chat_from

MODEL_TYPE = "fuyu"
WHERE = "config.json of Fuyu"
GREY = 1  # of 255, which the image processor puts below and to the right
OLDER = (
    ("language_model.model.", "model.language_model."),
    ("language_model.lm_head.", "lm_head."),
    ("vision_embed_tokens.", "model.vision_embed_tokens."),
)


@dataclass(frozen=True, slots=True)
class ChannelsLast(Form):
    """A matrix whose columns are (row, column, channel) of a patch; in ours (channel, row, column)."""

    patch: int

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Their matrix → ours."""
        return (theirs.unflatten(1, (self.patch, self.patch, 3)).permute(0, 3, 1, 2).flatten(1),)

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Inverse of `split`."""
        return ours[0].unflatten(1, (3, self.patch, self.patch)).permute(0, 2, 3, 1).flatten(1)


@dataclass(frozen=True, slots=True)
class Parts:
    """The slots that the weights of a Fuyu checkpoint fill."""

    encoder: RawPatches
    connector: Linear
    language: Language


def config_from(theirs: Mapping[str, Any]) -> Parts:
    """config.json → parts. CheckpointError for pictures of other than three channels."""
    if theirs.get("num_channels", 3) != 3:
        raise CheckpointError(WHERE, f"num_channels is {theirs['num_channels']}", "3", "this variant is not covered")
    text = {**theirs["text_config"], "tie_word_embeddings": bool(theirs.get("tie_word_embeddings", False))}
    return Parts(RawPatches(patch=theirs.get("patch_size", 30)), Linear(), language_from(text, where=WHERE))


def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """CheckpointError always: see above."""
    got = "a processor that writes words of its own around a picture"
    raise CheckpointError(MODEL_TYPE, got, "one that takes conversations", "keep the model in our own layout")


def names(parts: Parts | Vlm, theirs: Mapping[str, Any]) -> Names:
    """Parts and the config.json beside the tensors → names of all tensors of a `VlmModule` made of them."""
    patches = (
        Pair("connector.project.weight", "model.vision_embed_tokens.weight", ChannelsLast(parts.encoder.patch)),
        Pair("connector.project.bias", "model.vision_embed_tokens.bias"),
    )
    return Names(patches, aliases=OLDER) + language_names(parts.language, theirs["text_config"])


def model_from(released: Released) -> Vlm:
    """Folder → the model with the view of its image processor and the words of its tokenizer."""
    parts, said = config_from(released.config), released.preprocessor
    size = said.get("size") or {"width": 1920, "height": 1080}
    mean, std = _three(said.get("image_mean", 0.5)), _three(said.get("image_std", 0.5))
    spoken = replace(released, chat_template=released.chat_template or TEMPLATE)
    return Vlm(
        view=LinedPatches(
            width=size["width"],
            height=size["height"],
            newline=NEWLINE,
            fill=(GREY, GREY, GREY),
            resample=RESAMPLE[said.get("resample", RESAMPLE.index("bilinear"))],
        ),
        encoder=replace(parts.encoder, mean=mean, std=std),
        connector=parts.connector,
        language=parts.language,
        text=chat_from(spoken, image_token=SLOT, vocab_size=released.config["text_config"]["vocab_size"]),
    )


def _three(value: Any) -> tuple[float, float, float]:
    red, green, blue = value if isinstance(value, list | tuple) else (value,) * 3
    return red, green, blue


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("FuyuForCausalLM",),
    model_from=model_from,
    names=names,
    config_to=config_to,
)
