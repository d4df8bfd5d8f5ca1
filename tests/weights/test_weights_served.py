"""Exports of every class: names that its servers read, words about servers that have none, settings of videos as imported."""

import json
from functools import cache
from pathlib import Path

import pytest
import test_family_ovis
from blip_folders import blip
from internvl_folders import opened
from llava_line import llava, llava_next, llava_onevision, vipllava
from qwen_line import qwen

from omma.weights.export import export
from omma.weights.family import families
from omma.weights.released import read_released
from omma.weights.served import SERVED, next_step, strangers
from omma.weights.shards import open_shards
from omma.weights.source import open_source

# class: how its folder is made, and a name of a layout that it has not
CLASSES = {
    "LlavaForConditionalGeneration": (lambda to: llava(0, to), "vision_tower.embeddings.class_embedding"),
    "LlavaNextForConditionalGeneration": (lambda to: llava_next(0, to), "model.image_newline"),
    "LlavaOnevisionForConditionalGeneration": (
        lambda to: llava_onevision(0, to),
        "model.vision_tower.vision_model.embeddings.patch_embedding.weight",
    ),
    "VipLlavaForConditionalGeneration": (lambda to: vipllava(10, to), "multi_modal_projector.norm.weight"),
    "Qwen2VLForConditionalGeneration": (lambda to: qwen("qwen2_vl", 0, to), "vision_tower.blocks.0.norm1.weight"),
    "Qwen2_5_VLForConditionalGeneration": (
        lambda to: qwen("qwen2_5_vl", 0, to),
        "model.visual.merger.ln_q.weight",
    ),
    "Qwen3VLForConditionalGeneration": (lambda to: qwen("qwen3_vl", 0, to), "model.layers.0.mlp.up_proj.weight"),
    "Qwen3VLMoeForConditionalGeneration": (lambda to: qwen("qwen3_vl_moe", 0, to), "visual.pos_embed.weight"),
    "InternVLForConditionalGeneration": (
        lambda to: opened(0, to),
        "mlp1.0.weight",
    ),
    "Blip2ForConditionalGeneration": (lambda to: blip("blip-2", 1, to), "Qformer.bert.embeddings.LayerNorm.weight"),
    "InstructBlipForConditionalGeneration": (lambda to: blip("instructblip", 1, to), "llm_proj.weight"),
    "Ovis2ForConditionalGeneration": (lambda to: test_family_ovis.ovis2(0, to), "visual_tokenizer.head.0.weight"),
}
WITH_VIDEOS = (
    "Qwen2VLForConditionalGeneration", "Qwen2_5_VLForConditionalGeneration", "Qwen3VLForConditionalGeneration",
    "Qwen3VLMoeForConditionalGeneration", "InternVLForConditionalGeneration", "LlavaOnevisionForConditionalGeneration",
)  # fmt: skip
OF_A_CALL = ("return_metadata",)  # what the caller gets back, not what the model sees
UNSERVED = {"VipLlavaForConditionalGeneration", "InstructBlipForConditionalGeneration", "Ovis2ForConditionalGeneration"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """What makes the released folder of a class and its export, once."""

    @cache
    def make(architecture):
        place = tmp_path_factory.mktemp("served")
        pair = CLASSES[architecture][0](place / "released")
        assert export(pair.module, pair.codec, place / "export").architecture == architecture
        return place / "released", place / "export"

    return make


def test_every_class_that_is_exported_has_a_row_and_a_test():
    exported = {name for family in families() if family.kind == "vlm" and family.processor_to for name in family.architectures}
    assert set(SERVED) == exported == set(CLASSES)


@pytest.mark.parametrize("architecture", CLASSES)
def test_names_of_an_export_are_those_of_its_row(architecture, folders):
    names = list(open_shards(folders(architecture)[1]).stored)
    assert names and strangers(architecture, names) == []
    tied = json.loads((folders(architecture)[1] / "config.json").read_text())["tie_word_embeddings"]
    idle = [begin for begin in SERVED[architecture].names if not any(name.startswith(begin) for name in names)]
    assert idle == [begin for begin in idle if tied and "lm_head" in begin]


@pytest.mark.parametrize("architecture", CLASSES)
def test_a_name_of_another_layout_is_refused(architecture, folders):
    foreign = CLASSES[architecture][1]
    names = list(open_shards(folders(architecture)[1]).stored)
    assert strangers(architecture, [*names, foreign]) == [foreign]
    assert strangers("UnknownForConditionalGeneration", names) == sorted(names)


@pytest.mark.parametrize("architecture", CLASSES)
def test_a_person_is_told_to_serve_only_what_a_server_has_code_for(architecture):
    said = next_step(architecture, Path("out"))
    if architecture in UNSERVED:
        assert said == f"load it with transformers: neither vLLM nor SGLang has code of its own for {architecture}"
    else:
        assert said.startswith("vllm serve out")
    assert ("SGLang" in said) == ("SGLang" not in SERVED[architecture].servers)


@pytest.mark.parametrize("architecture", WITH_VIDEOS)
def test_settings_of_videos_are_those_of_the_folder_that_was_imported(architecture, folders):
    released, exported = folders(architecture)
    before, after = read_released(released).video, json.loads((exported / "video_preprocessor_config.json").read_text())
    stated = {key: value for key, value in before.items() if value is not None and key not in OF_A_CALL}
    assert stated and {key: after.get(key) for key in stated} == stated
    assert open_source(exported).model.view.video == open_source(released).model.view.video
    assert after["video_processor_type"].endswith("VideoProcessor")
    assert "video_processor" not in json.loads((exported / "processor_config.json").read_text())


@pytest.mark.parametrize("architecture", ["LlavaForConditionalGeneration", "Blip2ForConditionalGeneration"])
def test_a_class_without_videos_gets_no_settings_of_videos(architecture, folders):
    assert not (folders(architecture)[1] / "video_preprocessor_config.json").exists()
