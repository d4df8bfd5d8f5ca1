"""MiMo-VL: the architecture of Qwen2.5-VL with MiMo-7B as its language model, from a random projector in four stages."""

from dataclasses import replace

from omma.pack.plan import Budget
from omma.recipe import Claims, Recipe
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.constant import Constant
from omma.train.schedules.cosine import Cosine
from omma.train.stage import Stage
from omma_recipes.parts.qwen import MIMO_VL_7B, QWEN2_5_VL_TOWER_WIDE, qwen2_5_vl
from omma_recipes.systems.qwen import DATA, EVERY, SUITE, TOKENS_28

# arXiv 2506.03569, table 2: 300B tokens of captions for the projector, 167B with the tower, 1.4T with everything, all at 8,192;
# then 550B at 32,768. The second stage falls from 1e-4 to 1e-5. Decay, betas, warm-up and how many sequences make a step are not
# stated: ours.
PROJECTOR = Stage(
    name="projector",
    trains=("connector.*",),
    mixture={"captions": 1.0},
    optimizer=AdamW(lr=1e-3),
    schedule=Constant(),
    budget=Budget(tokens=8_192, patches=32_768, bins_per_step=64),
    precision="bf16",
    recompute="blocks",
)
ALIGN = replace(
    PROJECTOR,
    name="align",
    trains=("encoder.*", "connector.*"),
    mixture={"captions": 1.0, "interleaved": 1.0},
    optimizer=AdamW(lr=1e-4),
    schedule=Cosine(floor=0.1),
)
GENERAL = replace(
    ALIGN,
    name="general",
    trains=("*",),
    mixture={"captions": 1.0, "interleaved": 1.0, "instructions": 1.0},
    optimizer=AdamW(lr=1e-5),
    schedule=Constant(),
)
LONG = replace(
    GENERAL,
    name="long",
    mixture={"interleaved": 1.0, "instructions": 1.0},
    optimizer=AdamW(lr=2.5e-5),
    schedule=Cosine(),
    budget=Budget(tokens=32_768, patches=131_072, bins_per_step=16),
)


def mimo_vl_7b() -> Recipe:
    """MiMo-VL 7B: the tower of Qwen2.5-VL, a merger trained from nothing, a deep and narrow language model made for reasoning."""
    return Recipe(
        id="mimo-vl",
        title="MiMo-VL 7B",
        model=qwen2_5_vl(QWEN2_5_VL_TOWER_WIDE, MIMO_VL_7B, 151_680),
        data=DATA,
        stages=(PROJECTOR, ALIGN, GENERAL, LONG),
        suite=SUITE,
        claims=Claims(
            source="arXiv 2506.03569; XiaomiMiMo/MiMo-VL-7B-RL config.json and preprocessor_config.json",
            visual_tokens=TOKENS_28,
            parameters={"language.*": 7_622_619_136, "*": 8_306_217_216},
            trainable={"projector": ("connector",), "align": ("connector", "encoder"), "general": EVERY, "long": EVERY},
        ),
    )
