"""Agreement: a model of ours and what transformers makes of its export, on the same pictures and words. Ids, pixels, logits."""

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omma.core.errors import CheckpointError
from omma.media.draw import to_png
from omma.media.store import Store
from omma.model.vlm import VlmModule
from omma.pack.codec import Codec
from omma.pack.collate import rows_to_batch
from omma.schema.row import Row
from omma.schema.sample import Media, Part, Sample, Turn
from omma.weights.assembled import load_processor

QUESTION = "what is on it?"
SIZES = ((96, 64), (50, 120))  # px of the pictures that both models look at
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 5e-3}  # of the largest logit


@dataclass(frozen=True, slots=True)
class Agreement:
    """Worst difference of logits, as a share of the largest one, over so many positions."""

    worst: float
    num_positions: int


def agree(module: VlmModule, codec: Codec, folder: Path, *, where: str) -> Agreement:
    """Our model + exported folder → how far apart they are. `where` names the folder in errors.

    CheckpointError if transformers misses or ignores tensors, if its processor gives other ids than ours, or if logits
    differ by more than rounding.
    """
    from transformers import AutoModelForImageTextToText  # noqa: PLC0415  (seconds to import)
    from transformers.utils import logging  # noqa: PLC0415

    logging.disable_progress_bar()
    first = next(module.parameters())
    load: Any = AutoModelForImageTextToText.from_pretrained
    theirs, loading = load(
        folder, dtype=first.dtype, output_loading_info=True, trust_remote_code=False, attn_implementation="eager"
    )
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if loading[kind]:
            raise _disagreement(where, f"{len(loading[kind])} {kind.replace('_', ' ')}: {sorted(map(str, loading[kind]))[:4]}")
    processor = load_processor(folder)
    worst, positions = 0.0, 0
    with tempfile.TemporaryDirectory() as place, torch.no_grad():
        for number, (width, height) in enumerate(SIZES):
            sample, picture = _sample(Path(place), number, width, height)
            prompt = codec.prompt(sample, module.cfg)
            ours = _our_logits(module, prompt, Path(place))
            logits = _their_logits(theirs.eval().to(first.device), processor, picture, where, prompt)
            worst = max(worst, float((ours - logits).abs().max() / logits.abs().max()))
            positions += len(ours)
    if not worst <= TOLERANCE[first.dtype] or math.isnan(worst):
        raise _disagreement(where, f"logits differ by {worst:.2e} of the largest")
    return Agreement(worst, positions)


def _our_logits(module: VlmModule, prompt: Row, root: Path) -> Tensor:
    device = next(module.parameters()).device
    output = module.eval()(rows_to_batch([prompt], module.cfg, Store(root)).to(device))
    return (output.stream.hidden @ output.head.T).float()


def _their_logits(model: Any, processor: Any, picture: Path, where: str, prompt: Row) -> Tensor:
    """Logits at the positions of our prompt. Theirs may end with white space more, which ours leaves to the reply."""
    content = [{"type": "image", "path": str(picture)}, {"type": "text", "text": QUESTION}]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt",
        chat_template=vars(processor).get("chat_template") or processor.tokenizer.chat_template,  # BLIP's forget their own
    )  # fmt: skip
    ours, theirs = prompt.token_ids.tolist(), inputs["input_ids"][0].tolist()
    if ours != theirs[: len(ours)] or processor.tokenizer.decode(theirs[len(ours) :]).strip():
        place = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
        raise _disagreement(where, f"its processor gives {len(theirs)} ids, ours {len(ours)}; they part at {place}")
    return model(**inputs.to(model.device, dtype=model.dtype)).logits[0, : len(ours)].float()


def _sample(root: Path, number: int, width: int, height: int) -> tuple[Sample, Path]:
    """A smooth picture with an edge, and a question about it."""
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack((rows * 2 % 256, columns * 3 % 256, 255 * (rows > height // 2)), axis=-1).astype(np.uint8)
    file = root / f"{number}.png"
    file.write_bytes(to_png(pixels))
    turn = Turn("user", (Part("image", index=0), Part("text", QUESTION)))
    return Sample(f"check-{number}", "check", media=(Media(file.name, width=width, height=height),), turns=(turn,)), file


def _disagreement(where: str, got: str) -> CheckpointError:
    fix = "nothing was written; this is a defect of omma or a version of transformers that reads the layout otherwise"
    return CheckpointError(where, f"transformers reads the export differently: {got}", "", fix)
