"""MIR of a tiny model: the number of the suite is the metric of all states at once, however few layers memory holds."""

import json
from dataclasses import replace

import numpy as np
import pytest

from omma.core.errors import ConfigError, DataError
from omma.evaluate.asking.traced import Traced
from omma.evaluate.benchmarks.mir import MirDocuments
from omma.evaluate.job import Share, evaluate, read_records
from omma.evaluate.question import Supply
from omma.generate.talker import Talker
from omma.generate.traces import trace
from omma.media.store import Store
from omma.metrics.mir import mir
from omma.model.vlm import init
from omma.pack.collate import rows_to_batch
from omma.schema.sample import Sample
from omma_recipes.runs.quickstart import quickstart
from tests.evaluate.embedding import Space
from tests.evaluate.fixtures import mir as documents


@pytest.fixture
def talker(tmp_path):
    model = quickstart().tiny().model
    words = model.text.fit([Sample("a", "s")], tmp_path / "tokenizer")
    return Talker(init(model.build(), 0), words, model, Store(tmp_path))


def test_it_is_the_metric_over_the_states_of_all_documents(talker, tmp_path):
    benchmark = MirDocuments()
    documents.draw(tmp_path, benchmark)
    supply = Supply(root=tmp_path)
    (verdict,) = evaluate((benchmark,), talker, supply, tmp_path / "scores")
    depth, parts = talker.depth, []
    for question in benchmark.questions(supply):
        seen = benchmark.seen(question, supply).sample
        batch = rows_to_batch([talker.codec.row(seen, talker.eye)], talker.eye, Store(tmp_path))
        parts.append(trace(talker.module.eval(), batch, range(1, depth + 1)))
    states = [np.concatenate([np.concatenate([p[n].visual, p[n].words]) for p in parts]) for n in range(1, depth + 1)]
    visual = np.concatenate([np.arange(len(p[1].visual) + len(p[1].words)) < len(p[1].visual) for p in parts])
    assert verdict.value == pytest.approx(mir(states, visual), abs=1e-6)
    assert (verdict.metric, verdict.count, verdict.unparsed, verdict.higher_is_better) == ("MIR", 6, 0, False)
    little = replace(benchmark, asking=Traced(memory=1))
    (again,) = evaluate((little,), talker, supply, tmp_path / "little")
    assert again.value == verdict.value
    layers = json.loads(read_records(tmp_path / "scores", "mir")[0].raw)
    assert len(layers) == depth and verdict.value == pytest.approx(np.log10(sum(layers)))


def test_a_stopped_measurement_goes_on_with_the_same_numbers(talker, tmp_path):
    benchmark = MirDocuments()
    documents.draw(tmp_path, benchmark)
    supply = Supply(root=tmp_path)
    whole = evaluate((benchmark,), talker, supply, tmp_path / "scores")
    file = tmp_path / "scores/mir.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:2]))
    assert evaluate((benchmark,), talker, supply, tmp_path / "scores") == whole


def test_shares_of_several_processes_are_told_apart(talker, tmp_path):
    benchmark = MirDocuments()
    documents.draw(tmp_path, benchmark)
    supply = Supply(root=tmp_path)
    evaluate((benchmark,), talker, supply, tmp_path / "scores", share=Share(0, 2))
    with pytest.raises(DataError, match="2 different measurements"):
        evaluate((benchmark,), talker, supply, tmp_path / "scores", share=Share(1, 2))


def test_stories_end_where_their_highlights_begin_and_a_space_has_no_layers(tmp_path):
    benchmark = MirDocuments(limit=2)
    documents.draw(tmp_path, benchmark)
    whole = replace(benchmark, limit=0).questions(Supply(root=tmp_path))
    assert whole[0].sample.turns[1].text == "The day of 0 suns."
    assert len(benchmark.questions(Supply(root=tmp_path))) == 2
    with pytest.raises(ConfigError, match="`omma import` a released folder"):
        evaluate((benchmark,), Space(Store(tmp_path)), Supply(root=tmp_path), tmp_path / "scores")
    (tmp_path / "mir/texts/0.story").write_text("@highlight\n\nnothing else")
    with pytest.raises(DataError, match="no words"):
        benchmark.questions(Supply(root=tmp_path))
