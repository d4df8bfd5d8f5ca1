"""Ovis: visual tokens as mixtures of visual words with embeddings of their own, next to those of words."""

from dataclasses import replace

from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.operators.size import Size
from omma.curate.readers.llava_json import LlavaJson
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.media.views.cells import Cells
from omma.media.views.covering import Covering
from omma.media.views.framed import Framed
from omma.media.views.framed_quarters import FramedQuarters
from omma.model.connectors.visual_embedding import VisualEmbedding
from omma.model.language.decoder import Decoder
from omma.model.splices.in_context import InContext
from omma.model.splices.indicators import Indicators
from omma.model.vision.two_scales import TwoScales
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.nn.rotary import Llama3Scaling
from omma.pack.chat import Chat
from omma.pack.plan import Budget
from omma.pack.templates.jinja import Jinja
from omma.pack.tokenizers.released import Released
from omma.recipe import Claims, Recipe
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.cosine import Cosine
from omma.train.stage import Stage
from omma.weights.ovis_words import conversation
from omma_recipes.parts.language import QWEN2_7B
from omma_recipes.parts.llava import LLAMA3_8B, SIGLIP_384, chatml
from omma_recipes.parts.vision import CLIP_L_336, CLIP_MEAN, CLIP_STD

# vision_config of thisisiron/Ovis2-8B-hf: AIMv2-H/14 at 448 px
AIMV2_H_448 = ViT(
    patch=14, width=1536, depth=24, heads=12, mlp_width=4096, image_size=448, mlp="gated", activation="silu", qkv_bias=False,
    output_bias=False, mlp_bias=False, patch_norm=True, norm="rms", norm_eps=1e-5, mean=CLIP_MEAN, std=CLIP_STD,
)  # fmt: skip
AIM_BLOCK = 4 * 1536 * 1536 + 3 * 1536 * 4096 + 2 * 1536
AIM = 3 * 14 * 14 * 1536 + 1536 + 1536 + 32 * 32 * 1536 + 24 * AIM_BLOCK + 1536

CLIP_GREY = (255 * CLIP_MEAN[0], 255 * CLIP_MEAN[1], 255 * CLIP_MEAN[2])  # the colour that becomes zero

# CLIP ViT-L/14 at 336 px without its last norm: class token, positions, patches, first norm, blocks
CLIP_BLOCK = 4 * (1024 * 1024 + 1024) + 2 * 1024 * 4096 + 4096 + 1024 + 4 * 1024
CLIP = 1024 + 577 * 1024 + 3 * 14 * 14 * 1024 + 2 * 1024 + 24 * CLIP_BLOCK

# google/siglip-so400m-patch14-384 without its last norm and its pooling head
SIGLIP_BLOCK = 4 * (1152 * 1152 + 1152) + 2 * 1152 * 4304 + 4304 + 1152 + 4 * 1152
SIGLIP = 3 * 14 * 14 * 1152 + 1152 + 27 * 27 * 1152 + 27 * SIGLIP_BLOCK

# meta-llama/Llama-3.2-3B-Instruct, and what AIDC-AI/Ovis says with it
LLAMA3_2_3B = replace(
    LLAMA3_8B, width=3072, depth=28, heads=24, mlp_width=8192, longest=131_072, scaling=Llama3Scaling(factor=32.0), tied=True
)
SLOT = "<|reserved_special_token_0|>"
HEADERS = Jinja(source=conversation("Llama3ConversationFormatter", SLOT, where="Ovis"), image_token=SLOT, picture=f"{SLOT}\n")

# Qwen/Qwen1.5-7B-Chat
QWEN1_5_7B = Decoder(
    width=4096, depth=32, heads=32, kv_heads=32, head_dim=128, mlp_width=11008, theta=1_000_000.0, qkv_bias=True, norm_eps=1e-6
)
DATA = Data(
    sources={
        "captions": LlavaJson(path="coyo-10m.json", task="caption"),
        "descriptions": LlavaJson(path="descriptions.json"),
        "instructions": LlavaJson(path="instructions.json"),
    },
    holdout=0.002,
    operators=(Decode(), Size(min_side=16)),
)

# AIDC-AI/Ovis `scripts/v1/Ovis-Clip-Qwen1.5-7B-S{1,2,3}.sh` and arXiv 2405.20797, table 2: head and table on captions at 1e-4 and
# batch 8,192; tower, head and table on descriptions at 1e-4 and 1,024; everything on instructions at 2e-5 and 1,024. Cosine, no
# weight decay. Bins stand for batches. The release also begins the tower's last block anew and trains it in the first stage:
# stages.words.trains then holds "encoder.blocks.23.*" too, a number that smaller towers do not have.
FIRST = Stage(
    name="words",
    trains=("connector.*",),
    mixture={"captions": 1.0},
    optimizer=AdamW(lr=1e-4, betas=(0.9, 0.999)),
    schedule=Cosine(warmup=0.1),
    budget=Budget(tokens=16_384, patches=65_536, bins_per_step=512),
    precision="bf16",
    recompute="blocks",
)
STAGES = (
    FIRST,
    replace(
        FIRST, name="describe", trains=("encoder.*", "connector.*"), mixture={"descriptions": 1.0},
        budget=Budget(tokens=16_384, patches=65_536, bins_per_step=64),
    ),
    replace(
        FIRST, name="instruct", trains=("*",), mixture={"instructions": 1.0}, schedule=Cosine(warmup=0.05),
        optimizer=AdamW(lr=2e-5, betas=(0.9, 0.999)), budget=Budget(tokens=16_384, patches=65_536, bins_per_step=64),
    ),
)  # fmt: skip
JOINED = (
    replace(FIRST, trains=("connector.*", "splice.*")),
    replace(STAGES[1], trains=("encoder.*", "connector.*", "splice.*")),
    STAGES[2],
)
TRAINED = {
    "words": ("connector", "splice"),
    "describe": ("connector", "encoder", "splice"),
    "instruct": ("connector", "encoder", "language", "splice"),
}


def ovis_clip_qwen_7b() -> Recipe:
    """Ovis 1.0 7B: CLIP at 336 px, 576 tokens as mixtures of 131,070 visual words between two indicators, Qwen1.5-7B."""
    return Recipe(
        id="ovis",
        title="Ovis-CLIP-Qwen1.5 7B",
        model=Vlm(
            view=Framed(size=336, fill=CLIP_GREY),
            encoder=replace(CLIP_L_336, feature_layer=-1),
            connector=VisualEmbedding(factor=1, words=131_070),
            splice=InContext(),
            language=QWEN1_5_7B,
            text=chatml(151_936),
        ),
        data=DATA,
        stages=JOINED,
        suite=(CaptionLoss(source="captions"),),
        claims=Claims(
            source="arXiv 2405.20797; AIDC-AI/Ovis v1.0",
            visual_tokens={"336x336": 578, "640x480": 578},
            parameters={
                "encoder.*": CLIP, "connector.*": 131_070 * (1024 + 2 + 4096), "splice.*": 2 * 4096, "language.*": 7_721_324_544,
            },
            trainable=TRAINED,
        ),
    )  # fmt: skip


def ovis1_5_llama_8b() -> Recipe:
    """Ovis1.5 8B: SigLIP at 384 px over a picture and its quarters, 81 tokens between two indicators, Llama 3 8B."""
    base = ovis_clip_qwen_7b()
    model = Vlm(
        view=FramedQuarters(size=384, fill=(127.5, 127.5, 127.5)),
        encoder=TwoScales(patch=14, tower=replace(SIGLIP_384, feature_layer=-1), hands="wholes"),
        connector=VisualEmbedding(factor=3, words=131_070),
        language=LLAMA3_8B,
        text=Chat(tokenizer=Released(path="", vocab_size=128_256), template=HEADERS),
    )
    claims = Claims(
        source="AIDC-AI/Ovis v1.5, `scripts/v1_5/Ovis1.5-Llama3-8B-S1.sh`; stages as of arXiv 2405.20797; its adaptive quarters",
        visual_tokens={"384x384": 83, "640x480": 83, "1000x800": 83},
        parameters={
            "encoder.*": SIGLIP, "connector.*": 131_070 * (9 * 2 * 1152 + 2 + 4096), "splice.*": 2 * 4096,
            "language.*": 8_030_261_248,
        },
        trainable=TRAINED,
    )  # fmt: skip
    return replace(base, id="ovis1.5", title="Ovis1.5-Llama3 8B", model=model, claims=claims)


def ovis1_6_llama_3b() -> Recipe:
    """Ovis1.6 3B: SigLIP at 384 px, a whole picture and up to nine cells of 196 tokens, five indicators, Llama 3.2 3B."""
    base = ovis_clip_qwen_7b()
    model = Vlm(
        view=Cells(size=384, fill=(127.5, 127.5, 127.5)),
        encoder=replace(SIGLIP_384, feature_layer=-1),
        connector=VisualEmbedding(factor=2, words=65_531),
        language=LLAMA3_2_3B,
        text=Chat(tokenizer=Released(path="", vocab_size=128_256), template=HEADERS),
    )
    claims = Claims(
        source="AIDC-AI/Ovis1.6-Llama3.2-3B; AIDC-AI/Ovis v1.6; stages as of arXiv 2405.20797, the indicators beside the table",
        visual_tokens={"384x384": 196 + 3, "768x768": 5 * 196 + 6, "768x384": 3 * 196 + 4},
        parameters={
            "encoder.*": SIGLIP, "connector.*": 65_531 * (4 * 1152 + 2 + 3072), "splice.*": 5 * 3072, "language.*": 3_212_749_824,
        },
        trainable=TRAINED,
    )  # fmt: skip
    return replace(base, id="ovis1.6", title="Ovis1.6-Llama3.2 3B", model=model, claims=claims)


def ovis2_8b() -> Recipe:
    """Ovis2 8B: AIMv2-H, a whole picture and up to nine tiles of 256 tokens with indicators around them, Qwen2.5-7B."""
    base = ovis_clip_qwen_7b()
    model = Vlm(
        view=Covering(size=448, max_tiles=9, first="columns"),
        encoder=AIMV2_H_448,
        connector=VisualEmbedding(factor=2, words=65_531),
        splice=Indicators(),
        language=QWEN2_7B,
        text=chatml(152_064, image_token="<IMG_ATOM>", picture="<IMG_ATOM>\n"),
    )
    claims = Claims(
        source="thisisiron/Ovis2-8B-hf; AIDC-AI/Ovis v2.0; stages as of arXiv 2405.20797, the indicators beside the table",
        visual_tokens={"448x448": 256, "896x896": 5 * 256, "896x448": 3 * 256},
        parameters={
            "encoder.*": AIM, "connector.*": 65_531 * (4 * 1536 + 2 + 3584), "splice.*": 5 * 3584, "language.*": 7_615_616_512,
        },
        trainable=TRAINED,
    )  # fmt: skip
    return replace(base, id="ovis2", title="Ovis2 8B", model=model, claims=claims)
