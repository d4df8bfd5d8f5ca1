"""SEED-Bench, its part about pictures and the whole, by likelihood and by letters."""

from omma.evaluate.asking.replies import Replies
from omma.evaluate.benchmarks.seedbench import LETTERS, SeedBenchQuestions
from omma.evaluate.prompt import LETTER, Prompt
from omma.evaluate.suite import Suite

ALL = ("image", "video")


def seedbench_img() -> Suite:
    """SEED-Bench's 14,233 questions about pictures, options ranked by likelihood as the official script does."""
    return Suite(id="seedbench_img", title="SEED-Bench (images)", benchmarks=(SeedBenchQuestions(name="seedbench_img"),))


def seedbench_img_llava() -> Suite:
    """SEED-Bench's questions about pictures, answered with a letter: what is reported as SEED-IMG."""
    return Suite(
        id="seedbench_img_llava",
        title="SEED-Bench (images, letters)",
        benchmarks=(_letters("seedbench_img_llava", ("image",)),),
    )


def seedbench() -> Suite:
    """All of SEED-Bench, videos as frames, options ranked by likelihood."""
    return Suite(id="seedbench", title="SEED-Bench", benchmarks=(SeedBenchQuestions(name="seedbench", kinds=ALL),))


def seedbench_llava() -> Suite:
    """All of SEED-Bench, videos as frames, answered with a letter."""
    return Suite(id="seedbench_llava", title="SEED-Bench (letters)", benchmarks=(_letters("seedbench_llava", ALL),))


def _letters(name: str, kinds: tuple[str, ...]) -> SeedBenchQuestions:
    return SeedBenchQuestions(name=name, kinds=kinds, asking=Replies(), prompt=Prompt(after=LETTER), metrics=LETTERS)
