"""Published scores, worked out from the published answers by `omma eval NAME SUITE --answers FILE`.

The question files are built from the published ones in the layout of the benchmark; the pictures are drawn, since no
score depends on them.
"""

import json
from pathlib import Path

import pytest

from omma.cli.main import answer
from omma.evaluate.job import read_records, read_verdicts
from tests.evaluate.drawing import png

pytestmark = pytest.mark.slow
GOLDEN = (Path(__file__).parents[2] / "../shared/golden").resolve()
SPLITS = ("adversarial", "popular", "random")
PICTURE = png("red", size=(8, 8))


def needed(folder):
    if not (GOLDEN / folder).is_dir():
        pytest.skip(f"no published answers at {GOLDEN / folder}")
    return GOLDEN / folder


def lines(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def written(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def scores(suite, root, answers, name):
    """Suite + root of the benchmark + rows of answers → (records, values by metric, subset and variant)."""
    file = written(root / f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in answers))
    to = root / "scores"
    assert answer(["eval", name, suite, "--answers", str(file), "--data", str(root), "--to", str(to)]) == 0
    place = to / f"eval/{name}"
    found = {(one.metric, one.subset, one.variant): one for one in read_verdicts(place)}
    return read_records(place, suite), found


def mme_table(folder):
    """Subtask, picture, question, right answer and the reply where there is one, of every line of a folder of MME's."""
    for file in sorted(folder.glob("*.txt")):
        for line in file.read_text(encoding="utf-8").splitlines():
            yield file.stem, *line.split("\t")


@pytest.fixture(scope="module")
def mme_root(tmp_path_factory):
    """All 2,374 questions in the released layout; ids of questions by (subtask, picture, question without its last sentence)."""
    golden, root = needed("mme"), tmp_path_factory.mktemp("mme")
    asked = {}
    for task, image, words, right in mme_table(golden / "Your_Results"):
        asked.setdefault((task, image), []).append((words, right))
    ids = {}
    for (task, image), pair in asked.items():
        written(root / f"mme/{task}/{image}", PICTURE)
        written(root / f"mme/{task}/{Path(image).stem}.txt", "".join(f"{words}\t{right}\n" for words, right in pair))
        ids |= {(task, Path(image).stem, bare(words)): f"{task}/{image}:{i}" for i, (words, _) in enumerate(pair)}
    assert len(ids) == 2374
    return root, ids


def bare(words):
    return words.removesuffix("Please answer yes or no.").strip()


def test_the_published_scores_of_lavin_on_mme(mme_root):
    root, ids = mme_root
    answers = [
        {"question_id": ids[task, Path(image).stem, bare(words)], "answer": said}
        for task, image, words, _, said in mme_table(needed("mme") / "LaVIN")
    ]
    records, found = scores("mme", root, answers, "lavin")
    expected = json.loads((needed("mme") / "expected.json").read_text())["LaVIN"]
    assert found["perception", "all", "official"].value == pytest.approx(expected["perception"], abs=1e-9)
    assert found["cognition", "all", "official"].value == pytest.approx(expected["cognition"], abs=1e-9)
    assert round(found["reasoning", "all", "vlmevalkit"].value, 2) == 248.93
    assert len(records) == 2374 and {record.details["finish"] for record in records} == {"stop"}
    stored = {words for _, _, words, _ in mme_table(needed("mme") / "Your_Results")}
    assert {record.prompt for record in records} == stored, "the prompt is the published question"


def test_the_published_score_of_llava_on_mme(mme_root):
    root, ids = mme_root
    rows = lines(needed("mme") / "llava-v1.5-13b.jsonl")
    answers, prompts = [], {}
    for row in rows:
        task, stem = row["question_id"].split("/")[0], Path(row["question_id"]).stem
        name = ids[task, stem, bare(row["prompt"].rpartition("\n")[0])]
        answers.append({"question_id": name, "text": row["text"]})
        prompts[name] = row["prompt"]
    records, found = scores("mme_llava", root, answers, "llava")
    value = found["perception", "all", "official"].value
    assert value == pytest.approx(json.loads((needed("mme") / "expected.json").read_text())["llava-v1.5-13b"]["perception"])
    assert round(value, 1) == 1531.3
    assert {record.sample_id: record.prompt for record in records} == prompts, "LLaVA was asked in these words"


def test_the_published_scores_of_llava_on_pope(tmp_path):
    """Labels join by position inside each category, since the answers number all categories through."""
    golden = needed("pope-llava15-13b")
    said = {row["question_id"]: row for row in lines(golden / "llava-v1.5-13b.jsonl")}
    asked, answers, prompts = lines(golden / "llava_pope_test.jsonl"), [], {}
    for split in SPLITS:
        text = (golden / f"coco/coco_pope_{split}.json").read_text(encoding="utf-8")
        labels = lines(written(tmp_path / f"coco/coco_pope_{split}.json", text))
        for row, label in zip((one for one in asked if one["category"] == split), labels, strict=True):
            name = f"{split}:{label['question_id']}"
            answers.append({"question_id": name, "text": said[row["question_id"]]["text"]})
            prompts[name] = (row["image"], row["text"])
    for image in {image for image, _ in prompts.values()}:
        written(tmp_path / "val2014" / image, PICTURE)
    records, found = scores("pope", tmp_path, answers, "llava")
    expected = json.loads((golden / "expected.json").read_text())
    for split in SPLITS:
        assert found[f"{split} F1", "all", "official"].value == pytest.approx(expected[split]["F1"], abs=1e-15)
    assert round(100 * found["F1", "all", "official"].value, 1) == expected["mean_F1_published"]
    assert {r.sample_id: (r.picture.rpartition("/")[2], r.prompt) for r in records} == prompts, "pictures and words are LLaVA's"
