"""From a run folder on disk to verdicts: the newest checkpoint is found, answers, is scored, and blind differs from seeing."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from omma.answerers.saved import find_saved, load_talker
from omma.core.config import show
from omma.core.errors import CheckpointError, ConfigError
from omma.core.files import write_text
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.evaluate.benchmarks.easy_vqa import EasyVqa
from omma.evaluate.benchmarks.scenes import Scenes
from omma.evaluate.job import evaluate, read_records, rescore
from omma.evaluate.known import learn
from omma.evaluate.question import Supply
from omma.generate.reply import Reply
from omma.generate.sampling import Sampling
from omma.media.draw import to_png
from omma.model.vlm import init
from omma.schema.sample import Answer, Part, Sample, Turn
from omma.weights.native import save_model
from omma_recipes.runs.quickstart import quickstart

REAL = Path(__file__).parents[2] / "../shared/real/easy-vqa"


@pytest.fixture(scope="module")
def recipe():
    return quickstart().tiny()


@pytest.fixture
def heldout(make):
    sized = [make.question(f"q{i}", "yesno", f"is it {i}?", "yes" if i % 2 else "no") for i in range(6)]
    pictures = [*sized, make.pointing("p", (10.0, 8.0, 30.0, 24.0)), make.captioned("c", "a red box", "red")]
    return [replace(s, media=(replace(s.media[0], sha256="", width=100, height=80),)) for s in pictures]


@pytest.fixture
def run(recipe, heldout, tmp_path):
    """A run folder with checkpoints of both stages; the weights differ."""
    for number, sample in enumerate(heldout):
        pixels = np.random.default_rng(number).integers(0, 256, (80, 100, 3), np.uint8)
        (tmp_path / "raw").mkdir(exist_ok=True)
        (tmp_path / "raw" / sample.media[0].uri).write_bytes(to_png(pixels))
    for seed, name in enumerate(("align-00000040", "instruct-00000009", "instruct-00000100", "align-00000999")):
        folder = tmp_path / "checkpoints" / name
        folder.mkdir(parents=True)
        save_model(folder, init(recipe.model.build(), seed))
        write_text(folder / "config.yaml", show(recipe))
        recipe.model.text.fit(heldout, folder / "tokenizer")
    write_text(tmp_path / "config.yaml", show(recipe))
    return tmp_path


def test_the_newest_checkpoint_of_the_last_stage_is_taken(run, recipe):
    saved = find_saved(run)
    assert saved.folder == run / "checkpoints/instruct-00000100"
    assert saved.model == recipe.model
    assert saved.root == run / "raw"
    assert find_saved(run / "checkpoints/align-00000040").folder.name == "align-00000040"
    prints = [load_talker(folder).fingerprint() for folder in (run, saved.folder, run / "checkpoints/align-00000040")]
    assert prints[0] == prints[1] != prints[2]


def test_a_run_is_asked_scored_and_scored_again(run, heldout):
    suite = (Scenes(sampling=Sampling(max_tokens=4)), CaptionLoss(sampling=Sampling(max_tokens=4)))
    talker = load_talker(run)
    seeing = evaluate(suite, talker, Supply(heldout, heldout), run / "eval/after-instruct")
    blind = evaluate(suite, talker, Supply(heldout, heldout), run / "eval/blind", "grey")
    assert [(v.benchmark, v.subset, v.count) for v in seeing] == [
        ("scenes", "all", 7), ("scenes", "point", 1), ("scenes", "yesno", 6), ("caption_loss", "all", 1),
    ]  # fmt: skip
    assert seeing[-1].value != blind[-1].value
    assert all(record.details["tokens"] <= 4 for record in read_records(run / "eval/blind", "scenes"))
    assert rescore(suite, run / "eval/after-instruct") == seeing
    file = run / "eval/after-instruct/scenes.jsonl"
    whole = file.read_text()
    file.write_text(whole[: len(whole) // 2])
    assert evaluate(suite, load_talker(run), Supply(heldout, heldout), run / "eval/after-instruct") == seeing
    assert [strip(line) for line in file.read_text().splitlines()] == [strip(line) for line in whole.splitlines()]


def strip(line):
    """A record without what differs from batch to batch: time, and the last digits of its log-probability."""
    record = json.loads(line)
    record["details"]["logprob"] = round(record["details"]["logprob"], 4)
    return record | {"details": {key: value for key, value in record["details"].items() if key != "seconds"}}


def test_folders_without_a_model_are_told(run, tmp_path):
    with pytest.raises(CheckpointError, match=r"no such folder; expected a run folder with a checkpoint; `omma train` writes one"):
        find_saved(run / "nowhere")
    shutil.rmtree(run / "checkpoints/instruct-00000009")
    shutil.rmtree(run / "checkpoints/instruct-00000100")
    assert find_saved(run).folder.name == "align-00000999"
    (run / "checkpoints/align-00000999/config.yaml").unlink()
    with pytest.raises(CheckpointError, match=r"config.yaml: no such file; expected the recipe"):
        find_saved(run)
    shutil.rmtree(run / "checkpoints/align-00000999")
    (run / "checkpoints/align-00000040").rename(run / "checkpoints/other-00000040")
    with pytest.raises(CheckpointError, match=r"checkpoints of other; expected one of the recipe's stages: align, instruct"):
        find_saved(run)
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(CheckpointError, match="no trained model"):
        find_saved(run)


def test_recipes_that_are_none_are_told(run):
    checkpoint = run / "checkpoints/align-00000040"
    cases = [
        ("class: omma.generate.sampling.Sampling\n", CheckpointError, "Sampling without 'model'; expected a recipe"),
        ("class: lab.Recipe\n", ConfigError, "outside omma, omma_recipes"),
        ("a: [", ConfigError, "not YAML"),
    ]
    for text, kind, message in cases:
        (checkpoint / "config.yaml").write_text(text)
        with pytest.raises(kind) as error:
            find_saved(checkpoint)
        assert message in str(error.value)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"needs the easy-VQA pictures at {REAL}")
def test_the_trivial_guess_on_real_questions():
    """The data set's README and `../shared/real/README.md` give 37% to the most common answer."""
    questions = json.loads((REAL / "train/questions.json").read_text())
    samples = [
        Sample(f"{i}", "easy_vqa", "yesno" if answer in ("yes", "no") else "what", answer=Answer(texts=(answer,)),
               turns=(Turn("user", (Part("text", words),)),))
        for i, (words, answer, _) in enumerate(questions)
    ]  # fmt: skip
    known = learn(samples)
    chosen = EasyVqa(limit=2000).questions(Supply(samples))
    records = [EasyVqa().record(question, Reply("", (), (), "length"), "picture") for question in chosen]
    whole, what, yesno = EasyVqa().score(records, known)
    assert whole.trivial == pytest.approx(0.37, abs=0.03)
    assert (whole.value, whole.unparsed, whole.count) == (0.0, 2000, 2000)
    assert what.trivial < whole.trivial < yesno.trivial
