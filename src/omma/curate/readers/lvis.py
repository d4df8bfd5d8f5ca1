"""LVIS: COCO's layout with 1,203 categories, pictures named by their address, and what was looked for in vain → samples.

`meta["absent"]` names categories that were looked for and are not in the picture, `meta["unfinished"]` those of which not
every object is marked: neither tells of what was not looked for at all. Layout: lvis-dataset/lvis-api `lvis/lvis.py`.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Self

from omma.core.config import config
from omma.curate.formats.fields import name_of
from omma.curate.formats.listing import Listing
from omma.curate.formats.sniff import beside
from omma.curate.readers.coco import Coco, coco_ends, names_in

ADDRESS = re.compile(rb'"coco_url"\s*:\s*"([\x20\x21\x23-\x7e]*)"')
LISTS = {"absent": "neg_category_ids", "unfinished": "not_exhaustive_category_ids"}


@config
class Lvis(Coco):
    """Pictures are `file_name` where there is one, else the last two parts of `coco_url` (`train2017/000000391895.jpg`)."""

    path: str = "lvis_v1_train.json"

    def file_name(self, image: dict[str, Any]) -> str:
        """An item of `images` → folder and name of the picture."""
        if image.get("file_name"):
            return name_of(image, "file_name")
        return "/".join(name_of(image, "coco_url").rsplit("/", 2)[-2:])

    def more(self, image: dict[str, Any], categories: dict[Any, Any]) -> dict[str, str]:
        """An item of `images` + categories by id → names of categories, as JSON text."""
        found = {}
        for name, ids in LISTS.items():
            listed = image.get(ids)
            known = (
                [categories.get(number, {}).get("name", str(number)) for number in listed if isinstance(number, (int, str))]
                if isinstance(listed, list)
                else []
            )
            if known:
                found[name] = json.dumps(known)
        return found

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """JSON objects laid out as COCO is, with categories that are not in a picture."""
        for name in listing.ending(".json"):
            ends = coco_ends(listing, name)
            if b'"neg_category_ids"' in ends:
                named = names_in(ends) or ["/".join(found.decode().split("/")[-2:]) for found in ADDRESS.findall(ends)[:50]]
                yield cls(path=name, pictures=beside(listing, name, named))
