"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL, dense and sparse: ids, logits, replies and gradients of transformers; no bit lost."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from llava_folders import check_gradients, check_greedy, check_logits, our_batch, worst
from qwen_folders import as_pictures, their_inputs
from qwen_line import LINES, asked, films, qwen

from omma.weights.export import export
from omma.weights.native import stored_tensors
from omma.weights.shards import open_shards
from omma.weights.source import open_source

pytestmark = pytest.mark.parity

# fp32, as a share of the largest value compared; worst of these draws: logits 1.6e-6, gradients 7.0e-6
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4
CASES = [(line, seed) for line in LINES for seed in range(6)]  # they reach windows and none, tied heads and others


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """What opens the folder of a line and a seed, once."""
    return cache(lambda line, seed: qwen(line, seed, tmp_path_factory.mktemp(line) / "released"))


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


@pytest.mark.parametrize(("line", "seed"), CASES[::3])
def test_greedy_replies_to_pictures_words_and_videos_are_the_same(line, seed, drawn, tmp_path):
    pair = drawn(line, seed)
    check_greedy(pair, tmp_path, asked(tmp_path), make_inputs=their_inputs)
    check_greedy(pair, tmp_path, films(pair, tmp_path), make_inputs=their_inputs)


@pytest.mark.parametrize(("line", "seed"), CASES[1::3])
def test_gradients_are_those_of_transformers(line, seed, drawn, tmp_path):
    assert check_gradients(drawn(line, seed), tmp_path, asked(tmp_path), their_inputs) <= GRADIENT_TOLERANCE


def test_gradients_through_videos_are_those_of_transformers(drawn, tmp_path):
    pair = drawn("qwen2_5_vl", 1)
    assert check_gradients(pair, tmp_path, films(pair, tmp_path), their_inputs) <= GRADIENT_TOLERANCE


@pytest.mark.parametrize(("line", "seed"), CASES[2::3])
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
    same = [torch.equal(served.read(name), first.read(name)) for name in first.stored if ".experts." not in name]
    assert same and all(same)
