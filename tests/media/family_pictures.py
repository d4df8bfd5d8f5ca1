"""Random pictures, and what transformers' image processors make of one; shared by the tests of the families' views."""

import numpy as np
from PIL import Image

RAW = {"do_rescale": False, "do_normalize": False}  # pixel values as they are, so that 1 is a 255th


def sizes(count=200, seed=0, longest=200):
    """Random picture sizes, log-uniform, no side below 4 px."""
    random = np.random.default_rng(seed)
    return np.exp(random.uniform(np.log(4), np.log(longest), (count, 2))).astype(int).tolist()


def picture(width, height):
    return np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def values(processor, image, **options):
    """What a processor makes of one picture: its tiles as (height, width, 3)."""
    found = processor(images=Image.fromarray(image), return_tensors="np", **RAW, **options)["pixel_values"]
    return [tile.transpose(1, 2, 0) for tile in found.reshape(-1, *found.shape[-3:])]


def worst(ours, theirs):
    assert [a.shape for a in ours] == [b.shape for b in theirs]
    return max(float(np.abs(a.astype(float) - b).max()) for a, b in zip(ours, theirs, strict=True))
