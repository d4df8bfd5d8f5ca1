"""worse_sight: a picture → itself and a preference sample of a model's own: its description against one of a spoilt request.

STIC (Deng et al. 2024, arXiv 2405.19716; yihedeng9/STIC `stic/generate_pref.py`): half of the spoilt requests show the picture
with shifted colours or without details, half ask for things that need not be there. `synthesis/worse_sight.py` says how;
temperature and length are those of the file.
"""

from dataclasses import replace
from typing import ClassVar

from omma.core.config import config
from omma.curate.models.asking import Asked, AskingRewriter, Questions
from omma.curate.models.replies import whole
from omma.curate.models.sights import spoilt
from omma.curate.operator import Rewritten, child
from omma.curate.rewriting.lineage import drawing
from omma.curate.rewriting.placing import unnumbered
from omma.curate.synthesis.worse_sight import VERSION, Requests, lose_details, preference, requests, shift_colours
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.schema.sample import Sample


@config
class WorseSight(AskingRewriter):
    """Samples of one picture that are no preferences. Two replies that say the same make no pair.

    The child's `meta` has `origin`, `parent`, `author` and `spoilt`: what was. Spoilt pictures lie in the annex, where the
    model reads them.
    """

    version: ClassVar[str] = VERSION
    scored_by: ClassVar[tuple[str, ...]] = ("model", "sampling", "signature", "seed")
    sampling: Sampling = Sampling(temperature=0.2, max_tokens=1024)
    seed: int = 0

    def questions(self, sample: Sample, store: Store) -> Questions:
        """The fair request and the spoilt one."""
        if [media.kind for media in sample.media] != ["image"] or sample.chosen:
            return ()
        sample = replace(sample, meta=unnumbered(sample.meta))
        random = drawing(self.seed, self, sample)
        uri = ""
        if random.random() < 0.5:
            shifted = random.random() < 0.5
            made = spoilt(sample.media[0], lambda image: shift_colours(image, random) if shifted else lose_details(image), store)
            uri = made.media.uri
        pair = requests(sample, random, uri)
        return tuple(replace(one, id=child(sample, self, number)) for number, one in enumerate((pair.fair, pair.spoilt)))

    def answered(self, sample: Sample, asked: Asked, author: str) -> Rewritten:
        """The sample and its preference."""
        better, worse = (whole(reply) for reply in asked.replies)
        if better == worse:
            return Rewritten((sample,))
        made = preference(Requests(*asked.questions), better, worse)
        made = replace(made, id=child(sample, self, 0), meta=made.meta | {"author": author})
        return Rewritten((sample, made), f"two descriptions by {author}")
