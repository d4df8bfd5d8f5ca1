"""LLaVA-NeXT folders: the same ids, logits, replies and gradients as transformers; import and export lose no bit."""

import json

import pytest
from llava_folders import check_gradients, check_greedy, check_logits, check_round_trip, sample
from llava_line import llava_next

from omma.core.errors import CheckpointError
from omma.weights.source import open_source

pytestmark = pytest.mark.parity

# fp32, as a share of the largest value compared. Worst case measured: logits 1.4e-6, gradients 9.2e-6.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4
SEEDS = range(8)  # they reach both towers and every language model, tied or not


def asked(root):
    """One picture, several of mixed sizes, none: documents of one pack."""
    sizes = [(50, 30)], [(20, 61), (33, 33), (90, 40)], [], [(200, 30), (7, 90)]
    return [sample(root, number, own) for number, own in enumerate(sizes)]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_folder_gives_the_same_ids_logits_and_replies(seed, tmp_path):
    pair = llava_next(seed, tmp_path / "released")
    assert check_logits(pair, tmp_path, asked(tmp_path)) <= TOLERANCE
    check_greedy(pair, tmp_path, asked(tmp_path)[1:3])


@pytest.mark.parametrize("seed", [0, 3])
def test_gradients_of_one_loss_are_the_same(seed, tmp_path):
    pair = llava_next(seed, tmp_path / "released")
    assert check_gradients(pair, tmp_path, asked(tmp_path)) <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("seed", [1, 2])
def test_an_export_comes_back_bit_by_bit_and_serves_the_same_logits(seed, tmp_path):
    pair = llava_next(seed, tmp_path / "released")
    assert check_round_trip(pair, tmp_path, asked(tmp_path)) <= TOLERANCE


@pytest.mark.parametrize(
    ("file", "change", "word"),
    [
        ("config.json", {"vision_feature_select_strategy": "full"}, "vision_feature_select_strategy is 'full'"),
        ("preprocessor_config.json", {"image_grid_pinpoints": [[6, 6]]}, "other image_grid_pinpoints"),
        ("preprocessor_config.json", {"size": {"height": 10, "width": 20}}, "expected one square"),
        ("preprocessor_config.json", {"size": 100, "crop_size": 100}, "tiles of 100 px"),
    ],
)
def test_folders_that_are_not_covered_are_refused(file, change, word, tmp_path):
    pair = llava_next(0, tmp_path / "released", tower="clip")
    stored = pair.folder / file
    said = json.loads(stored.read_text()) if stored.exists() else {}
    stored.write_text(json.dumps(said | change))
    with pytest.raises(CheckpointError, match=word):
        open_source(pair.folder)
