"""Ovis2 folders drawn at random, those that are not covered, and indicators."""

import json

import pytest
from draws import LANGUAGES, Draw
from llava_folders import (
    TEXTS,
    draw_text,
    open_pair,
    spread,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast
from transformers.models.ovis2.image_processing_pil_ovis2 import Ovis2ImageProcessorPil
from transformers.models.ovis2.modeling_ovis2 import Ovis2Config, Ovis2ForConditionalGeneration, Ovis2VisionConfig
from transformers.models.ovis2.processing_ovis2 import Ovis2Processor

from omma.core.errors import CheckpointError, ConfigError
from omma.model.splices.indicators import Indicators
from omma.weights.maps.ovis2 import MARKS
from omma.weights.source import open_source

pytestmark = pytest.mark.parity

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}{% if message['content'] is string %}"
    "{{ message['content'] }}{% else %}{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>\n' }}"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def words():
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<IMG_ATOM>", *MARKS]
    bpe.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=310, special_tokens=marks,
                            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))  # fmt: skip
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHATML,
                                   additional_special_tokens=["<image>", "<IMG_ATOM>", *MARKS])  # fmt: skip


def ovis2(seed, folder, **fixed):
    draw = Draw(seed, **fixed)
    language, choice = draw.one("language", *LANGUAGES), draw.one("choice", "softmax", "st_argmax")
    tied, most = draw.one("tied", False, True), draw.one("most", 1, 3, 4, 6, 9)
    rng, own = draw.rng, words()
    heads, stride = int(rng.choice([1, 2])), int(rng.integers(1, 3))
    side = stride * int(rng.integers(1, 4))  # theirs refuses sides that the stride does not divide
    vision = Ovis2VisionConfig(
        hidden_size=8 * heads, num_attention_heads=heads, intermediate_size=int(rng.integers(16, 40)), patch_size=4,
        num_hidden_layers=int(rng.integers(1, 4)), image_size=4 * side, vocab_size=int(rng.integers(20, 40)), hidden_stride=stride,
        tokenize_function=choice, qkv_bias=bool(rng.integers(2)), mlp_bias=bool(rng.integers(2)),
    )  # fmt: skip
    text = draw_text(rng, language, len(own) + int(rng.integers(0, 4)), tied)
    theirs = Ovis2ForConditionalGeneration(Ovis2Config(
        vision_config=vision, text_config=text, hidden_size=text.hidden_size, vocab_size=text.vocab_size, tie_word_embeddings=tied,
        image_token_id=own.convert_tokens_to_ids("<IMG_ATOM>"),
        visual_indicator_token_ids=[own.convert_tokens_to_ids(mark) for mark in MARKS], attn_implementation="eager",
    ))  # fmt: skip
    spread(theirs, seed)
    pictures = Ovis2ImageProcessorPil(size={"height": 4 * side, "width": 4 * side}, crop_to_patches=most > 1, max_patches=most)
    processor = Ovis2Processor(pictures, own, chat_template=CHATML, image_seq_length=(side // stride) ** 2)
    return open_pair(folder, theirs, processor)


@pytest.mark.parametrize(
    ("file", "change", "word"),
    [
        ("config.json", {"visual_indicator_token_ids": [1, 2, 3, 4, 5]}, "visual_indicator_token_ids of other tokens"),
        ("preprocessor_config.json", {"size": {"height": 40, "width": 20}}, "the image_size of config.json"),
        ("preprocessor_config.json", {"crop_to_patches": True, "use_covering_area_grid": False}, "use_covering_area_grid"),
    ],
)
def test_folders_that_are_not_covered_are_refused(file, change, word, tmp_path):
    pair = ovis2(0, tmp_path / "released", most=9)
    stored = pair.folder / file
    said = json.loads(stored.read_text()) if stored.exists() else {}
    stored.write_text(json.dumps(said | change))
    with pytest.raises(CheckpointError, match=word):
        open_source(pair.folder)


def test_indicators_are_different_tokens():
    for ids in ((), (3, 3)):
        with pytest.raises(ConfigError, match="at least one, each once"):
            Indicators(ids=ids)
