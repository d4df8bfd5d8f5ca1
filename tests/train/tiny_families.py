"""Every released family that is imported, one row each: a tiny random folder, and what transformers' class sees if there is one."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tiny_given import Family

sys.path.append(str(Path(__file__).parents[1] / "weights"))
import internvl_folders
import ovis_folders
import qwen_folders
import test_family_deepseek
import test_family_eve
import test_family_fusion
import test_family_fuyu
import test_family_internvl_chat
import test_family_llava_onevision_1_5
import test_family_mini_gemini
import test_family_minicpm
import test_family_nvlm
import test_family_ovis
import test_family_qwen_vl
import test_family_vila
from blip_folders import blip, several
from llava_folders import their_inputs
from llava_line import llava, llava_next, llava_onevision, onevision_inputs, vipllava
from qwen_line import qwen

from omma.model.vlm import Vlm
from omma.weights.maps import florence2, vila


def by(draw: Callable[..., Any], *chosen: Any) -> Callable[[Path, pytest.MonkeyPatch], Any]:
    """What writes a folder from its choices, the folder last."""
    return lambda folder, patch: draw(*chosen, folder)


def into(draw: Callable[..., Any], *chosen: Any) -> Callable[[Path, pytest.MonkeyPatch], Any]:
    """What writes a folder from its choices, the folder first."""
    return lambda folder, patch: draw(folder, *chosen)


def _vila(folder: Path, patch: pytest.MonkeyPatch) -> None:
    *_, words = test_family_vila.released(folder, 1)
    patch.setattr(vila, "LINE_BREAK", words.convert_tokens_to_ids("Ċ"))


def _florence(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(florence2.config_from, "__defaults__", (test_family_fusion.PROMPTS,))
    test_family_fusion.released(folder, 1)


def _qwen_film(model: Vlm) -> tuple[int, int]:
    return 6 * model.patch, 4 * model.patch


def _tile_film(model: Vlm) -> tuple[int, int]:
    return (model.view.size,) * 2


OF_QWEN = dict(inputs=qwen_folders.their_inputs, film=_qwen_film)
OF_INTERNVL = dict(inputs=internvl_folders.their_inputs, film=_tile_film)
FAMILIES = {
    family.name: family
    for family in (
        Family("llava", by(llava, 0), their_inputs),
        Family("vipllava", by(vipllava, 4), their_inputs),
        Family("llava_next", by(llava_next, 1), their_inputs),
        Family("llava_onevision", by(partial(llava_onevision, language="qwen2"), 9), onevision_inputs),
        Family("llava_onevision_1_5", into(test_family_llava_onevision_1_5.released, 0, "memory")),
        Family("qwen_vl", into(test_family_qwen_vl.released), tokens=2048, patches=5000),
        Family("qwen2_vl", by(qwen, "qwen2_vl", 0), **OF_QWEN),
        Family("qwen2_5_vl", by(qwen, "qwen2_5_vl", 0), **OF_QWEN),
        Family("qwen3_vl", by(qwen, "qwen3_vl", 0), **OF_QWEN),
        Family("qwen3_vl_moe", by(qwen, "qwen3_vl_moe", 0), **OF_QWEN),
        Family("internvl", by(internvl_folders.opened, 0), **OF_INTERNVL),
        Family(
            "internvl_chat",
            by(test_family_internvl_chat.opened, 1),
            test_family_internvl_chat.their_inputs,
            _tile_film,
            patches=4096,
        ),
        Family("nvlm", by(test_family_nvlm.opened, 5), test_family_nvlm.their_inputs, back=False),
        Family("blip2", by(blip, "blip-2", 0), several),
        Family("instructblip", by(blip, "instructblip", 2), several),
        Family("ovis", by(ovis_folders.ovis, 4)),
        Family("ovis2", by(test_family_ovis.ovis2, 0), their_inputs),
        Family("fuyu", by(test_family_fuyu.opened, 0), test_family_fuyu.their_inputs, back=False, counts=(1, 0)),
        Family("minicpm_v", by(test_family_minicpm.minicpm, 0)),
        Family("deepseek_vl2", by(test_family_deepseek.deepseek, 11)),
        Family("mini_gemini", lambda folder, patch: test_family_mini_gemini.folder_of(folder, 0, patch)),
        Family("eve", into(test_family_eve.released, 0)),
        Family("vila", _vila),
        Family("florence_vl", _florence, tokens=1024, patches=4096),
    )
}
