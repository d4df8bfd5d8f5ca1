"""Spaces: what is compared with what in retrieval, classification, MMEB and CLIPScore; figures restated here by hand."""

import json
import shutil
import zipfile

import numpy as np
import pytest

from omma.core.errors import ConfigError, DataError
from omma.evaluate.asking.added import Added
from omma.evaluate.asking.embedded import written
from omma.evaluate.asking.ensembled import Ensembled
from omma.evaluate.benchmarks.class_folders import ClassFolders
from omma.evaluate.benchmarks.clip_scores import ClipScoreQuestions
from omma.evaluate.benchmarks.mmeb import MmebQuestions
from omma.evaluate.benchmarks.retrieval import RetrievalQuestions
from omma.evaluate.compare import compare, share
from omma.evaluate.job import evaluate, read_records
from omma.evaluate.known import Known
from omma.evaluate.question import Question, Supply, asking
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.metrics.captions.clip_score import RefClipScore
from omma.schema.verdict import Record
from tests.evaluate.drawing import picture
from tests.evaluate.embedding import Space
from tests.evaluate.fixtures import class_folders as class_rows
from tests.evaluate.fixtures import clip_scores as clip_rows
from tests.evaluate.fixtures import mmeb as mmeb_rows
from tests.evaluate.fixtures import retrieval as retrieval_rows

COCO = RetrievalQuestions(name="coco_retrieval", path="coco_karpathy_test.json")
FOLDERS = ClassFolders(name="folders", path="val")


def vectors(benchmark, root, seed=0, width=6):
    """The benchmark's records with random vectors: what a model that knows nothing would leave."""
    draw = np.random.default_rng(seed)
    questions = benchmark.questions(Supply(root=root))
    said = [json.dumps(draw.normal(size=width).tolist()) for _ in questions]
    return [Record(q.sample.id, "", "", q.gold, raw, facts=q.facts) for q, raw in zip(questions, said, strict=True)]


def restated(records, k, way):
    """Recall at k as its definition says, with loops: is any right candidate among the k nearest of the query's fold?"""
    unit = {}
    for record in records:
        one = np.array(json.loads(record.raw))
        unit[record.sample_id] = one / np.sqrt((one**2).sum())
    hits = []
    for query in records:
        if query.facts["way"] != way:
            continue
        pool = [r for r in records if r.facts["way"] != way and r.facts["fold"] == query.facts["fold"]]
        near = sorted(pool, key=lambda r: -float(unit[query.sample_id] @ unit[r.sample_id]))[:k]
        hits.append(any(one.facts["picture"] == query.facts["picture"] for one in near))
    return sum(hits) / len(hits)


@pytest.mark.parametrize("folds", [1, 3])
def test_recall_both_ways_is_its_definition(folds, tmp_path):
    benchmark = RetrievalQuestions(name="r", path="coco_karpathy_test.json", folds=folds)
    retrieval_rows.draw(tmp_path, benchmark)
    records = vectors(benchmark, tmp_path)
    found = {(v.variant, v.metric): v.value for v in benchmark.score(records, Known())}
    each = {f"R@{k} {way}": restated(records, k, way) for way in ("image to text", "text to image") for k in (1, 5, 10)}
    assert {name: found["official", name] for name in each} == pytest.approx(each)
    assert found["official", "mean recall"] == pytest.approx(np.mean(list(each.values())))
    assert len(set(each.values())) > 2, "not all found, and not all lost"


def test_a_picture_that_cannot_be_read_is_a_query_that_counts(tmp_path):
    retrieval_rows.draw(tmp_path, COCO)
    supply = Supply(root=tmp_path)
    broken = COCO.questions(supply)[0].sample.media[0].uri
    (tmp_path / broken).write_bytes(b"no picture")
    verdicts = evaluate((COCO,), Space(Store(tmp_path)), supply, tmp_path / "scores")
    found = {v.metric: v for v in verdicts if v.variant == "official"}
    ways = found["R@1 image to text"], found["R@1 text to image"]
    assert [(v.count, v.unparsed) for v in ways] == [(6, 1), (16, 3)], "and so are the captions that belong to it alone"
    marked = read_records(tmp_path / "scores", COCO.name)
    assert (marked[0].correct, marked[0].parsed) == (0.0, False)


def test_equal_vectors_find_nothing_pessimistically(tmp_path):
    retrieval_rows.draw(tmp_path, COCO)
    questions = COCO.questions(Supply(root=tmp_path))
    records = [Record(q.sample.id, "", "", None, "[1.0, 0.5]", facts=q.facts) for q in questions]
    found = {(v.variant, v.metric): v.value for v in COCO.score(records, Known())}
    assert found["pessimistic", "R@1 image to text"] == found["pessimistic", "R@1 text to image"] == 0.0
    assert found["official", "R@1 image to text"] == 1 / 6, "BLIP's order takes the last caption, which is one picture's"


def test_a_limit_draws_pictures_with_all_their_captions(tmp_path):
    retrieval_rows.draw(tmp_path, COCO)
    few = RetrievalQuestions(name="r", path=COCO.path, limit=2).questions(Supply(root=tmp_path))
    whole = COCO.questions(Supply(root=tmp_path))
    kept = {one.facts["picture"] for one in few}
    assert len(kept) == 2
    assert [one.sample.id for one in few] == [one.sample.id for one in whole if one.facts["picture"] in kept]
    records = [Record(q.sample.id, "", "", None, "[1.0]", facts=q.facts) for q in few]
    assert COCO.score(records, Known())


def test_vectors_of_another_width_and_no_vectors_are_unparsed(tmp_path):
    retrieval_rows.draw(tmp_path, COCO)
    records = vectors(COCO, tmp_path)
    for place, raw in ((0, "[1.0, 2.0]"), (1, "nonsense"), (7, "[NaN, 1, 1, 1, 1, 1]")):
        records[place] = Record(records[place].sample_id, "", "", None, raw, facts=records[place].facts)
    marks = [one.mark.parsed for one in COCO.marked(COCO.metrics[0], records)]
    ids = [one.id for one in COCO.marked(COCO.metrics[0], records)]
    lost = {records[0].sample_id, records[1].sample_id, records[7].sample_id}
    own = {records[0].facts["picture"], records[1].facts["picture"]}
    captions = {r.sample_id for r in records if r.facts["way"] == "text to image" and r.facts["picture"] in own}
    assert {name for name, parsed in zip(ids, marks, strict=True) if not parsed} == lost | captions


def test_classes_are_the_mean_of_their_prompts_at_length_one(tmp_path):
    picture(tmp_path / "a.png", "red")
    space = Space(Store(tmp_path))
    prompts = ("a red wall", "red and green")
    asked = [Question(asking("class", prompts[0]), 0, {}, prompts), Question(asking("a", "", ["a.png"]), 0)]
    one, seen = (json.loads(answer.raw) for answer in Ensembled().ask(space, asked, Sampling(), "picture"))
    first, second, shown = (np.array(v) for v in space.embed([*(asking("p", text) for text in prompts), asked[1].sample]))
    units = [vector / np.linalg.norm(vector) for vector in (first, second)]
    assert one == pytest.approx(((units[0] + units[1]) / 2).tolist())
    assert seen == pytest.approx(shown.tolist(), rel=1e-8)


def test_folders_are_classified_by_their_names_in_the_file(tmp_path):
    class_rows.draw(tmp_path, FOLDERS)
    supply = Supply(root=tmp_path)
    questions = FOLDERS.questions(supply)
    assert questions[0].choices == ("a photo of a red wall.", "a drawing of a red wall.")
    verdicts = {v.metric: v for v in evaluate((FOLDERS,), Space(Store(tmp_path)), supply, tmp_path / "scores")}
    assert [verdicts[name].value for name in ("top-1", "top-5", "mean per class")] == [1.0, 1.0, 1.0]
    assert (verdicts["top-1"].count, verdicts["mean per class"].count) == (7, 3)
    classes, *_ = read_records(tmp_path / "scores", "folders")
    assert classes.correct is None, "a class is no question"
    few = ClassFolders(name="folders", path="val", limit=2).questions(supply)
    assert [one.facts["side"] for one in few] == ["class"] * 3 + ["picture"] * 2
    (tmp_path / "val/classnames.txt").unlink()
    assert FOLDERS.questions(supply)[1].choices[0] == "a photo of a n02."


def test_names_and_prompts_that_do_not_fit_are_told(tmp_path):
    class_rows.draw(tmp_path, FOLDERS)
    (tmp_path / "val/zeroshot_classification_templates.txt").write_text("a photo\n")
    with pytest.raises(ConfigError, match=r"no \{c\} in 'a photo'"):
        FOLDERS.questions(Supply(root=tmp_path))
    (tmp_path / "val/classnames.txt").write_text("red\n")
    with pytest.raises(DataError, match="1 names for 3 folders"):
        FOLDERS.questions(Supply(root=tmp_path))
    with pytest.raises(ConfigError, match="prompts with"):
        ClassFolders(name="x", path="val", templates=())


def test_two_folders_are_compared_query_by_query(tmp_path):
    """What is only compared with is no pair; a difference is that of the verdicts."""
    class_rows.draw(tmp_path, FOLDERS)
    retrieval_rows.draw(tmp_path, COCO)
    supply, known = Supply(root=tmp_path), Known()
    colours, blind = Space(Store(tmp_path)), Space(Store(tmp_path))
    values = []
    for name, space, sight in (("a", blind, "shuffled"), ("b", colours, "picture")):
        values.append(
            {(v.benchmark, v.variant, v.metric): v.value for v in evaluate((FOLDERS, COCO), space, supply, tmp_path / name, sight)}
        )
    both = share(tmp_path / "a", tmp_path / "b", (FOLDERS, COCO), (FOLDERS, COCO))
    for one in both:
        for ruled, metric in zip(compare(one, known), one.benchmark.metrics, strict=True):
            queries = {mark.id for mark in one.benchmark.marked(metric, one.records_a)}
            assert {pair.a.sample_id for pair in ruled.pairs} == queries
            for difference in ruled.differences:
                key = (one.benchmark.name, difference.variant, difference.number_a.metric)
                assert difference.value == pytest.approx(values[1][key] - values[0][key])
                assert difference.low <= difference.value <= difference.high
    assert len(compare(both[0], known)[0].pairs) == 7


def test_clip_score_is_its_equation_behind_the_authors_words(tmp_path):
    benchmark = ClipScoreQuestions(name="c", references="references.json", metrics=(RefClipScore(),))
    clip_rows.draw(tmp_path, benchmark)
    supply = Supply(root=tmp_path)
    (question, *_) = benchmark.questions(supply)
    assert question.choices[0] == "A photo depicts a red wall"
    space = Space(Store(tmp_path))
    verdicts = evaluate((benchmark,), space, supply, tmp_path / "scores")
    expected = []
    for one in benchmark.questions(supply):
        seen, said, *references = (np.array(v) for v in space.embed([one.sample, *(asking("t", text) for text in one.choices)]))
        near = max(2.5 * _cosine(seen, said), 0)
        alike = max(_cosine(said, other) for other in references)
        expected.append(2 * near * alike / (near + alike))
    assert verdicts[0].value == pytest.approx(np.mean(expected))


def _cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_records_of_captions_are_candidates_themselves(tmp_path):
    picture(tmp_path / "val2014/1.jpg", "red")
    row = {"sample_id": "1", "task": "caption", "prompt": "", "gold": ["a red wall"], "raw": "something red"}
    (tmp_path / "coco_caption.jsonl").write_text(json.dumps(row | {"picture": "val2014/1.jpg"}) + "\n")
    plain = ClipScoreQuestions(name="c", path="coco_caption.jsonl").questions(Supply(root=tmp_path))
    assert plain[0].choices == ("A photo depicts something red",)
    both = ClipScoreQuestions(name="c", path="coco_caption.jsonl", references="gold").questions(Supply(root=tmp_path))
    assert both[0].choices[1:] == ("A photo depicts a red wall",)


def test_candidates_without_references_are_told(tmp_path):
    benchmark = ClipScoreQuestions(name="c", references="references.json")
    clip_rows.draw(tmp_path, benchmark)
    (tmp_path / "references.json").write_text('{"a": ["one"]}')
    with pytest.raises(DataError, match="no references of 'b'"):
        benchmark.questions(Supply(root=tmp_path))


def test_mmeb_embeds_a_shared_candidate_once_and_means_over_data_sets(tmp_path):
    benchmark = MmebQuestions()
    mmeb_rows.draw(tmp_path, benchmark)
    supply = Supply(root=tmp_path)
    questions = benchmark.questions(supply)
    targets = [one.sample.id for one in questions if one.facts["side"] == "target"]
    assert targets == [
        *(f"CIRR:t{n}" for n in range(3)),
        *(f"ImageNet-1K:t{n}" for n in range(3)),
        *(f"MSCOCO_t2i:t{n}" for n in range(3)),
    ]
    parts = questions[0].sample.turns[0].parts
    assert [part.kind for part in parts] == ["image", "text"] and parts[1].text == "\nThe same in blue."
    verdicts = evaluate((benchmark,), Space(Store(tmp_path)), supply, tmp_path / "scores")
    found = {v.metric: (v.value, v.count) for v in verdicts if v.variant == "official"}
    assert found["precision@1 ImageNet-1K"] == found["precision@1 MSCOCO_t2i"] == (1.0, 3)
    mean = (1.0 + 1.0 + found["precision@1 CIRR"][0]) / 3
    assert found["precision@1"] == (pytest.approx(mean), 8)
    assert found["precision@1 retrieval"][0] == pytest.approx((1.0 + found["precision@1 CIRR"][0]) / 2)
    assert found["precision@1 in-distribution"] == found["precision@1"]


def test_mmebs_limit_keeps_the_candidates_of_the_queries_that_are_asked(tmp_path):
    benchmark = MmebQuestions(limit=1)
    mmeb_rows.draw(tmp_path, benchmark)
    query, *targets = sorted(benchmark.questions(Supply(root=tmp_path)), key=lambda one: one.facts["side"])
    assert query.facts["side"] == "query" and len(targets) == len(query.facts["targets"])
    with pytest.raises(DataError, match="no folder with .parquet or .jsonl files"):
        MmebQuestions(path="MMEB-eval/images").questions(Supply(root=tmp_path))


def test_mmebs_data_sets_may_be_chosen(tmp_path):
    mmeb_rows.draw(tmp_path, MmebQuestions())
    some = MmebQuestions(datasets=("CIRR", "ImageNet-1K")).questions(Supply(root=tmp_path))
    assert {one.facts["dataset"] for one in some} == {"CIRR", "ImageNet-1K"}
    with pytest.raises(DataError, match="no folder VOC2007"):
        MmebQuestions(datasets=("CIRR", "VOC2007")).questions(Supply(root=tmp_path))


def test_mmebs_pictures_lie_in_the_folder_or_in_its_images_or_in_a_zip(tmp_path):
    benchmark = MmebQuestions()
    mmeb_rows.draw(tmp_path, benchmark)
    folder = tmp_path / "MMEB-eval"

    def place():
        (media,) = benchmark.questions(Supply(root=tmp_path))[0].sample.media
        assert Store(tmp_path).read(media.uri)
        return media.uri.removesuffix("drawn/red.png")

    assert place() == "MMEB-eval/images/"
    with zipfile.ZipFile(folder / "images.zip", "w") as packed:
        for file in (folder / "images/drawn").iterdir():
            packed.write(file, f"drawn/{file.name}")
    (folder / "images/drawn").rename(folder / "drawn")
    assert place() == "MMEB-eval/"
    shutil.rmtree(folder / "drawn")
    assert place() == "MMEB-eval/images.zip#"


def test_thirty_two_bits_come_back_from_what_is_written():
    values = np.random.default_rng(0).normal(size=2000).astype(np.float32) * 10.0 ** np.arange(2000, dtype=np.float32).clip(0, 30)
    assert np.array_equal(np.array(json.loads(written(values.tolist())), np.float32), values)


def test_features_of_words_and_picture_are_added(tmp_path):
    picture(tmp_path / "a.png", "red")
    space = Space(Store(tmp_path))
    asked = [Question(asking("both", "a blue wall", ["a.png"]), None), Question(asking("words", "a green wall"), None)]
    both, words = (json.loads(one.raw) for one in Added().ask(space, asked, Sampling(), "picture"))
    seen, blue, green = (
        np.array(v) for v in space.embed([asking("p", "", ["a.png"]), asking("t", "a blue wall"), asked[1].sample])
    )
    assert both == pytest.approx((seen + blue).tolist())
    assert words == pytest.approx(green.tolist(), rel=1e-8)
