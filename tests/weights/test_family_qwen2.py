"""Qwen2-VL and Qwen2.5-VL: the flat config.json of the first releases, and models that have no place in the layout."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from qwen_line import qwen

from omma.core.errors import CheckpointError
from omma.media.views.fixed import Fixed
from omma.model.connectors.merger import Merger
from omma.model.positions.mrope import MRope
from omma.model.positions.sequential import Sequential
from omma.weights.family import Vocabulary
from omma.weights.maps import qwen2_5_vl
from omma.weights.native import stored_tensors
from omma.weights.source import open_source


@pytest.mark.parametrize(("line", "seed"), [("qwen2_vl", 1), ("qwen2_5_vl", 2)])
def test_a_config_of_the_first_releases_which_is_flat_says_the_same(line, seed, tmp_path):
    pair = qwen(line, seed, tmp_path / "released")
    shutil.copytree(pair.folder, tmp_path / "flat")
    config = json.loads((pair.folder / "config.json").read_text())
    text = config.pop("text_config")
    rope = text.pop("rope_parameters")
    del text["model_type"], text["layer_types"]
    config["vision_config"]["model_type"] = line
    config |= text | {"rope_theta": rope["rope_theta"], "rope_scaling": {"type": "mrope", "mrope_section": rope["mrope_section"]}}
    (tmp_path / "flat/config.json").write_text(json.dumps(config))
    flat = open_source(tmp_path / "flat")
    assert replace(flat.model, text=pair.cfg.text) == pair.cfg
    own = stored_tensors(pair.module)
    assert all(torch.equal(tensor, own[name]) for name, tensor in flat.read(own).items())


def test_a_model_with_other_slots_has_no_place_in_the_layout(tmp_path):
    cfg, vocabulary = qwen("qwen2_5_vl", 0, tmp_path / "released").cfg, Vocabulary(400, 5)
    for change in (
        {"positions": Sequential()},
        {"positions": MRope(per_second=2.5)},
        {"connector": Merger(norm="layer")},
        {"view": Fixed(size=64)},
    ):
        with pytest.raises(CheckpointError, match="qwen2_5_vl"):
            qwen2_5_vl.FAMILY.config_to(replace(cfg, **change), vocabulary)
