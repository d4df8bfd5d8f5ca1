"""SAIL-VL: tiles and pixel shuffle as InternVL, small language models, captions in quantity, conversations of rising complexity."""

from dataclasses import replace

from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.operators.size import Size
from omma.curate.readers.llava_json import LlavaJson
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.model.connectors.pixel_shuffle import PixelShuffle
from omma.model.vlm import Vlm
from omma.pack.plan import Budget
from omma.recipe import Claims, Recipe
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.cosine import Cosine
from omma.train.stage import Epochs, Stage, Steps
from omma_recipes.parts.internvl import AIMV2_HUGE, INTERNVIT_300M, QWEN2_5_1_5B, QWEN2_5_7B, internvl_chat, tiles

ALL, SEEING = ("connector", "encoder", "language"), ("connector", "encoder")
TILED = {"448x448": 256, "800x600": 7 * 256, "1344x448": 4 * 256}

DATA = Data(
    sources={
        "captions": LlavaJson(path="sail_caption.json", task="caption"),
        "knowledge": LlavaJson(path="knowledge.json"),
        "instructions": LlavaJson(path="instruction.json"),
        "complex": LlavaJson(path="complex.json"),
    },
    holdout=0.002,
    operators=(Decode(), Size(min_side=16)),
)
# arXiv 2501.05952: the projector, then all that sees on 131B tokens (its first version; 655B in its second), then everything on
# data of rising complexity. Rates and the number of bins a step are ours.
ALIGN = Stage(
    name="align",
    trains=("connector.*",),
    mixture={"captions": 1.0},
    optimizer=AdamW(lr=2e-4, betas=(0.9, 0.999), weight_decay=0.05),
    schedule=Cosine(warmup=0.03),
    budget=Budget(tokens=16_384, patches=49_152, bins_per_step=128),
    length=Steps(count=1_000),
    precision="bf16",
    recompute="blocks",
)
ADVANCE = replace(
    ALIGN,
    name="advance",
    trains=("encoder.*", "connector.*"),
    optimizer=AdamW(lr=4e-5, betas=(0.9, 0.999), weight_decay=0.05),
    length=Steps(count=62_500),  # 131B tokens in steps of 2,097,152
)
KNOWLEDGE = replace(
    ALIGN,
    name="knowledge",
    trains=("*",),
    mixture={"knowledge": 1.0},
    optimizer=AdamW(lr=2e-5, betas=(0.9, 0.999), weight_decay=0.05),
    length=Epochs(count=1),
)
STAGES = (
    ALIGN,
    ADVANCE,
    KNOWLEDGE,
    replace(KNOWLEDGE, name="instruction", mixture={"instructions": 1.0}),
    replace(KNOWLEDGE, name="complex", mixture={"complex": 1.0}, optimizer=AdamW(lr=1e-5, betas=(0.9, 0.999), weight_decay=0.05)),
)


def sail_vl_2b() -> Recipe:
    """SAIL-VL 2B: InternViT-300M, tiles of 448 px, Qwen2.5-1.5B."""
    tuned = {"knowledge": ALL, "instruction": ALL, "complex": ALL}
    return Recipe(
        id="sail-vl",
        title="SAIL-VL 2B",
        model=Vlm(
            view=tiles(6),
            encoder=INTERNVIT_300M,
            connector=PixelShuffle(factor=2),
            language=QWEN2_5_1_5B,
            text=internvl_chat(151_674, "internvl2_5"),
        ),
        data=DATA,
        stages=STAGES,
        suite=(CaptionLoss(source="captions"),),
        claims=Claims(
            source="arXiv 2501.05952; BytedanceDouyinContent/SAIL-VL-2B configuration_sailvl.py for the tiles; sizes of its parts "
            "are those of the models named, as no config.json was found to read",
            visual_tokens=TILED,
            parameters={"encoder.*": 304_012_288, "connector.*": 8_662_016, "language.*": 1_543_311_872},
            trainable={"align": ("connector",), "advance": SEEING} | tuned,
        ),
    )


def sail_vl_1_5_8b() -> Recipe:
    """SAIL-VL 1.5 8B: AIMv2-Huge at 448 px as its tower, Qwen2.5-7B."""
    base = sail_vl_2b()
    sizes = {"encoder.*": 682_031_616, "connector.*": 34_884_608, "language.*": 7_612_820_992}
    return replace(
        base,
        id="sail-vl-1-5",
        title="SAIL-VL 1.5 8B",
        model=replace(base.model, encoder=AIMV2_HUGE, language=QWEN2_5_7B),
        claims=replace(base.claims, source=f"{base.claims.source}; 682M of AIMv2-Huge on the card of timm", parameters=sizes),
    )
