"""RefCOCO, RefCOCO+ and RefCOCOg: boxes in the words and numbers of several models, masks; ReferIt."""

from omma.evaluate.benchmarks.refcoco import RefCocoMasks, RefCocoQuestions, box_metrics
from omma.evaluate.pictured import BOXES, SeenNative
from omma.evaluate.prompt import Prompt
from omma.evaluate.suite import Suite
from omma.generate.sampling import Sampling
from omma.metrics.boxes.written import InternVl, LlavaUnit, Qwen3Vl, Qwen25Vl, QwenVl, UnitCorners

LOCATE = Prompt(
    before='Locate every object that matches the description "', after='" in the image. Report bbox coordinates in JSON format.'
)
LMMS_EVAL = Prompt(
    before="Bounding box coordinates are specified in the format (top-left x, top-left y, bottom-right x, bottom-right y). All "
    "values are floating point numbers bounded between 0 and 1. Please provide the bounding box coordinate of the region this "
    "sentence describes: "
)


def refcoco() -> Suite:
    """RefCOCO, + and g: Acc@0.5 of boxes in the model's own markup, or recorded as JSON in px."""
    return _suite(RefCocoQuestions(), "RefCOCO, RefCOCO+, RefCOCOg (boxes)")


def refcoco_llava() -> Suite:
    """RefCOCO, + and g as LLaVA-1.5 answers: boxes of 1 on the padded square."""
    metrics = box_metrics(LlavaUnit())
    one = RefCocoQuestions(name="refcoco_llava", metrics=metrics, trivial=("[0.0, 0.0, 1.0, 1.0]", "[0.25, 0.25, 0.75, 0.75]"))
    return _suite(one, "RefCOCO, RefCOCO+, RefCOCOg (LLaVA)")


def refcoco_qwen_vl() -> Suite:
    """RefCOCO, + and g as Qwen-VL's script asks and reads: (x1,y1),(x2,y2) of 999."""
    one = RefCocoQuestions(
        name="refcoco_qwen_vl",
        prompt=Prompt(before="<ref>", after="</ref><box>"),
        sampling=Sampling(max_tokens=28),
        metrics=box_metrics(QwenVl()),
        trivial=("(0,0),(999,999)", "(250,250),(749,749)"),
    )
    return _suite(one, "RefCOCO, RefCOCO+, RefCOCOg (Qwen-VL)")


def refcoco_qwen2_5_vl() -> Suite:
    """RefCOCO, + and g as Qwen2.5-VL answers: JSON, px of the picture as it sees it."""
    one = RefCocoQuestions(
        name="refcoco_qwen2_5_vl",
        prompt=LOCATE,
        sampling=Sampling(max_tokens=512),
        metrics=box_metrics(Qwen25Vl()),
        seen_as=SeenNative(),
        trivial=tuple(f'{{"bbox_2d": {box}}}' for box in BOXES),
    )
    return _suite(one, "RefCOCO, RefCOCO+, RefCOCOg (Qwen2.5-VL)")


def refcoco_qwen3_vl() -> Suite:
    """RefCOCO, + and g as Qwen3-VL answers: JSON, numbers of 1000."""
    one = RefCocoQuestions(
        name="refcoco_qwen3_vl",
        prompt=LOCATE,
        sampling=Sampling(max_tokens=512),
        metrics=box_metrics(Qwen3Vl()),
        trivial=('{"bbox_2d": [0, 0, 1000, 1000]}', '{"bbox_2d": [250, 250, 750, 750]}'),
    )
    return _suite(one, "RefCOCO, RefCOCO+, RefCOCOg (Qwen3-VL)")


def refcoco_internvl() -> Suite:
    """RefCOCO, + and g as InternVL's script asks and reads: [[x1, y1, x2, y2]] of 1000."""
    words = "Please provide the bounding box coordinate of the region this sentence describes: <ref>"
    one = RefCocoQuestions(
        name="refcoco_internvl",
        prompt=Prompt(before=words, after="</ref>"),
        sampling=Sampling(max_tokens=100),
        metrics=box_metrics(InternVl()),
        trivial=("[[0, 0, 1000, 1000]]", "[[250, 250, 750, 750]]"),
    )
    return _suite(one, "RefCOCO, RefCOCO+, RefCOCOg (InternVL)")


def refcoco_lmms_eval() -> Suite:
    """RefCOCO, + and g in the words of lmms-eval's refcoco_bbox_rec: [x1, y1, x2, y2] of 1."""
    one = RefCocoQuestions(
        name="refcoco_lmms_eval",
        prompt=LMMS_EVAL,
        sampling=Sampling(max_tokens=1024, stop=("ASSISTANT:",)),
        metrics=box_metrics(UnitCorners()),
        trivial=("[0.0, 0.0, 1.0, 1.0]", "[0.25, 0.25, 0.75, 0.75]"),
    )
    return _suite(one, "RefCOCO, RefCOCO+, RefCOCOg (lmms-eval)")


def refcoco_seg() -> Suite:
    """RefCOCO, + and g: cIoU of recorded masks."""
    return _suite(RefCocoMasks(), "RefCOCO, RefCOCO+, RefCOCOg (masks)")


def referit() -> Suite:
    """ReferItGame (RefCLEF), Berkeley's test split: Acc@0.5 of boxes in the model's own markup, or recorded as JSON in px."""
    return _suite(RefCocoQuestions(name="referit", sets=("refclef berkeley test",)), "ReferItGame (boxes)")


def _suite(benchmark: RefCocoQuestions, title: str) -> Suite:
    return Suite(id=benchmark.name, title=title, benchmarks=(benchmark,))
