"""Prefill and decode of our generation against transformers' `generate`: LLaVA and Qwen2.5-VL, equal weights, mixed pictures.

Small random checkpoints are written as transformers writes them, with a tokenizer and a chat template, and opened on our side
as any released folder is. Prompts hold one picture each, of mixed sizes, and words of mixed lengths; fp32, greedy, replies that
all run to the end. transformers gets what its users write: left padding, an attention mask, `use_cache`, its default
attention. Prefill is a reply of one token; decode is what a longer reply takes beyond it; whole is both. Preparing pixels and
words is nobody's time. Both sides run in one process, in turn; a ratio is the median of the rounds' ratios. With `--cpu` time
is what the process spent on the processor, which other work on the machine disturbs less.

    python benchmarks/prefill_decode.py [--threads 1] [--rounds 7] [--tokens 96] [--cpu]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.clip.modeling_clip import CLIPVisionConfig
from transformers.models.llama.modeling_llama import LlamaConfig
from transformers.models.llava.modeling_llava import LlavaConfig, LlavaForConditionalGeneration
from transformers.models.llava.processing_llava import LlavaProcessor
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.utils import logging

from omma.generate.engine import generate
from omma.generate.sampling import Sampling
from omma.media.draw import to_png
from omma.media.store import Store
from omma.model.vlm import VlmModule
from omma.pack.collate import rows_to_batch
from omma.schema.batch import Batch
from omma.schema.sample import Media, Part, Sample, Turn
from omma.weights.source import open_source
from omma.weights.start import Weights, start_model

RESULT = Path(__file__).parent / "results" / "prefill_decode.txt"
VOCABULARY = 4096
TEXT = {"hidden_size": 256, "intermediate_size": 688, "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 4,
        "vocab_size": VOCABULARY, "max_position_embeddings": 4096, "bos_token_id": None, "eos_token_id": None,
        "pad_token_id": 0}  # fmt: skip
SIZES = ((224, 112), (112, 112), (140, 168), (84, 224), (196, 196), (112, 168), (56, 56), (168, 84))  # pictures, px
WORDS = ("what", "stands", "left", "of", "the", "red", "house", "and", "how", "many", "people", "walk", "by", "it", "today")
NUM_WORDS = (6, 40, 18, 70, 12, 29, 55, 33)
QWEN = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
VICUNA = (
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<image>\n' }}{% else %}{{ part['text'] + ' ' }}{% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


@dataclass(frozen=True)
class Side:
    """A model with what it reads, and `say`: a number of tokens → that many ids of each row."""

    say: Callable[[int], list[list[int]]]


@dataclass(frozen=True)
class Silent:
    """A vocabulary in which nothing ends a reply."""

    banned_ids: tuple[int, ...]
    stop_ids: tuple[int, ...] = ()

    def decode(self, ids: Any) -> str:
        return ""


def main() -> None:
    options = parse()
    logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    clock = "processor time" if options.cpu else "wall time"
    lines = [
        "python benchmarks/prefill_decode.py",
        f"a picture a row, 56 to 224 px a side; words of mixed lengths; replies of {options.tokens} tokens,",
        f"language model 256x4 (8 heads over 4), vocabulary {VOCABULARY}, fp32, greedy, torch {torch.__version__}",
        f"2-core x86-64 CPU, Linux, threads: {options.threads}; {clock}, medians of {options.rounds} rounds, both in turn",
        "",
        f"{'':>12}{'rows':>6}{'prefill ms':>20}{'ratio':>8}{'decode tok/s':>20}{'ratio':>8}{'whole tok/s':>20}{'ratio':>8}"
        f"{'of rounds':>13}{'same text':>11}",
        f"{'':>12}{'':>6}" + f"{'transformers':>13}{'omma':>7}{'':>8}" * 3,
    ]
    with tempfile.TemporaryDirectory() as place:
        for line, write in (("LLaVA", write_llava), ("Qwen2.5-VL", write_qwen)):
            folder = Path(place) / line
            theirs, processor = write(folder)
            for rows in (1, 8):
                lines.append(compare(line, folder, theirs, processor, rows, options))
                print(lines[-1], flush=True)
    text = "\n".join(lines)
    print(text)
    RESULT.write_text(text + "\n")


def compare(line: str, folder: Path, theirs: Any, processor: Any, rows: int, options: argparse.Namespace) -> str:
    """One line of the table."""
    samples = [question(folder, number) for number in range(rows)]
    source = open_source(folder)
    module = start_model(source.model, Weights(model=str(folder)), 0).eval()
    codec = source.model.text.fit((), folder / "words-of-omma")
    batch = rows_to_batch([codec.prompt(one, source.model) for one in samples], source.model, Store(folder))
    inputs = processor([sample.turns[0].text for sample in samples], [Image.open(folder / s.media[0].uri) for s in samples])
    prompts = [ids[kept.bool()].tolist() for ids, kept in zip(inputs["input_ids"], inputs["attention_mask"], strict=True)]
    assert [ids.tolist() for ids in batch.tokens.split(batch.cu_seqlens.diff().tolist())] == prompts, "prompts differ"
    banned = tuple(codec.banned_ids)
    sides = (their_side(theirs, inputs, banned), our_side(module, batch, banned))
    clock = time.process_time if options.cpu else time.perf_counter
    found: list[list[tuple[float, float]]] = []
    for number in range(options.rounds + 1):  # the first warms up
        order = (0, 1) if number % 2 else (1, 0)
        taken = {side: (timed(sides[side], 1, clock), timed(sides[side], options.tokens, clock)) for side in order}
        found.append([taken[0], taken[1]])
    said = [side.say(options.tokens) for side in sides]
    same = sum(a == b for a, b in zip(*said, strict=True))
    return row_of(f"{line:>12}{rows:>6}", found[1:], rows, options.tokens, f"{f'{same}/{rows}':>11}")


def row_of(head: str, found: list[list[tuple[float, float]]], rows: int, tokens: int, tail: str) -> str:
    """(one token, all tokens) in seconds, per round and side → medians and ratios."""
    prefill = [[one for one, _ in sides] for sides in found]
    decode = [[whole - one for one, whole in sides] for sides in found]
    whole = [[whole for _, whole in sides] for sides in found]
    ratios = [theirs / ours for theirs, ours in whole]
    text = head
    for times, count in ((prefill, 0), (decode, rows * (tokens - 1)), (whole, rows * tokens)):
        medians = [statistics.median(pair[side] for pair in times) for side in (0, 1)]
        shown = [count / seconds if count else seconds * 1e3 for seconds in medians]
        ratio = statistics.median(theirs / ours for theirs, ours in times)
        text += f"{shown[0]:>13.0f}{shown[1]:>7.0f}{f'{ratio:.2f}x':>8}"
    return text + f"{f'{min(ratios):.2f}-{max(ratios):.2f}':>13}" + tail


def timed(side: Side, tokens: int, clock: Callable[[], float]) -> float:
    """Seconds of a reply of so many tokens."""
    began = clock()
    side.say(tokens)
    return clock() - began


def their_side(theirs: Any, inputs: dict[str, torch.Tensor], banned: tuple[int, ...]) -> Side:
    width = inputs["input_ids"].shape[1]

    def say(count: int) -> list[list[int]]:
        out = theirs.generate(**inputs, do_sample=False, use_cache=True, max_new_tokens=count, min_new_tokens=count,
                              suppress_tokens=list(banned))  # fmt: skip
        return out[:, width:].tolist()

    return Side(say)


def our_side(module: VlmModule, batch: Batch, banned: tuple[int, ...]) -> Side:
    words = Silent(banned)
    return Side(lambda count: [list(said.token_ids) for said in generate(module, batch, Sampling(max_tokens=count), words)])


def question(folder: Path, number: int) -> Sample:
    """Words about one random picture, whose bytes go to the folder."""
    draw = np.random.default_rng(number)
    width, height = SIZES[number]
    file = folder / f"{number}.png"
    file.write_bytes(to_png(draw.integers(0, 256, (height, width, 3)).astype(np.uint8)))
    words = " ".join(draw.choice(WORDS, NUM_WORDS[number]).tolist())
    turn = Turn("user", (Part("image", index=0), Part("text", words)))
    return Sample(f"row{number}", "bench", media=(Media(file.name, width=width, height=height),), turns=(turn,))


def write_llava(folder: Path) -> tuple[Any, Callable[..., dict[str, torch.Tensor]]]:
    """A LLaVA folder → its model and what prepares its inputs."""
    words = tokenizer(("<s>", "</s>", "<unk>", "<pad>", "<image>"), VICUNA, "<pad>")
    vision = CLIPVisionConfig(hidden_size=192, intermediate_size=768, num_hidden_layers=4, num_attention_heads=6, image_size=112,
                              patch_size=14)  # fmt: skip
    made = LlavaConfig(
        vision_config=vision, text_config=LlamaConfig(**TEXT), image_token_index=words.convert_tokens_to_ids("<image>")
    )
    theirs = spread(LlavaForConditionalGeneration(made))
    square = {"height": 112, "width": 112}
    how = CLIPImageProcessorPil(size={"shortest_edge": 112}, crop_size=square)
    processor = LlavaProcessor(how, words, patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1,
                               chat_template=VICUNA)  # fmt: skip
    theirs.save_pretrained(folder)
    processor.save_pretrained(folder)

    def inputs(texts: list[str], images: list[Image.Image]) -> dict[str, torch.Tensor]:
        return dict(processor(text=[said(words, text) for text in texts], images=images, padding=True, return_tensors="pt"))

    return theirs, inputs


def write_qwen(folder: Path) -> tuple[Any, Callable[..., dict[str, torch.Tensor]]]:
    """A Qwen2.5-VL folder → its model and what prepares its inputs; its processor as a whole would need torchvision."""
    marks = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    words = tokenizer(marks, QWEN, "<|endoftext|>")
    names = {"image_token_id": 5, "video_token_id": 6, "vision_start_token_id": 3, "vision_end_token_id": 4}
    ids = {name: words.convert_tokens_to_ids(marks[place]) for name, place in names.items()}
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [8, 4, 4]}
    vision = {"depth": 4, "hidden_size": 192, "num_heads": 6, "intermediate_size": 512, "out_hidden_size": 256, "patch_size": 14,
              "window_size": 112, "fullatt_block_indexes": [1, 3]}  # fmt: skip
    theirs = spread(Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(text_config={**TEXT, "rope_parameters": rope}, vision_config=vision, **ids)))  # fmt: skip
    size = {"shortest_edge": 56 * 56, "longest_edge": 448 * 448}
    image = Qwen2VLImageProcessorPil(patch_size=14, size=size)
    for part in (theirs, words, image):
        part.save_pretrained(folder)

    def inputs(texts: list[str], images: list[Image.Image]) -> dict[str, torch.Tensor]:
        seen = image(images=images, return_tensors="pt")
        counts = [int(grid.prod()) // 4 for grid in seen["image_grid_thw"]]
        filled = [said(words, t).replace(marks[5], marks[5] * n) for t, n in zip(texts, counts, strict=True)]
        given = words(filled, padding=True, return_tensors="pt")
        kinds = (given["input_ids"] == ids["image_token_id"]).long()
        return {"input_ids": given["input_ids"], "attention_mask": given["attention_mask"], "mm_token_type_ids": kinds, **seen}

    return theirs, inputs


def said(words: Any, text: str) -> str:
    """A question about a picture as the template writes it."""
    content = [{"type": "image"}, {"type": "text", "text": text}]
    return words.apply_chat_template([{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True)


def tokenizer(marks: tuple[str, ...], template: str, pad: str) -> PreTrainedTokenizerFast:
    """A small byte-level BPE with these special tokens, padding on the left."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator([" ".join(WORDS)], trainers.BpeTrainer(vocab_size=300, special_tokens=list(marks),
                            initial_alphabet=alphabet, show_progress=False))  # fmt: skip
    named = {"eos_token": marks[2], "pad_token": pad}
    if marks[0] == "<s>":
        named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": pad}
        bpe.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", bpe.token_to_id("<s>"))])
    return PreTrainedTokenizerFast(tokenizer_object=bpe, chat_template=template, padding_side="left",
                                   additional_special_tokens=list(marks[3:]), **named)  # fmt: skip


def spread(model: Any) -> Any:
    """Sharper logits than at the start of training: no two are nearly equal."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.08 if "language_model" in name or "lm_head" in name else 0.04)
    return model.eval()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--cpu", action="store_true", help="processor time instead of wall time")
    return parser.parse_args()


if __name__ == "__main__":
    main()
