"""LLaVA and ViP-LLaVA folders: the same ids, logits, replies and gradients as transformers; import and export lose no bit."""

import pytest
from llava_folders import check_gradients, check_greedy, check_logits, check_round_trip, sample
from llava_line import llava, vipllava
from transformers import AutoTokenizer

from omma.core.errors import CheckpointError
from omma.schema.sample import Part, Sample, Turn
from omma.weights.export import export
from omma.weights.maps import vipllava as vipllava_map
from omma.weights.source import open_source

pytestmark = pytest.mark.parity

# fp32, as a share of the largest value compared. Worst case measured: logits 1.9e-6, gradients 3.0e-5.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4
SEEDS, VIP_SEEDS = range(10), range(4, 12)  # they reach every tower, language model, strategy, way to a square, tied or not


def asked(root):
    """One picture, several of mixed sizes, none: documents of one pack."""
    return [sample(root, 0, [(50, 30)]), sample(root, 1, [(20, 61), (33, 33), (90, 40)]), sample(root, 2, [])]


CASES = [(llava, seed) for seed in SEEDS] + [(vipllava, seed) for seed in VIP_SEEDS]
IDS = [f"{make.__name__}-{seed}" for make, seed in CASES]


@pytest.mark.parametrize(("make", "seed"), CASES, ids=IDS)
def test_a_folder_gives_the_same_ids_logits_and_replies(make, seed, tmp_path):
    pair = make(seed, tmp_path / "released")
    assert check_logits(pair, tmp_path, asked(tmp_path)) <= TOLERANCE
    check_greedy(pair, tmp_path, asked(tmp_path))


@pytest.mark.parametrize(("make", "seed"), [(llava, 0), (llava, 4), (vipllava, 5), (vipllava, 8)])
def test_gradients_of_one_loss_are_the_same(make, seed, tmp_path):
    pair = make(seed, tmp_path / "released")
    assert check_gradients(pair, tmp_path, asked(tmp_path)) <= GRADIENT_TOLERANCE


@pytest.mark.parametrize(("make", "seed"), [(llava, 1), (llava, 3), (vipllava, 10)])
def test_an_export_comes_back_bit_by_bit_and_serves_the_same_logits(make, seed, tmp_path):
    pair = make(seed, tmp_path / "released")
    assert check_round_trip(pair, tmp_path, asked(tmp_path)) <= TOLERANCE


def test_an_exported_template_ends_replies_as_training_does(tmp_path):
    pair = llava(0, tmp_path / "released", language="llama")
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
    pair = llava(2, tmp_path / "released", tower="siglip")
    theirs = vipllava(4, tmp_path / "other", layers=[-1]).theirs.config.to_dict()
    with pytest.raises(CheckpointError, match="vision_feature_select_strategy is 'default'; expected 'full'"):
        vipllava_map.config_from(theirs | {"vision_config": pair.theirs.config.vision_config.to_dict()})
    (tmp_path / "released" / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="model_type"):
        open_source(tmp_path / "released")
