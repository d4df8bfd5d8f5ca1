"""A small CLIP, trained within seconds on drawn scenes with some captions swapped, and saved as released folders are."""

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPProcessor, PreTrainedTokenizerFast

from omma.curate.worlds.scenes import Scenes
from omma.schema.sample import Caption, Media, Sample

SIDE, WIDTH, LONGEST = 32, 48, 64
STEPS, ROWS, RATE = 90, 64, 4e-3
SWAPPED = 0.2  # share of the captions that it learns from


@dataclass(frozen=True)
class World:
    """Pictures below `root`, samples to learn from and others, and for each whether its caption is another picture's."""

    root: Path
    train: list[Sample]
    train_swapped: np.ndarray
    heldout: list[Sample]
    heldout_swapped: np.ndarray


def draw_world(root: Path) -> World:
    Scenes(num_pictures=800, num_heldout=200, flaws=0.0).draw(root)
    (train, swapped), (heldout, others) = _read(root, "train", SWAPPED), _read(root, "heldout", 0.5)
    return World(root, train, swapped, heldout, others)


def train_clip(world: World, folder: Path) -> Path:
    """The symmetric contrastive loss of CLIP over batches of 64, for 90 steps."""
    tokenizer = _words(world)
    processor = CLIPProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}), tokenizer
    )
    pictures = [Image.open(world.root / sample.media[0].uri).convert("RGB") for sample in world.train]
    pixels = processor.image_processor(images=pictures, return_tensors="pt")["pixel_values"]
    words = tokenizer([sample.captions[0].text for sample in world.train], padding=True, return_tensors="pt")
    torch.manual_seed(0)
    tower = {"hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**tower, "vocab_size": len(tokenizer), "max_position_embeddings": LONGEST, "bos_token_id": 0, "eos_token_id": 1}
    seeing = {**tower, "image_size": SIDE, "patch_size": 8}
    model = CLIPModel(CLIPConfig(text_config={**text, "pad_token_id": 1}, vision_config=seeing, projection_dim=WIDTH))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.05)
    order = torch.Generator().manual_seed(0)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = RATE * min(1, step / 20) * (1 - step / STEPS)
        rows = torch.randperm(len(pixels), generator=order)[:ROWS]
        long = int(words["attention_mask"][rows].sum(1).max())
        read = {name: words[name][rows, :long] for name in ("input_ids", "attention_mask")}
        loss = model(pixel_values=pixels[rows], **read, return_loss=True).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def auc(scores: np.ndarray, noisy: np.ndarray) -> float:
    """How often a clean sample scores above a noisy one, ties for a half."""
    clean, other = scores[~noisy][:, None], scores[noisy][None]
    return float(((clean > other) + 0.5 * (clean == other)).mean())


def _read(root: Path, split: str, share: float) -> tuple[list[Sample], np.ndarray]:
    rows = [json.loads(line) for line in (root / f"scenes/{split}/captions.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = [row["caption"] for row in rows]
    places = Random(0).sample(range(len(rows)), int(share * len(rows)))
    for place, text in zip(places, [texts[i] for i in places[1:] + places[:1]], strict=True):
        texts[place] = text
    media = [Media(f"scenes/{split}/{row['image']}") for row in rows]
    samples = [Sample(f"{split}/{i}", "scenes", media=(media[i],), captions=(Caption(text),)) for i, text in enumerate(texts)]
    return samples, np.isin(np.arange(len(rows)), places)


def _words(world: World) -> PreTrainedTokenizerFast:
    split = pre_tokenizers.Whitespace()
    texts = [caption.text for sample in (*world.train, *world.heldout) for caption in sample.captions]
    known = sorted({word for text in texts for word, _ in split.pre_tokenize_str(text)})
    specials = ["<s>", "</s>", "<unk>"]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate([*specials, *known])}, unk_token="<unk>"))
    backend.pre_tokenizer = split
    backend.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="</s>", unk_token="<unk>", model_max_length=LONGEST
    )
