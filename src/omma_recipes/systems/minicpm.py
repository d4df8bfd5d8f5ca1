"""MiniCPM-V: pictures in slices of their own shapes, a resampler to 64 (or 96) tokens each, numbered in the prompt."""

from dataclasses import replace

from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.operators.size import Size
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.readers.messages_jsonl import MessagesJsonl
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.model.connectors.adaptive_resampler import AdaptiveResampler
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.pack.chat import Chat
from omma.pack.plan import Budget
from omma.pack.templates.jinja import Jinja
from omma.pack.tokenizers.released import Released
from omma.recipe import Claims, Recipe
from omma.train.optimizers.adamw import AdamW
from omma.train.schedules.cosine import Cosine
from omma.train.stage import Stage
from omma.weights.maps.minicpm_v import SLOT, VERSIONS
from omma_recipes.parts.language import QWEN2_7B
from omma_recipes.parts.llava import LLAMA3_8B

# vision_config of openbmb/MiniCPM-V-2_6: SigLIP SO400M/14 with positions for 980 px, read in buckets
SIGLIP_980 = ViT(patch=14, width=1152, depth=27, heads=16, mlp_width=4304, image_size=980, positions="buckets")
BLOCK = 4 * (1152 * 1152 + 1152) + 2 * 1152 * 4304 + 4304 + 1152 + 4 * 1152
TOWER = 3 * 14 * 14 * 1152 + 1152 + 70 * 70 * 1152 + 27 * BLOCK + 2 * 1152  # patches, positions, blocks, last norm
DATA = Data(
    sources={
        "captions": CaptionsJsonl(path="captions.jsonl"),
        "documents": MessagesJsonl(path="documents.jsonl"),
        "instructions": MessagesJsonl(path="instructions.jsonl"),
    },
    holdout=0.002,
    operators=(Decode(), Size(min_side=16)),
)

# arXiv 2408.01800, section 4: the resampler alone at 224 px (model.view.size=224), the tower at 448 px, both with slices and
# documents, then everything on instructions. The paper states no rates; the last is that of the released `finetune_ds.sh`, the
# others are ours.
ALIGN = Stage(
    name="align",
    trains=("connector.*",),
    mixture={"captions": 1.0},
    optimizer=AdamW(lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1),
    schedule=Cosine(warmup=0.01),
    budget=Budget(tokens=16_384, patches=65_536, bins_per_step=32),
    precision="bf16",
    recompute="blocks",
)
STAGES = (
    ALIGN,
    replace(ALIGN, name="vision", trains=("encoder.*",), optimizer=AdamW(lr=2e-5, betas=(0.9, 0.95), weight_decay=0.1)),
    replace(
        ALIGN, name="slices", trains=("encoder.*", "connector.*"), mixture={"captions": 0.5, "documents": 0.5},
        optimizer=AdamW(lr=2e-5, betas=(0.9, 0.95), weight_decay=0.1),
    ),
    replace(
        ALIGN, name="instruct", trains=("*",), mixture={"instructions": 1.0},
        optimizer=AdamW(lr=1e-6, betas=(0.9, 0.95), weight_decay=0.1),
    ),
)  # fmt: skip
TRAINED = {
    "align": ("connector",), "vision": ("encoder",), "slices": ("connector", "encoder"),
    "instruct": ("connector", "encoder", "language"),
}  # fmt: skip


def minicpm_v_2_6() -> Recipe:
    """MiniCPM-V 2.6: Qwen2-7B, 64 tokens for the overview and for each of up to nine slices."""
    # 7,615,616,512 parameters of Qwen2-7B with 152,064 rows in embedding and head
    language = 7_615_616_512 - 2 * (152_064 - 151_666) * 3584
    model = Vlm(
        view=VERSIONS[2.6].view,
        encoder=SIGLIP_980,
        connector=AdaptiveResampler(queries=64),
        language=QWEN2_7B,
        text=_chat(2.6, 151_666),
    )
    return Recipe(
        id="minicpm-v",
        title="MiniCPM-V 2.6",
        model=model,
        data=DATA,
        stages=STAGES,
        suite=(CaptionLoss(source="captions"),),
        claims=Claims(
            source="arXiv 2408.01800; openbmb/MiniCPM-V-2_6",
            visual_tokens={"448x448": 64, "896x448": 3 * 64, "1344x1344": 640},
            parameters={"encoder.*": TOWER, "connector.*": _resampler(64, 3584), "language.*": language},
            trainable=TRAINED,
        ),
    )


def minicpm_v_2_5() -> Recipe:
    """MiniCPM-Llama3-V 2.5: Llama-3-8B, 96 tokens for the overview and for each of up to nine slices."""
    base = minicpm_v_2_6()
    model = replace(
        base.model, view=VERSIONS[2.5].view, connector=AdaptiveResampler(queries=96), language=LLAMA3_8B, text=_chat(2.5, 128_256)
    )
    claims = Claims(
        source="arXiv 2408.01800; openbmb/MiniCPM-Llama3-V-2_5",
        visual_tokens={"448x448": 96, "896x448": 3 * 96, "1344x1344": 960},
        parameters={"encoder.*": TOWER, "connector.*": _resampler(96, 4096), "language.*": 8_030_261_248},
        trainable=TRAINED,
    )
    return replace(base, id="minicpm-v-2-5", title="MiniCPM-Llama3-V 2.5", model=model, claims=claims)


def _chat(version: float, vocab_size: int) -> Chat:
    template = Jinja(source=VERSIONS[version].template, image_token=SLOT, picture=f"{SLOT}\n")
    return Chat(tokenizer=Released(path="", vocab_size=vocab_size), template=template)


def _resampler(queries: int, width: int) -> int:
    """Queries, the matrix before, three norms, attention, the matrix behind."""
    return queries * width + 1152 * width + 6 * width + 4 * (width * width + width) + width * width
