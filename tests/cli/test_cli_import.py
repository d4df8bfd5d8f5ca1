"""`omma import`, `export`, `merge` and recipes that start from folders, as a person types them."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForImageTextToText,
    Qwen2Config,
    Qwen2ForCausalLM,
)
from transformers.models.dinov2.modeling_dinov2 import Dinov2Config, Dinov2Model
from transformers.models.internvl.modeling_internvl import InternVLVisionConfig, InternVLVisionModel
from transformers.utils import logging

from tests.evaluate.released_folders import TEXT, llava

logging.disable_progress_bar()


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A released LLaVA folder with random weights."""
    return llava(tmp_path_factory.mktemp("hub") / "tiny-llava")


def test_a_released_model_is_imported_talked_to_trained_scored_and_exported(released, omma, desk):
    said = omma("import", released, "--to", "runs/llava")
    assert said.code == 0, said.err
    folded = "".join(said.out.split())
    assert "mapped52" in folded and "model.vision_tower.encoder.layers.*.self_attn.q_proj.bias" in folded
    assert sorted(path.name for path in (desk / "runs/llava").iterdir()) == ["config.yaml", "model.safetensors", "tokenizer"]
    talked = omma("chat", "runs/llava", "--image", "pictures/0.png", "--prompt", "what colour?", "--max-tokens", 3)
    assert talked.code == 0, talked.err

    start = ("weights.model=runs/llava", "run.folder=runs/tuned", "stages.align.length.count=1", "stages.instruct.length.count=2")
    trained = omma("train", "./lab.py:mine", *start)
    assert trained.code == 0, trained.err
    before, after = (load_file(file) for file in (desk / "runs/llava/model.safetensors", newest(desk / "runs/tuned")))
    assert before.keys() == after.keys()
    kept, moved = "encoder.class_token", "connector.layers.0.weight"
    assert not torch.equal(before[moved], after[moved]) and torch.allclose(before[kept], after[kept], atol=0.1)

    scored = omma("eval", "runs/llava", "--on", "runs/tuned")
    assert scored.code == 0 and (desk / "runs/tuned/eval/llava").is_dir(), scored.err
    mixed = omma("merge", "interpolate", "runs/llava", "runs/tuned", "--to", "runs/mixed", "--at", "0.25")
    assert mixed.code == 0, mixed.err
    half = load_file(desk / "runs/mixed/model.safetensors")[moved]
    assert torch.allclose(half, 0.75 * before[moved] + 0.25 * after[moved], atol=1e-6)
    exported = omma("export", "runs/tuned", "--output", "out", "--shard-size", "0.00002")
    assert exported.code == 0 and "transformers loads it as LlavaForConditionalGeneration" in exported.out, exported.err
    theirs = AutoModelForImageTextToText.from_pretrained(desk / "out").state_dict()
    assert torch.equal(theirs["model.multi_modal_projector.linear_1.weight"], after[moved])


SHORT = ("stages.align.length.count=1", "stages.instruct.length.count=1", "stages.instruct.optimizer.lr=1e-9",
         "stages.align.optimizer.lr=1e-9")  # fmt: skip
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 8}
TOWERS = {
    "dinov2": lambda: Dinov2Model(Dinov2Config(**SIZES, image_size=32, mlp_ratio=2)),
    "internvl": lambda: InternVLVisionModel(InternVLVisionConfig(
        **SIZES | {"patch_size": [8, 8]}, image_size=[32, 32], intermediate_size=24)),
}  # fmt: skip


def trained_from(omma, desk, *start):
    """`omma train` from folders, with steps too short to move anything → the tensors of its last checkpoint."""
    said = omma("train", "./lab.py:mine", *start, *SHORT, "run.folder=runs/begun")
    assert said.code == 0, said.err
    return load_file(newest(desk / "runs/begun"))


def check_begun(ours, folder, **names):
    """Tensors of a run are those of a folder, by the ends of their names there, but for what steps of 1e-9 do."""
    stored = load_file(folder / "model.safetensors")
    for own, end in names.items():
        (theirs,) = (value for name, value in stored.items() if name.endswith(end))
        assert torch.allclose(ours[own], theirs, atol=1e-5, rtol=0), own


def spread(model):
    """Values that no other start has."""
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.1 * torch.randn_like(parameter) + (parameter.ndim == 1))
    return model


def test_training_starts_from_a_whole_model(released, omma, desk):
    check_begun(trained_from(omma, desk, f"model.from_={released}"), released, **{
        "connector.layers.0.weight": "multi_modal_projector.linear_1.weight",
        "language.blocks.1.mlp.up.weight": "layers.1.mlp.up_proj.weight",
        "encoder.blocks.0.mlp.up.weight": "layers.0.mlp.fc1.weight",
    })  # fmt: skip


def test_training_starts_from_a_language_model_in_its_slot(released, omma, desk):
    spread(Qwen2ForCausalLM(Qwen2Config(**TEXT, vocab_size=270))).save_pretrained(desk / "words")
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(released / file, desk / "words" / file)
    check_begun(trained_from(omma, desk, "model.language.from_=words"), desk / "words", **{
        "language.blocks.0.mlp.up.weight": "layers.0.mlp.up_proj.weight",
        "language.blocks.1.mlp.down.weight": "layers.1.mlp.down_proj.weight",
    })  # fmt: skip


@pytest.mark.parametrize("kind", TOWERS)
def test_training_starts_from_a_tower_in_its_slot(kind, omma, desk):
    spread(TOWERS[kind]()).save_pretrained(desk / "tower")
    check_begun(trained_from(omma, desk, "model.vision.from_=tower", "model.view.size=32"), desk / "tower", **{
        "encoder.blocks.0.mlp.up.weight": "layer.0.mlp.fc1.weight",
        "encoder.blocks.1.mlp.down.weight": "layer.1.mlp.fc2.weight",
    })  # fmt: skip


def newest(run):
    """The weights of a run's last checkpoint."""
    return max(run.glob("checkpoints/*/model.safetensors"), key=lambda file: file.stat().st_mtime_ns)


def test_every_key_is_listed_on_request(released, omma):
    said = omma("import", released, "--keys", "--to", "runs/all")
    assert "model.language_model.layers.1.mlp.up_proj.weight → language.blocks.1.mlp.up.weight" in " ".join(said.out.split())


def test_a_recipe_shows_what_its_folder_says(released, omma):
    shown = omma("show", "./lab.py:mine", f"weights.model={released}", "model.language.norm_eps=0.5")
    assert shown.code == 0, shown.err
    assert "image_size: 32" in shown.out and f"model: {released}" in shown.out and "norm_eps: 0.5" in shown.out
    assert omma("show", "./lab.py:mine", f"model.from_={released}", "model.language.norm_eps=0.5").out == shown.out
    again = omma("show", "./lab.py:mine", "weights.precision=bf16")
    assert "precision: bf16" in again.out and "image_size: 16" not in again.out


def test_an_unexplained_key_stops_an_import_after_its_report(released, omma, desk):
    shutil.copytree(released, desk / "odd")
    tensors = load_file(desk / "odd/model.safetensors")
    save_file(tensors | {"model.adapter.weight": torch.ones(2)}, desk / "odd/model.safetensors", metadata={"format": "pt"})
    said = omma("import", "odd", "--to", "runs/odd")
    assert said.code == 2 and "1 unexpected: model.adapter.weight" in said.err and "unexpected" in said.out
    assert not (desk / "runs/odd").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("import", "absent"), "absent: no such folder"),
        (("import", "pictures"), "pictures: no config.json"),
        (("export", "absent"), "absent: no such folder"),
        (("merge", "soup", "absent", "absent"), "absent: no such folder"),
        (("merge", "stack", "absent"), "'absent'; expected FOLDER:START-STOP"),
        (("merge", "blend", "absent"), "'blend' is not one of"),
        (("show", "./lab.py:mine", "weights.model=absent"), "absent: no such folder"),
        (("show", "./lab.py:mine", "weights.modell=absent"), "did you mean 'model'?"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments, words, omma):
    said = omma(*arguments)
    assert said.code == 2 and words in said.err and "Traceback" not in said.err, said.err


def test_what_cannot_be_imported_again_or_merged_so_is_told(released, omma):
    assert omma("import", released, "--to", "runs/a").code == 0
    assert "runs/a: is there already" in omma("import", released, "--to", "runs/a").err
    assert "a checkpoint of omma" in omma("import", "runs/a").err
    assert "expected two" in omma("merge", "interpolate", "runs/a").err
    assert "--on RUN" in omma("merge", "greedy", "runs/a", "runs/a").err
    assert "expected more than 0" in omma("export", "runs/a", "--shard-size", "0").err


def test_a_model_without_a_class_is_exported_as_our_own_and_greedy_soups_read_held_out_samples(reading, finished, tmp_path):
    said = reading("export", "runs/mine", "--output", tmp_path / "out")
    assert said.code == 0 and "transformers, vLLM and SGLang cannot load" in said.out, said.err
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"config.yaml", "model.safetensors", "tokenizer"}
    stages = sorted(path for path in (finished[0] / "runs/mine/checkpoints").iterdir())
    made = reading("merge", "greedy", *stages, "--on", "runs/mine", "--to", tmp_path / "soup", "--limit", 8)
    assert made.code == 0 and "held-out loss" in made.out, made.err
    assert reading("chat", tmp_path / "soup", "--image", "pictures/0.png", "--prompt", "what colour?").code == 0


def test_a_part_is_checked_and_told_how_to_use(released, omma, desk):
    whole, folder = json.loads((released / "config.json").read_text()), desk / "language"
    shutil.copytree(released, folder)
    (folder / "config.json").write_text(json.dumps(whole["text_config"]))
    tensors = load_file(folder / "model.safetensors")
    prefix = next(name for name in tensors if name.endswith("embed_tokens.weight")).removesuffix("embed_tokens.weight")
    own = {f"model.{name.removeprefix(prefix)}": value for name, value in tensors.items() if name.startswith(prefix)}
    head = next(value for name, value in tensors.items() if name.endswith("lm_head.weight"))
    save_file(own | {"lm_head.weight": head}, folder / "model.safetensors", metadata={"format": "pt"})
    said = omma("import", "language")
    assert said.code == 0 and "omma train RECIPE weights.language=language" in " ".join(said.out.split()), said.err


def damage(folder, kind):
    """What happens to downloads: one thing in a released folder changes."""
    weights, config = folder / "model.safetensors", folder / "config.json"
    said = json.loads(config.read_text())
    if kind == "a missing shard":
        names = load_file(weights)
        index = {name: f"model-0000{1 + number % 2}-of-00002.safetensors" for number, name in enumerate(names)}
        for file in sorted(set(index.values()))[:1]:
            save_file({n: names[n] for n in names if index[n] == file}, folder / file, metadata={"format": "pt"})
        weights.unlink()
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    elif kind == "a cut off file":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif kind == "integers":
        save_file({name: value.to(torch.int8) for name, value in load_file(weights).items()}, weights)
    elif kind == "another width":
        config.write_text(json.dumps(said | {"text_config": said["text_config"] | {"intermediate_size": 99}}))
    elif kind == "another family":
        config.write_text(json.dumps(said | {"model_type": "llave_next"}))
    elif kind == "code of its own":
        config.write_text(json.dumps(said | {"model_type": "mystery", "auto_map": {"AutoModel": "modeling.Mystery"}}))
    elif kind == "no image token":
        words = json.loads((folder / "tokenizer.json").read_text())
        words["added_tokens"] = [token for token in words["added_tokens"] if token["content"] != "<image>"]
        (folder / "tokenizer.json").write_text(json.dumps(words))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("a missing shard", "odd: 1 of 2 shards are not here: model-00002-of-00002.safetensors; expected every file that"),
        ("a cut off file", "of its header; it is cut off or damaged: copy or import it again"),
        ("integers", "I8 values; expected a float dtype (F32, F16, BF16); quantised checkpoints are not covered"),
        ("another width", "of another shape: "),
        ("another family", "model_type 'llave_next'; expected a model_type that omma knows; did you mean 'llava_next'?"),
        ("code of its own", "'mystery' needs code that lies in the folder (auto_map); omma never runs code from a checkpoint"),
        (
            "no image token",
            "image_token_index is 2, which is no added token of tokenizer.json; config.json and tok",
        ),
    ],
)
def test_a_damaged_or_foreign_folder_is_told_in_one_line(kind, words, released, omma, desk):
    shutil.copytree(released, desk / "odd")
    damage(desk / "odd", kind)
    for verb in (("import", "odd", "--to", "runs/odd"), ("train", "./lab.py:mine", "weights.model=odd")):
        said = omma(*verb)
        assert said.code == 2 and words in said.err and said.err.strip().splitlines()[-1].startswith("error: "), said.err
    assert not (desk / "runs/odd").exists()


def test_adapters_that_match_nothing_or_belong_elsewhere_are_told_before_a_step(released, omma, desk):
    lora = "stages.instruct.adapter={class: omma.train.adapters.lora.Lora, patterns: {%s: 4}}"
    start = ("./lab.py:mine", f"weights.model={released}", "stages.instruct.trains=[]")
    said = omma("train", *start, lora % "langage.*", "run.folder=runs/a")
    assert said.code == 2 and "pattern 'langage.*' matches no linear map" in said.err, said.err
    assert "did you mean 'language.*'" in said.err and not list((desk / "runs/a").glob("checkpoints/*/adapter"))
