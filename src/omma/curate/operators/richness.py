"""richness: pictures with texts → rated by a model for how much of the picture they tell, 1 to 5; below 3 they are dropped.

Visual information richness (VIR) of SAIL-VL2 (2025, arXiv 2509.14033): descriptions below 3, or with the verdict "No", go:
250M of 300M stay. There the judge is tuned for it; the prompt is ours.
"""

from typing import ClassVar

from omma.core.config import config
from omma.curate.models.rating import Rating

PROMPT = """\
How much of what this picture shows does the following text tell: things, their looks, places and doings, and writing?

{text}

5: nearly all that matters. 4: most of it. 3: the main things. 2: little. 1: next to nothing.
Reply with the number and nothing else."""


@config
class Richness(Rating):
    """See `Rating`."""

    version: ClassVar[str] = "1"
    scored_by: ClassVar[tuple[str, ...]] = ("model", "sampling", "prompt")
    prompt: str = PROMPT
