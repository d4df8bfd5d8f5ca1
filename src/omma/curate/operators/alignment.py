"""alignment: pictures with texts → rated by a model for whether the texts are true of them, 1 to 5; below 3 they are dropped.

Image-text alignment (ITA) of SAIL-VL2 (2025, arXiv 2509.14033): descriptions below 3, or with the verdict "No", go. There the
judge is tuned for it (precision 0.916, recall 0.903 with 2B parameters; 0.436 and 0.994 before); the prompt is ours.
"""

from typing import ClassVar

from omma.core.config import config
from omma.curate.models.rating import Rating

PROMPT = """\
Is the following text true of this picture?

{text}

5: all of it. 4: all but a detail. 3: the main things are right. 2: much of it is wrong. 1: it is about something else.
Reply with the number and nothing else."""


@config
class Alignment(Rating):
    """See `Rating`."""

    version: ClassVar[str] = "1"
    scored_by: ClassVar[tuple[str, ...]] = ("model", "sampling", "prompt")
    prompt: str = PROMPT
