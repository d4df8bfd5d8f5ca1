"""Lora: adapters are the identity at first, merge exactly, leave the base bit-frozen, resume bit-exactly, and load elsewhere."""

import copy
import dataclasses
import json
import warnings
from itertools import pairwise

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from tiny_training import SETTINGS, save_no_tokenizer
from transformers.models.llava.modeling_llava import LlavaConfig, LlavaForConditionalGeneration

from omma.core.config import load, show
from omma.core.errors import CheckpointError, ConfigError
from omma.core.runs import RunFolder
from omma.media.views.fixed import Fixed
from omma.model.connectors.mlp import Mlp
from omma.model.language.decoder import Decoder
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.nn.init import init
from omma.pack.chat import Chat
from omma.pack.plan import Budget
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.schema.batch import IGNORE, Batch, Pictures
from omma.train.adapters.files import AdapterFile, write_adapter
from omma.train.adapters.lora import Lora, adaptable
from omma.train.adapters.released import released
from omma.train.adapters.stored import NF4, StoredLinear, dequantise, quantise
from omma.train.adapters.whole import Whole
from omma.train.audit import FrozenProof, table
from omma.train.checkpoint import Checkpoints
from omma.train.course import Course
from omma.train.loop import StageRun, train_stage
from omma.train.optimizers.adamw import AdamW
from omma.train.parallel import World
from omma.train.schedules.constant import Constant
from omma.train.stage import Stage, Steps
from omma.weights.maps import llava
from omma.weights.names import Flat, Names, Pair, Rows
from omma.weights.native import stored_tensors

torch.set_num_threads(1)
CPU = World(0, 1, torch.device("cpu"))
VOCABULARY, IMAGE_ID, SIDE = 61, 60, 3
PATTERNS = {"language.*.attention.*": 4, "language.*": 2, "encoder.*": 3}
MODEL = Vlm(
    view=Fixed(size=4 * SIDE),
    encoder=ViT(patch=4, width=16, depth=2, heads=2, mlp_width=24, image_size=4 * SIDE, class_token=True, input_norm=True,
                final_norm=False, patch_bias=False, norm_eps=1e-5),
    connector=Mlp(),
    language=Decoder(width=24, depth=2, heads=4, kv_heads=2, head_dim=8, mlp_width=32),
    text=Chat(tokenizer=TrainedBpe(vocab_size=300)),
)  # fmt: skip


def fresh(seed=0):
    module = init(MODEL.build(), seed)
    module.language.embedding = torch.nn.Embedding(VOCABULARY, 24)
    module.language.unembedding = torch.nn.Linear(24, VOCABULARY, bias=False)
    return init(module, seed)


def document(number):
    """A picture's nine tokens and then a few words that follow from the number."""
    generator = torch.Generator().manual_seed(number)
    length = SIDE**2 + 6
    tokens = (torch.arange(length) * 3 + number) % IMAGE_ID
    labels = torch.cat([tokens[1:], torch.tensor([IGNORE])])
    labels[: SIDE**2 - 1] = IGNORE
    patches = torch.randint(0, 256, (SIDE**2, 48), generator=generator).byte()
    slots = torch.arange(SIDE**2)
    pictures = Pictures(patches, torch.tensor([[1, SIDE, SIDE]]))
    names = (f"doc-{number}",), ("even",)
    return Batch(tokens, torch.arange(length)[:, None], torch.tensor([0, length]), labels, pictures, slots, slots.clone(), *names)


def logits(module, batch=None):
    batch = document(1) if batch is None else batch
    with torch.no_grad():
        return module(batch).logits(torch.arange(len(batch.tokens)))


def stage(**changes):
    small = Stage(name="tune", trains=(), adapter=Lora(patterns=PATTERNS), optimizer=AdamW(lr=3e-3), schedule=Constant(),
                  budget=Budget(tokens=64, patches=64, bins_per_step=2), length=Steps(count=6))  # fmt: skip
    return dataclasses.replace(small, **changes)


def course(steps=6):
    return Course(
        "plan", steps, ("even",), lambda start: ((document(2 * s), document(2 * s + 1)) for s in range(start, steps)), list
    )


def run_stage(folder, chosen, module, steps=6, settings=SETTINGS):
    run = RunFolder(folder)
    train_stage(chosen, module, course(steps), run, Checkpoints(run / "checkpoints", chosen, save_no_tokenizer), CPU, settings)
    return run


def moved(fitted, seed=3):
    """Adapters that do something, as after training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in fitted.trained.values():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return fitted


@pytest.mark.parametrize("scaling", ["rank", "sqrt"])
def test_fresh_adapters_are_the_identity_and_moved_ones_merge(scaling):
    module = fresh()
    before = logits(module)
    fitted = Lora(patterns=PATTERNS, scaling=scaling).fit(module, (), where="here", seed=1)
    assert torch.equal(logits(module), before)
    moved(fitted)
    adapted = logits(module)
    assert (adapted - before).abs().max() > 0.1
    with fitted.plain() as plain:
        assert stored_tensors(plain).keys() == stored_tensors(fresh()).keys()
        copied = {name: tensor.clone() for name, tensor in stored_tensors(plain).items()}
    assert torch.equal(logits(module), adapted)
    fitted.settle()
    assert (logits(module) - adapted).abs().max() <= 2e-5 * adapted.abs().max()
    assert all(torch.equal(copied[name], tensor) for name, tensor in stored_tensors(module).items())
    again = Lora(patterns=PATTERNS).fit(module, (), where="here", seed=1)  # a second stage may adapt again
    assert len(again.layers) == len(fitted.layers)


def test_the_formula_is_the_papers():
    module = fresh()
    name = "language.blocks.1.mlp.up"
    weight = module.get_submodule(name).weight.detach().clone()
    fitted = moved(Lora(patterns={name: 4}, alpha=6.0).fit(module, (), where="here", seed=1))
    a, b = (fitted.trained[f"{name}.lora_{side}.weight"].detach() for side in "AB")
    assert (a.shape, b.shape) == ((4, 24), (32, 4))
    fitted.settle()
    torch.testing.assert_close(module.get_submodule(name).weight, weight + 6.0 / 4 * b @ a)


def test_only_adapters_and_what_trains_whole_move(tmp_path):
    module = fresh()
    before = {name: tensor.detach().clone() for name, tensor in stored_tensors(module).items()}
    chosen = stage(trains=("connector.*",))
    run = run_stage(tmp_path, chosen, module)
    losses = [line["loss"] for line in run.log.read() if line["event"] == "step"]
    assert losses[-1] < losses[0]
    adapted = {f"{name}.weight" for name in chosen.adapter.ranks(fresh(), where="here")}
    for name, tensor in stored_tensors(module).items():
        assert torch.equal(tensor, before[name]) == (name not in adapted and not name.startswith("connector.")), name


def test_gradients_are_in_adapters_alone_and_the_base_keeps_its_bits():
    module = fresh()
    fitted = Lora(patterns=PATTERNS).fit(module, (), where="here", seed=1)
    assert {name for name, p in module.named_parameters() if p.requires_grad} == {
        name for name, _ in module.named_parameters() if ".lora_" in name
    }
    proof = FrozenProof(module)
    output = module(document(1))
    output.logits(torch.arange(15)).square().mean().backward()
    assert all(p.grad is None for name, p in module.named_parameters() if ".lora_" not in name)
    assert all(p.grad.abs().sum() > 0 for name, p in fitted.trained.items() if ".lora_B" in name)
    torch.optim.AdamW(fitted.trained.values(), lr=0.1).step()
    proof.verify(module)
    rows = {row.part: row for row in table(module)}
    assert rows["connector"].trained_values == 0 < rows["encoder"].trained_values


def test_heads_and_patch_embeddings_are_never_adapted():
    names = adaptable(fresh())
    assert "language.unembedding" not in names and "encoder.embed.project" not in names
    assert "connector.layers.0" in names and "encoder.blocks.0.attention.query" in names


def test_ranks_follow_the_first_glob_that_matches():
    ranks = Lora(patterns=PATTERNS).ranks(fresh(), where="here")
    assert ranks["language.blocks.0.attention.key"] == 4 and ranks["language.blocks.0.mlp.up"] == 2
    assert ranks["encoder.blocks.1.mlp.down"] == 3 and "connector.layers.0" not in ranks


@pytest.mark.parametrize("base", ["kept", "nf4"])
def test_resuming_is_bit_exact(tmp_path, base):
    chosen = stage(adapter=Lora(patterns=PATTERNS, dropout=0.1, base=base), trains=("connector.*",))
    whole, broken = fresh(), fresh()
    run_stage(tmp_path / "whole", chosen, whole)
    settings = dataclasses.replace(SETTINGS, checkpoint_every=3)
    run = RunFolder(tmp_path / "broken")
    checkpoints = Checkpoints(run / "checkpoints", chosen, save_no_tokenizer)
    first = StageRun(chosen, broken, course(), run, checkpoints, CPU, settings)
    feed = course().feed(0)
    for _ in range(3):
        first._one_step(next(feed))
    first._save()
    again = fresh()
    run_stage(tmp_path / "broken", chosen, again)
    assert all(torch.equal(a, b) for a, b in zip(stored_tensors(whole).values(), stored_tensors(again).values(), strict=True))
    ends = [load_file(tmp_path / name / "checkpoints/tune-00000006/optimizer.safetensors") for name in ("whole", "broken")]
    assert ends[0].keys() == ends[1].keys() and all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


def test_a_checkpoint_holds_merged_weights_and_the_adapter(tmp_path):
    module = fresh()
    run = run_stage(tmp_path, stage(), module)
    folder = run / "checkpoints/tune-00000006"
    merged = load_file(folder / "model.safetensors")
    assert all(torch.equal(merged[name], tensor) for name, tensor in stored_tensors(module).items())
    written = json.loads((folder / "adapter/adapter_config.json").read_text())
    assert written["peft_type"] == "LORA" and written["r"] == 4 and written["lora_alpha"] == 32.0


def test_an_adapter_for_another_base_is_refused(tmp_path):
    lora = Lora(patterns=PATTERNS)
    moved(lora.fit(fresh(0), (), where="here", seed=1)).save(tmp_path)
    lora.fit(fresh(0), (), where="here", seed=2).restore(tmp_path)
    with pytest.raises(CheckpointError, match=r"adapter for other frozen weights .*give the weights that it was trained beside"):
        lora.fit(fresh(1), (), where="here", seed=1).restore(tmp_path)
    with pytest.raises(CheckpointError, match="an adapter of another model: encoder.blocks.0.attention.key.lora_A.weight"):
        Lora(patterns={"language.*": 5}).fit(fresh(0), (), where="here", seed=1).restore(tmp_path)
    (tmp_path / "adapter/adapter_model.safetensors").write_bytes(b"cut")
    with pytest.raises(CheckpointError, match="damaged, or no adapter of omma"):
        lora.fit(fresh(0), (), where="here", seed=1).restore(tmp_path)
    with pytest.raises(CheckpointError, match="no adapter_config.json with adapter_model.safetensors"):
        lora.fit(fresh(0), (), where="here", seed=1).restore(tmp_path / "nothing")


def test_patterns_that_match_nothing_name_the_nearest():
    with pytest.raises(
        ConfigError, match=r"stages.tune.adapter.patterns: pattern 'langage.\*' matches no linear map.*did you mean 'language.\*'"
    ):
        Lora(patterns={"langage.*": 4}).fit(fresh(), (), where="stages.tune", seed=0)
    with pytest.raises(ConfigError, match=r"here.trains: .* are adapted and named here; expected .*\(\)"):
        Lora().fit(fresh(), ("*",), where="here", seed=0)
    for wrong, words in (
        ({"patterns": {}}, "Lora.patterns: none"),
        ({"patterns": {"*": 0}}, "a rank of at least 1"),
        ({"dropout": 1.0}, "Lora.dropout"),
        ({"alpha": 0.0}, "Lora.alpha"),
    ):
        with pytest.raises(ConfigError, match=words):
            Lora(**wrong)
    with pytest.raises(ConfigError, match=r"trains: no pattern"):
        stage(adapter=Whole())


def test_a_stage_with_an_adapter_is_yaml_and_shrinks():
    chosen = stage(adapter=Lora(patterns={"language.*": 64}))
    assert load(show(chosen), where="here") == chosen
    assert chosen.tiny().adapter.patterns == {"language.*": 4}


def test_recomputed_blocks_with_dropout_have_the_gradients_of_kept_ones():
    found = []
    for again in (False, True):
        module = fresh()
        fitted = moved(Lora(patterns=PATTERNS, dropout=0.3).fit(module, (), where="here", seed=1))
        module.train()
        module.checkpointing(again)
        torch.manual_seed(7)
        module(document(1)).logits(torch.arange(15)).square().mean().backward()
        found.append([p.grad for p in fitted.trained.values()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize(("base", "worst"), [("bf16", 0.004), ("nf4", 0.12)])
def test_a_base_in_few_bits_trains_the_same_adapters(tmp_path, base, worst):
    """The gradient through a stored matrix is that through the same matrix dense, which is near the one that came.

    Worst relative error of a matrix (Frobenius) measured here: bf16 0.0018, NF4 0.10.
    """
    module = fresh()
    fitted = moved(Lora(patterns=PATTERNS, base=base).fit(module, (), where="here", seed=1))
    adapted = logits(module)
    dense, errors = fresh(), []
    with torch.no_grad():
        for name, layer in fitted.layers.items():
            own, stored = dense.get_submodule(name).weight, layer.base_layer.dense(torch.float32)
            errors.append(float((own - stored).norm() / own.norm()))
            own.copy_(stored)
    assert 0 < max(errors) <= worst, max(errors)
    twin = moved(Lora(patterns=PATTERNS).fit(dense, (), where="here", seed=1))
    torch.testing.assert_close(logits(dense), adapted)
    for one in (module, dense):
        one(document(1)).logits(torch.arange(15)).square().mean().backward()
    for name, parameter in fitted.trained.items():
        torch.testing.assert_close(parameter.grad, twin.trained[name].grad)
    fitted.settle()
    torch.testing.assert_close(logits(module), adapted, rtol=1e-4, atol=1e-5)
    assert stored_tensors(module).keys() == stored_tensors(fresh()).keys()


def test_nf4_rounds_to_the_nearest_of_its_values_in_four_and_a_half_bits():
    weight = torch.tensor([NF4, [x * 0.5 for x in NF4]]).repeat(2, 4)  # (4, 64): each row one block
    values, scales = quantise(weight)
    assert torch.equal(dequantise(values, scales, 4, 64), weight) and scales.tolist() == [1.0, 0.5, 1.0, 0.5]
    drawn = torch.randn(37, 5, generator=torch.Generator().manual_seed(0))  # a short last block
    values, scales = quantise(drawn)
    assert (values.nbytes, len(scales)) == (96, 3)
    spread = scales.repeat_interleave(64)[: drawn.numel()].view(37, 5)
    widest = max(b - a for a, b in pairwise(NF4)) / 2
    assert ((dequantise(values, scales, 37, 5) - drawn).abs() <= widest * spread + 1e-6).all()
    linear = torch.nn.Linear(64, 32)
    assert sum(b.nbytes for b in StoredLinear(linear, "nf4").buffers()) == linear.weight.numel() * 4.5 / 8


@pytest.mark.parametrize("trains", [(), ("connector.*",)])
def test_peft_loads_the_adapter_onto_the_exported_model(tmp_path, trains):
    module = fresh()
    names = llava.names(MODEL)
    theirs = LlavaForConditionalGeneration(LlavaConfig(**llava.config_to(MODEL, VOCABULARY, IMAGE_ID))).eval()
    theirs.load_state_dict(names.to_theirs(copy.deepcopy(stored_tensors(module))))
    fitted = moved(Lora(patterns=PATTERNS).fit(module, trains, where="here", seed=1))
    write_adapter(tmp_path, released(fitted.file(), names, shapes(), "base"))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated")  # PEFT asks transformers so
        adapted = PeftModel.from_pretrained(theirs, tmp_path).eval()
    batch = document(1)
    ids = batch.tokens.clone()
    ids[batch.slots] = IMAGE_ID
    pixels = batch.pictures.patches.float().view(SIDE, SIDE, 3, 4, 4).permute(2, 0, 3, 1, 4).reshape(1, 3, 4 * SIDE, 4 * SIDE) / 255
    pixels = (pixels - 0.5) / 0.5
    with torch.no_grad():
        want = adapted(input_ids=ids[None], pixel_values=pixels).logits[0]
    got = logits(module, batch)
    assert (got - want).abs().max() <= 2e-5 * want.abs().max()
    assert (got - logits(fresh(), batch)).abs().max() > 0.1


def shapes():
    return {name: tuple(tensor.shape) for name, tensor in stored_tensors(fresh()).items()}


def test_what_has_no_place_in_a_released_layout_is_told():
    fitted = Lora(patterns=PATTERNS).fit(fresh(), (), where="here", seed=1)
    lacking = Names(tuple(pair for pair in llava.names(MODEL).pairs if "blocks.1.mlp" not in pair.ours))
    with pytest.raises(CheckpointError, match="blocks.1.mlp.*has no form of its own in the released layout; the merged"):
        released(fitted.file(), lacking, shapes())
    halves = Names((Pair("a.weight", "ab.weight", Rows((3, 3)), 0), Pair("b.weight", "ab.weight", Rows((3, 3)), 1)))
    half = AdapterFile({}, 1.0, 0.0, False, {}, {"a.weight": torch.zeros(3, 4)}, "")
    with pytest.raises(CheckpointError, match="b.weight: what it learnt"):
        released(half, halves, {})
    squares = Names((Pair("a.weight", "conv.weight", Flat((1, 2, 2))),))
    small = {"a.lora_A.weight": torch.randn(2, 4), "a.lora_B.weight": torch.randn(3, 2)}
    with pytest.raises(CheckpointError, match="a.weight: what it learnt"):
        released(AdapterFile({"a": 2}, 1.0, 0.0, False, small, {}, ""), squares, {"a.weight": (3, 4)})


@pytest.mark.parametrize("by_root", [False, True])
def test_adapters_of_fused_matrices_become_one_of_the_same_effect(by_root):
    torch.manual_seed(0)
    sizes, ranks = {"q": 6, "k": 4, "v": 4}, {"q": 3, "v": 2}
    names = Names(tuple(Pair(f"{n}.weight", "qkv.weight", Rows(tuple(sizes.values())), i) for i, n in enumerate(sizes)))
    small = {f"{n}.lora_A.weight": torch.randn(r, 5) for n, r in ranks.items()}
    small |= {f"{n}.lora_B.weight": torch.randn(sizes[n], r) for n, r in ranks.items()}
    ours = AdapterFile(ranks, 8.0, 0.0, by_root, small, {}, "")
    theirs = released(ours, names, {f"{n}.weight": (size, 5) for n, size in sizes.items()})
    assert theirs.ranks == {"qkv": 5}
    got = theirs.scale(5) * theirs.small["qkv.lora_B.weight"] @ theirs.small["qkv.lora_A.weight"]
    parts = [ours.scale(ranks[n]) * small[f"{n}.lora_B.weight"] @ small[f"{n}.lora_A.weight"] if n in ranks else torch.zeros(4, 5)
             for n in sizes]  # fmt: skip
    torch.testing.assert_close(got, torch.cat(parts))
