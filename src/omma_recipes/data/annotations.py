"""Data of annotations: boxes, captions and questions that exist, told anew."""

from omma.answerers.services.endpoint import Endpoint
from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.operators.perceptual_hash import PerceptualHash
from omma.curate.readers.coco import Coco
from omma.curate.readers.llava_json import LlavaJson
from omma.curate.rewriters.box_captions import BoxCaptions
from omma.curate.rewriters.collages import Collages
from omma.curate.rewriters.dialogue import Dialogue
from omma.curate.rewriters.merge_annotations import MergeAnnotations
from omma.curate.rewriters.own_mistakes import OwnMistakes
from omma.curate.rewriters.worse_sight import WorseSight
from omma.recipe import Curation

SERVER = Endpoint(address="http://localhost:8000/v1")


def remoteclip() -> Curation:
    """RemoteCLIP's pool: copies out by perceptual hash, then up to five captions of the boxes of each picture. No model."""
    return Curation(
        id="remoteclip",
        title="Captions of boxes, as RemoteCLIP's",
        data=Data(sources={"boxes": Coco()}, operators=(Decode(), PerceptualHash(), BoxCaptions())),
        source="Liu et al. 2023, arXiv 2306.11029; sentences, plurals and the size of the centre are ours",
    )


def unimm_chat() -> Curation:
    """UniMM-Chat: all that several sets say of one picture, joined, and a dialogue that a model makes of it."""
    return Curation(
        id="unimm-chat",
        title="UniMM-Chat",
        data=Data(
            sources={"captions": Coco(path="captions.json"), "boxes": Coco(path="instances.json"), "questions": LlavaJson()},
            operators=(Decode(), MergeAnnotations(), Dialogue(model=SERVER)),
        ),
        source="Yu et al. 2023, arXiv 2310.00653; how pictures are joined and what is asked was not published and is ours",
    )


def stic_pairs() -> Curation:
    """STIC's pairs: a model's descriptions of pictures, against those of spoilt pictures and misleading requests."""
    return Curation(
        id="stic",
        title="Preference pairs of STIC",
        data=Data(sources={"pictures": Coco()}, operators=(Decode(), WorseSight())),
        source="Deng et al. 2024, arXiv 2405.19716; yihedeng9/STIC stic/generate_pref.py; prompts are ours",
        claims={"worse_sight.sampling.temperature": 0.2, "worse_sight.sampling.max_tokens": 1024},
    )


def mia_dpo_pairs() -> Curation:
    """MIA-DPO's pairs: questions about one of several pictures, against a model's own mistakes under noise."""
    return Curation(
        id="mia-dpo",
        title="Preference pairs of MIA-DPO",
        data=Data(sources={"questions": LlavaJson()}, operators=(Decode(), Collages(share=1.0), OwnMistakes())),
        source="Liu et al. 2024, arXiv 2410.17637; Liuziyu77/MIA-DPO gen_data; without its test of attention",
        claims={
            "collages.sequence": 62,
            "collages.grid": 90,
            "collages.inset": 49,
            "own_mistakes.grid_noise": 225,
            "own_mistakes.inset_noise": 49,
            "own_mistakes.longest": 512,
        },
    )
