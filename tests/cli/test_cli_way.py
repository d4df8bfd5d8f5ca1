"""The whole way on a desk with a few pictures: run, continue, YAML, own parts, eval, rescore, chat, doctor, report."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from omma.cli import steps
from omma.core.runs import RunFolder

Reading = Callable[..., object]


def test_run_ends_with_scores_cost_report_and_hints(finished: tuple) -> None:
    folder, said = finished
    assert said.code == 0, said.err
    for told in ("before", "instruct", "blind", "trivial", "caption_loss", "GiB of memory", "report: runs/mine/report.html"):
        assert told in said.out
    for hint in ("omma chat runs/mine --image PICTURE", "omma eval runs/mine", "omma show ./lab.py:mine", "omma report runs/mine"):
        assert hint in said.out
    page = (folder / "runs/mine/report.html").read_text()
    assert "Missing:" not in page and "omma run ./lab.py:mine" in page and "PNG without a readable header" in page


def test_run_folder_holds_what_the_architecture_says(finished: tuple) -> None:
    run = finished[0] / "runs/mine"
    for name in ("config.yaml", "log.jsonl", "data/train.parquet", "data/heldout.parquet", "tokenizer", "plan/align.parquet"):
        assert (run / name).exists(), name
    assert {path.name for path in (run / "eval").iterdir()} == {"before", "after-align", "after-instruct", "blind"}
    done = {path.stem for path in (run / "done").iterdir()}
    assert {"curate", "tokenizer", "plan", "train-align", "train-instruct", "eval-before", "eval-blind"} <= done
    parts = [line["part"] for line in RunFolder(run).log.read() if line["event"] == "part"]
    assert parts[:3] == ["curate", "tokenizer", "plan"] and "train" in parts


def test_run_again_does_nothing_twice(finished: tuple, reading: Reading) -> None:
    run = finished[0] / "runs/mine"
    weights = sorted((run / "checkpoints").rglob("model.safetensors"))
    before = [path.stat().st_mtime_ns for path in weights]
    said = reading("run", "./lab.py:mine")
    assert said.code == 0 and "curate: done already" in said.err and "eval-blind: done already" in said.err
    assert [path.stat().st_mtime_ns for path in weights] == before


def test_another_recipe_in_the_same_folder_is_refused_with_the_difference(reading: Reading) -> None:
    said = reading("run", "./lab.py:mine", "stages.align.clip=0.5")
    assert said.code == 2
    assert "runs/mine: was begun with another recipe:\n  stages.0.clip: 1.0 → 0.5" in said.err


def test_run_folder_is_a_recipe_and_yaml_round_trips(finished: tuple, reading: Reading) -> None:
    shown = reading("show", "./lab.py:mine").out
    assert reading("show", "runs/mine").out == shown
    (finished[0] / "my.yaml").write_text(shown)
    assert reading("show", "my.yaml").out == shown
    changed = reading("show", "my.yaml", "stages.align.clip=0.5").out
    assert changed != shown and changed.count("clip: 0.5") == 1


def test_show_source_names_the_file_of_every_part(reading: Reading) -> None:
    said = reading("show", "./lab.py:mine", "--source")
    for words in (("model.connector", "Linear", "connectors/linear.py"), ("stages.0.optimizer", "AdamW", "optimizers/adamw.py")):
        assert any(all(word in line for word in words) for line in said.out.splitlines()), said.out


def test_eval_and_rescore_repeat_the_scores(finished: tuple, reading: Reading) -> None:
    folder = finished[0] / "runs/mine/eval/after-instruct"
    before = json.loads((folder / "verdicts.json").read_text())
    assert reading("eval", "runs/mine").code == 0
    assert json.loads((folder / "verdicts.json").read_text()) == before
    (folder / "verdicts.json").unlink()
    said = reading("rescore", "runs/mine")
    assert said.code == 0 and "caption_loss" in said.out
    assert json.loads((folder / "verdicts.json").read_text()) == before


def test_chat_answers_each_prompt_on_a_line(reading: Reading) -> None:
    arguments = (
        "chat",
        "runs/mine",
        "--image",
        "pictures/3.png",
        "--prompt",
        "what colour?",
        "--prompt",
        "why?",
        "--max-tokens",
        3,
    )
    said = reading(*arguments)
    assert said.code == 0, said.err
    assert said.out.count("\n") >= 2
    assert reading(*arguments).out == said.out


def test_doctor_tells_parts_tokens_and_what_is_learnt(reading: Reading) -> None:
    said = reading("doctor", "./lab.py:mine")
    assert said.code == 0, said.err
    for told in ("Stage align", "connector", "3 steps of 2 bins", "visual tokens", "16×16 (in the data)", "a red square"):
        assert told in said.out, told


def test_report_lists_errors(reading: Reading) -> None:
    said = reading("report", "runs/mine", "--errors")
    assert said.code == 0 and "captions/broken.png" in said.out and said.out.count("\n") == 1


@pytest.mark.slow
def test_single_verbs_chain_and_run_scores_what_train_has_trained(omma: Callable, desk: Path) -> None:
    said = omma("curate", "./lab.py:mine")
    assert said.code == 0 and "decode: 1 dropped" in said.err
    assert "align" in omma("plan", "./lab.py:mine").out
    assert "instruct-00000004" in omma("train", "./lab.py:mine").err
    assert not (desk / "runs/mine/eval").exists()
    said = omma("run", "./lab.py:mine")
    assert said.code == 0, said.err
    moments = {path.name for path in (desk / "runs/mine/eval").iterdir()}
    assert moments == {"before", "after-align", "after-instruct", "blind"}


def test_interrupted_run_says_what_is_kept_and_continues(omma: Callable, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(steps, "plan_stages", _interrupt)
        said = omma("run", "./lab.py:mine")
    assert said.code == 130
    last = said.err.splitlines()[-1]
    assert last == "interrupted: kept in runs/mine: curate, tokenizer done; continue with: omma run ./lab.py:mine"
    assert "Missing: training of stage align" in (desk / omma("report", "runs/mine").out.strip()).read_text()
    assert omma("run", "./lab.py:mine").code == 0


def test_own_parts_travel_in_yaml(omma: Callable, desk: Path) -> None:
    lines = [
        "from omma.core.config import config",
        "from omma.model.connectors.linear import Linear",
        "@config",
        "class Mine(Linear):",
        "    flavour: str = 'plain'",
    ]
    (desk / "parts_of_mine.py").write_text("\n".join(lines))
    swap = "model.connector={class: parts_of_mine.Mine, flavour: sweet}"
    shown = omma("show", "./lab.py:mine", swap, "--parts", "parts_of_mine.py")
    assert "class: parts_of_mine.Mine" in shown.out and "flavour: sweet" in shown.out
    (desk / "own.yaml").write_text(shown.out)
    refused = omma("show", "own.yaml")
    assert refused.code == 2 and "--parts FILE.py" in refused.err
    assert omma("show", "own.yaml", "--parts", "parts_of_mine.py").out == shown.out
    for _ in range(2):  # the second time continues a folder whose config names own parts
        said = omma("curate", "own.yaml", "--parts", "parts_of_mine.py")
        assert said.code == 0, said.err


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
