"""LLaVA and ViP-LLaVA: how an exported template ends replies, and a tower that no ViP-LLaVA has."""

import pytest
from llava_line import llava, vipllava
from transformers import AutoTokenizer

from omma.core.errors import CheckpointError
from omma.schema.sample import Part, Sample, Turn
from omma.weights.export import export
from omma.weights.maps import vipllava as vipllava_map
from omma.weights.source import open_source


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
