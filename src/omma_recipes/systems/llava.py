"""The LLaVA line: CLIP-L/336, a projector, Vicuna; first the projector on captions, then projector and language model."""

from dataclasses import replace

from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.operators.size import Size
from omma.curate.readers.llava_json import LlavaJson
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.media.views.best_fit import BestFit
from omma.media.views.fixed import Fixed
from omma.media.views.pad import Pad
from omma.model.connectors.linear import Linear
from omma.model.connectors.mlp import Mlp
from omma.model.vlm import Vlm
from omma.pack.plan import Budget
from omma.recipe import Claims, Recipe
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.cosine import Cosine
from omma.train.stage import Epochs, Stage
from omma_recipes.parts.language import VICUNA_7B
from omma_recipes.parts.speech import vicuna
from omma_recipes.parts.vision import CLIP_L_336

CLIP_GREY = (122, 116, 104)  # CLIP's mean colour, with which LLaVA-1.5 pads
CLAIMED = {"language.*": 6_738_415_616}  # parameters of Vicuna-7B
PARTS = {"align": ("connector",), "instruct": ("connector", "language")}

DATA = Data(
    sources={
        "captions": LlavaJson(path="blip_laion_cc_sbu_558k.json", task="caption"),
        "instructions": LlavaJson(path="llava_v1_5_mix665k.json"),
    },
    holdout=0.002,
    operators=(Decode(), Size(min_side=16)),
)

# LLaVA scripts/v1_5: 558K captions at batch 256 and 1e-3, then 665K conversations at batch 128 and 2e-5; bins stand for batches
STAGES = (
    Stage(
        name="align",
        trains=("connector.*",),
        mixture={"captions": 1.0},
        optimizer=AdamW(lr=1e-3, betas=(0.9, 0.999)),
        schedule=Cosine(warmup=0.03),
        budget=Budget(tokens=16_384, patches=16_384, bins_per_step=8),
        length=Epochs(count=1),
        precision="bf16",
        recompute="blocks",
    ),
    Stage(
        name="instruct",
        trains=("connector.*", "language.*"),
        mixture={"instructions": 1.0},
        optimizer=AdamW(lr=2e-5, betas=(0.9, 0.999)),
        schedule=Cosine(warmup=0.03),
        budget=Budget(tokens=16_384, patches=16_384, bins_per_step=8),
        length=Epochs(count=1),
        precision="bf16",
        recompute="blocks",
    ),
)


def llava_1_5_7b() -> Recipe:
    """LLaVA-1.5 7B: pictures padded to a square, 576 visual tokens, a two-layer projector."""
    return Recipe(
        id="llava-1-5",
        title="LLaVA-1.5 7B",
        model=Vlm(
            view=Pad(size=336, fill=CLIP_GREY),
            encoder=CLIP_L_336,
            connector=Mlp(depth=2),
            language=VICUNA_7B,
            text=vicuna(32_000),
        ),
        data=DATA,
        stages=STAGES,
        suite=(CaptionLoss(source="captions"),),
        claims=Claims(
            source="arXiv 2310.03744; LLaVA scripts/v1_5",
            visual_tokens={"640x480": 576, "336x336": 576, "100x2000": 576},
            parameters=CLAIMED | {"connector.*": 20_979_712},
            trainable=PARTS,
        ),
    )


def llava_7b() -> Recipe:
    """LLaVA 7B: pictures squashed to a square, one linear projection."""
    base = llava_1_5_7b()
    model = replace(base.model, view=Fixed(size=336), connector=Linear())
    claims = replace(base.claims, source="arXiv 2304.08485", parameters=CLAIMED | {"connector.*": 1024 * 4096 + 4096})
    return replace(base, id="llava", title="LLaVA 7B", model=model, claims=claims)


def llava_next_7b() -> Recipe:
    """LLaVA-NeXT 7B (Vicuna): any resolution, a base tile and up to four detail tiles with newlines, all parts trained."""
    base = llava_1_5_7b()
    view = BestFit(size=336, pinpoints=((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)), fill=(0, 0, 0))
    instruct = replace(STAGES[1], trains=("*",), optimizer=AdamW(lr=2e-5, betas=(0.9, 0.999), groups={"encoder.*": 0.1}))
    claims = Claims(
        source="LLaVA-NeXT blog of 2024-01-30; transformers LlavaNextProcessor for token counts",
        visual_tokens={"672x672": 576 + 48 * 49, "336x672": 576 + 48 * 25, "1008x336": 576 + 24 * 73},
        parameters=CLAIMED | {"connector.*": 20_979_712, "splice.*": 4096},
        trainable={"align": ("connector",), "instruct": ("connector", "encoder", "language", "splice")},
    )
    return replace(
        base,
        id="llava-next",
        title="LLaVA-NeXT 7B",
        model=replace(base.model, view=view),
        stages=(STAGES[0], instruct),
        claims=claims,
    )
