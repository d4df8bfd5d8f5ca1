"""Qwen-VL 1, which no class holds: a hand-made folder with the released names, against the formula of the released `visual.py`."""

import json

import pytest
import torch
from llava_folders import sample
from qwen_folders import tokenizer
from safetensors.torch import save_file
from torch.nn.functional import gelu, interpolate, layer_norm, linear, multi_head_attention_forward, scaled_dot_product_attention

from omma.core.errors import CheckpointError
from omma.media.store import Store
from omma.model.language.decoder import Decoder
from omma.model.sincos import sincos_grid
from omma.pack.collate import rows_to_batch
from omma.weights.family import Vocabulary
from omma.weights.maps import qwen_vl
from omma.weights.native import stored_tensors
from omma.weights.source import open_source
from omma.weights.start import Weights, start_model

WIDTH, HEADS, PATCH, LAYERS, OUT, IMAGE = 16, 2, 4, 2, 128, 96
VISUAL = {"heads": HEADS, "image_size": IMAGE, "image_start_id": 5, "layers": LAYERS, "mlp_ratio": 2.5, "output_dim": OUT,
          "patch_size": PATCH, "width": WIDTH}  # fmt: skip
CONFIG = {"model_type": "qwen", "architectures": ["QWenLMHeadModel"], "auto_map": {"AutoConfig": "configuration_qwen.QWenConfig"},
          "hidden_size": OUT, "num_hidden_layers": 1, "num_attention_heads": 1, "kv_channels": 128, "intermediate_size": 40,
          "no_bias": True, "seq_length": 2048, "layer_norm_epsilon": 1e-6, "visual": VISUAL}  # fmt: skip


def released_names():
    """Shapes by the names of a released file."""
    mlp = int(WIDTH * 2.5)
    shapes = {"conv1.weight": (WIDTH, 3, PATCH, PATCH), "positional_embedding": (256, WIDTH), "ln_pre.weight": (WIDTH,),
              "ln_pre.bias": (WIDTH,), "attn_pool.query": (256, OUT), "attn_pool.pos_embed": (256, OUT),
              "attn_pool.kv_proj.weight": (OUT, WIDTH), "attn_pool.attn.in_proj_weight": (3 * OUT, OUT),
              "attn_pool.attn.in_proj_bias": (3 * OUT,), "attn_pool.attn.out_proj.weight": (OUT, OUT),
              "attn_pool.attn.out_proj.bias": (OUT,), "proj": (OUT, OUT)}  # fmt: skip
    for name in ("attn_pool.ln_q", "attn_pool.ln_kv", "ln_post"):
        shapes |= {f"{name}.weight": (OUT,), f"{name}.bias": (OUT,)}
    for i in range(LAYERS):
        block = f"transformer.resblocks.{i}."
        sizes = {"ln_1": (WIDTH,), "ln_2": (WIDTH,), "attn.in_proj": (3 * WIDTH, WIDTH), "attn.out_proj": (WIDTH, WIDTH),
                 "mlp.c_fc": (mlp, WIDTH), "mlp.c_proj": (WIDTH, mlp)}  # fmt: skip
        for name, size in sizes.items():
            shapes |= {f"{block}{name}.weight": size, f"{block}{name}.bias": size[:1]}
    visual = {f"transformer.visual.{name}": shape for name, shape in shapes.items()}
    text = {"wte.weight": (400, OUT), "h.0.ln_1.weight": (OUT,), "h.0.ln_2.weight": (OUT,), "ln_f.weight": (OUT,),
            "h.0.attn.c_attn.weight": (3 * OUT, OUT), "h.0.attn.c_attn.bias": (3 * OUT,), "h.0.attn.c_proj.weight": (OUT, OUT),
            "h.0.mlp.w1.weight": (20, OUT), "h.0.mlp.w2.weight": (20, OUT), "h.0.mlp.c_proj.weight": (OUT, 20)}  # fmt: skip
    return visual | {f"transformer.{name}": shape for name, shape in text.items()} | {"lm_head.weight": (400, OUT)}


def released(place):
    """A folder as released, but for the tokenizer, which there is code; and its tensors."""
    words = tokenizer("")
    words.chat_template = None
    words.add_special_tokens({"additional_special_tokens": ["<img>", "</img>", "<imgpad>"]})
    words.save_pretrained(place)
    (place / "config.json").write_text(json.dumps(CONFIG | {"vocab_size": 400}))
    generator = torch.Generator().manual_seed(0)
    tensors = {name: torch.randn(shape, generator=generator) * 0.2 + (len(shape) == 1) for name, shape in released_names().items()}
    tensors["transformer.visual.attn_pool.pos_embed"] = sincos_grid(16, 16, OUT).clone()
    save_file(tensors, place / "model.safetensors", metadata={"format": "pt"})
    return tensors


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("qwen-vl")
    return place, released(place)


def stretched(table, side):
    square = table.unflatten(0, (16, 16)).permute(2, 0, 1)[None]
    return interpolate(square, size=(side, side), mode="bicubic", align_corners=False)[0].flatten(1).T


def visual_py(tensors, pixels):
    """(1, 3, h, w) → (256, OUT) by the formula of the released file."""
    t = {name.removeprefix("transformer.visual."): tensor for name, tensor in tensors.items() if ".visual." in name}
    norm = lambda x, name: layer_norm(x, x.shape[-1:], t[f"{name}.weight"], t[f"{name}.bias"], 1e-6)  # noqa: E731
    dense = lambda x, name: linear(x, t[f"{name}.weight"], t[f"{name}.bias"])  # noqa: E731
    x = torch.nn.functional.conv2d(pixels, t["conv1.weight"], stride=PATCH)
    side = x.shape[-1]
    x = norm(x[0].flatten(1).T + stretched(t["positional_embedding"], side), "ln_pre")
    for i in range(LAYERS):
        block = f"transformer.resblocks.{i}."
        q, k, v = dense(norm(x, f"{block}ln_1"), f"{block}attn.in_proj").unflatten(1, (HEADS, 3, -1)).permute(2, 1, 0, 3)
        x = x + dense(scaled_dot_product_attention(q, k, v).transpose(0, 1).flatten(1), f"{block}attn.out_proj")
        x = x + dense(gelu(dense(norm(x, f"{block}ln_2"), f"{block}mlp.c_fc")), f"{block}mlp.c_proj")
    x = norm(x @ t["attn_pool.kv_proj.weight"].T, "attn_pool.ln_kv")
    queries = norm(t["attn_pool.query"], "attn_pool.ln_q") + t["attn_pool.pos_embed"]
    keys = x + stretched(t["attn_pool.pos_embed"], side)
    read, _ = multi_head_attention_forward(
        queries[:, None], keys[:, None], x[:, None], OUT, OUT // 128, t["attn_pool.attn.in_proj_weight"],
        t["attn_pool.attn.in_proj_bias"], None, None, False, 0.0, t["attn_pool.attn.out_proj.weight"],
        t["attn_pool.attn.out_proj.bias"],
    )  # fmt: skip
    return norm(read[:, 0], "ln_post") @ t["proj"]


def test_tower_and_resampler_follow_the_released_formula(folder, tmp_path):
    place, tensors = folder
    source = open_source(place)
    module = start_model(source.model, Weights(model=str(place)), 0)
    codec = source.model.text.fit((), tmp_path / "words")
    batch = rows_to_batch(
        [codec.prompt(sample(tmp_path, 0, [(50, 30), (IMAGE, IMAGE)]), source.model)], source.model, Store(tmp_path)
    )
    sheets = batch.pictures.patches.float().unflatten(0, (2, 24, 24)).unflatten(3, (3, PATCH, PATCH))
    mean, std = (torch.tensor(x)[:, None, None] for x in (source.model.encoder.mean, source.model.encoder.std))
    pixels = (sheets.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3) / 255 - mean) / std
    want = torch.cat([visual_py(tensors, picture[None]) for picture in pixels])
    assert torch.allclose(module.see(batch.pictures), want, atol=2e-5 * float(want.abs().max()))
    assert len(batch.slots) == 2 * 256


def test_prompts_number_their_pictures_and_fill_256_places_each(folder, tmp_path):
    codec = open_source(folder[0]).model.text.fit((), tmp_path / "words")
    cfg = open_source(folder[0]).model
    row = codec.prompt(sample(tmp_path, 1, [(50, 30), (20, 20)]), cfg)
    pads = "<imgpad>" * 256
    text = codec.words.plain.decode(row.token_ids.tolist(), skip_special_tokens=False)
    assert text.startswith("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nPicture 1: <img>" + pads)
    assert f"</img>\nPicture 2: <img>{pads}</img>\na row of plain" in text
    assert text.endswith("<|im_end|>\n<|im_start|>assistant\n")


def test_every_released_tensor_has_a_place_and_comes_back(folder):
    place, tensors = folder
    source = open_source(place)
    own = stored_tensors(source.model.build())
    given = source.read(own)
    back = source.names.to_theirs(given)
    assert back.keys() == tensors.keys() - {"transformer.visual.attn_pool.pos_embed"}
    assert all(torch.equal(back[name], tensors[name]) for name in back)


def test_a_text_folder_of_the_same_model_type_stays_a_language_model(folder, tmp_path):
    plain = {key: value for key, value in CONFIG.items() if key != "visual"}
    (tmp_path / "config.json").write_text(json.dumps(plain | {"vocab_size": 400}))
    save_file({n: t for n, t in folder[1].items() if ".visual." not in n}, tmp_path / "model.safetensors")
    source = open_source(tmp_path)
    assert source.kind == "language" and isinstance(source.model, Decoder)


def test_nothing_is_exported_in_a_layout_that_needs_code(folder):
    with pytest.raises(CheckpointError, match="code from a checkpoint"):
        qwen_vl.FAMILY.config_to(open_source(folder[0]).model, Vocabulary(400))
    with pytest.raises(CheckpointError, match="output_dim"):
        qwen_vl.config_from(CONFIG | {"visual": VISUAL | {"output_dim": 64}})
