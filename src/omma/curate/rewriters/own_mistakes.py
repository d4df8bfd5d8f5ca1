"""own_mistakes: a question about one of several pictures → the model's own wrong reply as the rejected one (MIA-DPO).

MIA-DPO (Liu et al. 2024, arXiv 2410.17637; Liuziyu77/MIA-DPO `gen_data/gen_chosen_rejected`): questions as `collages` makes them
are asked, greedily, under Gaussian noise: of standard deviation 225 on the picture in question in a grid, of 49 on all of a
picture within a picture (where the script lets bytes wrap around, they are clipped here), none on sequences. A reply other than
the true one is rejected; true ones of 512 letters and more are left out. There the model's attention to the picture must be low
and the reply unlikely as well, which takes the model apart and is not done here.
"""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from jaxtyping import UInt8

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.core.seeds import generator
from omma.curate.models.asking import Asked, AskingRewriter, Questions, asked_again
from omma.curate.models.replies import whole
from omma.curate.models.sights import spoilt
from omma.curate.operator import Rewritten
from omma.generate.sampling import Sampling
from omma.media.geometry import Box
from omma.media.store import Store
from omma.metrics.metric import Metric
from omma.metrics.text import Exact
from omma.schema.sample import Part, Sample, Turn

RIGHT = 0.5  # score of a reply that counts as right
KINDS = ("sequence", "grid", "inset")


@config
class OwnMistakes(AskingRewriter):
    """Children of `collages` whose chosen reply has fewer than `longest` letters; all other samples stay.

    One that the model answers rightly, by `metric`, is dropped: it teaches nothing. The noise is on what the model is shown
    alone (in the annex), never in the sample. `meta["rejected_by"]` names the model.
    """

    version: ClassVar[str] = "1"
    scored_by: ClassVar[tuple[str, ...]] = (
        "model", "sampling", "signature", "metric", "grid_noise", "inset_noise", "longest", "seed",
    )  # fmt: skip
    sampling: Sampling = Sampling(max_tokens=512)
    metric: Metric = Exact()
    grid_noise: float = 225.0
    inset_noise: float = 49.0
    longest: int = 512
    seed: int = 0

    def check(self) -> None:
        if min(self.grid_noise, self.inset_noise) < 0:
            raise ConfigError("OwnMistakes", f"noise {self.grid_noise}, {self.inset_noise}", "0 or more")
        if self.longest < 1:
            raise ConfigError("OwnMistakes.longest", str(self.longest), "at least 1 letter")

    def questions(self, sample: Sample, store: Store) -> Questions:
        """Its own question, about its pictures or a noisy copy."""
        if sample.meta.get("kind") not in KINDS or not sample.chosen or len(sample.chosen[0].text) >= self.longest:
            return ()
        asked = asked_again(sample, self, 0)
        kind, picture = sample.meta["kind"], sample.media[0]
        whole = (0.0, 0.0, float(picture.width), float(picture.height))
        if kind == "grid" and self.grid_noise and sample.regions:
            asked = self._shown(asked, sample, sample.regions[0].box, self.grid_noise, store)
        if kind == "inset" and self.inset_noise:
            asked = self._shown(asked, sample, whole, self.inset_noise, store)
        return (asked,)

    def answered(self, sample: Sample, asked: Asked, author: str) -> Rewritten:
        """The sample with another rejected reply, or nothing where the model is right."""
        text = whole(asked.replies[0])
        if self.metric.judge(text, [sample.chosen[0].text], {"choices": ()}).score >= RIGHT:
            return Rewritten((), f"{author} answers rightly")
        rejected = (Turn("assistant", (Part("text", text),)),)
        return Rewritten(
            (replace(sample, rejected=rejected, meta=sample.meta | {"rejected_by": author}),), f"a mistake of {author}"
        )

    def _shown(self, asked: Sample, sample: Sample, box: Box, noise: float, store: Store) -> Sample:
        """The question about a copy of its picture with noise in a box (xyxy px)."""
        x0, y0, x1, y1 = (round(value) for value in box)

        def noisy(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
            copy = image.copy()
            part = copy[y0:y1, x0:x1]
            added = generator(self.seed, self.name, sample.id).normal(0, noise, part.shape)
            copy[y0:y1, x0:x1] = (part + added).round().clip(0, 255).astype(np.uint8)
            return copy

        return replace(asked, media=(spoilt(sample.media[0], noisy, store).media,))
