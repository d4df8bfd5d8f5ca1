"""InternVL folders in transformers' layout that are not covered."""

import json

import pytest
from internvl_folders import opened

from omma.core.errors import CheckpointError
from omma.weights.source import open_source


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
