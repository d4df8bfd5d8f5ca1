"""Album: a world of many pages, each a picture with questions whose answers are known → pictures and annotations of two splits.

Below `root/folder`, for `train` and `heldout` each: `pictures/*.png`, `questions.jsonl` (read by `MessagesJsonl`),
`captions.jsonl` (read by `CaptionsJsonl`) and `instances.json` (read by `Coco`) where pages have captions and things, and
`masks/*.png` (white where a thing is) where things have outlines.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any, Self

from PIL import Image, ImageDraw

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.core.seeds import derive
from omma.curate.scenery.pen import Point
from omma.curate.world import World

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that can be seen: its label, box (xyxy px) and, where it has one, its outline."""

    label: str
    box: Box
    outline: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question. `box` (xyxy px) is the reply where a place is asked for, with `label` as what lies there.

    Of the questions of a task and `group`, as many are kept of each `level` (a word for what could be guessed blindly:
    often the answer itself), so that words alone tell nothing; with no level, all are kept.
    """

    task: str
    text: str
    answer: str = ""
    level: str = ""
    group: str = ""
    choices: tuple[str, ...] = ()
    box: Box | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A picture and what is known of it."""

    picture: Image.Image
    asked: tuple[Asked, ...]
    things: tuple[Thing, ...] = ()
    caption: str = ""


@config
class Album(World):
    """`num_pictures` to train on and `num_heldout` to be scored on; no page's random numbers are shared by the splits."""

    num_pictures: int = 1000
    num_heldout: int = 200
    seed: int = 0

    def check(self) -> None:
        if self.num_pictures < 1 or self.num_heldout < 0:
            got = f"{self.num_pictures}, num_heldout {self.num_heldout}"
            raise ConfigError(f"{type(self).__name__}.num_pictures", got, "at least one picture")

    def tiny(self) -> Self:
        """At most 120 and 60 pictures."""
        return replace(self, num_pictures=min(self.num_pictures, 120), num_heldout=min(self.num_heldout, 60))

    def page(self, random: Random, number: int) -> Page:
        """Random numbers of its own + the page's number (for answers in turn) → a page."""
        raise NotImplementedError(f"{type(self).__name__} has no page")

    def draw(self, root: Path) -> None:
        """Write everything below `root/folder`; the same config, the same bytes."""
        for split, count in (("train", self.num_pictures), ("heldout", self.num_heldout)):
            self._split(root / self.folder / split, split, count)

    def _split(self, folder: Path, split: str, count: int) -> None:
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        asked: list[tuple[str, Asked]] = []
        captions: list[dict[str, Any]] = []
        shown: list[tuple[str, Page]] = []
        for number in range(count):
            page = self.page(Random(derive(self.seed, type(self).__name__, split, number)), number)
            name = f"{number:06d}.png"
            (folder / "pictures" / name).write_bytes(_png(page.picture))
            _masks(page, folder / "masks" / name)
            asked += [(name, question) for question in page.asked]
            captions += [{"image": f"pictures/{name}", "caption": page.caption}] if page.caption else []
            shown.append((name, replace(page, picture=Image.new("1", page.picture.size))))  # sizes are kept, pixels are not
        kept = level(asked, Random(derive(self.seed, type(self).__name__, split, "level")))
        _lines(folder / "questions.jsonl", [_row(name, question, self.folder) for name, question in kept])
        if captions:
            _lines(folder / "captions.jsonl", captions)
        if any(page.things for _, page in shown):
            text = json.dumps(_instances(shown), ensure_ascii=False)
            (folder / "instances.json").write_text(text, encoding="utf-8")


def level(asked: Sequence[tuple[str, Asked]], random: Random) -> list[tuple[str, Asked]]:
    """Questions by picture → those kept: of each task and group equally many of every level, in the order given."""
    groups: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for i, (_, question) in enumerate(asked):
        if question.level:
            groups[question.task, question.group][question.level].append(i)
    kept = {i for i, (_, question) in enumerate(asked) if not question.level}
    for levels in groups.values():
        fewest = min(map(len, levels.values()))
        for places in levels.values():
            kept.update(random.sample(places, fewest))
    return [asked[i] for i in sorted(kept)]


def _row(name: str, question: Asked, origin: str) -> dict[str, Any]:
    """Question → line of a messages file; where a place is asked for, the reply is a region."""
    row: dict[str, Any] = {"image": f"pictures/{name}", "task": question.task, "origin": origin}
    asked = {"role": "user", "content": f"<image>{question.text}"}
    if question.box is None:
        answer: Any = {"texts": [question.answer], "choices": list(question.choices)} if question.choices else question.answer
        return row | {"messages": [asked, {"role": "assistant", "content": question.answer}], "answer": answer}
    region = {"box": [round(side, 1) for side in question.box], "order": "xyxy", "frame": "px", "label": question.label}
    told = {"role": "assistant", "content": [{"type": "region", "index": 0}]}
    return row | {"messages": [asked, told], "regions": [region], "answer": {"region": 0}}


def _instances(shown: Sequence[tuple[str, Page]]) -> dict[str, Any]:
    """Things of pages → an instances file as COCO has it."""
    labels = sorted({thing.label for _, page in shown for thing in page.things})
    numbers = {label: i for i, label in enumerate(labels, start=1)}
    annotations: list[dict[str, Any]] = []
    for i, (_, page) in enumerate(shown, start=1):
        for thing in page.things:
            x0, y0, x1, y1 = (round(side, 1) for side in thing.box)
            rings = [[round(v, 1) for point in thing.outline for v in point]] if thing.outline else []
            area = _area(thing.outline) if thing.outline else (x1 - x0) * (y1 - y0)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i,
                    "category_id": numbers[thing.label],
                    "bbox": [x0, y0, round(x1 - x0, 1), round(y1 - y0, 1)],
                    "segmentation": rings,
                    "area": round(area, 1),
                    "iscrowd": 0,
                }
            )
    images = [
        {"id": i, "file_name": f"pictures/{name}", "width": page.picture.width, "height": page.picture.height}
        for i, (name, page) in enumerate(shown, start=1)
    ]
    categories = [{"id": number, "name": label} for label, number in numbers.items()]
    return {"images": images, "annotations": annotations, "categories": categories}


def _area(points: Sequence[Point]) -> float:
    """Corners → area of the polygon (shoelace formula)."""
    turned = [*points[1:], points[0]]
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, turned, strict=True))) / 2


def _masks(page: Page, file: Path) -> None:
    outlines = [thing.outline for thing in page.things if thing.outline]
    if not outlines:
        return
    mask = Image.new("1", page.picture.size)
    pen = ImageDraw.Draw(mask)
    for points in outlines:
        pen.polygon(list(points), fill=1)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(_png(mask))


def _png(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _lines(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
