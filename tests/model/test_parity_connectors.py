"""Connectors = transformers' projectors, mergers and resamplers at random tiny weights: tokens, gradients, packed = one by one."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers.models.blip_2.modeling_blip_2 import Blip2QFormerConfig, Blip2QFormerModel
from transformers.models.gemma3.modeling_gemma3 import Gemma3MultiModalProjector
from transformers.models.idefics2.modeling_idefics2 import Idefics2Connector, Idefics2PerceiverConfig
from transformers.models.idefics3.modeling_idefics3 import Idefics3Connector
from transformers.models.instructblip.modeling_instructblip import InstructBlipQFormerConfig, InstructBlipQFormerModel
from transformers.models.internvl.modeling_internvl import InternVLModel, InternVLMultiModalProjector
from transformers.models.llava_onevision.modeling_llava_onevision import LlavaOnevisionMultiModalProjector
from transformers.models.mistral3.modeling_mistral3 import Mistral3MultiModalProjector
from transformers.models.ovis2.modeling_ovis2 import Ovis2Config, Ovis2Model, Ovis2VisionConfig
from transformers.models.qwen2.modeling_qwen2 import Qwen2Config
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLPatchMerger
from transformers.models.qwen2_vl.modeling_qwen2_vl import PatchMerger
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLVisionPatchMerger
from transformers.models.vipllava.modeling_vipllava import VipLlavaMultiModalProjector

from omma.model.connectors.deepstack import DeepStack
from omma.model.connectors.merged_mlp import MergedMlp
from omma.model.connectors.merger import Merger
from omma.model.connectors.mlp import Mlp
from omma.model.connectors.normed_mlp import NormedMlp
from omma.model.connectors.normed_pool import NormedPool
from omma.model.connectors.perceiver import Perceiver
from omma.model.connectors.pixel_shuffle import PixelShuffle
from omma.model.connectors.q_former import QFormer
from omma.model.connectors.shuffle_linear import ShuffleLinear
from omma.model.connectors.visual_embedding import VisualEmbedding
from omma.model.slots import built_on_meta, num_parameters
from omma.model.squares import place_major
from omma.nn.grids import on_host, square_groups
from omma.schema.batch import Asked, Stream

pytestmark = pytest.mark.parity

# fp32, in units of the largest value of the tensor compared. Worst case measured over 24 seeds per family: tokens 9.5e-7
# (Idefics2), gradients 4.9e-5 (queries of BLIP-2, whose gradients are small), of all others 1.0e-5.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4
CPU = torch.device("cpu")


@dataclass
class Pair:
    """Ours, theirs, our name → (their name, what makes ours of it), theirs on the features of one tile, grids."""

    ours: nn.Module
    theirs: nn.Module
    names: dict[str, Any]
    run: Any
    grids: list
    width: int
    num_taps: int = 0
    asked: list = field(default_factory=list)


def same(tensor):
    return tensor


def kinds(names, *suffixes):
    """Module names → parameter names."""
    return {f"{a}.{kind}": (f"{b}.{kind}", same) for a, b in names.items() for kind in suffixes or ("weight", "bias")}


def shake(module, seed):
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.2 if parameter.ndim > 1 else 0.3) + (parameter.ndim == 1))
    return module.eval()


def tiles(rng, factor, square=False):
    sizes = [tuple(factor * int(n) for n in rng.integers(1, 4, 2)) for _ in range(3)]
    return [(1, r, r if square else c) for r, c in sizes]


def windows(patches, grid, factor):
    """The patches of a tile in Qwen's order: square by square."""
    return patches[square_groups((grid,), factor, CPU)].flatten(0, 1)


def qwen_merger(rng, kind):
    width, out, factor = int(rng.integers(4, 12)), int(rng.integers(4, 12)), int(rng.integers(1, 4))
    theirs = (Qwen2_5_VLPatchMerger if kind == "rms" else PatchMerger)(out, width, factor)
    ours = Merger(factor=factor, norm=kind).build(in_dim=width, out_dim=out)
    names = kinds({"up": "mlp.0", "down": "mlp.2"})
    names |= kinds({"norm": "ln_q"}, *(["weight"] if kind == "rms" else ["weight", "bias"]))
    return Pair(ours, theirs, names, lambda p, grid, i: theirs(windows(p, grid, factor)), tiles(rng, factor), width)


class Mergers(nn.Module):
    """Qwen3-VL's main merger and those of its levels."""

    def __init__(self, cfg, levels):
        super().__init__()
        self.main = Qwen3VLVisionPatchMerger(cfg, use_postshuffle_norm=False)
        self.levels = nn.ModuleList(Qwen3VLVisionPatchMerger(cfg, use_postshuffle_norm=True) for _ in range(levels))

    def forward(self, patches, taps):
        return torch.cat([self.main(patches), *(level(tap) for level, tap in zip(self.levels, taps, strict=True))], dim=1)


def qwen3(rng):
    width, out, factor, levels = (
        int(rng.integers(4, 12)),
        int(rng.integers(4, 12)),
        int(rng.integers(1, 4)),
        int(rng.integers(1, 4)),
    )
    theirs = Mergers(SimpleNamespace(hidden_size=width, spatial_merge_size=factor, out_hidden_size=out), levels)
    ours = DeepStack(factor=factor, levels=levels).build(in_dim=width, out_dim=out)
    parts = {"norm": "norm", "up": "linear_fc1", "down": "linear_fc2"}
    names = kinds({f"merger.{a}": f"main.{b}" for a, b in parts.items()})
    names |= kinds({f"levels.{i}.{a}": f"levels.{i}.{b}" for i in range(levels) for a, b in parts.items()})

    def run(patches, grid, i):
        first, *taps = (windows(piece, grid, factor) for piece in patches)
        return theirs(first, taps)

    return Pair(ours, theirs, names, run, tiles(rng, factor), width, num_taps=levels)


def sized(width, out, **more):
    """A config with the two sizes that most projectors ask for."""
    return SimpleNamespace(
        vision_config=SimpleNamespace(hidden_size=width),
        text_config=SimpleNamespace(hidden_size=out),
        projector_hidden_act="gelu",
        **more,
    )


def internvl(rng):
    width, out = 4 * int(rng.integers(1, 4)), int(rng.integers(4, 12))
    theirs = InternVLMultiModalProjector(sized(width, out, downsample_ratio=0.5))
    ours = PixelShuffle().build(in_dim=width, out_dim=out)
    names = kinds({"norm": "layer_norm", "up": "linear_1", "down": "linear_2"})

    def run(patches, grid, i):
        shuffled = InternVLModel.pixel_shuffle(None, patches.unflatten(0, grid[1:])[None], 0.5)
        return theirs(shuffled.flatten(1, 2))[0]

    return Pair(ours, theirs, names, run, tiles(rng, 2, square=True), width)


def vip_llava(rng):
    width, out, layers = int(rng.integers(4, 9)), int(rng.integers(4, 12)), list(range(int(rng.integers(1, 5))))
    theirs = VipLlavaMultiModalProjector(sized(width, out, vision_feature_layer=layers, projector_layernorm_eps=1e-5))
    ours = NormedMlp().build(in_dim=width * len(layers), out_dim=out)
    names = kinds({"norm": "projector_layernorm", "up": "linear_1", "down": "linear_2"})
    return Pair(ours, theirs, names, lambda p, grid, i: theirs(p), tiles(rng, 1), width * len(layers))


def onevision(rng):
    width, out, bias = int(rng.integers(4, 9)), int(rng.integers(4, 12)), bool(rng.integers(2))
    theirs = LlavaOnevisionMultiModalProjector(sized(width, out, vision_feature_layer=-1, multimodal_projector_bias=bias))
    ours = Mlp(bias=bias).build(in_dim=width, out_dim=out)
    names = kinds({"layers.0": "linear_1", "layers.1": "linear_2"}, *(["weight", "bias"] if bias else ["weight"]))
    return Pair(ours, theirs, names, lambda p, grid, i: theirs(p), tiles(rng, 1), width)


def idefics3(rng):
    width, out, factor = int(rng.integers(4, 9)), int(rng.integers(4, 12)), int(rng.integers(2, 5))
    theirs = Idefics3Connector(sized(width, out, scale_factor=factor))
    ours = ShuffleLinear(factor=factor).build(in_dim=width, out_dim=out)
    names = kinds({"project": "modality_projection.proj"}, "weight")
    return Pair(ours, theirs, names, lambda p, grid, i: theirs(p[None])[0], tiles(rng, factor, square=True), width)


def idefics2(rng):
    width, groups, kv, head_dim = int(rng.integers(4, 9)), int(rng.integers(1, 4)), int(rng.integers(1, 3)), int(rng.integers(3, 7))
    out, depth, queries, middle = (
        int(rng.integers(6, 20)),
        int(rng.integers(1, 4)),
        int(rng.integers(1, 6)),
        int(rng.integers(6, 20)),
    )
    text = SimpleNamespace(hidden_size=out, intermediate_size=middle, hidden_act="silu")
    heads = {"resampler_n_heads": groups * kv, "resampler_head_dim": head_dim, "num_key_value_heads": kv}
    sizes = {"hidden_size": out, "resampler_n_latents": queries, "resampler_depth": depth, "rms_norm_eps": 1e-5}
    perceiver = Idefics2PerceiverConfig(**sizes, **heads)
    vision = SimpleNamespace(hidden_size=width)
    theirs = Idefics2Connector(SimpleNamespace(vision_config=vision, text_config=text, perceiver_config=perceiver))
    ours = Perceiver(queries=queries, depth=depth, heads=groups * kv, kv_heads=kv, head_dim=head_dim,
                     project_width=middle).build(in_dim=width, out_dim=out)  # fmt: skip
    parts = {"latent_norm": "input_latents_norm", "patch_norm": "input_context_norm", "mlp_norm": "post_attention_layernorm",
             "attention.query": "self_attn.q_proj", "attention.key": "self_attn.k_proj", "attention.value": "self_attn.v_proj",
             "attention.output": "self_attn.o_proj", "mlp.gate": "mlp.gate_proj", "mlp.up": "mlp.up_proj",
             "mlp.down": "mlp.down_proj"}  # fmt: skip
    inside = {f"layers.{i}.{a}": f"perceiver_resampler.layers.{i}.{b}" for i in range(depth) for a, b in parts.items()}
    outside = {name: f"modality_projection.{name}_proj" for name in ("gate", "up", "down")} | {"norm": "perceiver_resampler.norm"}
    names = kinds(inside | outside, "weight") | {"latents": ("perceiver_resampler.latents", same)}
    return Pair(ours, theirs, names, lambda p, grid, i: theirs(p[None], torch.ones(1, len(p)))[0], tiles(rng, 1), width)


def mistral3(rng):
    width, out, factor, bias = int(rng.integers(4, 9)), int(rng.integers(4, 12)), int(rng.integers(1, 4)), bool(rng.integers(2))
    cfg = sized(width, out, spatial_merge_size=factor, vision_feature_layer=-1, multimodal_projector_bias=bias)
    cfg.vision_config.patch_size, cfg.text_config.rms_norm_eps = 1, 1e-5
    theirs = Mistral3MultiModalProjector(cfg)
    ours = MergedMlp(factor=factor, bias=bias).build(in_dim=width, out_dim=out)
    names = kinds({"up": "linear_1", "down": "linear_2"}, *(["weight", "bias"] if bias else ["weight"]))
    names |= {"norm.weight": ("norm.weight", same)}
    names |= {"merge.weight": ("patch_merger.merging_layer.weight", lambda weight: place_major(weight, factor))}
    return Pair(ours, theirs, names, lambda p, grid, i: theirs(p, [grid[1:]]), tiles(rng, factor), width)


def gemma3(rng):
    width, out, factor, side = int(rng.integers(4, 9)), int(rng.integers(4, 12)), int(rng.integers(1, 4)), int(rng.integers(1, 4))
    cfg = sized(width, out, mm_tokens_per_image=side**2)
    cfg.vision_config.image_size, cfg.vision_config.patch_size, cfg.vision_config.layer_norm_eps = side * factor, 1, 1e-6
    theirs = Gemma3MultiModalProjector(cfg)
    ours = NormedPool(factor=factor).build(in_dim=width, out_dim=out)
    names = {"norm.weight": ("mm_soft_emb_norm.weight", None), "project.weight": ("mm_input_projection_weight", lambda w: w.T)}
    grids = [(1, side * factor, side * factor)] * 3
    return Pair(ours, theirs, names, lambda p, grid, i: theirs(p[None])[0], grids, width)


class Given(nn.Module):
    """In the place of a tower: hands on what it is given."""

    def forward(self, pixels, **_):
        return (pixels,)


def ovis2(rng, choice):
    width, out, factor, words = int(rng.integers(4, 9)), 8, int(rng.integers(1, 4)), int(rng.integers(10, 30))
    called = {"softmax": "softmax", "straight_through": "st_argmax", "gumbel": "gumbel_argmax"}[choice]
    vision = Ovis2VisionConfig(hidden_size=width, vocab_size=words + 5, hidden_stride=factor, tokenize_function=called,
                               num_hidden_layers=0, num_attention_heads=1, intermediate_size=4)  # fmt: skip
    text = Qwen2Config(
        hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, num_key_value_heads=1, vocab_size=9
    )
    theirs = Ovis2Model(Ovis2Config(vision_config=vision, text_config=text, hidden_size=out))
    theirs.vision_tower.transformer = Given()
    ours = VisualEmbedding(words=words, factor=factor, choice=choice).build(in_dim=width, out_dim=out)
    names = kinds({"norm": "vision_tower.head_norm"}) | kinds({"head": "vision_tower.head_linear"}, "weight")
    names |= {"table.weight": ("visual_embeddings_table.weight", lambda table: table[:words])}
    sides = tiles(rng, factor, square=True)  # their padding of other sides fails: it adds to the width of the features
    return Pair(ours, theirs, names, lambda p, grid, i: theirs.get_image_features(p[None]).pooler_output[0], sides, width)


class Queried(nn.Module):
    """A Q-Former with its query tokens and language projection."""

    def __init__(self, model, queries, width, out):
        super().__init__()
        self.query_tokens = nn.Parameter(torch.zeros(1, queries, width))
        self.qformer, self.language_projection = model, nn.Linear(width, out)


def q_former(rng, words):
    heads, in_dim, out = int(rng.integers(1, 4)), int(rng.integers(4, 9)), int(rng.integers(4, 12))
    width, queries, depth, every = (
        heads * int(rng.integers(3, 7)),
        int(rng.integers(1, 6)),
        int(rng.integers(1, 5)),
        int(rng.integers(1, 4)),
    )
    sizes = {"hidden_size": width, "num_hidden_layers": depth, "num_attention_heads": heads, "intermediate_size": 3 * width}
    sizes |= {
        "cross_attention_frequency": every,
        "encoder_hidden_size": in_dim,
        "vocab_size": words or 7,
        "max_position_embeddings": 9,
    }
    if words:
        model = InstructBlipQFormerModel(InstructBlipQFormerConfig(**sizes))
    else:
        model = Blip2QFormerModel(Blip2QFormerConfig(**sizes))
    theirs = Queried(model, queries, width, out)
    cfg = QFormer(
        queries=queries, width=width, depth=depth, heads=heads, mlp_width=3 * width, cross_every=every, words=words, max_words=9
    )
    parts = {"attention.query": "attention.attention.query", "attention.key": "attention.attention.key",
             "attention.value": "attention.attention.value", "attention.output": "attention.output.dense",
             "attention_norm": "attention.output.LayerNorm", "mlp.up": "intermediate_query.dense",
             "mlp.down": "output_query.dense", "mlp_norm": "output_query.LayerNorm"}  # fmt: skip
    cross = {"cross.query": "crossattention.attention.query", "cross.key": "crossattention.attention.key",
             "cross.value": "crossattention.attention.value", "cross.output": "crossattention.output.dense",
             "cross_norm": "crossattention.output.LayerNorm"}  # fmt: skip
    read = {"words_mlp.up": "intermediate.dense", "words_mlp.down": "output.dense", "words_norm": "output.LayerNorm"}
    renamed = {"norm": "qformer.embeddings.layernorm" if words else "qformer.layernorm", "project": "language_projection"}
    for i in range(depth):
        here = parts | (cross if i % every == 0 else {}) | (read if words and i < depth - 1 else {})
        renamed |= {f"layers.{i}.{a}": f"qformer.encoder.layer.{i}.{b}" for a, b in here.items()}
    names = kinds(renamed) | {"queries": ("query_tokens", lambda tokens: tokens[0])}
    if words:
        embeddings = {"words": "qformer.embeddings.word_embeddings", "places": "qformer.embeddings.position_embeddings"}
        names |= kinds(embeddings, "weight")
    # Word 0 is their padding, of which they give no gradient.
    asked = [torch.from_numpy(rng.integers(1, words, int(rng.integers(0, 9)))) for _ in range(3)] if words else []

    def run(patches, grid, i):
        options = {"query_embeds": theirs.query_tokens, "encoder_hidden_states": patches[None]}
        if words:
            options["input_ids"] = asked[i][None]
        return theirs.language_projection(model(**options).last_hidden_state[0, :queries])

    return Pair(cfg.build(in_dim=in_dim, out_dim=out), theirs, names, run, tiles(rng, 1), in_dim, asked=asked)


FAMILIES = {
    "Qwen2-VL": lambda rng: qwen_merger(rng, "layer"),
    "Qwen2.5-VL": lambda rng: qwen_merger(rng, "rms"),
    "Qwen3-VL": qwen3,
    "InternVL": internvl,
    "ViP-LLaVA": vip_llava,
    "LLaVA-OneVision": onevision,
    "Idefics3": idefics3,
    "Idefics2": idefics2,
    "Mistral 3": mistral3,
    "Gemma 3": gemma3,
    "Ovis2 softmax": lambda rng: ovis2(rng, "softmax"),
    "Ovis2 straight-through": lambda rng: ovis2(rng, "straight_through"),
    "BLIP-2": lambda rng: q_former(rng, 0),
    "InstructBLIP": lambda rng: q_former(rng, 11),
}


def as_ours(pair, theirs, gradient=False):
    """Their tensors (or gradients) → ours. Gemma's norm stores its weight less one."""
    ours = {}
    for name, (their, change) in pair.names.items():
        tensor = theirs[their]
        ours[name] = (tensor if gradient else 1 + tensor) if change is None else change(tensor)
    return {name: tensor.contiguous().clone() for name, tensor in ours.items()}


def worst(ours, theirs):
    ours, theirs = ours.detach(), theirs.detach()
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1e-3))


def compare(pair, seed):
    shake(pair.theirs, seed)
    pair.ours.load_state_dict(as_ours(pair, pair.theirs.state_dict()))
    count = sum(r * c for _, r, c in pair.grids)
    torch.manual_seed(seed + 1000)
    states = [torch.randn(count, pair.width) for _ in range(1 + pair.num_taps)]
    asked = Asked(torch.cat(pair.asked), torch.tensor([0, *map(len, pair.asked)]).cumsum(0)) if pair.asked else None
    features = Stream(states[0], *[torch.arange(count)] * 4, taps=tuple(states[1:]), asked=asked)
    got = pair.ours(features, torch.tensor(pair.grids))
    pieces = [state.split([r * c for _, r, c in pair.grids]) for state in states]
    per_tile = [tuple(piece[i] for piece in pieces) if pair.num_taps else pieces[0][i] for i in range(len(pair.grids))]
    want = torch.cat([pair.run(patches, grid, i) for i, (patches, grid) in enumerate(zip(per_tile, pair.grids, strict=True))])
    probe = torch.randn_like(want)
    (got - probe).square().mean().backward()
    (want - probe).square().mean().backward()
    named = {name: p.grad if p.grad is not None else torch.zeros_like(p) for name, p in pair.theirs.named_parameters()}
    gradients = as_ours(pair, named, gradient=True)
    # A bias of the keys shifts all scores of a query alike: its true gradient is zero and only noise would be compared.
    own = {name: p.grad for name, p in pair.ours.named_parameters() if not name.endswith("key.bias")}
    return worst(got, want), max(worst(grad, gradients[name]) for name, grad in own.items())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_and_gradients_equal_transformers_for_tiles_of_any_size(family, seed):
    tokens, gradients = compare(FAMILIES[family](np.random.default_rng(seed)), seed)
    assert tokens <= TOLERANCE
    assert gradients <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("seed", range(6))
def test_words_drawn_with_gumbel_noise_equal_ovis2_with_the_same_noise(seed):
    pair = ovis2(np.random.default_rng(seed), "gumbel")
    shake(pair.theirs, seed)
    pair.ours.load_state_dict(as_ours(pair, pair.theirs.state_dict()))
    grid = pair.grids[0]
    patches = torch.randn(grid[1] * grid[2], pair.width)
    torch.manual_seed(5)
    want = pair.run(patches, grid, 0)
    torch.manual_seed(5)
    got = pair.ours(Stream(patches, *[torch.arange(len(patches))] * 4), torch.tensor([grid]))
    assert worst(got, want) <= TOLERANCE
    words = pair.ours.words(Stream(patches, *[torch.arange(len(patches))] * 4), torch.tensor([grid]))
    assert torch.equal(words.max(1).values, torch.ones(len(words))) and torch.equal(words.sum(1), torch.ones(len(words)))


def test_pixel_shuffle_joins_squares_in_the_order_of_the_released_code():
    patches = torch.arange(16.0)[:, None].expand(16, 4) + torch.tensor([0, 0.1, 0.2, 0.3])
    want = InternVLModel.pixel_shuffle(None, patches.unflatten(0, (4, 4))[None], 0.5).flatten(1, 2)[0]
    index = square_groups(on_host(torch.tensor([[1, 4, 4]])), 2, CPU)
    assert torch.equal(patches[index].flatten(1), want)


def test_full_sizes_hold_as_many_parameters_as_transformers_classes():
    text, vision = SimpleNamespace(hidden_size=4096, intermediate_size=14_336, hidden_act="silu"), SimpleNamespace(hidden_size=1152)
    idefics = SimpleNamespace(vision_config=vision, text_config=text, perceiver_config=Idefics2PerceiverConfig())
    for ours, theirs, sizes in (
        (Perceiver(), lambda: Idefics2Connector(idefics), (1152, 4096)),
        (QFormer(), lambda: Queried(Blip2QFormerModel(Blip2QFormerConfig()), 32, 768, 2560), (1408, 2560)),
        (
            DeepStack(),
            lambda: Mergers(SimpleNamespace(hidden_size=1152, spatial_merge_size=2, out_hidden_size=4096), 3),
            (1152, 4096),
        ),
    ):
        module = built_on_meta(lambda ours=ours, sizes=sizes: ours.build(in_dim=sizes[0], out_dim=sizes[1]))
        assert num_parameters(module) == num_parameters(built_on_meta(theirs))
