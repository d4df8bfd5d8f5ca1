"""Tiny random twins of released families as folders, a data root with samples of every kind, and what fine-tuning owes each.

The processors by which transformers' side sees the same samples stand beside the tests of the weights room.
"""

import json
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import PeftModel
from PIL import Image
from tiny_released import COLOURS, save_samples
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
from transformers.models.mistral.modeling_mistral import MistralConfig
from transformers.models.qwen2.modeling_qwen2 import Qwen2Config
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLConfig, Qwen3VLForConditionalGeneration
from transformers.models.qwen3_vl_moe.modeling_qwen3_vl_moe import Qwen3VLMoeConfig, Qwen3VLMoeForConditionalGeneration
from transformers.models.siglip.modeling_siglip import SiglipVisionConfig

from omma.cli.find import find_recipe
from omma.cli.main import answer
from omma.core.runs import RunFolder
from omma.media.draw import to_png
from omma.media.store import Store
from omma.pack.collate import rows_to_batch
from omma.pack.rows import fit
from omma.recipe import Recipe
from omma.schema.manifest import read_manifest
from omma.schema.plan import Plan
from omma.schema.row import Row
from omma.schema.sample import Part, Sample, Turn
from omma.weights.export import export
from omma.weights.native import load_model
from omma.weights.source import open_source
from omma.weights.start import start_model

sys.path.append(str(Path(__file__).parents[1] / "weights"))
import internvl_folders
import llava_folders
import qwen_folders
from llava_folders import INST, ONEVISION, Pair, check_greedy, our_batch, spread, worst

STEPS = 8
SMALL = [
    "run.device=cpu", "run.threads=1", "run.curate_workers=1", "run.log_every=1", "run.checkpoint_every=3", "run.keep_last=9",
    "data.holdout=0.0", "stages.sft.precision=fp32", "stages.sft.micro_batches=2",
    "stages.sft.budget={class: omma.pack.plan.Budget, tokens: 512, patches: 1024, bins_per_step: 2}",
    f"stages.sft.length={{class: omma.train.stage.Steps, count: {STEPS}}}",
]  # fmt: skip
WHOLE = ["stages.sft.optimizer.lr=5e-3"]
ADAPTED = ["stages.sft.optimizer.lr=2e-2", "stages.sft.adapter.base=kept", "stages.sft.adapter.dropout=0.0"]


@dataclass(frozen=True)
class Family:
    """`made` gives transformers' model and processor, `inputs` what they see of a sample; a `film` has (width, height) px."""

    name: str
    made: Callable[[], tuple[Any, Any]]
    inputs: Callable[[Pair, Path, Sample], Any]
    film: tuple[int, int] | None = None


def drawn(name: str, draw: Callable[..., Pair], inputs: Callable[[Pair, Path, Sample], Any] = llava_folders.their_inputs) -> Family:
    """The family of what draws a released folder and opens it on both sides."""

    def made() -> tuple[Any, Any]:
        with tempfile.TemporaryDirectory() as folder:
            pair = draw(folder=Path(folder))
        return pair.theirs, pair.processor

    return Family(name, made, inputs)


class Given:
    """A family's folder and a data root beside it, and the runs that tests share."""

    def __init__(self, family: Family, folder: Path) -> None:
        self.family, self.folder = family, folder
        self.released, self.data = folder / "released", folder / "data"
        self.theirs, self.processor = family.made()
        spread(self.theirs, 0)
        self.theirs.eval().save_pretrained(self.released)
        self.processor.save_pretrained(self.released)
        self.num_samples = save_samples(self.data, count=3) + save_films(self.data, family.film or (24, 16))

    def changes(self, *more: str) -> list[str]:
        """The command line behind the recipe's name."""
        return [f"weights.model={self.released}", f"data.root={self.data}", *SMALL, *more]

    def train(self, recipe: str, run: Path, *more: str) -> Path:
        """A run of a recipe on this data."""
        assert answer(["train", recipe, *self.changes(f"run.folder={run}", *more)]) == 0
        return run

    @cached_property
    def whole(self) -> Path:
        """The run of `finetune_sft`."""
        return self.train("finetune_sft", self.folder / "whole", *WHOLE)

    @cached_property
    def adapted(self) -> Path:
        """The run of `finetune_lora`."""
        return self.train("finetune_lora", self.folder / "adapted", *ADAPTED)

    def pair(self, checkpoint: Path, theirs: Any) -> Pair:
        """A checkpoint of ours beside a model of transformers."""
        source = open_source(checkpoint)
        codec = source.model.text.load(checkpoint / "tokenizer")
        module = load_model(checkpoint, source.model).eval()
        return Pair(checkpoint, theirs.eval(), self.processor, source.model, module, codec, None)

    def asked(self, run: Path) -> list[Sample]:
        """Prompts with a picture, with several, with none, and with an animation where the family sees any."""
        samples = read_manifest(run / "data/train.parquet")
        stills = [s for s in samples if s.turns and all(media.kind == "image" for media in s.media)]
        chosen = [next(s for s in stills if len(s.media) == count) for count in (1, 4, 0)]
        films = [s for s in samples if any(media.uri.endswith(".gif") for media in s.media)]
        return [_prompt(s) for s in (*chosen, *films[:1] * bool(self.family.film))]


def _prompt(sample: Sample) -> Sample:
    """The question alone, pictures first, as every processor here has it."""
    parts = sorted(sample.turns[0].parts, key=lambda part: part.kind == "text")
    words = "".join(part.text for part in parts if part.kind == "text")
    return replace(sample, turns=(Turn("user", (*(p for p in parts if p.kind != "text"), Part("text", words))),))


def save_films(root: Path, size: tuple[int, int]) -> int:
    """Animated GIFs and folders of frames that go from one colour to another, one question about each."""
    names, rows = list(COLOURS), []
    for number, name in enumerate(names):
        other = names[(number + 1) % 3]
        frames = [np.full((size[1], size[0], 3), COLOURS[name if i < 3 else other], np.uint8) for i in range(5)]
        for index, frame in enumerate(frames):
            frame[:, index] = 255  # a line that moves: an animation keeps no frame twice
        first, *rest = [Image.fromarray(frame) for frame in frames]
        first.save(root / f"{name}.gif", save_all=True, append_images=rest, duration=200)
        place = root / f"frames-{name}"
        place.mkdir()
        for index, frame in enumerate(frames):
            (place / f"{index}.png").write_bytes(to_png(frame))
        for film in (f"{name}.gif", place.name):
            said = [{"role": "user", "content": "<video>What happens?"}, {"role": "assistant", "content": f"{name} then {other}"}]
            rows.append({"videos": [film], "messages": said})
    (root / "films.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return len(rows)


def losses_of(run: Path) -> list[float]:
    """The loss of every step of a run."""
    return [line["loss"] for line in RunFolder(run).log.read() if line["event"] == "step"]


def last_checkpoint(run: Path) -> Path:
    """Where a run ended."""
    return run / f"checkpoints/sft-{STEPS:08d}"


def every_kind(given: Given, recipe: Recipe) -> list[Row]:
    """A row with 0, 1, 2 and 4 pictures, with an animation and with a folder of frames."""
    codec = recipe.model.text.load(given.whole / "tokenizer")
    samples = read_manifest(given.whole / "data/train.parquet")
    kinds: dict[Any, Sample] = {}
    for sample in samples:
        if sample.turns:
            kinds.setdefault((len(sample.media), *((m.kind, Path(m.uri).suffix == ".gif") for m in sample.media[:1])), sample)
    seen = [s for s in kinds.values() if given.family.film or not any(media.kind == "video" for media in s.media)]
    assert len(seen) == (6 if given.family.film else 4)
    return [fit(sample, codec, recipe.model, 4096, 4096).rows[0] for sample in seen]


def losses_before_and_after(given: Given, run: Path) -> tuple[float, float]:
    """Mean loss on one pack of every kind, of the released weights and of the run's last ones."""
    recipe = find_recipe("finetune_sft", changes=given.changes())
    batch = rows_to_batch(every_kind(given, recipe), recipe.model, Store(given.data))
    modules = start_model(recipe.model, recipe.weights, 0), load_model(last_checkpoint(run), recipe.model)
    with torch.no_grad():
        losses = [recipe.stages[0].objective(module.eval()(batch), batch) for module in modules]
    before, after = (float(loss.total / loss.weight) for loss in losses)
    return before, after


def num_packed(run: Path) -> int:
    """The most documents of a pack of a run."""
    plan = Plan.read(run / "plan/sft.parquet")
    return max(len(plan.entries(number)) for number in range(plan.num_bins))


def packed_against_alone(given: Given) -> tuple[float, float]:
    """One pack of every kind of sample against its documents alone → relative difference of the loss and of all gradients."""
    recipe = find_recipe("finetune_sft", changes=given.changes())
    module = start_model(recipe.model, recipe.weights, 0).eval()
    rows, objective, sums = every_kind(given, recipe), recipe.stages[0].objective, []
    for packs in ([rows], [[row] for row in rows]):
        module.zero_grad()
        batches = [rows_to_batch(pack, recipe.model, Store(given.data)) for pack in packs]
        losses = [objective(module(batch), batch) for batch in batches]
        total = sum(loss.total for loss in losses) / sum(loss.weight for loss in losses)
        total.backward()
        sums.append((total.item(), {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}))
    (loss, grads), (alone, grads_alone) = sums
    assert grads.keys() == grads_alone.keys() and any(name.startswith("encoder.") for name in grads)
    apart = max(float((grads[n] - grads_alone[n]).abs().max()) for n in grads)
    return abs(loss / alone - 1), apart / max(float(g.abs().max()) for g in grads_alone.values())


def export_against_ours(given: Given, run: Path) -> float:
    """Final checkpoint → exported; the same greedy replies from transformers. → worst difference of prompts' logits."""
    target = given.folder / f"export-{run.name}"
    assert answer(["export", str(run), "--output", str(target)]) == 0
    theirs, loading = type(given.theirs).from_pretrained(target, output_loading_info=True, attn_implementation="eager")
    assert not any(loading[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    pair, asked = given.pair(last_checkpoint(run), theirs), given.asked(run)
    check_greedy(pair, given.data, asked, make_inputs=given.family.inputs)
    return apart(given, pair, asked)


def adapter_against_merged(given: Given, run: Path) -> float:
    """The released adapter over the exported base, by PEFT, against our merged weights → worst difference of logits."""
    recipe = find_recipe("finetune_sft", changes=given.changes())
    base, checkpoint = given.folder / "exported-base", last_checkpoint(run)
    if not base.exists():
        module = start_model(recipe.model, recipe.weights, 0)
        export(module, recipe.model.text.load(checkpoint / "tokenizer"), base)
    pair = given.pair(checkpoint, over_base(given, base, checkpoint / "adapter-released"))
    return apart(given, pair, given.asked(run))


@torch.no_grad()
def apart(given: Given, pair: Pair, asked: list[Sample]) -> float:
    """→ worst difference of logits of prompts in one packed batch. Ids are equal; in ours every visual slot holds one token."""
    batch = our_batch(pair, given.data, asked)
    output = pair.module(batch)
    ours, slots, largest = output.stream.hidden @ output.head.T, torch.zeros_like(batch.tokens, dtype=torch.bool), 0.0
    slots[batch.slots] = True
    for number, one in enumerate(asked):
        own = slice(*batch.cu_seqlens[number : number + 2].tolist())
        inputs = given.family.inputs(pair, given.data, one)
        same = batch.tokens[own] == inputs["input_ids"][0]
        assert (same | slots[own]).all()
        largest = max(largest, worst(ours[own], pair.theirs(**inputs).logits[0]))
    return largest


def over_base(given: Given, base: Path, adapter: Path) -> Any:
    """transformers' model from a folder with an adapter over it."""
    fresh = type(given.theirs).from_pretrained(base, attn_implementation="eager")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated")  # PEFT asks transformers so
        return PeftModel.from_pretrained(fresh, adapter)


def _qwen_ids(words: Any) -> dict[str, int]:
    tokens = {"image_token_id": qwen_folders.IMAGE, "video_token_id": qwen_folders.VIDEO,
              "vision_start_token_id": "<|vision_start|>", "vision_end_token_id": "<|vision_end|>"}  # fmt: skip
    return {key: words.convert_tokens_to_ids(token) for key, token in tokens.items()}


def _qwen(kind: Any, made: Any, template: str, text: dict[str, Any], vision: dict[str, Any], time: Any) -> tuple[Any, Any]:
    words = qwen_folders.tokenizer(template)
    text = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
            "num_key_value_heads": 2, "vocab_size": len(words), "max_position_embeddings": 4096} | text  # fmt: skip
    vision = {"depth": 2, "num_heads": 2, "patch_size": 4, "hidden_size": 16, "out_hidden_size": 32,
              "intermediate_size": 24} | vision  # fmt: skip
    cfg = kind(text_config=text, vision_config=vision, attn_implementation="eager", **_qwen_ids(words))
    size = {"shortest_edge": 16**2, "longest_edge": 56**2}
    means = {} if time == "positions" else {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    image = Qwen2VLImageProcessorPil(patch_size=4, size=size, **means)
    whole = size if time == "positions" else size | {"longest_edge": 64 * 56**2}
    return made(cfg), qwen_folders.Hand(words, image, {"size": whole, "fps": 8.0, "min_frames": 2, "max_frames": 64}, time)


def _qwen2_5() -> tuple[Any, Any]:
    rope = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 1, 1]}
    text = {"rope_parameters": rope, "rms_norm_eps": 1e-6, "pad_token_id": None, "bos_token_id": None, "eos_token_id": None}
    vision = {"window_size": 16, "tokens_per_second": 2, "fullatt_block_indexes": [1]}
    return _qwen(Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, qwen_folders.HELPFUL, text, vision, "positions")


def _qwen3(kind: Any, made: Any, **text: Any) -> tuple[Any, Any]:
    rope = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_interleaved": True, "mrope_section": [2, 1, 1]}
    vision = {"num_position_embeddings": 16, "deepstack_visual_indexes": [0]}
    return _qwen(kind, made, qwen_folders.TURNS, {"head_dim": 8, "rope_parameters": rope} | text, vision, "words")


def _siglip(side: int) -> SiglipVisionConfig:
    return SiglipVisionConfig(hidden_size=16, num_attention_heads=2, intermediate_size=24, num_hidden_layers=2, image_size=side,
                              patch_size=4, vision_use_head=False)  # fmt: skip


def _pinpoints(side: int) -> list[list[int]]:
    return [[rows * side, columns * side] for rows, columns in ((1, 2), (2, 1), (2, 2))]


def _llava_next() -> tuple[Any, Any]:
    words, vision = llava_folders.tokenizer("mistral"), _siglip(12)
    words.chat_template = INST
    text = MistralConfig(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                         head_dim=8, vocab_size=len(words), sliding_window=None)  # fmt: skip
    cfg = LlavaNextConfig(vision_config=vision, text_config=text, image_token_index=words.convert_tokens_to_ids("<image>"),
                          vision_feature_layer=-1, vision_feature_select_strategy="full", image_grid_pinpoints=_pinpoints(12),
                          tie_word_embeddings=False, attn_implementation="eager")  # fmt: skip
    pictures = LlavaNextImageProcessorPil(size={"shortest_edge": 12}, crop_size={"height": 12, "width": 12},
                                          image_grid_pinpoints=_pinpoints(12))  # fmt: skip
    processor = LlavaNextProcessor(pictures, words, patch_size=4, vision_feature_select_strategy="full",
                                   num_additional_image_tokens=0, chat_template=INST)  # fmt: skip
    return LlavaNextForConditionalGeneration(cfg), processor


class OneVision(LlavaOnevisionProcessor):
    """Transformers' own, without its look at the class of the video processor, which needs torchvision."""

    def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> None:
        return None


def _llava_onevision() -> tuple[Any, Any]:
    words, vision = llava_folders.tokenizer("qwen2"), _siglip(12)
    words.chat_template = ONEVISION
    text = Qwen2Config(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                       vocab_size=len(words), max_position_embeddings=4096)  # fmt: skip
    image, video = words.convert_tokens_to_ids(["<image>", "<video>"])
    cfg = LlavaOnevisionConfig(vision_config=vision, text_config=text, image_token_index=image, video_token_index=video,
                               vision_feature_layer=-1, tie_word_embeddings=True, image_grid_pinpoints=_pinpoints(12),
                               vision_aspect_ratio="anyres_max_9", attn_implementation="eager")  # fmt: skip
    square, half = {"height": 12, "width": 12}, {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    pictures = LlavaOnevisionImageProcessorPil(size=square, image_grid_pinpoints=_pinpoints(12), **half)
    videos = LlavaOnevisionVideoProcessor(size=square, **half)
    processor = OneVision(pictures, words, videos, num_image_tokens=9, vision_feature_select_strategy="full",
                          vision_aspect_ratio=cfg.vision_aspect_ratio, chat_template=ONEVISION)  # fmt: skip
    return LlavaOnevisionForConditionalGeneration(cfg), processor


def _onevision_inputs(pair: Pair, root: Path, asked: Sample) -> Any:
    """Stills by their processor; an animation as frames squashed to one size, and as many places as its rule says."""
    if all(media.kind == "image" for media in asked.media):
        return llava_folders.their_inputs(pair, root, asked)
    words, frames = pair.processor.tokenizer, []
    with Image.open(root / asked.media[0].uri) as film:
        for number in range(film.n_frames):
            film.seek(number)
            frames.append(np.asarray(film.convert("RGB").resize((12, 12), Image.Resampling.BICUBIC)) / 127.5 - 1)
    pixels = torch.tensor(np.stack(frames), dtype=torch.float32).permute(0, 3, 1, 2)[None]
    content = [{"type": "video"}, {"type": "text", "text": asked.turns[0].text}]
    text = words.apply_chat_template([{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True)
    text = text.replace("<video>", pair.processor.replace_video_token({"pixel_values_videos": pixels}, 0))
    return {**words(text, return_tensors="pt", return_token_type_ids=False), "pixel_values_videos": pixels}


def _internvl() -> tuple[Any, Any]:
    words = internvl_folders.tokenizer()
    text = Qwen2Config(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                       vocab_size=len(words), max_position_embeddings=4096)  # fmt: skip
    vision = internvl_folders.InternVLVisionConfig(
        hidden_size=16, num_attention_heads=2, intermediate_size=24, num_hidden_layers=2, image_size=[24] * 2, patch_size=[6] * 2,
        attention_bias=True, use_mean_pooling=True,
    )  # fmt: skip
    cfg = internvl_folders.InternVLConfig(
        vision_config=vision, text_config=text, image_token_id=words.convert_tokens_to_ids(internvl_folders.SLOT),
        image_seq_length=4, downsample_ratio=0.5, vision_feature_layer=-1, tie_word_embeddings=False, attn_implementation="eager",
    )  # fmt: skip
    image = internvl_folders.GotOcr2ImageProcessorPil(size={"height": 24, "width": 24}, crop_to_patches=True, max_patches=4)
    return internvl_folders.InternVLForConditionalGeneration(cfg), internvl_folders.Hand(words, image, 4, num_frames=3)


MOE = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
FAMILIES = {
    family.name: family
    for family in (
        Family("qwen2_5_vl", _qwen2_5, qwen_folders.their_inputs, (24, 16)),
        Family("qwen3_vl", lambda: _qwen3(Qwen3VLConfig, Qwen3VLForConditionalGeneration), qwen_folders.their_inputs, (24, 16)),
        Family("qwen3_vl_moe", lambda: _qwen3(Qwen3VLMoeConfig, Qwen3VLMoeForConditionalGeneration, **MOE),
               qwen_folders.their_inputs, (24, 16)),
        Family("internvl", _internvl,
               internvl_folders.their_inputs, (24, 24)),
        Family("llava_next", _llava_next, llava_folders.their_inputs),
        Family("llava_onevision", _llava_onevision, _onevision_inputs, (24, 16)),
    )
}  # fmt: skip
