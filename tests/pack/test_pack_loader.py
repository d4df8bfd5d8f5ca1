"""Loader: one order for any number of workers and ranks, any start, failing pictures told, batches by hand."""

import pickle
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from omma.core.errors import ConfigError, DataError, OmmaError, ShapeError
from omma.media.store import Store
from omma.pack.collate import blank, collate, rows_to_batch
from omma.pack.loader import Loader
from omma.pack.pixels import Pixels
from omma.pack.plan import Budget, build_plan
from omma.pack.rows import fit, fitted_lengths
from omma.schema.batch import IGNORE
from omma.schema.sample import Caption, Media

BUDGET = Budget(tokens=64, patches=16, bins_per_step=8)


def planned(samples, codec, eye, budget=BUDGET, **options):
    sizes = fitted_lengths(samples, codec, eye, budget.tokens, budget.patches)
    options = {"seed": 3, "epochs": 2.0} | options
    return build_plan(sizes, [s.id for s in samples], [s.source for s in samples], {}, budget, **options).plan


@pytest.fixture
def samples(make):
    talks = [make.dialogue(f"d{i}", exchanges=1 + i % 4, pictures=i % 3, uri="ab"[i % 2] + ".png") for i in range(40)]
    return talks + [make.captioned(f"c{i}") for i in range(20)]


@pytest.fixture
def job(samples, codec, eye, store):
    return planned(samples, codec, eye), samples, codec, eye, store


def flat(batches):
    """Batches → everything in them that training reads, as one comparable value."""
    parts = [
        (b.tokens, b.labels, b.positions, b.cu_seqlens, b.slots, b.gather, b.pictures.patches, b.pictures.grids) for b in batches
    ]
    return [([t.tolist() for t in part], b.sample_ids, b.sources) for part, b in zip(parts, batches, strict=True)]


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_do_not_change_the_order(job, workers):
    alone, together = list(Loader(*job)), list(Loader(*job, workers=workers))
    assert len(alone) == len(Loader(*job)) == job[0].num_steps >= 4
    assert [flat(step) for step in alone] == [flat(step) for step in together]


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("micro_batches", [1, 2])
def test_ranks_share_each_step(job, ranks, micro_batches):
    plan, samples = job[:2]
    feeds = [list(Loader(*job, rank=rank, ranks=ranks, micro_batches=micro_batches)) for rank in range(ranks)]
    for step in range(plan.num_steps):
        for rank, feed in enumerate(feeds):
            bins = range(step * 8, step * 8 + 8)[rank::ranks]
            names = [samples[plan.sample[e]].id for b in bins for e in plan.entries(b)]
            assert [name for batch in feed[step] for name in batch.sample_ids] == names
            assert len(feed[step]) == micro_batches


def test_any_step_is_a_start(job):
    whole = list(Loader(*job))
    for start in (0, 1, len(whole) - 1, len(whole)):
        rest = list(Loader(*job, start_step=start))
        assert [flat(step) for step in rest] == [flat(step) for step in whole[start:]]
        assert len(Loader(*job, start_step=start)) == len(rest)


def test_bins_hold_what_the_plan_counted(job, codec, eye):
    plan, samples = job[:2]
    seen = []
    for step in Loader(*job, micro_batches=8):
        for batch in step:
            assert len(batch.tokens) <= BUDGET.tokens and (len(batch.slots) == 0 or len(batch.pictures.patches) <= BUDGET.patches)
            borders = batch.cu_seqlens.tolist()
            seen += [batch.tokens[a:b].tolist() for a, b in pairwise(borders)]
    rows = [
        fit(samples[s], codec, eye, 64, 16, 0 if samples[s].turns else v).rows
        for s, v in zip(plan.sample, plan.variant, strict=True)
    ]
    wanted = [r[v if samples[s].turns else 0] for r, s, v in zip(rows, plan.sample, plan.variant, strict=True)]
    assert seen == [row.token_ids.tolist() for row in wanted]
    assert any(len(r) > 1 for r in rows)  # some conversations came in pieces


def test_batch_by_hand(codec, eye, store, make):
    samples = [
        make.dialogue("x", pictures=2, words=1),
        make.dialogue("y", pictures=0, words=1),
        make.dialogue("z", words=1, uri="b.png"),
    ]
    rows = [codec.row(sample, eye) for sample in samples]
    batch = rows_to_batch(rows, eye, store)
    lengths = [row.num_tokens for row in rows]
    assert batch.cu_seqlens.tolist() == [0, *np.cumsum(lengths).tolist()]
    assert batch.tokens.tolist() == [i for row in rows for i in row.token_ids.tolist()]
    assert batch.sample_ids == ("x", "y", "z") and batch.sources == ("talk",) * 3
    for row, start in zip(rows, np.cumsum([0, *lengths]), strict=False):
        labels = batch.labels[start : start + row.num_tokens].tolist()
        assert labels == [row.token_ids[t + 1] if row.supervised[t + 1] else IGNORE for t in range(row.num_tokens - 1)] + [IGNORE]
    third = lengths[0] + lengths[1]
    assert batch.slots.tolist() == [*range(1, 9), *range(third + 1, third + 5)]
    assert batch.gather.tolist() == list(range(12))
    assert batch.pictures.grids.tolist() == [[1, 2, 2]] * 3
    assert batch.pictures.patches.shape == (12, 192) and batch.pictures.patches.dtype == torch.uint8
    assert batch.positions[:, 0].tolist() == [i for n in lengths for i in range(n)]
    assert {batch.tokens.dtype, batch.labels.dtype, batch.slots.dtype, batch.gather.dtype} == {torch.int64}
    assert (batch.tokens[batch.slots] == codec.image_id).all()
    assert batch.pictures.patches[8:].float().mean() < batch.pictures.patches[:8].float().mean() + 99


def test_negative_gather_survives(codec, store, make):
    class NewlineEye(make.PatchEye):
        def layout(self, plan):
            return (np.array([0, 1, -1, 2, 3, -1, -2]),)

    eye = NewlineEye()
    rows = [codec.row(make.dialogue(str(i)), eye) for i in range(2)]
    assert rows_to_batch(rows, eye, store).gather.tolist() == [0, 1, -1, 2, 3, -1, -2, 4, 5, -1, 6, 7, -1, -2]


def test_a_batch_without_pictures_has_a_blank_tile(codec, eye, store, make):
    batch = rows_to_batch([codec.row(make.dialogue(pictures=0), eye)], eye, store)
    assert len(batch.slots) == len(batch.gather) == 0
    assert batch.pictures.grids.tolist() == [[1, 2, 2]] and (batch.pictures.patches == 255).all()
    assert blank(make.PatchEye(size=32)).grids.tolist() == [[1, 4, 4]]


def test_failing_pictures_are_left_out_and_told(samples, codec, eye, store):
    bad = [replace(s, id=f"bad{i}", media=(Media("broken.png", width=20, height=12),)) for i, s in enumerate(samples[-4:])]
    bad += [replace(samples[-1], id="gone", media=(Media("gone.png", width=20, height=12),))]
    bad += [replace(samples[-1], id="other", media=(Media("a.png", width=21, height=12),))]
    everything = [*samples, *bad]
    plan = planned(everything, codec, eye, epochs=1.0)
    expected = [everything[i].id for i in plan.sample]
    feeds = []
    for workers in (0, 2):
        entries = []
        steps = list(Loader(plan, everything, codec, eye, store, workers=workers, on_error=entries.append))
        names = [name for step in steps for batch in step for name in batch.sample_ids]
        assert names == [name for name in expected if name not in {s.id for s in bad}]
        assert {entry.sample_id for entry in entries} == {s.id for s in bad} & set(expected)
        assert {(entry.operator, entry.verdict) for entry in entries} == {("pack.loader", "error")}
        reasons = {entry.sample_id: entry.reason for entry in entries}
        assert "broken.png" in reasons["bad0"] and "gone.png" in reasons["gone"]
        assert "21" in reasons["other"] and "a.png" in reasons["other"]
        feeds.append([flat(step) for step in steps])
    assert feeds[0] == feeds[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_too_many_failures_stop_the_run(codec, eye, store, make, workers):
    samples = [make.captioned(f"c{i}", uri="broken.png") for i in range(30)]
    plan = planned(samples, codec, eye, Budget(tokens=64, patches=16, bins_per_step=2))
    with pytest.raises(
        DataError, match=r"loader: 6 pictures could not be read by step 0; the last: broken\.png.*expected at most 5"
    ):
        list(Loader(plan, samples, codec, eye, store, workers=workers, max_errors=5))


def test_a_batch_is_never_empty(codec, eye, store, make):
    samples = [make.captioned(f"c{i}", uri="broken.png") for i in range(8)]
    plan = planned(samples, codec, eye, Budget(tokens=64, patches=16, bins_per_step=2), epochs=1.0)
    [batch] = next(iter(Loader(plan, samples, codec, eye, store)))
    assert batch.num_supervised == 0 and len(batch.tokens) == 1 and batch.sample_ids == ("",)


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_leave_workers_whole(job, workers):
    plan, samples, *rest = job
    changed = [replace(sample, turns=(), captions=(Caption(None),)) for sample in samples]
    with pytest.raises(DataError, match="a caption is null; expected text") as caught:
        list(Loader(plan, changed, *rest, workers=workers))
    assert caught.value.expected == "text"


def test_a_plan_of_other_data_is_told(job):
    plan, samples, *rest = job
    shorter = [replace(sample, turns=sample.turns[:1] + sample.turns[1:2] * 30) if sample.turns else sample for sample in samples]
    with pytest.raises(DataError, match="make the plan again"):
        list(Loader(plan, shorter, *rest))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ranks": 3}, r"budget\.bins_per_step: 8 bins over 3 ranks × 1 micro-batches; expected a multiple of 3"),
        ({"ranks": 2, "micro_batches": 8}, "expected a multiple of 16"),
        ({"rank": 2, "ranks": 2}, r"loader\.rank: 2; expected 0 to 1"),
        ({"micro_batches": 0}, "0 micro-batches"),
    ],
)
def test_uneven_shares_are_told(job, options, message):
    with pytest.raises(ConfigError, match=message):
        Loader(*job, **options)


class CountingStore(Store):
    reads = 0

    def read(self, uri):
        self.reads += 1
        return super().read(uri)


def test_pictures_are_decoded_once_within_their_budget(codec, eye, store, make):
    counting = CountingStore(store.root)
    rows = [codec.row(make.dialogue(str(i), uri="ab"[i % 2] + ".png"), eye) for i in range(6)]
    pixels = Pixels(counting, eye)
    first = [pixels.of(row)[0].tolist() for row in rows]
    assert counting.reads == 2 and pixels.size == 2 * 4 * 192
    narrow = Pixels(CountingStore(store.root), eye, cache_bytes=4 * 192)
    assert [narrow.of(row)[0].tolist() for row in rows] == first
    assert narrow.store.reads == 6 and narrow.size == 4 * 192


def test_patches_must_fit_their_plan(codec, eye, make):
    row = codec.row(make.dialogue(), eye)
    with pytest.raises(ShapeError, match=r"a\.png: 3 patches; expected 4 as planned"):
        collate([row], [[np.zeros((3, 192), np.uint8)]], eye)
    with pytest.raises(ShapeError, match="no rows; expected at least one"):
        collate([], [], eye)


def test_house_errors_survive_a_process_border():
    error = pickle.loads(pickle.dumps(DataError("w", "g", "e", "f")))
    assert isinstance(error, OmmaError) and str(error) == "w: g; expected e; f" and error.fix == "f"
