"""Loading: a folder as transformers publishes models → the model, ready to be asked, and its processor. No code of it is run.

Only safetensors are read, and only from the folder. A model whose weights do not fill its class is refused: transformers
fills the rest at random and goes on (its own LLaVA folders lose their vision tower that way between versions).
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from omma.answerers.processing import open_processor
from omma.core.errors import CheckpointError
from omma.core.files import file_hash

CONFIG = "config.json"
KINDS = (".safetensors", ".json", ".jinja", ".model", ".txt")  # files that say what a model answers
SHOWN = 4
Kind = Literal["talker", "words", "space", "matcher"]
MATCHERS = ("BlipForImageTextRetrieval", "Blip2ForImageTextRetrieval")


@dataclass(frozen=True, slots=True)
class Loaded:
    """`processor` makes tensors of words and pictures; of a language model alone it is the tokenizer itself."""

    folder: Path
    model: Any
    processor: Any
    tokenizer: Any


def released_kind(folder: Path) -> Kind:
    """Folder → what transformers has for it: a model that talks about pictures, of words alone, one that embeds or that matches.

    CheckpointError for any other.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING, MODEL_MAPPING  # noqa: PLC0415

    config = _config(folder)
    if set(config.architectures or ()) & set(MATCHERS):
        return "matcher"
    if type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return "talker"
    if type(config) in MODEL_MAPPING and _embeds(MODEL_MAPPING[type(config)]):
        return "space"
    if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING:
        return "words"
    got = f"a {config.model_type} model, which neither writes nor embeds"
    raise CheckpointError(str(folder), got, "a vision-language model, a language model, or two encoders such as CLIP")


def load_released(folder: Path, kind: Kind, device: torch.device | str) -> Loaded:
    """Folder → model in the precision in which it is stored, and processor. CheckpointError if either is not whole."""
    import transformers  # noqa: PLC0415  (seconds to import)

    transformers.utils.logging.disable_progress_bar()
    classes: dict[Kind, Any] = {
        "talker": transformers.AutoModelForImageTextToText,
        "words": transformers.AutoModelForCausalLM,
        "space": transformers.AutoModel,
    }
    if kind == "matcher":
        named = set(_config(folder).architectures) & set(MATCHERS)
        classes["matcher"] = getattr(transformers, named.pop())
    with _told(folder):
        model, found = classes[kind].from_pretrained(
            folder, dtype="auto", output_loading_info=True, local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
        processor = _tokenizer(folder) if kind == "words" else open_processor(folder)
    for missing in ("missing_keys", "mismatched_keys"):
        if found[missing]:
            names = ", ".join(sorted(map(str, found[missing]))[:SHOWN])
            got = f"{len(found[missing])} {missing.replace('_', ' ')}, which transformers would fill at random: {names}"
            fix = "`omma import` reads more layouts than this version of transformers does"
            raise CheckpointError(str(folder), got, f"every tensor of {type(model).__name__}", fix)
    tokenizer = processor if kind == "words" else processor.tokenizer
    tokenizer.padding_side = "left"  # what is generated stands behind the last token of every row
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return Loaded(folder, model.eval().to(device), processor, tokenizer)


def folder_fingerprint(folder: Path) -> str:
    """Folder → 16 hex digits over every file that has a say in its answers."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.iterdir() if path.suffix in KINDS):
        digest.update(f"{file.name} {file_hash(file)}\n".encode())
    return digest.hexdigest()[:16]


def _config(folder: Path) -> Any:
    from transformers import AutoConfig  # noqa: PLC0415

    if not (folder / CONFIG).is_file():
        got = f"no {CONFIG}" if folder.is_dir() else "no such folder"
        raise CheckpointError(str(folder), got, "a model folder as transformers publishes it")
    with _told(folder):
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer  # noqa: PLC0415

    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def _embeds(classes: Any) -> bool:
    kinds = classes if isinstance(classes, tuple) else (classes,)
    return all(hasattr(kind, "get_image_features") and hasattr(kind, "get_text_features") for kind in kinds)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """What transformers refuses becomes one line."""
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        said = " ".join(str(error).split())
        fix = "`omma import` reads layouts that transformers has no class for; code in a folder is never run"
        raise CheckpointError(str(folder), f"transformers cannot load it: {said[:300]}", "", fix) from None


def stop_ids(loaded: Loaded) -> tuple[int, ...]:
    """Ids that end a reply: those of generation_config.json (or config.json), and the tokenizer's end of text."""
    own = loaded.model.generation_config.eos_token_id
    listed = list(own) if isinstance(own, list | tuple) else [own]
    return tuple(dict.fromkeys(int(one) for one in (*listed, loaded.tokenizer.eos_token_id) if one is not None))


def chat_template(loaded: Loaded) -> str:
    """The template that conversations are written by, or "" where the folder has none (base models)."""
    for holder in (loaded.processor, loaded.tokenizer):
        template = vars(holder).get("chat_template")
        if isinstance(template, dict):
            template = template.get("default")
        if template:
            return str(template)
    file = loaded.folder / "chat_template.json"
    return str(json.loads(file.read_text(encoding="utf-8")).get("chat_template", "")) if file.is_file() else ""
