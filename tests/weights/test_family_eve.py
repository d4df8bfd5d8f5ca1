"""EVE: its patch tokens worked by hand, its counts by the published rule, its released names over a Llama of transformers.

Formulas and names as in baaivision/EVE `EVEv1/eve/model/multimodal_encoder/vision_tokenizer.py`, `EVEv1/eve/mm_utils.py`.
"""

import json
import math

import numpy as np
import pytest
import torch
from llava_folders import draw_text, sample, spread, tokenizer, worst
from safetensors.torch import save_file
from torch.nn.functional import gelu, layer_norm
from transformers import LlamaForCausalLM

from omma.core.errors import CheckpointError
from omma.media.store import Store
from omma.media.views.long_side import LongSide
from omma.model.connectors.patch_tokens import PatchTokens
from omma.model.vision.raw_patches import RawPatches
from omma.nn.init import init
from omma.pack.collate import rows_to_batch
from omma.schema.batch import Pictures
from omma.schema.view import Unit
from omma.weights.source import open_source
from omma.weights.start import Weights, start_model
from omma.weights.vit_names import OPENAI

TOLERANCE = 1e-5  # fp32, as a share of the largest value compared


def asked_by_hand(asking, asker, seen):
    """asker (D,) + what it sees (M, D) → asker + answer, head by head."""
    width = len(asker)
    query = asking.query.weight @ layer_norm(asker, (width,), asking.query_norm.weight, asking.query_norm.bias)
    normed = layer_norm(seen, (width,), asking.key_norm.weight, asking.key_norm.bias)
    both = normed @ asking.key_value.weight.T
    key, value, answer = both[:, :width], both[:, width:], []
    head = width // asking.heads
    for start in range(0, width, head):
        part = slice(start, start + head)
        weight = (key[:, part] @ query[part] * width**-0.5).softmax(0)
        answer.append(weight @ value[:, part])
    return asker + asking.output(torch.cat(answer))


def tokens_by_hand(module, raw, patches, rows, columns):
    """Patches of one tile → its tokens, one after the other."""
    cfg = module.cfg
    values = patches.float().unflatten(1, (3, -1)) / 255
    normed = (values - torch.tensor(raw.mean)[:, None]) / torch.tensor(raw.std)[:, None]
    embedded = (normed.flatten(1) @ module.embed.weight.T).unflatten(0, (rows, columns))
    pooled = []
    for r in range(0, rows, cfg.pool):
        for c in range(0, columns, cfg.pool):
            square = embedded[r : r + cfg.pool, c : c + cfg.pool].flatten(0, 1)
            pooled.append(asked_by_hand(module.local, square.mean(0), square))
    out, wide = [asked_by_hand(module.globally, module.class_token, torch.stack(pooled))], columns // cfg.pool
    for first in range(0, len(pooled), wide):
        out += [*pooled[first : first + wide], module.split_token]
    up, down = module.layers
    return down(gelu(up(torch.stack(out))))


def tokens_of(module, raw, patches, grids):
    """The same by the module, all tiles at once."""
    pictures = Pictures(patches, torch.tensor(grids))
    return module(raw.build()(pictures), pictures.grids)


@pytest.mark.parametrize("seed", range(6))
def test_tokens_of_mixed_tiles_are_those_worked_by_hand(seed):
    rng = np.random.default_rng(seed)
    heads, pool = int(rng.choice([1, 2, 4])), int(rng.choice([1, 2, 3]))
    module, raw = init(PatchTokens(width=heads * 8, pool=pool, heads=heads).build(in_dim=48, out_dim=12), seed), RawPatches(patch=4)
    spread(module, seed)
    sizes = [(pool * int(rng.integers(1, 4)), pool * int(rng.integers(1, 4))) for _ in range(3)]
    tiles = [torch.from_numpy(rng.integers(0, 256, (r * c, 48)).astype(np.uint8)) for r, c in sizes]
    tokens = tokens_of(module, raw, torch.cat(tiles), [(1, *size) for size in sizes])
    wanted = [tokens_by_hand(module, raw, tile, *size) for tile, size in zip(tiles, sizes, strict=True)]
    assert worst(tokens.detach(), torch.cat(wanted).detach()) <= TOLERANCE
    assert [math.prod(module.cfg.grid(size)) for size in sizes] == [len(part) for part in wanted]


def test_gradients_reach_every_parameter():
    module = init(PatchTokens().tiny().build(in_dim=48, out_dim=12), 0)
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (16, 48)).astype(np.uint8))
    tokens_of(module, RawPatches(patch=4), pixels, [[1, 4, 4]]).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().max() > 0 for parameter in module.parameters())


@pytest.mark.parametrize(("size", "small"), [(672, 336), (1344, 336)])
def test_sizes_are_those_of_the_released_rule(size, small):
    """`compute_basehw`: the sides at 336 px in steps of 14, both as many times as large."""
    rng, ratio = np.random.default_rng(size), size // small
    view, connector = LongSide(size=size, step=ratio // 2), PatchTokens()
    for width, height in rng.integers(1, 3000, (2000, 2)).tolist():
        if width > height:
            wanted = small, math.ceil(small * height / width / 14) * 14
        else:
            wanted = math.ceil(small * width / height / 14) * 14, small
        tile = view.plan(width, height, Unit(14, 2)).tiles[0]
        assert (tile.width, tile.height) == tuple(side * ratio for side in wanted), (width, height)
        rows, columns = tile.height // 28, tile.width // 28
        assert connector.grid((tile.height // 14, tile.width // 14)) == (1, 1 + rows * (columns + 1))


def released(folder, seed):
    """A folder with the released names, and transformers' Llama with the same weights."""
    rng, words = np.random.default_rng(seed), tokenizer("llama")
    cfg = draw_text(rng, "llama", len(words), tied=False)
    llama = LlamaForCausalLM(cfg)
    spread(llama, seed)
    module = PatchTokens(width=32, heads=8).build(in_dim=588, out_dim=cfg.hidden_size)
    spread(module, seed + 1)
    tower = {
        "patch_embedding.weight": module.embed.weight.unflatten(1, (3, 14, 14)),
        "class_embedding": module.class_token,
        "split_embedding": module.split_token,
    }
    for theirs, asking in (("local_attention", module.local), ("global_attention", module.globally)):
        parts = {
            "q.0": asking.query_norm,
            "q.1": asking.query,
            "kv.0": asking.key_norm,
            "kv.1": asking.key_value,
            "proj": asking.output,
        }
        tower |= {f"{theirs}.{name}.{kind}": value for name, part in parts.items() for kind, value in part.named_parameters()}
    tensors = {f"model.vision_tower.{name}": value for name, value in tower.items()}
    tensors |= {f"model.mm_projector.{2 * i}.{kind}": v for i in range(2) for kind, v in module.layers[i].named_parameters()}
    tensors |= {"model.vision_tower_compressor.input_layer.weight": torch.ones(2, 2), **llama.state_dict()}
    folder.mkdir()
    words.save_pretrained(folder)
    save_file({name: value.detach().contiguous().clone() for name, value in tensors.items()}, folder / "model.safetensors")
    said = cfg.to_dict() | {
        "model_type": "eve", "architectures": ["EVELlamaForCausalLM"], "mm_hidden_size": 32, "mm_projector_type": "mlp2x_gelu",
        "mm_vision_tower": "openai/eve-patch14-anypixel-672",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(said))
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_size": 112, "image_size_clip": 56}))
    return llama.eval(), module


@pytest.mark.parametrize("seed", range(3))
def test_a_released_folder_gives_the_logits_of_its_parts_put_together(seed, tmp_path):
    """Patch tokens and projector by hand in the places of the picture, words and decoder by transformers."""
    folder = tmp_path / "released"
    llama, tokens = released(folder, seed)
    source = open_source(folder)
    model = source.model
    ours = start_model(model, Weights(model=str(folder)), 0).eval()
    codec = model.text.fit((), tmp_path / "words")
    documents = [sample(tmp_path, 1, [(50, 30)]), sample(tmp_path, 2, []), sample(tmp_path, 3, [(20, 61), (9, 9)])]
    batch = rows_to_batch([codec.prompt(one, model) for one in documents], model, Store(tmp_path))
    output = ours(batch)
    logits = output.stream.hidden @ output.head.T
    first, patches = 0, batch.pictures.patches
    borders, at = batch.cu_seqlens.tolist(), 0
    with torch.no_grad():
        for number, one in enumerate(documents):
            ids = batch.tokens[borders[number] : borders[number + 1]]
            embedded, seen = llama.model.embed_tokens(ids), []
            for _ in one.media:
                _, rows, columns = batch.pictures.grids[at].tolist()
                tile = patches[first : first + rows * columns]
                seen.append(tokens_by_hand(tokens, RawPatches(patch=14, **OPENAI), tile, rows, columns))
                first, at = first + rows * columns, at + 1
            if seen:
                embedded[ids == codec.image_id] = torch.cat(seen)
            wanted = llama(inputs_embeds=embedded[None]).logits[0]
            assert worst(logits[borders[number] : borders[number + 1]].detach(), wanted) <= TOLERANCE


@pytest.mark.parametrize(
    ("file", "change", "word"),
    [
        ("config.json", {"mm_projector_type": "mlp3x_gelu"}, "mm_projector_type is 'mlp3x_gelu'"),
        ("preprocessor_config.json", {"conv_stride": 4}, "patch_stride and conv_stride"),
    ],
)
def test_folders_that_are_not_covered_are_refused(file, change, word, tmp_path):
    released(tmp_path / "released", 0)
    stored = tmp_path / "released" / file
    stored.write_text(json.dumps(json.loads(stored.read_text()) | change))
    with pytest.raises(CheckpointError, match=word):
        open_source(stored.parent)
