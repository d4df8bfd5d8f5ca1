"""Assembled: the processor of a released folder, put together for pictures where a library that only videos need is missing."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image


def load_processor(folder: Path) -> Any:
    """Folder → transformers' processor, or one of its parts and its rule for image tokens. No code of it is run."""
    from transformers import AutoProcessor  # noqa: PLC0415  (seconds to import)

    try:
        return AutoProcessor.from_pretrained(folder, trust_remote_code=False, backend="pil")
    except (ImportError, ValueError):  # a video processor without torchvision: absent, or named by a file of its own
        return Assembled(folder)


class Assembled:
    """What processors do to pictures: class and rule are transformers' own, only the video processor is left out.

    It has what processor_config.json says, and the methods of the class for which it stands.
    """

    def __init__(self, folder: Path) -> None:
        import transformers  # noqa: PLC0415  (seconds to import)

        self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        self.image_processor = transformers.AutoImageProcessor.from_pretrained(folder, trust_remote_code=False, backend="pil")
        self.kind = getattr(transformers, self.tokenizer.init_kwargs["processor_class"])
        self.image_token = self.tokenizer.init_kwargs.get("image_token", "<|image_pad|>")
        file = folder / "processor_config.json"
        vars(self).update(json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {})

    def __getattr__(self, name: str) -> Any:
        return getattr(self.kind, name).__get__(self)

    def apply_chat_template(self, messages: Sequence[dict[str, Any]], **_asked: Any) -> Any:
        """Messages with pictures by `path` → what the model reads, for a reply to begin."""
        from transformers import BatchFeature  # noqa: PLC0415

        paths = [part["path"] for message in messages for part in message["content"] if part["type"] == "image"]
        seen = self.image_processor(images=[Image.open(path).convert("RGB") for path in paths], return_tensors="pt")
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        first, *rest = text.split(self.image_token)
        filled = first + "".join(self.replace_image_token(seen, i) + piece for i, piece in enumerate(rest))
        begun = filled.startswith(self.tokenizer.bos_token or "\0")  # by the template: the tokenizer must not do it again
        words = self.tokenizer(filled, return_tensors="pt", return_token_type_ids=False, add_special_tokens=not begun)
        if "image_grid_thw" not in seen:
            return BatchFeature({**words, **seen})
        kinds = (words["input_ids"] == self.tokenizer.convert_tokens_to_ids(self.image_token)).long()
        return BatchFeature({**words, **seen, "mm_token_type_ids": kinds})
