"""Models without a vision encoder: Fuyu, whose patches enter the language model through one matrix, and EVE, which pools them."""

from dataclasses import replace

from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.operators.size import Size
from omma.curate.readers.llava_json import LlavaJson
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.media.views.lined_patches import LinedPatches
from omma.media.views.long_side import LongSide
from omma.model.connectors.linear import Linear
from omma.model.connectors.patch_tokens import PatchTokens
from omma.model.language.persimmon import Persimmon
from omma.model.vision.raw_patches import RawPatches
from omma.model.vlm import Vlm
from omma.pack.chat import Chat
from omma.pack.plan import Budget
from omma.pack.templates.jinja import Jinja
from omma.pack.tokenizers.released import Released
from omma.recipe import Claims, Recipe
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.cosine import Cosine
from omma.train.stage import Epochs, Stage
from omma.weights.fuyu_words import SLOT, TEMPLATE
from omma_recipes.parts.language import VICUNA_7B
from omma_recipes.parts.speech import vicuna
from omma_recipes.parts.vision import CLIP_MEAN, CLIP_STD

DATA = Data(
    sources={"captions": LlavaJson(path="captions.json", task="caption"), "instructions": LlavaJson(path="instructions.json")},
    holdout=0.002,
    operators=(Decode(), Size(min_side=16)),
)
# EVEv1 README, scripts/eve: 16M of 33M captions for what sees, then all 33M for everything, at batch 512 of 2,048 tokens; 665K
# conversations at batch 128. Bins stand for batches. The teacher that EVE aligns patches with in the first two stages is not part
# of this recipe.
ALIGN = Stage(
    name="align",
    trains=("connector.*",),
    mixture={"captions": 1.0},
    optimizer=AdamW(lr=4e-4, betas=(0.9, 0.999)),
    schedule=Cosine(warmup=0.03),
    budget=Budget(tokens=16_384, patches=65_536, bins_per_step=64),
    length=Epochs(count=1),
    precision="bf16",
    recompute="blocks",
)
PRETRAIN = replace(
    ALIGN, name="pretrain", trains=("*",), optimizer=AdamW(lr=4e-5, betas=(0.9, 0.999)), schedule=Cosine(warmup=0.01)
)
INSTRUCT = replace(
    PRETRAIN,
    name="instruct",
    mixture={"instructions": 1.0},
    optimizer=AdamW(lr=2e-5, betas=(0.9, 0.999)),
    budget=Budget(tokens=16_384, patches=65_536, bins_per_step=16),
)


def eve_7b() -> Recipe:
    """EVE 7B: patches pooled by attention in squares, a class token first, a split token behind each row, Vicuna."""
    every = ("connector", "language")
    return Recipe(
        id="eve",
        title="EVE 7B",
        model=Vlm(
            view=LongSide(size=672),
            encoder=RawPatches(patch=14, mean=CLIP_MEAN, std=CLIP_STD),
            connector=PatchTokens(width=1024, pool=2, heads=8),
            language=VICUNA_7B,
            text=vicuna(32_000),
        ),
        data=DATA,
        stages=(ALIGN, PRETRAIN, INSTRUCT),
        suite=(CaptionLoss(source="captions"),),
        claims=Claims(
            source="arXiv 2406.11832; baaivision/EVE EVEv1",
            visual_tokens={"672x672": 1 + 24 * 25, "640x480": 1 + 18 * 25, "480x640": 1 + 24 * 19},
            parameters={"connector.*": 9_003_008 + 20_979_712, "language.*": 6_738_415_616},
            trainable={"align": ("connector",), "pretrain": every, "instruct": every},
        ),
    )


def eve_7b_hd() -> Recipe:
    """EVE 7B HD: the longer side at 1,344 px, 1.8M conversations."""
    base = eve_7b()
    instruct = replace(INSTRUCT, budget=replace(INSTRUCT.budget, bins_per_step=32))  # 4,096 tokens a sample
    claims = replace(base.claims, visual_tokens={"672x672": 1 + 48 * 49, "640x480": 1 + 36 * 49})
    model = replace(base.model, view=LongSide(size=1344, step=2))
    return replace(base, id="eve-hd", title="EVE 7B HD", model=model, stages=(ALIGN, PRETRAIN, instruct), claims=claims)


def fuyu_8b() -> Recipe:
    """Fuyu 8B: patches of 30 px of any picture, one matrix, Persimmon; a newline token behind each row."""
    # How it was trained was not published: the one stage is ours.
    stage = replace(INSTRUCT, trains=("*",), schedule=Cosine(warmup=0.03))
    return Recipe(
        id="fuyu",
        title="Fuyu 8B",
        model=Vlm(
            view=LinedPatches(width=1920, height=1080, fill=(1, 1, 1), resample="bilinear"),
            encoder=RawPatches(patch=30),
            connector=Linear(),
            language=Persimmon(),
            text=Chat(
                tokenizer=Released(path="", vocab_size=262_144), template=Jinja(source=TEMPLATE, image_token=SLOT, picture=SLOT)
            ),
        ),
        data=DATA,
        stages=(stage,),
        suite=(CaptionLoss(source="captions"),),
        claims=Claims(
            source="adept/fuyu-8b config.json; transformers models/fuyu",
            visual_tokens={"300x300": 100, "1000x301": 34 * 11, "1920x1080": 64 * 36, "3840x1080": 64 * 18},
            parameters={"connector.*": 11_063_296, "language.*": 9_397_175_296},
            trainable={"instruct": ("connector", "language")},
        ),
    )
