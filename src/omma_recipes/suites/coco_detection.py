"""Detection: COCO's boxes, masks and joints, LVIS, and the small sets of ODinW."""

from omma.evaluate.benchmarks.coco_detection import CocoDetection, CocoJoints, CocoMasks
from omma.evaluate.benchmarks.lvis import LvisDetection, LvisMasks
from omma.evaluate.benchmarks.odinw import ALL, OdinwDetection
from omma.evaluate.pictured import SeenNative
from omma.evaluate.suite import Suite
from omma.metrics.boxes.written import Qwen3Vl, Qwen25Vl
from omma.metrics.detection.coco import CocoBox
from omma.metrics.detection.odinw import Odinw
from omma.metrics.detection.written import Labelled


def coco_detection() -> Suite:
    """COCO val2017: box AP of a detector's results file."""
    return Suite(id="coco_detection", title="COCO detection (val2017)", benchmarks=(CocoDetection(),))


def coco_detection_qwen2_5_vl() -> Suite:
    """COCO val2017: box AP of boxes and labels written as Qwen2.5-VL writes them."""
    metrics = (CocoBox(format=Labelled(numbers=Qwen25Vl())),)
    one = CocoDetection(name="coco_detection_qwen2_5_vl", metrics=metrics, seen_as=SeenNative())
    return Suite(id="coco_detection_qwen2_5_vl", title="COCO detection (val2017, Qwen2.5-VL)", benchmarks=(one,))


def coco_detection_qwen3_vl() -> Suite:
    """COCO val2017: box AP of boxes and labels written as Qwen3-VL writes them."""
    one = CocoDetection(name="coco_detection_qwen3_vl", metrics=(CocoBox(format=Labelled(numbers=Qwen3Vl())),))
    return Suite(id="coco_detection_qwen3_vl", title="COCO detection (val2017, Qwen3-VL)", benchmarks=(one,))


def coco_segmentation() -> Suite:
    """COCO val2017: mask AP of a detector's results file."""
    return Suite(id="coco_segmentation", title="COCO instance segmentation (val2017)", benchmarks=(CocoMasks(),))


def coco_keypoints() -> Suite:
    """COCO val2017: keypoint AP of a results file."""
    return Suite(id="coco_keypoints", title="COCO keypoints (val2017)", benchmarks=(CocoJoints(),))


def lvis_detection() -> Suite:
    """LVIS v1 val: box AP, rare, common and frequent, of a detector's results file."""
    return Suite(id="lvis_detection", title="LVIS detection (v1 val)", benchmarks=(LvisDetection(),))


def lvis_segmentation() -> Suite:
    """LVIS v1 val: mask AP, rare, common and frequent, of a results file."""
    return Suite(id="lvis_segmentation", title="LVIS instance segmentation (v1 val)", benchmarks=(LvisMasks(),))


def odinw13() -> Suite:
    """ODinW, thirteen sets: mean box AP of a detector's results file."""
    return Suite(id="odinw13", title="ODinW-13 detection", benchmarks=(OdinwDetection(),))


def odinw35() -> Suite:
    """ODinW, all 35 sets: mean box AP of a detector's results file."""
    return Suite(id="odinw35", title="ODinW-35 detection", benchmarks=(OdinwDetection(name="odinw35", sets=ALL),))


def odinw13_qwen2_5_vl() -> Suite:
    """ODinW, thirteen sets: mean box AP of boxes and labels written as Qwen2.5-VL writes them."""
    metrics = (Odinw(format=Labelled(numbers=Qwen25Vl())),)
    one = OdinwDetection(name="odinw13_qwen2_5_vl", metrics=metrics, seen_as=SeenNative())
    return Suite(id="odinw13_qwen2_5_vl", title="ODinW-13 detection (Qwen2.5-VL)", benchmarks=(one,))


def odinw13_qwen3_vl() -> Suite:
    """ODinW, thirteen sets: mean box AP of boxes and labels written as Qwen3-VL writes them."""
    one = OdinwDetection(name="odinw13_qwen3_vl", metrics=(Odinw(format=Labelled(numbers=Qwen3Vl())),))
    return Suite(id="odinw13_qwen3_vl", title="ODinW-13 detection (Qwen3-VL)", benchmarks=(one,))
