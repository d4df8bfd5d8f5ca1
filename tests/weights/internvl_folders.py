"""Folders of InternVL as transformers publishes them, tiny and random, and what its processor makes of samples.

Its processor needs torchvision, if only for videos. Here it runs without its video processor; frames of videos have the size of a
tile, so that none would change them, and are all seen.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from draws import LANGUAGES, Draw
from llava_folders import CHATML, TEXTS, Pair, draw_text, open_pair, spread
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.internvl.modeling_internvl import (
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLVisionConfig,
)
from transformers.models.internvl.processing_internvl import InternVLProcessor

from omma.schema.sample import Sample

MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<IMG_CONTEXT>", "<video>"]
SLOT, VIDEO = "<IMG_CONTEXT>", "<video>"
TEMPLATE = CHATML.replace("<image>", SLOT)
NAMED = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": SLOT, "video_token": VIDEO}


def tokenizer() -> PreTrainedTokenizerFast:
    """A small byte-level BPE with the special tokens of the line."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=300, special_tokens=MARKS,
                            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))  # fmt: skip
    words = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>",
                                    extra_special_tokens=NAMED)  # fmt: skip
    words.chat_template = TEMPLATE
    return words


@dataclass
class Hand:
    """Words and pictures by transformers' classes, with the processor's own rules for their tokens."""

    words: PreTrainedTokenizerFast
    image: GotOcr2ImageProcessorPil
    image_seq_length: int
    num_frames: int

    def save_pretrained(self, folder: Path) -> None:
        """The files of a release."""
        self.words.save_pretrained(folder)
        self.image.save_pretrained(folder)
        video = {"num_frames": self.num_frames, "initial_shift": True, "video_processor_type": "InternVLVideoProcessor"}
        (folder / "video_preprocessor_config.json").write_text(json.dumps(video))
        said = {"image_seq_length": self.image_seq_length, "processor_class": "InternVLProcessor"}
        (folder / "processor_config.json").write_text(json.dumps(said))

    start_image_token, end_image_token, image_token = "<img>", "</img>", SLOT
    replace_image_token = InternVLProcessor.replace_image_token
    replace_video_token = InternVLProcessor.replace_video_token

    def frames(self, file: Path) -> torch.Tensor:
        """Animation → (frames, 3, h, w), the frames that the video processor takes or all of a shorter one, normalised."""
        with Image.open(file) as film_:
            total = film_.n_frames
            count = min(self.num_frames, total)
            chosen = np.arange(total / count / 2, total, total / count).astype(int)
            shown = []
            for number in chosen.tolist():
                film_.seek(number)
                shown.append(film_.convert("RGB"))
            seen = self.image(images=shown, crop_to_patches=False, return_tensors="pt")
        return seen["pixel_values"]


def their_inputs(pair: Pair, root: Path, asked: Sample) -> dict[str, torch.Tensor]:
    """What the reference reads of a sample."""
    hand: Hand = pair.processor
    content = [{"type": "text", "text": p.text} if p.kind == "text" else {"type": p.kind} for p in asked.turns[0].parts]
    text = hand.words.apply_chat_template([{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True)
    pixels = []
    for media in asked.media:
        token = SLOT if media.kind == "image" else VIDEO
        assert token in text
        if media.kind == "image":
            seen = hand.image(images=[Image.open(root / media.uri).convert("RGB")], crop_to_patches=True, return_tensors="pt")
            pixels.append(seen["pixel_values"])
            written = hand.replace_image_token(seen, 0)
        else:
            pixels.append(hand.frames(root / media.uri))
            written = hand.replace_video_token({"pixel_values_videos": [pixels[-1]]}, 0)
        text = text.replace(token, written.replace(SLOT, "\0"), 1)
    ids = torch.tensor([hand.words(text.replace("\0", SLOT))["input_ids"]])
    return {"input_ids": ids} | ({"pixel_values": torch.cat(pixels)} if pixels else {})


def draw_vision(rng: np.random.Generator, kind: str, *, patch: int, side: int) -> InternVLVisionConfig:
    """A random small InternViT, shaped as the 300M (`small`: biases, LayerNorm) or the 6B (`large`: norms of queries and keys)."""
    heads = int(rng.choice([1, 2]))
    sizes: dict[str, Any] = dict(
        hidden_size=heads * 8, num_attention_heads=heads, intermediate_size=int(rng.integers(16, 48)),
        num_hidden_layers=int(rng.integers(2, 5)), image_size=[patch * side] * 2, patch_size=[patch] * 2,
    )  # fmt: skip
    if kind == "small":
        return InternVLVisionConfig(**sizes, attention_bias=True, use_mean_pooling=bool(rng.random() < 0.7))
    return InternVLVisionConfig(**sizes, attention_bias=False, use_qk_norm=True, norm_type="rms_norm", use_mean_pooling=True)


def opened(seed: int, folder: Path, **fixed: Any) -> Pair:
    """The same as a folder in transformers' layout, open on both sides."""
    return open_pair(folder, *internvl(seed, **fixed))


def internvl(seed: int, **fixed: Any) -> tuple[Any, Hand]:
    """A random model of the line and its processor: InternViT of either kind, any language model, layer and downsampling."""
    draw, words = Draw(seed, **fixed), tokenizer()
    tower, language, tied = draw.one("tower", "small", "large"), draw.one("language", *LANGUAGES), draw.one("tied", False, True)
    ratio, tiles, rng = draw.one("ratio", 0.5, 0.5, 0.25, 1.0), draw.one("tiles", 1, 3, 4, 6, 12), draw.rng
    factor = round(1 / ratio)
    patch, side = int(rng.choice([4, 6])), factor * int(rng.integers(1, 3)) * (2 if factor == 1 else 1)
    vision = draw_vision(rng, tower, patch=patch, side=side)
    text = draw_text(rng, language, len(words) + int(rng.integers(0, 4)), tied)
    tokens = (side // factor) ** 2
    cfg = InternVLConfig(
        vision_config=vision, text_config=text, image_token_id=words.convert_tokens_to_ids(SLOT), image_seq_length=tokens,
        downsample_ratio=ratio, vision_feature_layer=draw.layers(vision.num_hidden_layers, several=False),
        tie_word_embeddings=tied, attn_implementation="eager",
    )  # fmt: skip
    theirs = InternVLForConditionalGeneration(cfg)
    spread(theirs, seed)
    square = {"height": patch * side, "width": patch * side}
    image = GotOcr2ImageProcessorPil(size=square, crop_to_patches=True, max_patches=tiles)
    return theirs, Hand(words, image, tokens, num_frames=int(rng.integers(2, 4)))
