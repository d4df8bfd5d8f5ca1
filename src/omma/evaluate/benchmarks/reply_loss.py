"""Reply loss: conversations of any kind → mean loss per token of their replies in nats; lower is better.

What fine-tuning lowers, on samples that it never saw: a held-out reply costs less than before, and more without its picture.
"""

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.token_loss import TokenLoss
from omma.schema.sample import Sample


@config
class ReplyLoss(TokenLoss):
    """All replies of a conversation count, with pictures or without; a sample that has captions alone is measured on each of them.

    A shown reply is the model's own to all that stands before the last one.
    """

    name: str = "reply_loss"
    source: str = "folder"

    def said(self, sample: Sample) -> list[str]:
        """Sample → its last reply, or its captions where it is no conversation."""
        replies = [turn.text for turn in sample.turns if turn.role == "assistant"]
        said = replies[-1:] if sample.turns else [caption.text for caption in sample.captions]
        if not said:
            fix = "score its source by another benchmark"
            raise DataError(sample.id, "no reply to measure", "a conversation with a reply, or captions", fix)
        return said
