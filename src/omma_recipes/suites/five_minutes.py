"""Five minutes: a few questions of twelve benchmarks that together cover the taxonomy, for a look at a small model on a CPU.

UniBench (arXiv 2408.04810) calls such a set distilled, and picks it by correlation with scores of many models. Ours is picked
by what a CPU can bear: official rules without a judge, replies of a few tokens, one or two pictures a question, files that
are published whole. Every group of `omma.evaluate.taxonomy` has at least one part:

    perception                  realworldqa, gqa, mmstar_short, blink_short
    text and documents          textvqa, docvqa, chartqa, ai2d
    knowledge                   a_okvqa, mmmu, ai2d, mmstar_short
    reasoning                   gqa, a_okvqa, mmmu, chartqa, mmstar_short
    space                       realworldqa
    composition                 sugarcrepe_asked
    faithfulness                pope
    several pictures and video  blink_short (no film: reading one costs more than the rest together)

Left out: points that have no common scale (MME, OCRBench, captions), numbers of questions that belong together, of which a
few drawn by lot would tear most apart (MMBench, MMVP, HallusionBench), and boxes, which every model line writes its own way.

`benchmarks/five_minutes.py` measures what it costs: with 0.2 billion parameters and pictures of 224 px, minutes of one core.
Larger pictures cost in proportion. Twenty questions of each, drawn by the benchmark's own seed, are the same for everyone. The
interval of one part is some 20 points wide on either side, that of the mean over all parts some 6: enough to see that a model is
broken or has learnt to see, not to rank two that are close.
"""

from dataclasses import replace

from omma.evaluate.benchmark import Benchmark
from omma.evaluate.benchmarks.blink import BlinkQuestions
from omma.evaluate.benchmarks.mmstar import MmStarQuestions
from omma.evaluate.suite import Distilled, Suite
from omma.generate.sampling import Sampling
from omma_recipes.suites.ai2d import ai2d
from omma_recipes.suites.documents import chartqa, docvqa
from omma_recipes.suites.mmmu import mmmu
from omma_recipes.suites.pairs import sugarcrepe_asked
from omma_recipes.suites.pope import pope
from omma_recipes.suites.realworldqa import realworldqa
from omma_recipes.suites.textvqa import textvqa
from omma_recipes.suites.vqa import a_okvqa, gqa

QUESTIONS = 20
SHORT = Sampling(max_tokens=32)  # a letter, where the whole benchmark leaves room for reasoning


def five_minutes() -> Suite:
    """Twenty questions of each of twelve benchmarks, some 240 in all: a first look at a small model on a CPU."""
    whole = (pope(), realworldqa(), gqa(), a_okvqa(), mmmu(), ai2d(), textvqa(), docvqa(), chartqa(), sugarcrepe_asked())
    short = (MmStarQuestions(name="mmstar_short", sampling=SHORT), BlinkQuestions(name="blink_short", sampling=SHORT))
    parts: tuple[Benchmark, ...] = (*(one for suite in whole for one in suite.benchmarks), *short)
    return Distilled(
        id="five_minutes",
        title="Five minutes: a few questions of twelve benchmarks",
        benchmarks=tuple(replace(one, limit=QUESTIONS) for one in parts),
    )
