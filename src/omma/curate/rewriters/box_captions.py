"""box_captions: a picture with labelled boxes → up to five captions that tell of them, by RemoteCLIP's rules.

The rules stand in `synthesis/box_captions.py`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.curate.operator import Rewriter, Rewritten
from omma.curate.rewriting.lineage import born, drawing, signed
from omma.curate.rewriting.placing import numbered, placed
from omma.curate.synthesis.box_captions import COUNTED, VERSION, box_captions
from omma.media.geometry import Box
from omma.media.store import Store
from omma.schema.sample import Caption, Sample


@config
class BoxCaptions(Rewriter):
    """Samples of one picture with labelled regions; preferences and all others stay.

    A sample without turns gets the captions behind its own. One with turns, which are what training reads, gets a child
    that holds them. A region that `meta["crowds"]` names counts as more than ten. `middle` is the share of the sides that
    is the centre. The origin of each caption is this rewriter.
    """

    version: ClassVar[str] = VERSION
    scored_by: ClassVar[tuple[str, ...]] = ("middle", "seed")
    middle: float = 0.5
    seed: int = 0

    def check(self) -> None:
        if not 0 < self.middle < 1:
            raise ConfigError("BoxCaptions.middle", str(self.middle), "a share above 0 and below 1")

    def rewrite(self, samples: Sequence[Sample], store: Store) -> list[Rewritten]:
        """Samples → the same with captions; an error where a region's frame or the picture's size is not known."""
        return [self._rewritten(sample) for sample in samples]

    def _rewritten(self, sample: Sample) -> Rewritten:
        if len(sample.media) != 1 or sample.chosen or not any(region.label.strip() for region in sample.regions):
            return Rewritten((sample,))
        try:
            boxes = _labelled(sample)
        except DataError as error:
            return Rewritten((), error=str(error))
        picture = sample.media[0]
        told = box_captions(boxes, picture.width, picture.height, drawing(self.seed, self, sample), self.middle)
        captions = tuple(Caption(text, signed(self)) for text in told)
        reason = f"{len(told)} captions of {len(sample.regions)} boxes"
        if sample.turns:
            alone = born(sample, self, 0, task="caption", captions=captions, turns=(), regions=(), answer=None)
            return Rewritten((sample, alone), reason)
        return Rewritten((replace(sample, captions=(*sample.captions, *captions)),), reason)


def _labelled(sample: Sample) -> list[tuple[str, Box]]:
    """Sample → label and box of each of its things. DataError for a box that cannot be placed."""
    crowds = numbered(sample.meta, "crowds") or {}
    found = []
    for number, region in enumerate(sample.regions):
        if region.label.strip():
            found += [(region.label.strip(), placed(region, sample))] * (COUNTED + 1 if number in crowds else 1)
    return found
