"""caption_questions: a description of a picture → questions about the picture and their answers, each a sample (Caption2QA).

SAIL-VL2 (2025, arXiv 2509.14033) turns 80M descriptions into questions with a language model. It reads the description alone;
who is trained sees the picture alone. The prompt is ours.
"""

from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.models.asking import Asked, AskingRewriter, Questions, check_prompt, filled, question
from omma.curate.models.replies import Pair, pairs
from omma.curate.operator import Rewritten
from omma.curate.rewriting.lineage import born
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.schema.sample import Answer, Part, Sample, Turn

PROMPT = """\
A picture is described as follows:

{caption}

Write up to {count} questions about what is in the picture which this description answers, and their answers. Whoever is asked \
sees the picture and has not read the description, so never mention it. Reply with JSON and nothing else:
[{"question": "…", "answer": "…"}, …]"""


@config
class CaptionQuestions(AskingRewriter):
    """The longest caption of samples with pictures and without turns is asked about; the sample stays, each question is a child.

    A reply that is not the JSON that was asked for is an error of the sample, as are a refusal, a cut reply and a failure.
    """

    version: ClassVar[str] = "1"
    scored_by: ClassVar[tuple[str, ...]] = ("model", "sampling", "signature", "prompt", "count")
    sampling: Sampling = Sampling(max_tokens=1024)
    prompt: str = PROMPT
    count: int = 5

    def check(self) -> None:
        check_prompt("CaptionQuestions.prompt", self.prompt, "caption", "count")
        if self.count < 1:
            raise ConfigError("CaptionQuestions.count", str(self.count), "at least 1")

    def questions(self, sample: Sample, store: Store) -> Questions:
        """The prompt with the caption, without the picture."""
        told = max((caption.text.strip() for caption in sample.captions), key=len, default="")
        if not told or not sample.media or sample.turns:
            return ()
        return (question(sample, self, 0, filled(self.prompt, caption=told, count=str(self.count))),)

    def answered(self, sample: Sample, asked: Asked, author: str) -> Rewritten:
        """The sample and at most `count` children."""
        found = pairs(asked.replies[0])[: self.count]
        children = [self._child(sample, number, pair, author) for number, pair in enumerate(found)]
        return Rewritten((sample, *children), f"{len(children)} questions by {author}")

    def _child(self, sample: Sample, number: int, pair: Pair, author: str) -> Sample:
        shown = tuple(Part(item.kind, index=index) for index, item in enumerate(sample.media))
        asked = Turn("user", (*shown, Part("text", pair.question)))
        turns = (asked, Turn("assistant", (Part("text", pair.answer),)))
        meta = sample.meta | {"author": author}
        return born(
            sample, self, number, task="question", captions=(), regions=(), turns=turns, answer=Answer((pair.answer,)), meta=meta
        )
