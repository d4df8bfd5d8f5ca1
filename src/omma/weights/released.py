"""Released: a checkpoint folder as transformers publishes them → what its JSON files say. No weights are read, no code is run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from omma.core.errors import CheckpointError

CONFIG_FILE = "config.json"
NAMED = ("bos_token", "eos_token", "pad_token", "unk_token")


@dataclass(frozen=True)
class Released:
    """`config` is config.json; `preprocessor` what is said of pictures, `video` of videos, `processor` of slots; {} without a file.

    What config.json leaves to the defaults of its class is filled in. `tokenizer` is tokenizer_config.json,
    `chat_template` the template that a processor of this folder would use, or "".
    """

    folder: Path
    config: Mapping[str, Any]
    preprocessor: Mapping[str, Any] = field(default_factory=dict)
    video: Mapping[str, Any] = field(default_factory=dict)
    processor: Mapping[str, Any] = field(default_factory=dict)
    generation: Mapping[str, Any] = field(default_factory=dict)
    tokenizer: Mapping[str, Any] = field(default_factory=dict)
    chat_template: str = ""

    @property
    def where(self) -> str:
        """The place for error messages."""
        return str(self.folder / CONFIG_FILE)

    def part(self, key: str) -> "Released":
        """The same folder seen from a part of its config.json, such as `text_config`; CheckpointError if there is none."""
        if not isinstance(self.config.get(key), Mapping):
            raise CheckpointError(self.where, f"no {key!r}", "the config.json of a vision-language model")
        return replace(self, config=self.config[key])

    @property
    def has_tokenizer(self) -> bool:
        """Whether the folder holds a fast tokenizer."""
        return (self.folder / "tokenizer.json").is_file()

    @property
    def special_tokens(self) -> dict[str, str]:
        """Names such as `bos_token` → the token, for those that the tokenizer names."""
        listed = _json(self.folder / "special_tokens_map.json") | dict(self.tokenizer)
        found = {name: listed.get(name) for name in NAMED}
        contents = {name: token["content"] if isinstance(token, Mapping) else token for name, token in found.items()}
        return {name: token for name, token in contents.items() if isinstance(token, str)}

    @cached_property
    def vocabulary(self) -> dict[str, int]:
        """Tokens that were added to the tokenizer (special ones among them) → their ids."""
        added = _json(self.folder / "tokenizer.json").get("added_tokens", ())
        return {token["content"]: token["id"] for token in added}

    def token(self, token_id: int, *, key: str) -> str:
        """Id that config.json gives under `key` → the added token; CheckpointError if the tokenizer has none there."""
        for token, number in self.vocabulary.items():
            if number == token_id:
                return token
        fix = "config.json and tokenizer.json belong to different checkpoints"
        raise CheckpointError(self.where, f"{key} is {token_id}, which is no added token of tokenizer.json", "", fix)


def read_released(folder: Path) -> Released:
    """Folder → what it says. CheckpointError without a config.json, or for one that only runs with code of its own."""
    file = folder / CONFIG_FILE
    if not file.is_file():
        got = f"no {CONFIG_FILE}" if folder.is_dir() else "no such folder"
        raise CheckpointError(str(folder), got, "a released checkpoint folder", "give the folder that a download filled")
    config = _with_defaults(_json(file), str(file))
    tokenizer, processor = _json(folder / "tokenizer_config.json"), _json(folder / "processor_config.json")
    return Released(
        folder=folder,
        config=config,
        preprocessor=_json(folder / "preprocessor_config.json") or processor.get("image_processor", {}),
        video=_json(folder / "video_preprocessor_config.json") or processor.get("video_processor", {}),
        processor=processor,
        generation=_json(folder / "generation_config.json"),
        tokenizer=tokenizer,
        chat_template=_chat_template(folder, processor, tokenizer),
    )


def _with_defaults(config: dict[str, Any], where: str) -> dict[str, Any]:
    """Many files state only what differs from the class's defaults, and the parts' even less."""
    from transformers import CONFIG_MAPPING  # noqa: PLC0415  (takes seconds to import)
    from transformers.utils import logging  # noqa: PLC0415

    if config.get("model_type") not in CONFIG_MAPPING:
        return config
    logging.set_verbosity_error()
    try:
        whole = CONFIG_MAPPING[config["model_type"]].from_dict(config).to_dict()
    except Exception as error:  # whatever the class raises says that the file does not fit it
        parts = [part["model_type"] for part in config.values() if isinstance(part, Mapping) and "model_type" in part]
        if not all(part in CONFIG_MAPPING for part in parts):
            return config  # of another layout under the same name, such as Microsoft's Florence-2
        got = f"is no {config['model_type']} config: {' '.join(str(error).split())[:200]}"
        raise CheckpointError(where, got, "the config.json of the release", "copy it again") from None
    return config | whole


def _chat_template(folder: Path, processor: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> str:
    """The files in the order in which transformers prefers them."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    for said in (_json(folder / "chat_template.json"), processor, tokenizer):
        template = said.get("chat_template") or ""
        if isinstance(template, list):  # several by name
            template = {entry["name"]: entry["template"] for entry in template}.get("default", "")
        if template:
            return str(template)
    return ""


def _json(file: Path) -> dict[str, Any]:
    """JSON file → its object, {} if there is no such file. CheckpointError if it is broken."""
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(str(file), f"unreadable: {error}", "JSON", "copy it again") from None
    if not isinstance(found, dict):
        raise CheckpointError(str(file), f"holds a {type(found).__name__}", "a JSON object", "copy it again")
    return found
