"""Qwen3-VL: experts as released files hold them, and models that have no place in the layout."""

from dataclasses import replace

import pytest
import torch
from qwen_line import qwen
from safetensors.torch import load_file, save_file

from omma.core.errors import CheckpointError
from omma.model.splices.in_context import InContext
from omma.weights.family import Vocabulary
from omma.weights.maps import qwen3_vl, qwen3_vl_moe
from omma.weights.native import stored_tensors
from omma.weights.source import open_source


def test_experts_on_their_side_as_in_released_files_are_read_as_well(tmp_path):
    pair = qwen("qwen3_vl_moe", 3, tmp_path / "released")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((pair.folder / name).read_bytes())
    tensors = load_file(pair.folder / "model.safetensors")
    turned = {name: tensor.transpose(1, 2).contiguous() if ".experts." in name else tensor for name, tensor in tensors.items()}
    save_file(turned, tmp_path / "model.safetensors", metadata={"format": "pt"})
    own = stored_tensors(pair.module)
    assert all(torch.equal(tensor, own[name]) for name, tensor in open_source(tmp_path).read(own).items())


def test_a_model_with_other_slots_has_no_place_in_the_layout(tmp_path):
    cfg, vocabulary = qwen("qwen3_vl", 0, tmp_path / "released").cfg, Vocabulary(400, 5)
    for family in (qwen3_vl.FAMILY, qwen3_vl_moe.FAMILY):
        with pytest.raises(CheckpointError, match="qwen3_vl"):
            family.config_to(replace(cfg, splice=InContext()), vocabulary)
    with pytest.raises(CheckpointError, match="experts"):
        qwen3_vl_moe.FAMILY.config_to(cfg, vocabulary)
