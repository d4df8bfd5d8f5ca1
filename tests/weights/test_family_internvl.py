"""InternVL folders in transformers' layout: the same ids, logits, replies and gradients; import and export lose no bit."""

import json

import pytest
from internvl_folders import internvl, their_inputs
from llava_folders import check_gradients, check_greedy, check_logits, check_round_trip, open_pair, sample
from qwen_folders import film

from omma.core.errors import CheckpointError
from omma.weights.source import open_source

pytestmark = pytest.mark.parity

# fp32, as a share of the largest value compared. Worst case measured: logits 1.1e-6, gradients 6.4e-6.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4
SEEDS = range(8)


def opened(seed, folder, **fixed):
    return open_pair(folder, *internvl(seed, **fixed))


def asked(root, pair):
    """One picture, several of mixed sizes, none, a film behind a picture, a film: documents of one pack."""
    sizes = [(50, 30)], [(20, 61), (33, 33), (90, 40)], [], [(200, 30), (7, 90)]
    tile = pair.cfg.view.size
    films = film(root, 90, 7, (tile, tile), 200, ((40, 20),)), film(root, 91, 5, (tile, tile), 100)
    return [*(sample(root, number, own) for number, own in enumerate(sizes)), *films]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_folder_gives_the_same_ids_logits_and_replies(seed, tmp_path):
    pair = opened(seed, tmp_path / "released")
    documents = asked(tmp_path, pair)
    assert check_logits(pair, tmp_path, documents, their_inputs) <= TOLERANCE
    check_greedy(pair, tmp_path, documents[1:3] + documents[4:5], make_inputs=their_inputs)


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_gradients_of_one_loss_are_the_same(seed, tmp_path):
    pair = opened(seed, tmp_path / "released")
    assert check_gradients(pair, tmp_path, asked(tmp_path, pair), their_inputs) <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_an_export_comes_back_bit_by_bit_and_serves_the_same_logits(seed, tmp_path):
    pair = opened(seed, tmp_path / "released")
    assert check_round_trip(pair, tmp_path, asked(tmp_path, pair), their_inputs) <= TOLERANCE


@pytest.mark.parametrize(
    ("file", "change", "word"),
    [
        ("config.json", {"vision_feature_select_strategy": "full"}, "vision_feature_select_strategy is 'full'"),
        ("config.json", {"downsample_ratio": 0.3}, "downsample_ratio is 0.3"),
        ("config.json", {"projector_hidden_act": "relu"}, "projector_hidden_act is 'relu'"),
        ("config.json", {"image_token_id": 3}, "context_image_token is '<IMG_CONTEXT>'"),
        ("video_preprocessor_config.json", {"initial_shift": 3}, "initial_shift is 3"),
        ("preprocessor_config.json", {"size": {"height": 10, "width": 20}}, "expected one square"),
    ],
)
def test_folders_that_are_not_covered_are_refused(file, change, word, tmp_path):
    pair = opened(0, tmp_path / "released")
    stored = pair.folder / file
    said = json.loads(stored.read_text()) if stored.exists() else {}
    stored.write_text(json.dumps(said | change))
    with pytest.raises(CheckpointError, match=word):
        open_source(pair.folder)
