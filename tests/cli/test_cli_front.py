"""The front door: help without torch, verbs, did-you-mean, exit codes, one line for every mistake."""

import importlib
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import omma.cli
from omma.cli import invoke, main
from omma.cli.interrupted import Interrupted

SHARED = {
    "models",
    "contrast",
    "suites",
    "main",
    "invoke",
    "interrupted",
    "arguments",
    "catalogue",
    "find",
    "explain",
    "job",
    "steps",
    "scores",
    "screen",
    "part_clock",
    "data_look",
    "data_marks",
    "data_rows",
    "data_sets",
    "data_write",
    "study",
    "trials",
}


def test_help_loads_neither_torch_nor_any_room() -> None:
    code = (
        "import sys\nfrom omma.cli.main import answer\nanswer(['--help'])\n"
        "rooms = sorted({m.split('.')[1] for m in sys.modules if m.startswith('omma.')})\n"
        "print([m for m in ('torch', 'transformers', 'matplotlib', 'numpy') if m in sys.modules], rooms)"
    )
    began = time.perf_counter()
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    print(f"omma --help answered in {time.perf_counter() - began:.2f} s")
    assert result.stdout.splitlines()[-1] == "[] ['cli', 'core']"


def test_the_list_of_recipes_loads_neither_torch_nor_a_recipe() -> None:
    code = (
        "import sys\nfrom omma.cli.main import answer\nanswer(['recipes'])\n"
        "print([m for m in sys.modules if m in ('torch', 'numpy', 'pyarrow') or m.startswith('omma_recipes.')])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "finetune_sft" in result.stdout
    assert result.stdout.splitlines()[-1] == "[]"


def test_overview_names_every_verb_once() -> None:
    lines = main.overview().splitlines()
    for verb, (_, summary) in main.VERBS.items():
        assert sum(line.split()[:1] == [verb] and line.endswith(summary) for line in lines) == 1


def test_every_module_of_the_room_is_a_verb_or_shared() -> None:
    names = {path.stem for path in Path(next(iter(omma.cli.__path__))).glob("*.py")} - {"__init__"}
    assert names - SHARED == {module.rpartition(".")[2] for module, _ in main.VERBS.values()}


@pytest.mark.parametrize("verb", main.VERBS)
def test_help_of_each_verb_teaches(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.answer([verb, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"omma {verb}" in text
    assert re.search(r"\bReads\b", text) and re.search(r"\b[Ww]rites?\b", text) and "Example: omma" in text


@pytest.mark.parametrize("verb", main.VERBS)
def test_example_in_the_help_is_a_command_that_parses(verb: str) -> None:
    module = importlib.import_module(main.VERBS[verb][0])
    example = re.search(r"Example: (omma .*)", module.command.__doc__ or "")
    assert example and example[1].split()[1] == verb


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "error: omma: no verb 'trian'; did you mean 'train'?\n"),
        (["show"], "error: omma show: missing argument 'RECIPE'; see `omma show --help`\n"),
        (
            ["report", "x", "--error"],
            "error: omma report: no such option: --error (Possible options: --errors); see `omma report --help`\n",
        ),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.answer(arguments) == 2
    assert capsys.readouterr() == ("", message)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.answer(["--version"]) == 0
    assert re.fullmatch(r"omma \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        (KeyboardInterrupt(), "whatever was finished is kept"),
        (Interrupted("kept in runs/x: curate done"), "kept in runs/x: curate done"),
    ],
)
def test_ctrl_c_says_what_is_kept_and_how_to_continue(
    stop: BaseException, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object) -> int:
        raise stop

    monkeypatch.setattr(invoke, "call", stopped)
    assert main.answer(["run", "my recipe", "run.seed=1"]) == 130
    assert capsys.readouterr().err == f"interrupted: {words}; continue with: omma run 'my recipe' run.seed=1\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "nosuch"), "error: recipe: no recipe 'nosuch'; "),
        (("show", "./lab.py:mone"), "did you mean 'mine'?"),
        (("show", "./absent.py:x"), "error: absent.py: no such file"),
        (("show", "absent.yaml"), "error: absent.yaml: no such file; expected a recipe as `omma show RECIPE` prints it"),
        (("show", "lab.py", "stages.algn.clip=1"), "error: stages.algn.clip: no element 'algn'; did you mean 'align'?"),
        (("show", "lab.py", "run.seed=one"), "run.seed"),
        (("show", "lab.py", "run.seed"), "error: run.seed: no '='; expected path=value"),
        (("show", "lab.py", "model.connector=Lienar"), "did you mean 'Linear'?"),
        (("train", "lab.py", "data.root=nowhere"), "error: nowhere: no such folder; expected the data root"),
        (("train", "lab.py", "data.root=lab.py"), "error: lab.py: a file; expected the data root"),
        (("train", "lab.py", "stages.instruct.mixture.quests=1"), "no source 'quests'"),
        (("eval", "runs/none"), "error: "),
        (("chat", "runs/none", "--image", "none.png"), "error: none.png: no such file; expected a picture"),
        (("chat", "runs/none", "--image", "pictures/broken.png"), "PNG without a readable header"),
        (("report", "pictures"), "error: pictures: no config.yaml and no eval/…/verdicts.json; expected a run folder"),
    ],
)
def test_mistakes_at_the_desk(omma: Callable, arguments: tuple[str, ...], message: str) -> None:
    said = omma(*arguments)
    assert said.code == 2 and said.out == ""
    assert message in said.err and "Traceback" not in said.err
    assert said.err.strip().splitlines()[-1].startswith("error: ")


def test_errors_in_own_files_are_told_with_their_place(omma: Callable, desk: Path) -> None:
    (desk / "typo.py").write_text("from omma.recipe import Recipe\n\ndef x() -> Recipe:\n    return Recipe(idd='x')\n")
    said = omma("show", "typo.py")
    assert said.code == 2 and "typo.py:x: TypeError" in said.err and "see line 4" in said.err
    (desk / "cut.py").write_text("def x(:\n")
    assert "SyntaxError" in omma("show", "cut.py").err
    (desk / "json.py").write_text("")
    assert "a module named 'json' is loaded already; rename the file" in omma("show", "json.py").err


def test_recipes_are_listed_by_family_and_narrowed_by_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.answer(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    order = [
        next(i for i, line in enumerate(lines) if line.split()[:1] == [name])
        for name in ("quickstart", "llava_1_5_7b", "qwen_vl_7b")
    ]
    assert order == sorted(order) and "The Qwen-VL line" in "".join(lines[: order[2]])
    assert main.answer(["recipes", "qwen3"]) == 0
    narrowed = capsys.readouterr().out
    assert "qwen3_vl_8b" in narrowed and "quickstart" not in narrowed
    assert main.answer(["recipes", "nosuch"]) == 2
    assert capsys.readouterr().err == "error: omma recipes: no recipe says 'nosuch'; omma recipes lists them all\n"
