"""LLaVA-NeXT folders that are not covered."""

import json

import pytest
from llava_line import llava_next

from omma.core.errors import CheckpointError
from omma.weights.source import open_source


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
