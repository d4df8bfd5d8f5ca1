"""LLaVA-OneVision-1.5: folders with released names are read without their code; tower, merger and language model do as released.

No class in transformers: the tower is written out here from EvolvingLMMs-Lab/LLaVA-OneVision-1.5
`ds/llavaonevision1_5/modeling_llavaonevision1_5.py`; the language model is compared with transformers' Qwen3.
"""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from llava_folders import CHATML, our_batch, sample, tokenizer, worst
from safetensors.torch import save_file
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention
from transformers.models.qwen3.modeling_qwen3 import Qwen3Config, Qwen3ForCausalLM

from omma.core.errors import CheckpointError
from omma.weights.export import layout_of
from omma.weights.maps import llava_onevision_1_5
from omma.weights.native import stored_tensors
from omma.weights.source import open_source
from omma.weights.start import Weights, start_model

pytestmark = pytest.mark.parity

TOLERANCE = 1e-5  # fp32, as a share of the largest value compared; measured 2e-6
SPELLINGS = {"memory": ("model.visual.", "model.language_model."), "older": ("visual.", "model.")}


def theirs_config(rng, words, tied):
    heads, tower_heads = int(rng.choice([2, 4])), int(rng.choice([1, 2]))
    vision = {"model_type": "rice_vit", "depth": int(rng.integers(1, 4)), "embed_dim": tower_heads * 8,
              "hidden_size": tower_heads * 8,
              "hidden_act": "gelu", "intermediate_size": int(rng.integers(16, 40)), "num_heads": tower_heads, "in_channels": 3,
              "patch_size": int(rng.choice([4, 6])), "spatial_merge_size": 2, "temporal_patch_size": 1, "layer_norm_eps": 1e-5,
              "text_hidden_size": 16}  # fmt: skip
    text = {"model_type": "LLaVAOneVision1_5_text", "vocab_size": len(words) + 3, "hidden_size": 16,
            "intermediate_size": int(rng.integers(20, 50)), "num_hidden_layers": int(rng.integers(1, 4)),
            "num_attention_heads": heads, "num_key_value_heads": 2, "head_dim": 8, "hidden_act": "silu",
            "rms_norm_eps": 1e-6, "rope_theta": 5e6,
            "attention_bias": False, "use_sliding_window": False, "sliding_window": None, "rope_scaling": None}  # fmt: skip
    return {"model_type": "llavaonevision1_5", "architectures": ["LLaVAOneVision1_5_ForConditionalGeneration"],
            "auto_map": {"AutoModelForCausalLM": "modeling_llavaonevision1_5.LLaVAOneVision1_5_ForConditionalGeneration"},
            "vision_config": vision, "text_config": text, "image_token_id": words.convert_tokens_to_ids("<image>"),
            "tie_word_embeddings": tied}  # fmt: skip


def tensors_of(config, visual, language, seed):
    """Random tensors by the released names."""
    torch.manual_seed(seed)
    v, t = config["vision_config"], config["text_config"]
    dim, wide = v["hidden_size"], 4 * v["hidden_size"]
    shapes = {"patch_embed.proj.weight": (dim, 3, v["patch_size"], v["patch_size"]), "class_embedding": (dim,),
              "class_pos_emb": (1, dim // v["num_heads"] // 2), "pre_layernorm": dim, "merger.ln_q": dim,
              "merger.mlp.0": (wide, wide), "merger.mlp.2": (t["hidden_size"], wide)}  # fmt: skip
    for i in range(v["depth"]):
        shapes |= {f"blocks.{i}.norm1": dim, f"blocks.{i}.norm2": dim, f"blocks.{i}.attn.qkv": (3 * dim, dim),
                   f"blocks.{i}.attn.proj": (dim, dim), f"blocks.{i}.mlp.fc1": (v["intermediate_size"], dim),
                   f"blocks.{i}.mlp.fc2": (dim, v["intermediate_size"])}  # fmt: skip
    out = {}
    for name, shape in shapes.items():
        if name.endswith(("weight", "embedding", "emb")):
            out[visual + name] = torch.randn(shape) * 0.3
        elif isinstance(shape, int):
            out |= {f"{visual}{name}.weight": 1 + torch.randn(shape) * 0.3, f"{visual}{name}.bias": torch.randn(shape) * 0.3}
        else:
            out |= {f"{visual}{name}.weight": torch.randn(shape) * 0.3, f"{visual}{name}.bias": torch.randn(shape[0]) * 0.3}
    model = Qwen3ForCausalLM(qwen3_config(config))
    for name, parameter in model.named_parameters():
        value = torch.randn_like(parameter) * 0.3 + (parameter.ndim == 1)
        out[name if name.startswith("lm_head") else language + name.removeprefix("model.")] = value
    return out


def qwen3_config(config):
    text = {k: v for k, v in config["text_config"].items() if k not in ("model_type", "rope_theta", "rope_scaling")}
    rope = {"rope_type": "default", "rope_theta": config["text_config"]["rope_theta"]}
    return Qwen3Config(**text, rope_parameters=rope, tie_word_embeddings=config["tie_word_embeddings"],
                       attn_implementation="eager")  # fmt: skip


def released(folder, seed, spelling, tied=False):
    """A folder as released: names, a config that points at code, a tokenizer, a processor."""
    rng, words = np.random.default_rng(seed), tokenizer("qwen2")
    config = theirs_config(rng, words, tied)
    tensors = tensors_of(config, *SPELLINGS[spelling], seed)
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    side = config["vision_config"]["patch_size"] * 2
    processor = {"image_processor_type": "Qwen2VLImageProcessor", "min_pixels": 4 * side**2, "max_pixels": 30 * side**2,
                 "image_mean": [0.5, 0.4, 0.6], "image_std": [0.5, 0.3, 0.4], "patch_size": side // 2, "merge_size": 2}  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    paced = {"fps": 8.0, "min_frames": 2, "max_frames": 64}
    (folder / "video_preprocessor_config.json").write_text(json.dumps(processor | paced))
    words.chat_template = CHATML
    words.save_pretrained(folder)
    source = open_source(folder)
    module = start_model(source.model, Weights(model=str(folder)), 0).eval()
    return config, tensors, source, module, source.model.text.fit((), folder / "omma-words")


def tower(config, tensors, patches, rows, columns, visual):
    """One picture's raw patches in merge order → its visual tokens, as the released code computes them."""
    v, own = (
        config["vision_config"],
        {name.removeprefix(visual): value for name, value in tensors.items() if name.startswith(visual)},
    )
    heads, dim = v["num_heads"], v["hidden_size"]
    grid = torch.stack(torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij"), -1)
    places = grid.reshape(rows // 2, 2, columns // 2, 2, 2).transpose(1, 2).reshape(-1, 2)
    quarter = dim // heads // 4
    frequencies = 1.0 / 10_000 ** (torch.arange(quarter) / quarter)
    angles = torch.cat((own["class_pos_emb"], (places[:, :, None] * frequencies).flatten(1)))
    cos, sin = torch.cat((angles, angles), 1).cos()[:, None], torch.cat((angles, angles), 1).sin()[:, None]
    x = torch.cat((own["class_embedding"][None], patches @ own["patch_embed.proj.weight"].flatten(1).T))

    def norm(x, name):
        return layer_norm(x, (dim,), own[f"{name}.weight"], own[f"{name}.bias"], 1e-5)

    def project(x, name):
        return linear(x, own[f"{name}.weight"], own[f"{name}.bias"])

    def turned(x):
        first, second = x.chunk(2, -1)
        return x * cos + torch.cat((-second, first), -1) * sin

    x = norm(x, "pre_layernorm")
    for i in range(v["depth"]):
        q, k, value = project(norm(x, f"blocks.{i}.norm1"), f"blocks.{i}.attn.qkv").unflatten(1, (3, heads, -1)).unbind(1)
        seen = scaled_dot_product_attention(turned(q).transpose(0, 1), turned(k).transpose(0, 1), value.transpose(0, 1))
        x = x + project(seen.transpose(0, 1).flatten(1), f"blocks.{i}.attn.proj")
        x = x + project(gelu(project(norm(x, f"blocks.{i}.norm2"), f"blocks.{i}.mlp.fc1")), f"blocks.{i}.mlp.fc2")
    squares = norm(x[1:], "merger.ln_q").reshape(-1, 4 * dim)
    return project(gelu(project(squares, "merger.mlp.0")), "merger.mlp.2")


def in_merge_order(pictures, cfg):
    """Our patches, row-major per picture → (normalised patches in squares of 2 × 2, rows, columns) of each."""
    mean, std = (torch.tensor(x).repeat_interleave(cfg.patch**2) for x in (cfg.encoder.mean, cfg.encoder.std))
    values, at = (pictures.patches.float() / 255 - mean) / std, 0
    for _, rows, columns in pictures.grids.tolist():
        own = values[at : at + rows * columns].unflatten(0, (rows // 2, 2, columns // 2, 2)).transpose(1, 2).flatten(0, 3)
        yield own, rows, columns
        at += rows * columns


@pytest.mark.parametrize(("seed", "spelling", "tied"), [(0, "memory", False), (1, "older", False), (2, "older", True),
                         (3, "memory", True), (4, "memory", False), (5, "older", False)])  # fmt: skip
def test_a_released_folder_gives_the_logits_of_its_formula(seed, spelling, tied, tmp_path):
    config, tensors, source, module, codec = released(tmp_path / "released", seed, spelling, tied)
    asked = [sample(tmp_path, 0, [(50, 30)]), sample(tmp_path, 1, [(20, 61), (33, 33)]), sample(tmp_path, 2, [])]

    class Sides:
        cfg, codec = source.model, None

    Sides.codec = codec
    batch = our_batch(Sides, tmp_path, asked)
    with torch.no_grad():
        visual = torch.cat(
            [tower(config, tensors, *own, SPELLINGS[spelling][0]) for own in in_merge_order(batch.pictures, source.model)]
        )
        assert worst(module.see(batch.pictures), visual) <= TOLERANCE
        output = module(batch)
        model = Qwen3ForCausalLM(qwen3_config(config)).eval()
        prefix = SPELLINGS[spelling][1]
        model.load_state_dict({"model." + n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)
                               and not n.startswith(SPELLINGS[spelling][0])} | {"lm_head.weight": tensors.get("lm_head.weight",
                               tensors[f"{prefix}embed_tokens.weight"])})  # fmt: skip
        words = model.model.embed_tokens(batch.tokens)
        words[batch.slots] = visual[batch.gather]
        ours, borders = output.stream.hidden @ output.head.T, batch.cu_seqlens.tolist()
        for begin, end in pairwise(borders):
            assert worst(ours[begin:end], model(inputs_embeds=words[None, begin:end]).logits[0]) <= TOLERANCE


def test_names_lead_there_and_back_bit_by_bit_and_no_export_is_promised(tmp_path):
    _, tensors, source, module, codec = released(tmp_path / "released", 0, "memory")
    back = source.names.to_theirs(stored_tensors(module))
    assert back.keys() == tensors.keys() and all(torch.equal(back[name], tensors[name]) for name in tensors)
    with pytest.raises(CheckpointError, match="a layout that only code of its own loads"):
        layout_of(module, codec)


def test_other_language_models_are_refused():
    config = theirs_config(np.random.default_rng(0), tokenizer("qwen2"), False)
    config["text_config"] = config["text_config"] | {"model_type": "LLaVAOneVision1_5_moe_text"}
    with pytest.raises(CheckpointError, match="a text_config of 'LLaVAOneVision1_5_moe_text'"):
        llava_onevision_1_5.config_from(config)
