"""The LLaVA line of transformers, drawn at random: 1.5, ViP-LLaVA, NeXT and OneVision, each a folder open on both sides."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from draws import LANGUAGES, TOWERS, Draw
from llava_folders import (
    ONEVISION,
    TEMPLATES,
    Pair,
    draw_text,
    draw_tower,
    open_pair,
    spread,
    square_processor,
    their_inputs,
    tokenizer,
)
from PIL import Image, ImageSequence
from transformers.models.llava.modeling_llava import LlavaConfig, LlavaForConditionalGeneration
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_next.modeling_llava_next import LlavaNextConfig, LlavaNextForConditionalGeneration
from transformers.models.llava_next.processing_llava_next import LlavaNextProcessor
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
from transformers.models.llava_onevision.modeling_llava_onevision import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
)
from transformers.models.llava_onevision.processing_llava_onevision import LlavaOnevisionProcessor
from transformers.models.llava_onevision.video_processing_llava_onevision import LlavaOnevisionVideoProcessor
from transformers.models.vipllava.modeling_vipllava import VipLlavaConfig, VipLlavaForConditionalGeneration

from omma.schema.sample import Sample

PICTURES = ("crop", "squash", "pad")


def _parts(draw: Draw, tower: str, rest: int = 0) -> tuple[Any, Any, Any, dict[str, Any]]:
    """→ tokenizer with a template, tower, language model, and what every config of the line says."""
    language, tied = draw.one("language", *LANGUAGES), draw.one("tied", False, True)
    words = tokenizer(language)
    vision = draw_tower(draw.rng, tower, patch=int(draw.rng.choice([4, 6])), side=int(draw.rng.integers(2, 5)), rest=rest)
    text = draw_text(draw.rng, language, len(words) + int(draw.rng.integers(0, 5)), tied)
    words.chat_template = TEMPLATES[language]
    said = {"vision_config": vision, "text_config": text, "image_token_index": words.convert_tokens_to_ids("<image>"),
            "tie_word_embeddings": tied, "attn_implementation": "eager"}  # fmt: skip
    return words, vision, text, said


def llava(seed: int, folder: Path, **fixed: Any) -> Pair:
    """LLaVA-1.5 over any tower and language model."""
    draw = Draw(seed, **fixed)
    tower = draw.one("tower", *TOWERS)
    words, vision, _, said = _parts(draw, tower)
    strategy = draw.one("strategy", *(("default", "full") if tower == "clip" else ("full",)))
    theirs = LlavaForConditionalGeneration(LlavaConfig(
        **said, vision_feature_layer=draw.layers(vision.num_hidden_layers), vision_feature_select_strategy=strategy,
        multimodal_projector_bias=draw.one("bias", False, True),
    ))  # fmt: skip
    spread(theirs, seed)
    return open_pair(folder, theirs, square_processor(words, vision, strategy, draw.one("picture", *PICTURES)))


def vipllava(seed: int, folder: Path, **fixed: Any) -> Pair:
    """ViP-LLaVA, whose tower has a class token to leave out."""
    draw = Draw(seed, **fixed)
    words, vision, _, said = _parts(draw, "clip")
    theirs = VipLlavaForConditionalGeneration(VipLlavaConfig(**said, vision_feature_layer=draw.layers(vision.num_hidden_layers)))
    spread(theirs, seed)
    return open_pair(folder, theirs, square_processor(words, vision, "default", draw.one("picture", *PICTURES)))


def llava_next(seed: int, folder: Path, **fixed: Any) -> Pair:
    """LLaVA-NeXT with two to five grids of tiles."""
    draw = Draw(seed, **fixed)
    tower = draw.one("tower", *TOWERS)
    words, vision, _, said = _parts(draw, tower)
    size, strategy = vision.image_size, "default" if tower == "clip" else "full"
    grids = [(rows, columns) for rows in range(1, 5) for columns in range(1, 5) if rows * columns <= 4]
    few = sorted(draw.rng.permutation(len(grids))[: int(draw.rng.integers(2, 6))].tolist())
    pinpoints = [[rows * size, columns * size] for rows, columns in (grids[index] for index in few)]
    theirs = LlavaNextForConditionalGeneration(LlavaNextConfig(
        **said, vision_feature_layer=draw.layers(vision.num_hidden_layers), vision_feature_select_strategy=strategy,
        image_grid_pinpoints=pinpoints,
    ))  # fmt: skip
    spread(theirs, seed)
    pictures = LlavaNextImageProcessorPil(size={"shortest_edge": size}, crop_size={"height": size, "width": size},
                                          image_grid_pinpoints=pinpoints)  # fmt: skip
    processor = LlavaNextProcessor(pictures, words, patch_size=vision.patch_size, vision_feature_select_strategy=strategy,
                                   num_additional_image_tokens=int(tower == "clip"), chat_template=words.chat_template)  # fmt: skip
    return open_pair(folder, theirs, processor)


class OneVision(LlavaOnevisionProcessor):
    """Transformers' own, without its look at the class of the video processor, which needs torchvision."""

    def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> None:
        return None


def llava_onevision(seed: int, folder: Path, **fixed: Any) -> Pair:
    """LLaVA-OneVision with any limit of tiles, and px behind the last patch."""
    draw = Draw(seed, **fixed)
    most = draw.one("most", 1, 2, 3, 9)
    words, vision, text, said = _parts(draw, "siglip", draw.one("rest", 0, 0, 1, 2, 3))
    if text.model_type.startswith("qwen"):
        words.chat_template = ONEVISION
    size, side = vision.image_size, vision.image_size // vision.patch_size
    pinpoints = [[rows * size, columns * size] for rows in (1, 2, 3) for columns in (1, 2, 3)]
    theirs = LlavaOnevisionForConditionalGeneration(LlavaOnevisionConfig(
        **said, video_token_index=words.convert_tokens_to_ids("<video>"), image_grid_pinpoints=pinpoints,
        vision_feature_layer=draw.layers(vision.num_hidden_layers), vision_aspect_ratio=f"anyres_max_{most}",
    ))  # fmt: skip
    spread(theirs, seed)
    shown = {"size": {"height": size, "width": size}, "image_mean": (0.5, 0.4, 0.6), "image_std": (0.5, 0.3, 0.4)}
    pictures = LlavaOnevisionImageProcessorPil(image_grid_pinpoints=pinpoints, **shown)
    processor = OneVision(
        pictures, words, LlavaOnevisionVideoProcessor(**shown), num_image_tokens=side**2, vision_feature_select_strategy="full",
        vision_aspect_ratio=f"anyres_max_{most}", chat_template=words.chat_template,
    )  # fmt: skip
    return open_pair(folder, theirs, processor)


def frames_of(file: Path) -> list[Image.Image]:
    """The pictures of a folder or of an animation."""
    if file.is_dir():
        return [Image.open(frame).convert("RGB") for frame in sorted(file.iterdir(), key=lambda frame: int(frame.stem))]
    with Image.open(file) as film:
        return [frame.convert("RGB") for frame in ImageSequence.Iterator(film)]


def onevision_inputs(pair: Pair, root: Path, one: Sample) -> Any:
    """What their processor makes of a sample; of a video, frames squashed to one size, and as many places as its rule says."""
    if all(media.kind == "image" for media in one.media):
        return their_inputs(pair, root, one)
    side, words, said = pair.theirs.config.vision_config.image_size, pair.processor.tokenizer, pair.processor.image_processor
    squashed = [frame.resize((side, side), Image.Resampling.BICUBIC) for frame in frames_of(root / one.media[0].uri)]
    values = (np.stack([np.asarray(frame) / 255 for frame in squashed]) - said.image_mean) / said.image_std
    pixels = torch.tensor(values, dtype=torch.float32).permute(0, 3, 1, 2)[None]
    content = [{"type": "video"}, {"type": "text", "text": one.turns[0].text}]
    text = words.apply_chat_template([{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True)
    text = text.replace("<video>", pair.processor.replace_video_token({"pixel_values_videos": pixels}, 0))
    return {**words(text, return_tensors="pt", return_token_type_ids=False), "pixel_values_videos": pixels}
