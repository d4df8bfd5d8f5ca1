"""Pooled: the vector of a sample is the state of its own last token, whoever stands beside it in a batch."""

import json

import pytest
import torch

from omma.core.errors import ConfigError
from omma.evaluate.asking.pooled import Pooled
from omma.evaluate.question import Question, asking
from omma.generate.sampling import Sampling
from omma.generate.talker import Talker
from omma.media.store import Store
from omma.model.vlm import init
from omma.pack.collate import rows_to_batch
from omma.schema.sample import Media, Sample
from omma_recipes.runs.quickstart import quickstart
from tests.evaluate.drawing import picture
from tests.evaluate.embedding import Space


def test_it_is_the_last_states_of_each_prompt_alone(tmp_path):
    model = quickstart().tiny().model
    words = model.text.fit([Sample("a", "s")], tmp_path / "tokenizer")
    module = init(model.build(), 0).eval()
    talker = Talker(module, words, model, Store(tmp_path), batch_rows=3)
    picture(tmp_path / "a.png", "red", size=(48, 40))
    shown = Media("a.png", width=48, height=40)
    asked = [asking(str(n), f"what is {'this ' * n}?", ["a.png"] if n % 2 else []) for n in range(5)]
    asked = [Sample(one.id, one.source, media=(shown,) * len(one.media), turns=one.turns) for one in asked]
    said = [json.loads(one.raw) for one in Pooled().ask(talker, [Question(one, None) for one in asked], Sampling(), "picture")]
    for sample, vector in zip(asked, said, strict=True):
        with torch.no_grad():
            alone = module(rows_to_batch([words.prompt(sample, model)], model, Store(tmp_path))).stream.hidden[-1]
        assert vector == pytest.approx(alone.tolist(), abs=1e-5)
    assert said[1] != pytest.approx(said[3], abs=1e-3)


def test_a_space_is_shown_the_suite_for_it():
    with pytest.raises(ConfigError, match="whose name ends in _added"):
        list(Pooled().ask(Space(None), [], Sampling(), "picture"))
