"""Plan: pure, full, within both budgets, and every sample either in a bin or in the ledger."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omma.core.errors import ConfigError, DataError
from omma.pack.lengths import Lengths, LengthsBuilder
from omma.pack.plan import Budget, build_plan
from omma.schema.plan import Plan

NAMES = ("a", "b", "c")


def log_normal(count, seed=0):
    """Token and patch counts as captions and chats have them, a fifth of them without pictures."""
    generator = np.random.default_rng(seed)
    tokens = np.clip(generator.lognormal(6.2, 0.9, count), 16, 8192).astype(int)
    patches = np.clip(generator.lognormal(6.9, 0.6, count), 64, 16_384).astype(int)
    return tokens, np.where(generator.random(count) < 0.2, 0, patches)


def plan_of(tokens, patches, sources=None, mixture=None, budget=None, **options):
    ids = [str(i) for i in range(len(tokens))]
    options = {"seed": 0, "epochs": 1.0} | options
    sizes = Lengths.of(np.asarray(tokens), np.asarray(patches))
    return build_plan(sizes, ids, sources or ["a"] * len(ids), mixture or {}, budget or Budget(), **options)


def sums(plan, sizes):
    return np.bincount(plan.bin, weights=np.asarray(sizes)[plan.sample], minlength=plan.num_bins)


@pytest.mark.parametrize("patches", [16_384, 32_768])
def test_fill_on_a_log_normal_mixture(patches):
    tokens, pixels = log_normal(30_000)
    sources = np.random.default_rng(1).choice(NAMES, len(tokens)).tolist()
    planned = plan_of(tokens, pixels, sources, budget=Budget(tokens=8192, patches=patches, bins_per_step=4))
    assert planned.plan.facts.fill >= 0.98
    share = np.maximum(sums(planned.plan, tokens) / 8192, sums(planned.plan, pixels) / patches)
    assert share.max() <= 1 and planned.plan.facts.fill == pytest.approx(share.mean())


@st.composite
def jobs(draw):
    count = draw(st.integers(1, 60))
    seed = draw(st.integers(0, 2**32))
    generator = np.random.default_rng(seed)
    budget = Budget(tokens=draw(st.integers(5, 200)), patches=draw(st.integers(1, 100)), bins_per_step=draw(st.integers(1, 4)))
    tokens, patches = generator.integers(1, 120, count), generator.integers(0, 80, count)
    sources = generator.choice(NAMES, count).tolist()
    mixture = draw(st.dictionaries(st.sampled_from(sorted(set(sources))), st.floats(0, 5), max_size=3))
    length = draw(
        st.one_of(st.builds(lambda n: {"steps": n}, st.integers(1, 30)), st.builds(lambda e: {"epochs": e}, st.floats(0.1, 5)))
    )
    return tokens, patches, sources, mixture, budget, length, seed


@settings(max_examples=80, deadline=None)
@given(jobs())
def test_laws_of_drawn_jobs(job):
    tokens, patches, sources, mixture, budget, length, seed = job
    try:
        planned = plan_of(tokens, patches, sources, mixture, budget, seed=seed, **({"epochs": 0.0} | length))
    except (ConfigError, DataError):
        return
    plan = planned.plan
    assert (sums(plan, tokens) <= budget.tokens).all() and (sums(plan, patches) <= budget.patches).all()
    assert (np.bincount(plan.bin, minlength=plan.num_bins) > 0).all() and (np.diff(plan.bin) >= 0).all()
    assert plan.num_bins == plan.num_steps * budget.bins_per_step > 0
    assert "steps" not in length or plan.num_steps == length["steps"]
    entries = list(planned.entries())
    left = [entry.sample_id for entry in entries if entry.verdict == "leftover"]
    assert len(left) == len(set(left)) == plan.facts.leftover
    assert set(left) | {str(i) for i in plan.sample} == {str(i) for i in range(len(tokens))}
    assert not set(left) & {str(i) for i in plan.sample}
    chosen = {name for name, weight in mixture.items() if weight > 0} or set(NAMES)
    assert {sources[i] for i in plan.sample} <= chosen
    again = plan_of(tokens, patches, sources, mixture, budget, seed=seed, **({"epochs": 0.0} | length))
    assert again.plan.hash == plan.hash


def test_one_epoch_holds_each_sample_at_most_once():
    tokens, patches = log_normal(3000)
    planned = plan_of(tokens, patches, budget=Budget(tokens=8192, patches=16_384, bins_per_step=1))
    assert sorted(planned.plan.sample.tolist()) == list(range(3000))
    assert planned.plan.facts.leftover == 0 and not list(planned.entries())


def test_seed_manifest_and_recipe_make_the_hash():
    tokens, patches = log_normal(500)
    options = {"stage": "s", "manifest": "m", "recipe": "r"}
    one = plan_of(tokens, patches, **options).plan
    assert one.facts == dataclasses.replace(one.facts, stage="s", manifest="m", recipe="r", seed=0)
    assert plan_of(tokens, patches, **options).plan.hash == one.hash
    hashes = {
        plan_of(tokens, patches, **(options | change)).plan.hash for change in ({"seed": 1}, {"manifest": "n"}, {"recipe": "q"})
    }
    assert len(hashes | {one.hash}) == 4


def test_plan_survives_the_disk(tmp_path):
    plan = plan_of(*log_normal(500)).plan
    plan.save(tmp_path / "p.parquet")
    assert Plan.read(tmp_path / "p.parquet").hash == plan.hash


def test_weights_are_shares_of_samples_drawn():
    tokens, sources = np.full(900, 10), ["a"] * 600 + ["b"] * 200 + ["c"] * 100
    budget = Budget(tokens=10, patches=1, bins_per_step=1)
    weights = {"a": 1.0, "b": 1.0, "c": 2.0}
    plan = plan_of(tokens, tokens * 0, sources, weights, budget).plan
    names, counts = np.unique(np.array(sources)[plan.sample], return_counts=True)
    assert dict(zip(names.tolist(), counts.tolist(), strict=True)) == {"a": 225, "b": 225, "c": 450}
    c = plan.sample[np.array(sources)[plan.sample] == "c"]
    assert set(np.bincount(c)[800:].tolist()) == {4, 5}  # 4.5 passes over 100 samples
    natural = plan_of(tokens, tokens * 0, sources, {}, budget).plan
    assert sorted(natural.sample.tolist()) == list(range(900))


def test_each_pass_is_shuffled_anew():
    tokens = np.full(50, 10)
    plan = plan_of(tokens, tokens * 0, budget=Budget(tokens=10, patches=1, bins_per_step=1), epochs=3.0).plan
    assert np.bincount(plan.sample).tolist() == [3] * 50
    assert plan.variant.tolist() == [0] * 150


def test_captions_rotate_with_the_passes():
    builder = LengthsBuilder()
    for sample in range(20):
        builder.unit(sample, [(10 + choice, 1, choice) for choice in range(3)])
    ids, sources = [str(i) for i in range(20)], ["a"] * 20
    budget = Budget(tokens=12, patches=1, bins_per_step=1)
    plan = build_plan(builder.done(), ids, sources, {}, budget, seed=0, epochs=3.0).plan
    pairs = sorted(zip(plan.sample.tolist(), plan.variant.tolist(), strict=True))
    assert pairs == [(sample, choice) for sample in range(20) for choice in range(3)]
    narrow = build_plan(builder.done(), ids, sources, {}, Budget(tokens=11, patches=1, bins_per_step=1), seed=0, epochs=3.0)
    assert set(narrow.plan.variant.tolist()) == {0, 1}
    entries = list(narrow.entries())
    assert len(entries) == 20 and {entry.verdict for entry in entries} == {"drop"}
    assert entries[0].reason == "1 of 3 choices: up to 12 tokens, 1 patches; budget 11 tokens, 1 patches"


def test_pieces_of_a_conversation_are_all_drawn():
    builder = LengthsBuilder()
    for piece in range(3):
        builder.unit(0, [(10, 1, piece)])
    builder.unit(1, [(10, 1, 0)])
    plan = build_plan(
        builder.done(), ["0", "1"], ["a", "a"], {}, Budget(tokens=10, patches=1, bins_per_step=1), seed=0, epochs=2.0
    ).plan
    assert sorted(zip(plan.sample.tolist(), plan.variant.tolist(), strict=True)) == [
        (0, 0),
        (0, 0),
        (0, 1),
        (0, 1),
        (0, 2),
        (0, 2),
        (1, 0),
        (1, 0),
    ]


def test_order_follows_neither_fill_nor_length():
    tokens, patches = log_normal(20_000)
    plan = plan_of(tokens, patches, budget=Budget(tokens=8192, patches=32_768, bins_per_step=1)).plan
    counts = np.bincount(plan.bin)[:1000]
    assert abs(np.corrcoef(np.arange(1000), counts)[0, 1]) < 0.1
    first = np.searchsorted(plan.bin, np.arange(plan.num_bins))
    longest = [
        tokens[plan.sample[b : b + n]].argmax() / max(n - 1, 1) for b, n in zip(first, np.bincount(plan.bin), strict=True) if n > 3
    ]
    assert 0.4 < np.mean(longest) < 0.6


def test_entries_say_why():
    planned = plan_of(
        [10, 900, 10, 10], [1, 1, 1, 1], ["a", "a", "b", "a"], {"a": 1.0}, Budget(tokens=20, patches=9, bins_per_step=1)
    )
    assert [(entry.sample_id, entry.verdict, entry.reason) for entry in planned.entries()] == [
        ("1", "leftover", "up to 900 tokens, 1 patches; budget 20 tokens, 9 patches"),
        ("2", "leftover", "source 'b' is not in the mixture"),
    ]
    planned = plan_of([10] * 30, [1] * 30, budget=Budget(tokens=10, patches=9, bins_per_step=4), epochs=0.0, steps=2)
    entries = list(planned.entries())
    assert len(entries) == 22 == planned.plan.facts.leftover and entries[0].reason == "the plan ends after 2 steps"


def test_the_emptiest_bins_are_left_over():
    planned = plan_of([10] * 9 + [3], [0] * 10, budget=Budget(tokens=10, patches=1, bins_per_step=3))
    assert [entry.sample_id for entry in planned.entries()] == ["9"] and planned.plan.facts.fill == 1.0


@pytest.mark.parametrize(
    ("job", "kind", "message"),
    [
        ({"tokens": [900, 950], "patches": [1, 2], "budget": Budget(tokens=100)}, DataError,
         r"plan: no sample fits a bin of 100 tokens and 16,384 patches; the shortest sample has 900 tokens, the fewest "
         r"patches of one are 1; raise budget\.tokens or budget\.patches"),
        ({"tokens": [], "patches": []}, DataError, "none of 0 samples can be packed"),
        ({"tokens": [5], "patches": [0], "budget": Budget(bins_per_step=4)}, DataError,
         r"plan: all samples together fill 1 bin of .* expected at least the 4 of one step; lower its budget \(bins_per_step with"),
        ({"tokens": [900, 900], "patches": [0, 0], "budget": Budget(tokens=1000, bins_per_step=4), "stage": "sft"}, DataError,
         r"stages\.sft: all samples together fill 2 bins of 1,000 tokens"),
        ({"tokens": [5], "patches": [0], "mixture": {"z": 1.0}}, DataError, r"mixture\.z: no samples of source 'z'"),
        ({"tokens": [5], "patches": [0], "mixture": {"a": 0.0}}, ConfigError, "all weights are 0"),
        ({"tokens": [5], "patches": [0], "steps": 3}, ConfigError, "steps 3, epochs 1.0; expected one of them above 0"),
        ({"tokens": [5000, 5], "patches": [0, 0], "sources": ["a", "b"], "mixture": {"a": 1.0}}, DataError,
         r"mixture\.a: no sample of this source fits a bin of 4,096 tokens and 16,384 patches; the shortest sample has 5,000 t"),
    ],
)  # fmt: skip
def test_impossible_plans_are_told(job, kind, message):
    with pytest.raises(kind, match=message):
        plan_of(job.pop("tokens"), job.pop("patches"), **job)


def test_impossible_budgets_are_told():
    with pytest.raises(ConfigError, match=r"Budget\.tokens: 0; expected at least 1"):
        Budget(tokens=0)


def test_steps_read_small_sources_again_and_again():
    planned = plan_of([10, 7, 4], [0, 0, 0], budget=Budget(tokens=21, patches=1, bins_per_step=2), epochs=0.0, steps=500)
    assert planned.plan.num_steps == 500 and planned.plan.facts.fill > 0.9
    assert np.ptp(np.bincount(planned.plan.sample)) < 200
