"""Fused encoders: MouSi's pair of vision experts, side by side for every patch, before one projector."""

from dataclasses import replace

from omma.media.views.pad import Pad
from omma.model.connectors.mlp import Mlp
from omma.model.vision.fusion import DINO, Fusion
from omma.model.vlm import Vlm
from omma.recipe import Claims, Recipe
from omma_recipes.parts.language import VICUNA_7B
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
