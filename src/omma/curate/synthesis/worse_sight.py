"""Worse sight: a picture → two requests for its description, a fair and a spoilt one, and their replies → a preference sample.

As STIC (yihedeng9/STIC, `stic/generate_pref.py`): the fair request shows the picture and asks for care; the spoilt one shows it
with its colours shifted or its details gone, or asks for things that need not be there. Strengths are those of that file (which
as published computes, but never passes on, that the picture is to be spoilt); prompts are ours. Any model may answer.
"""

from dataclasses import dataclass, replace
from random import Random

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageEnhance

from omma.core.errors import DataError
from omma.schema.sample import Media, Part, Sample, Turn

VERSION = "1"
FAIR = (
    "Describe the picture step by step: the main subject first, then what is around it. Name only what you can see.",
    "Look at every part of the picture and describe it. Leave out whatever you are not sure of.",
)
MISLEADING = (
    "Describe the picture, and make up some objects that would fit into it.",
    "Describe what happened before and what cannot be seen beyond the edges of the picture as if you saw it.",
    "Describe the picture from a short look. Guess the details.",
)


@dataclass(frozen=True, slots=True)
class Requests:
    """Two samples that end with a user's turn: what the better and what the worse reply answers."""

    fair: Sample
    spoilt: Sample


def shift_colours(image: UInt8[np.ndarray, "h w 3"], random: Random) -> UInt8[np.ndarray, "h w 3"]:
    """Picture → its hue turned by up to 0.3 of the circle either way, its brightness times 0.5 to 1.5."""
    hue, saturation, value = Image.fromarray(image).convert("HSV").split()
    turn = round(random.uniform(-0.3, 0.3) * 256)
    turned = hue.point([(level + turn) % 256 for level in range(256)])
    picture = Image.merge("HSV", (turned, saturation, value)).convert("RGB")
    return np.array(ImageEnhance.Brightness(picture).enhance(random.uniform(0.5, 1.5)))


def lose_details(image: UInt8[np.ndarray, "h w 3"], side: int = 20) -> UInt8[np.ndarray, "h w 3"]:
    """Picture → the same size, with the details of one whose shorter side is `side` px."""
    picture = Image.fromarray(image)
    scale = min(1.0, side / min(picture.size))
    small = picture.resize((max(1, round(scale * picture.width)), max(1, round(scale * picture.height))), Image.Resampling.BOX)
    return np.array(small.resize(picture.size, Image.Resampling.BILINEAR))


def requests(sample: Sample, random: Random, spoilt_uri: str = "") -> Requests:
    """Sample of one picture → its two requests. Spoilt is the picture where `spoilt_uri` names a worse one, else the prompt."""
    if len(sample.media) != 1:
        raise DataError(sample.id, f"{len(sample.media)} pictures", "one")
    prompt = random.choice(FAIR)
    fair = _asking(sample, sample.media[0], prompt, "fair")
    if spoilt_uri:
        return Requests(fair, _asking(sample, Media(spoilt_uri), prompt, "worse picture"))
    return Requests(fair, _asking(sample, sample.media[0], random.choice(MISLEADING), "misleading prompt"))


def preference(asked: Requests, better: str, worse: str) -> Sample:
    """Requests and a reply to each → the fair request with the better reply chosen and the worse one rejected.

    DataError where both replies say the same, which teaches nothing.
    """
    if not better.strip() or better.strip() == worse.strip():
        raise DataError(asked.fair.id, repr(better)[:60], "two different descriptions")
    chosen, rejected = (Turn("assistant", (Part("text", reply),)) for reply in (better, worse))
    meta = asked.fair.meta | {"spoilt": asked.spoilt.meta["spoilt"]}
    turns = (*asked.fair.turns, chosen)
    return replace(asked.fair, task="preference", turns=turns, chosen=(chosen,), rejected=(rejected,), meta=meta)


def _asking(sample: Sample, media: Media, prompt: str, spoilt: str) -> Sample:
    question = Turn("user", (Part("image", index=0), Part("text", prompt)))
    meta = sample.meta | {"origin": f"worse_sight-{VERSION}", "spoilt": spoilt, "parent": sample.id}
    id = f"{sample.id}#{'fair' if spoilt == 'fair' else 'spoilt'}"
    return Sample(id, sample.source, "description", (media,), (question,), meta=meta)
