"""`omma run finetune_sft` on a folder of every kind of sample: held-out replies cost less behind it, and `omma eval` says so."""

import pytest
import torch
from test_train_finetune import SMALL
from tiny_released import save_released, save_samples

from omma.cli.main import answer
from omma.evaluate.job import read_records, read_verdicts
from omma.schema.manifest import read_manifest

torch.set_num_threads(1)
SCORED = [change for change in SMALL if not change.startswith("data.holdout")] + ["data.holdout=0.6"]  # all that shows red
BRIEF = ["suite.reply_loss.shown=2", "suite.reply_loss.sampling.max_tokens=4", "stages.sft.optimizer.lr=5e-3"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored")
    save_released(folder / "llava")
    save_samples(folder / "data", count=6)
    given = [f"weights.model={folder / 'llava'}", f"data.root={folder / 'data'}", f"run.folder={folder / 'run'}"]
    assert answer(["run", "finetune_sft", *given, *SCORED, *BRIEF]) == 0
    return folder / "run"


def test_held_out_replies_of_every_kind_cost_less_than_before(run):
    (before,), (after,) = (read_verdicts(run / "eval" / moment) for moment in ("before", "after-sft"))
    heldout = read_manifest(run / "data/heldout.parquet")
    assert (after.benchmark, after.metric, after.count) == ("reply_loss", "loss", len(heldout))
    assert after.value < 0.9 * before.value
    assert any(not sample.media for sample in heldout) and any(len(sample.media) > 1 for sample in heldout)
    assert any(sample.captions for sample in heldout)
    records = read_records(run / "eval/after-sft", "reply_loss")
    assert [record.sample_id for record in records] == [sample.id for sample in heldout]
    assert all(record.details["supervised"] > 1 for record in records)


def test_the_blind_run_measures_the_same_words(run):
    seeing, blind = (read_records(run / "eval" / moment, "reply_loss") for moment in ("after-sft", "blind"))
    assert [record.details["supervised"] for record in seeing] == [record.details["supervised"] for record in blind]
    pairs = zip(seeing, blind, strict=True)
    differ = {bool(record.picture) for record, grey in pairs if record.details["loss"] != grey.details["loss"]}
    assert differ == {True}, "only what has pictures changes without them"


def test_eval_prints_the_scores_of_a_run(run, capsys):
    assert answer(["eval", str(run)]) == 0
    assert "reply_loss" in capsys.readouterr().out
