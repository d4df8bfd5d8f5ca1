"""Data of the web: pictures with the words of their pages, thinned, described anew and judged."""

from omma.answerers.services.endpoint import Endpoint
from omma.curate.data import Data
from omma.curate.operators.alignment import Alignment
from omma.curate.operators.alt_junk import AltJunk
from omma.curate.operators.aspect import Aspect
from omma.curate.operators.caption import Caption
from omma.curate.operators.cluster_reduction import ClusterReduction
from omma.curate.operators.decode import Decode
from omma.curate.operators.exact_hash import ExactHash
from omma.curate.operators.itm_score import ItmScore
from omma.curate.operators.letter_repetition import LetterRepetition
from omma.curate.operators.near_duplicate_text import NearDuplicateText
from omma.curate.operators.perceptual_hash import PerceptualHash
from omma.curate.operators.perplexity import Perplexity
from omma.curate.operators.quantile import Quantile
from omma.curate.operators.richness import Richness
from omma.curate.operators.size import Size
from omma.curate.operators.word_repetition import WordRepetition
from omma.curate.readers.img2dataset import Img2dataset
from omma.curate.rewriters.append_caption import AppendCaption
from omma.curate.rewriters.caption_filter import CaptionFilter
from omma.curate.rewriters.clean_html import CleanHtml
from omma.curate.rewriters.clean_whitespace import CleanWhitespace
from omma.curate.rewriters.recaption import Recaption
from omma.curate.rewriters.synthetic_caption import SyntheticCaption
from omma.recipe import Curation

SERVER = Endpoint(address="http://localhost:8000/v1")


def web_pairs() -> Curation:
    """Pictures with words of the web, no model asked: DataComp's basic filters, junk of alt texts, copies of pictures and texts."""
    return Curation(
        id="web-pairs",
        title="Web pairs, basic filters",
        data=Data(
            sources={"web": Img2dataset()},
            operators=(
                Decode(),
                Size(min_side=200),
                Aspect(max_ratio=3.0),
                Caption(min_words=3),
                AltJunk(),
                ExactHash(),
                PerceptualHash(),
                NearDuplicateText(),
            ),
        ),
        source=(
            "Gadre et al. 2023, arXiv 2304.14108, appendix: basic filtering (more than 2 words, a side of 200 px, sides within 1:3)"
            " in any language, add Language for one; more than 5 letters are nearly always there in 3 words; "
            "alt texts and copies are ours"
        ),
        claims={"size.min_side": 200, "aspect.max_ratio": 3.0, "caption.min_words": 3},
    )


def capfilt() -> Curation:
    """BLIP's CapFilt: a captioner writes a caption for each picture, a filter keeps what matches; two models, tuned apart."""
    return Curation(
        id="capfilt",
        title="CapFilt",
        data=Data(
            sources={"web": Img2dataset()},
            operators=(Decode(), CleanHtml(), CleanWhitespace(), SyntheticCaption(), CaptionFilter()),
        ),
        source="Li et al. 2022, arXiv 2201.12086, section 3.3",
        claims={"synthetic_caption.sampling.top_p": 0.9, "caption_filter.least": 0.5},
    )


def sail_caption() -> Curation:
    """SAIL-Caption: one description for each picture, which knows the words of its page; loops out, then two judges of 1 to 5."""
    return Curation(
        id="sail-caption",
        title="SAIL-Caption, with the judges of SAIL-VL2",
        data=Data(
            sources={"web": Img2dataset()},
            operators=(
                Decode(),
                ExactHash(),
                PerceptualHash(),
                CleanHtml(),
                CleanWhitespace(),
                Recaption(model=SERVER),
                WordRepetition(),
                LetterRepetition(),
                Richness(model=SERVER),
                Alignment(model=SERVER),
            ),
        ),
        source="Dong et al. 2025, arXiv 2501.05952; SAIL-VL2 2025, arXiv 2509.14033; prompts and rules of repetition are ours",
        claims={"richness.least": 3, "alignment.least": 3},
    )


def tldr_reduction() -> Curation:
    """TL;DR: every fifth picture of a cluster if it is in the better half by matching, with a written caption behind its own."""
    return Curation(
        id="tldr-reduction",
        title="TL;DR",
        data=Data(
            sources={"web": Img2dataset()},
            operators=(
                Decode(),
                Caption(),
                ItmScore(min_score=0.0),
                ClusterReduction(column="itm_score"),
                SyntheticCaption(),
                AppendCaption(),
            ),
        ),
        source="Wang et al. 2023, arXiv 2305.20087; vectors of colours and edges stand for the codebook captioner's",
        claims={
            "cluster_reduction.every": 5,
            "cluster_reduction.best_share": 0.5,
            "cluster_reduction.num_clusters": 1000,
            "cluster_reduction.components": 256,
            "cluster_reduction.iterations": 20,
        },
    )


def ppl_filter() -> Curation:
    """POINTS: the fifth of the captions that surprise a model least which sees the picture."""
    return Curation(
        id="ppl-filter",
        title="Perplexity filtering of POINTS",
        data=Data(
            sources={"web": Img2dataset()},
            operators=(Decode(), Perplexity(), Quantile(column="perplexity", best="lowest", keep_share=0.2)),
        ),
        source="Liu et al. 2024, arXiv 2409.04828; WePOINTS/WePOINTS scripts/pretrain_filtering_with_ppl.py",
        claims={"quantile.keep_share": 0.2},
    )
