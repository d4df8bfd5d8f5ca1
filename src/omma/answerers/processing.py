"""Processing: a released folder → transformers' processor of it, also where a library that only videos need is missing."""

import json
from pathlib import Path
from typing import Any

PARTS = ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json", "config.json")


def open_processor(folder: Path) -> Any:
    """Folder → its processor, its picture part in Pillow. OSError, ValueError, … as transformers raises them."""
    from transformers import AutoProcessor  # noqa: PLC0415  (seconds to import)

    try:
        found = AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False, backend="pil")
    except (ImportError, ValueError) as error:
        if "ideo processor" not in str(error):
            raise
    else:
        if hasattr(found, "image_processor"):
            return found
    return _without_videos(folder)


def _without_videos(folder: Path) -> Any:
    """The folder's own class of processor, given none for videos, which it asks for and pictures do without."""
    from transformers import AutoImageProcessor, AutoTokenizer  # noqa: PLC0415

    kind = _class(folder)
    subclass = type(kind.__name__, (kind,), {"check_argument_for_proper_class": lambda self, name, argument: type(argument)})
    own = {name: value for name, value in _said(folder / PARTS[0]).items() if not isinstance(value, dict)}
    own.pop("processor_class", None)
    parts = {
        "image_processor": AutoImageProcessor.from_pretrained(folder, local_files_only=True, backend="pil"),
        "tokenizer": AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False),
        "video_processor": None,
    }
    return subclass(**parts, **own)


def _class(folder: Path) -> Any:
    """The class that the folder's files name, or that of its model type. ValueError if transformers has neither."""
    import transformers  # noqa: PLC0415
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES  # noqa: PLC0415

    said = [_said(folder / name) for name in PARTS]
    named = [one.get("processor_class") for one in said] + [PROCESSOR_MAPPING_NAMES.get(str(said[-1].get("model_type")))]
    for name in named:
        if isinstance(name, str) and hasattr(transformers, name):
            return getattr(transformers, name)
    raise ValueError(f"no processor for {said[-1].get('model_type')}")


def _said(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found
