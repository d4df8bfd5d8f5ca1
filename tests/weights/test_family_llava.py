"""LLaVA and ViP-LLaVA folders: the same ids, logits, replies and gradients as transformers; import and export lose no bit."""

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
    square_processor,
    tokenizer,
)
from transformers import AutoTokenizer
from transformers.models.llava.modeling_llava import LlavaConfig, LlavaForConditionalGeneration
from transformers.models.vipllava.modeling_vipllava import VipLlavaConfig, VipLlavaForConditionalGeneration

from omma.core.errors import CheckpointError
from omma.schema.sample import Part, Sample, Turn
from omma.weights.export import export
from omma.weights.maps import vipllava as vipllava_map
from omma.weights.source import open_source

pytestmark = pytest.mark.parity

# fp32, as a share of the largest value compared. Worst case measured: logits 1.7e-6, gradients 4.3e-5.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4
DRAWS = {  # seed: tower, language, strategy, layers, picture, tied
    0: ("clip", "llama", "default", -2, "crop", False),
    1: ("clip", "qwen2", "full", 1, "squash", True),
    2: ("siglip", "mistral", "full", -1, "squash", False),
    3: ("clip", "llama", "default", [-1, 1, -2], "pad", False),
    4: ("siglip", "qwen2", "full", [1, -1], "pad", True),
    5: ("clip", "mistral", "full", [2, -2], "crop", False),
    6: ("clip", "llama", "default", 2, "pad", False),
}
VIP_DRAWS = {
    10: ("llama", [-2, -1, 1], "crop", False),
    11: ("qwen2", [1, 2], "squash", True),
    12: ("mistral", -2, "pad", False),
    13: ("llama", [-1], "squash", False),
    14: ("qwen2", [2, -2, 1, -1], "pad", False),
    15: ("llama", 1, "crop", False),
}


def llava(seed, folder):
    tower, language, strategy, layer, picture, tied = DRAWS[seed]
    rng, words = np.random.default_rng(seed), tokenizer(language)
    vision = draw_tower(rng, tower, patch=int(rng.choice([4, 6])), side=int(rng.integers(2, 5)))
    text = draw_text(rng, language, len(words) + int(rng.integers(0, 5)), tied)
    words.chat_template = TEMPLATES[language]
    cfg = LlavaConfig(vision_config=vision, text_config=text, image_token_index=words.convert_tokens_to_ids("<image>"),
                      vision_feature_layer=layer, vision_feature_select_strategy=strategy, tie_word_embeddings=tied,
                      multimodal_projector_bias=bool(seed % 3), attn_implementation="eager")  # fmt: skip
    theirs = LlavaForConditionalGeneration(cfg)
    spread(theirs, seed)
    return open_pair(folder, theirs, square_processor(words, vision, strategy, picture))


def vipllava(seed, folder):
    language, layer, picture, tied = VIP_DRAWS[seed]
    rng, words = np.random.default_rng(seed), tokenizer(language)
    vision = draw_tower(rng, "clip", patch=int(rng.choice([4, 6])), side=int(rng.integers(2, 5)))
    text = draw_text(rng, language, len(words), tied)
    words.chat_template = TEMPLATES[language]
    cfg = VipLlavaConfig(vision_config=vision, text_config=text, image_token_index=words.convert_tokens_to_ids("<image>"),
                         vision_feature_layer=layer, tie_word_embeddings=tied, attn_implementation="eager")  # fmt: skip
    theirs = VipLlavaForConditionalGeneration(cfg)
    spread(theirs, seed)
    return open_pair(folder, theirs, square_processor(words, vision, "default", picture))


def asked(root):
    """One picture, several of mixed sizes, none: documents of one pack."""
    return [sample(root, 0, [(50, 30)]), sample(root, 1, [(20, 61), (33, 33), (90, 40)]), sample(root, 2, [])]


CASES = [(llava, seed) for seed in DRAWS] + [(vipllava, seed) for seed in VIP_DRAWS]
IDS = [f"{make.__name__}-{seed}" for make, seed in CASES]


@pytest.mark.parametrize(("make", "seed"), CASES, ids=IDS)
def test_a_folder_gives_the_same_ids_logits_and_replies(make, seed, tmp_path):
    pair = make(seed, tmp_path / "released")
    assert check_logits(pair, tmp_path, asked(tmp_path)) <= TOLERANCE
    check_greedy(pair, tmp_path, asked(tmp_path))


@pytest.mark.parametrize(("make", "seed"), [(llava, 0), (llava, 4), (vipllava, 11), (vipllava, 14)])
def test_gradients_of_one_loss_are_the_same(make, seed, tmp_path):
    pair = make(seed, tmp_path / "released")
    assert check_gradients(pair, tmp_path, asked(tmp_path)) <= GRADIENT_TOLERANCE


@pytest.mark.parametrize(("make", "seed"), [(llava, 1), (llava, 3), (vipllava, 10)])
def test_an_export_comes_back_bit_by_bit_and_serves_the_same_logits(make, seed, tmp_path):
    pair = make(seed, tmp_path / "released")
    assert check_round_trip(pair, tmp_path, asked(tmp_path)) <= TOLERANCE


def test_an_exported_template_ends_replies_as_training_does(tmp_path):
    pair = llava(0, tmp_path / "released")
    assert pair.codec.template.end == "</s>"
    export(pair.module, pair.codec, tmp_path / "export")
    said = [("user", "what stands on it"), ("assistant", "a row"), ("user", "how bright")]
    turns = tuple(Turn(role, (Part("text", text),)) for role, text in said)
    messages = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in said]
    words = AutoTokenizer.from_pretrained(tmp_path / "export")
    theirs = words.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
    ours = pair.codec.prompt(Sample("s", "test", turns=turns), pair.cfg).token_ids.tolist()
    assert ours == theirs and ours.count(words.convert_tokens_to_ids("</s>")) == 1


def test_a_tower_without_a_class_token_to_leave_out_is_no_vip_llava(tmp_path):
    pair = llava(2, tmp_path / "released")
    theirs = vipllava(13, tmp_path / "other").theirs.config.to_dict()
    with pytest.raises(CheckpointError, match="vision_feature_select_strategy is 'default'; expected 'full'"):
        vipllava_map.config_from(theirs | {"vision_config": pair.theirs.config.vision_config.to_dict()})
    (tmp_path / "released" / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="model_type"):
        open_source(tmp_path / "released")
