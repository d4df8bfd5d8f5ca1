"""The VILA line: SigLIP, squares of patches merged into tokens, a language model; trained projector first, then all of it."""

from dataclasses import replace

from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.operators.size import Size
from omma.curate.readers.llava_json import LlavaJson
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.media.views.lined_tiles import LinedTiles
from omma.model.connectors.nine_shuffle import NineShuffle
from omma.model.connectors.padded_shuffle import PaddedShuffle
from omma.model.vlm import Vlm
from omma.pack.plan import Budget
from omma.recipe import Claims, Recipe
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.cosine import Cosine
from omma.train.stage import Epochs, Stage
from omma_recipes.parts.language import QWEN2_7B
from omma_recipes.parts.llava import LLAMA3_8B, SIGLIP_384, SIGLIP_448, chatml, llama3

DATA = Data(
    sources={
        "captions": LlavaJson(path="blip_laion_cc_sbu_558k.json", task="caption"),
        "interleaved": LlavaJson(path="interleaved.json"),
        "instructions": LlavaJson(path="instructions.json"),
    },
    holdout=0.002,
    operators=(Decode(), Size(min_side=16)),
)
# NVlabs/VILA scripts/v1_5/release/8b: 256 captions a node, 1,024 interleaved documents and 256 conversations a node in a step,
# without weight decay; bins stand for batches, of one node where the number of nodes is left open
BINS = Budget(tokens=16_384, patches=65_536, bins_per_step=4)
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
SPOKEN = ("connector.*", "language.*", "splice.*")
PRETRAIN = replace(
    ALIGN,
    name="pretrain",
    trains=SPOKEN,
    mixture={"interleaved": 1.0},
    optimizer=AdamW(lr=5e-5, betas=(0.9, 0.999)),
    budget=replace(BINS, bins_per_step=32),
)
INSTRUCT = replace(
    PRETRAIN,
    name="instruct",
    trains=("*",),
    mixture={"instructions": 1.0},
    optimizer=AdamW(lr=1e-4, betas=(0.9, 0.999)),
    budget=replace(BINS, bins_per_step=8),
)
# scripts/NVILA-Lite: 2,048, 1,024, 1,024 and 2,048 conversations in a step, of up to 1,586 visual tokens; the tower learns after
# the projector, and again in the last stage
WIDE, NARROW = replace(BINS, bins_per_step=128), replace(BINS, bins_per_step=64)
LITE = (
    replace(ALIGN, budget=WIDE),
    replace(PRETRAIN, name="see", trains=("encoder.*", "connector.*"), mixture={"captions": 1.0}, budget=NARROW),
    replace(PRETRAIN, budget=NARROW),
    replace(INSTRUCT, optimizer=AdamW(lr=2e-5, betas=(0.9, 0.999)), budget=WIDE),
)
TRAINED = {
    "align": ("connector",),
    "pretrain": ("connector", "language", "splice"),
    "instruct": ("connector", "encoder", "language", "splice"),
}


def vila_1_5_8b() -> Recipe:
    """VILA-1.5 8B: one tile of 384 px, its 27 x 27 patches merged into 14 x 14 tokens, Llama-3-8B."""
    return Recipe(
        id="vila",
        title="VILA-1.5 8B",
        model=Vlm(
            view=LinedTiles(size=384, max_tiles=1),
            encoder=SIGLIP_384,
            connector=PaddedShuffle(factor=2),
            language=LLAMA3_8B,
            text=llama3(128_257),
        ),
        data=DATA,
        stages=(ALIGN, PRETRAIN, INSTRUCT),
        suite=(CaptionLoss(source="captions"),),
        claims=Claims(
            source="arXiv 2312.07533; NVlabs/VILA scripts/v1_5/release/8b and base_projector.py (mlp_downsample); llm/config.json "
            "of Efficient-Large-Model/Llama-3-VILA1.5-8B, which has a token more than Llama-3-8B",
            visual_tokens={"384x384": 14 * 14 + 1, "640x480": 14 * 14 + 1},
            parameters={
                "language.*": 8_030_261_248 + 2 * 4096,
                "connector.*": 2 * 4608 + 4608 * 4096 + 4096 + 4096 * 4096 + 4096,
                "*": 8_463_687_968,
            },
            trainable=TRAINED,
        ),
    )


def nvila_lite_8b() -> Recipe:
    """NVILA-Lite 8B: up to twelve tiles of 448 px and the whole, 3 x 3 patches a token, Qwen2-7B."""
    base = vila_1_5_8b()
    model = replace(
        base.model,
        view=LinedTiles(size=448, max_tiles=12),
        encoder=SIGLIP_448,
        connector=NineShuffle(factor=3),
        language=QWEN2_7B,
        text=chatml(152_064),
    )
    wide, middle = 9 * 1152, 3 * 1152
    connector = 2 * wide + wide * middle + middle + 2 * middle + middle * 3584 + 3584 + 3584 * 3584 + 3584
    claims = replace(
        base.claims,
        source="arXiv 2412.04468; NVlabs/VILA README and scripts/NVILA-Lite (mlp_downsample_3x3_fix, dynamic); config.json of "
        "Efficient-Large-Model/Qwen2-VL-7B-Instruct; mm_projector of Efficient-Large-Model/NVILA-Lite-8B (122 MB)",
        # a tile's 32 x 32 patches make 11 x 11 tokens; 1:1 is one tile, 4:3 is twelve and the whole
        visual_tokens={"448x448": 122, "1792x1344": 13 * 122, "896x448": 3 * 122},
        parameters={"language.*": 7_615_616_512, "connector.*": connector, "*": 8_074_806_816},
        trainable=TRAINED | {"see": ("connector", "encoder")},
    )
    return replace(base, id="nvila-lite", title="NVILA-Lite 8B", model=model, stages=LITE, claims=claims)
