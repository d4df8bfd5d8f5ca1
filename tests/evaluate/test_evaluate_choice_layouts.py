"""Benchmarks of multiple choice in their other layouts: tables of VLMEvalKit, data sets of the hub, hidden answers, films."""

import importlib
import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omma.core.errors import ConfigError, DataError, OmmaError
from omma.evaluate.job import evaluate, read_records, rescore
from omma.evaluate.judges.judge import judge_records
from omma.evaluate.judges.recorded import RecordedJudge
from omma.evaluate.known import Known
from omma.evaluate.question import Supply
from omma.evaluate.rows import letter_by_number, letter_by_text, options_of, right_letter
from omma.evaluate.subtitles import parse_srt, said_at, spread
from omma.generate.reply import Reply
from omma_recipes.suites.ai2d import ai2d, ai2d_no_mask
from omma_recipes.suites.blink import blink
from omma_recipes.suites.films import mvbench, videomme, videomme_subtitles
from omma_recipes.suites.mathematics import mathvision, mathvista
from omma_recipes.suites.mmmu import mmmu, mmmu_pro
from omma_recipes.suites.mmstar import mmstar, mmstar_llava
from omma_recipes.suites.mmvp import mmvp_judged, mmvp_llava
from omma_recipes.suites.scienceqa import scienceqa
from omma_recipes.suites.seedbench import seedbench, seedbench_img_llava
from omma_recipes.suites.visonlyqa import visonlyqa
from omma_recipes.suites.vl_rewardbench import vl_rewardbench, vl_rewardbench_both_orders
from tests.evaluate import drawing
from tests.evaluate.drawing import coded, png
from tests.evaluate.fixtures import mmvp as drawn_mmvp
from tests.evaluate.fixtures import mvbench as drawn_mvbench
from tests.evaluate.fixtures import seedbench as drawn_seedbench
from tests.evaluate.fixtures import videomme as drawn_videomme
from tests.evaluate.fixtures import vl_rewardbench as drawn_vl_rewardbench
from tests.evaluate.tabling import delimited, parquet


def only(suite):
    return suite.benchmarks[0]


def asked(benchmark, root):
    return benchmark.questions(Supply(root=root))


def worded(question):
    return "".join(part.text if part.kind == "text" else f"<{part.index}>" for part in question.sample.turns[-1].parts)


class Fixed:
    """Answers each question by a function of it."""

    def __init__(self, said):
        self.said = said

    def ask(self, samples, sampling, sight="picture", start=0):
        for sample in samples[start:]:
            yield Reply(self.said(sample), (), (), "stop")

    def prompt_hash(self, sample):
        return "prompt"

    def fingerprint(self):
        return "fixed"


def test_mmmu_of_vlmevalkit_has_several_pictures_and_its_dev_rows_are_left_out(tmp_path):
    rows = [
        {"index": 1, "id": "validation_Art_1", "question": "Is <image 2> like <image 1>?", "A": "yes", "B": "no", "answer": "B"},
        {"index": 2, "id": "validation_Math_7", "question": "How much?", "A": "", "B": "", "answer": "3/4"},
        {"index": 3, "id": "dev_Art_1", "question": "?", "A": "yes", "B": "no", "answer": "A"},
        {"index": 4, "question": "Whose?", "A": "his", "B": "hers", "answer": "A", "category": "Art Theory"},
    ]
    pictures = [str([coded("red"), coded("blue")]), coded("green"), coded("red"), coded("white")]
    splits = ["validation", "validation", "dev", "validation"]
    table = [row | {"image": image, "split": split} for row, image, split in zip(rows, pictures, splits, strict=True)]
    delimited(tmp_path / "mmmu/MMMU_DEV_VAL.tsv", table)
    first, second, last = asked(only(mmmu()), tmp_path)
    assert worded(first).startswith("Is <1> like <0>?\n(A) yes\n(B) no\n\nAnswer")
    assert [media.uri.rpartition("#")[2] for media in first.sample.media] == ["0:image/0", "0:image/1"]
    assert (second.gold, second.facts["choices"], second.facts["subject"]) == ("3/4", [], "Math")
    assert (last.sample.id, last.facts["subject"]) == ("4", "Art_Theory")


def test_hidden_answers_are_refused_with_the_way_out(tmp_path):
    parquet(
        tmp_path / "mmmu/Art/validation-0.parquet", [{"id": "test_Art_1", "question": "?", "options": "['a', 'b']", "answer": "?"}]
    )
    parquet(tmp_path / "mmmu_open/validation-0.parquet", [{"id": "test_Art_1", "question": "?", "options": "[]", "answer": "?"}])
    parquet(
        tmp_path / "blink/Counting/val-0.parquet",
        [{"idx": "1", "sub_task": "Counting", "prompt": "?", "choices": ["1", "2"], "answer": "hidden"}],
    )
    delimited(
        tmp_path / "mmstar/MMStar.tsv", [{"index": 0, "question": "?", "A": "1", "B": "2", "category": "math", "image": coded()}]
    )
    for benchmark in (only(mmmu()), replace(only(mmmu()), path="mmmu_open"), only(blink()), only(mmstar())):
        with pytest.raises(DataError, match="kept by the benchmark's server"):
            asked(benchmark, tmp_path)


def test_mmmu_pro_of_vlmevalkit_is_read_and_a_row_with_one_option_keeps_its_letter(tmp_path):
    """One row of the release lists its options inside another list, so that the official script never finds the right one."""
    rows = [{"index": 1, "id": "test_Art_1", "options": "[['A', 'B', 'C']]", "answer": "B", "subject": "Art"}]
    parquet(tmp_path / "mmmu_pro/vision/test-0.parquet", [row | {"image": png()} for row in rows])
    (question,) = asked(mmmu_pro().benchmarks[1], tmp_path)
    assert (question.gold, question.facts["choices"]) == ("B", ["['A', 'B', 'C']"])
    table = {
        "index": 1,
        "question": "<image 1> is?",
        "A": "x",
        "B": "y",
        "J": "z",
        "answer": "J",
        "category": "Art",
        "image": coded(),
    }
    delimited(tmp_path / "mmmu_pro/standard (10 options)/MMMU_Pro_10c.tsv", [table | dict.fromkeys("CDEFGHI", "w")])
    (question,) = asked(mmmu_pro().benchmarks[0], tmp_path)
    assert question.gold == "J" and worded(question).startswith("<0> is?\nA. x\n")


def test_mmstar_of_its_makers_has_the_options_in_the_question(tmp_path):
    row = {
        "index": 7,
        "question": "How many? \nOptions: A: 1, B: 2, C: 3, D: 4",
        "answer": "C",
        "category": "math",
        "l2_category": "g",
    }
    parquet(tmp_path / "mmstar/mmstar.parquet", [row | {"image": png()}])
    (question,) = asked(only(mmstar_llava()), tmp_path)
    assert worded(question) == f"<0>{row['question']}\nAnswer with the option's letter from the given choices directly"
    (question,) = asked(only(mmstar()), tmp_path)
    official = f"<0>Question: {row['question']}\nOptions:\nPlease select the correct answer from the options above. \n"
    assert worded(question) == official
    assert (question.gold, question.facts["l2_category"]) == ("C", "g")


def test_ai2d_tells_letters_from_numbers_by_the_layout(tmp_path):
    delimited(tmp_path / "ai2d/AI2D_TEST.tsv", [{"index": 5, "question": "?", "A": "1", "B": "0", "answer": "B", "image": coded()}])
    assert asked(only(ai2d()), tmp_path)[0].gold == "B"
    parquet(tmp_path / "hub/test-0.parquet", [{"question": "?", "options": ["1", "0"], "answer": "1", "image": png()}])
    assert asked(replace(only(ai2d()), path="hub"), tmp_path)[0].gold == "B"
    with pytest.raises(DataError, match="a number below 2"):
        parquet(tmp_path / "hub/test-0.parquet", [{"question": "?", "options": ["1", "0"], "answer": "2", "image": png()}])
        asked(replace(only(ai2d()), path="hub"), tmp_path)


def test_scienceqa_of_the_hub_is_read(tmp_path):
    rows = [
        {"question": "Which?", "choices": ["a", "b"], "answer": 1, "hint": "", "grade": "grade3", "subject": "natural science"},
        {"question": "What  is it?", "choices": ["a", "b"], "answer": 0, "hint": "Look.", "grade": "grade9", "subject": "x"},
    ]
    parquet(tmp_path / "scienceqa/test-0.parquet", [rows[0] | {"image": None}, rows[1] | {"image": png()}])
    first, second = asked(only(scienceqa()), tmp_path)
    assert (first.gold, first.facts["image"], first.facts["grades"]) == ("B", False, "grades 1-6")
    assert worded(second).startswith("<0>Context: Look.\nWhat is it?\nA. a\n") and second.facts["grades"] == "grades 7-12"


def test_seedbench_of_vlmevalkit_is_asked_for_letters(tmp_path):
    row = {
        "index": 1,
        "question": "How many?",
        **dict(zip("ABCD", "1234", strict=True)),
        "answer": "D",
        "category": "Instances Counting",
    }
    delimited(tmp_path / "seedbench/SEEDBench_IMG.tsv", [row | {"image": coded()}])
    (question,) = asked(only(seedbench_img_llava()), tmp_path)
    assert (question.gold, question.facts["dimension"]) == ("D", "instances counting")
    with pytest.raises(DataError, match="in which they are frames"):
        asked(only(seedbench()), tmp_path)


def test_seedbench_refuses_videos_that_are_clips_of_other_data_sets(tmp_path):
    drawn_seedbench.draw(tmp_path, replace(only(seedbench()), kinds=("image",)))
    with pytest.raises(DataError, match="in which they are frames"):
        asked(only(seedbench()), tmp_path)


def test_ranking_gives_the_official_accuracy_of_an_answerer_that_knows(tmp_path):
    """The likeliest option is the first: two of the seven drawn questions have it as the right one."""
    drawn_seedbench.draw(tmp_path, only(seedbench()))
    benchmark = replace(only(seedbench()), asking=only(seedbench_img_llava()).asking)
    verdict = evaluate((benchmark,), Fixed(lambda _: "[-1, -2, -2, -3]"), Supply(root=tmp_path), tmp_path / "scores")[0]
    assert (verdict.value, verdict.count, verdict.variant) == (pytest.approx(2 / 7), 7, "official")
    assert verdict.trivial == pytest.approx(2 / 7), "the best constant option"


def test_blink_of_vlmevalkit_shows_several_pictures(tmp_path):
    row = {"index": 1, "question": "Which?", "A": "the second", "B": "the third", "answer": "A", "category": "Jigsaw"}
    delimited(tmp_path / "blink/BLINK.tsv", [row | {"image": str([coded("red"), coded("blue"), coded("green")])}])
    (question,) = asked(only(blink()), tmp_path)
    assert worded(question).startswith("<0><1><2>Question: Which?\nOptions:\nA. the second\n")


def test_mmvp_of_vlmevalkit_has_pairs(tmp_path):
    rows = [{"index": i, "question": "Open?", "A": "yes", "B": "no", "answer": "AB"[i % 2], "image": coded()} for i in (1, 2)]
    delimited(tmp_path / "mmvp/MMVP.tsv", rows)
    questions = asked(only(mmvp_llava()), tmp_path)
    assert [question.facts["index"] for question in questions] == [1, 2]
    scores = evaluate((only(mmvp_llava()),), Fixed(lambda sample: "BA"[int(sample.id) - 1]), Supply(root=tmp_path), tmp_path / "s")
    assert (scores[0].metric, scores[0].value) == ("pair accuracy", 1.0)


def test_mmvp_is_marked_by_a_judges_yes_and_no(tmp_path):
    benchmark = only(mmvp_judged())
    drawn_mmvp.draw(tmp_path, benchmark)
    before = evaluate((benchmark,), Fixed(lambda _: "It is open."), Supply(root=tmp_path), tmp_path / "scores")
    assert (before[0].value, before[0].unparsed) == (0.0, 6), "nobody judged"
    file = tmp_path / "verdicts.json"
    file.write_text(json.dumps([{"id": str(i), "verdict": "yes" if i < 4 else "No"} for i in range(1, 7)]), encoding="utf-8")
    judge_records(tmp_path / "scores", (benchmark,), lambda _, ids: RecordedJudge(file, ids))
    after = {verdict.metric: verdict for verdict in rescore((benchmark,), tmp_path / "scores") if verdict.variant == "official"}
    assert after["pair accuracy"].value == pytest.approx(1 / 3) and after["accuracy"].value == 0.5
    assert "Right option: " in benchmark.judging.words(read_records(tmp_path / "scores", "mmvp_judged")[0])


def test_visonlyqa_of_the_hub_has_its_pictures_in_the_rows(tmp_path):
    row = {
        "id": "a",
        "image_path": "images/x.png",
        "prompt_no_reasoning": "Is it?",
        "answer": "True",
        "question_type": "single_answer",
    }
    row |= {"response_options": ["True", "False"], "task_category": "triangle", "image_category": "geometry"}
    parquet(tmp_path / "visonlyqa/real/data/geometry__triangle-00000-of-00001.parquet", [row | {"decoded_image": png()}])
    parquet(tmp_path / "visonlyqa/real/data/geometry__shape-00000-of-00001.parquet", [row | {"id": "b", "decoded_image": png()}])
    (question,) = asked(only(visonlyqa()), tmp_path)
    assert question.sample.media[0].uri.endswith("parquet#0:decoded_image") and question.gold == "True"


def test_mathvista_takes_the_stored_query_and_tables_of_vlmevalkit(tmp_path):
    row = {
        "pid": "3",
        "question": "How long?",
        "query": "Hint: none.\nQuestion: How long?",
        "image": "images/3.jpg",
        "choices": None,
    }
    row |= {"precision": 1.0, "answer": "1.5", "question_type": "free_form", "answer_type": "float", "metadata": {"task": "t"}}
    parquet(tmp_path / "mathvista/data/testmini-0.parquet", [row | {"decoded_image": png()}])
    (question,) = asked(only(mathvista()), tmp_path)
    assert (worded(question), question.facts["precision"], question.facts["task"]) == (
        "<0>Hint: none.\nQuestion: How long?",
        1,
        "t",
    )
    table = {"index": 3, "question": "Hint: none.\nQuestion: Which?", "choices": "['a', 'b']", "answer": "b", "image": coded()}
    table |= {"question_type": "multi_choice", "answer_type": "text", "task": "u"}
    delimited(tmp_path / "kit/MathVista_MINI.tsv", [table])
    (question,) = asked(replace(only(mathvista()), path="kit"), tmp_path)
    assert (worded(question), question.facts["choices"]) == ("<0>Hint: none.\nQuestion: Which?", ["a", "b"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer_type": "float", "precision": 7}, "precision 7"),
        ({"answer_type": "float", "precision": "x"}, "a number of decimal places"),
        ({"question_type": "multi_choice"}, "no choices"),
        ({"answer": None}, "kept by the benchmark's server"),
    ],
)
def test_mathvista_rows_that_nobody_could_answer_are_told(change, message, tmp_path):
    row = {"question": "?", "image": "images/1.jpg", "answer": "1", "question_type": "free_form", "answer_type": "integer"} | change
    (tmp_path / "mathvista/images").mkdir(parents=True)
    (tmp_path / "mathvista/testmini.json").write_text(json.dumps({"1": row}), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        asked(only(mathvista()), tmp_path)


def test_mathvision_of_vlmevalkit_is_read(tmp_path):
    rows = [
        {"index": 1, "question": "How many?", "choices": "[]", "answer": "4", "level": 2, "category": "counting", "image": coded()},
        {
            "index": 2,
            "question": "Which?",
            "choices": "['1', '2', '3', '4', '5']",
            "answer": "E",
            "level": 1,
            "category": "x",
            "image": "1",
        },
    ]
    delimited(tmp_path / "mathvision/MathVision.tsv", rows)
    first, second = asked(only(mathvision()), tmp_path)
    assert (first.facts["choices"], first.facts["subject"]) == ([], "counting")
    assert worded(second).endswith("Which?\n(A) 1\n(B) 2\n(C) 3\n(D) 4\n(E) 5\n")


def preferring(longer):
    """An answerer that finds the longer (or the shorter) of two answers better, and one that likes the first."""

    def said(sample):
        text = sample.turns[-1].text
        first, second = (text.partition(f"Answer {n}: ")[2].partition("\n\n")[0] for n in (1, 2))
        return f"Overall Judgment: Answer {1 + (len(second) > len(first)) if longer else 1} is better."

    return said


def test_vl_rewardbench_turns_the_order_and_counts_both(tmp_path):
    benchmark = only(vl_rewardbench_both_orders())
    drawn_vl_rewardbench.draw(tmp_path, benchmark)
    questions = asked(benchmark, tmp_path)
    assert len(questions) == 14 and len({question.facts["item"] for question in questions}) == 7
    one, other = (question.sample.turns[-1].text for question in questions[2:4])
    assert ("Answer 1: Blue {first}." in one) != ("Answer 1: Blue {first}." in other), "both orders, braces untouched"
    assert "<image>" not in one
    supply = Supply(root=tmp_path)
    steady = evaluate((benchmark,), Fixed(preferring(True)), supply, tmp_path / "steady")
    numbers = {verdict.metric: verdict for verdict in steady}
    longer = [len(first) > len(second) for _, _, (first, second), _, _ in drawn_vl_rewardbench.ROWS]
    right = sum(long == (ranks == [0, 1]) for long, (_, _, _, ranks, _) in zip(longer, drawn_vl_rewardbench.ROWS, strict=True))
    assert numbers["overall accuracy"].value == pytest.approx(right / 7) == pytest.approx(numbers["accuracy of all items"].value)
    lazy = evaluate((benchmark,), Fixed(preferring(False)), supply, tmp_path / "lazy")
    assert {verdict.metric: verdict.value for verdict in lazy}["accuracy of all items"] == 0.0, "the first place wins nothing"


def test_vl_rewardbench_needs_two_ranked_answers_and_a_draw(tmp_path):
    row = {"id": "a", "query": "?", "response": ["x", "y"], "human_ranking": [0, 0], "image": png()}
    parquet(tmp_path / "vl_rewardbench/test-0.parquet", [row])
    with pytest.raises(DataError, match="ranks 0, 0"):
        asked(only(vl_rewardbench()), tmp_path)
    with pytest.raises(ConfigError, match="at least 1"):
        replace(only(vl_rewardbench()), draws=0)


def test_subtitles_are_those_that_are_heard_at_the_moments():
    lines = parse_srt(drawn_videomme.SRT.replace("\n", "\r\n") + "\n\n5\nno times\nnothing\n")
    assert [(line.start, line.end, line.words) for line in lines] == [
        (0.5, 2.0, "First it is red,"),
        (2.0, 2.5, "for a moment"),
        (2.5, 4.0, "then it is blue."),
        (60.0, 62.0, "Nobody hears this."),
    ]
    assert [line.words for line in said_at(lines, [0.0, 1.0, 2.0])] == ["First it is red,", "for a moment"]
    assert said_at(lines, []) == [] and parse_srt("") == []


def test_moments_are_spread_from_the_first_frame_to_the_last():
    assert spread(61, 10.0, 3) == [0.0, 3.0, 6.0]
    assert spread(6, 1.0, 1) == [0.0]
    assert spread(1, 1.0, 4) == [0.0] * 4


def test_videomme_takes_the_subtitles_of_as_many_moments_as_it_is_told(tmp_path):
    benchmark = only(videomme_subtitles())
    drawn_videomme.draw(tmp_path, benchmark)
    few = [worded(question) for question in asked(replace(benchmark, moments=2), tmp_path)]
    assert "No subtitles available\nSelect" in few[0], "nothing is said in the first second, nor in the last"
    everything = [worded(question) for question in asked(replace(benchmark, moments=0), tmp_path)]
    assert "it is blue.\nNobody hears this.\nSelect" in everything[0]
    assert "No subtitles available" in everything[2]


def test_a_film_that_is_not_there_is_a_row_that_counts(tmp_path):
    benchmark = only(videomme_subtitles())
    drawn_videomme.draw(tmp_path, benchmark)
    for frame in (tmp_path / "videomme/data/Cc3").iterdir():
        frame.unlink()
    (tmp_path / "videomme/data/Cc3").rmdir()
    verdicts = evaluate((benchmark,), Fixed(lambda _: "A"), Supply(root=tmp_path), tmp_path / "scores")
    found = {verdict.metric: verdict for verdict in verdicts if verdict.variant == "official" and verdict.subset == "all"}
    assert found["accuracy"].count == 6 and found["accuracy"].unparsed == 2
    assert found["accuracy of answered"].value == pytest.approx(2 / 4) and found["accuracy"].value == pytest.approx(2 / 6)


def test_mvbench_reads_clips_wherever_the_release_was_unpacked(tmp_path):
    benchmark = only(mvbench())
    drawn_mvbench.draw(tmp_path, benchmark)
    place = tmp_path / "mvbench"
    (place / "video/clevrer").rename(place / "clevrer")
    uris = {question.sample.id: question.sample.media[0].uri for question in asked(benchmark, tmp_path)}
    assert uris["moving_count:0"] == "mvbench/clevrer/video_validation/0.gif"
    assert uris["action_antonym:0"] == "mvbench/video/ssv2_video_mp4/0.gif"
    drawing.film(place / "video/ssv2_video_mp4/9.mp4")
    (place / "json/action_antonym.json").write_text(
        json.dumps([{"video": "9", "question": "?", "candidates": ["a", "b"], "answer": "c"}]), encoding="utf-8"
    )
    with pytest.raises(DataError, match="one of a, b"):
        asked(benchmark, tmp_path)


def test_right_answers_are_read_in_each_of_their_forms():
    row = {"A": "x", "B": "y", "answer": "(B)"}
    assert options_of(row) == ["x", "y"] and right_letter(row, ["x", "y"], "here") == "B"
    assert options_of({"choices": '["p", "q"]'}) == ["p", "q"] and options_of({"choices": "[]"}) == options_of({}) == []
    assert letter_by_number({"answer": 1}, ["x", "y"], "here") == "B" == letter_by_text({"answer": "y"}, ["x", "y", "y"], "here")
    for answer in ("C", "AB", "b", "?", "", "hidden"):
        with pytest.raises(DataError, match="here"):
            right_letter({"answer": answer}, ["x", "y"], "here")


def test_the_same_letter_always_wins_no_pair(tmp_path):
    drawn_mmvp.draw(tmp_path, only(mmvp_llava()))
    records = list(
        only(mmvp_llava()).records(Fixed(lambda _: "A"), asked(only(mmvp_llava()), tmp_path), Supply(root=tmp_path), "picture")
    )
    verdicts = only(mmvp_llava()).score(records, Known())
    assert {verdict.metric: verdict.value for verdict in verdicts[:2]} == {"pair accuracy": 0.0, "accuracy": 0.5}


TABLES = [ai2d_no_mask, scienceqa, mmmu, mmmu_pro, seedbench, blink, visonlyqa, mathvista, mathvision, vl_rewardbench, videomme]


@pytest.mark.parametrize("suite", TABLES, ids=lambda suite: suite.__name__)
def test_a_column_that_is_gone_or_holds_something_else_is_told(suite, tmp_path):
    """An error that says where, or questions; never anything else."""
    benchmark = only(suite())
    importlib.import_module(f"tests.evaluate.fixtures.{type(benchmark).__module__.rpartition('.')[2]}").draw(tmp_path, benchmark)
    file = next(path for path in sorted(tmp_path.rglob("*")) if path.suffix in (".json", ".jsonl", ".parquet"))
    whole = file.read_bytes()
    for name, broken in spoiled(file):
        try:
            assert asked(benchmark, tmp_path), name
        except OmmaError as error:
            assert error.where and error.got, name
        broken.write_bytes(whole)


def spoiled(file):
    """Each column of a table gone, empty, a number, and half a list; the file as it then is."""
    for junk in (..., None, -1, "[["):
        for name in columns(file):
            if file.suffix == ".parquet":
                table = pq.read_table(file).drop_columns([name])
                pq.write_table(table if junk is ... else table.append_column(name, pa.array([junk] * len(table))), file)
            else:
                file.write_text(written(file, name, junk), encoding="utf-8")
            yield f"{name}: {junk}", file


def columns(file):
    return pq.read_schema(file).names if file.suffix == ".parquet" else list(rows_of(file)[1][0])


def written(file, name, junk):
    data, rows = rows_of(file)
    for row in rows:
        row.pop(name, None) if junk is ... else row.update({name: junk})
    return json.dumps(data) if file.suffix == ".json" else "".join(json.dumps(row) + "\n" for row in rows)


def rows_of(file):
    """What a file of JSON holds, and the rows in it."""
    text = file.read_text(encoding="utf-8")
    data = json.loads(text) if file.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
    return data, data if isinstance(data, list) else list(data.values())
