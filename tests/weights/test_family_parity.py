"""Every family with a class in transformers: its ids, logits, replies and gradients; an export loses no bit and serves the same.

One row per family, drawn at random within it; the native line of Qwen-VL has a file of its own, with videos.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import internvl_folders
import pytest
import test_family_fuyu
import test_family_internvl_chat
import test_family_nvlm
import test_family_ovis
from blip_folders import blip, several
from llava_folders import Pair, check_gradients, check_greedy, check_logits, check_round_trip, sample, their_inputs
from llava_line import llava, llava_next, llava_onevision, vipllava
from qwen_folders import film

from omma.schema.sample import Sample

pytestmark = pytest.mark.parity

# As a share of the largest value compared. Worst case measured in fp32: logits 3.6e-6, gradients 1.5e-4 (BLIP-2, where the queries
# of a Q-Former layer are so alike that gradients of its scores are small differences); below 5e-5 in fp64, pixels being fp32.
TOLERANCE, GRADIENT_TOLERANCE, FINE_TOLERANCE = 2e-5, 4e-4, 5e-5


def mixed(root: Path, pair: Pair) -> list[Sample]:
    """One picture, several of mixed sizes, none, long and high ones: documents of one pack."""
    sizes = [(50, 30)], [(20, 61), (33, 33), (90, 40)], [], [(200, 30), (7, 90)]
    return [sample(root, number, own) for number, own in enumerate(sizes)]


def moving(root: Path, pair: Pair) -> list[Sample]:
    """The same, a film behind a picture, and a film."""
    tile = pair.cfg.view.size
    return [*mixed(root, pair), film(root, 90, 7, (tile, tile), 200, ((40, 20),)), film(root, 91, 5, (tile, tile), 100)]


def milder(root: Path, pair: Pair) -> list[Sample]:
    """Sizes that the cutting of Ovis2's own processor takes."""
    sizes = [(50, 30)], [(20, 61), (33, 33), (9, 4)], [], [(90, 14)]
    return [sample(root, number, own) for number, own in enumerate(sizes)]


def single(root: Path, pair: Pair) -> list[Sample]:
    """One picture at most: smaller than Fuyu's largest size, wider, higher, none."""
    return [sample(root, number, own) for number, own in enumerate([[(19, 13)], [(90, 20)], [], [(17, 70)]])]


@dataclass(frozen=True)
class Row:
    """What draws a folder from a seed, which seeds, what transformers sees of a sample; `exported` are the arguments of a draw
    that has a released layout, or none."""

    draw: Callable[..., Pair]
    seeds: range
    inputs: Callable[[Pair, Path, Sample], Any] = their_inputs
    documents: Callable[[Path, Pair], list[Sample]] = mixed
    exported: dict[str, Any] | None = None


# The seeds of the LLaVA line reach every tower, language model, strategy, way to a square, limit of tiles and rest, tied or not.
ROWS = {
    "llava": Row(llava, range(10), exported={}),
    "vipllava": Row(vipllava, range(4, 12), exported={}),
    "llava_next": Row(llava_next, range(8), exported={}),
    "llava_onevision": Row(llava_onevision, range(4, 12), exported={}),
    "internvl": Row(internvl_folders.opened, range(8), internvl_folders.their_inputs, moving, {}),
    "internvl_chat": Row(
        test_family_internvl_chat.opened, range(8), test_family_internvl_chat.their_inputs, exported={"shuffle": "v2"}
    ),
    "nvlm": Row(test_family_nvlm.opened, range(8), test_family_nvlm.their_inputs),
    "ovis2": Row(test_family_ovis.ovis2, range(8), documents=milder, exported={}),
    "blip2": Row(partial(blip, "blip-2"), range(8), several, exported={}),
    "instructblip": Row(partial(blip, "instructblip"), range(8), several, exported={}),
    "fuyu": Row(test_family_fuyu.opened, range(6), test_family_fuyu.their_inputs, single),
}


def drawn(first: int, last: int, quick: int, *, names: Callable[[str], bool] = lambda name: True) -> list[Any]:
    """Cases of some of the seeds of each row, of which the first few are quick."""
    return [
        pytest.param(name, seed, marks=() if place < quick else pytest.mark.slow)
        for name, row in ROWS.items()
        if names(name)
        for place, seed in enumerate(row.seeds[first:last])
    ]


@pytest.mark.parametrize(("name", "seed"), drawn(0, 10, quick=2))
def test_a_folder_gives_the_same_ids_logits_and_replies(name, seed, tmp_path):
    row = ROWS[name]
    pair = row.draw(seed, tmp_path / "released")
    documents = row.documents(tmp_path, pair)
    assert check_logits(pair, tmp_path, documents, row.inputs) <= TOLERANCE
    check_greedy(pair, tmp_path, documents[1:3] + documents[4:5], make_inputs=row.inputs)


def in_doubles(inputs: Any) -> Any:
    """The same inputs for a model in fp64."""

    def doubled(pair: Pair, root: Path, one: Sample) -> dict[str, Any]:
        return {key: value.double() if value.is_floating_point() else value for key, value in inputs(pair, root, one).items()}

    return doubled


@pytest.mark.parametrize(("name", "seed"), drawn(0, 8, quick=1))
def test_gradients_of_one_loss_are_the_same_and_nearer_in_doubles(name, seed, tmp_path):
    row = ROWS[name]
    pair = row.draw(seed, tmp_path / "released")
    documents = row.documents(tmp_path, pair)
    assert check_gradients(pair, tmp_path, documents, row.inputs) <= GRADIENT_TOLERANCE
    if name == "fuyu":
        return  # its patches go into one matrix as fp32
    for model in (pair.module.double(), pair.theirs.double()):
        model.zero_grad()
    assert check_gradients(pair, tmp_path, documents, in_doubles(row.inputs)) <= FINE_TOLERANCE


@pytest.mark.parametrize(("name", "seed"), drawn(2, 5, quick=1, names=lambda name: ROWS[name].exported is not None))
def test_an_export_comes_back_bit_by_bit_and_serves_the_same_logits(name, seed, tmp_path):
    """InternVL's own layout is exported in that of transformers, and InternLM2 as Llama, which is the same model."""
    row = ROWS[name]
    pair = row.draw(seed, tmp_path / "released", **row.exported)
    assert check_round_trip(pair, tmp_path, row.documents(tmp_path, pair), row.inputs) <= TOLERANCE
