"""Doorway types survive their trip to disk and back."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.core.errors import DataError
from omma.schema.manifest import iter_manifest, manifest_hash, read_manifest, write_manifest
from omma.schema.plan import Plan, PlanFacts
from omma.schema.sample import Answer, Caption, Media, Part, Region, Sample, Turn

text = st.text(max_size=20)
number = st.floats(-1e6, 1e6)
box = st.tuples(number, number, number, number)
regions = st.builds(Region, media=st.just(0), box=box, label=text, frame=st.sampled_from(["px", "unit", "k1000"]))
parts = st.one_of(
    st.builds(Part, kind=st.just("text"), text=text),
    st.builds(Part, kind=st.sampled_from(["image", "region"]), index=st.just(0)),
)
turns = st.lists(
    st.builds(Turn, role=st.sampled_from(["user", "assistant"]), parts=st.lists(parts, max_size=3).map(tuple)), max_size=3
)
samples = st.builds(
    Sample,
    id=text,
    source=text,
    task=text,
    media=st.lists(st.builds(Media, uri=text, width=st.integers(0, 10**5)), max_size=2).map(tuple),
    turns=turns.map(tuple),
    captions=st.lists(st.builds(Caption, text=text), max_size=2).map(tuple),
    regions=st.lists(regions, max_size=2).map(tuple),
    answer=st.none() | st.builds(Answer, texts=st.lists(text, max_size=2).map(tuple), region=st.none() | regions),
    chosen=turns.map(tuple),
    rejected=turns.map(tuple),
    meta=st.dictionaries(text, st.one_of(text, st.integers(-9, 9), st.booleans()), max_size=2),
)


@given(samples)
def test_sample_round_trips_through_its_dict(sample: Sample) -> None:
    assert Sample.from_dict(sample.to_dict()) == sample


def test_manifest_round_trips_with_columns_for_queries(tmp_path: Path) -> None:
    first = Sample(id="a", source="web", media=(Media("a.jpg", sha256="5f", width=4, height=3),), captions=(Caption("höhle\n猫"),))
    rest = Sample(id="b", source="web", turns=(Turn("user", (Part("text", "hi"),)),))
    write_manifest(tmp_path / "m.parquet", [first, rest])
    assert read_manifest(tmp_path / "m.parquet") == [first, rest]
    assert manifest_hash([first, rest]) != manifest_hash([rest, first])
    with pytest.raises(DataError, match="run `omma curate` again"):
        read_manifest(tmp_path / "none.parquet")


def test_a_manifest_is_gone_through_in_little_memory_and_by_choice(tmp_path):
    path, text = tmp_path / "m.parquet", "w" * 2_000
    write_manifest(path, (Sample(f"s/{n}", "s", captions=(Caption(f"{n} {text}"),)) for n in range(9_000)))
    before, most, count = pa.total_allocated_bytes(), 0, 0
    for count, sample in enumerate(iter_manifest(path), 1):
        most = max(most, pa.total_allocated_bytes() - before) if count % 100 == 0 else most
        assert sample.id == f"s/{count - 1}"
    assert count == 9_000 and most < 9_000 * 2_000 / 2  # the text of all of them is one row group of 18 MB
    assert [sample.id for sample in iter_manifest(path, (n in (3, 8_999) for n in range(9_000)))] == ["s/3", "s/8999"]


def test_plan_round_trips_and_its_hash_follows_order(tmp_path: Path) -> None:
    facts = PlanFacts("align", "ab", "cd", 0, 64, 64, 2, 0.9, 0)
    plan = Plan(facts, np.array([3, 1, 2, 0]), np.array([0, 0, 1, 0]), np.array([0, 0, 1, 2]))
    plan.save(tmp_path / "plan.parquet")
    again = Plan.read(tmp_path / "plan.parquet")
    assert again.hash == plan.hash and again.facts == facts and again.num_bins == 3 and again.num_steps == 1
    assert list(plan.entries(0)) == [0, 1] and list(plan.entries(2)) == [3]
    swapped = Plan(facts, plan.sample[[1, 0, 2, 3]], plan.variant, plan.bin)
    assert swapped.hash != plan.hash
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="no plan"):
        Plan.read(tmp_path / "broken.parquet")
