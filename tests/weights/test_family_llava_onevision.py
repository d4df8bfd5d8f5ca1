"""LLaVA-OneVision: videos give the same ids, logits, replies and gradients as in transformers; other limits are refused."""

import json

import numpy as np
import pytest
import torch
from llava_folders import check_gradients, check_greedy, our_batch, worst
from llava_line import llava_onevision, onevision_inputs

from omma.core.errors import CheckpointError
from omma.media.draw import to_png
from omma.schema.sample import Media, Part, Sample, Turn
from omma.weights.source import open_source

pytestmark = pytest.mark.parity

# fp32, as a share of the largest value compared. Worst case measured: logits 7.6e-7, gradients 1.2e-5.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4


def film(root, frames=5, width=31, height=17):
    """A question about a video, which is a folder of pictures."""
    rng, place = np.random.default_rng(frames), root / f"film-{frames}"
    place.mkdir()
    for number in range(frames):
        (place / f"{number}.png").write_bytes(to_png(rng.integers(0, 256, (height, width, 3)).astype(np.uint8)))
    media = (Media(place.name, kind="video", width=width, height=height, frames=frames, fps=1.0),)
    return Sample(place.name, "test", media=media, turns=(Turn("user", (Part("video", index=0), Part("text", "what moves?"))),))


@pytest.mark.parametrize("seed", [4, 5])
def test_videos_give_the_same_logits(seed, tmp_path):
    pair = llava_onevision(seed, tmp_path / "released", language="qwen2")
    one = film(tmp_path)
    seen, batch = onevision_inputs(pair, tmp_path, one), our_batch(pair, tmp_path, [one])
    image, video = pair.codec.image_id, pair.theirs.config.video_token_index
    # our slots all hold one token, whatever fills them
    assert batch.tokens.tolist() == torch.where(seen["input_ids"][0] == video, image, seen["input_ids"][0]).tolist()
    output = pair.module(batch)
    with torch.no_grad():
        assert worst(output.stream.hidden @ output.head.T, pair.theirs(**seen).logits[0]) <= TOLERANCE
    check_greedy(pair, tmp_path, [one], make_inputs=onevision_inputs)


def test_gradients_through_a_video_are_the_same(tmp_path):
    pair = llava_onevision(4, tmp_path / "released", language="qwen3")
    assert check_gradients(pair, tmp_path, [film(tmp_path), film(tmp_path, frames=3)], onevision_inputs) <= GRADIENT_TOLERANCE


def test_other_limits_are_refused(tmp_path):
    pair = llava_onevision(0, tmp_path / "released", most=9)
    stored = pair.folder / "config.json"
    stored.write_text(json.dumps(json.loads(stored.read_text()) | {"vision_aspect_ratio": "anyres"}))
    with pytest.raises(CheckpointError, match="vision_aspect_ratio is 'anyres'; expected 'anyres_max_9'"):
        open_source(pair.folder)
