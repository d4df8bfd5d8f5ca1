"""hard_negatives: a sample with captions → itself and a preference sample for each caption made false by one change (NegCLIP).

The changes stand in `synthesis/hard_negatives.py`: swapped nouns and attributes, replaced words, relations and numbers.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Rewriter, Rewritten, child
from omma.curate.rewriting.lineage import drawing
from omma.curate.rewriting.placing import unnumbered
from omma.curate.synthesis.hard_negatives import VERSION, with_negatives
from omma.media.store import Store
from omma.schema.sample import Sample


@config
class HardNegatives(Rewriter):
    """The true caption is chosen, the false one rejected; `meta` of a child has `origin`, `rule` and `parent`."""

    version: ClassVar[str] = VERSION
    scored_by: ClassVar[tuple[str, ...]] = ("prompt", "seed")
    prompt: str = "Which description fits the picture?"
    seed: int = 0

    def check(self) -> None:
        if not self.prompt.strip():
            raise ConfigError("HardNegatives.prompt", "nothing", "what is asked of the picture")

    def rewrite(self, samples: Sequence[Sample], store: Store) -> list[Rewritten]:
        """Samples → themselves and their children."""
        return [self._rewritten(sample) for sample in samples]

    def _rewritten(self, sample: Sample) -> Rewritten:
        told = replace(sample, regions=(), meta=unnumbered(sample.meta))
        pairs = with_negatives(told, drawing(self.seed, self, sample), self.prompt)
        children = tuple(replace(pair, id=child(sample, self, number)) for number, pair in enumerate(pairs))
        return Rewritten((sample, *children), f"{len(children)} hard negatives" if children else "")
