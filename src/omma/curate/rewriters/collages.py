"""collages: samples of one picture and question each → themselves, and some asked again beside other pictures (MIA-DPO).

Sequences of 2 to 5 pictures, grids of 2 to 9 and a picture in a picture, as `synthesis/collages.py` makes them: chosen is the
true reply, rejected the true reply about another picture. MIA-DPO (Liuziyu77/MIA-DPO) has 62k, 90k and 49k of the three,
which is the default proportion. `own_mistakes` puts a model's own wrong replies in the place of the rejected ones, as there.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.core.seeds import derive
from omma.curate.operator import Rewritten, SetRewriter, child
from omma.curate.rewriting.drawn import drawn
from omma.curate.rewriting.recalling import Recalled
from omma.curate.synthesis.collages import VERSION, Collage, grid, in_collage, in_sequence, inset
from omma.media.decode import decode
from omma.media.store import Store
from omma.schema.sample import Media, Sample

SEQUENCE, GRID, INSET = (2, 5), (2, 9), (2, 2)
DRAWN_AS = 2.0**63


@config
class Collages(SetRewriter):
    """`share` of the samples that fit (one picture, a question, a reply, no regions) get a child beside others.

    `sequence`, `grid` and `inset` are weights of the three kinds, `cell` the side of a grid's cells and `gap` the px between
    them. Companions are drawn by seed and id: they show other pictures. Where nobody near says anything else, there is no child.
    A child's `meta` has `origin`, `kind` and `parent`, and `companions` (ids, one a line) in the order of the pictures.
    """

    version: ClassVar[str] = VERSION
    scored_by: ClassVar[tuple[str, ...]] = ("share", "sequence", "grid", "inset", "cell", "gap", "seed")
    share: float = 0.1
    sequence: float = 62.0
    grid: float = 90.0
    inset: float = 49.0
    cell: int = 224
    gap: int = 4
    seed: int = 0

    def check(self) -> None:
        if not 0 < self.share <= 1:
            raise ConfigError("Collages.share", str(self.share), "a share above 0, at most 1")
        weights = (self.sequence, self.grid, self.inset)
        if min(weights) < 0 or sum(weights) == 0:
            raise ConfigError("Collages", f"weights {weights}", "0 or more, one of them more")
        if self.cell < 8 or self.gap < 0:
            raise ConfigError("Collages", f"cell {self.cell}, gap {self.gap}", "8 px or more, and 0 or more")

    def rewrite(self, samples: Collection[Sample], store: Store) -> Iterator[Rewritten]:
        """All samples → themselves and their children; a picture that cannot be read is an error of the sample that is asked."""
        drawn_at = [
            (derive(self.seed, self.name, "ring", one.id), number, one.id) for number, one in enumerate(samples) if fits(one)
        ]
        order = [number for _, number, _ in sorted(drawn_at)]
        places = {number: place for place, number in enumerate(order)}
        planned = {number: near for _, number, id in drawn_at if (near := self._near(id, places[number], order))}
        recalled = Recalled(samples, {other for others in planned.values() for other in others})
        for number, sample in enumerate(samples):
            others = planned.get(number)
            yield self._asked(sample, [recalled[other] for other in others], store) if others else Rewritten((sample,))

    def _near(self, id: str, place: int, order: Sequence[int]) -> list[int]:
        """Numbers of the samples behind one in the ring, twice as many as pictures are needed; none if it gets no child."""
        chance = derive(self.seed, self.name, "share", id) / DRAWN_AS
        count = min(2 * self._layout(id)[1], len(order) - 1)
        return [order[(place + step) % len(order)] for step in range(1, count + 1)] if chance < self.share else []

    def _layout(self, id: str) -> tuple[str, int, Random]:
        """Id → kind and number of pictures, and the random numbers that go on from there."""
        random = Random(derive(self.seed, self.name, id))
        kinds = {"sequence": SEQUENCE, "grid": GRID, "inset": INSET}
        kind = random.choices(list(kinds), (self.sequence, self.grid, self.inset))[0]
        return kind, random.randint(*kinds[kind]), random

    def _asked(self, sample: Sample, near: Sequence[Sample], store: Store) -> Rewritten:
        kind, count, random = self._layout(sample.id)
        others = _companions(sample, near, count - 1)
        if not others:
            return Rewritten((sample,))
        target = random.randrange(len(others) + 1)
        shown = [*others[:target], sample, *others[target:]]
        try:
            made, pictures = self._made(kind, shown, target, store)
        except DataError as error:
            return Rewritten((), error=str(error))
        meta = made.meta | {"companions": "\n".join(one.id for one in others)}
        return Rewritten((sample, replace(made, id=child(sample, self, 0), meta=meta)), f"asked again: {kind}", pictures=pictures)

    def _made(self, kind: str, shown: Sequence[Sample], target: int, store: Store) -> tuple[Sample, dict[str, bytes]]:
        if kind == "sequence":
            return in_sequence(shown, target), {}
        images = [decode(store.read(one.media[0].uri), name=one.media[0].uri) for one in shown]
        collage: Collage = inset(images[0], images[1]) if kind == "inset" else grid(images, self.cell, self.gap)
        new = drawn(collage.image)
        made = in_collage(shown, target, collage, new.media.uri)
        media: tuple[Media, ...] = (new.media,)
        return replace(made, media=media), new.pictures


def fits(sample: Sample) -> bool:
    """Whether a sample has one picture, one question, one reply and nothing else that a collage would lose."""
    pictures = [media.kind for media in sample.media] == ["image"]
    talk = [turn.role for turn in sample.turns] == ["user", "assistant"]
    return pictures and talk and not (sample.regions or sample.captions or sample.chosen or sample.rejected)


def _companions(sample: Sample, near: Sequence[Sample], count: int) -> list[Sample]:
    """The first `count` that show other pictures, each another, among them one that says something else; none if nobody does."""
    seen, chosen = {_shown(sample)}, list[Sample]()
    for other in near:
        if _shown(other) not in seen:
            seen.add(_shown(other))
            chosen.append(other)
    mine = _says(sample)
    differing = next((other for other in chosen if _says(other) != mine), None)
    if differing is None:
        return []
    return [differing, *(other for other in chosen if other is not differing)][:count]


def _shown(sample: Sample) -> str:
    return sample.media[0].sha256 or sample.media[0].uri


def _says(sample: Sample) -> str:
    return sample.turns[1].text.strip().lower()
