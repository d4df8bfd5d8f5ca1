"""Folders of the Qwen-VL line as transformers publishes them, tiny and random, and what its processors make of samples.

Its processors need torchvision, if only for videos. Here stand their chat template, the image processor that goes without, and the
rule of each `replace_image_token` and `replace_video_token`; frames of videos have a size that no processor changes.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from llava_folders import TEXTS, Pair
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from omma.media.draw import to_png
from omma.schema.sample import Media, Part, Sample, Turn

MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
IMAGE, VIDEO = "<|image_pad|>", "<|video_pad|>"
# The released templates' own form: a system line where nobody gives one (Qwen2-VL, Qwen2.5-VL), each picture between its marks
TURNS = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}"
    "{% elif part['type'] == 'video' %}{{ '<|vision_start|><|video_pad|><|vision_end|>' }}"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}{{ '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
HELPFUL = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    + TURNS
)


def tokenizer(template: str) -> PreTrainedTokenizerFast:
    """A small byte-level BPE with the special tokens of the line."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=300, special_tokens=MARKS,
                            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))  # fmt: skip
    words = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>",
                                    additional_special_tokens=MARKS[3:])  # fmt: skip
    words.chat_template = template
    return words


@dataclass
class Hand:
    """A processor put together by hand. `time` of videos: none (Qwen2-VL), in positions (Qwen2.5-VL), in words (Qwen3-VL)."""

    words: PreTrainedTokenizerFast
    image: Qwen2VLImageProcessorPil
    video: dict[str, Any]
    time: Literal["none", "positions", "words"] = "none"

    def save_pretrained(self, folder: Path) -> None:
        """The files of a release."""
        self.words.save_pretrained(folder)
        self.image.save_pretrained(folder)
        (folder / "video_preprocessor_config.json").write_text(json.dumps(self.video))

    def text(self, asked: Sample) -> str:
        """Conversation → what its template writes."""
        kinds = [
            {"type": "text", "text": part.text} if part.kind == "text" else {"type": part.kind} for part in asked.turns[0].parts
        ]
        messages = [{"role": "user", "content": kinds}]
        return self.words.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    def pictures(self, pictures: list[Image.Image]) -> tuple[dict[str, torch.Tensor], list[str]]:
        """Pictures → what the model reads, and the tokens of each."""
        if not pictures:
            return {}, []
        given = dict(self.image(images=pictures, return_tensors="pt"))
        merged = self.image.merge_size**2
        return given, [IMAGE * (int(grid.prod()) // merged) for grid in given["image_grid_thw"]]

    def sampled(self, frames: np.ndarray, pace: float) -> tuple[np.ndarray, float]:
        """All frames, more being asked for than there are; but whole steps of them, where time is not in words."""
        if self.time == "words":
            return frames, pace
        whole = len(frames) - len(frames) % self.image.temporal_patch_size
        numbers = torch.arange(0, len(frames), len(frames) / whole).int().numpy()
        return frames[numbers], whole / len(frames) * pace

    def videos(self, videos: list[tuple[np.ndarray, float]]) -> tuple[dict[str, torch.Tensor], list[str]]:
        """(frames (t, h, w, 3), frames a second) of each → what the model reads, and the tokens of each."""
        if not videos:
            return {}, []
        cut = [self._cut(frames) for frames, _ in videos]
        given = {
            "pixel_values_videos": torch.cat([patches for patches, _ in cut]),
            "video_grid_thw": torch.tensor([grid for _, grid in cut]),
        }
        if self.time == "positions":
            seconds = [self.image.temporal_patch_size / pace for _, pace in videos]
            given["second_per_grid_ts"] = torch.tensor(seconds)
        return given, [self._tokens(grid, *video) for (_, grid), video in zip(cut, videos, strict=True)]

    def _cut(self, frames: np.ndarray) -> tuple[torch.Tensor, list[int]]:
        """Patches in the order of the reference: merged square by square, a patch over both frames of its step."""
        p, m, t = self.image.patch_size, self.image.merge_size, self.image.temporal_patch_size
        mean, std = np.array(self.image.image_mean), np.array(self.image.image_std)
        pixels = ((frames / 255 - mean) / std).transpose(0, 3, 1, 2)
        pixels = np.concatenate((pixels, *([pixels[-1:]] * (-len(pixels) % t))))
        steps, rows, columns = len(pixels) // t, frames.shape[1] // p, frames.shape[2] // p
        blocks = pixels.reshape(steps, t, 3, rows // m, m, p, columns // m, m, p).transpose(0, 3, 6, 4, 7, 2, 1, 5, 8)
        return torch.tensor(blocks.reshape(steps * rows * columns, -1), dtype=torch.float32), [steps, rows, columns]

    def _tokens(self, grid: list[int], frames: np.ndarray, pace: float) -> str:
        step = VIDEO * (grid[1] * grid[2] // self.image.merge_size**2)
        if self.time != "words":
            return step * grid[0]
        t, times = self.image.temporal_patch_size, [number / pace for number in range(len(frames))]
        times += [times[-1]] * (-len(times) % t)
        said = [(times[i] + times[i + t - 1]) / 2 for i in range(0, len(times), t)]
        return "".join(f"<{second:.1f} seconds><|vision_start|>{step}<|vision_end|>" for second in said)


def their_inputs(pair: Pair, root: Path, asked: Sample) -> dict[str, torch.Tensor]:
    """What the reference reads of a sample."""
    hand: Hand = pair.processor
    images = [Image.open(root / media.uri).convert("RGB") for media in asked.media if media.kind == "image"]
    films = [hand.sampled(_frames(root / media.uri), media.fps) for media in asked.media if media.kind == "video"]
    (seen, image_tokens), (moving, video_tokens) = hand.pictures(images), hand.videos(films)
    text = _filled(hand.text(asked), IMAGE, image_tokens)
    place = f"<|vision_start|>{VIDEO}<|vision_end|>" if hand.time == "words" else VIDEO
    text = _filled(text, place, video_tokens)
    ids = torch.tensor([hand.words(text)["input_ids"]])
    kinds = torch.zeros_like(ids)
    for kind, token in enumerate((IMAGE, VIDEO), start=1):
        kinds[ids == hand.words.convert_tokens_to_ids(token)] = kind
    whole = {"input_ids": ids, **seen, **moving}
    # a text alone has no kinds: the reference asks for them only where there is something to see
    return whole | ({"mm_token_type_ids": kinds} if seen or moving else {})


def _filled(text: str, place: str, tokens: list[str]) -> str:
    pieces = text.split(place)
    assert len(pieces) == len(tokens) + 1
    return "".join(piece + token for piece, token in zip(pieces, [*tokens, ""], strict=True))


def _frames(file: Path) -> np.ndarray:
    with Image.open(file) as film:
        frames = []
        for number in range(film.n_frames):
            film.seek(number)
            frames.append(np.asarray(film.convert("RGB")))
    return np.stack(frames)


def film(
    root: Path, seed: int, frames: int, size: tuple[int, int], milliseconds: int, pictures: tuple[tuple[int, int], ...] = ()
) -> Sample:
    """A question about an animated PNG of so many frames, behind pictures of these (width, height)."""
    rng = np.random.default_rng(seed)
    media = []
    for number, (width, height) in enumerate(pictures):
        still = root / f"still-{seed}-{number}.png"
        still.write_bytes(to_png(rng.integers(0, 256, (height, width, 3)).astype(np.uint8)))
        media.append(Media(still.name, width=width, height=height))
    shots = [Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)) for _ in range(frames)]
    file = root / f"film-{seed}.png"
    shots[0].save(file, save_all=True, append_images=shots[1:], duration=milliseconds)
    media.append(Media(file.name, "video", width=size[0], height=size[1], frames=frames, fps=1000 / milliseconds))
    parts = [Part("image", index=i) for i in range(len(media) - 1)] + [Part("video", index=len(media) - 1)]
    return Sample(f"film{seed}", "test", media=tuple(media), turns=(Turn("user", (*parts, Part("text", TEXTS[0]))),))


def as_pictures(pair: Pair, ids: torch.Tensor) -> torch.Tensor:
    """The same with the image token in the places of videos: in ours, every visual slot holds it; none is ever embedded."""
    image, video = (pair.processor.words.convert_tokens_to_ids(token) for token in (IMAGE, VIDEO))
    return torch.where(ids == video, image, ids)
