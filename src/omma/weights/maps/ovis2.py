"""Ovis2 (transformers `Ovis2ForConditionalGeneration`): config.json ↔ view, encoder, visual table, language; names ↔ ours.

Its features pass the tower's last norm; in the release's own code (`maps/ovis.py`) they do not, so the two are different models of
the same tensors. The last rows of its visual table are those of the indicators, which are special tokens: <IMG_START>,
<IMG_GRID>, <IMG_COL>, <IMG_ROW>, <IMG_END>. A chat template writes <image> where the processor puts them and <IMG_ATOM> for every
visual token.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omma.core.errors import CheckpointError
from omma.core.files import write_text
from omma.media.views.covering import Covering
from omma.model.connectors.visual_embedding import Choice, VisualEmbedding
from omma.model.slots import Language
from omma.model.splices.indicators import Indicators
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.pack.codec import Codec
from omma.weights.compose import encoder_from, encoder_names, language_names, language_to
from omma.weights.family import Family, Processor, Vocabulary
from omma.weights.llava_parts import text_from
from omma.weights.maps import ovis2_vision
from omma.weights.names import Names, Pair, Rows
from omma.weights.released import Released
from omma.weights.sight import RESAMPLE, normalised
from omma.weights.speech import chat_from
from omma.weights.vit_names import both
from omma.weights.wording import chat_template

MODEL_TYPE, WHERE = "ovis2", "config.json of Ovis2"
PICTURE = "<image>"
MARKS = ("<IMG_START>", "<IMG_GRID>", "<IMG_COL>", "<IMG_ROW>", "<IMG_END>")  # in the order of the table's last rows
CHOICES: dict[str, Choice] = {"softmax": "softmax", "st_argmax": "straight_through", "gumbel_argmax": "gumbel"}


@dataclass(frozen=True, slots=True)
class OvisParts:
    """The slots that config.json alone describes."""

    encoder: ViT
    connector: VisualEmbedding
    language: Language


def config_from(theirs: Mapping[str, Any]) -> OvisParts:
    """config.json → parts. CheckpointError for towers and language models that are not covered."""
    vision = theirs["vision_config"]
    encoder = encoder_from(vision, where=WHERE)
    assert isinstance(encoder, ViT)
    words = vision["vocab_size"] - vision["num_visual_indicator_tokens"]
    connector = VisualEmbedding(factor=vision["hidden_stride"], words=words, choice=CHOICES[vision["tokenize_function"]])
    return OvisParts(encoder, connector, text_from({**theirs, "tie_word_embeddings": False}, where=WHERE))


def model_from(released: Released) -> Vlm:
    """Folder → the model. CheckpointError for pictures that are cut otherwise, and for indicators that are other tokens."""
    theirs, where = released.config, released.where
    parts = config_from(theirs)
    if [released.token(number, key="visual_indicator_token_ids") for number in theirs["visual_indicator_token_ids"]] != [*MARKS]:
        raise CheckpointError(where, "visual_indicator_token_ids of other tokens", ", ".join(MARKS), "this variant is not covered")
    token = released.token(theirs["image_token_id"], key="image_token_id")
    told = replace(released, chat_template=released.chat_template.replace(PICTURE, token))
    return Vlm(
        view=view_from(released, parts.encoder),
        encoder=normalised(parts.encoder, released),
        connector=parts.connector,
        splice=Indicators(ids=tuple(theirs["visual_indicator_token_ids"])),
        language=parts.language,
        text=chat_from(told, image_token=token, vocab_size=theirs["text_config"]["vocab_size"]),
    )


def view_from(released: Released, encoder: ViT) -> Covering:
    """preprocessor_config.json → view. CheckpointError for tiles of another size than the tower's, or chosen by aspect."""
    said, where = released.preprocessor, str(released.folder / "preprocessor_config.json")
    size = said.get("size", {"height": encoder.image_size, "width": encoder.image_size})
    if (size.get("height"), size.get("width")) != (encoder.image_size,) * 2:
        raise CheckpointError(where, f"size {size}", f"tiles of {encoder.image_size} px, the image_size of config.json")
    cuts = bool(said.get("crop_to_patches", False)) and said.get("max_patches", 12) > 1
    if cuts and not said.get("use_covering_area_grid", True):
        raise CheckpointError(where, "use_covering_area_grid is false", "true", "this way to choose tiles is not covered")
    resample = RESAMPLE[said.get("resample", RESAMPLE.index("bicubic"))]
    return Covering(
        size=encoder.image_size, max_tiles=said.get("max_patches", 12) if cuts else 1, first="columns", resample=resample
    )


def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """Model → config.json. CheckpointError for a model with parts that the layout has no place for."""
    connector, splice, encoder = _parts(model)
    language = language_to(model.language, Vocabulary(vocabulary.size, ids=vocabulary.ids))
    choice = next(theirs for theirs, ours in CHOICES.items() if ours == connector.choice)
    table = {"vocab_size": connector.words + len(splice.ids), "num_visual_indicator_tokens": len(splice.ids)}
    vision = ovis2_vision.config_to(encoder) | table | {"hidden_stride": connector.factor, "tokenize_function": choice}
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["Ovis2ForConditionalGeneration"],
        "vision_config": vision,
        "text_config": language,
        "image_token_id": vocabulary.image_id,
        "visual_indicator_token_ids": list(splice.ids),
        "vocab_size": vocabulary.size,
        "hidden_size": model.language.width,
        "tie_word_embeddings": language.get("tie_word_embeddings", False),
    }


def names(model: Vlm, theirs: Mapping[str, Any]) -> Names:
    """Model + config.json → names of all tensors."""
    connector, splice, encoder = _parts(model)
    table = Rows((connector.words, len(splice.ids)))
    pairs = (
        Pair("connector.head.weight", "model.vision_tower.head_linear.weight"),
        *both("connector.norm", "model.vision_tower.head_norm"),
        Pair("connector.table.weight", "model.visual_embeddings_table.weight", table, 0),
        Pair("splice.indicators", "model.visual_embeddings_table.weight", table, 1),
    )
    return encoder_names(encoder, theirs["vision_config"]) + Names(pairs) + language_names(model.language, theirs["text_config"])


def processor_to(model: Vlm) -> Processor:
    """Model → what Ovis2Processor must do."""
    view, encoder = model.view, model.encoder
    assert isinstance(view, Covering)
    square = {"height": view.size, "width": view.size}
    image = {
        "image_processor_type": "Ovis2ImageProcessor", "size": square, "do_resize": True, "do_rescale": True,
        "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": list(encoder.mean), "image_std": list(encoder.std),
        "resample": RESAMPLE.index(view.resample), "do_convert_rgb": True, "crop_to_patches": True, "min_patches": 1,
        "max_patches": view.max_tiles, "use_covering_area_grid": True,
    }  # fmt: skip
    rows, columns = model.grid((view.size // encoder.patch,) * 2)
    slots = {"processor_class": "Ovis2Processor", "image_token": PICTURE, "image_seq_length": rows * columns}
    return Processor(image=image, slots=slots)


def wording_to(folder: Path, codec: Codec) -> None:
    """The chat template with <image> where a picture is."""
    write_text(folder / "chat_template.jinja", chat_template(codec).replace(codec.words.image, PICTURE))


def _parts(model: Vlm) -> tuple[VisualEmbedding, Indicators, ViT]:
    """Model → connector, splice and encoder. CheckpointError for others, or for another way to cut pictures."""
    connector, splice, encoder, view = model.connector, model.splice, model.encoder, model.view
    if (
        isinstance(connector, VisualEmbedding)
        and isinstance(splice, Indicators)
        and isinstance(encoder, ViT)
        and not model.reducers
    ):
        if isinstance(view, Covering) and (view.first == "columns" or view.max_tiles == 1) and view.covering == 0.9:
            return connector, splice, encoder
        got = f"a view {type(view).__name__}" + (f" that counts {view.first} first" if isinstance(view, Covering) else "")
        fix = "set model.view.first=columns: transformers' processor cuts so, unlike Ovis's own"
        raise CheckpointError(MODEL_TYPE, got, "Covering with first='columns'", fix)
    got = ", ".join(type(part).__name__ for part in (connector, splice, encoder))
    raise CheckpointError(MODEL_TYPE, got, "VisualEmbedding, Indicators, ViT", "this model has no place in the layout of Ovis2")


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("Ovis2ForConditionalGeneration",),
    model_from=model_from,
    names=names,
    config_to=config_to,
    processor_to=processor_to,
    wording_to=wording_to,
)
