"""Prompts of whole conversations: the same ids as from the processors of Qwen2-VL, Qwen2.5-VL, Qwen3-VL and InternVL themselves.

Template, pictures, the tokens in their places and the tokenizer are transformers' own, run by `apply_chat_template` and the
processor's call. Only its video processor, which needs torchvision, gives way to one that says how many frames there are. The
templates are written here in the form of the released ones.

Qwen3-VL's processor was released (transformers 4.57) to put the time steps of a video, each between marks of its own, in place of
the template's marks and token together, as vLLM does; transformers 5 leaves the template's marks around them. Ours is the first.
"""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from internvl_folders import NAMED
from internvl_folders import tokenizer as internvl_words
from PIL import Image
from qwen_folders import HELPFUL, TURNS
from qwen_folders import tokenizer as qwen_words
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.internvl.modeling_internvl import InternVLConfig
from transformers.models.internvl.processing_internvl import InternVLProcessor
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLConfig
from transformers.models.qwen2_5_vl.processing_qwen2_5_vl import Qwen2_5_VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VLConfig
from transformers.models.qwen2_vl.processing_qwen2_vl import Qwen2VLProcessor
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLConfig
from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor

from omma.core.files import write_text
from omma.schema.sample import Media, Part, Sample, Turn
from omma.weights.family import find_family
from omma.weights.released import read_released

pytestmark = pytest.mark.parity

PATCH, MERGE, STEP = 4, 2, 2  # px, patches per side of a token, frames of a time step
FRAMES = 4  # of every video of InternVL, which stacks them
SAID = ("What is this?", " and this:\n", "A red circle, ", "  two\n\nlines ", "naïve café 東京 🙂", "1 < 2 & {{ 3 }}", "")
QWEN = {"qwen2_vl": (Qwen2VLProcessor, Qwen2VLConfig, HELPFUL), "qwen2_5_vl": (Qwen2_5_VLProcessor, Qwen2_5_VLConfig, HELPFUL),
        "qwen3_vl": (Qwen3VLProcessor, Qwen3VLConfig, TURNS)}  # fmt: skip


class Counted:
    """A video processor in name: frames stay as large and as many as they are. `paces` are frames a second of each video."""

    merge_size, temporal_patch_size, model_input_names = MERGE, STEP, ["pixel_values_videos"]

    def __call__(self, videos, paces, **options):
        grids = [[-(-len(video) // STEP), video.shape[1] // PATCH, video.shape[2] // PATCH] for video in videos]
        facts = [
            SimpleNamespace(fps=pace, sampled_fps=pace, frames_indices=list(range(len(video))))
            for video, pace in zip(videos, paces, strict=True)
        ]
        pixels = torch.zeros(len(videos), max(map(len, videos)), 3, 8 * PATCH, 8 * PATCH)
        return {"pixel_values_videos": pixels, "video_grid_thw": torch.tensor(grids), "video_metadata": facts}


def unchecked(kind):
    """A processor class without its look at the class of the video processor."""
    return type(kind.__name__, (kind,), {"check_argument_for_proper_class": lambda self, name, argument: None})


def qwen(line, folder):
    """A folder of a line without weights → its processor."""
    kind, config, template = QWEN[line]
    words = qwen_words(template)
    size = {"shortest_edge": (4 * PATCH) ** 2, "longest_edge": (14 * PATCH) ** 2}
    image = Qwen2VLImageProcessorPil(patch_size=PATCH, merge_size=MERGE, temporal_patch_size=STEP, size=size)
    ids = {f"{name}_token_id": words.convert_tokens_to_ids(token) for name, token in (
        ("image", "<|image_pad|>"), ("video", "<|video_pad|>"), ("vision_start", "<|vision_start|>"),
        ("vision_end", "<|vision_end|>"))}  # fmt: skip
    text = dict(hidden_size=32, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, intermediate_size=32,
                vocab_size=len(words), bos_token_id=None, eos_token_id=None,
                rope_parameters={"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]})  # fmt: skip
    sight = {"depth": 4, "num_heads": 2, "patch_size": PATCH}
    sight |= {"embed_dim": 32, "hidden_size": 32} if line == "qwen2_vl" else {"hidden_size": 32, "out_hidden_size": 32}
    if line == "qwen2_5_vl":
        sight |= {"fullatt_block_indexes": [1], "intermediate_size": 32}
    if line == "qwen3_vl":
        text |= {"head_dim": 8}
        sight |= {"deepstack_visual_indexes": [1, 2], "num_position_embeddings": 16, "intermediate_size": 32}
    config(text_config=text, vision_config=sight, **ids).save_pretrained(folder)
    words.save_pretrained(folder)
    image.save_pretrained(folder)
    video = size | {"longest_edge": 64 * size["longest_edge"]} if line == "qwen3_vl" else size
    write_text(
        folder / "video_preprocessor_config.json", json.dumps({"size": video, "fps": 8.0, "min_frames": 2, "max_frames": 64})
    )
    return unchecked(kind)(image, words, Counted(), chat_template=words.chat_template)


def internvl(line, folder):
    """The same of InternVL, tiles of 8 × 8 patches joined by four."""
    words = internvl_words()
    image = GotOcr2ImageProcessorPil(size={"height": 8 * PATCH, "width": 8 * PATCH}, crop_to_patches=True, max_patches=5)
    text = dict(model_type="qwen2", hidden_size=32, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2,
                intermediate_size=32, vocab_size=len(words))  # fmt: skip
    sight = dict(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, patch_size=[PATCH] * 2,
                 image_size=[8 * PATCH] * 2)  # fmt: skip
    slot = words.convert_tokens_to_ids(NAMED["context_image_token"])
    InternVLConfig(text_config=text, vision_config=sight, image_token_id=slot, image_seq_length=16).save_pretrained(folder)
    words.save_pretrained(folder)
    image.save_pretrained(folder)
    write_text(folder / "processor_config.json", json.dumps({"image_seq_length": 16}))
    video = {"num_frames": FRAMES, "initial_shift": True, "video_processor_type": "InternVLVideoProcessor"}
    write_text(folder / "video_preprocessor_config.json", json.dumps(video))
    return unchecked(InternVLProcessor)(image, words, Counted(), image_seq_length=16, chat_template=words.chat_template)


LINES = dict.fromkeys(QWEN, qwen) | {"internvl": internvl}


@pytest.fixture(scope="module", params=LINES)
def line(request, tmp_path_factory):
    """A processor, our model of its folder and our codec."""
    folder = tmp_path_factory.mktemp(request.param) / "released"
    folder.mkdir()
    processor = LINES[request.param](request.param, folder)
    released = read_released(folder)
    model = find_family(released.config, where=released.where, kind="vlm").model_from(released)
    return SimpleNamespace(name=request.param, processor=processor, model=model, codec=model.text.fit((), folder / "ours"))


def conversation(rng, counts):
    """Turns of both sides, ending with the user's: parts of text, pictures of any size, and films of some counts of frames."""
    media, turns = [], [Turn("system", (Part("text", "Be brief."),))] if rng.random() < 0.4 else []
    for number in range(2 * int(rng.integers(1, 4)) - 1):
        parts = []
        for _ in range(int(rng.integers(1, 5))):
            kind = str(rng.choice(["text", "image", "video"])) if number % 2 == 0 else "text"
            if kind == "text":
                parts.append(Part("text", str(rng.choice(SAID))))
                continue
            parts.append(Part(kind, index=len(media)))
            media.append(shown(rng, kind, len(media), counts))
        turns.append(Turn("user" if number % 2 == 0 else "assistant", tuple(parts)))
    return Sample("s", "test", media=tuple(media), turns=tuple(turns))


def shown(rng, kind, number, counts):
    """A picture of any size, or a film of a size that nobody changes."""
    if kind == "image":
        width, height = (int(side) for side in rng.integers(9, 120, 2))
        return Media(f"{number}.png", width=width, height=height)
    side = PATCH * MERGE
    return Media(f"{number}.png", "video", width=6 * side, height=4 * side, frames=int(rng.choice(counts)),
                 fps=float(rng.choice([1.0, 2.5, 8.0])))  # fmt: skip


def theirs(processor, sample):
    """Conversation → the ids that the processor makes of it."""
    messages = [
        {
            "role": turn.role,
            "content": [{"type": "text", "text": p.text} if p.kind == "text" else {"type": p.kind} for p in turn.parts],
        }
        for turn in sample.turns
    ]
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    if isinstance(processor, Qwen3VLProcessor):
        text = text.replace("<|vision_start|><|video_pad|><|vision_end|>", "<|video_pad|>")
    stills = [Image.new("RGB", (m.width, m.height)) for m in sample.media if m.kind == "image"]
    films = [m for m in sample.media if m.kind == "video"]
    moving = [np.zeros((m.frames, m.height, m.width, 3), np.uint8) for m in films]
    paces = {"videos_kwargs": {"paces": [m.fps for m in films]}} if films else {}
    return processor(text=[text], images=stills or None, videos=moving or None, return_tensors="pt", **paces)["input_ids"][
        0
    ].tolist()


def test_conversations_have_the_ids_of_the_released_processor(line):
    rng, counts = np.random.default_rng(0), {"qwen3_vl": (2, 3, 4, 5), "internvl": (FRAMES,)}.get(line.name, (2, 4, 6))
    found = {"image": 0, "video": 0}
    for _ in range(60):
        sample = conversation(rng, counts)
        ids = theirs(line.processor, sample)
        video = line.processor.tokenizer.convert_tokens_to_ids(line.processor.video_token)
        expected = [line.codec.image_id if token == video else token for token in ids]  # ours holds one token in every slot
        assert line.codec.prompt(sample, line.model).token_ids.tolist() == expected
        for media in sample.media:
            found[media.kind] += 1
    assert min(found.values()) > 40
