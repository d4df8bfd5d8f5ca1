"""Caption loss: pictures with captions → mean loss per caption token in nats, over all captions; lower is better."""

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.token_loss import TokenLoss
from omma.schema.sample import Sample


@config
class CaptionLoss(TokenLoss):
    """Every caption of a picture counts, each with the token that ends it."""

    name: str = "caption_loss"
    source: str = "captions"

    def said(self, sample: Sample) -> list[str]:
        """Sample → its captions."""
        if not sample.captions or not sample.media:
            raise DataError(sample.id, "no captioned picture", "a picture with captions", "score its source by another benchmark")
        return [caption.text for caption in sample.captions]
