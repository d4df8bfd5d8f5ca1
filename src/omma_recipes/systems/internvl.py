"""The InternVL line, 1.1 to 3.5: InternViT, 2 x 2 patches a token, tiles of 448 px, and another language model each time."""

from dataclasses import replace

from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.operators.size import Size
from omma.curate.readers.llava_json import LlavaJson
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.model.connectors.pixel_shuffle import PixelShuffle
from omma.model.connectors.transposed_shuffle import TransposedShuffle
from omma.model.language.decoder import Decoder
from omma.model.positions.v2pe import V2pe
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.objective.next_token import NextToken
from omma.pack.plan import Budget
from omma.recipe import Claims, Recipe
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.cosine import Cosine
from omma.train.stage import Epochs, Stage, Steps
from omma_recipes.parts.internvl import (
    INTERNLM2_7B,
    INTERNLM2_20B,
    INTERNVIT_6B,
    INTERNVIT_6B_V1_0,
    INTERNVIT_300M,
    LLAMA2_13B,
    QWEN2_5_7B_DYNAMIC,
    QWEN3_8B_LONG,
    QWEN3_30B_A3B,
    internvl_chat,
    tiles,
)
from omma_recipes.parts.llava import YI_34B

SEEING, ALL = ("connector", "encoder"), ("connector", "encoder", "language")
TILED = {"448x448": 256, "800x600": 13 * 256, "1344x448": 4 * 256, "400x1600": 5 * 256}  # of at most 12 tiles and a thumbnail
TOWER_300M, TOWER_6B = 304_012_288, 5_536_496_000  # parameters

DATA = Data(
    sources={
        "captions": LlavaJson(path="pretrain.json", task="caption"),
        "instructions": LlavaJson(path="finetune.json"),
        "language": LlavaJson(path="language.json"),
    },
    holdout=0.002,
    operators=(Decode(), Size(min_side=16)),
)
# Bins stand for batches: 512 samples of 2,048 tokens are 64 bins.
PRETRAIN = Stage(
    name="pretrain",
    trains=("encoder.*", "connector.*"),
    mixture={"captions": 1.0},
    optimizer=AdamW(lr=1e-5, betas=(0.9, 0.999), weight_decay=0.05),
    schedule=Cosine(warmup=0.03),
    budget=Budget(tokens=16_384, patches=65_536, bins_per_step=64),
    length=Epochs(count=1),
    precision="bf16",
    recompute="blocks",
)
INSTRUCT = replace(PRETRAIN, name="instruct", trains=("*",), mixture={"instructions": 1.0})


def _recipe(
    *, version: str, title: str, tower: ViT, language: Decoder, vocab_size: int, words: str, max_tiles: int,
    stages: tuple[Stage, ...], claims: Claims,
) -> Recipe:  # fmt: skip
    """What is the same in all versions from 1.5 on, put together."""
    return Recipe(
        id=f"internvl-{version}",
        title=title,
        model=Vlm(
            view=tiles(max_tiles),
            encoder=tower,
            connector=PixelShuffle(factor=2),
            language=language,
            text=internvl_chat(vocab_size, words),
        ),
        data=DATA,
        stages=stages,
        suite=(CaptionLoss(source="captions"),),
        claims=claims,
    )


def internvl_1_1_19b() -> Recipe:
    """InternVL-Chat 1.1: one square of 448 px, tokens that run down the columns, Llama 2 13B."""
    # 72M pairs, then 10M conversations; rates are not stated and are those of 1.2
    base = _recipe(
        version="1-1", title="InternVL-Chat 1.1 19B", tower=INTERNVIT_6B_V1_0, language=LLAMA2_13B, vocab_size=32_003,
        words="internvl_zh", max_tiles=1, stages=(PRETRAIN, replace(INSTRUCT, trains=("connector.*", "language.*"))),
        claims=Claims(
            source="OpenGVLab/InternVL-Chat-V1-1 model card and config.json",
            visual_tokens={"448x448": 256, "1000x300": 256},
            parameters={"encoder.*": TOWER_6B, "connector.*": 91_786_240, "language.blocks.*": 12_688_179_200, "*": 18_644_177_280},
            trainable={"pretrain": SEEING, "instruct": ("connector", "language")},
        ),
    )  # fmt: skip
    return replace(base, model=replace(base.model, connector=TransposedShuffle(factor=2)))


def internvl_1_2_40b() -> Recipe:
    """InternVL-Chat 1.2: as 1.1 with a 34B language model and a million open conversations."""
    # shell/internvl1.2: 1e-5 at batch 512 of 2,048 tokens for the conversations; 39.3M pairs before, in 4,800 steps of 8,192
    pretrain = replace(PRETRAIN, length=Steps(count=4_800), budget=replace(PRETRAIN.budget, bins_per_step=1024))
    base = _recipe(
        version="1-2", title="InternVL-Chat 1.2 40B", tower=INTERNVIT_6B, language=YI_34B, vocab_size=64_003,
        words="Hermes-2", max_tiles=1, stages=(pretrain, INSTRUCT),
        claims=Claims(
            source="OpenGVLab/InternVL-Chat-V1-2 model card; InternVL shell/internvl1.2",
            visual_tokens={"448x448": 256, "1000x300": 256},
            parameters={
                "encoder.*": TOWER_6B,
                "connector.*": 143_170_560,
                "language.blocks.*": 33_471_406_080,
                "*": 40_068_626_816,
            },
            trainable={"pretrain": SEEING, "instruct": ALL},
        ),
    )  # fmt: skip
    return replace(base, model=replace(base.model, connector=TransposedShuffle(factor=2)))


def internvl_1_5_26b() -> Recipe:
    """InternVL 1.5: up to twelve tiles and a thumbnail, rows kept in order, InternLM2-20B."""
    # shell/internvl1.5/internlm2_20b: batches 2,048 and 1,024 of 4,096 tokens, 100 steps of warm-up in the first stage
    pretrain = replace(PRETRAIN, schedule=Cosine(warmup=100), budget=replace(PRETRAIN.budget, bins_per_step=512))
    instruct = replace(
        INSTRUCT,
        optimizer=AdamW(lr=2e-5, betas=(0.9, 0.999), weight_decay=0.05),
        budget=replace(PRETRAIN.budget, bins_per_step=256),
    )
    return _recipe(
        version="1-5", title="InternVL 1.5 26B", tower=INTERNVIT_6B, language=INTERNLM2_20B, vocab_size=92_553,
        words="internlm2-chat", max_tiles=12, stages=(pretrain, instruct),
        claims=Claims(
            source="arXiv 2404.16821; InternVL shell/internvl1.5; OpenGVLab/InternVL-Chat-V1-5 config.json",
            visual_tokens=TILED,
            parameters={"encoder.*": TOWER_6B, "connector.*": 116_429_824, "language.*": 19_861_260_288, "*": 25_514_186_112},
            trainable={"pretrain": SEEING, "instruct": ALL},
        ),
    )  # fmt: skip


def internvl_2_8b() -> Recipe:
    """InternVL 2 8B: InternViT-300M, several pictures and films, a tile for each frame."""
    # shell/internvl2.0: 4e-5 at batch 128 of 4,096 tokens for further tuning; the stages are those of 1.5 in a context of 8,192
    instruct = replace(INSTRUCT, optimizer=AdamW(lr=4e-5, betas=(0.9, 0.999), weight_decay=0.05))
    budget = Budget(tokens=8_192, patches=32_768, bins_per_step=512)
    return _recipe(
        version="2", title="InternVL 2 8B", tower=INTERNVIT_300M, language=INTERNLM2_7B, vocab_size=92_553,
        words="internlm2-chat", max_tiles=12, stages=(replace(PRETRAIN, budget=budget), replace(instruct, budget=budget)),
        claims=Claims(
            source="OpenGVLab/InternVL2-8B config.json; InternVL shell/internvl2.0",
            visual_tokens=TILED,
            parameters={"encoder.*": TOWER_300M, "connector.*": 33_570_816, "language.*": 7_737_782_272, "*": 8_075_365_376},
            trainable={"pretrain": SEEING, "instruct": ALL},
        ),
    )  # fmt: skip


# Packs of 16,384 tokens and 48 tiles, replies weighed by 1 / √length (shell/internvl2.5, the 8B model)
WARMUP = replace(
    PRETRAIN,
    name="warmup",
    trains=("connector.*",),
    objective=NextToken(weighting="sqrt"),
    optimizer=AdamW(lr=2e-4, betas=(0.9, 0.999), weight_decay=0.05),
    schedule=Cosine(warmup=0.001),
    budget=Budget(tokens=16_384, patches=48 * 1024, bins_per_step=512),
    length=Steps(count=100_000),
)
VISION = replace(
    WARMUP,
    name="vision",
    trains=("encoder.*", "connector.*"),
    optimizer=AdamW(lr=1e-5, betas=(0.9, 0.999), weight_decay=0.05),
    budget=replace(WARMUP.budget, bins_per_step=1024),
)
TUNE = replace(
    WARMUP,
    name="instruct",
    trains=("*",),
    mixture={"instructions": 1.0},
    optimizer=AdamW(lr=4e-5, betas=(0.9, 0.999), weight_decay=0.05),
    schedule=Cosine(warmup=0.03),
    length=Steps(count=5_500),
)


def internvl_2_5_8b() -> Recipe:
    """InternVL 2.5 8B: the projector, then the tower too, then everything, packed, with replies weighed by their length."""
    return _recipe(
        version="2-5", title="InternVL 2.5 8B", tower=INTERNVIT_300M, language=INTERNLM2_7B, vocab_size=92_553,
        words="internvl2_5", max_tiles=12, stages=(WARMUP, VISION, TUNE),
        claims=Claims(
            source="arXiv 2412.05271; InternVL shell/internvl2.5; OpenGVLab/InternVL2_5-8B config.json",
            visual_tokens=TILED,
            parameters={"encoder.*": TOWER_300M, "connector.*": 33_570_816, "language.*": 7_737_782_272, "*": 8_075_365_376},
            trainable={"warmup": ("connector",), "vision": SEEING, "instruct": ALL},
        ),
    )  # fmt: skip


def internvl_3_8b() -> Recipe:
    """InternVL 3 8B: everything learns from the start, one part text to three of pictures; visual tokens take short positions."""
    # Rates of the first stage are not published; both are those of shell/internvl3.0. Released weights count every token as one.
    native = replace(
        TUNE,
        name="native",
        mixture={"captions": 0.75, "language": 0.25},
        optimizer=AdamW(lr=2e-5, betas=(0.9, 0.999), weight_decay=0.05),
        length=Epochs(count=1),
    )
    recipe = _recipe(
        version="3", title="InternVL 3 8B", tower=INTERNVIT_300M, language=QWEN2_5_7B_DYNAMIC, vocab_size=151_674,
        words="internvl2_5", max_tiles=12, stages=(native, replace(native, name="instruct", mixture={"instructions": 1.0})),
        claims=Claims(
            source="arXiv 2504.10479; InternVL shell/internvl3.0; config.json of OpenGVLab/InternVL3-38B and MindSpeed-MM's "
            "examples/internvl3/model_8B.json",
            visual_tokens=TILED,
            parameters={"encoder.*": TOWER_300M, "connector.*": 27_540_480, "language.*": 7_612_820_992, "*": 7_944_373_760},
            trainable={"native": ALL, "instruct": ALL},
        ),
    )  # fmt: skip
    return replace(recipe, model=replace(recipe.model, positions=V2pe(step=0.25)))


# shell/internvl3_5_gpt_oss for the first two stages, shell/internvl3_5_qwen3 for the third: packs of 32,768 tokens and 96 tiles
LONG = Budget(tokens=32_768, patches=96 * 1024, bins_per_step=512)
STAGES_3_5 = (
    replace(
        WARMUP,
        optimizer=AdamW(lr=1e-3, betas=(0.9, 0.999), weight_decay=0.05),
        schedule=Cosine(warmup=0.01),
        budget=Budget(tokens=32_768, patches=96 * 1024, bins_per_step=256),
        length=Steps(count=5_000),
    ),
    replace(
        TUNE,
        name="native",
        mixture={"captions": 0.75, "language": 0.25},
        optimizer=AdamW(lr=2e-5, betas=(0.9, 0.999), weight_decay=0.05),
        budget=LONG,
        length=Steps(count=15_000),
    ),
    replace(TUNE, optimizer=AdamW(lr=8e-5, betas=(0.9, 0.999), weight_decay=0.05), budget=LONG, length=Steps(count=8_000)),
)


def internvl_3_5_8b() -> Recipe:
    """InternVL 3.5 8B: the same over Qwen3-8B, in a context of 32,768, every tile at 256 tokens."""
    return _recipe(
        version="3-5", title="InternVL 3.5 8B", tower=INTERNVIT_300M, language=QWEN3_8B_LONG, vocab_size=151_936,
        words="internvl2_5", max_tiles=12, stages=STAGES_3_5,
        claims=Claims(
            source="arXiv 2508.18265; InternVL README (8.5B and 30.8B), shell/internvl3_5_qwen3 and internvl3_5_gpt_oss; "
            "OpenGVLab/InternVL3_5-8B config.json",
            visual_tokens=TILED,
            parameters={"encoder.*": TOWER_300M, "connector.*": 33_570_816, "language.*": 8_190_735_360, "*": 8_528_318_464},
            trainable={"warmup": ("connector",), "native": ALL, "instruct": ALL},
        ),
    )  # fmt: skip


def internvl_3_5_30b_a3b() -> Recipe:
    """InternVL 3.5 30B-A3B: the same over Qwen3's 128 experts, of which eight read a token."""
    base = internvl_3_5_8b()
    sizes = {"encoder.*": TOWER_300M, "connector.*": 12_595_200, "language.*": 30_532_122_624, "*": 30_848_730_112}
    return replace(
        base,
        id="internvl-3-5-30b-a3b",
        title="InternVL 3.5 30B-A3B",
        model=replace(base.model, language=QWEN3_30B_A3B),
        claims=replace(base.claims, parameters=sizes),
    )
