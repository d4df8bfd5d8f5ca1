"""CLIPScore: embeddings of pictures, captions and references (any scorer's) → 2.5 · max(cosine, 0), and with references.

jmhessel/clipscore, `clipscore.py` at 459f821 (Hessel et al. 2021, equations 1 and 2). There the scorer is CLIP ViT-B/32
and a caption stands behind the words "A photo depicts ".
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from omma.core.config import config
from omma.metrics.metric import Facts, Metric
from omma.metrics.structured import as_number, parse

WEIGHT = 2.5
PREFIX = "A photo depicts "


def cosines(a: Float[np.ndarray, "N D"], b: Float[np.ndarray, "N D"]) -> Float[np.ndarray, " N"]:
    """Embeddings in pairs → their cosines; 0 where one is all zeros."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.divide((a * b).sum(axis=-1), norms, out=np.zeros(norms.shape), where=norms > 0)


def clip_score(cosine: float) -> float:
    """Cosine of a picture and its caption → CLIPScore, in [0, 2.5]."""
    return WEIGHT * max(cosine, 0.0)


def ref_clip_score(cosine: float, reference_cosines: Sequence[float]) -> float:
    """Cosine of picture and caption, and of the caption with each reference → RefCLIPScore, in [0, 1.43].

    The harmonic mean of CLIPScore and the largest cosine with a reference (not below 0, as in the paper); 0 if both are.
    """
    image, text = clip_score(cosine), max(*reference_cosines, 0.0)
    return 2 * image * text / (image + text) if image + text else 0.0


@config
class ClipScore(Metric):
    """Mean CLIPScore. A reply is JSON: a cosine, or an object with "cosine". Gold and facts are not read."""

    label = "CLIPScore"
    source = "jmhessel/clipscore clipscore.py"

    def extract(self, raw: str, facts: Facts) -> Mapping[str, Any] | None:
        said = parse(raw)
        said = {"cosine": said} if isinstance(said, int | float) else said
        return said if isinstance(said, dict) and _is_cosine(said.get("cosine")) else None

    def match(self, said: Mapping[str, Any], gold: Any, facts: Facts) -> float:
        return clip_score(said["cosine"])


@config
class RefClipScore(ClipScore):
    """Mean RefCLIPScore. A reply is JSON: {"cosine": 0.3, "references": [0.8, 0.7]}. Gold and facts are not read."""

    label = "RefCLIPScore"

    def extract(self, raw: str, facts: Facts) -> Mapping[str, Any] | None:
        said = super().extract(raw, facts)
        references = said.get("references") if said else None
        return said if isinstance(references, list) and references and all(map(_is_cosine, references)) else None

    def match(self, said: Mapping[str, Any], gold: Any, facts: Facts) -> float:
        return ref_clip_score(said["cosine"], said["references"])


def _is_cosine(value: Any) -> bool:
    """Whether a value of JSON is a number from -1 to 1, with room for rounding."""
    number = as_number(value)
    return number is not None and abs(number) <= 1.001
