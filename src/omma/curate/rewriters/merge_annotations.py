"""merge_annotations: all that several sources say of one picture → one sample: captions, boxes, questions (UniMM-Chat).

Muffin's UniMM-Chat (Yu et al. 2023, arXiv 2310.00653) joins the annotations of the same picture in several data sets before
a model makes a dialogue of them (`dialogue` does that here); how was never published, so that this is ours: pictures are the
same if their bytes are.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from omma.core.config import config
from omma.curate.operator import Rewritten, SetRewriter
from omma.curate.rewriting.lineage import signed
from omma.curate.rewriting.placing import NUMBERED, Meta, numbered
from omma.curate.rewriting.recalling import Recalled
from omma.media.store import Store
from omma.schema.sample import Caption, Part, Region, Sample, Turn


@config
class MergeAnnotations(SetRewriter):
    """Samples of one picture without preferences are joined into the first of them; the ledger says of the others where they went.

    Captions that say the same and regions that are the same stand once. Turns follow one another in the order of the samples,
    with the picture in the first. Training reads turns where there are any: so where both captions and turns come together, the
    longest caption also is the reply to `prompt` in the first turn. `answer` stays where one sample alone has turns. `meta`
    holds `origin`, `parents` (ids, one a line) and what all say; what another says differently stands under `<key>@<its id>`.
    Members of a group are held in memory, about the bytes of their JSON each.
    """

    version: ClassVar[str] = "1"
    scored_by: ClassVar[tuple[str, ...]] = ("prompt",)
    prompt: str = "Describe the picture."

    def rewrite(self, samples: Collection[Sample], store: Store) -> Iterator[Rewritten]:
        """All samples → the first of each group with what all of them say, and none in the places of the others."""
        groups = _groups(samples)
        recalled = Recalled(samples, {number for numbers in groups.values() for number in numbers})
        for number, sample in enumerate(samples):
            numbers = groups.get(_content(sample), [number])
            if len(numbers) == 1:
                yield Rewritten((sample,))
            elif number == numbers[0]:
                merged = self._merged([recalled[n] for n in numbers])
                yield Rewritten((merged,), reason=f"with all that {len(numbers)} samples say of its picture")
            else:
                yield Rewritten((), reason=f"now a part of {recalled[numbers[0]].id}")

    def _merged(self, group: Sequence[Sample]) -> Sample:
        first, regions = group[0], list[Region]()
        turns: list[Turn] = []
        said = []
        for sample in group:
            places = _places(sample.regions, regions)
            turns += [_moved(turn, places) for turn in sample.turns]
            said.append(replace(sample, meta=_renumbered(sample.meta, places)))
        captions = _distinct([caption for sample in group for caption in sample.captions])
        if captions and turns:
            longest = max(captions, key=lambda caption: len(caption.text))
            turns = [Turn("user", (Part("text", self.prompt),)), Turn("assistant", (Part("text", longest.text),)), *turns]
        talking = [sample for sample in group if sample.turns]
        tasks = {sample.task for sample in group}
        return replace(
            first,
            task=tasks.pop() if len(tasks) == 1 else "merged",
            captions=captions,
            regions=tuple(regions),
            turns=_shown(turns),
            answer=talking[0].answer if len(talking) == 1 else None,
            meta=_met(said) | {"origin": signed(self), "parents": "\n".join(sample.id for sample in group)},
        )


def _groups(samples: Collection[Sample]) -> dict[str, list[int]]:
    """Content of a picture that several samples show → their numbers in order."""
    first: dict[str, int] = {}
    groups: dict[str, list[int]] = {}
    for number, sample in enumerate(samples):
        content = _content(sample)
        if content and first.setdefault(content, number) != number:
            groups.setdefault(content, [first[content]]).append(number)
    return groups


def _content(sample: Sample) -> str:
    """Hash of the one picture of a sample that can be merged, else nothing."""
    alone = len(sample.media) == 1 and sample.media[0].kind == "image" and not (sample.chosen or sample.rejected)
    plain = all(turn.role in ("user", "assistant") for turn in sample.turns)
    named = [part.index for turn in sample.turns for part in turn.parts if part.kind == "region"]
    plain &= all(0 <= index < len(sample.regions) for index in named)
    return sample.media[0].sha256 if alone and plain else ""


def _places(new: Sequence[Region], regions: list[Region]) -> list[int]:
    """Numbers of a sample's regions in the merged one, to which they are added unless an earlier sample has the same."""
    known = {region: number for number, region in reversed(list(enumerate(regions)))}
    places = []
    for region in new:
        if region not in known:
            regions.append(region)
        places.append(known.get(region, len(regions) - 1))
    return places


def _moved(turn: Turn, places: Sequence[int]) -> Turn:
    """Turn without its picture, its regions by their new numbers."""
    parts = [part for part in turn.parts if part.kind != "image"]
    return Turn(turn.role, tuple(replace(p, index=places[p.index]) if p.kind == "region" else p for p in parts))


def _shown(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Turns → the same with the picture before the first words of the user."""
    asked = next((n for n, turn in enumerate(turns) if turn.role == "user"), -1)
    return tuple(replace(t, parts=(Part("image", index=0), *t.parts)) if n == asked else t for n, t in enumerate(turns))


def _distinct(captions: Sequence[Caption]) -> tuple[Caption, ...]:
    """Captions, each text once, whatever its case and spaces: the first of equals."""
    found: dict[str, Caption] = {}
    for caption in captions:
        found.setdefault(" ".join(caption.text.casefold().split()), caption)
    return tuple(found.values())


def _renumbered(meta: Meta, places: Sequence[int]) -> Meta:
    """What `meta` says of regions by their numbers (as the reader of COCO has it) → the same by their new numbers."""
    found = dict(meta)
    for name in NUMBERED:
        about = numbered(meta, name)
        if about is not None and all(number < len(places) for number in about):
            found[name] = _written(name, {places[number]: one for number, one in about.items()})
    return found


def _met(group: Sequence[Sample]) -> Meta:
    """What the `meta` of all say; lists of regions by their numbers are joined."""
    met = dict(group[0].meta)
    for sample in group[1:]:
        for key, value in sample.meta.items():
            mine, other = numbered(met, key), numbered(sample.meta, key)
            if mine is not None and other is not None:
                met[key] = _written(key, mine | other)
            else:
                met[key if met.setdefault(key, value) == value else f"{key}@{sample.id}"] = value
    return met


def _written(name: str, about: dict[int, Any]) -> str:
    """As the reader of COCO writes it: crowds are a list, others a mapping."""
    return json.dumps(sorted(about) if name == "crowds" else {str(number): about[number] for number in sorted(about)})
