"""The loop: learns, freezes, is invariant to micro-batches, names bad samples, logs, resumes bit by bit."""

import dataclasses
import json
import math
import shutil

import pytest
import torch
from tiny_training import DOCUMENTS, SETTINGS, document, pack, tiny_course, tiny_model, tiny_stage, train_tiny

from omma.core.errors import CheckpointError, ConfigError, DataError
from omma.core.runs import RunFolder
from omma.objective.next_token import NextToken
from omma.train.audit import FrozenProof, freeze_all_but, table
from omma.train.loop import EVENTS
from omma.train.optimizers.adamw import AdamW
from omma.train.stage import Steps

torch.set_num_threads(1)


def log_lines(folder):
    """Lines of training without what the clock says."""
    lines = [line for line in RunFolder(folder).log.read() if line.get("event") in EVENTS]
    return [{key: value for key, value in line.items() if key != "time"} for line in lines]


def state_of(folder, stage="tiny", step=12):
    """Bytes of a checkpoint's weights and optimizer."""
    place = folder / f"checkpoints/{stage}-{step:08d}"
    return {name: (place / name).read_bytes() for name in ("model.safetensors", "optimizer.safetensors", "state.json")}


def test_learns_and_leaves_a_whole_checkpoint(tmp_path):
    train_tiny(tmp_path, tiny_stage(length=Steps(count=60)))
    lines = log_lines(tmp_path)
    steps = [line for line in lines if line["event"] == "step"]
    assert [line["step"] for line in steps] == list(range(3, 61, 3))
    assert steps[0]["loss"] > 2.5 and steps[-1]["loss"] < steps[0]["loss"] - 1
    held = [line["loss"] for line in lines if line["event"] == "validation"]
    assert len(held) == 15 and held[-1] < held[0] - 1
    last = tmp_path / "checkpoints/tiny-00000060"
    assert sorted(p.name for p in last.parent.iterdir()) == ["tiny-00000060"]
    names = ["config.yaml", "model.safetensors", "optimizer.safetensors", "state.json", "tokenizer"]
    assert sorted(p.name for p in last.iterdir()) == names and (last / "tokenizer/tokenizer.json").exists()
    assert json.loads((last / "state.json").read_text())["step"] == 60


def test_log_line_by_hand(tmp_path):
    course = tiny_course(1)
    stage = tiny_stage(length=Steps(count=1), objective=NextToken(weighting="sqrt"))
    model = tiny_model(dropout=0.0)
    whole = pack([document(i) for i in range(DOCUMENTS)])
    with torch.no_grad():
        expected = NextToken(weighting="sqrt")(model(whole), whole)
    train_tiny(tmp_path, stage, course, model)
    line = next(RunFolder(tmp_path).log.read())
    assert math.isclose(line["loss"], float(expected.total / expected.weight), rel_tol=1e-6)
    assert line["tokens"] == len(whole.tokens) and line["supervised"] == whole.num_supervised
    assert line["pictures"] == 4 and line["patches"] == 8 and line["step"] == 1 and line["stage"] == "tiny"
    counts = {source: sum(document(i).num_supervised for i in range(p, DOCUMENTS, 2)) for p, source in ((0, "even"), (1, "odd"))}
    mean = sum(line["loss_by_source"][s] * counts[s] for s in counts) / sum(counts.values())
    assert math.isclose(mean, float(expected.token_loss.mean()), rel_tol=1e-5)
    assert set(line["lr"]) == {"muon", "adamw"}
    time = line["time"]
    assert time["tokens_per_s"] > 0 and time["mfu"] > 0 and time["rss_peak_mib"] > 10
    assert abs(sum(time["split"].values()) - 1) < 0.01 and time["split"]["backward"] > 0 and time["split"]["vision"] > 0


@pytest.mark.parametrize("weighting", ["token", "sample", "sqrt"])
def test_invariant_to_micro_batches(tmp_path, weighting):
    results = []
    for micro_batches in (1, 2, 8):
        stage = tiny_stage(
            length=Steps(count=3), objective=NextToken(weighting=weighting), optimizer=AdamW(lr=1e-3), micro_batches=micro_batches
        )
        module = train_tiny(tmp_path / str(micro_batches), stage, tiny_course(3, micro_batches), tiny_model(dropout=0.0))
        results.append((log_lines(tmp_path / str(micro_batches))[0]["loss"], module))
    for loss, module in results[1:]:
        assert math.isclose(loss, results[0][0], rel_tol=1e-6)
        for a, b in zip(module.parameters(), results[0][1].parameters(), strict=True):
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-5)


def test_frozen_stays_frozen(tmp_path):
    before = tiny_model().state_dict()
    module = train_tiny(tmp_path, tiny_stage(trains=("connector.*",), length=Steps(count=4)))
    moved = {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {name for name in before if name.startswith("connector.")}
    assert all(p.grad is None for name, p in module.named_parameters() if not name.startswith("connector."))


def test_proof_notices_what_moved():
    module = tiny_model()
    freeze_all_but(module, ("connector.*",), where="here")
    proof = FrozenProof(module)
    proof.verify(module)
    with torch.no_grad():
        module.encoder.weight[0, 0] += 1e-6
    with pytest.raises(AssertionError, match=r"encoder.weight"):
        proof.verify(module)


def test_audit_counts_by_part():
    module = tiny_model()
    freeze_all_but(module, ("connector.0.*", "language.norm.*"), where="here")
    rows = {row.part: row for row in table(module)}
    assert (rows["connector"].tensors, rows["connector"].trained_tensors, rows["connector"].trained_values) == (4, 2, 16 * 16 + 16)
    assert rows["encoder"].trained_values == 0 and rows["language"].trained_values == 32


def test_pattern_that_matches_nothing_is_told(tmp_path):
    with pytest.raises(
        ConfigError, match=r"stages.tiny.trains: pattern 'conector.\*' matches no parameter.*did you mean 'connector.\*'"
    ):
        train_tiny(tmp_path, tiny_stage(trains=("language.*", "conector.*")))


def stop_at(step, plan="tiny-plan", total=12):
    """A course whose feed breaks before `step`, as a crash would."""
    whole = tiny_course(total, plan=plan)

    def feed(start):
        for number, batches in enumerate(whole.feed(start), start):
            if number == step:
                raise RuntimeError("crash")
            yield batches

    return dataclasses.replace(whole, feed=feed)


@pytest.mark.parametrize("crash", [1, 5, 8, 11])
def test_resume_is_bit_exact(tmp_path, crash):
    train_tiny(tmp_path / "whole")
    with pytest.raises(RuntimeError, match="crash"):
        train_tiny(tmp_path / "broken", course=stop_at(crash))
    train_tiny(tmp_path / "broken", module=tiny_model(seed=99) if crash >= SETTINGS.checkpoint_every else tiny_model())
    assert state_of(tmp_path / "broken") == state_of(tmp_path / "whole")
    assert log_lines(tmp_path / "broken") == log_lines(tmp_path / "whole")


def test_finished_stage_is_loaded_not_trained(tmp_path):
    trained = train_tiny(tmp_path)
    again = train_tiny(tmp_path, course=stop_at(0), module=tiny_model(seed=5))
    assert all(torch.equal(a, b) for a, b in zip(trained.parameters(), again.parameters(), strict=True))


def test_other_recipe_is_refused_with_the_difference(tmp_path):
    with pytest.raises(RuntimeError, match="crash"):
        train_tiny(tmp_path, course=stop_at(5))
    with pytest.raises(CheckpointError, match=r"another recipe:\n  clip: 1.0 → 0.5"):
        train_tiny(tmp_path, tiny_stage(clip=0.5))


def test_other_plan_is_refused_with_the_difference(tmp_path):
    with pytest.raises(RuntimeError, match="crash"):
        train_tiny(tmp_path, course=stop_at(5))
    with pytest.raises(CheckpointError, match=r"plan tiny-plan of 12 steps; now the plan is other of 12 steps"):
        train_tiny(tmp_path, course=tiny_course(12, plan="other"))


@pytest.mark.parametrize("damage", ["model.safetensors", "optimizer.safetensors", "state.json"])
def test_broken_checkpoint_is_told(tmp_path, damage):
    with pytest.raises(RuntimeError, match="crash"):
        train_tiny(tmp_path, course=stop_at(7))
    file = tmp_path / "checkpoints/tiny-00000006" / damage
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(CheckpointError, match=r"tiny-00000006"):
        train_tiny(tmp_path)
    file.unlink()
    with pytest.raises(CheckpointError, match=rf"lacks {damage}.*delete this folder to continue from the one before"):
        train_tiny(tmp_path)
    shutil.rmtree(file.parent)
    train_tiny(tmp_path)  # from step 4


class Poisoned(torch.nn.Module):
    """The tiny model, but the states of one document become NaN (loss) or its gradient does (only in backward)."""

    def __init__(self, sample, where):
        super().__init__()
        self.inner, self.sample, self.where = tiny_model(dropout=0.0), sample, where
        self.encoder, self.connector, self.language = self.inner.encoder, self.inner.connector, self.inner.language

    def forward(self, batch):
        output = self.inner(batch)
        if self.sample not in batch.sample_ids:
            return output
        number = batch.sample_ids.index(self.sample)
        first = int(batch.cu_seqlens[number])
        hidden = output.stream.hidden
        mask = torch.zeros(len(hidden), 1)
        mask[first + 2] = 1.0
        if self.where == "loss":
            hidden = hidden + mask.masked_fill(mask > 0, math.nan)
        else:  # the square root of exactly zero: finite forward, infinite slope
            hidden = hidden + ((hidden * 0).pow(2).sum(1, keepdim=True) * mask).sqrt() * mask
        stream = dataclasses.replace(output.stream, hidden=hidden)
        return dataclasses.replace(output, stream=stream)


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_guard_names_the_sample_and_stops(tmp_path, where):
    with pytest.raises(
        DataError, match=r"train tiny step 3: loss or gradient is not finite, from sample doc-19; .*not_finite=skip"
    ):
        train_tiny(tmp_path, tiny_stage(), module=Poisoned("doc-19", where))


def test_guard_skips_with_a_ledger_row(tmp_path):
    module = train_tiny(tmp_path, tiny_stage(not_finite="skip"), module=Poisoned("doc-19", "loss"))
    assert all(torch.isfinite(p).all() for p in module.parameters())
    (entry,) = RunFolder(tmp_path).ledger.entries("train-tiny")
    assert (entry.sample_id, entry.verdict) == ("doc-19", "error") and "step 3 skipped" in entry.reason
    skipped = [line for line in log_lines(tmp_path) if line["event"] == "skipped"]
    assert skipped == [{"event": "skipped", "stage": "tiny", "step": 3, "samples": ["doc-19"]}]
    assert [line["skipped"] for line in log_lines(tmp_path) if line["event"] == "step"] == [1, 0, 0, 0]


def test_broken_weights_are_not_blamed_on_a_sample(tmp_path):
    module = tiny_model()
    with torch.no_grad():
        module.connector[0].weight[0, 0] = math.inf
    with pytest.raises(DataError, match=r"weights are not finite: connector.0.weight; lower the learning rate"):
        train_tiny(tmp_path, module=module)


def test_step_without_supervised_tokens_changes_nothing_but_decay(tmp_path):
    course = tiny_course(1, change=lambda batch: dataclasses.replace(batch, labels=torch.full_like(batch.labels, -100)))
    before = tiny_model().state_dict()
    module = train_tiny(tmp_path, tiny_stage(length=Steps(count=1), optimizer=AdamW()), course)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_bf16_and_recompute_run_and_learn(tmp_path):
    stage = tiny_stage(precision="bf16", recompute="blocks", length=Steps(count=30))
    module = train_tiny(tmp_path, stage)
    steps = [line["loss"] for line in log_lines(tmp_path) if line["event"] == "step"]
    assert steps[-1] < steps[0] - 0.5 and all(p.dtype == torch.float32 for p in module.parameters())


def test_bad_stages_are_told():
    with pytest.raises(ConfigError, match=r"micro_batches: 3; expected a divisor of budget.bins_per_step = 8"):
        tiny_stage(micro_batches=3)
    with pytest.raises(ConfigError, match=r"Stage.name: 'a/b'; expected letters"):
        tiny_stage(name="a/b")
    with pytest.raises(ConfigError, match=r"stages.tiny.trains: no pattern"):
        tiny_stage(trains=())
    with pytest.raises(ConfigError, match=r"mixture.a: -1.0"):
        tiny_stage(mixture={"a": -1.0})
    with pytest.raises(ConfigError, match=r"Steps.count: 0"):
        Steps(count=0)
