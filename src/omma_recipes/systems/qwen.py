"""The Qwen-VL line: one resampled square (1), pictures near their own size (2), windows and seconds (2.5), deepstack (3).

The reports of 2 to 3 state stages, what trains and how many tokens, but no rates, decay or batches. Rates of pre-training are those
of MiMo-VL (arXiv 2506.03569), which trains the same architecture; betas are ours, and so is bins_per_step. Fine-tuning is that of
the released scripts (QwenLM/Qwen3-VL qwen-vl-finetune/scripts): tower frozen, cosine, 3% of warm-up, no decay, 2e-7 for 2.5, 1e-5
for 3; 2 takes the rate of 2.5. Sequences are 8,192 tokens as reported.
"""

from dataclasses import replace

from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.operators.size import Size
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.readers.llava_json import LlavaJson
from omma.curate.readers.messages_jsonl import MessagesJsonl
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.media.views.fixed import Fixed
from omma.model.connectors.resampler import Resampler
from omma.model.language.decoder import Decoder
from omma.model.vision.native import NativeViT
from omma.model.vlm import Vlm
from omma.pack.plan import Budget
from omma.recipe import Claims, Recipe
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.constant import Constant
from omma.train.schedules.cosine import Cosine
from omma.train.stage import Stage, Steps
from omma_recipes.parts.qwen import (
    QWEN2_5_VL_3B,
    QWEN2_5_VL_7B,
    QWEN2_5_VL_32B,
    QWEN2_5_VL_72B,
    QWEN2_5_VL_TOWER,
    QWEN2_5_VL_TOWER_WIDE,
    QWEN2_VL_2B,
    QWEN2_VL_7B,
    QWEN2_VL_72B,
    QWEN3_VL_2B,
    QWEN3_VL_4B,
    QWEN3_VL_8B,
    QWEN3_VL_30B_A3B,
    QWEN3_VL_32B,
    QWEN3_VL_TOWER,
    QWEN3_VL_TOWER_SMALL,
    QWEN_7B,
    QWEN_VL_TOWER,
    qwen2_5_vl,
    qwen2_vl,
    qwen3_vl,
    qwen_vl_chat,
)

DATA = Data(
    sources={
        "captions": CaptionsJsonl(path="captions.jsonl"),
        "interleaved": MessagesJsonl(path="interleaved.jsonl"),
        "instructions": LlavaJson(path="instructions.json"),
    },
    holdout=0.002,
    operators=(Decode(), Size(min_side=16)),
)
SUITE = (CaptionLoss(source="captions"),)
BUDGET = Budget(tokens=8_192, patches=32_768, bins_per_step=64)
LONG = Budget(tokens=32_768, patches=131_072, bins_per_step=16)
EVERY = ("connector", "encoder", "language")

# arXiv 2308.12966, appendix C: AdamW (0.9, 0.98, 1e-6), weight decay 0.05, cosine to a floor; 30,720 pairs of at most 512 tokens,
# 4,096 and 128 sequences of 2,048 in a step. Its first stage sees 224 px (model.view.size=224), and rates fall by 0.95 from block
# to block of the tower in the first two, for which one rate of the whole tower stands here.
QWEN_VL_STAGES = (
    Stage(
        name="pretrain",
        trains=("encoder.*", "connector.*"),
        mixture={"captions": 1.0},
        optimizer=AdamW(lr=2e-4, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.05),
        schedule=Cosine(warmup=500, floor=0.005),
        budget=Budget(tokens=16_384, patches=65_536, bins_per_step=960),
        length=Steps(count=50_000),
        precision="bf16",
        recompute="blocks",
    ),
    Stage(
        name="multitask",
        trains=("*",),
        mixture={"captions": 1.0, "interleaved": 1.0},
        optimizer=AdamW(lr=5e-5, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.05),
        schedule=Cosine(warmup=400, floor=0.2),
        budget=Budget(tokens=16_384, patches=65_536, bins_per_step=512),
        length=Steps(count=19_000),
        precision="bf16",
        recompute="blocks",
    ),
    Stage(
        name="instruct",
        trains=("connector.*", "language.*"),
        mixture={"instructions": 1.0},
        optimizer=AdamW(lr=1e-5, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.05),
        schedule=Cosine(warmup=3_000, floor=0.1),
        budget=Budget(tokens=16_384, patches=65_536, bins_per_step=16),
        length=Steps(count=8_000),
        precision="bf16",
        recompute="blocks",
    ),
)

# arXiv 2409.12191, section 2.2: the tower on 600B tokens, everything on 800B more, then the language model alone on instructions.
# The merger counts as part of the tower.
VISION = Stage(
    name="vision",
    trains=("encoder.*", "connector.*"),
    mixture={"captions": 1.0},
    optimizer=AdamW(lr=1e-4),
    schedule=Cosine(floor=0.1),
    budget=BUDGET,
    precision="bf16",
    recompute="blocks",
)
MULTIMODAL = replace(
    VISION,
    name="multimodal",
    trains=("*",),
    mixture={"captions": 1.0, "interleaved": 1.0, "instructions": 1.0},
    optimizer=AdamW(lr=1e-5),
    schedule=Constant(),
)
INSTRUCT = replace(
    VISION,
    name="instruct",
    trains=("language.*",),
    mixture={"instructions": 1.0},
    optimizer=AdamW(lr=2e-7, betas=(0.9, 0.999)),
    schedule=Cosine(warmup=0.03),
)
SPOKEN = ("connector.*", "language.*")
# arXiv 2502.13923, table 2: the tower on 1.5T tokens, everything on 2T, and on 0.6T in sequences of 32,768; then instructions.
LONGER = replace(MULTIMODAL, name="long", budget=LONG)
# arXiv 2511.21631, table 1: the mergers on 67B tokens, everything on about 1T at 8,192 and 1T at 32,768; then instructions at
# 32,768 (the last 100B tokens at 262,144 are the same stage with another budget).
MERGER = replace(VISION, name="merger", trains=("connector.*",), optimizer=AdamW(lr=1e-3), schedule=Constant())

QWEN2_TRAINS = {"vision": ("connector", "encoder"), "multimodal": EVERY, "instruct": ("language",)}
QWEN2_5_TRAINS = QWEN2_TRAINS | {"long": EVERY, "instruct": ("connector", "language")}
QWEN3_TRAINS = {"merger": ("connector",), "multimodal": EVERY, "long": EVERY, "instruct": ("connector", "language")}
# released smart_resize at the released bounds: 28 px a token from 4 tokens on, 32 px a token from 64 on
TOKENS_28 = {"640x480": 23 * 17, "56x56": 4, "1920x1080": 69 * 39, "100x2000": 4 * 71}
TOKENS_32 = {"640x480": 20 * 15, "32x32": 64, "1920x1080": 60 * 34}


def qwen_vl_7b() -> Recipe:
    """Qwen-VL 7B: pictures squashed to 448 px, read by 256 queries through one cross-attention."""
    model = Vlm(
        view=Fixed(size=448),
        encoder=QWEN_VL_TOWER,
        connector=Resampler(side=16, head_dim=128),
        language=QWEN_7B,
        text=qwen_vl_chat(151_936),
    )
    claims = Claims(
        source="arXiv 2308.12966 (9.6B: 1.9B of tower, 0.08B of adapter, 7.7B of language); Qwen/Qwen-VL visual.py and config.json",
        visual_tokens={"448x448": 256, "640x480": 256, "100x2000": 256},
        parameters={"language.*": 7_721_324_544, "*": 9_655_886_592},
        trainable={"pretrain": ("connector", "encoder"), "multitask": EVERY, "instruct": ("connector", "language")},
    )
    return Recipe(
        id="qwen-vl", title="Qwen-VL 7B", model=model, data=DATA, stages=QWEN_VL_STAGES, suite=SUITE, claims=claims
    )  # fmt: skip


def qwen2_vl_7b() -> Recipe:
    """Qwen2-VL 7B: pictures and videos near their own size, four patches a token, positions of time, row and column."""
    return _qwen2("qwen2-vl", "Qwen2-VL 7B", QWEN2_VL_7B, 152_064, 8_291_375_616)


def qwen2_vl_2b() -> Recipe:
    """Qwen2-VL 2B."""
    return _qwen2("qwen2-vl-2b", "Qwen2-VL 2B", QWEN2_VL_2B, 151_936, 2_208_985_600)


def qwen2_vl_72b() -> Recipe:
    """Qwen2-VL 72B."""
    return _qwen2("qwen2-vl-72b", "Qwen2-VL 72B", QWEN2_VL_72B, 152_064, 73_405_560_320)


def qwen2_5_vl_7b() -> Recipe:
    """Qwen2.5-VL 7B: windows of 112 px in all but four layers of the tower, positions in seconds."""
    return _qwen2_5("qwen2-5-vl", "Qwen2.5-VL 7B", QWEN2_5_VL_TOWER, QWEN2_5_VL_7B, 152_064, 8_292_166_656)


def qwen2_5_vl_3b() -> Recipe:
    """Qwen2.5-VL 3B."""
    return _qwen2_5("qwen2-5-vl-3b", "Qwen2.5-VL 3B", QWEN2_5_VL_TOWER, QWEN2_5_VL_3B, 151_936, 3_754_622_976)


def qwen2_5_vl_32b() -> Recipe:
    """Qwen2.5-VL 32B."""
    return _qwen2_5("qwen2-5-vl-32b", "Qwen2.5-VL 32B", QWEN2_5_VL_TOWER_WIDE, QWEN2_5_VL_32B, 152_064, 33_452_718_336)


def qwen2_5_vl_72b() -> Recipe:
    """Qwen2.5-VL 72B."""
    return _qwen2_5("qwen2-5-vl-72b", "Qwen2.5-VL 72B", QWEN2_5_VL_TOWER_WIDE, QWEN2_5_VL_72B, 152_064, 73_410_777_344)


def qwen3_vl_8b() -> Recipe:
    """Qwen3-VL 8B: inner layers of the tower added behind the first blocks, interleaved positions, times of videos in words."""
    return _qwen3("qwen3-vl", "Qwen3-VL 8B", QWEN3_VL_TOWER, QWEN3_VL_8B, 8_767_123_696)


def qwen3_vl_2b() -> Recipe:
    """Qwen3-VL 2B."""
    return _qwen3("qwen3-vl-2b", "Qwen3-VL 2B", QWEN3_VL_TOWER_SMALL, QWEN3_VL_2B, 2_127_532_032)


def qwen3_vl_4b() -> Recipe:
    """Qwen3-VL 4B."""
    return _qwen3("qwen3-vl-4b", "Qwen3-VL 4B", QWEN3_VL_TOWER_SMALL, QWEN3_VL_4B, 4_437_815_808)


def qwen3_vl_32b() -> Recipe:
    """Qwen3-VL 32B."""
    return _qwen3("qwen3-vl-32b", "Qwen3-VL 32B", QWEN3_VL_TOWER, QWEN3_VL_32B, 33_357_390_064)


def qwen3_vl_30b_a3b() -> Recipe:
    """Qwen3-VL 30B-A3B: 8 of 128 experts see a token."""
    return _qwen3("qwen3-vl-30b-a3b", "Qwen3-VL 30B-A3B", QWEN3_VL_TOWER, QWEN3_VL_30B_A3B, 31_070_754_032)


def _qwen2(name: str, title: str, language: Decoder, vocab_size: int, parameters: int) -> Recipe:
    claims = Claims(
        source=f"arXiv 2409.12191; Qwen/{title.replace(' ', '-')}-Instruct config.json",
        visual_tokens=TOKENS_28,
        parameters={"*": parameters},
        trainable=QWEN2_TRAINS,
    )
    stages = (VISION, MULTIMODAL, INSTRUCT)
    return Recipe(id=name, title=title, model=qwen2_vl(language, vocab_size), data=DATA, stages=stages, suite=SUITE, claims=claims)


def _qwen2_5(name: str, title: str, tower: NativeViT, language: Decoder, vocab_size: int, parameters: int) -> Recipe:
    claims = Claims(
        source=f"arXiv 2502.13923; Qwen/{title.replace(' ', '-')}-Instruct config.json",
        visual_tokens=TOKENS_28,
        parameters={"*": parameters},
        trainable=QWEN2_5_TRAINS,
    )
    model, stages = qwen2_5_vl(tower, language, vocab_size), (VISION, MULTIMODAL, LONGER, replace(INSTRUCT, trains=SPOKEN))
    return Recipe(id=name, title=title, model=model, data=DATA, stages=stages, suite=SUITE, claims=claims)


def _qwen3(name: str, title: str, tower: NativeViT, language: Decoder, parameters: int) -> Recipe:
    claims = Claims(
        source=f"arXiv 2511.21631; Qwen/{title.replace(' ', '-')}-Instruct config.json",
        visual_tokens=TOKENS_32,
        parameters={"*": parameters},
        trainable=QWEN3_TRAINS,
    )
    instruct = replace(INSTRUCT, trains=SPOKEN, optimizer=AdamW(lr=1e-5, betas=(0.9, 0.999)), budget=LONG)
    stages = (MERGER, MULTIMODAL, LONGER, instruct)
    model = qwen3_vl(tower, language, 151_936)
    return Recipe(id=name, title=title, model=model, data=DATA, stages=stages, suite=SUITE, claims=claims)
