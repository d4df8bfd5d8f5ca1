"""Captions: one sentence about a picture, compared with several people's. COCO (arXiv 1504.00325), Flickr30k, and alike.

    dataset_coco.json     Karpathy's splits, of which `split` is asked; or BLIP's coco_karpathy_test.json, COCO's own
                          captions_val2014.json, a folder of Parquet files, VLMEvalKit's COCO_VAL.tsv
    val2014/…             the pictures, beside it, or val2014.zip (none for Parquet and TSV, which hold them)

An answer's id is COCO's `image_id`, so that result files of COCO's server are read as they are. METEOR and SPICE are
Java programs: they are metrics of omma (`meteor`, `spice`) for who gives it their jars, and no part of the suites.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from omma.core.config import config
from omma.evaluate.captioned import place_pictures, read_captioned
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.generate.sampling import Sampling
from omma.metrics.captions.bleu import Bleu
from omma.metrics.captions.cider import Cider, RawCider
from omma.metrics.captions.rouge import RougeL
from omma.metrics.metric import Metric
from omma.schema.verdict import Record

SENTENCE = "Provide a one-sentence caption for the provided image."  # lmms-eval, tasks/{coco_cap,flickr30k,nocaps}


@config
class CaptionQuestions(Published):
    """The official scorers have no prompt: words and length are lmms-eval's. `pictures` is the folder that names leave out."""

    about: ClassVar[str] = "one sentence about a picture"
    abilities: ClassVar[tuple[str, ...]] = ("captioning",)
    layout: ClassVar[str] = "dataset_coco.json, coco_karpathy_test.json, captions_val2014.json, Parquet files or COCO_VAL.tsv"

    split: str = "test"
    pictures: str = ""
    prompt: Prompt = Prompt(before=SENTENCE, question="")
    sampling: Sampling = Sampling(max_tokens=64)
    metrics: tuple[Metric, ...] = (Cider(), Bleu(), RougeL(), RawCider())

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """File → one question a picture."""
        shown = read_captioned(file, uri, self.split)
        for one, picture in zip(shown, place_pictures(shown, file, uri, self.pictures), strict=True):
            yield Question(asking(one.id, self.prompt.words(""), [picture], task="caption"), list(one.captions), one.facts)

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The caption that people wrote most often."""
        return super().guesses(records)[:1]
