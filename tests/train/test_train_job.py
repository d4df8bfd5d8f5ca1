"""The whole of training on real parts: drawn pictures, a trained tokenizer, plans, two stages, a doctor's look beforehand."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from omma.core.errors import CheckpointError, ConfigError, DataError
from omma.core.runs import RunFolder
from omma.media.store import Store
from omma.media.views.fixed import Fixed
from omma.model.connectors.mlp import Mlp
from omma.model.language.decoder import Decoder
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm, init
from omma.pack.chat import Chat
from omma.pack.plan import Budget
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.schema.sample import Media, Part, Sample, Turn
from omma.train.course import Materials
from omma.train.doctor import examine
from omma.train.job import train
from omma.train.loop import Settings
from omma.train.optimizers.adamw import AdamW
from omma.train.optimizers.muon import Muon
from omma.train.parallel import World
from omma.train.plans import plan_heldout, share
from omma.train.stage import Epochs, Stage, Steps

torch.set_num_threads(1)
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}
CPU = World(0, 1, torch.device("cpu"))
SETTINGS = Settings(seed=1, log_every=5, checkpoint_every=10, keep_last=2)


def make_sample(folder, number, source):
    name = list(COLOURS)[number % 3]
    file = f"{source}-{number}.png"
    Image.fromarray(np.full((20 + number % 5, 24, 3), COLOURS[name], np.uint8)).save(folder / file)
    ask = Turn("user", (Part("image", index=0), Part("text", "Which colour?")))
    media = (Media(file, width=24, height=20 + number % 5),)
    return Sample(id=f"{source}-{number}", source=source, media=media, turns=(ask, Turn("assistant", (Part("text", name),))))


@pytest.fixture(scope="module")
def world_of_colours(tmp_path_factory):
    folder = tmp_path_factory.mktemp("colours")
    text = Chat(tokenizer=TrainedBpe(vocab_size=300))
    model = Vlm(view=Fixed(size=16), encoder=ViT(patch=16).tiny(), connector=Mlp(), language=Decoder().tiny(), text=text)
    samples = [make_sample(folder, i, source) for i in range(24) for source in ("plain", "other")]
    heldout = [make_sample(folder, 100 + i, "plain") for i in range(9)]
    codec = text.fit(samples, folder / "tokenizer")
    return model, Materials(samples, heldout, codec, model, Store(folder))


def stages(**changes):
    budget = Budget(tokens=128, patches=64, bins_per_step=4)
    align = Stage(
        name="align",
        trains=("connector.*",),
        mixture={"plain": 1.0},
        optimizer=AdamW(lr=3e-3),
        budget=budget,
        length=Steps(count=8),
    )
    tune = Stage(
        name="tune",
        optimizer=Muon(lr=0.02, adamw_lr=4e-3),
        budget=budget,
        length=Steps(count=40),
        micro_batches=2,
        validate_every=20,
    )
    return align, dataclasses.replace(tune, **changes)


def build(model):
    module = model.build()
    init(module, 0)
    return module


def run_all(folder, model, materials, after_stage=lambda stage, checkpoint: None, plan=None, settings=SETTINGS):
    module, run = build(model), RunFolder(folder)
    finals = train(plan or stages(), module, materials, run, recipe=model, world=CPU, settings=settings, after_stage=after_stage)
    return module, run, finals


def test_stages_run_in_order_learn_and_are_skipped_when_done(tmp_path, world_of_colours):
    model, materials = world_of_colours
    seen = []
    module, run, finals = run_all(tmp_path, model, materials, lambda stage, checkpoint: seen.append((stage.name, checkpoint.step)))
    assert seen == [("align", 8), ("tune", 40)]
    assert [final.folder.name for final in finals] == ["align-00000008", "tune-00000040"]
    assert run.done("train-tune")["steps"] == 40 and not module.training
    held = [line["token_loss"] for line in run.log.read() if line["event"] == "validation" and line["stage"] == "tune"]
    assert held[-1] < 0.15 < held[0], held  # guessing one of three colours blindly costs about log(3) over three tokens
    sources = {s for line in run.log.read() if line["event"] == "step" and line["stage"] == "align" for s in line["loss_by_source"]}
    assert sources == {"plain"}
    left = [entry for entry in run.ledger.entries("plan-align") if entry.verdict == "leftover"]
    assert {entry.source for entry in left} == {"other"} and len(left) == 24
    again, _, _ = run_all(tmp_path, model, materials, lambda stage, checkpoint: seen.append("again"))
    assert seen[2:] == [] and all(torch.equal(a, b) for a, b in zip(module.parameters(), again.parameters(), strict=True))


def test_failing_after_a_stage_calls_it_again(tmp_path, world_of_colours):
    model, materials = world_of_colours

    def fail(stage, checkpoint):
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        run_all(tmp_path, model, materials, fail)
    assert not (tmp_path / "done/train-align.json").exists()
    seen = []
    run_all(tmp_path, model, materials, lambda stage, checkpoint: seen.append(stage.name))
    assert seen == ["align", "tune"]


def test_worker_processes_change_nothing(tmp_path, world_of_colours):
    model, materials = world_of_colours
    ends = []
    for workers in (0, 2):
        settings = Settings(seed=1, workers=workers, log_every=5, checkpoint_every=10)
        module, _, _ = run_all(tmp_path / str(workers), model, materials, plan=stages(length=Steps(count=6)), settings=settings)
        ends.append([p.detach().clone() for p in module.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


def test_lost_picture_is_a_ledger_row_not_a_lost_run(tmp_path, world_of_colours):
    model, materials = world_of_colours
    broken = dataclasses.replace(materials.samples[0], id="gone", media=(Media("gone.png", width=24, height=20),))
    lossy = Materials([broken, *materials.samples[1:]], [], materials.codec, model, materials.store)
    _, run, _ = run_all(tmp_path, model, lossy, plan=stages(length=Epochs(count=1.0)))
    rows = list(run.ledger.entries("load-tune-rank0"))
    assert rows and {row.sample_id for row in rows} == {"gone"} and {row.verdict for row in rows} == {"error"}


def test_done_mark_without_checkpoint_is_told(tmp_path, world_of_colours):
    model, materials = world_of_colours
    RunFolder(tmp_path).finish("train-align")
    with pytest.raises(CheckpointError, match=r"stage 'align' has no final checkpoint.*delete done/train-align.json"):
        run_all(tmp_path, model, materials)


def test_no_samples_and_unknown_sources_are_told(tmp_path, world_of_colours):
    model, materials = world_of_colours
    empty = Materials([], [], materials.codec, model, materials.store)
    with pytest.raises(DataError, match=r"plan align: no samples; expected at least one"):
        run_all(tmp_path, model, empty)
    with pytest.raises(DataError, match=r"mixture.plan: no samples of source 'plan'; did you mean 'plain'"):
        run_all(tmp_path, model, materials, plan=stages(mixture={"plan": 1.0}))


def test_shares_of_ranks_cover_the_heldout_bins(world_of_colours):
    _, materials = world_of_colours
    examined = stages()[0]
    from_all = plan_heldout(examined, materials, 0)
    parts = [share(from_all, rank, 2, 0) for rank in range(2)]
    assert sorted(np.concatenate([part.sample for part in parts]).tolist()) == sorted(from_all.sample.tolist())
    assert share(from_all, 0, 1, 1).num_bins == 1


def test_doctor_says_what_will_happen(tmp_path, world_of_colours):
    model, materials = world_of_colours
    found = examine(stages(), model, materials, recipe=model, seed=1)
    align, tune = found.stages
    parts = {part.part: part for part in align.parts}
    assert parts["connector"].trained_values == parts["connector"].values > 0 and parts["encoder"].trained_values == 0
    assert (align.steps, tune.steps) == (8, 40) and align.samples_by_source.keys() == {"plain"}
    assert align.outcomes == {"leftover": 24} and "not in the mixture" in align.outcome_examples["leftover"]
    _, run, _ = run_all(tmp_path, model, materials)
    lines = [line for line in run.log.read() if line["event"] == "step" and line["stage"] == "tune"]
    for name in ("tokens", "supervised", "pictures", "patches"):
        counted = sum(line[name] for line in lines)
        assert abs(getattr(tune, name) / counted - 1) < 0.1, name
    assert tune.flops > align.flops > 0 and tune.memory.optimizer > align.memory.optimizer
    assert len(found.previews) == 3 and "Which colour?" in found.previews[0].plain


def test_doctor_repeats_the_complaints_of_training(world_of_colours):
    model, materials = world_of_colours
    with pytest.raises(ConfigError, match=r"stages.tune.trains: pattern 'languge.\*'.*did you mean 'language.\*'"):
        examine(stages(trains=("languge.*",)), model, materials, recipe=model, seed=1)
    with pytest.raises(DataError, match=r"^plan: n.* sample"):
        examine(stages(budget=Budget(tokens=5, patches=64, bins_per_step=4)), model, materials, recipe=model, seed=1)
