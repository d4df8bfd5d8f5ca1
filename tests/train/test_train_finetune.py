"""`omma train finetune_sft weights.model=RELEASED data.root=FOLDER`: every kind of sample packed, whole or by adapters."""

import dataclasses
import json
import warnings

import pytest
import torch
from finetune_checks import stop_at
from peft import PeftModel
from safetensors.torch import load_file
from tiny_released import PATCH, SIDE, save_released, save_samples
from transformers.models.llava.modeling_llava import LlavaForConditionalGeneration

from omma.cli.find import find_recipe
from omma.cli.main import answer
from omma.core.runs import RunFolder
from omma.curate.folder import Folder
from omma.media.store import Store
from omma.pack.collate import rows_to_batch
from omma.pack.rows import fit
from omma.schema.manifest import read_manifest
from omma.schema.plan import Plan
from omma.schema.sample import Sample
from omma.train.adapters.lora import adaptable
from omma.weights.native import load_model, stored_tensors
from omma.weights.start import start_model

torch.set_num_threads(1)
SMALL = [
    "run.device=cpu", "run.threads=1", "run.curate_workers=1", "run.log_every=1", "data.holdout=0.0", "stages.sft.precision=fp32",
    "stages.sft.micro_batches=2", "stages.sft.budget={class: omma.pack.plan.Budget, tokens: 160, patches: 96, bins_per_step: 4}",
    "stages.sft.length={class: omma.train.stage.Steps, count: 8}",
    "run.checkpoint_every=3", "run.keep_last=9",
]  # fmt: skip
ADAPTED = ["stages.sft.optimizer.lr=2e-2", "stages.sft.adapter.base=kept"]


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    folder = tmp_path_factory.mktemp("given")
    save_released(folder / "llava")
    return folder, save_samples(folder / "data", count=6)


@pytest.fixture(scope="module")
def adapted(given):
    run = given[0] / "adapted"
    train(run, given, "finetune_lora", *ADAPTED)
    return run


def changes(folder, *more):
    return [f"weights.model={folder / 'llava'}", f"data.root={folder / 'data'}", *SMALL, *more]


def train(run, given, recipe, *more):
    assert answer(["train", recipe, *changes(given[0], f"run.folder={run}", *more)]) == 0
    return losses_of(run)


def losses_of(run):
    return [line["loss"] for line in RunFolder(run).log.read() if line["event"] == "step"]


def test_loss_falls_on_samples_of_every_kind(given, tmp_path):
    losses = train(tmp_path, given, "finetune_sft", "stages.sft.optimizer.lr=5e-3")
    assert len(losses) == 8 and losses[-1] < 0.7 * losses[0], losses
    manifest = read_manifest(tmp_path / "data/train.parquet")
    assert len(manifest) == given[1]
    assert {len(sample.media) for sample in manifest} == {0, 1, 2, 4}
    plan = Plan.read(tmp_path / "plan/sft.parquet")
    assert max(len(plan.entries(number)) for number in range(plan.num_bins)) > 2  # packed, not one sample a bin


def test_a_pack_of_every_kind_equals_its_documents_alone(given, tmp_path):
    recipe = find_recipe("finetune_sft", changes=changes(given[0]))
    module = start_model(recipe.model, recipe.weights, 0).eval()
    codec, store = recipe.model.text.fit((), tmp_path / "words"), Store(given[0] / "data")
    found = [item for item in Folder().read(given[0] / "data") if isinstance(item, Sample) and item.turns]
    chosen = [next(sample for sample in found if len(sample.media) == count) for count in (0, 4, 1, 2)]
    chosen = [dataclasses.replace(s, media=tuple(dataclasses.replace(m, width=24, height=20) for m in s.media)) for s in chosen]
    rows = [fit(sample, codec, recipe.model, 512, 512).rows[0] for sample in chosen]
    objective, sums = recipe.stages[0].objective, []
    for packs in ([rows], [[row] for row in rows]):
        module.zero_grad()
        losses = [objective(module(batch), batch) for batch in (rows_to_batch(pack, recipe.model, store) for pack in packs)]
        total, weight = sum(loss.total for loss in losses), sum(loss.weight for loss in losses)
        total.backward()
        gradients = torch.cat([p.grad.flatten() for p in module.language.parameters()])
        sums.append((total.item(), weight.item(), gradients))
    (total, weight, gradients), (total_alone, weight_alone, gradients_alone) = sums
    assert weight == weight_alone and abs(total / total_alone - 1) < 1e-5
    assert (gradients - gradients_alone).abs().max() <= 2e-5 * gradients_alone.abs().max()


def test_adapters_learn_and_the_rest_stands_still(given, adapted):
    losses = losses_of(adapted)
    assert losses[-1] < 0.8 * losses[0], losses
    recipe = find_recipe(str(adapted))
    before = stored_tensors(start_model(recipe.model, recipe.weights, 0))
    after = stored_tensors(load_model(adapted / "checkpoints/sft-00000008", recipe.model))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {f"{name}.weight" for name in adaptable(recipe.model.build()) if name.startswith("language.")}


def test_the_adapter_loads_onto_the_released_model_and_the_merged_weights_agree(given, adapted):
    folder, checkpoint = given[0], adapted / "checkpoints/sft-00000008"
    said = json.loads((checkpoint / "adapter-released/adapter_config.json").read_text())
    assert said["base_model_name_or_path"] == str(folder / "llava")
    assert "model.language_model.layers.0.self_attn.q_proj" in said["target_modules"]
    recipe = find_recipe(str(adapted))
    merged = load_model(checkpoint, recipe.model)
    codec = recipe.model.text.load(checkpoint / "tokenizer")
    sample = next(s for s in read_manifest(adapted / "data/train.parquet") if len(s.media) == 2)
    batch = rows_to_batch([fit(sample, codec, recipe.model, 512, 512).rows[0]], recipe.model, Store(folder / "data"))
    with torch.no_grad():
        ours = merged(batch).logits(torch.arange(len(batch.tokens)))
        before = start_model(recipe.model, recipe.weights, 0)(batch).logits(torch.arange(len(batch.tokens)))
        fresh = LlavaForConditionalGeneration.from_pretrained(folder / "llava").eval()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated")  # PEFT asks transformers so
            adapted = PeftModel.from_pretrained(fresh, checkpoint / "adapter-released").eval()
        want = adapted(input_ids=batch.tokens[None], pixel_values=pixels(batch, recipe.model.encoder)).logits[0]
    assert (ours - before).abs().max() > 0.1
    assert (ours - want).abs().max() <= 2e-5 * want.abs().max()


def pixels(batch, encoder):
    """Row-major patches → pictures as transformers wants them."""
    n = SIDE // PATCH
    values = batch.pictures.patches.float().view(-1, n, n, 3, PATCH, PATCH).permute(0, 3, 1, 4, 2, 5).reshape(-1, 3, SIDE, SIDE)
    mean, std = (torch.tensor(x)[None, :, None, None] for x in (encoder.mean, encoder.std))
    return (values / 255 - mean) / std


def test_a_run_that_is_stopped_goes_on_to_the_very_same_weights(given, adapted, tmp_path, monkeypatch):
    stop_at(5, monkeypatch)
    assert answer(["train", "finetune_lora", *changes(given[0], f"run.folder={tmp_path}", *ADAPTED)]) == 130
    monkeypatch.undo()
    assert train(tmp_path, given, "finetune_lora", *ADAPTED) == losses_of(adapted)
    for file in ("model.safetensors", "adapter/adapter_model.safetensors", "adapter-released/adapter_model.safetensors"):
        ends = [load_file(run / "checkpoints/sft-00000008" / file) for run in (adapted, tmp_path)]
        assert ends[0].keys() == ends[1].keys() and all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
