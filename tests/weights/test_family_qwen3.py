"""Qwen3-VL folders, dense and sparse: ids, logits, replies and gradients of transformers; import and export lose no bit."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from llava_folders import check_gradients, check_greedy, check_logits, open_pair, our_batch, sample, spread, worst
from qwen_folders import IMAGE, TURNS, VIDEO, Hand, as_pictures, film, their_inputs, tokenizer
from safetensors.torch import load_file, save_file
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLConfig, Qwen3VLForConditionalGeneration
from transformers.models.qwen3_vl_moe.modeling_qwen3_vl_moe import Qwen3VLMoeConfig, Qwen3VLMoeForConditionalGeneration

from omma.core.errors import CheckpointError
from omma.model.splices.in_context import InContext
from omma.weights.export import export
from omma.weights.family import Vocabulary
from omma.weights.maps import qwen3_vl, qwen3_vl_moe
from omma.weights.native import stored_tensors
from omma.weights.shards import open_shards
from omma.weights.source import open_source

pytestmark = pytest.mark.parity

# fp32, as a share of the largest value compared; worst of these draws: logits 2.2e-6, gradients 1.9e-5
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4
CASES = [(line, seed) for line in ("qwen3_vl", "qwen3_vl_moe") for seed in range(6)]


def draw(line, seed, folder):
    rng, words = np.random.default_rng(seed + (300 if line == "qwen3_vl" else 400)), tokenizer(TURNS)
    ids = {key: words.convert_tokens_to_ids(token) for key, token in (
        ("image_token_id", IMAGE), ("video_token_id", VIDEO), ("vision_start_token_id", "<|vision_start|>"),
        ("vision_end_token_id", "<|vision_end|>"))}  # fmt: skip
    groups, shared, half = int(rng.choice([1, 2])), int(rng.choice([1, 2])), int(rng.choice([4, 8]))
    third = int(rng.integers(1, half // 3 + 1))
    rope = {"rope_type": "default", "rope_theta": 10_000.0 * (1 + seed), "mrope_interleaved": True,
            "mrope_section": [half - 2 * third, third, third]}  # fmt: skip
    text = dict(hidden_size=int(rng.choice([24, 40])), intermediate_size=int(rng.integers(20, 60)), head_dim=2 * half,
                num_hidden_layers=int(rng.integers(2, 5)), num_attention_heads=groups * shared, num_key_value_heads=groups,
                vocab_size=len(words) + int(rng.integers(0, 5)), max_position_embeddings=4096, rope_parameters=rope,
                attention_bias=bool(rng.random() < 0.5))  # fmt: skip
    kind, made = Qwen3VLConfig, Qwen3VLForConditionalGeneration
    if line == "qwen3_vl_moe":
        experts = int(rng.integers(3, 6))
        text |= {"num_experts": experts, "num_experts_per_tok": int(rng.integers(1, experts)), "moe_intermediate_size": 16,
                 "mlp_only_layers": [0] if seed == 2 else []}  # fmt: skip
        kind, made = Qwen3VLMoeConfig, Qwen3VLMoeForConditionalGeneration
    patch, tower, depth = int(rng.choice([4, 6])), int(rng.choice([1, 2])), int(rng.integers(2, 5))
    levels = sorted(rng.permutation(depth)[: int(rng.integers(1, min(depth, text["num_hidden_layers"]) + 1))].tolist())
    vision = dict(depth=depth, num_heads=tower, patch_size=patch, hidden_size=tower * 8, out_hidden_size=text["hidden_size"],
                  intermediate_size=int(rng.integers(16, 48)), num_position_embeddings=int(rng.choice([9, 16, 25])),
                  deepstack_visual_indexes=levels)  # fmt: skip
    tied = bool(seed % 2)
    theirs = made(kind(text_config=text, vision_config=vision, tie_word_embeddings=tied, attn_implementation="eager", **ids))
    spread(theirs, seed)
    size = {"shortest_edge": (4 * patch) ** 2, "longest_edge": (14 * patch) ** 2}
    image = Qwen2VLImageProcessorPil(patch_size=patch, size=size, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    film_size = {"shortest_edge": (4 * patch) ** 2, "longest_edge": 64 * (14 * patch) ** 2}
    return open_pair(
        folder, theirs, Hand(words, image, {"size": film_size, "fps": 8.0, "min_frames": 2, "max_frames": 64}, "words")
    )


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
def test_videos_give_the_same_times_positions_and_logits(line, seed, drawn, tmp_path):
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


@pytest.mark.parametrize(("line", "seed"), [("qwen3_vl", 0), ("qwen3_vl", 3), ("qwen3_vl_moe", 1), ("qwen3_vl_moe", 2)])
def test_greedy_replies_to_pictures_words_and_videos_are_the_same(line, seed, drawn, tmp_path):
    pair = drawn(line, seed)
    check_greedy(pair, tmp_path, asked(tmp_path), make_inputs=their_inputs)
    check_greedy(pair, tmp_path, films(pair, tmp_path), make_inputs=their_inputs)


@pytest.mark.parametrize(("line", "seed"), [("qwen3_vl", 1), ("qwen3_vl", 4), ("qwen3_vl_moe", 0), ("qwen3_vl_moe", 3)])
def test_gradients_are_those_of_transformers(line, seed, drawn, tmp_path):
    assert check_gradients(drawn(line, seed), tmp_path, asked(tmp_path), their_inputs) <= GRADIENT_TOLERANCE


@pytest.mark.parametrize(("line", "seed"), [("qwen3_vl", 2), ("qwen3_vl", 5), ("qwen3_vl_moe", 2), ("qwen3_vl_moe", 3)])
def test_an_export_loads_in_transformers_and_comes_back_without_losing_a_bit(line, seed, drawn, tmp_path):
    pair = drawn(line, seed)
    written = export(pair.module, pair.codec, tmp_path / "export")
    assert written.architecture == type(pair.theirs).__name__
    again = open_source(tmp_path / "export")
    assert replace(again.model, text=pair.cfg.text) == pair.cfg
    own = stored_tensors(pair.module)
    assert all(torch.equal(tensor, own[name]) for name, tensor in again.read(own).items())
    served, first = open_shards(tmp_path / "export"), open_shards(pair.folder)
    assert served.stored.keys() == first.stored.keys()


def test_experts_on_their_side_as_in_released_files_are_read_as_well(drawn, tmp_path):
    pair = drawn("qwen3_vl_moe", 3)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((pair.folder / name).read_bytes())
    tensors = load_file(pair.folder / "model.safetensors")
    turned = {name: tensor.transpose(1, 2).contiguous() if ".experts." in name else tensor for name, tensor in tensors.items()}
    save_file(turned, tmp_path / "model.safetensors", metadata={"format": "pt"})
    own = stored_tensors(pair.module)
    assert all(torch.equal(tensor, own[name]) for name, tensor in open_source(tmp_path).read(own).items())


def test_a_model_with_other_slots_has_no_place_in_the_layout(drawn):
    cfg, vocabulary = drawn("qwen3_vl", 0).cfg, Vocabulary(400, 5)
    for family in (qwen3_vl.FAMILY, qwen3_vl_moe.FAMILY):
        with pytest.raises(CheckpointError, match="qwen3_vl"):
            family.config_to(replace(cfg, splice=InContext()), vocabulary)
    with pytest.raises(CheckpointError, match="experts"):
        qwen3_vl_moe.FAMILY.config_to(cfg, vocabulary)
