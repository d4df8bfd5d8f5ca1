"""LLaVA-NeXT folders: the same ids, logits, replies and gradients as transformers; import and export lose no bit."""

import json

import numpy as np
import pytest
from llava_folders import (
    TEMPLATES,
    check_gradients,
    check_greedy,
    check_logits,
    check_round_trip,
    draw_text,
    draw_tower,
    open_pair,
    sample,
    spread,
    tokenizer,
)
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_next.modeling_llava_next import LlavaNextConfig, LlavaNextForConditionalGeneration
from transformers.models.llava_next.processing_llava_next import LlavaNextProcessor

from omma.core.errors import CheckpointError
from omma.weights.source import open_source

pytestmark = pytest.mark.parity

# fp32, as a share of the largest value compared. Worst case measured: logits 2.2e-6, gradients 2.4e-5.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4
DRAWS = {  # seed: tower, language, layers, tied, grids of tiles (rows, columns)
    0: ("clip", "llama", -2, False, ((1, 2), (2, 1), (2, 2), (3, 1), (1, 3))),
    1: ("clip", "mistral", -2, False, ((1, 2), (2, 1), (2, 2), (3, 1), (1, 3))),
    2: ("clip", "qwen2", [-2, 1], True, ((1, 1), (2, 2))),
    3: ("siglip", "qwen2", -1, False, ((1, 2), (2, 1), (2, 2))),
    4: ("clip", "llama", 1, False, ((2, 2), (1, 4), (4, 1))),
    5: ("siglip", "mistral", [2, -1], False, ((1, 1), (1, 2), (2, 1))),
}


def llava_next(seed, folder):
    tower, language, layer, tied, grids = DRAWS[seed]
    rng, words = np.random.default_rng(seed), tokenizer(language)
    vision = draw_tower(rng, tower, patch=int(rng.choice([4, 6])), side=int(rng.integers(2, 5)))
    text = draw_text(rng, language, len(words), tied)
    words.chat_template = TEMPLATES[language]
    size, strategy = vision.image_size, "default" if tower == "clip" else "full"
    pinpoints = [[rows * size, columns * size] for rows, columns in grids]
    cfg = LlavaNextConfig(vision_config=vision, text_config=text, image_token_index=words.convert_tokens_to_ids("<image>"),
                          vision_feature_layer=layer, vision_feature_select_strategy=strategy, tie_word_embeddings=tied,
                          image_grid_pinpoints=pinpoints, attn_implementation="eager")  # fmt: skip
    theirs = LlavaNextForConditionalGeneration(cfg)
    spread(theirs, seed)
    pictures = LlavaNextImageProcessorPil(size={"shortest_edge": size}, crop_size={"height": size, "width": size},
                                          image_grid_pinpoints=pinpoints)  # fmt: skip
    processor = LlavaNextProcessor(pictures, words, patch_size=vision.patch_size, vision_feature_select_strategy=strategy,
                                   num_additional_image_tokens=int(tower == "clip"), chat_template=words.chat_template)  # fmt: skip
    return open_pair(folder, theirs, processor)


def asked(root):
    """One picture, several of mixed sizes, none: documents of one pack."""
    sizes = [(50, 30)], [(20, 61), (33, 33), (90, 40)], [], [(200, 30), (7, 90)]
    return [sample(root, number, own) for number, own in enumerate(sizes)]


@pytest.mark.parametrize("seed", DRAWS)
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
    pair = llava_next(0, tmp_path / "released")
    stored = pair.folder / file
    said = json.loads(stored.read_text()) if stored.exists() else {}
    stored.write_text(json.dumps(said | change))
    with pytest.raises(CheckpointError, match=word):
        open_source(pair.folder)
