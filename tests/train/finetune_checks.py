"""What fine-tuning owes a released folder: losses, packs against documents alone, exports and adapters against transformers."""

import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from tiny_given import STEPS, Given

from omma.cli.find import find_recipe
from omma.cli.main import answer
from omma.core.runs import RunFolder
from omma.media.store import Store
from omma.pack.collate import rows_to_batch
from omma.pack.rows import fit
from omma.recipe import Recipe
from omma.schema.manifest import read_manifest
from omma.schema.plan import Plan
from omma.schema.row import Row
from omma.schema.sample import Sample
from omma.train.loop import StageRun
from omma.weights.export import export
from omma.weights.native import load_model, stored_tensors
from omma.weights.start import start_model

sys.path.append(str(Path(__file__).parents[1] / "weights"))
from llava_folders import Pair, check_greedy, our_batch, worst

LONGEST = 8192  # tokens and patches that a row of every kind may have


def losses_of(run: Path) -> list[float]:
    """The loss of every step of a run."""
    return [line["loss"] for line in RunFolder(run).log.read() if line["event"] == "step"]


def stop_at(step: int, patch: pytest.MonkeyPatch) -> None:
    """From now on a run is interrupted before this step."""
    one = StageRun._one_step

    def stopping(self: StageRun, batches: Any) -> None:
        if self.step == step:
            raise KeyboardInterrupt
        one(self, batches)

    patch.setattr(StageRun, "_one_step", stopping)


def last_checkpoint(run: Path) -> Path:
    """Where a run ended."""
    return run / f"checkpoints/sft-{STEPS:08d}"


def every_kind(given: Given, recipe: Recipe) -> list[Row]:
    """A row with 0, 1, 2 and 4 pictures and, where the family sees films, with an animation and with a folder of frames."""
    codec = recipe.model.text.load(given.whole / "tokenizer")
    kinds: dict[Any, Sample] = {}
    for sample in read_manifest(given.whole / "data/train.parquet"):
        if sample.turns:
            kinds.setdefault((len(sample.media), *((m.kind, Path(m.uri).suffix == ".gif") for m in sample.media[:1])), sample)
    seen = [s for s in kinds.values() if given.sees_films or not any(media.kind == "video" for media in s.media)]
    assert len(seen) == (6 if given.sees_films else 4)
    fitted = [fit(sample, codec, recipe.model, LONGEST, LONGEST) for sample in seen]
    assert all(len(one.rows) == 1 for one in fitted), [one.entries for one in fitted]
    return [one.rows[0] for one in fitted]


def losses_before_and_after(given: Given, run: Path) -> tuple[float, float]:
    """Mean loss on one pack of every kind, of the released weights and of the run's last ones."""
    recipe = find_recipe("finetune_sft", changes=given.changes())
    batch = rows_to_batch(every_kind(given, recipe), recipe.model, Store(given.data))
    modules = start_model(recipe.model, recipe.weights, 0), load_model(last_checkpoint(run), recipe.model)
    with torch.no_grad():
        losses = [recipe.stages[0].objective(module.eval()(batch), batch) for module in modules]
    before, after = (float(loss.total / loss.weight) for loss in losses)
    return before, after


def num_packed(run: Path) -> int:
    """The most documents of a pack of a run."""
    plan = Plan.read(run / "plan/sft.parquet")
    return max(len(plan.entries(number)) for number in range(plan.num_bins))


def kinds_trained_on(run: Path) -> set[tuple[str, ...]]:
    """What stands in the samples that a run's packs hold."""
    samples, plan = read_manifest(run / "data/train.parquet"), Plan.read(run / "plan/sft.parquet")
    return {tuple(media.kind for media in samples[index].media) for index in plan.sample.tolist()}


def reasons_against(run: Path) -> list[str]:
    """Why samples are not trained on; those that only come too late for the steps of a run are left out."""
    entries = RunFolder(run).ledger.entries("plan-sft")
    return [entry.reason for entry in entries if entry.verdict in ("drop", "error")]


def packed_against_alone(given: Given) -> tuple[float, float]:
    """One pack of every kind of sample against its documents alone → relative difference of the loss and of all gradients."""
    recipe = find_recipe("finetune_sft", changes=given.changes())
    module = start_model(recipe.model, recipe.weights, 0).eval()
    rows, objective, sums = every_kind(given, recipe), recipe.stages[0].objective, []
    for packs in ([rows], [[row] for row in rows]):
        module.zero_grad()
        batches = [rows_to_batch(pack, recipe.model, Store(given.data)) for pack in packs]
        losses = [objective(module(batch), batch) for batch in batches]
        total = sum(loss.total for loss in losses) / sum(loss.weight for loss in losses)
        total.backward()
        sums.append((total.item(), {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}))
    (loss, grads), (alone, grads_alone) = sums
    assert grads.keys() == grads_alone.keys() == dict(module.named_parameters()).keys()
    apart = max(float((grads[n] - grads_alone[n]).abs().max()) for n in grads)
    return abs(loss / alone - 1), apart / max(float(g.abs().max()) for g in grads_alone.values())


def export_against_ours(given: Given, run: Path) -> float:
    """Final checkpoint → exported; the same greedy replies from transformers. → worst difference of prompts' logits."""
    target = given.folder / f"export-{run.name}"
    assert answer(["export", str(run), "--output", str(target)]) == 0
    theirs, loading = type(given.theirs).from_pretrained(target, output_loading_info=True, attn_implementation="eager")
    assert not any(loading[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    pair, asked = given.pair(last_checkpoint(run), theirs), given.asked(run)
    check_greedy(pair, given.data, asked, make_inputs=given.family.inputs)
    return apart(given, pair, asked)


def class_against_ours(given: Given, run: Path) -> float:
    """Final checkpoint under the names of transformers' class: the same greedy replies. → worst difference of prompts' logits."""
    trained = stored_tensors(load_model(last_checkpoint(run), given.model))
    state = given.theirs.state_dict()
    tensors = {name: t[: len(state[name])] if t.dim() else t for name, t in given.names.to_theirs(trained).items()}
    left = given.theirs.load_state_dict(tensors, strict=False)
    assert not left.unexpected_keys  # and layers behind the one that features come from may stay as they were
    pair, asked = given.pair(last_checkpoint(run), given.theirs), given.asked(run)
    check_greedy(pair, given.data, asked, make_inputs=given.family.inputs)
    return apart(given, pair, asked)


def adapter_against_merged(given: Given, run: Path) -> float:
    """The released adapter over the exported base, by PEFT, against our merged weights → worst difference of logits."""
    recipe = find_recipe("finetune_sft", changes=given.changes())
    base, checkpoint = given.folder / "exported-base", last_checkpoint(run)
    if not base.exists():
        module = start_model(recipe.model, recipe.weights, 0)
        export(module, recipe.model.text.load(checkpoint / "tokenizer"), base)
    pair = given.pair(checkpoint, over_base(given, base, checkpoint / "adapter-released"))
    return apart(given, pair, given.asked(run))


@torch.no_grad()
def apart(given: Given, pair: Pair, asked: list[Sample]) -> float:
    """→ worst difference of logits of prompts in one packed batch. Ids are equal; in ours every visual slot holds one token."""
    batch = our_batch(pair, given.data, asked)
    output = pair.module(batch)
    ours, slots, largest = output.stream.hidden @ output.head.T, torch.zeros_like(batch.tokens, dtype=torch.bool), 0.0
    slots[batch.slots] = True
    for number, one in enumerate(asked):
        own = slice(*batch.cu_seqlens[number : number + 2].tolist())
        inputs = given.family.inputs(pair, given.data, one)
        same = batch.tokens[own] == inputs["input_ids"][0]
        assert (same | slots[own]).all()
        largest = max(largest, worst(ours[own], pair.theirs(**inputs).logits[0]))
    return largest


def over_base(given: Given, base: Path, adapter: Path) -> Any:
    """transformers' model from a folder with an adapter over it."""
    fresh = type(given.theirs).from_pretrained(base, attn_implementation="eager")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated")  # PEFT asks transformers so
        return PeftModel.from_pretrained(fresh, adapter)
