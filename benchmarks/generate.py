"""Generation: our packed prefill and cached decoding against transformers' `generate`, the same weights, 8 rows with a picture.

A small LLaVA (CLIP tower, two-layer MLP, Llama), fp32, greedy, prompts of mixed lengths. transformers gets what its users
write: a left-padded batch with an attention mask, `use_cache`, its default attention. Once replies stop at a stop token,
each at its own length as real ones do (a stop token is one of every 48 ids here, since random weights know no end), and
once all run to the same length. Tokens behind a stop count for nobody. Every round runs both sides one after the other;
the ratio is the median of the rounds' ratios. The greedy tokens of both sides are compared.

With `--cpu` time is what the process spent on the processor, which other work on the machine disturbs less.

    python benchmarks/generate.py [--threads 1] [--rounds 7] [--tokens 128] [--cpu]
"""

import argparse
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

from omma.core.config import config
from omma.generate.engine import generate
from omma.generate.sampling import Sampling
from omma.media.views.fixed import Fixed
from omma.model.vlm import Vlm, VlmModule
from omma.schema.batch import IGNORE, Batch, Pictures
from omma.schema.talk import Text
from omma.weights.maps import llava
from omma.weights.native import fill

VOCABULARY, IMAGE_ID, PAD_ID, PATCH, SIDE, ROWS = 4096, 4095, 0, 14, 8, 8
TEXT = (12, 47, 25, 80, 18, 33, 61, 40)  # words of each prompt behind its picture
RESULT = Path(__file__).parent / "results" / "generate.txt"


@config
class Vocabulary(Text):
    """A text slot without a tokenizer."""

    @property
    def vocab_size(self) -> int:
        return VOCABULARY


@dataclass(frozen=True)
class Ids:
    """Tokens without words; the placeholder is banned, as it is for transformers below."""

    stop_ids: tuple[int, ...]
    banned_ids: tuple[int, ...] = (IMAGE_ID,)

    def decode(self, ids) -> str:
        return " ".join(map(str, ids))


def build(seed: int) -> tuple[LlavaForConditionalGeneration, VlmModule]:
    torch.manual_seed(seed)
    vision = CLIPVisionConfig(hidden_size=192, intermediate_size=768, num_hidden_layers=4, num_attention_heads=6,
                              image_size=PATCH * SIDE, patch_size=PATCH)  # fmt: skip
    text = LlamaConfig(hidden_size=256, intermediate_size=688, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=4,
                       vocab_size=VOCABULARY, pad_token_id=PAD_ID, bos_token_id=1, eos_token_id=None)  # fmt: skip
    theirs = LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text, image_token_index=IMAGE_ID)).eval()
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():  # sharper logits than at the start of training: no two are nearly equal
            if parameter.ndim > 1:
                parameter.mul_(4 if "language_model" in name else 2)
    parts = llava.config_from(theirs.config.to_dict())
    view = Fixed(size=PATCH * SIDE)
    ours = Vlm(view=view, encoder=parts.encoder, connector=parts.connector, language=parts.language, text=Vocabulary()).build()
    fill(ours, llava.names(parts).from_theirs(theirs.state_dict(), where="theirs"), where="ours")
    return theirs, ours.eval()


def our_batch(prompts: list[np.ndarray], patches: np.ndarray) -> Batch:
    starts = np.cumsum([0, *map(len, prompts)])
    tokens = torch.from_numpy(np.concatenate(prompts))
    slots = (tokens == IMAGE_ID).nonzero().squeeze(1)
    return Batch(
        tokens=tokens,
        positions=torch.from_numpy(np.concatenate([np.arange(len(p)) for p in prompts]))[:, None],
        cu_seqlens=torch.from_numpy(starts.astype(np.int32)),
        labels=torch.full((len(tokens),), IGNORE),
        pictures=Pictures(torch.from_numpy(patches.reshape(-1, 3 * PATCH * PATCH)), torch.tensor([[1, SIDE, SIDE]] * ROWS)),
        slots=slots,
        gather=torch.arange(len(slots)),
        sample_ids=tuple(f"row{i}" for i in range(ROWS)),
        sources=("bench",) * ROWS,
    )


def their_inputs(prompts: list[np.ndarray], patches: np.ndarray, ours: VlmModule) -> dict[str, torch.Tensor]:
    width = max(map(len, prompts))
    ids = np.stack([np.pad(p, (width - len(p), 0), constant_values=PAD_ID) for p in prompts])
    mask = np.stack([np.pad(np.ones(len(p), int), (width - len(p), 0)) for p in prompts])
    pixels = torch.from_numpy(patches).float().div(255).reshape(ROWS, SIDE, SIDE, 3, PATCH, PATCH)
    pixels = pixels.permute(0, 3, 1, 4, 2, 5).reshape(ROWS, 3, SIDE * PATCH, SIDE * PATCH)
    mean, std = (torch.tensor(x)[None, :, None, None] for x in (ours.cfg.encoder.mean, ours.cfg.encoder.std))
    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask), "pixel_values": (pixels - mean) / std}


def timed(run, clock) -> tuple[float, list[list[int]]]:
    began = clock()
    tokens = run()
    return clock() - began, tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--cpu", action="store_true", help="processor time instead of wall time")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    theirs, ours = build(0)
    draw = np.random.default_rng(0)
    image = np.full(SIDE * SIDE, IMAGE_ID)
    prompts = [np.concatenate([[1], image, draw.integers(2, IMAGE_ID, n)]).astype(np.int64) for n in TEXT]
    patches = draw.integers(0, 256, (ROWS, SIDE * SIDE, 3 * PATCH * PATCH), np.uint8)
    batch, inputs = our_batch(prompts, patches), their_inputs(prompts, patches, ours)
    time_kind = "processor" if options.cpu else "wall"
    lines = [
        "python benchmarks/generate.py",
        f"batch of {ROWS}, one picture each ({SIDE * SIDE} visual tokens), prompts of {min(TEXT) + 65} to {max(TEXT) + 65} tokens,",
        f"CLIP 192x4 + MLP + Llama 256x4 (8 heads over 4), vocabulary {VOCABULARY}, fp32, greedy, torch {torch.__version__}",
        f"2-core x86-64 CPU, Linux, threads: {options.threads}; {time_kind} time, medians of {options.rounds} rounds, both in turn",
        "",
        f"{'replies':>24} {'tokens':>8} {'transformers tok/s':>20} {'omma tok/s':>12} {'ratio':>8} {'of rounds':>12} "
        f"{'same text':>10}",
    ]
    for name, stop_ids in (("stop at their own length", tuple(range(2, IMAGE_ID, 48))), ("all run to the end", ())):
        lines.append(compare(name, theirs, ours, inputs, batch, stop_ids, options))
    text = "\n".join(lines)
    print(text)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text + "\n")


def compare(name, theirs, ours, inputs, batch, stop_ids: tuple[int, ...], options) -> str:
    width, count = inputs["input_ids"].shape[1], options.tokens
    stops = {"eos_token_id": list(stop_ids), "pad_token_id": PAD_ID} if stop_ids else {"min_new_tokens": count}

    def run_theirs():
        with torch.no_grad():
            out = theirs.generate(**inputs, max_new_tokens=count, do_sample=False, suppress_tokens=[IMAGE_ID], **stops)
        return [cut(row, stop_ids) for row in out[:, width:].tolist()]

    def run_ours():
        return [list(result.token_ids) for result in generate(ours, batch, Sampling(max_tokens=count), Ids(stop_ids))]

    run_theirs(), run_ours()  # warm up
    clock = time.process_time if options.cpu else time.perf_counter
    pairs = [(timed(run_theirs, clock), timed(run_ours, clock)) for _ in range(options.rounds)]
    (_, their_tokens), (_, our_tokens) = pairs[0]
    same = sum(a == b for a, b in zip(their_tokens, our_tokens, strict=True))
    total = sum(map(len, our_tokens))
    their_speed, our_speed = (statistics.median(total / pair[side][0] for pair in pairs) for side in (0, 1))
    ratios = [pair[0][0] / pair[1][0] for pair in pairs]
    ratio, spread = f"{statistics.median(ratios):.2f}x", f"{min(ratios):.2f}-{max(ratios):.2f}"
    return f"{name:>24} {total:>8} {their_speed:>20.0f} {our_speed:>12.0f} {ratio:>8} {spread:>12} {f'{same}/{ROWS}':>10}"


def cut(row: list[int], stop_ids: tuple[int, ...]) -> list[int]:
    """A row of transformers' output up to its stop token."""
    ends = [place for place, token in enumerate(row) if token in stop_ids]
    return row[: ends[0] + 1] if ends else row


if __name__ == "__main__":
    main()
