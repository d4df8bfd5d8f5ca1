"""append_caption: a caption of the web or a person and one that a model wrote → one caption of both, as TL;DR does.

TL;DR (Wang et al. 2023, arXiv 2305.20087) keeps `original; generated` for every picture that its reduction leaves: put this
behind `cluster_reduction` and `synthetic_caption`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from omma.core.config import config
from omma.curate.operator import Rewriter, Rewritten
from omma.curate.rewriting.lineage import signed
from omma.media.store import Store
from omma.schema.sample import Caption, Sample

GIVEN = ("alt", "human")  # origins that no model stands behind


@config
class AppendCaption(Rewriter):
    """The last written caption is appended to each given one, behind `separator`; captions of other models stay.

    Samples without either stay. The new origin names this rewriter and both others.
    """

    version: ClassVar[str] = "1"
    scored_by: ClassVar[tuple[str, ...]] = ("separator",)
    separator: str = "; "

    def rewrite(self, samples: Sequence[Sample], store: Store) -> list[Rewritten]:
        """Samples → the same with joined captions."""
        return [self._rewritten(sample) for sample in samples]

    def _rewritten(self, sample: Sample) -> Rewritten:
        written = [caption for caption in sample.captions if caption.origin not in GIVEN]
        given = [caption for caption in sample.captions if caption.origin in GIVEN]
        if not written or not given:
            return Rewritten((sample,))
        last = written[-1]
        joined = [Caption(one.text + self.separator + last.text, f"{signed(self)}({one.origin}; {last.origin})") for one in given]
        captions = (*joined, *written[:-1])
        return Rewritten((replace(sample, captions=captions),), f"{len(joined)} captions with what {last.origin} wrote behind")
