"""What the suite five_minutes costs a small model on a CPU: processor seconds a question, and for all of it.

A random model of nanoVLM's proportions (a ViT of 12 layers and width 768, 64-odd visual tokens behind a pixel shuffle, a decoder of
30 layers and width 576) is asked every part's questions as tests draw them, in the suite's words, over and over until each part
has its twenty. Replies are cut at eight tokens, which is what instructed models need for a word or a letter. Time is what the
process spent on the processor, which other work on the machine disturbs less; reading questions and weights is not in it.

    python benchmarks/five_minutes.py [--threads 1] [--size 224] [--each 20]
"""

import argparse
import importlib
import platform
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from omma.evaluate.question import Question, Supply
from omma.generate.sampling import Sampling
from omma.generate.talker import Talker
from omma.media.views.fixed import Fixed
from omma.model.vlm import Vlm, init
from omma_recipes.runs.quickstart import quickstart
from omma_recipes.suites.five_minutes import QUESTIONS, five_minutes

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "five_minutes.txt"
REPLY = Sampling(max_tokens=8)


def small(size: int) -> Vlm:
    """Side of the picture in px → the model's config."""
    model = quickstart().model
    encoder = replace(model.encoder, patch=16, width=768, depth=12, heads=12, mlp_width=3072)
    language = replace(model.language, width=576, depth=30, heads=9, kv_heads=3, head_dim=64, mlp_width=1536)
    text = replace(model.text, tokenizer=replace(model.text.tokenizer, vocab_size=4096))
    return replace(model, view=Fixed(size=size), encoder=encoder, language=language, text=text)


def main() -> None:
    """Print a line a part, then the sum; keep them beside this file."""
    parser = argparse.ArgumentParser()
    for name, value in (("threads", 1), ("size", 224), ("each", QUESTIONS)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as folder:
        lines = measure(Path(folder), asked.size, asked.each)
    head = [
        "python benchmarks/five_minutes.py " + " ".join(f"--{name} {value}" for name, value in vars(asked).items()),
        f"{platform.machine()} CPU, {platform.system()}, torch {torch.__version__}, {asked.threads} thread(s); processor seconds",
    ]
    text = "\n".join([*head, *lines]) + "\n"
    print(text, end="")
    RESULT.write_text(text, encoding="utf-8")


def measure(folder: Path, size: int, each: int) -> list[str]:
    """Folder to draw in, side of the picture, questions a part → lines."""
    model, parts = small(size), {}
    for one in five_minutes().benchmarks:
        importlib.import_module(f"tests.evaluate.fixtures.{type(one).__module__.rpartition('.')[2]}").draw(folder / one.name, one)
        supply = Supply(root=folder / one.name)
        parts[one.name] = supply, [one.seen(question, supply) for question in one.questions(supply)]
    words = model.text.fit([question.sample for _, found in parts.values() for question in found], folder / "tokenizer")
    module = init(model.build(), 0)
    count = sum(parameter.numel() for parameter in module.parameters())
    lines = [f"{count / 1e6:.0f} million parameters, pictures of {size} px, replies of at most {REPLY.max_tokens} tokens", ""]
    total = 0.0
    for name, (supply, questions) in parts.items():
        assert supply.store is not None
        talker = Talker(module, words, model, supply.store, batch_rows=8)
        spent = seconds(talker, repeated(questions, each))
        total += spent
        lines.append(f"{name:<18} {each:>3} questions {spent:8.1f} s {spent / each:6.2f} s each")
    return [*lines, f"{'all':<18} {each * len(parts):>3} questions {total:8.1f} s {total / each / len(parts):6.2f} s each"]


def repeated(questions: list[Question], count: int) -> list[Question]:
    """Questions → as many, from the first again when they are at an end."""
    return [questions[number % len(questions)] for number in range(count)]


def seconds(talker: Talker, questions: list[Question]) -> float:
    """Processor seconds that answering takes."""
    start = time.process_time()
    replies = list(talker.ask([question.sample for question in questions], REPLY))
    assert len(replies) == len(questions)
    return time.process_time() - start


if __name__ == "__main__":
    main()
