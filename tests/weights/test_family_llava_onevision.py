"""LLaVA-OneVision folders: the same ids, logits, replies and gradients as transformers; several pictures and videos too."""

import json

import numpy as np
import pytest
import torch
from llava_folders import (
    ONEVISION,
    TEMPLATES,
    check_gradients,
    check_greedy,
    check_logits,
    check_round_trip,
    draw_text,
    draw_tower,
    open_pair,
    our_batch,
    sample,
    spread,
    their_inputs,
    tokenizer,
    worst,
)
from PIL import Image, ImageSequence
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
from transformers.models.llava_onevision.modeling_llava_onevision import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
)
from transformers.models.llava_onevision.processing_llava_onevision import LlavaOnevisionProcessor
from transformers.models.llava_onevision.video_processing_llava_onevision import LlavaOnevisionVideoProcessor

from omma.core.errors import CheckpointError
from omma.media.draw import to_png
from omma.schema.sample import Media, Part, Sample, Turn
from omma.weights.source import open_source

pytestmark = pytest.mark.parity

# fp32, as a share of the largest value compared. Worst case measured: logits 7.6e-7, gradients 6.5e-6.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4
MEAN, STD = (0.5, 0.4, 0.6), (0.5, 0.3, 0.4)
DRAWS = {  # seed: language, layers, tied, most tiles, rest of px behind the last patch
    0: ("qwen2", -1, False, 9, 0),
    1: ("qwen2", -1, True, 1, 2),
    2: ("llama", -2, False, 2, 1),
    3: ("mistral", [-1, 1], False, 1, 0),
    4: ("qwen2", 2, True, 3, 3),
    5: ("llama", [2, -1, -2], False, 1, 1),
}


class Processor(LlavaOnevisionProcessor):
    """Transformers' own, without its look at the class of the video processor, which needs torchvision."""

    def check_argument_for_proper_class(self, argument_name, argument):
        return None


def llava_onevision(seed, folder):
    language, layer, tied, most, rest = DRAWS[seed]
    rng, words = np.random.default_rng(seed), tokenizer(language)
    vision = draw_tower(rng, "siglip", patch=int(rng.choice([4, 6])), side=int(rng.integers(2, 5)), rest=rest)
    text = draw_text(rng, language, len(words), tied)
    words.chat_template = ONEVISION if language == "qwen2" else TEMPLATES[language]
    size, side = vision.image_size, vision.image_size // vision.patch_size
    pinpoints = [[rows * size, columns * size] for rows in (1, 2, 3) for columns in (1, 2, 3)]
    image, video = words.convert_tokens_to_ids(["<image>", "<video>"])
    cfg = LlavaOnevisionConfig(vision_config=vision, text_config=text, image_token_index=image, video_token_index=video,
                               vision_feature_layer=layer, tie_word_embeddings=tied, image_grid_pinpoints=pinpoints,
                               vision_aspect_ratio=f"anyres_max_{most}", attn_implementation="eager")  # fmt: skip
    theirs = LlavaOnevisionForConditionalGeneration(cfg)
    spread(theirs, seed)
    square = {"height": size, "width": size}
    pictures = LlavaOnevisionImageProcessorPil(size=square, image_grid_pinpoints=pinpoints, image_mean=MEAN, image_std=STD)
    videos = LlavaOnevisionVideoProcessor(size=square, image_mean=MEAN, image_std=STD)
    processor = Processor(pictures, words, videos, num_image_tokens=side**2, vision_feature_select_strategy="full",
                          vision_aspect_ratio=cfg.vision_aspect_ratio, chat_template=words.chat_template)  # fmt: skip
    return open_pair(folder, theirs, processor)


def asked(root):
    """One picture, several of mixed sizes, none: documents of one pack."""
    sizes = [(50, 30)], [(20, 61), (33, 33), (90, 40)], [], [(200, 70)], [(7, 90)]
    return [sample(root, number, own) for number, own in enumerate(sizes)]


def film(root, frames=5, width=31, height=17):
    """A question about a video, which is a folder of pictures."""
    rng, place = np.random.default_rng(frames), root / f"film-{frames}"
    place.mkdir()
    for number in range(frames):
        (place / f"{number}.png").write_bytes(to_png(rng.integers(0, 256, (height, width, 3)).astype(np.uint8)))
    media = (Media(place.name, kind="video", width=width, height=height, frames=frames, fps=1.0),)
    return Sample(place.name, "test", media=media, turns=(Turn("user", (Part("video", index=0), Part("text", "what moves?"))),))


def frames_of(file):
    """The pictures of a folder or of an animation."""
    if file.is_dir():
        return [Image.open(frame).convert("RGB") for frame in sorted(file.iterdir(), key=lambda frame: int(frame.stem))]
    with Image.open(file) as film:
        return [frame.convert("RGB") for frame in ImageSequence.Iterator(film)]


def inputs(pair, root, one):
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


@pytest.mark.parametrize("seed", DRAWS)
def test_a_folder_gives_the_same_ids_logits_and_replies(seed, tmp_path):
    pair = llava_onevision(seed, tmp_path / "released")
    assert check_logits(pair, tmp_path, asked(tmp_path)) <= TOLERANCE
    check_greedy(pair, tmp_path, asked(tmp_path)[1:3])


@pytest.mark.parametrize("seed", [0, 1])
def test_videos_give_the_same_logits(seed, tmp_path):
    pair = llava_onevision(seed, tmp_path / "released")
    one = film(tmp_path)
    seen, batch = inputs(pair, tmp_path, one), our_batch(pair, tmp_path, [one])
    image, video = pair.codec.image_id, pair.theirs.config.video_token_index
    # our slots all hold one token, whatever fills them
    assert batch.tokens.tolist() == torch.where(seen["input_ids"][0] == video, image, seen["input_ids"][0]).tolist()
    output = pair.module(batch)
    with torch.no_grad():
        assert worst(output.stream.hidden @ output.head.T, pair.theirs(**seen).logits[0]) <= TOLERANCE
    check_greedy(pair, tmp_path, [one], make_inputs=inputs)


@pytest.mark.parametrize("seed", [1, 2])
def test_gradients_of_one_loss_are_the_same(seed, tmp_path):
    pair = llava_onevision(seed, tmp_path / "released")
    assert check_gradients(pair, tmp_path, asked(tmp_path)) <= GRADIENT_TOLERANCE


def test_gradients_through_a_video_are_the_same(tmp_path):
    pair = llava_onevision(0, tmp_path / "released")
    assert check_gradients(pair, tmp_path, [film(tmp_path), film(tmp_path, frames=3)], inputs) <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("seed", [3, 4])
def test_an_export_comes_back_bit_by_bit_and_serves_the_same_logits(seed, tmp_path):
    pair = llava_onevision(seed, tmp_path / "released")
    assert check_round_trip(pair, tmp_path, asked(tmp_path)) <= TOLERANCE


def test_other_limits_are_refused(tmp_path):
    pair = llava_onevision(0, tmp_path / "released")
    stored = pair.folder / "config.json"
    stored.write_text(json.dumps(json.loads(stored.read_text()) | {"vision_aspect_ratio": "anyres"}))
    with pytest.raises(CheckpointError, match="vision_aspect_ratio is 'anyres'; expected 'anyres_max_9'"):
        open_source(pair.folder)
