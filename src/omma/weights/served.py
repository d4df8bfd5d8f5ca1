"""Served: transformers class → which of vLLM and SGLang has code of its own for it, and beginnings of the tensor names it reads.

Read from vLLM (0.33, and its documentation of September 2026: `model_executor/models/registry.py`; `hf_to_vllm_mapper` and
`load_weights` of `llava`, `llava_next`, `llava_onevision`, `qwen2_vl`, `qwen2_5_vl`, `qwen3_vl`, `qwen3_vl_moe`, `interns1`,
`blip2`) and from SGLang (2026, `srt/models/`: `EntryClass` and `load_weights` of `llava`, which refuses the feature strategy
'default', `llava_onevision`, for Qwen2 alone, `qwen2_vl`, `qwen2_5_vl`, `qwen3_vl`, `qwen3_vl_moe`). For a class that neither
has, the beginnings are those of transformers' own class, which is all that can load it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LLAVA = ("language_model.model.", "language_model.lm_head.", "vision_tower.vision_model.", "multi_modal_projector.linear_")
QWEN2 = (
    "visual.patch_embed.", "visual.blocks.", "visual.merger.", "model.embed_tokens.", "model.layers.", "model.norm.", "lm_head.",
)  # fmt: skip
QWEN3 = ("model.visual.", "model.language_model.", "lm_head.")
BLIP = ("vision_model.", "query_tokens", "qformer.", "language_projection.", "language_model.")
VLLM, BOTH = ("vLLM",), ("vLLM", "SGLang")


@dataclass(frozen=True, slots=True)
class Served:
    """`servers` have code of their own for a class; `names` are the beginnings that they (or else transformers) accept."""

    names: tuple[str, ...]
    servers: tuple[str, ...]


SERVED: dict[str, Served] = {
    "LlavaForConditionalGeneration": Served(LLAVA, BOTH),
    "LlavaNextForConditionalGeneration": Served((*LLAVA, "image_newline"), VLLM),
    "LlavaOnevisionForConditionalGeneration": Served((*LLAVA, "image_newline"), BOTH),
    "VipLlavaForConditionalGeneration": Served((*LLAVA, "multi_modal_projector.projector_layernorm."), ()),
    "Qwen2VLForConditionalGeneration": Served(QWEN2, BOTH),
    "Qwen2_5_VLForConditionalGeneration": Served(QWEN2, BOTH),
    "Qwen3VLForConditionalGeneration": Served(QWEN3, BOTH),
    "Qwen3VLMoeForConditionalGeneration": Served(QWEN3, BOTH),
    "InternVLForConditionalGeneration": Served(
        ("language_model.model.", "language_model.lm_head.", "vision_tower.", "multi_modal_projector."), VLLM
    ),
    "Blip2ForConditionalGeneration": Served(BLIP, VLLM),
    "InstructBlipForConditionalGeneration": Served(BLIP, ()),
    "Ovis2ForConditionalGeneration": Served(
        ("model.language_model.", "model.vision_tower.", "model.visual_embeddings_table.", "lm_head."), ()
    ),
}


def strangers(architecture: str, names: Iterable[str]) -> list[str]:
    """Class + tensor names → the names that those who load the class would not know; all of them for a class without a row."""
    accepted = SERVED[architecture].names if architecture in SERVED else ()
    return sorted(name for name in names if not name.startswith(accepted))


def next_step(architecture: str, folder: Path) -> str:
    """Class + exported folder → what a person can do with it next, and which servers have no code for it."""
    servers = SERVED[architecture].servers if architecture in SERVED else ()
    if not servers:
        return f"load it with transformers: neither vLLM nor SGLang has code of its own for {architecture}"
    missing = "" if "SGLang" in servers else f" (SGLang has no code of its own for {architecture})"
    return f"vllm serve {folder}{missing}"
