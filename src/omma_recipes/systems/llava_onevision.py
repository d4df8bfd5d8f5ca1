"""LLaVA-OneVision and 1.5: SigLIP and any resolution over Qwen2 with one budget for all scenarios; RICE at its own over Qwen3."""

from dataclasses import replace

from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.operators.size import Size
from omma.curate.readers.llava_json import LlavaJson
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.media.footage.pooled import Pooled
from omma.media.views.native import Native
from omma.media.views.one_vision import OneVision
from omma.model.connectors.merger import Merger
from omma.model.connectors.mlp import Mlp
from omma.model.vlm import Vlm
from omma.pack.plan import Budget
from omma.recipe import Claims, Recipe
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.cosine import Cosine
from omma.train.stage import Epochs, Stage, Steps
from omma_recipes.parts.language import QWEN2_7B
from omma_recipes.parts.llava import QWEN2_05B, QWEN2_72B, QWEN3_4B, QWEN3_8B, RICE_L, SIGLIP_384, chatml

ALL = ("connector", "encoder", "language")

DATA = Data(
    sources={
        "captions": LlavaJson(path="blip_laion_cc_sbu_558k.json", task="caption"),
        "knowledge": LlavaJson(path="mid_stage.json"),
        "single": LlavaJson(path="single_image.json"),
        "mixed": LlavaJson(path="onevision.json"),
    },
    holdout=0.002,
    operators=(Decode(), Size(min_side=16)),
)
BINS = Budget(tokens=32_768, patches=65_536, bins_per_step=8)
FULL_BATCH = replace(BINS, bins_per_step=64)
ALIGN = Stage(
    name="align",
    trains=("connector.*",),
    mixture={"captions": 1.0},
    optimizer=AdamW(lr=1e-3, betas=(0.9, 0.999)),
    schedule=Cosine(warmup=0.03),
    budget=BINS,
    length=Epochs(count=1),
    precision="bf16",
    recompute="blocks",
)
# the tower learns at a fifth of the rate of the rest
KNOWLEDGE = replace(
    ALIGN,
    name="knowledge",
    trains=("*",),
    mixture={"knowledge": 1.0},
    optimizer=AdamW(lr=1e-5, betas=(0.9, 0.999), groups={"encoder.*": 0.2}),
)
# LLaVA-NeXT docs/LLaVA_OneVision.md and scripts/train: 558K pairs, 4M of knowledge, 3.2M single pictures, 1.6M of all kinds, each
# once; 256 conversations in a step of the last two, of 7,290 visual tokens at most, and as many bins. The scripts of the first
# two leave their batch open: bins_per_step is ours.
STAGES = (
    ALIGN,
    KNOWLEDGE,
    replace(KNOWLEDGE, name="single", mixture={"single": 1.0}, budget=FULL_BATCH),
    replace(KNOWLEDGE, name="onevision", mixture={"mixed": 1.0}, budget=FULL_BATCH),
)


def llava_onevision_7b() -> Recipe:
    """LLaVA-OneVision 7B: any resolution up to nine tiles' tokens, several pictures, videos of 196 tokens a frame."""
    trained = (*ALL, "splice")
    return Recipe(
        id="llava-onevision",
        title="LLaVA-OneVision 7B",
        model=Vlm(
            view=OneVision(size=384, max_tiles=9, fill=(0, 0, 0), video=Pooled(size=384)),
            encoder=SIGLIP_384,
            connector=Mlp(depth=2),
            language=QWEN2_7B,
            text=chatml(152_064),
        ),
        data=DATA,
        stages=STAGES,
        suite=(CaptionLoss(source="captions"),),
        claims=Claims(
            source="arXiv 2408.03326; LLaVA-NeXT docs/LLaVA_OneVision.md and scripts/train; transformers "
            "LlavaOnevisionProcessor for token counts",
            # 729 of the base tile, then rows with newlines; the largest is resized from 162 x 162 to 81 x 81
            visual_tokens={"384x384": 729 + 27 * 28, "768x768": 729 + 54 * 55, "2304x2304": 729 + 81 * 82},
            parameters={
                "language.*": 7_615_616_512,
                "connector.*": 1152 * 3584 + 3584**2 + 2 * 3584,
                "splice.*": 3584,
                "*": 8_030_346_528,
            },
            trainable={"align": ("connector",), "knowledge": trained, "single": trained, "onevision": trained},
        ),
    )


def llava_onevision_05b() -> Recipe:
    """LLaVA-OneVision 0.5B: the same over Qwen2-0.5B."""
    sizes = {"language.*": 494_032_768, "connector.*": 1152 * 896 + 896**2 + 2 * 896, "splice.*": 896, "*": 893_615_904}
    base = llava_onevision_7b()
    model = replace(base.model, language=QWEN2_05B, text=chatml(151_936))
    claims = replace(base.claims, parameters=sizes)
    return replace(base, id="llava-onevision-05b", title="LLaVA-OneVision 0.5B", model=model, claims=claims)


def llava_onevision_72b() -> Recipe:
    """LLaVA-OneVision 72B: the same over Qwen2-72B."""
    sizes = {"language.*": 72_706_203_648, "connector.*": 1152 * 8192 + 8192**2 + 2 * 8192, "splice.*": 8192, "*": 73_180_519_712}
    base = llava_onevision_7b()
    model, claims = replace(base.model, language=QWEN2_72B), replace(base.claims, parameters=sizes)
    return replace(base, id="llava-onevision-72b", title="LLaVA-OneVision 72B", model=model, claims=claims)


# LLaVA-OneVision-1.5 examples/llava_ov_1_5/quick_start, of the 4B model: bins of 32,768 tokens, 8, 16 and 224 of them a step
FULL = replace(KNOWLEDGE, optimizer=AdamW(lr=1e-5, betas=(0.9, 0.95), weight_decay=0.01), schedule=Cosine(warmup=0.002, floor=0.1))
STAGES_1_5 = (
    replace(
        ALIGN,
        optimizer=AdamW(lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0),
        schedule=Cosine(warmup=0.002, floor=0.01),
        length=Steps(count=2_500),
    ),
    replace(FULL, name="middle", budget=replace(BINS, bins_per_step=16), length=Steps(count=20_000)),
    replace(
        FULL,
        name="instruct",
        mixture={"single": 1.0},
        optimizer=AdamW(lr=1e-5, betas=(0.9, 0.99), weight_decay=0.0),
        budget=replace(BINS, bins_per_step=224),
        length=Steps(count=3_500),
    ),
)
DATA_1_5 = replace(
    DATA,
    sources={
        "captions": LlavaJson(path="llava_558k.json", task="caption"),
        "knowledge": LlavaJson(path="mid_training_85m.json"),
        "single": LlavaJson(path="instruct_22m.json"),
    },
)
MERGED = 1024 * 2 + 4096 * 4096 + 4096  # parameters of the merger but for its last matrix


def llava_onevision_1_5_4b() -> Recipe:
    """LLaVA-OneVision-1.5 4B: RICE at pictures' own resolution, 2 x 2 patches a token, Qwen3-4B, all parts trained."""
    picture = "<|vision_start|><|image_pad|><|vision_end|>"
    return Recipe(
        id="llava-onevision-1-5",
        title="LLaVA-OneVision-1.5 4B",
        model=Vlm(
            view=Native(min_pixels=56 * 56, max_pixels=3_240_000),
            encoder=RICE_L,
            connector=Merger(factor=2, norm="layer", norm_eps=1e-5),
            language=QWEN3_4B,
            text=chatml(151_936, "<|image_pad|>", picture),
        ),
        data=DATA_1_5,
        stages=STAGES_1_5,
        suite=(CaptionLoss(source="captions"),),
        claims=Claims(
            source="arXiv 2509.23661; LLaVA-OneVision-1.5 ds/llavaonevision1_5, tools/convert_checkpoint/config, "
            "examples/llava_ov_1_5/quick_start and README (4.7B and 8.5B); preprocessor_config.json of the 8B model",
            # sides rounded to 28 px, one token for each square of 28
            visual_tokens={"280x280": 100, "640x480": 23 * 17, "1000x500": 36 * 18},
            parameters={"language.*": 4_411_424_256, "connector.*": MERGED + 4096 * 2560 + 2560, "*": 4_741_610_528},
            trainable={"align": ("connector",), "middle": ALL, "instruct": ALL},
        ),
    )


def llava_onevision_1_5_8b() -> Recipe:
    """LLaVA-OneVision-1.5 8B: the same over Qwen3-8B."""
    sizes = {"language.*": 8_190_735_360, "connector.*": MERGED + 4096 * 4096 + 4096, "*": 8_527_214_624}
    base = llava_onevision_1_5_4b()
    model, claims = replace(base.model, language=QWEN3_8B), replace(base.claims, parameters=sizes)
    return replace(base, id="llava-onevision-1-5-8b", title="LLaVA-OneVision-1.5 8B", model=model, claims=claims)
