"""Spaces: retrieval, zero-shot classification, MMEB and CLIPScore, for models that place pictures and words in one space."""

from omma.evaluate.asking.added import Added
from omma.evaluate.asking.pooled import Pooled
from omma.evaluate.benchmarks.class_folders import ClassFolders, RankedClassFolders
from omma.evaluate.benchmarks.clip_scores import ClipScoreQuestions
from omma.evaluate.benchmarks.mmeb import MmebQuestions
from omma.evaluate.benchmarks.retrieval import RetrievalQuestions
from omma.evaluate.suite import Suite
from omma.metrics.captions.clip_score import ClipScore, RefClipScore


def coco_retrieval() -> Suite:
    """COCO retrieval both ways over Karpathy's 5,000 test pictures."""
    one = RetrievalQuestions(name="coco_retrieval", path="coco_karpathy_test.json")
    return Suite(id="coco_retrieval", title="COCO retrieval (5K)", benchmarks=(one,))


def coco_retrieval_1k() -> Suite:
    """COCO retrieval both ways over five folds of 1,000 pictures, counted together."""
    one = RetrievalQuestions(name="coco_retrieval_1k", path="coco_karpathy_test.json", folds=5)
    return Suite(id="coco_retrieval_1k", title="COCO retrieval (1K, five folds)", benchmarks=(one,))


def flickr30k_retrieval() -> Suite:
    """Flickr30k retrieval both ways over Karpathy's 1,000 test pictures."""
    one = RetrievalQuestions(name="flickr30k_retrieval", path="flickr30k_test.json")
    return Suite(id="flickr30k_retrieval", title="Flickr30k retrieval (1K)", benchmarks=(one,))


def class_folders() -> Suite:
    """Zero-shot classification of a folder of classes (ImageNet's validation set and alike), for spaces."""
    one = ClassFolders(name="class_folders", path="val")
    return Suite(id="class_folders", title="Zero-shot classification", benchmarks=(one,))


def class_folders_likelihood() -> Suite:
    """Zero-shot classification of a folder of classes, for models that write: which name is likeliest?"""
    one = RankedClassFolders(name="class_folders_likelihood", path="val")
    return Suite(id="class_folders_likelihood", title="Zero-shot classification (likelihood)", benchmarks=(one,))


def mmeb() -> Suite:
    """MMEB for models that embed words and pictures together."""
    return Suite(id="mmeb", title="MMEB", benchmarks=(MmebQuestions(),))


def mmeb_added() -> Suite:
    """MMEB for two encoders (CLIP, SigLIP): the features of words and picture are added."""
    return Suite(id="mmeb_added", title="MMEB (features added)", benchmarks=(MmebQuestions(name="mmeb_added", asking=Added()),))


def mmeb_pooled() -> Suite:
    """MMEB for models of omma that were trained to embed: the state of the last token is the vector."""
    one = MmebQuestions(name="mmeb_pooled", asking=Pooled())
    return Suite(id="mmeb_pooled", title="MMEB (state of the last token)", benchmarks=(one,))


def clip_score() -> Suite:
    """CLIPScore of captions in candidates.json; the model that is asked is the judge."""
    return Suite(id="clip_score", title="CLIPScore", benchmarks=(ClipScoreQuestions(name="clip_score"),))


def ref_clip_score() -> Suite:
    """CLIPScore and RefCLIPScore of captions in candidates.json with references.json."""
    metrics = (ClipScore(), RefClipScore())
    one = ClipScoreQuestions(name="ref_clip_score", references="references.json", metrics=metrics)
    return Suite(id="ref_clip_score", title="RefCLIPScore", benchmarks=(one,))
