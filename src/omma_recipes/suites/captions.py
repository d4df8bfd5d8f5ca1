"""Captions: COCO, Flickr30k, NoCaps; CHAIR, what descriptions make up."""

from omma.evaluate.benchmarks.captions import CaptionQuestions
from omma.evaluate.benchmarks.chair import ChairQuestions
from omma.evaluate.prompt import Prompt
from omma.evaluate.suite import Suite
from omma.metrics.captions.bleu import Bleu, RawBleu
from omma.metrics.captions.cider import Cider, NoCapsCider, RawCider
from omma.metrics.captions.rouge import RawRougeL, RougeL

HARNESS = (
    'Please describe this image in general. Directly provide the description, do not include prefix like "This image depicts". '
)


def coco_caption() -> Suite:
    """COCO captions, Karpathy's test split (5,000 pictures), with lmms-eval's prompt."""
    one = CaptionQuestions(name="coco_caption", path="coco_karpathy_test.json")
    return Suite(id="coco_caption", title="COCO captions (Karpathy test)", benchmarks=(one,))


def coco_karpathy() -> Suite:
    """COCO captions, Karpathy's test split, with the words of lmms-eval's task coco_karpathy_test."""
    prompt = Prompt(before="Describe the image briefly.", question="")
    one = CaptionQuestions(name="coco_karpathy", path="coco_karpathy_test.json", prompt=prompt)
    return Suite(id="coco_karpathy", title="COCO captions (Karpathy test, described briefly)", benchmarks=(one,))


def coco2017_caption() -> Suite:
    """COCO captions of val2017 (5,000 pictures), with lmms-eval's prompt."""
    one = CaptionQuestions(name="coco2017_caption", path="captions_val2017.json", pictures="val2017")
    return Suite(id="coco2017_caption", title="COCO captions (val2017)", benchmarks=(one,))


def coco_caption_vlmevalkit() -> Suite:
    """COCO captions as VLMEvalKit asks and scores them: words split at spaces alone."""
    metrics = (RawCider(), RawBleu(), RawRougeL(), Cider())
    prompt = Prompt(before=HARNESS, question="")
    one = CaptionQuestions(name="coco_caption_vlmevalkit", path="COCO_VAL.tsv", prompt=prompt, metrics=metrics)
    return Suite(id="coco_caption_vlmevalkit", title="COCO captions (VLMEvalKit's COCO_VAL)", benchmarks=(one,))


def flickr30k_caption() -> Suite:
    """Flickr30k captions, Karpathy's test split (1,000 pictures), with lmms-eval's prompt."""
    one = CaptionQuestions(name="flickr30k_caption", path="flickr30k_test.json")
    return Suite(id="flickr30k_caption", title="Flickr30k captions (Karpathy test)", benchmarks=(one,))


def nocaps() -> Suite:
    """NoCaps validation: captions of objects that COCO's captions never name, in-, near- and out-domain."""
    metrics = (NoCapsCider(), Bleu(), RougeL())
    one = CaptionQuestions(name="nocaps", path="nocaps_val_4500_captions.json", pictures="val", metrics=metrics)
    return Suite(id="nocaps", title="NoCaps (validation)", benchmarks=(one,))


def chair() -> Suite:
    """CHAIR on 500 pictures of COCO val2014: objects that a description names and the picture does not hold."""
    return Suite(id="chair", title="CHAIR (COCO)", benchmarks=(ChairQuestions(),))
