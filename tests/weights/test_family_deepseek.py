"""DeepSeek-VL2 by its released tensor names: the same logits as SigLIP, unfold, layout and DeepSeek put together by hand.

There is no class in transformers. The parts are its classes (SiglipVisionModel, DeepseekV2ForCausalLM, LlamaForCausalLM with the
experts of DeepSeek), joined as deepseek-ai/DeepSeek-VL2 `modeling_deepseek_vl_v2.py` says.
"""

import json
import math

import numpy as np
import pytest
import torch
from draws import Draw
from llava_folders import our_batch, sample, spread, tokenizer, worst
from PIL import Image, ImageOps
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import gelu, unfold
from transformers.models.deepseek_v2.modeling_deepseek_v2 import DeepseekV2Config, DeepseekV2ForCausalLM, DeepseekV2Moe
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3Config, DeepseekV3MoE
from transformers.models.llama.modeling_llama import LlamaConfig, LlamaForCausalLM
from transformers.models.siglip.modeling_siglip import SiglipVisionConfig, SiglipVisionModel

from omma.core.errors import CheckpointError
from omma.weights.source import open_source
from omma.weights.start import Weights, start_model

pytestmark = pytest.mark.parity

# fp32, as a share of the largest logit. Worst case measured: 2e-6.
TOLERANCE = 1e-5
SIZES = [(1, 1), (1, 2), (2, 1), (3, 1), (1, 3), (2, 2)]  # tiles (columns, rows)
SEEDS = range(9, 17)  # they reach every language model twice


class Whole(nn.Module):
    """The released model, from parts."""

    def __init__(self, tower, language, width, words, factor):
        super().__init__()
        self.vision, self.language, self.factor = tower, language, factor
        self.first, self.second = nn.Linear(width * factor**2, words), nn.Linear(words, words)
        self.newline, self.separator = nn.Parameter(torch.randn(words)), nn.Parameter(torch.randn(words))

    def picture(self, tiles, columns, rows):
        """Pixels of the whole and of the tiles → all tokens of one picture."""
        features = self.vision(pixel_values=tiles).last_hidden_state
        side, f = int(math.sqrt(features.shape[1])), self.factor
        maps = features.unflatten(1, (side, side)).permute(0, 3, 1, 2)
        maps = nn.functional.pad(maps, (0, -side % f, 0, -side % f))
        tokens = self.second(gelu(self.first(unfold(maps, f, stride=f).transpose(1, 2))))
        n = -(-side // f)
        whole, detail = tokens[0].view(n, n, -1), tokens[1:].view(rows, columns, n, n, -1)
        detail = detail.permute(0, 2, 1, 3, 4).reshape(rows * n, columns * n, -1)
        lined = [torch.cat((m, self.newline.expand(len(m), 1, -1)), dim=1).flatten(0, 1) for m in (whole, detail)]
        return torch.cat((lined[0], self.separator[None], lined[1]))


def language_of(rng, kind, rows):
    """Config as the release writes it, and the model."""
    heads = int(rng.choice([2, 4]))
    said = dict(hidden_size=8 * heads, intermediate_size=20, num_hidden_layers=int(rng.integers(2, 4)), num_attention_heads=heads,
                num_key_value_heads=heads, vocab_size=rows, n_routed_experts=6, num_experts_per_tok=2, moe_intermediate_size=12,
                n_shared_experts=int(rng.integers(1, 3)), first_k_dense_replace=int(rng.integers(0, 2)), n_group=2, topk_group=1,
                norm_topk_prob=False, topk_method="greedy", routed_scaling_factor=1.0)  # fmt: skip
    if kind == "latent":
        said |= dict(q_lora_rank=None, kv_lora_rank=8, qk_nope_head_dim=12, qk_rope_head_dim=4, v_head_dim=6)
        model = DeepseekV2ForCausalLM(DeepseekV2Config(**said, attn_implementation="eager"))
        return said, model
    plain = {
        key: said[key] for key in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    }
    model = LlamaForCausalLM(LlamaConfig(**plain, rms_norm_eps=1e-6, attn_implementation="eager"))
    if kind == "sigmoid":
        said |= dict(topk_method="noaux_tc", scoring_func="sigmoid", norm_topk_prob=True, routed_scaling_factor=2.0)
    kept = {key: value for key, value in said.items() if key not in ("topk_method", "scoring_func")}
    for layer in model.model.layers[said["first_k_dense_replace"] :]:
        layer.mlp = DeepseekV3MoE(DeepseekV3Config(**kept)) if kind == "sigmoid" else DeepseekV2Moe(DeepseekV2Config(**kept))
    return said | {"use_mla": False, "kv_lora_rank": None, "qk_rope_head_dim": 0}, model


def released_names(whole, depth):
    """Tensors under the names of the released files, experts one by one."""
    own = dict(whole.named_parameters()) | {name: b for name, b in whole.named_buffers() if name.endswith("correction_bias")}
    out = {
        "image_newline": own["newline"], "view_seperator": own["separator"],
        "projector.layers.0.weight": own["first.weight"], "projector.layers.0.bias": own["first.bias"],
        "projector.layers.2.weight": own["second.weight"], "projector.layers.2.bias": own["second.bias"],
        "vision.pos_embed": own["vision.embeddings.position_embedding.weight"][None],
        "vision.attn_pool.latent": torch.zeros(1, 1, 4),
    }  # fmt: skip
    for kind in ("weight", "bias"):
        out[f"vision.patch_embed.proj.{kind}"] = own[f"vision.embeddings.patch_embedding.{kind}"]
        out[f"vision.norm.{kind}"] = own[f"vision.post_layernorm.{kind}"]
        for i in range(depth):
            theirs, layer = f"vision.blocks.{i}.", f"vision.encoder.layers.{i}."
            fused = [own[f"{layer}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            out[f"{theirs}attn.qkv.{kind}"] = torch.cat(fused)
            parts = {"attn.proj": "self_attn.out_proj", "norm1": "layer_norm1", "norm2": "layer_norm2", "mlp.fc1": "mlp.fc1"}
            for new, old in (parts | {"mlp.fc2": "mlp.fc2"}).items():
                out[f"{theirs}{new}.{kind}"] = own[f"{layer}{old}.{kind}"]
    for name, tensor in own.items():
        if name.startswith("language.") and name.endswith("experts.gate_up_proj"):
            for e, (gate, up) in enumerate(t.chunk(2) for t in tensor):
                out[f"{name.removesuffix('gate_up_proj')}{e}.gate_proj.weight"] = gate
                out[f"{name.removesuffix('gate_up_proj')}{e}.up_proj.weight"] = up
        elif name.startswith("language.") and name.endswith("experts.down_proj"):
            out |= {f"{name.removesuffix('down_proj')}{e}.down_proj.weight": t for e, t in enumerate(tensor)}
        elif name.startswith("language."):
            out[name] = tensor
    return {name: tensor.detach().clone().contiguous() for name, tensor in out.items()}


def deepseek(seed, folder):
    """Folder with the released layout, and what it should give."""
    draw, words = Draw(seed), tokenizer("llama")
    kind, rng = draw.one("language", "latent", "plain", "sigmoid"), draw.rng
    words.add_special_tokens({"additional_special_tokens": ["<image>", "<|User|>", "<|Assistant|>", "<｜end▁of▁sentence｜>"]})
    side, patch, heads, depth = int(rng.integers(2, 5)), 4, int(rng.choice([1, 2])), int(rng.integers(1, 3))
    vision = SiglipVisionConfig(hidden_size=8 * heads, num_attention_heads=heads, intermediate_size=20, num_hidden_layers=depth,
                                image_size=side * patch, patch_size=patch, vision_use_head=False)  # fmt: skip
    said, language = language_of(rng, kind, len(words))
    whole = Whole(SiglipVisionModel(vision), language, 8 * heads, said["hidden_size"], 2)
    spread(whole, seed)
    sizes = [[columns * side * patch, rows * side * patch] for columns, rows in SIZES]
    config = {
        "model_type": "deepseek_vl_v2", "architectures": ["DeepseekVLV2ForCausalLM"], "tile_tag": "2D", "global_view_pos": "head",
        "candidate_resolutions": sizes, "language_config": said | {"model_type": "deepseek_v2"},
        "vision_config": {"image_size": side * patch, "patch_size": patch, "width": 8 * heads, "layers": depth, "heads": heads,
                          "mlp_ratio": 20 / (8 * heads)},
        "projector_config": {"n_embed": said["hidden_size"], "input_dim": 8 * heads, "projector_type": "downsample_mlp_gelu"},
    }  # fmt: skip
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "processor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3, "image_std": [0.5] * 3}))
    words.save_pretrained(folder)
    save_file(released_names(whole, depth), folder / "model.safetensors")
    source = open_source(folder)
    module = start_model(source.model, Weights(model=str(folder)), 0).eval()
    return whole.eval(), config, module, source.model.text.fit((), folder / "omma-words"), words


def their_tiles(picture, config, few):
    """The released rule: pixels of the whole and of the tiles, columns and rows."""
    size = config["vision_config"]["image_size"]
    options = config["candidate_resolutions"] if few else [[size, size]]
    best, most, least = None, 0, float("inf")
    for width, height in options:
        scale = min(width / picture.width, height / picture.height)
        kept = min(int(picture.width * scale) * int(picture.height * scale), picture.width * picture.height)
        if kept > most or (kept == most and width * height - kept < least):
            best, most, least = (width, height), kept, width * height - kept
    grey = (127, 127, 127)
    sheets = [ImageOps.pad(picture, (size, size), color=grey)]
    local = ImageOps.pad(picture, best, color=grey)
    sheets += [local.crop((x, y, x + size, y + size)) for y in range(0, best[1], size) for x in range(0, best[0], size)]
    pixels = np.stack([np.asarray(sheet, np.float32) / 255 for sheet in sheets])
    return torch.from_numpy((pixels - 0.5) / 0.5).permute(0, 3, 1, 2), best[0] // size, best[1] // size


def asked(root):
    """One picture, two, more than two, which are cut less; and none."""
    sizes = [(50, 30)], [(20, 61), (33, 33)], [], [(200, 30), (7, 90), (40, 40)]
    return [sample(root, number, own) for number, own in enumerate(sizes)]


@pytest.mark.parametrize("seed", SEEDS)
def test_released_tensors_give_the_logits_of_the_parts_put_together(seed, tmp_path):
    whole, config, module, codec, words = deepseek(seed, tmp_path / "released")
    pair = type("Opened", (), {"codec": codec, "cfg": module.cfg})
    batch = our_batch(pair, tmp_path, asked(tmp_path))
    output = module(batch)
    ours, borders = output.stream.hidden @ output.head.T, batch.cu_seqlens.tolist()
    image = words.convert_tokens_to_ids("<image>")
    with torch.no_grad():
        for one, begin, end in zip(asked(tmp_path), borders, borders[1:], strict=False):
            pictures = [Image.open(tmp_path / media.uri).convert("RGB") for media in one.media]
            seen = [whole.picture(*their_tiles(picture, config, len(pictures) <= 2)) for picture in pictures]
            text = "".join("<image>" * len(tokens) + "\n" for tokens in seen) + one.turns[0].text
            ids = words(f"<s><|User|>: {text}\n\n<|Assistant|>:", add_special_tokens=False, return_tensors="pt")["input_ids"]
            assert batch.tokens[begin:end].tolist() == ids[0].tolist()
            hidden = whole.language.get_input_embeddings()(ids)
            if seen:
                hidden = hidden.masked_scatter((ids == image)[..., None], torch.cat(seen))
            theirs = whole.language(inputs_embeds=hidden).logits[0]
            assert worst(ours[begin:end], theirs) <= TOLERANCE


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (3, 3), (9, 1), (2, 4)])
def test_tokens_are_counted_by_the_released_rule(columns, rows):
    from omma_recipes.systems.deepseek import deepseek_vl2_tiny

    model = deepseek_vl2_tiny().model
    plan = model.plan(384 * columns, 384 * rows)
    assert sum(map(len, model.layout(plan))) == 14 * 15 + 1 + 14 * rows * (14 * columns + 1)


@pytest.mark.parametrize(
    ("key", "change", "word"),
    [
        ("tile_tag", "1D", "tile_tag is '1D'"),
        ("global_view_pos", "tail", "global_view_pos"),
        ("projector_config", {"projector_type": "linear"}, "projector_type"),
    ],
)
def test_folders_that_are_not_covered_are_refused(key, change, word, tmp_path):
    deepseek(0, tmp_path / "released")
    stored = tmp_path / "released" / "config.json"
    stored.write_text(json.dumps(json.loads(stored.read_text()) | {key: change}))
    with pytest.raises(CheckpointError, match=word):
        open_source(tmp_path / "released")
