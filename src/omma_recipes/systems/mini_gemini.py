"""Mini-Gemini: CLIP at 336 px asks ConvNeXt at 768 px what stands at each patch's place; as many visual tokens as without."""

from dataclasses import replace

from omma.curate.reader import Reader
from omma.curate.readers.llava_json import LlavaJson
from omma.media.views.pad import Pad
from omma.model.connectors.patch_info_mining import PatchInfoMining
from omma.model.vision.fusion import Fusion
from omma.recipe import Claims, Recipe
from omma.weights.maps.mini_gemini import CONVNEXT_L
from omma_recipes.parts.vision import CLIP_L_336
from omma_recipes.systems.llava import CLIP_GREY, DATA, PARTS, STAGES, llava_1_5_7b

CLIP = 7_050_304_512 - 6_738_415_616 - 20_979_712  # what LLaVA-1.5 has beside Vicuna and its projector
FINE = 2880  # 192 + 384 + 768 + 1536
# 197,767,336 parameters of torchvision's convnext_large, but for its classifier and the norm before it
CONVNEXT = 197_767_336 - (1536 * 1000 + 1000) - 2 * 1536
MINING = 2 * 1024 + 1024 * 1024 + 1024 + 2 * (2 * FINE + FINE * 1024 + 1024)
SOURCES: dict[str, Reader] = {
    "captions": LlavaJson(path="mgm_pretrain.json", task="caption"),
    "instructions": LlavaJson(path="mgm_instruction.json"),
}


def mini_gemini_7b() -> Recipe:
    """Mini-Gemini 7B (MGM-7B): 576 visual tokens, each of them with what 64 cells of a finer map say of its place."""
    base = llava_1_5_7b()
    model = replace(
        base.model,
        view=Pad(size=768, fill=CLIP_GREY),
        encoder=Fusion(patch=32, encoders=(CLIP_L_336, CONVNEXT_L), zooms=(1, 1), how="taps", resample="bilinear"),
        connector=PatchInfoMining(fine_width=FINE),
    )
    projector = 1024 * 4096 + 4096 + 4096 * 4096 + 4096
    claims = Claims(
        source="arXiv 2403.18814; dvlab-research/MGM scripts/llama/train/stage_1_2_full_v7b_336_hr_768.sh, whose rates, warm-up "
        "and batches are those of LLaVA-1.5, mgm_arch.py and openclip_encoder.py; torchvision convnext_large; lmsys/vicuna-7b-v1.5 "
        "config.json",
        visual_tokens={"768x768": 576, "640x480": 576, "100x2000": 576},
        parameters={
            "encoder.encoders.0.*": CLIP,
            "encoder.encoders.1.*": CONVNEXT,
            "connector.*": MINING + projector,
            "language.*": 6_738_415_616,
        },
        trainable=PARTS,
    )
    data = replace(DATA, sources=SOURCES)
    return replace(base, id="mini-gemini", title="Mini-Gemini 7B", model=model, data=data, stages=STAGES, claims=claims)
