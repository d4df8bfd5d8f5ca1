"""Served: beginnings of tensor names that vLLM 0.33 and SGLang 0.5.23 accept, by transformers class, and what is not among them.

From vLLM `model_executor/models/*.py` (`hf_to_vllm_mapper`) and SGLang `srt/models/*.py`. A class that is not here is served
by neither in its own code.
"""

from collections.abc import Iterable

LLAVA = ("language_model.model.", "language_model.lm_head.", "vision_tower.vision_model.", "multi_modal_projector.linear_")
ACCEPTED: dict[str, tuple[str, ...]] = {
    "LlavaForConditionalGeneration": LLAVA,
    "LlavaNextForConditionalGeneration": (*LLAVA, "image_newline"),
    "LlavaOnevisionForConditionalGeneration": (*LLAVA, "image_newline"),
    "Qwen2VLForConditionalGeneration": ("visual.", "model.", "lm_head."),
    "Qwen2_5_VLForConditionalGeneration": ("visual.", "model.", "lm_head."),
    "Qwen3VLForConditionalGeneration": ("model.visual.", "model.language_model.", "lm_head."),
    "Qwen3VLMoeForConditionalGeneration": ("model.visual.", "model.language_model.", "lm_head."),
    "InternVLForConditionalGeneration": (
        "language_model.model.",
        "language_model.lm_head.",
        "vision_tower.",
        "multi_modal_projector.",
    ),
}


def strangers(architecture: str, names: Iterable[str]) -> list[str]:
    """Class + tensor names → the names that a server would not know. Empty also for a class that none serves natively."""
    accepted = ACCEPTED.get(architecture, ("",))
    return sorted(name for name in names if not name.startswith(accepted))
