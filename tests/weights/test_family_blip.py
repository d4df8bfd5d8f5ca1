"""BLIP-2 and InstructBLIP: what a question changes, folders that are not covered, and what OPT refuses."""

import json
from dataclasses import replace

import pytest
import torch
from blip_folders import blip
from llava_folders import our_batch, sample

from omma.core.errors import CheckpointError, ConfigError, ShapeError
from omma.model.language.opt import Opt
from omma.nn.attention import Causal, Packed, PackedAttend
from omma.nn.init import init
from omma.schema.batch import Stream
from omma.schema.sample import Part, Turn
from omma.weights.source import open_source

pytestmark = pytest.mark.parity


def test_another_question_changes_what_the_tokens_of_a_picture_are_only_where_it_is_read(tmp_path):
    for kind, reads in (("blip-2", False), ("instructblip", True)):
        pair = blip(kind, 0, tmp_path / kind)
        tokens = []
        for text in ("what stands on it", "how bright is it"):
            one = sample(tmp_path, 0, [(50, 30)])
            one = replace(one, turns=(Turn("user", (Part("image", index=0), Part("text", text))),))
            tokens.append(pair.module(our_batch(pair, tmp_path, [one])).visual)
        assert bool((tokens[0] != tokens[1]).any()) == reads


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"text_config": {"model_type": "t5", "d_model": 16, "num_heads": 2, "is_encoder_decoder": True}}, "Flan-T5"),
        ({"image_token_index": None}, "image_token_index is None"),
        ({"qformer_config": {"use_qformer_text_input": True}}, "for retrieval"),
        ({"text_config": {"model_type": "opt", "do_layer_norm_before": False}}, "do_layer_norm_before"),
    ],
)
def test_folders_that_are_not_covered_are_refused(change, word, tmp_path):
    pair = blip("blip-2", 0, tmp_path / "released", language="opt")
    stored = pair.folder / "config.json"
    stored.write_text(json.dumps(json.loads(stored.read_text()) | change))
    with pytest.raises(CheckpointError, match=word):
        open_source(pair.folder)


def test_an_instructblip_without_its_second_tokenizer_is_refused(tmp_path):
    pair = blip("instructblip", 0, tmp_path / "released")
    (pair.folder / "qformer_tokenizer" / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match="Q-Former's fast tokenizer"):
        open_source(pair.folder)


def test_opt_refuses_positions_behind_its_table_and_heads_that_do_not_divide():
    module = init(Opt(width=8, depth=1, heads=2, mlp_width=8, longest=4).build(vocab_size=5), 0)
    count = torch.arange(5)
    stream = Stream(torch.randn(5, 8), count[:, None], torch.tensor([0, 5]), count * 0, count)
    with pytest.raises(ShapeError, match="position 4; expected below 4"):
        module(stream, PackedAttend(Packed(stream.cu_seqlens, Causal())))
    with pytest.raises(ConfigError, match="a divisor of the width"):
        Opt(width=10, heads=3)
