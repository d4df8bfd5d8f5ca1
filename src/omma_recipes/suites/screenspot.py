"""Clicks on screens: ScreenSpot, its second version and ScreenSpot-Pro, as several models are asked."""

from dataclasses import replace

from omma.evaluate.benchmarks.screenspot import SCREEN, ScreenSpotPro, ScreenSpotQuestions
from omma.evaluate.prompt import Prompt
from omma.evaluate.suite import Suite
from omma.generate.sampling import Sampling
from omma.metrics.boxes.click import ClickCalls, ScreenSpot, UnitPoints
from omma.metrics.boxes.click_lmms_eval import LmmsEvalScreenSpot

SECOND = ScreenSpotQuestions(
    name="screenspot_v2",
    path="screenspot_v2",
    files="screenspot_{platform}_v2.json",
    tables="ScreenSpot_v2_{Platform}.tsv",
    pictures=("screenspotv2_image",),
)
POINT = Prompt(
    before="Identify the UI element for the instruction and output exactly one click point as [x, y] in normalized coordinates "
    "within [0, 1]. Do not output a bounding box.\nInstruction: "
)
MIDDLE = ("[0.5, 0.5]",)


def screenspot() -> Suite:
    """ScreenSpot: click accuracy, by boxes of the model's own markup or recorded points as JSON in px."""
    return _suite(ScreenSpotQuestions(), "ScreenSpot")


def screenspot_seeclick() -> Suite:
    """ScreenSpot as SeeClick's script asks and reads: a point of 1."""
    prompt = Prompt(before=SCREEN, after='" (with point)?')
    return _suite(_points(ScreenSpotQuestions(name="screenspot_seeclick", prompt=prompt)), "ScreenSpot (SeeClick)")


def screenspot_vlmevalkit() -> Suite:
    """ScreenSpot in VLMEvalKit's words: a call of pyautogui.click with numbers of 1."""
    one = ScreenSpotQuestions(
        name="screenspot_vlmevalkit",
        prompt=Prompt(before="Please complete the following tasks by clicking using `pyautogui.click`:\n"),
        metrics=(ScreenSpot(format=ClickCalls()),),
        trivial=("pyautogui.click(x=0.5, y=0.5)",),
    )
    return _suite(one, "ScreenSpot (VLMEvalKit)")


def screenspot_v2() -> Suite:
    """ScreenSpot-v2: click accuracy, by boxes of the model's own markup or recorded points as JSON in px."""
    return _suite(SECOND, "ScreenSpot-v2")


def screenspot_v2_lmms_eval() -> Suite:
    """ScreenSpot-v2 in lmms-eval's words: a point of 1."""
    return _suite(_asked_for_points(replace(SECOND, name="screenspot_v2_lmms_eval")), "ScreenSpot-v2 (lmms-eval)")


def screenspot_pro() -> Suite:
    """ScreenSpot-Pro: click accuracy, by boxes of the model's own markup or recorded points as JSON in px."""
    return _suite(ScreenSpotPro(), "ScreenSpot-Pro")


def screenspot_pro_lmms_eval() -> Suite:
    """ScreenSpot-Pro in lmms-eval's words: a point of 1."""
    return _suite(_asked_for_points(ScreenSpotPro(name="screenspot_pro_lmms_eval")), "ScreenSpot-Pro (lmms-eval)")


def _points(benchmark: ScreenSpotQuestions) -> ScreenSpotQuestions:
    return replace(benchmark, metrics=(ScreenSpot(format=UnitPoints()),), trivial=MIDDLE)


def _asked_for_points(benchmark: ScreenSpotQuestions) -> ScreenSpotQuestions:
    points = _points(benchmark)
    return replace(points, prompt=POINT, sampling=Sampling(max_tokens=128), metrics=(*points.metrics, LmmsEvalScreenSpot()))


def _suite(benchmark: ScreenSpotQuestions, title: str) -> Suite:
    return Suite(id=benchmark.name, title=title, benchmarks=(benchmark,))
