"""Qwen2-VL and Qwen2.5-VL folders: the same ids, logits, replies and gradients as transformers; import and export lose no bit."""

import json
import shutil
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from llava_folders import check_gradients, check_greedy, check_logits, open_pair, our_batch, sample, spread, worst
from qwen_folders import HELPFUL, IMAGE, VIDEO, Hand, as_pictures, film, their_inputs, tokenizer
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VLConfig, Qwen2VLForConditionalGeneration

from omma.core.errors import CheckpointError
from omma.media.views.fixed import Fixed
from omma.model.connectors.merger import Merger
from omma.model.positions.mrope import MRope
from omma.model.positions.sequential import Sequential
from omma.weights.export import export
from omma.weights.family import Vocabulary
from omma.weights.maps import qwen2_5_vl
from omma.weights.native import stored_tensors
from omma.weights.shards import open_shards
from omma.weights.source import open_source

pytestmark = pytest.mark.parity

# fp32, as a share of the largest value compared; worst of these draws: logits 2.6e-6, gradients 1.3e-5
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 5e-5
DRAWS = range(6)
CASES = [(line, seed) for line in ("qwen2_vl", "qwen2_5_vl") for seed in DRAWS]


def draw(line, seed, folder):
    rng, words = np.random.default_rng(seed + (100 if line == "qwen2_vl" else 200)), tokenizer(HELPFUL)
    ids = {key: words.convert_tokens_to_ids(token) for key, token in (
        ("image_token_id", IMAGE), ("video_token_id", VIDEO), ("vision_start_token_id", "<|vision_start|>"),
        ("vision_end_token_id", "<|vision_end|>"))}  # fmt: skip
    groups, shared, half = int(rng.choice([1, 2])), int(rng.choice([1, 2])), int(rng.choice([4, 8]))
    quarter = int(rng.integers(1, half // 2))
    sections = [half - 2 * quarter, quarter, quarter]
    heads = groups * shared
    tied = bool(seed % 2)
    text = dict(hidden_size=heads * 2 * half, intermediate_size=int(rng.integers(20, 60)),
                num_hidden_layers=int(rng.integers(1, 4)), num_attention_heads=heads, num_key_value_heads=groups,
                vocab_size=len(words) + int(rng.integers(0, 5)), max_position_embeddings=4096, rms_norm_eps=1e-6,
                rope_parameters={"rope_type": "default", "rope_theta": 10_000.0 * (1 + seed), "mrope_section": sections},
                pad_token_id=None, bos_token_id=None, eos_token_id=None)  # fmt: skip
    if seed == 3:
        text |= {"use_sliding_window": True, "sliding_window": 9, "max_window_layers": 1, "num_hidden_layers": 3}
    patch, tower = int(rng.choice([4, 6])), int(rng.choice([1, 2]))
    vision = dict(depth=int(rng.integers(1, 4)), num_heads=tower, patch_size=patch)
    if line == "qwen2_vl":
        vision |= {"embed_dim": tower * 8, "hidden_size": text["hidden_size"], "mlp_ratio": int(rng.choice([2, 3]))}
        kind, made = Qwen2VLConfig, Qwen2VLForConditionalGeneration
    else:
        full = sorted(rng.permutation(vision["depth"])[: int(rng.integers(0, 2))].tolist())
        vision |= {"hidden_size": tower * 8, "out_hidden_size": text["hidden_size"], "intermediate_size": int(rng.integers(16, 48)),
                   "window_size": patch * int(rng.choice([4, 6])), "tokens_per_second": int(rng.choice([2, 3, 4])),
                   "fullatt_block_indexes": full}  # fmt: skip
        kind, made = Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
    theirs = made(kind(text_config=text, vision_config=vision, tie_word_embeddings=tied, attn_implementation="eager", **ids))
    spread(theirs, seed)
    size = {"shortest_edge": (4 * patch) ** 2, "longest_edge": (14 * patch) ** 2}
    image = Qwen2VLImageProcessorPil(patch_size=patch, size=size)
    time = "none" if line == "qwen2_vl" else "positions"
    return open_pair(folder, theirs, Hand(words, image, {"size": size, "fps": 8.0, "min_frames": 2, "max_frames": 64}, time))


def asked(root):
    """One picture, several of mixed sizes, none: documents of one pack."""
    return [sample(root, 0, [(50, 30)]), sample(root, 1, [(20, 61), (33, 33), (90, 40)]), sample(root, 2, [])]


def films(pair, root):
    """Videos of an odd and an even number of frames, at two paces, one behind a picture; no processor changes their sizes."""
    side = 2 * pair.cfg.patch
    return [film(root, 5, 5, (3 * side, 2 * side), 400), film(root, 6, 4, (2 * side, 4 * side), 125, ((40, 33),))]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """What opens the folder of a line and a seed, once."""
    return cache(lambda line, seed: draw(line, seed, tmp_path_factory.mktemp(line) / "released"))


@pytest.mark.parametrize(("line", "seed"), CASES)
def test_a_folder_gives_the_same_ids_and_logits(line, seed, drawn, tmp_path):
    assert check_logits(drawn(line, seed), tmp_path, asked(tmp_path), their_inputs) <= TOLERANCE


@pytest.mark.parametrize(("line", "seed"), CASES)
def test_videos_give_the_same_positions_and_logits(line, seed, drawn, tmp_path):
    pair = drawn(line, seed)
    videos = films(pair, tmp_path)
    batch = our_batch(pair, tmp_path, videos)
    output = pair.module(batch)
    ours = (output.stream.hidden @ output.head.T).detach()
    for number, one in enumerate(videos):
        inputs = their_inputs(pair, tmp_path, one)
        begin, end = batch.cu_seqlens[number : number + 2].tolist()
        assert batch.tokens[begin:end].tolist() == as_pictures(pair, inputs["input_ids"][0]).tolist()
        ids, _ = pair.theirs.model.get_rope_index(**{name: value for name, value in inputs.items() if "pixel" not in name})
        assert torch.equal(batch.positions[begin:end].T, ids[:, 0])
        with torch.no_grad():
            assert worst(ours[begin:end], pair.theirs(**inputs).logits[0]) <= TOLERANCE


@pytest.mark.parametrize(("line", "seed"), [("qwen2_vl", 0), ("qwen2_vl", 3), ("qwen2_5_vl", 1), ("qwen2_5_vl", 3)])
def test_greedy_replies_to_pictures_words_and_videos_are_the_same(line, seed, drawn, tmp_path):
    pair = drawn(line, seed)
    check_greedy(pair, tmp_path, asked(tmp_path), make_inputs=their_inputs)
    check_greedy(pair, tmp_path, films(pair, tmp_path), make_inputs=their_inputs)


@pytest.mark.parametrize(("line", "seed"), [("qwen2_vl", 0), ("qwen2_vl", 1), ("qwen2_5_vl", 2), ("qwen2_5_vl", 3)])
def test_gradients_are_those_of_transformers(line, seed, drawn, tmp_path):
    assert check_gradients(drawn(line, seed), tmp_path, asked(tmp_path), their_inputs) <= GRADIENT_TOLERANCE


def test_gradients_through_videos_are_those_of_transformers(drawn, tmp_path):
    pair = drawn("qwen2_5_vl", 1)
    assert check_gradients(pair, tmp_path, films(pair, tmp_path), their_inputs) <= GRADIENT_TOLERANCE


@pytest.mark.parametrize(("line", "seed"), [("qwen2_vl", 2), ("qwen2_vl", 3), ("qwen2_5_vl", 4), ("qwen2_5_vl", 5)])
def test_an_export_loads_in_transformers_and_comes_back_without_losing_a_bit(line, seed, drawn, tmp_path):
    pair = drawn(line, seed)
    written = export(pair.module, pair.codec, tmp_path / "export")
    assert written.architecture == type(pair.theirs).__name__
    again = open_source(tmp_path / "export")
    assert replace(again.model, text=pair.cfg.text) == pair.cfg
    own = stored_tensors(pair.module)
    assert all(torch.equal(tensor, own[name]) for name, tensor in again.read(own).items())
    served = open_shards(tmp_path / "export")
    first = open_shards(pair.folder)
    assert served.stored.keys() == first.stored.keys()
    assert all(torch.equal(served.read(name), first.read(name)) for name in first.stored)


@pytest.mark.parametrize(("line", "seed"), [("qwen2_vl", 1), ("qwen2_5_vl", 2)])
def test_a_config_of_the_first_releases_which_is_flat_says_the_same(line, seed, drawn, tmp_path):
    pair = drawn(line, seed)
    shutil.copytree(pair.folder, tmp_path / "flat")
    config = json.loads((pair.folder / "config.json").read_text())
    text = config.pop("text_config")
    rope = text.pop("rope_parameters")
    del text["model_type"], text["layer_types"]
    config["vision_config"]["model_type"] = line
    config |= text | {"rope_theta": rope["rope_theta"], "rope_scaling": {"type": "mrope", "mrope_section": rope["mrope_section"]}}
    (tmp_path / "flat/config.json").write_text(json.dumps(config))
    flat = open_source(tmp_path / "flat")
    assert replace(flat.model, text=pair.cfg.text) == pair.cfg
    own = stored_tensors(pair.module)
    assert all(torch.equal(tensor, own[name]) for name, tensor in flat.read(own).items())


def test_a_model_with_other_slots_has_no_place_in_the_layout(drawn):
    cfg, vocabulary = drawn("qwen2_5_vl", 0).cfg, Vocabulary(400, 5)
    for change in (
        {"positions": Sequential()},
        {"positions": MRope(per_second=2.5)},
        {"connector": Merger(norm="layer")},
        {"view": Fixed(size=64)},
    ):
        with pytest.raises(CheckpointError, match="qwen2_5_vl"):
            qwen2_5_vl.FAMILY.config_to(replace(cfg, **change), vocabulary)
