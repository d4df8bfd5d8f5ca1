"""Recall: cosines of N pictures × their N texts → how often the highest of a row is the picture's own text, and the other way.

Texts that say the same are one: a picture whose words another picture has, too, is not held to tell them apart.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def recall(cosines: Float[np.ndarray, "N N"], texts: Sequence[str]) -> dict[str, float]:
    """Shares in 0..1 of N pictures and texts; a tie with another text is a miss."""
    ids = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    same = np.array([ids[text] for text in texts])
    others = np.where(same[:, None] == same[None], -np.inf, cosines)
    own = cosines.diagonal()
    found = {"picture_to_text": own > others.max(axis=1), "text_to_picture": own > others.max(axis=0)}
    return {"count": float(len(texts))} | {f"{name}_recall@1": float(hits.mean()) for name, hits in found.items()}
