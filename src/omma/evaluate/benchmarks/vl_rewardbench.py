"""VL-RewardBench: which of two answers about a picture is better? Pairs judged by people (arXiv 2411.17451). 1,250 pairs.

vl_rewardbench/…/test-….parquet       id, query, response (two texts), human_ranking ([0, 1]: the first is better), image
vl_rewardbench/vl_rewardbench.tsv     the same columns, image in base64; VLMEvalKit's table
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.evaluate.layouts import several
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.rows import numbered
from omma.evaluate.tables import need
from omma.generate.sampling import Sampling
from omma.metrics.judged.vl_rewardbench import VlRewardBench
from omma.metrics.metric import Metric
from omma.schema.verdict import Record

# vl-rewardbench/VL_RewardBench, prompt.py; the space at its start is theirs
JUDGE = """\
 You are a highly capable multimodal AI assistant tasked with evaluating answers to visual questions. Please analyze the following \
image and question, then determine which of the two provided answers is better.

Question: {query}

Answer 1: {first}

Answer 2: {second}

Please evaluate both answers based on the following criteria:
1. Accuracy: How well does the answer align with the visual information in the image?
2. Completeness: Does the answer fully address all aspects of the question?
3. Clarity: Is the answer easy to understand and well-articulated?
4. Relevance: Does the answer directly relate to the question and the image?

After your evaluation, please:
1. Explain your reasoning for each criterion.
2. Provide an overall judgment on which answer is better (Answer 1 or Answer 2). For example: Overall Judgment: Answer X is better.

Your response should be structured and detailed, demonstrating your understanding of both the visual and textual elements of the \
task."""
PLACES = re.compile(r"\{(query|first|second)\}")
IMAGE = "<image>\n"
SOURCES = {
    "RLAIF": "rlaif-v",
    "RLHF": "rlhf-v",
    "mathverse": "reasoning_tasks",
    "mmmu": "reasoning_tasks",
    "wildvision": "wildvision-battle",
    "hallucination": "povid",
}


@config
class VlRewardBenchQuestions(Published):
    """The official words, temperature and top-p 0.2, 2,048 tokens. Every pair is asked about `draws` times.

    The official script draws the order of the answers at random. Here it is a function of the pair, as in both harnesses
    (the letters of both answers, even or odd), and every further draw turns it: two draws show both orders.
    """

    about: ClassVar[str] = "which of two answers is better, as people judge"
    abilities: ClassVar[tuple[str, ...]] = ("judging",)
    layout: ClassVar[str] = "a folder with test-….parquet or vl_rewardbench.tsv"

    path: str = "vl_rewardbench"
    prompt: str = JUDGE
    draws: int = 1
    sampling: Sampling = Sampling(temperature=0.2, top_p=0.2, max_tokens=2048)
    metrics: tuple[Metric, ...] = (VlRewardBench(),)

    def check(self) -> None:
        super().check()
        if self.draws < 1:
            raise ConfigError(f"{self.name}.draws", str(self.draws), "at least 1")

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its pairs in order, the draws of one after the other."""
        met: set[str] = set()
        for number, where, row in numbered(file, uri, ("vl_rewardbench.tsv",), ("test",)):
            stored, answers = str(need(row, "id", where)), several(need(row, "response", where))
            key = f"{stored}:{number}" if stored in met else stored  # ids are not promised to be distinct
            met.add(stored)
            ranking, dataset = _ranking(row, answers, where), _source(stored)
            for draw in range(self.draws):
                turned = (sum(map(len, answers)) + draw) % 2
                words = self._words(str(need(row, "query", where)), answers[::-1] if turned else answers)
                name = key if draw == 0 else f"{key}:draw {draw}"
                facts = {"item": key, "draw": draw, "random_number": turned, "dataset": dataset}
                yield Question(asking(name, words, row.get("image", ()), task=dataset), ranking, facts)

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The first answer always, or the second."""
        return "Overall Judgment: Answer 1 is better.", "Overall Judgment: Answer 2 is better."

    def _words(self, query: str, answers: Sequence[str]) -> str:
        said = {"query": query, "first": answers[0], "second": answers[1]}
        return PLACES.sub(lambda found: said[found[1]], self.prompt).replace(IMAGE, "")


def _ranking(row: dict[str, Any], answers: Sequence[str], where: str) -> list[int]:
    """The ranks of both answers. DataError unless there are two, one of rank 0 and one of rank 1."""
    ranks = several(need(row, "human_ranking", where))
    if sorted(ranks) != ["0", "1"] or len(answers) != 2:
        raise DataError(where, f"{len(answers)} answers with ranks {', '.join(ranks)}", "two, of ranks 0 (better) and 1")
    return [int(rank) for rank in ranks]


def _source(name: str) -> str:
    """Id of a pair → the data set it comes from, as the official script tells it by what stands before the first _ or -."""
    return SOURCES.get(re.split("[_-]", name, maxsplit=1)[0], "vlfeedback")
