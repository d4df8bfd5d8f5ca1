"""Real captions of real photos through the whole room, where the shared data are present."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from omma.media.store import Store
from omma.media.views.native import Native
from omma.pack.chat import Chat
from omma.pack.loader import Loader
from omma.pack.plan import Budget, build_plan
from omma.pack.rows import fitted_lengths
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.schema.sample import Caption, Media, Sample
from omma.schema.view import Unit

ROOT = Path(__file__).parents[2] / "../shared/real/coco-small"


@pytest.fixture
def photos():
    if not ROOT.is_dir():
        pytest.skip(f"no real photos: {ROOT} is absent")
    lines = (ROOT / "captions.jsonl").read_text(encoding="utf-8").splitlines()[:40]
    samples = []
    for line in map(json.loads, lines):
        with Image.open(ROOT / line["image"]) as picture:
            size = picture.size
        captions = tuple(Caption(text) for text in line["captions"])
        sample = Sample(
            id=str(line["coco_id"]), source="coco", media=(Media(line["image"], width=size[0], height=size[1]),), captions=captions
        )
        samples.append(sample)
    return samples


def test_photos_and_captions(photos, make, tmp_path):
    class NativeEye(make.PatchEye):
        patch = 16
        view = Native(min_pixels=64 * 64, max_pixels=128 * 128)

        def plan(self, width, height, count=1):
            return self.view.plan(width, height, Unit(16))

    samples, eye = photos, NativeEye()
    codec = Chat(tokenizer=TrainedBpe(vocab_size=1000), caption_prompts=("Describe it.",)).fit(samples, tmp_path)
    budget = Budget(tokens=512, patches=256, bins_per_step=2)
    counted = fitted_lengths(samples, codec, eye, budget.tokens, budget.patches)
    assert len(counted.tokens) == sum(len(sample.captions) for sample in samples) and not counted.entries
    planned = build_plan(counted, [s.id for s in samples], ["coco"] * len(samples), {}, budget, seed=0, epochs=5.0)
    failures, names, words = [], [], []
    for step in Loader(planned.plan, samples, codec, eye, Store(ROOT), on_error=failures.append):
        for batch in step:
            assert len(batch.tokens) <= 1024 and batch.pictures.grids.prod(1).sum() == len(batch.pictures.patches)
            assert (batch.tokens[batch.slots] == codec.image_id).all() and len(batch.slots) == len(batch.pictures.patches)
            names += batch.sample_ids
            words.append(codec.decode(batch.labels[batch.labels >= 0]))
    assert not failures and planned.plan.facts.fill > 0.8
    said = {caption.text for sample in samples for caption in sample.captions}
    assert sum(text in "".join(words) for text in said) / len(said) > 0.9  # five passes: nearly each caption once
    assert np.unique(names).size == len(samples)
