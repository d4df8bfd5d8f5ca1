"""Replies: the model writes its answer."""

from collections.abc import Iterator, Sequence

from omma.answerers.answerer import Answerer
from omma.core.config import config
from omma.evaluate.asking.asking import Answered, Asking
from omma.evaluate.question import Question
from omma.generate.reply import Reply
from omma.generate.sampling import Sampling
from omma.generate.sight import Sight


@config
class Replies(Asking):
    """One reply a question. Boxes that the model's own markup names are kept in px, beside the words."""

    def ask(self, answerer: Answerer, questions: Sequence[Question], sampling: Sampling, sight: Sight) -> Iterator[Answered]:
        """Questions → replies."""
        for reply in answerer.ask([question.sample for question in questions], sampling, sight):
            yield Answered(reply.text, told(reply))


def told(reply: Reply) -> dict[str, object]:
    """Reply → what a record keeps of it beside the words."""
    failed = {"error": reply.error} if reply.error else {}
    return failed | {
        "finish": reply.finish,
        "tokens": len(reply.token_ids),
        "logprob": sum(reply.logprobs),
        "seconds": round(reply.seconds, 6),
        "boxes": [list(region.box) for region in reply.regions],
    }
