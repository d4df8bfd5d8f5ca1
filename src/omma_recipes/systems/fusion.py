"""Fused features: MouSi's pair of vision experts; Florence-VL's depth and breadth of one tower; side by side before a projector."""

from dataclasses import replace

from omma.curate.reader import Reader
from omma.curate.readers.llava_json import LlavaJson
from omma.media.views.pad import Pad
from omma.model.connectors.mlp import Mlp
from omma.model.vision.fusion import DINO, Fusion
from omma.model.vlm import Vlm
from omma.nn.rotary import Llama3Scaling
from omma.pack.chat import Chat
from omma.pack.plan import Budget
from omma.pack.templates.jinja import Jinja
from omma.pack.tokenizers.released import Released
from omma.recipe import Claims, Recipe
from omma.train.optimizers.adamw import AdamW
from omma.weights.maps.florence_vl import CONVERSATION, FLORENCE_2_LARGE
from omma_recipes.parts.language import VICUNA_7B
from omma_recipes.parts.llava import LLAMA3_8B
from omma_recipes.parts.speech import vicuna
from omma_recipes.parts.vision import CLIP_L_336
from omma_recipes.systems.llava import CLIP_GREY, DATA, STAGES, llava_1_5_7b

BLOCK = 4 * (1024 * 1024 + 1024) + 2 * 1024 * 4096 + 4096 + 1024 + 4 * 1024  # of CLIP-L, and of DINOv2-L but for its two scales
CLIP = 1024 + 577 * 1024 + 3 * 14 * 14 * 1024 + 2 * 1024 + 23 * BLOCK
DINOV2 = 1024 + (1 + 37 * 37) * 1024 + 3 * 14 * 14 * 1024 + 1024 + 24 * (BLOCK + 2 * 1024) + 2 * 1024


def mousi_7b() -> Recipe:
    """MouSi 7B with two experts: CLIP-L and DINOv2-L on one grid of 576 patches, features side by side, a two-layer projector."""
    base = llava_1_5_7b()
    model = Vlm(
        view=Pad(size=336, fill=CLIP_GREY),
        encoder=Fusion(patch=14, encoders=(CLIP_L_336, DINO), zooms=(1, 1), how="channels"),
        connector=Mlp(depth=2),
        language=VICUNA_7B,
        text=vicuna(32_000),
    )
    claims = Claims(
        source="arXiv 2401.17221, MLP fusion of two experts; stages and data as LLaVA-1.5, which it follows",
        visual_tokens={"640x480": 576, "336x336": 576},
        parameters={
            "encoder.*": CLIP + DINOV2,
            "connector.*": 2048 * 4096 + 4096 + 4096 * 4096 + 4096,
            "language.*": 6_738_415_616,
        },
        trainable={"align": ("connector",), "instruct": ("connector", "language")},
    )
    return replace(base, id="mousi", title="MouSi 7B", model=model, data=DATA, stages=STAGES, claims=claims)


# decoder of microsoft/Florence-2-large: layers with two attentions, the norm of its inputs and its places
FLORENCE_WRITER = 12 * (8 * (1024 * 1024 + 1024) + 2 * 1024 * 4096 + 4096 + 1024 + 6 * 1024) + 2 * 1024 + 4098 * 1024
IMAGENET_GREY = (123, 116, 103)  # the mean colour of Florence-2's image processor

# meta-llama/Llama-3.1-8B-Instruct
LLAMA3_1_8B = replace(LLAMA3_8B, longest=131_072, scaling=Llama3Scaling(factor=8.0))

# scripts/florence-vl/llama: 2,048 detailed captions in a step with all parts trained, then 512 conversations, each once at 1e-5,
# without weight decay; bins stand for batches. By the paper the tower learns in the first stage, though the released
# `florence_encoder.py` takes no gradients of it
FLORENCE_STAGES = (
    replace(
        STAGES[0],
        name="pretrain",
        trains=("*",),
        optimizer=AdamW(lr=1e-5, betas=(0.9, 0.999)),
        budget=Budget(tokens=16_384, patches=16_384, bins_per_step=128),
    ),
    replace(
        STAGES[1],
        optimizer=AdamW(lr=1e-5, betas=(0.9, 0.999)),
        budget=Budget(tokens=16_384, patches=16_384, bins_per_step=32),
    ),
)


def florence_vl_8b() -> Recipe:
    """Florence-VL 8B: Florence-2's tower and what its encoder sees under three prompts, 576 tokens, Llama-3.1-8B."""
    base = llava_1_5_7b()
    sources: dict[str, Reader] = {
        "captions": LlavaJson(path="pixelprose_sharegpt4v.json", task="caption"),
        "instructions": LlavaJson(path="cambrian_sharegpt4v_vision_flan_docmatix.json"),
    }
    text = Chat(tokenizer=Released(path="", vocab_size=128_257), template=Jinja(source=CONVERSATION))
    model = Vlm(
        view=Pad(size=768, fill=IMAGENET_GREY),
        encoder=FLORENCE_2_LARGE,
        connector=Mlp(depth=3),
        language=LLAMA3_1_8B,
        text=text,
    )
    claims = Claims(
        source="arXiv 2412.04424; JiuhaiChen/Florence-VL scripts/florence-vl/llama, florence_encoder.py and builder.py; the tower "
        "is microsoft/Florence-2-large of 776,721,497 values without decoder, sinusoids and bias of the logits; which of its 577 "
        "tokens is left out is not published with the code: here the mean's, by the paper's 576",
        visual_tokens={"640x480": 576, "768x768": 576, "100x2000": 576},
        parameters={
            "encoder.*": 776_721_497 - FLORENCE_WRITER - 100 * 2048 - 51_289,
            "connector.*": 4096 * 4096 + 4096 + 2 * (4096 * 4096 + 4096),
            "language.*": 8_030_261_248 + 2 * 4096,
        },
        trainable={"pretrain": ("connector", "encoder", "language"), "instruct": ("connector", "language")},
    )
    data = replace(DATA, sources=sources)
    return replace(base, id="florence-vl", title="Florence-VL 8B", model=model, data=data, stages=FLORENCE_STAGES, claims=claims)
