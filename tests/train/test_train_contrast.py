"""Two towers in training: parts of a batch are the batch, what is drawn, a killed run goes on bit by bit, what a log tells."""

import multiprocessing
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from omma.core.errors import CheckpointError, ConfigError, DataError
from omma.core.runs import RunFolder
from omma.media.draw import to_png
from omma.media.store import Store
from omma.model.similarity import Scaled, Shifted
from omma.nn.init import init
from omma.objective.contrastive import InfoNce, Sigmoid
from omma.pack.captions import Tiles, caption_ids
from omma.schema.sample import Caption, Media, Part, Sample, Turn
from omma.train.contrast import ContrastStage, PairMaterials, train_contrast
from omma.train.loop import Settings
from omma.train.optimizers.adamw import AdamW
from omma.train.pair_batch import backward, pair_batch
from omma.train.pairs import Draws, pictured
from omma.train.recall import recall
from omma.train.signals import Stopped
from omma_recipes.runs.clip_small import clip_small

NEAR = 2e-6  # fp32, gradients in parts against at once; measured 3e-7
COLOURS = [(r, g, b) for r in (0, 120, 250) for g in (0, 120, 250) for b in (0, 250)]


def small():
    recipe = clip_small().tiny()
    return replace(recipe, stage=ContrastStage(steps=9, batch=6, micro_batches=2, optimizer=AdamW(lr=0.01), validate_every=4))


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Eighteen pictures of one colour, told by two samples each: one caption, and two of which one is known already."""
    root, found = tmp_path_factory.mktemp("colours"), []
    for number, (r, g, b) in enumerate(COLOURS):
        data = to_png(np.full((20, 24, 3), (r, g, b), np.uint8))
        (root / f"{number}.png").write_bytes(data)
        media = (Media(f"{number}.png", sha256=f"hash{number}", width=24, height=20),)
        first = f"red {r} green {g} blue {b}"
        found += [Sample(f"a{number}", "s", media=media, captions=(Caption(first),)),
                  Sample(f"b{number}", "s", media=media, captions=(Caption(first), Caption(f"the colour {number}")))]  # fmt: skip
    return root, found


@pytest.fixture(scope="module")
def materials(samples, tmp_path_factory):
    root, found = samples
    codec = small().model.text.fit(found, tmp_path_factory.mktemp("tokenizer"))
    pairs, _ = pictured(found)
    return PairMaterials(pairs, pairs[:5], codec, Tiles(Store(root), small().model))


def module(seed=0, **changes):
    made = replace(small().model, **changes).build()
    init(made, seed)
    return made


def trained(materials, folder, recipe, **settings):
    model = module()
    given = Settings(**{"log_every": 2, "checkpoint_every": 3, "keep_last": 9, **settings})
    return train_contrast(
        recipe.stage, model, materials, RunFolder(folder), recipe=recipe, device=torch.device("cpu"), settings=given
    )


def files(checkpoint):
    return {name: (checkpoint.folder / name).read_bytes() for name in ("model.safetensors", "optimizer.safetensors", "state.json")}


def told(folder):
    return [{k: v for k, v in line.items() if k != "time"} for line in RunFolder(folder).log.read()]


# a batch and its parts


@pytest.mark.parametrize("parts", [2, 3, 6])
@pytest.mark.parametrize("objective", [InfoNce(), Sigmoid()])
def test_parts_of_a_batch_give_its_loss_and_gradients(materials, objective, parts):
    model = module(similarity=Scaled() if isinstance(objective, InfoNce) else Shifted())
    pairs = materials.pairs[:6]

    def step(count):
        model.zero_grad()
        size = 6 // count
        made = [
            pair_batch([one.media for one in pairs[i : i + size]], [one.captions[0] for one in pairs[i : i + size]],
                       model.cfg, materials.codec, materials.tiles) for i in range(0, 6, size)
        ]  # fmt: skip
        return backward(model, objective, made), {name: p.grad.clone() for name, p in model.named_parameters()}

    (whole, expected), (loss, found) = step(1), step(parts)
    assert loss == pytest.approx(whole, rel=1e-6)
    assert max(float(grad.abs().max()) for grad in expected.values()) > 0.01
    for name, grad in expected.items():
        assert (found[name] - grad).abs().max() <= NEAR * max(1.0, float(grad.abs().max())), name


# what is drawn


def test_samples_of_one_picture_are_one_pair_with_all_that_they_say(samples):
    pairs, left = pictured(samples[1])
    assert len(pairs) == len(COLOURS) and not left
    assert pairs[3].captions == ["red 0 green 120 blue 250", "the colour 3"]
    assert pairs[3].sample_id == "a3"


def test_no_picture_stands_twice_in_a_batch_and_all_are_seen(materials):
    draws = Draws(materials.pairs, 5, seed=1)
    steps = [draws.of(step) for step in range(60)]
    assert all(len(set(draw.pictures)) == 5 for draw in steps)
    for epoch in range(20):
        seen = np.concatenate([draw.pictures for draw in steps[3 * epoch : 3 * epoch + 3]])
        assert len(set(seen)) == 15
    counts = np.bincount(np.concatenate([draw.pictures for draw in steps]), minlength=18)
    assert counts.min() >= 12, "what one order leaves over is another each time"
    drawn = {(p, c) for draw in steps for p, c in zip(draw.pictures, draw.captions, strict=True)}
    assert drawn == {(p, c) for p in range(18) for c in range(2)}


def test_a_draw_depends_on_seed_and_step_alone(materials):
    one, other = Draws(materials.pairs, 5, seed=1), Draws(materials.pairs, 5, seed=2)
    late = one.of(31)
    assert all(np.array_equal(a, b) for a, b in ((late.pictures, one.of(31).pictures), (late.captions, one.of(31).captions)))
    assert late.pictures.tolist() != other.of(31).pictures.tolist()
    assert one.hash != other.hash != Draws(materials.pairs[:-1], 5, seed=2).hash


def test_samples_that_are_no_pairs_are_told_and_too_few_pictures_refused(materials):
    media = Media("a.png", width=9, height=9)
    asked = Sample("q", "s", media=(media,), turns=(Turn("user", (Part("text", "what?"),)),))
    two = Sample("t", "s", media=(media, media), captions=(Caption("both"),))
    film = Sample("f", "s", media=(Media("a.mp4", kind="video"),), captions=(Caption("moves"),))
    pairs, left = pictured([asked, two, film, Sample("e", "s", media=(media,), captions=(Caption("  "),))])
    assert not pairs
    assert {entry.sample_id: (entry.verdict, entry.reason) for entry in left} == {
        "q": ("leftover", "no caption"), "t": ("leftover", "2 pictures; a pair has one"),
        "f": ("leftover", "a video; a pair has a picture"), "e": ("leftover", "no caption"),
    }  # fmt: skip
    with pytest.raises(DataError, match="18 different pictures with captions; expected at least 19"):
        Draws(materials.pairs, 19, seed=0)


def test_long_captions_are_cut_in_front_of_their_end_mark(materials):
    codec = materials.codec
    short, long = caption_ids(codec, ["red", "red 0 green 0 blue 0 " * 20], 8)
    assert len(long) == 8 and len(short) < 8
    assert short[-1] == long[-1] == codec.stop_ids[0]
    assert not set(codec.stop_ids) & set(caption_ids(codec, ["red </s> <|im_end|>"], 64)[0][:-1].tolist())


# a run


def test_a_run_learns_and_logs_what_it_did(materials, tmp_path):
    stage = replace(small().stage, steps=60, batch=18, micro_batches=1, validate_every=30, optimizer=AdamW(lr=5e-3))
    recipe = replace(small(), stage=stage)
    pairs = [replace(one, captions=one.captions[:1]) for one in materials.pairs]  # the second says nothing of what is seen
    trained(replace(materials, pairs=pairs), tmp_path, recipe, log_every=10, checkpoint_every=100)
    lines = told(tmp_path)
    losses = [line["loss"] for line in lines if line["event"] == "step"]
    assert losses[-1] < 0.6 * losses[0]
    checked = [line for line in lines if line["event"] == "validation"]
    assert [line["step"] for line in checked] == [30, 60]
    assert checked[-1]["picture_to_text_recall@1"] >= 0.8 and checked[-1]["count"] == 5
    assert lines[-2]["pictures"] == 180 and 0 < lines[-2]["scale"] <= 100
    assert RunFolder(tmp_path).done("train-contrast")["checkpoint"] == "contrast-00000060"


def _killed(materials, folder, recipe, at):
    """A child whose process ends without a word in the middle of step `at`."""
    drawn = Draws.of

    def of(self, step):
        if step == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return drawn(self, step)

    Draws.of = of
    torch.set_num_threads(1)
    trained(materials, folder, recipe)


@pytest.mark.parametrize("at", [2, 7])
def test_a_killed_run_goes_on_bit_by_bit(materials, tmp_path, at):
    recipe = small()
    whole = trained(materials, tmp_path / "whole", recipe)
    child = multiprocessing.get_context("fork").Process(target=_killed, args=(materials, tmp_path / "cut", recipe, at))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    again = trained(materials, tmp_path / "cut", recipe)
    assert files(again) == files(whole)
    assert told(tmp_path / "cut") == told(tmp_path / "whole")
    assert files(trained(materials, tmp_path / "cut", recipe)) == files(whole), "a finished run is read again"


def test_a_run_that_is_asked_to_stop_writes_a_checkpoint_and_goes_on_bit_by_bit(materials, tmp_path, monkeypatch):
    whole = trained(materials, tmp_path / "whole", small())
    drawn = Draws.of

    def of(self, step):
        if step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return drawn(self, step)

    with monkeypatch.context() as patched, pytest.raises(Stopped, match="stopped after step 5 of 9, checkpoint written"):
        patched.setattr(Draws, "of", of)
        trained(materials, tmp_path / "cut", small())
    assert (tmp_path / "cut/checkpoints/contrast-00000005").is_dir()
    assert files(trained(materials, tmp_path / "cut", small())) == files(whole)
    assert told(tmp_path / "cut") == told(tmp_path / "whole")


def test_a_checkpoint_of_other_data_is_refused(materials, tmp_path):
    trained(materials, tmp_path, small())
    with pytest.raises(CheckpointError, match="was trained on plan"):
        trained(replace(materials, pairs=materials.pairs[:-1]), tmp_path, small())


def test_a_loss_that_is_not_finite_stops_the_run(materials, tmp_path):
    recipe = replace(small(), stage=replace(small().stage, optimizer=AdamW(lr=1e38)))
    with pytest.raises(DataError, match=r"train contrast step \d+: loss or gradient is not finite"):
        trained(materials, tmp_path, recipe)


def test_recall_by_hand():
    """Ours: the second picture prefers the third text; the texts of the last two say the same."""
    cosines = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.4], [0.1, 0.2, 0.3]])
    assert recall(cosines, ["a", "b", "c"]) == {
        "count": 3.0, "picture_to_text_recall@1": pytest.approx(2 / 3), "text_to_picture_recall@1": pytest.approx(2 / 3)
    }  # fmt: skip
    assert recall(cosines, ["a", "b", "b"])["picture_to_text_recall@1"] == 1.0
    assert recall(np.ones((2, 2)), ["a", "b"])["text_to_picture_recall@1"] == 0.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, r"stage\.steps: 0"),
        ({"batch": 1}, "one picture has no negatives"),
        ({"micro_batches": 4}, r"stage\.micro_batches: 4; expected a divisor of stage\.batch = 6"),
        ({"clip": -1.0}, r"stage\.clip: -1"),
    ],
)
def test_numbers_that_cannot_be_meant_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        replace(small().stage, **changes)
