"""Swapped captions by a model: how far a small captioner of omma tells captions of other photographs from right ones.

    python benchmarks/swapped_captions.py REAL RUN [--prompt "Describe the picture."]

REAL holds `coco-ccby-dev`, RUN is a run of `captions_small`, which is trained from scratch on other photographs in three minutes.
Each of the 239 photographs is asked about with a caption of its own and with one of another photograph (each caption serves once
as either). Perplexity as a filter sees one of the two: how often is a swapped caption's higher than a right one's? Beside
it, the same caption with either picture: how often is it less surprising with its own? Saves its table beside this file.
"""

import argparse
import os
import platform
from dataclasses import replace
from pathlib import Path

import numpy as np
from planting import photographs

from omma.answerers.services.saved import Saved
from omma.core.files import write_text
from omma.curate.operators.perplexity import Perplexity
from omma.curate.picture import Picture
from omma.media.store import Store
from omma.schema.sample import Caption, Media, Sample

RESULT = Path(__file__).parent / "results" / "swapped_captions.txt"
SHARES = (0.1, 0.2, 0.3)


def above(high: np.ndarray, low: np.ndarray) -> float:
    """How often one of `high` exceeds one of `low`: the area under the curve."""
    return float((high[:, None] > low).mean() + (high[:, None] == low).mean() / 2)


def table(right: np.ndarray, swapped: np.ndarray) -> list[str]:
    """Perplexities of the same captions with their own and with another's picture → lines."""
    lines = [
        f"a swapped caption's perplexity is above a right one's in {above(swapped, right):.1%} of pairs",
        f"the same caption's is above that with its own picture in {(swapped > right).mean():.1%}",
        f"perplexity: median {np.median(right):.1f} right, {np.median(swapped):.1f} swapped",
        "",
        f"{'of 10% swapped captions':28}{'recall':>10}{'precision':>11}",
    ]
    for share in SHARES:  # weights stand for a set of which a tenth is swapped
        limit = np.quantile(
            np.concatenate([right, swapped]), 1 - share, weights=np.repeat([0.9, 0.1], len(right)), method="inverted_cdf"
        )
        found, wrong = 0.1 * (swapped > limit).mean(), 0.9 * (right > limit).mean()
        lines.append(f"{f'the worst {share:.0%} taken out':28}{found / 0.1:>10.0%}{found / (found + wrong):>11.0%}")
    return lines


def main() -> None:
    """Print the table and keep it beside this file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("real", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--prompt", default="Describe the picture.")
    asked = parser.parse_args()
    root = asked.real / "coco-ccby-dev"
    found = photographs(root)
    shown = [Picture(one.file.name, one.file.read_bytes()) for one in found]
    media = [Media(f"images/{one.uri}", sha256=one.sha256, width=one.size[0], height=one.size[1]) for one in shown]
    own = [
        Sample(str(i), "web", task="caption", media=(media[i],), captions=(Caption(one.captions[0]),))
        for i, one in enumerate(found)
    ]
    order = np.random.default_rng(0).permutation(len(own))
    other = dict(zip(order.tolist(), np.roll(order, 1).tolist(), strict=True))
    moved = [replace(sample, media=own[other[i]].media) for i, sample in enumerate(own)]
    operator = Perplexity(model=Saved(folder=str(asked.run)), prompt=asked.prompt)
    store = Store(root)
    scores = [np.array([judged.score for judged in operator.score(samples, store)]) for samples in (own, moved)]
    lines = [
        "python benchmarks/swapped_captions.py REAL RUN",
        f"{os.cpu_count()}-core {platform.machine()} CPU, {platform.system()}",
        f"{len(found)} photographs that the captioner has not seen\n",
        *table(*scores),
    ]
    print("\n".join(lines))
    write_text(RESULT, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
