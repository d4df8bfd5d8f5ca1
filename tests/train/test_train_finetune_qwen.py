"""The Qwen-VL line in `omma train finetune_sft` and `finetune_lora`: pictures, films and words packed, out and back again."""

from functools import cache

import pytest
import torch
from tiny_families import (
    FAMILIES,
    Given,
    adapter_against_merged,
    export_against_ours,
    losses_before_and_after,
    packed_against_alone,
)

from omma.schema.manifest import read_manifest
from omma.schema.plan import Plan

torch.set_num_threads(1)
NAMES = ["qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe"]


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """What makes the folders of a family, once."""
    return cache(lambda name: Given(FAMILIES[name], tmp_path_factory.mktemp(name)))


@pytest.mark.parametrize("name", NAMES)
def test_loss_falls_whole_and_through_adapters(name, given):
    for run in (given(name).whole, given(name).adapted):
        before, after = losses_before_and_after(given(name), run)
        assert after < 0.8 * before
        plan = Plan.read(run / "plan/sft.parquet")
        assert max(len(plan.entries(number)) for number in range(plan.num_bins)) > 4  # packed


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_of_every_kind_equals_its_documents_alone(name, given):
    loss, gradients = packed_against_alone(given(name))
    assert loss < 1e-6 and gradients < 1e-5  # measured worst 2.0e-7, 6.4e-7


@pytest.mark.parametrize("name", NAMES)
def test_the_export_answers_in_transformers_as_ours_does(name, given):
    for run in (given(name).whole, given(name).adapted):
        assert export_against_ours(given(name), run) < 1e-5  # of the largest logit; measured worst 1.2e-6


@pytest.mark.parametrize("name", NAMES)
def test_peft_puts_the_adapter_on_the_exported_base(name, given):
    assert adapter_against_merged(given(name), given(name).adapted) < 2e-5  # measured worst 2.1e-6


@pytest.mark.parametrize("name", NAMES)
def test_animations_and_folders_of_frames_are_trained_on(name, given):
    plan = Plan.read(given(name).whole / "plan/sft.parquet")
    samples = read_manifest(given(name).whole / "data/train.parquet")
    films = {i for i, sample in enumerate(samples) if any(media.kind == "video" for media in sample.media)}
    assert len(films) == 6 and films <= set(plan.sample.tolist())
