"""Families of released models beside LLaVA: transformers' class and omma's import are asked the same and say the same.

Processors of these families ask for a library that only videos need; pictures do without it.
"""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from omma.answerers.loading import load_released, released_kind
from omma.answerers.released import ReleasedTalker
from omma.answerers.saved import load_talker
from omma.evaluate.asking.ranked import said
from omma.evaluate.question import asking
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.weights.imported import import_checkpoint
from omma.weights.source import open_source
from tests.evaluate.drawing import picture

sys.path.append(str(Path(__file__).parents[1] / "weights"))
import internvl_folders
from blip_folders import blip
from llava_line import llava_onevision
from qwen_line import qwen

GREEDY = Sampling(max_tokens=5)
SIZES = {"red.png": (48, 40), "blue.png": (90, 60)}
DRAWN = {
    "qwen2_5_vl": partial(qwen, "qwen2_5_vl", 0),
    "qwen3_vl": partial(qwen, "qwen3_vl", 0),
    "internvl": partial(internvl_folders.opened, 0),
    "llava_onevision": partial(llava_onevision, 4, language="qwen2"),
}
NATS = {"llava_onevision": 0.1}  # its template ends the header otherwise where a reply is to follow: another context


@pytest.fixture
def store(tmp_path):
    picture(tmp_path / "red.png", "red", SIZES["red.png"])
    picture(tmp_path / "blue.png", "blue", SIZES["blue.png"], (4, 4, 20, 50))
    return Store(tmp_path)


def questions():
    found = [
        asking("a", "what is this?", ["red.png"]),
        asking("b", "how many of these do you see there?", ["red.png", "blue.png"]),
        asking("c", "?", ["blue.png"]),
        asking("d", "well?"),
    ]
    sized = [[replace(one, width=SIZES[one.uri][0], height=SIZES[one.uri][1]) for one in sample.media] for sample in found]
    return [replace(sample, media=tuple(media)) for sample, media in zip(found, sized, strict=True)]


@pytest.mark.parity
@pytest.mark.parametrize("name", DRAWN)
def test_transformers_and_the_import_say_the_same_in_any_batch(name, store, tmp_path):
    """A random model says special tokens, too, which omma never lets into a reply: up to there the two are the same."""
    folder = tmp_path / "hub"
    folder.mkdir()
    DRAWN[name](folder)
    loaded = load_released(folder, released_kind(folder), "cpu")
    talker = ReleasedTalker(loaded, store)
    replies = list(talker.ask(questions(), GREEDY))
    alone = ReleasedTalker(loaded, store, batch_rows=1).ask(questions(), GREEDY)
    assert [reply.token_ids for reply in replies] == [reply.token_ids for reply in alone]
    assert not any(reply.error for reply in replies) and talker.batch_rows == 8

    import_checkpoint(open_source(folder), tmp_path / "ours", None)
    ours = load_talker(tmp_path / "ours").looking_at(store)
    for theirs, mine in zip(replies, ours.ask(questions(), GREEDY), strict=True):
        pairs = zip(theirs.token_ids, mine.token_ids, strict=True)
        other = next((token for token, own in pairs if token != own), None)
        assert other is None or other in ours.codec.banned_ids
    replied = [said(sample, "red") for sample in questions()]
    for one, other in zip(talker.measure(replied), ours.measure(replied), strict=True):
        assert one.count == other.count
        assert one.total == pytest.approx(other.total, abs=NATS.get(name, 1e-4))  # measured: below 5e-5, and 0.035


def test_a_model_that_reads_one_picture_refuses_two_and_needs_one(store, tmp_path):
    folder = tmp_path / "hub"
    folder.mkdir()
    blip("blip-2", 0, folder)
    replies = list(ReleasedTalker(load_released(folder, released_kind(folder), "cpu"), store).ask(questions(), GREEDY))
    assert [reply.finish == "error" for reply in replies] == [False, True, False, True]
    assert "2 pictures; expected one, which is all that this model reads" in replies[1].error
