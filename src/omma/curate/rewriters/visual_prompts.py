"""visual_prompts: a picture with labelled regions → itself and questions about marks drawn on a copy of it (ViP-LLaVA).

Eight shapes in nine colours, as `synthesis/visual_prompts.py` says.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.curate.operator import Rewriter, Rewritten, child
from omma.curate.rewriting.drawn import drawn
from omma.curate.rewriting.lineage import drawing
from omma.curate.rewriting.placing import placed, unnumbered
from omma.curate.synthesis.visual_prompts import COLOURS, VERSION, mark_regions, marked_questions
from omma.media.decode import decode
from omma.media.store import Store
from omma.schema.sample import Region, Sample

MOST = len(COLOURS)


@config
class VisualPrompts(Rewriter):
    """Samples of one picture with labelled regions; preferences and all others stay.

    Of more than `num_marks` regions so many are drawn. All marks stand on one copy of the picture; each is asked about in a
    child of its own, whose `meta` has `origin`, `mark` and `parent`.
    """

    version: ClassVar[str] = VERSION
    scored_by: ClassVar[tuple[str, ...]] = ("num_marks", "seed")
    num_marks: int = MOST
    seed: int = 0

    def check(self) -> None:
        if not 1 <= self.num_marks <= MOST:
            raise ConfigError("VisualPrompts.num_marks", str(self.num_marks), f"1 to {MOST}, a colour for each")

    def rewrite(self, samples: Sequence[Sample], store: Store) -> list[Rewritten]:
        """Samples → themselves and their children; an error where the picture cannot be read or a region not be placed."""
        return [self._rewritten(sample, store) for sample in samples]

    def _rewritten(self, sample: Sample, store: Store) -> Rewritten:
        numbers = [number for number, region in enumerate(sample.regions) if region.label.strip()]
        if [media.kind for media in sample.media] != ["image"] or sample.chosen or not numbers:
            return Rewritten((sample,))
        random = drawing(self.seed, self, sample)
        chosen = sorted(random.sample(numbers, min(self.num_marks, len(numbers))))
        try:
            uri = sample.media[0].uri
            image = decode(store.read(uri), name=uri)
            regions = tuple(_upright(sample, number) for number in chosen)
            marking = replace(sample, regions=regions, meta=unnumbered(sample.meta))
            marked = mark_regions(image, marking.regions, random)
        except DataError as error:
            return Rewritten((), error=str(error))
        new = drawn(marked.image)
        asked = marked_questions(marking, marked, new.media.uri)
        children = tuple(replace(one, id=child(sample, self, n), media=(new.media,)) for n, one in enumerate(asked))
        return Rewritten((sample, *children), f"{len(children)} marks", pictures=new.pictures)


def _upright(sample: Sample, number: int) -> Region:
    """A region as a box in xyxy px within the picture; its polygon, which is in px, stays only where its box is in px, too."""
    region, media = sample.regions[number], sample.media[0]
    x0, y0, x1, y1 = placed(region, sample)
    (x0, x1), (y0, y1) = sorted((x0, x1)), sorted((y0, y1))
    box = (max(x0, 0.0), max(y0, 0.0), min(x1, float(media.width)), min(y1, float(media.height)))
    if box[0] >= box[2] or box[1] >= box[3]:
        raise DataError(sample.id, f"region {number} outside of the picture", f"a box within {media.width} x {media.height} px")
    rings = region.polygon if region.frame == "px" else ()
    return replace(region, box=box, order="xyxy", frame="px", polygon=rings)
