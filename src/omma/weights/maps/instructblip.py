"""InstructBLIP (transformers `InstructBlipForConditionalGeneration`, arXiv 2305.06500) over decoders: config.json, names ↔ ours.

Its Q-Former reads the question too, with a tokenizer of its own in the folder `qformer_tokenizer`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from omma.core.errors import CheckpointError
from omma.core.files import write_text
from omma.model.vlm import Vlm
from omma.pack.asking.released import ReleasedWords
from omma.pack.asking_chat import AskingChat
from omma.pack.chat import Chat
from omma.pack.codec import Codec
from omma.weights.blip_parts import BlipParts, blip_from, blip_processor, blip_to, names, parts_from, q_former, write_said
from omma.weights.family import Family, Vocabulary
from omma.weights.released import Released

MODEL_TYPE, ARCHITECTURE = "instructblip", "InstructBlipForConditionalGeneration"
FOLDER = "qformer_tokenizer"


def model_from(released: Released) -> Vlm:
    """Folder → the model, whose connector is told the question. CheckpointError without the second tokenizer."""
    model = blip_from(released, reads=True)
    place = released.folder / FOLDER
    if not (place / "tokenizer.json").is_file():
        raise CheckpointError(str(place), "no tokenizer.json", "the Q-Former's fast tokenizer", "copy the whole release")
    asking = ReleasedWords(path=str(place), max_words=q_former(model, MODEL_TYPE).max_words)
    text = model.text
    assert isinstance(text, Chat)
    asked = AskingChat(
        tokenizer=text.tokenizer, template=text.template, markup=text.markup, caption_prompts=text.caption_prompts, asking=asking
    )
    return Vlm(view=model.view, encoder=model.encoder, connector=model.connector, language=model.language, text=asked)


def config_from(theirs: Mapping[str, Any]) -> BlipParts:
    """config.json → parts. CheckpointError for language models and variants that are not covered."""
    return parts_from(theirs, where="config.json of InstructBLIP", reads=True)


def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """Model → config.json. CheckpointError for a Q-Former that reads no words, which is BLIP-2's."""
    if not q_former(model, MODEL_TYPE).words:
        raise CheckpointError(MODEL_TYPE, "a QFormer that reads no words", "one that does", "export it as BLIP-2")
    return blip_to(model, vocabulary, MODEL_TYPE, ARCHITECTURE, "instructblip")


def wording_to(folder: Path, codec: Codec) -> None:
    """The chat template without pictures, and the second tokenizer."""
    write_said(folder, codec)
    asked = Tokenizer.from_str(codec.asker.source)
    asked.no_truncation()
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 1_000_000, "clean_up_tokenization_spaces": False}
    names = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    known = {name: token for name, token in names.items() if asked.token_to_id(token) is not None}
    write_text(folder / FOLDER / "tokenizer.json", asked.to_str())
    write_text(folder / FOLDER / "tokenizer_config.json", json.dumps(settings | known, indent=1))


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=(ARCHITECTURE,),
    model_from=model_from,
    names=names,
    config_to=config_to,
    processor_to=lambda model: blip_processor(model, "InstructBlipProcessor"),
    wording_to=wording_to,
)
