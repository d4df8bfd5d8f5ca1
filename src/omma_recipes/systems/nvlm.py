"""NVLM 1.0: one tower, projector and language model, read in three ways: among the words, by cross-attention, or both."""

from dataclasses import replace

from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.operators.size import Size
from omma.curate.readers.llava_json import LlavaJson
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.media.views.tagged_tiles import TaggedTiles
from omma.model.connectors.wide_shuffle import WideShuffle
from omma.model.splices.cross_attention import GatedCross
from omma.model.splices.hybrid import Hybrid
from omma.model.vlm import Vlm
from omma.pack.plan import Budget
from omma.recipe import Claims, Recipe
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.cosine import Cosine
from omma.train.stage import Stage, Steps
from omma_recipes.parts.internvl import INTERNVIT_6B, nvlm_chat
from omma_recipes.parts.llava import QWEN2_72B

SIZES = {"encoder.*": 5_536_496_000, "connector.*": 620_717_056, "language.*": 72_706_203_648}
GATED = 8_776_744_980  # parameters of ten layers of gated cross-attention
# The paper says that gated layers stand between blocks, as wide as those; that it is before every eighth is ours.
EVERY_EIGHTH = tuple(range(0, 80, 8))

DATA = Data(
    sources={
        "captions": LlavaJson(path="pretrain.json", task="caption"),
        "instructions": LlavaJson(path="sft.json"),
        "language": LlavaJson(path="text_sft.json"),
    },
    holdout=0.002,
    operators=(Decode(), Size(min_side=16)),
)
# arXiv 2409.11402: only what joins the two learns at first, at batch 2,048; then the language model too, at batch 128; the
# tower never. Rates, steps and the share of text are ours.
ALIGN = Stage(
    name="align",
    trains=("connector.*",),
    mixture={"captions": 1.0},
    optimizer=AdamW(lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1),
    schedule=Cosine(warmup=0.025, floor=0.25),
    budget=Budget(tokens=16_384, patches=131_072, bins_per_step=256),
    length=Steps(count=20_000),
    precision="bf16",
    recompute="blocks",
)
INSTRUCT = replace(
    ALIGN,
    name="instruct",
    trains=("connector.*", "language.*"),
    mixture={"instructions": 0.8, "language": 0.2},
    optimizer=AdamW(lr=2e-6, betas=(0.9, 0.95), weight_decay=0.1),
    schedule=Cosine(warmup=0.025, floor=0.1),
    budget=Budget(tokens=16_384, patches=131_072, bins_per_step=16),
    length=Steps(count=40_000),
)


def nvlm_d_72b() -> Recipe:
    """NVLM-D 72B: up to six tiles and a thumbnail among the words, a text tag before each."""
    return Recipe(
        id="nvlm-d",
        title="NVLM-D 72B",
        model=Vlm(
            view=TaggedTiles(max_tiles=6),
            encoder=INTERNVIT_6B,
            connector=WideShuffle(factor=2, hidden=29_568),
            language=QWEN2_72B,
            text=nvlm_chat(152_064),
        ),
        data=DATA,
        stages=(ALIGN, INSTRUCT),
        suite=(CaptionLoss(source="captions"),),
        claims=Claims(
            source="arXiv 2409.11402; nvidia/NVLM-D-72B config.json and modeling_nvlm_d.py",
            visual_tokens={"448x448": 256, "800x600": 7 * 256, "1344x448": 4 * 256},
            parameters=SIZES,
            trainable={"align": ("connector",), "instruct": ("connector", "language")},
        ),
    )


def nvlm_x_72b() -> Recipe:
    """NVLM-X 72B: one placeholder and tags, each seeing its own tile, among the words; gated cross-attention, closed at first."""
    base = nvlm_d_72b()
    splice = GatedCross(layers=EVERY_EIGHTH, heads=64, kv_heads=8, head_dim=128, mlp_width=29_568)
    stages = tuple(replace(stage, trains=(*stage.trains, "splice.*")) for stage in base.stages)
    claims = replace(
        base.claims,
        source="arXiv 2409.11402, section 4.3; its weights were not released",
        visual_tokens={"448x448": 1, "800x600": 1, "1344x448": 1},
        parameters=SIZES | {"splice.*": GATED},
        trainable={"align": ("connector", "splice"), "instruct": ("connector", "language", "splice")},
    )
    model = replace(base.model, splice=splice)
    return replace(base, id="nvlm-x", title="NVLM-X 72B", model=model, stages=stages, claims=claims)


def nvlm_h_72b() -> Recipe:
    """NVLM-H 72B: the thumbnail among the words, the other tiles behind their tags by gated cross-attention."""
    base = nvlm_x_72b()
    splice = Hybrid(layers=EVERY_EIGHTH, heads=64, kv_heads=8, head_dim=128, mlp_width=29_568)
    source = "arXiv 2409.11402, section 4.4; its weights were not released"
    claims = replace(base.claims, source=source, visual_tokens={"448x448": 256, "800x600": 256, "1344x448": 256})
    return replace(base, id="nvlm-h", title="NVLM-H 72B", model=replace(base.model, splice=splice), claims=claims)
