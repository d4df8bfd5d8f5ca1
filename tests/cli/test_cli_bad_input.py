"""Bad input on its way through the rooms: every mistake ends in one line that says what to do, never in a traceback."""

import dataclasses
import errno
import functools
import importlib
import json
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from omma.cli import main
from omma.core.errors import CheckpointError, DataError
from omma.core.ledger import Entry, Ledger
from omma.core.runs import RunFolder
from omma.curate.machine.engine import Pool
from omma.media.draw import to_png
from omma.media.store import Store
from omma.media.views.fixed import Fixed
from omma.model.connectors.linear import Linear
from omma.model.language.decoder import Decoder
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.pack.chat import Chat
from omma.pack.plan import Budget
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.schema.manifest import read_manifest
from omma.schema.sample import Caption, Media, Part, Sample, Turn
from omma.train.course import Materials
from omma.train.plans import plan_heldout, plan_stages
from omma.train.stage import Epochs, Stage

ARGUMENTS = {
    "chat": ("x", "--image", "x.png"),
    "recipes": (),
    "merge": ("soup", "x", "y"),
    "compare": ("x", "y"),
    "gain": ("x", "y"),
    "rank-data": ("x", "y"),
    "data": ("look", "x"),
    "scaling": ("x", "--sizes", "10,20"),
}


@pytest.mark.parametrize("verb", main.VERBS)
def test_ctrl_c_inside_any_verb_is_one_line_and_exit_code_130(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole way through the argument parser, which has its own idea of Ctrl-C."""
    module = importlib.import_module(main.VERBS[verb][0])

    @functools.wraps(module.command)
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "command", interrupted)
    words = [verb, *ARGUMENTS.get(verb, ("x",))]
    assert main.answer(words) == 130
    told = f"interrupted: whatever was finished is kept; continue with: omma {' '.join(words)}\n"
    assert capsys.readouterr() == ("", told)


def test_workers_of_curation_leave_ctrl_c_to_their_parent() -> None:
    with Pool().crew(2) as crew:
        assert list(crew.run(signal.getsignal, [signal.SIGINT, signal.SIGINT])) == [signal.SIG_IGN, signal.SIG_IGN]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "lab.py", "nosuch.path=1"), "nosuch.path: Recipe has no field 'nosuch'; there is id, title, model, data"),
        (("show", "lab.py", "stages.align.clip=yes"), "stages.align.clip: True (bool); expected float"),
        (("show", "lab.py", "run.seed={a: 1}"), "run.seed: {'a': 1} (dict); expected int"),
        (("show", "lab.py", "run=3"), "run: 3 (int); expected Run"),
        (("show", "list.yaml"), "list.yaml: a tuple; expected a Recipe"),
        (("show", "empty.yaml"), "empty.yaml: a NoneType; expected a Recipe"),
        (("show", "broken.yaml"), "broken.yaml: not YAML: "),
        (("show", "latin.yaml"), "latin.yaml: not UTF-8 at byte 7; expected a text file; save it again as UTF-8"),
        (("show", "leaves.py"), "leaves.py: SystemExit: 3; expected a file that imports"),
        (("curate", "lab.py", "data.root=bare"), "captions.jsonl: no such file or folder; expected what CaptionsJsonl reads"),
        (("curate", "lab.py", "data.root=blank"), "blank: an empty data set: the readers found no row; expected samples"),
        (("curate", "lab.py", "run.folder=lab.py"), "lab.py: no run folder: File exists; expected a folder to write in; give "),
        (("curate", "lab.py", "run.folder=lab.py/x"), "x: no run folder: Not a directory; expected a folder to write in; give "),
        (("curate", "lab.py", "run.folder=" + "a" * 300), ": no run folder: File name too long; expected a folder to write in"),
        (("report", "spoilt"), "spoilt/config.yaml: not YAML: "),
        (("report", "listed"), "listed/config.yaml: a list; expected the recipe of the run; write it anew with `omma show"),
        (("curate", "lab.py", "run.folder=latin"), "latin/config.yaml: not UTF-8 at byte 7"),
    ],
)
def test_more_mistakes_at_the_desk(omma: Callable, desk: Path, arguments: tuple[str, ...], message: str) -> None:
    (desk / "list.yaml").write_text("- 1\n")
    (desk / "empty.yaml").write_text("")
    (desk / "broken.yaml").write_text("a: [1,\nb: }")
    (desk / "latin.yaml").write_bytes(b"id: caf\xe9\n")
    (desk / "leaves.py").write_text("raise SystemExit(3)\n")
    for folder, text in (("spoilt", b"a: [1"), ("listed", b"- 1\n"), ("latin", b"id: caf\xe9\n")):
        (desk / folder).mkdir()
        (desk / folder / "config.yaml").write_bytes(text)
    (desk / "bare").mkdir()
    (desk / "blank").mkdir()
    for name in ("captions", "messages"):
        (desk / f"blank/{name}.jsonl").write_text("")
    said = omma(*arguments)
    assert said.code == 2 and said.out == ""
    assert message in said.err and said.err.strip().splitlines()[-1].startswith("error: ")


def test_other_data_in_a_begun_folder_is_refused_with_the_difference(omma: Callable, desk: Path) -> None:
    assert omma("curate", "lab.py").code == 0
    said = omma("run", "lab.py", "data.root=others", "stages.align.clip=0.5")
    assert said.code == 2 and "runs/mine: was begun with another recipe:" in said.err
    assert "\n  data.root: pictures → others\n  stages.0.clip: 1.0 → 0.5\n" in said.err
    assert "give another folder with run.folder=NAME, or delete this one" in said.err


def test_stages_may_change_until_they_are_planned(omma: Callable, desk: Path) -> None:
    assert omma("doctor", "lab.py").code == 0
    said = omma("plan", "lab.py", "stages.align.clip=0.5")
    assert said.code == 0 and "clip: 0.5" in (desk / "runs/mine/config.yaml").read_text(), said.err
    assert "stages.0.clip: 0.5 → 1.0" in omma("plan", "lab.py").err


def test_bad_rows_and_pictures_reach_the_plan_as_ledger_rows(omma: Callable, desk: Path) -> None:
    """One folder with all of it: the rest is planned, and every bad row says what became of it."""
    folder = desk / "pictures"
    whole = (folder / "0.png").read_bytes()
    huge = bytearray(b"BM" + bytes(52))
    huge[10:30] = b"".join(
        number.to_bytes(size, "little") for number, size in ((54, 4), (40, 4), (20_000, 4), (20_000, 4), (1, 2), (24, 2))
    )
    (folder / "huge.bmp").write_bytes(bytes(huge))
    (folder / "cut.png").write_bytes(whole[:60])
    (folder / "none.png").write_bytes(b"")
    (folder / "named.jpg").write_bytes(to_png(np.full((16, 16, 3), 7, np.uint8)))
    captions = {
        "huge.bmp": "too many pixels",
        "cut.png": "a square in half",
        "none.png": "no bytes",
        "gone.png": "no file",
        "named.jpg": "a PNG all the same",
        "1.png": None,
        "2.png": "long " * 200_000,
        "3.png": "a <|image|> sign and an <image> sign",
    }
    rows = [json.dumps({"image": name, "caption": text}) for name, text in captions.items()]
    with (folder / "captions.jsonl").open("a") as file:
        file.write("\n".join([*rows, '{"image": "4.png", "capt']) + "\n")
    said = omma("plan", "lab.py", "data.holdout=0")
    assert said.code == 0, said.err
    run = RunFolder(desk / "runs/mine")
    told = {entry.sample_id.removeprefix("captions/"): entry for entry in run.ledger.entries("curate")}
    for key, reason in {
        "huge.bmp:0": "error:decode: BMP declares more pixels than may be decoded",
        "cut.png:0": "error:decode: PNG",
        "none.png:0": "error:decode: the file is empty (0 bytes)",
        "gone.png:0": "error:decode: no file gone.png",
        "captions.jsonl:70": "error:read: no JSON",
    }.items():
        assert (told[key].verdict, told[key].reason[: len(reason)]) == ("error", reason)
    assert told["named.jpg:0"].verdict == told["3.png:1"].verdict == "keep"
    left = {entry.sample_id.removeprefix("captions/"): entry.reason for entry in run.ledger.entries("plan-align")}
    assert left["2.png:1"].endswith("; budget 256 tokens, 256 patches") and left["2.png:1"].startswith("up to ")
    assert "neither turns nor captions" in left["1.png:1"]
    recipe = importlib.import_module("omma.cli.find").find_recipe(str(run.path))
    codec = recipe.model.text.load(run / "tokenizer")
    samples = {sample.id: sample for sample in read_manifest(run / "data/train.parquet")}
    forged, plain = (codec.row(samples[f"captions/{key}"], recipe.model) for key in ("3.png:1", "3.png:0"))
    assert Counter(forged.token_ids.tolist())[codec.image_id] == Counter(plain.token_ids.tolist())[codec.image_id] == 4


def test_a_budget_below_any_sample_tells_both(omma: Callable) -> None:
    said = omma("plan", "lab.py", "stages.align.budget.tokens=3")
    told = (
        r"error: plan: no sample fits a bin of 3 tokens and 256 patches; the shortest sample has 11 tokens, the fewest patches of "
    )
    assert said.code == 2 and said.err.splitlines()[-1] == told + "one are 4; raise budget.tokens or budget.patches"


@pytest.fixture(scope="module")
def tiny_world(tmp_path_factory: pytest.TempPathFactory) -> Materials:
    """Two captions and two conversations about a picture, with a tokenizer."""
    folder = tmp_path_factory.mktemp("tiny")
    text = Chat(tokenizer=TrainedBpe(vocab_size=300))
    model = Vlm(view=Fixed(size=16), encoder=ViT(patch=8).tiny(), connector=Linear(), language=Decoder().tiny(), text=text)
    media = (Media("a.png", width=16, height=16),)
    said = Turn("user", (Part("image", index=0), Part("text", "what?"))), Turn("assistant", (Part("text", "a square"),))
    samples = [Sample(f"talk-{n}", "talks", media=media, turns=said * (n + 1)) for n in range(2)]
    samples += [Sample(f"words-{n}", "words", media=media, captions=(Caption("a square"),)) for n in range(2)]
    return Materials(samples, [], text.fit(samples, folder / "tokenizer"), model, Store(folder))


def small_stage(tokens: int, patches: int, **mixture: float) -> Stage:
    budget = Budget(tokens=tokens, patches=patches, bins_per_step=1)
    return Stage(name="align", mixture=mixture, budget=budget, length=Epochs(count=1.0))


@pytest.mark.parametrize(("tokens", "patches"), [(5, 64), (64, 3)])
def test_conversations_that_no_bin_holds_tell_budget_and_the_shortest(
    tiny_world: Materials, tmp_path: Path, tokens: int, patches: int
) -> None:
    """Splitting drops them all before the plan sees a length."""
    talks = dataclasses.replace(tiny_world, samples=tiny_world.samples[:2], heldout=tiny_world.samples[:2])
    row = talks.codec.row(talks.samples[0], talks.eye)
    numbers = f"{row.num_tokens} tokens, 4 patches; budget {tokens} tokens, {patches} patches; no single exchange fits"
    with pytest.raises(DataError) as caught:
        plan_stages([small_stage(tokens, patches)], talks, RunFolder(tmp_path), recipe=talks.eye, seed=0)
    got = f"plan: none of 2 samples can be packed into a bin of {tokens} tokens and {patches} patches"
    assert str(caught.value) == f"{got}; the shortest, talk-0, has {numbers}; raise budget.tokens or budget.patches"
    with pytest.raises(DataError, match="the shortest, talk-0, has"):
        plan_heldout(small_stage(tokens, patches), talks, 0)


def test_samples_that_cannot_be_said_tell_the_first(tiny_world: Materials, tmp_path: Path) -> None:
    dumb = [dataclasses.replace(sample, captions=()) for sample in tiny_world.samples[2:]]
    with pytest.raises(DataError, match=r"none of 2 samples can be packed .*; the first, words-0: .*neither turns nor captions"):
        plan_stages(
            [small_stage(64, 64)], dataclasses.replace(tiny_world, samples=dumb), RunFolder(tmp_path), recipe=tiny_world.eye, seed=0
        )


def test_a_source_that_no_bin_holds_tells_both(tiny_world: Materials, tmp_path: Path) -> None:
    long = [dataclasses.replace(s, captions=(Caption("a square " * 50),)) for s in tiny_world.samples[2:]]
    mixed = dataclasses.replace(tiny_world, samples=[*tiny_world.samples[:2], *long])
    num_tokens = mixed.codec.row(long[0], mixed.eye).num_tokens
    with pytest.raises(DataError) as caught:
        plan_stages([small_stage(40, 64, words=1.0)], mixed, RunFolder(tmp_path), recipe=mixed.eye, seed=0)
    told = f"a bin of 40 tokens and 64 patches; the shortest sample has {num_tokens} tokens, the fewest patches of one are 4"
    assert f"mixture.words: no sample of this source fits {told}; raise budget.tokens or budget.patches" in str(caught.value)


def test_a_source_whose_conversations_are_all_too_long_is_not_called_missing(tiny_world: Materials, tmp_path: Path) -> None:
    talks = [
        dataclasses.replace(s, turns=(s.turns[0], Turn("assistant", (Part("text", "a " * 50),)))) for s in tiny_world.samples[:2]
    ]
    mixed = dataclasses.replace(tiny_world, samples=[*talks, *tiny_world.samples[2:]])
    with pytest.raises(DataError) as caught:
        plan_stages([small_stage(40, 64, talks=1.0)], mixed, RunFolder(tmp_path), recipe=mixed.eye, seed=0)
    got = "mixture.talks: none of 2 samples can be packed into a bin of 40 tokens and 64 patches; the shortest, talk-0, has "
    assert str(caught.value).startswith(got) and "raise budget.tokens or budget.patches" in str(caught.value)


def test_a_full_disk_under_the_ledger_leaves_the_rows_of_the_run_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path / "ledger.parquet")
    for step, names in (("curate", "ab"), ("plan", "c")):
        with ledger.step(step) as book:
            book.extend(Entry(name, "s", "op", "1", "keep") for name in names)
            book.flush()
            book.add(Entry(f"{names}-later", "s", "op", "1", "keep"))

    def fills_up(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", fills_up)
        with (
            pytest.raises(CheckpointError, match=r"curate-000000.parquet: the disk is full; free some space"),
            ledger.step("curate") as book,
        ):
            book.add(Entry("d", "s", "op", "1", "drop"))
    assert [entry.sample_id for entry in ledger.entries("curate")] == ["a", "b", "ab-later"]
    with ledger.step("curate") as book:
        book.add(Entry("d", "s", "op", "1", "drop"))
    assert [entry.sample_id for entry in ledger.entries("curate")] == ["d"]
    with ledger.step("curate"):
        pass
    assert ledger.table()["sample_id"].to_pylist() == ["c", "c-later"]


def test_a_full_disk_anywhere_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(number: int) -> Callable[..., int]:
        def call(*_: object) -> int:
            raise OSError(number, "told by the system", "runs/x/log.jsonl")

        return call

    monkeypatch.setattr(importlib.import_module("omma.cli.invoke"), "call", fails(errno.ENOSPC))
    assert main.answer(["curate", "x"]) == 2
    told = "error: runs/x/log.jsonl: the disk is full; free some space and run the same command again\n"
    assert capsys.readouterr() == ("", told)
    monkeypatch.setattr(importlib.import_module("omma.cli.invoke"), "call", fails(errno.EIO))
    with pytest.raises(OSError, match="told by the system"):
        main.answer(["curate", "x"])
