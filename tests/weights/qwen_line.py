"""The native-resolution Qwen-VL line of transformers, drawn at random: 2, 2.5, 3 and 3 with experts, each open on both sides."""

from pathlib import Path
from typing import Any

from draws import Draw
from llava_folders import Pair, open_pair, sample, spread
from qwen_folders import HELPFUL, IMAGE, TURNS, VIDEO, Hand, film, tokenizer
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VLConfig, Qwen2VLForConditionalGeneration
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLConfig, Qwen3VLForConditionalGeneration
from transformers.models.qwen3_vl_moe.modeling_qwen3_vl_moe import Qwen3VLMoeConfig, Qwen3VLMoeForConditionalGeneration

from omma.schema.sample import Sample

LINES: dict[str, tuple[Any, Any, str, Any]] = {  # config, model, template, how a video's time is told
    "qwen2_vl": (Qwen2VLConfig, Qwen2VLForConditionalGeneration, HELPFUL, "none"),
    "qwen2_5_vl": (Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, HELPFUL, "positions"),
    "qwen3_vl": (Qwen3VLConfig, Qwen3VLForConditionalGeneration, TURNS, "words"),
    "qwen3_vl_moe": (Qwen3VLMoeConfig, Qwen3VLMoeForConditionalGeneration, TURNS, "words"),
}
Sizes = dict[str, Any]


def qwen(line: str, seed: int, folder: Path, **fixed: Any) -> Pair:
    """A random model of the line."""
    kind, made, template, time = LINES[line]
    draw, words = Draw(seed, **fixed), tokenizer(template)
    marks = {"image": IMAGE, "video": VIDEO, "vision_start": "<|vision_start|>", "vision_end": "<|vision_end|>"}
    ids = {f"{name}_token_id": words.convert_tokens_to_ids(token) for name, token in marks.items()}
    patch, tied = draw.one("patch", 4, 6), draw.one("tied", False, True)
    text = (_newer_text if time == "words" else _older_text)(draw, line) | {"vocab_size": len(words) + int(draw.rng.integers(0, 5))}
    vision = _tower(draw, line, patch, text)
    theirs = made(kind(text_config=text, vision_config=vision, tie_word_embeddings=tied, attn_implementation="eager", **ids))
    spread(theirs, seed)
    size = {"shortest_edge": (4 * patch) ** 2, "longest_edge": (14 * patch) ** 2}
    halves = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3} if time == "words" else {}
    clip = size | {"longest_edge": 64 * (14 * patch) ** 2} if time == "words" else size
    image = Qwen2VLImageProcessorPil(patch_size=patch, size=size, **halves)
    return open_pair(folder, theirs, Hand(words, image, {"size": clip, "fps": 8.0, "min_frames": 2, "max_frames": 64}, time))


def _shared(draw: Draw) -> tuple[Sizes, int]:
    """→ what all language models of the line say, and half the width of a head."""
    rng = draw.rng
    groups, shared, half = int(rng.choice([1, 2])), int(rng.choice([1, 2])), int(rng.choice([4, 8]))
    return {"intermediate_size": int(rng.integers(20, 60)), "num_attention_heads": groups * shared, "num_key_value_heads": groups,
            "max_position_embeddings": 4096}, half  # fmt: skip


def _rope(draw: Draw, sections: list[int], **more: Any) -> Sizes:
    theta = 10_000.0 * int(draw.rng.integers(1, 7))
    return {"rope_type": "default", "rope_theta": theta, "mrope_section": sections, **more}


def _older_text(draw: Draw, line: str) -> Sizes:
    text, half = _shared(draw)
    quarter, depth = int(draw.rng.integers(1, half // 2)), int(draw.rng.integers(1, 4))
    text |= {"hidden_size": text["num_attention_heads"] * 2 * half, "num_hidden_layers": depth, "rms_norm_eps": 1e-6,
             "rope_parameters": _rope(draw, [half - 2 * quarter, quarter, quarter]),
             "pad_token_id": None, "bos_token_id": None, "eos_token_id": None}  # fmt: skip
    window, first = int(draw.rng.integers(5, 20)), int(draw.rng.integers(0, depth))
    if draw.one("windows", False, True):
        text |= {"use_sliding_window": True, "sliding_window": window, "max_window_layers": first}
    return text


def _newer_text(draw: Draw, line: str) -> Sizes:
    text, half = _shared(draw)
    third, depth = int(draw.rng.integers(1, half // 3 + 1)), int(draw.rng.integers(2, 5))
    text |= {"hidden_size": int(draw.rng.choice([24, 40])), "num_hidden_layers": depth, "head_dim": 2 * half,
             "rope_parameters": _rope(draw, [half - 2 * third, third, third], mrope_interleaved=True),
             "attention_bias": draw.one("bias", False, True)}  # fmt: skip
    if line == "qwen3_vl_moe":
        experts = int(draw.rng.integers(3, 6))
        text |= {"num_experts": experts, "num_experts_per_tok": int(draw.rng.integers(1, experts)), "moe_intermediate_size": 16,
                 "mlp_only_layers": draw.one("dense", [], [0])}  # fmt: skip
    return text


def _tower(draw: Draw, line: str, patch: int, text: Sizes) -> Sizes:
    """Windows and layers that see everything, or layers that are handed on, at random."""
    rng, words = draw.rng, text["hidden_size"]
    heads, depth, wide = int(rng.choice([1, 2])), int(rng.integers(1, 5)), int(rng.integers(16, 48))
    vision = {"depth": depth, "num_heads": heads, "patch_size": patch}
    if line == "qwen2_vl":
        return vision | {"embed_dim": heads * 8, "hidden_size": words, "mlp_ratio": int(rng.choice([2, 3]))}
    vision |= {"hidden_size": heads * 8, "out_hidden_size": words, "intermediate_size": wide}
    if line == "qwen2_5_vl":
        full = sorted(rng.permutation(depth)[: int(rng.integers(0, depth + 1))].tolist())
        return vision | {"window_size": patch * int(rng.choice([4, 6])), "tokens_per_second": int(rng.choice([2, 3, 4])),
                         "fullatt_block_indexes": full}  # fmt: skip
    levels = sorted(rng.permutation(depth)[: int(rng.integers(1, min(depth, text["num_hidden_layers"]) + 1))].tolist())
    return vision | {"num_position_embeddings": int(rng.choice([9, 16, 25])), "deepstack_visual_indexes": levels}


def asked(root: Path) -> list[Sample]:
    """One picture, several of mixed sizes, none: documents of one pack."""
    return [sample(root, 0, [(50, 30)]), sample(root, 1, [(20, 61), (33, 33), (90, 40)]), sample(root, 2, [])]


def films(pair: Pair, root: Path) -> list[Sample]:
    """Videos of an odd and an even number of frames, at two paces, one behind a picture; no processor changes their sizes."""
    side = 2 * pair.cfg.patch
    return [film(root, 5, 5, (3 * side, 2 * side), 400), film(root, 6, 4, (2 * side, 4 * side), 125, ((40, 33),))]
