"""ScreenSpot, version 2 and ScreenSpot-Pro: where on this screen would you click? (arXiv 2401.10935, 2410.23218, 2504.07981)

    screenspot/screenspot_mobile.json, …_desktop.json, …_web.json    img_filename, bbox (xywh px), instruction, data_type, …
    screenspot/screenspot_imgs/….png                                 the screens; or ScreenSpot_Mobile.tsv, … of VLMEvalKit;
                                                                     or data/test-….parquet of the hub's rootsautomation/ScreenSpot
    screenspot_v2/screenspot_mobile_v2.json, …, screenspotv2_image/  the second version; or ScreenSpot_v2_Mobile.tsv, …
    screenspot_pro/annotations/….json, images/                       ScreenSpot-Pro: bbox (xyxy px), ui_type, group, img_size

The hub's boxes are xyxy of 1, and its rows tell their platform by `data_source`.
"""

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.coco_file import corners
from omma.evaluate.layouts import find_pictures
from omma.evaluate.pictured import Pictured
from omma.evaluate.prompt import Prompt
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.boxes.click import OwnPoints, ScreenSpot
from omma.metrics.metric import Metric

PLATFORMS = ("mobile", "desktop", "web")
SOURCES = {"ios": "mobile", "android": "mobile", "macos": "desktop", "windows": "desktop"}  # all others are web sites
SCREEN = 'In this UI screenshot, what is the position of the element corresponding to the command "'


@config
class ScreenSpotQuestions(Pictured):
    """Clicks. The default asks in SeeClick's words for a box, and reads the model's own markup or the JSON of recorded answers.

    `files` and `tables` are names with {platform}; files are read where they are there, else tables, else Parquet. Scores are
    read by platform and by whether the element is a text or an icon, as papers report them.
    """

    about: ClassVar[str] = "where to click for a command"
    abilities: ClassVar[tuple[str, ...]] = ("grounding", "agent")
    layout: ClassVar[str] = "a folder with screenspot_mobile.json, … and screenspot_imgs, or ScreenSpot_Mobile.tsv, …"

    name: str = "screenspot"
    path: str = "screenspot"
    files: str = "screenspot_{platform}.json"
    tables: str = "ScreenSpot_{Platform}.tsv"
    pictures: tuple[str, ...] = ("screenspot_imgs",)
    prompt: Prompt = Prompt(before=SCREEN, after='" (with bbox)?')
    sampling: Sampling = Sampling(max_tokens=64)
    metrics: tuple[Metric, ...] = (ScreenSpot(format=OwnPoints()),)
    subsets: tuple[str, ...] = ("group",)
    trivial: tuple[str, ...] = ("[<w.5>, <h.5>]",)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → the commands of its platforms. DataError where one of the three is missing."""
        shards = sorted(file.glob("data/test-*.parquet"))
        for number, shard in enumerate(shards):
            yield from self._of_hub(shard, f"{uri}/data/{shard.name}", number)
        for platform in () if shards else PLATFORMS:
            names = [name.format(platform=platform, Platform=platform.capitalize()) for name in (self.files, self.tables)]
            name = next((name for name in names if (file / name).is_file()), None)
            if name is None:
                raise DataError(
                    uri,
                    f"neither {names[0]} nor {names[1]}, nor data/test-….parquet",
                    self.layout,
                    "take the files as they are published",
                )
            rows, where = read_rows(file / name, f"{uri}/{name}"), f"{uri}/{name}"
            screens = "" if "image" in rows[0] else find_pictures(file, uri, self.pictures)
            for number, row in enumerate(rows):
                yield self.question(row, platform, number, screens, f"{where}:{number}")

    def question(self, row: dict[str, Any], platform: str, number: int, screens: str, where: str) -> Question:
        """A row of a file or of a table → the question where to click."""
        command = row["instruction"] if "instruction" in row else need(row, "question", where)
        shown = row["image"][0] if "image" in row else screens + str(need(row, "img_filename", where))
        group = f"{platform} {need(row, 'data_type', where)}"
        sample = asking(f"{platform}:{number}", self.prompt.words(str(command)), [shown], task=group)
        return Question(sample, corners(_listed(need(row, "bbox", where)), where), {"group": group})

    def sized(self, question: Question, width: int, height: int) -> Question:
        """Question + the size of its screen → the same with its box in px, where the file has it of 1."""
        sized = super().sized(question, width, height)
        if "unit" not in sized.facts:
            return sized
        x0, y0, x1, y1 = question.gold
        facts = {name: value for name, value in sized.facts.items() if name != "unit"}
        return replace(sized, gold=[x0 * width, y0 * height, x1 * width, y1 * height], facts=facts)

    def _of_hub(self, shard: Path, uri: str, part: int) -> Iterator[Question]:
        for number, row in enumerate(read_rows(shard, uri)):
            where, box = f"{uri}:{number}", need(row, "bbox", f"{uri}:{number}")
            if not isinstance(box, list) or len(box) != 4 or not all(isinstance(side, float) and 0 <= side <= 1 for side in box):
                raise DataError(where, f"bbox {str(box)[:60]}", "x1, y1, x2, y2 of 1")
            platform = SOURCES.get(str(need(row, "data_source", where)), "web")
            group = f"{platform} {need(row, 'data_type', where)}"
            words, shown = self.prompt.words(str(need(row, "instruction", where))), need(row, "image", where)
            yield Question(asking(f"{part}:{number}", words, shown[:1], task=group), box, {"group": group, "unit": True})


@config
class ScreenSpotPro(ScreenSpotQuestions):
    """Screens of professional programs. Scores are read by the program's kind, and by text and icon."""

    about: ClassVar[str] = "where to click on large screens of professional programs"
    size: ClassVar[int] = 1581
    layout: ClassVar[str] = "a folder with annotations/….json and images"

    name: str = "screenspot_pro"
    path: str = "screenspot_pro"
    pictures: tuple[str, ...] = ("images",)
    subsets: tuple[str, ...] = ("group", "ui_type")

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → the commands of its files, by name."""
        files = sorted((file / "annotations").glob("*.json"))
        if not files:
            raise DataError(f"{uri}/annotations", "no .json", self.layout, "take the folder as it is published")
        screens = find_pictures(file, uri, self.pictures)
        for table in files:
            for number, row in enumerate(read_rows(table, f"{uri}/annotations/{table.name}")):
                where = f"{uri}/annotations/{table.name}:{number}"
                box, size = _listed(need(row, "bbox", where)), need(row, "img_size", where)
                if not isinstance(box, list) or len(box) != 4 or not isinstance(size, list) or len(size) != 2:
                    raise DataError(where, f"bbox {box} and img_size {size}", "x1, y1, x2, y2 and width, height, px")
                words, shown = str(need(row, "instruction", where)), screens + str(need(row, "img_filename", where))
                facts = {"group": str(need(row, "group", where)), "ui_type": str(need(row, "ui_type", where))}
                sample = asking(str(need(row, "id", where)), self.prompt.words(words), [shown], task=facts["group"])
                yield Question(sample, box, facts | {"width": int(size[0]), "height": int(size[1])})


def _listed(box: Any) -> Any:
    """A box as a list, or as the text of one, as TSV files hold it."""
    if isinstance(box, str):
        try:
            return ast.literal_eval(box)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return box
    return box
