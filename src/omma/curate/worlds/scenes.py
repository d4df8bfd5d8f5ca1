"""Scenes: coloured shapes and real handwritten numbers on small canvases → pictures, captions and questions, dirty on purpose.

Below `root/folder` it writes, for train and heldout each: `<split>/pictures/*`, `<split>/captions.jsonl` (read by
`CaptionsJsonl`) and `<split>/questions.jsonl` (read by `MessagesJsonl`), and one `flaws.csv` that names what was planted.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any, Self

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.core.seeds import derive
from omma.curate.scenery.canvas import handwriting, ink, paint
from omma.curate.scenery.dirt import Shown, soil
from omma.curate.scenery.questions import Question, ask
from omma.curate.scenery.scene import Scene, caption, compose, deck
from omma.curate.world import World


@config
class Scenes(World):
    """`num_pictures` clean pictures to train on and `num_heldout` to be scored on, `size` px a side.

    `flaws` is the share of each planted flaw, over the number of clean pictures; `numbers` that of scenes with a number.
    Tasks: caption, read, count, colour, relation, yesno, point. No handwritten digit is in both splits.
    """

    folder: str = "scenes"
    num_pictures: int = 4000
    num_heldout: int = 600
    size: int = 64
    flaws: float = 0.02
    numbers: float = 0.5
    seed: int = 0

    def check(self) -> None:
        if not 48 <= self.size <= 512:
            raise ConfigError("Scenes.size", str(self.size), "48 to 512 px: smaller shapes cannot be told apart")
        if self.num_pictures < 1 or self.num_heldout < 0:
            raise ConfigError("Scenes.num_pictures", f"{self.num_pictures}, num_heldout {self.num_heldout}", "at least one picture")
        for name in ("flaws", "numbers"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"Scenes.{name}", str(getattr(self, name)), "a share from 0 to 1")

    def tiny(self) -> Self:
        """At most 240 and 120 pictures."""
        return replace(self, num_pictures=min(self.num_pictures, 240), num_heldout=min(self.num_heldout, 120))

    def draw(self, root: Path) -> None:
        """Write everything below `root/folder`; the same config, the same bytes."""
        train = self._split("train", self.num_pictures, root)
        self._split("heldout", self.num_heldout, root)
        with (root / self.folder / "flaws.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(("picture", "part", "flaw"))
            table.writerows((f"{self.folder}/train/pictures/{item.name}", item.part, item.flaw) for item in train if item.flaw)

    def _split(self, split: str, count: int, root: Path) -> list[Shown]:
        random = Random(derive(self.seed, "scenes", split))
        scenes = [compose(random, self.size, theme, self.numbers) for theme in deck(random, count)]
        shown = list(_show(scenes, handwriting(split == "heldout"), random, as_written=split == "heldout"))
        questions = ask(scenes, random)
        names = [item.name for item in shown]
        if split == "train":
            shown = soil(shown, self.flaws, random)
        folder = root / self.folder / split
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        for item in shown:
            (folder / "pictures" / item.name).write_bytes(item.data)
        _write(folder / "captions.jsonl", ({"image": f"pictures/{item.name}", "caption": item.caption} for item in shown))
        _write(folder / "questions.jsonl", (_row(question, names[question.scene]) for question in questions))
        return shown


def _show(scenes: Sequence[Scene], digits: Any, random: Random, *, as_written: bool) -> Iterator[Shown]:
    """Scenes → pictures. To train on, each digit is written once more by another hand, so that few go a long way."""
    hand = None if as_written else random
    for number, scene in enumerate(scenes):
        written = tuple(ink(random.choice(digits[digit]), n, hand) for n in scene.numbers for digit in n.digits)
        buffer = BytesIO()
        paint(scene, written).save(buffer, "PNG", compress_level=1)
        yield Shown(f"{number:06d}.png", buffer.getvalue(), caption(scene))


def _row(question: Question, name: str) -> dict[str, Any]:
    """Question → line of a messages file; where a box is asked for, the reply is a region."""
    row: dict[str, Any] = {"image": f"pictures/{name}", "task": question.task}
    asked = {"role": "user", "content": f"<image>{question.text}"}
    if not question.box:
        return row | {"messages": [asked, {"role": "assistant", "content": question.answer}], "answer": question.answer}
    region = {"box": question.box, "order": "xyxy", "frame": "px", "label": question.label}
    told = {"role": "assistant", "content": [{"type": "region", "index": 0}]}
    return row | {"messages": [asked, told], "regions": [region], "answer": {"region": 0}}


def _write(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
