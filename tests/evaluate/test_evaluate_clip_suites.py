"""Every suite for spaces, asked of a folder of CLIP with random weights as transformers writes it."""

from dataclasses import replace
from importlib import import_module

import pytest

from omma.answerers.loading import load_released
from omma.answerers.space import ReleasedSpace
from omma.core.errors import ConfigError
from omma.evaluate.asking.embedded import Embedded
from omma.evaluate.benchmarks.mmeb import MmebQuestions
from omma.evaluate.job import evaluate, read_records
from omma.evaluate.question import Supply
from omma.media.store import Store
from omma_recipes.suites import pairs, spaces
from tests.evaluate import released_folders
from tests.evaluate.fixtures import mmeb

SUITES = [
    make()
    for module in (pairs, spaces)
    for make in vars(module).values()
    if getattr(make, "__module__", "") == module.__name__ and not make.__name__.startswith("_")
]
ASKED = {one.name: one for suite in SUITES for one in suite.benchmarks if isinstance(one.asking, Embedded) and one.name != "mmeb"}


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    root = tmp_path_factory.mktemp("hub")
    released_folders.clip(root / "clip")
    return load_released(root / "clip", "space", "cpu")


@pytest.mark.parametrize("name", sorted(ASKED))
def test_clip_goes_the_whole_way(name, clip, tmp_path):
    benchmark = replace(ASKED[name], limit=0)
    import_module(f"tests.evaluate.fixtures.{type(benchmark).__module__.rpartition('.')[2]}").draw(tmp_path, benchmark)
    supply, space = Supply(root=tmp_path), ReleasedSpace(clip, Store(tmp_path), batch_rows=3)
    verdicts = evaluate((benchmark,), space, supply, tmp_path / "scores")
    assert all(verdict.unparsed == 0 for verdict in verdicts)
    assert all(record.raw and record.parsed for record in read_records(tmp_path / "scores", benchmark.name))
    alone = evaluate((benchmark,), ReleasedSpace(clip, Store(tmp_path), batch_rows=1), supply, tmp_path / "alone")
    assert [one.value for one in alone] == pytest.approx([one.value for one in verdicts], abs=1e-4)


def test_words_with_a_picture_are_refused_where_they_are_not_added(clip, tmp_path):
    mmeb.draw(tmp_path, MmebQuestions())
    with pytest.raises(ConfigError, match="one picture, or words"):
        evaluate((MmebQuestions(),), ReleasedSpace(clip, Store(tmp_path)), Supply(root=tmp_path), tmp_path / "scores")
