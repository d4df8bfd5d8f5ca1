"""BLIP-2 and InstructBLIP: a frozen ViT-g and a frozen language model, and a Q-Former that learns to tell one of the other."""

from dataclasses import replace

from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.operators.size import Size
from omma.curate.readers.llava_json import LlavaJson
from omma.curate.readers.webdataset import WebDataset
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.media.views.fixed import Fixed
from omma.model.vlm import Vlm
from omma.pack.plan import Budget
from omma.recipe import Claims, Recipe
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.cosine import Cosine
from omma.train.stage import Stage, Steps
from omma_recipes.parts.blip import ASKED_QUERIES, EVA_G, OPT_2_7B, QUERIES, said, said_and_asked
from omma_recipes.parts.language import VICUNA_7B_V1

TOWER = 985_952_256  # parameters of the 39 blocks
Q_FORMER = 105_137_664 + 32 * 768  # parameters of the twelve layers, and of the queries
DATA = Data(
    sources={"captions": WebDataset(), "instructions": LlavaJson(path="instructions.json")},
    holdout=0.0005,
    operators=(Decode(), Size(min_side=16)),
)

# arXiv 2301.12597, section 3.4: AdamW (0.9, 0.98), weight decay 0.05, cosine from 1e-4 to 5e-5 with 2k steps of warm-up, 80k steps
# of 1,920 pairs over OPT (LAVIS pretrain_stage2.yaml, of the same rate, decay and warm-up, ends at 1e-5). The first stage, whose
# matching and contrastive losses train the Q-Former alone, is taken as done: weights.model is a folder that holds it.
GENERATE = Stage(
    name="generate",
    trains=("connector.*",),
    mixture={"captions": 1.0},
    optimizer=AdamW(lr=1e-4, betas=(0.9, 0.98), weight_decay=0.05),
    schedule=Cosine(warmup=2_000, floor=0.5),
    budget=Budget(tokens=16_384, patches=65_536, bins_per_step=8),
    length=Steps(count=80_000),
    precision="bf16",
    recompute="blocks",
)

# arXiv 2305.06500, section 3.3 and appendix: 60k steps at most, from 1e-8 to 1e-5 in 1,000 steps, then cosine to 0; 128 in a step
# for Vicuna-7B; the Q-Former with its last matrix trains. Sources are drawn by the square roots of their sizes: set the mixture.
INSTRUCT = replace(
    GENERATE,
    name="instruct",
    mixture={"instructions": 1.0},
    optimizer=AdamW(lr=1e-5, betas=(0.9, 0.999), weight_decay=0.05),
    schedule=Cosine(warmup=1_000),
    budget=Budget(tokens=16_384, patches=65_536, bins_per_step=1),
    length=Steps(count=60_000),
)


def blip_2_opt_2_7b() -> Recipe:
    """BLIP-2 over OPT-2.7B: 32 visual tokens per picture of 224 px, in front of all words; the Q-Former learns to caption."""
    return Recipe(
        id="blip-2",
        title="BLIP-2 OPT 2.7B",
        model=Vlm(view=Fixed(size=224), encoder=EVA_G, connector=QUERIES, language=OPT_2_7B, text=said(50_304)),
        data=DATA,
        stages=(GENERATE,),
        suite=(CaptionLoss(source="captions"),),
        claims=Claims(
            source="arXiv 2301.12597; Salesforce/blip2-opt-2.7b; 2,651,596,800 parameters of OPT-2.7B with 32 rows more",
            visual_tokens={"640x480": 32, "224x224": 32, "100x2000": 32},
            parameters={
                "encoder.*": TOWER,
                "connector.*": Q_FORMER + 768 * 2560 + 2560,
                "language.*": 2_651_596_800 + 32 * 2560,
            },
            trainable={"generate": ("connector",)},
        ),
    )


def instructblip_7b() -> Recipe:
    """InstructBLIP over Vicuna-7B: the Q-Former reads the question too, and its 32 tokens answer it."""
    base = blip_2_opt_2_7b()
    # embeddings of 30,523 words and 512 places, and the words' branch of eleven layers
    words = (30_523 + 512) * 768 + 11 * (2 * 768 * 3072 + 3072 + 768 + 2 * 768)
    claims = replace(
        base.claims,
        source="arXiv 2305.06500; LAVIS blip2_vicuna_instruct.py; Salesforce/instructblip-vicuna-7b config.json",
        parameters={
            "encoder.*": TOWER,
            "connector.*": Q_FORMER + words + 768 * 4096 + 4096,
            "language.*": 6_738_415_616 + 2 * 4096,
        },
        trainable={"instruct": ("connector",)},
    )
    model = replace(base.model, connector=ASKED_QUERIES, language=VICUNA_7B_V1, text=said_and_asked(32_001))
    return replace(base, id="instructblip", title="InstructBLIP Vicuna 7B", model=model, stages=(INSTRUCT,), claims=claims)
