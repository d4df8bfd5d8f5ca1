"""Our training loop against transformers' Llava class with a padded collator: supervised tokens per second and peak memory.

The same tiny VLM (CLIP tower, two-layer MLP, Llama) from the same weights, the same samples in the same optimizer steps,
AdamW at the same rate on both sides. Samples are half captions, half chats of log-normal length; pictures of mixed sizes
were resized to the view beforehand on both sides, so the clock sees collation, forward, loss, backward and optimizer.
Each side runs in processes of its own, taking turns. `python benchmarks/train_step.py` prints a table and saves it.
"""

import dataclasses
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from transformers.models.clip.modeling_clip import CLIPVisionConfig
from transformers.models.llama.modeling_llama import LlamaConfig
from transformers.models.llava.modeling_llava import LlavaConfig, LlavaForConditionalGeneration

from omma.core.config import config
from omma.core.runs import RunFolder
from omma.media.apply import apply, patchify
from omma.media.views.fixed import Fixed
from omma.model.vlm import Vlm
from omma.pack.collate import collate
from omma.pack.plan import Budget
from omma.schema.row import Row, RowPicture
from omma.schema.sample import Media
from omma.schema.talk import Text
from omma.train.checkpoint import Checkpoints
from omma.train.course import Course
from omma.train.loop import Settings, train_stage
from omma.train.optimizers.adamw import AdamW
from omma.train.parallel import World
from omma.train.schedules.constant import Constant
from omma.train.stage import Stage, Steps
from omma.weights.maps import llava
from omma.weights.native import fill

VOCABULARY, IMAGE_ID, PAD_ID = 8_000, 7_999, 0
SIDE, PATCH, SAMPLES_PER_STEP = 112, 14, 16
WARM, STEPS, ROUNDS, THREADS, RATE = 2, 8, 5, 1, 1e-3
MACHINE = "2-core x86-64 CPU, Linux"
CAPTION_TOKENS, CHAT_TOKENS, MOST_TOKENS = (12, 40), (5.2, 0.7), 900  # chats: log-normal, median 180


@dataclasses.dataclass(frozen=True)
class Example:
    """One sample before either side has touched it."""

    ids: np.ndarray  # one IMAGE_ID per visual token
    supervised: np.ndarray
    tile: np.ndarray  # (SIDE, SIDE, 3) uint8


@config
class Numbers(Text):
    """A vocabulary without words."""

    @property
    def vocab_size(self) -> int:
        return VOCABULARY


def examples() -> list[list[Example]]:
    """Steps of samples: prompt, picture, answer; chats have several exchanges of which every second part is supervised."""
    random, view = np.random.default_rng(0), Fixed(size=SIDE)
    pictures = []
    for _ in range(12):
        width, height = random.integers(60, 400, 2)
        picture = np.kron(
            random.integers(0, 256, (4, 4, 3), dtype=np.uint8), np.ones((-(-height // 4), -(-width // 4), 1), np.uint8)
        )
        from_view = view.plan(picture.shape[1], picture.shape[0], _unit())
        pictures.append(apply(view, picture, from_view)[0].copy())
    return [[_example(random, pictures) for _ in range(SAMPLES_PER_STEP)] for _ in range(WARM + STEPS)]


def _unit():
    return Vlm(view=Fixed(size=SIDE), **_parts_of(their_config()), text=Numbers()).unit


def _example(random: np.random.Generator, pictures: list[np.ndarray]) -> Example:
    visual = np.full((SIDE // PATCH) ** 2, IMAGE_ID)
    if random.random() < 0.5:
        turns = [(4, int(random.integers(*CAPTION_TOKENS)))]
    else:
        words = min(MOST_TOKENS, int(random.lognormal(*CHAT_TOKENS)))
        turns = [(int(0.3 * words / 3) + 3, int(0.7 * words / 3) + 3) for _ in range(3)]
    ids, supervised = [visual], [np.zeros(len(visual), bool)]
    for asked, said in turns:
        ids.append(random.integers(1, IMAGE_ID, asked + said))
        supervised.append(np.arange(asked + said) >= asked)
    return Example(np.concatenate(ids), np.concatenate(supervised), pictures[random.integers(len(pictures))])


def their_config() -> LlavaConfig:
    vision = CLIPVisionConfig(
        hidden_size=128, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4, image_size=SIDE, patch_size=PATCH
    )
    text = LlamaConfig(
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=VOCABULARY,
    )
    return LlavaConfig(vision_config=vision, text_config=text, image_token_index=IMAGE_ID, vision_feature_layer=-2)


def _parts_of(cfg: LlavaConfig) -> dict:
    parts = llava.config_from(cfg.to_dict())
    return {"encoder": parts.encoder, "connector": parts.connector, "language": parts.language}


def their_model() -> LlavaForConditionalGeneration:
    torch.manual_seed(0)
    return LlavaForConditionalGeneration(their_config()).train()


def run_theirs() -> tuple[list[float], list[float]]:
    """Padded batches through the transformers class, as a plain training script has it → (seconds per step, losses)."""
    model, steps = their_model(), examples()
    settle()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.0)
    mean, std = (
        torch.tensor(x)[:, None, None]
        for x in (_parts_of(their_config())["encoder"].mean, _parts_of(their_config())["encoder"].std)
    )

    def collator(batch: list[Example]) -> dict[str, torch.Tensor]:
        ids = [torch.from_numpy(e.ids) for e in batch]
        labels = [torch.from_numpy(np.where(e.supervised, e.ids, -100)) for e in batch]
        padded = pad_sequence(ids, batch_first=True, padding_value=PAD_ID)
        lengths = torch.tensor([len(x) for x in ids])
        pixels = torch.stack([(torch.from_numpy(e.tile).permute(2, 0, 1).float() / 255 - mean) / std for e in batch])
        return {
            "input_ids": padded,
            "attention_mask": (torch.arange(padded.shape[1]) < lengths[:, None]).long(),
            "labels": pad_sequence(labels, batch_first=True, padding_value=-100),
            "pixel_values": pixels,
        }

    seconds, losses = [], []
    for batch in steps:
        begin = time.perf_counter()
        loss = model(**collator(batch)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - begin)
    return seconds, losses


def run_ours() -> tuple[list[float], list[float]]:
    """The same through our loop, packed → (seconds per step, losses)."""
    theirs = their_model()
    parts = llava.config_from(theirs.config.to_dict())
    vlm = Vlm(view=Fixed(size=SIDE), encoder=parts.encoder, connector=parts.connector, language=parts.language, text=Numbers())
    module = vlm.build()
    fill(
        module,
        {name: value.clone() for name, value in llava.names(parts).from_theirs(theirs.state_dict(), where="theirs").items()},
        where="theirs",
    )
    del theirs
    steps, marks = examples(), []
    settle()

    def row(example: Example) -> Row:
        plan, slots = vlm.plan(SIDE, SIDE), np.flatnonzero(example.ids == IMAGE_ID)
        picture = RowPicture(Media("x"), plan, slots, np.arange(len(slots)), len(slots))
        ids = example.ids.astype(np.int32)
        return Row("x", "x", ids, example.supervised, vlm.position_ids(len(ids), (picture,)), (picture,))

    def feed(start: int):
        for batch in steps:
            marks.append(time.perf_counter())
            yield (collate([row(e) for e in batch], [[patchify(e.tile, PATCH)] for e in batch], vlm),)
        marks.append(time.perf_counter())

    stage = Stage(
        name="bench",
        optimizer=AdamW(lr=RATE),
        schedule=Constant(),
        length=Steps(count=len(steps) + 1),
        budget=Budget(bins_per_step=1),
    )
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        course = Course("bench", len(steps) + 1, ("x",), feed, list)  # one step more than there are, so that no checkpoint is timed
        settings = Settings(log_every=1, checkpoint_every=10**6)
        try:
            train_stage(
                stage,
                module,
                course,
                run,
                Checkpoints(run / "checkpoints", stage, Path.mkdir),
                World(0, 1, torch.device("cpu")),
                settings,
            )
        except AssertionError as ended:
            assert "ended at" in str(ended)
        losses = [line["loss"] for line in run.log.read() if line["event"] == "step"]
    return np.diff(marks).tolist(), losses


def settle() -> None:
    global before  # noqa: PLW0603
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


before = 0.0


def one_side(name: str) -> None:
    """In a child process: run one side and print what it took."""
    torch.set_num_threads(THREADS)
    seconds, losses = {"ours": run_ours, "theirs": run_theirs}[name]()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    supervised = sum(int(e.supervised.sum()) for step in examples()[WARM:] for e in step)
    print(json.dumps({"rate": supervised / sum(seconds[WARM:]), "mib": after - before, "losses": losses}))


def measure(name: str) -> dict:
    output = subprocess.run([sys.executable, __file__, name], check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.splitlines()[-1])


def main() -> None:
    pairs = [(measure("ours"), measure("theirs")) for _ in range(ROUNDS)]
    apart = max(abs(a - b) for a, b in zip(pairs[0][0]["losses"], pairs[0][1]["losses"], strict=True))
    assert apart < 2e-3, f"the two sides do not train alike: losses differ by {apart}"
    lengths = [len(e.ids) for step in examples() for e in step]
    waste = 1 - sum(lengths) / sum(max(len(e.ids) for e in step) * len(step) for step in examples())
    rates, memory = ([p[0][key] / p[1][key] for p in pairs] for key in ("rate", "mib"))
    longest = f"{min(lengths)} to {max(lengths)} tokens (median {median(lengths):.0f})"
    lines = [
        "python benchmarks/train_step.py",
        f"training step of a CLIP + MLP + Llama VLM, fp32, {THREADS} thread; {STEPS} steps after {WARM} to warm up",
        f"{SAMPLES_PER_STEP} samples a step of {longest}; padded to a step's longest, {waste:.0%} is padding",
        f"medians of {ROUNDS} rounds in turn; {MACHINE}; losses of the two sides differ by at most {apart:.1e}",
        "",
        f"{'side':32}{'supervised tokens/s':>20}{'peak MiB':>10}",
    ]
    for name, side in (("omma", 0), ("transformers Llava, padded", 1)):
        lines.append(f"{name:32}{median(p[side]['rate'] for p in pairs):20.0f}{median(p[side]['mib'] for p in pairs):10.0f}")
    lines.append(f"{'median of ratios':32}{median(rates):19.2f}x{median(memory):9.2f}x")
    text = "\n".join(lines)
    print(text)
    (Path(__file__).parent / "results/train_step.txt").write_text(text + "\n")


if __name__ == "__main__":
    one_side(sys.argv[1]) if len(sys.argv) > 1 else main()
