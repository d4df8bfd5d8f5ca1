"""Browsing a curated run: every row has its fate, queries find what they should, thresholds are asked anew, lives are whole."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from omma.core.errors import DataError
from omma.core.runs import RunFolder
from omma.report.browse.copies import copies, copying
from omma.report.browse.folder import find_folder
from omma.report.browse.index import Index
from omma.report.browse.life import find, life
from omma.report.browse.reasons import reasons
from omma.report.browse.selection import Selection, parse, select
from omma.report.browse.spread import instead, spread
from omma.schema.manifest import read_manifest


@pytest.fixture(scope="module")
def index(curation: Callable[[Path], RunFolder], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """The hand-filled run, indexed. Tests only read it."""
    folder = tmp_path_factory.mktemp("browse")
    made = Index(find_folder(curation(folder).path, folder), folder / "scratch")
    yield made
    made.close()


def chosen(index: Index, **filters: object) -> list[str]:
    """Filters → names of all rows that fit, in their order."""
    return [entry.id.removeprefix("web/") for entry, _ in select(index, Selection(size=240, **filters)).rows]  # type: ignore[arg-type]


def test_every_row_is_there_once_with_what_became_of_it(index: Index) -> None:
    fates = Counter(entry.fate for entry in index.entries("true", limit=100))
    assert fates == {"train": 22, "heldout": 5, "dropped": 12, "error": 1, "rewritten": 1}
    assert index.total == 41  # 40 rows, and the one that a rewritten row was
    assert len({entry.id for entry in index.entries("true", limit=100)}) == 41


def test_rows_stand_in_the_order_of_reading_with_their_samples(index: Index) -> None:
    assert [entry.id for entry in index.entries("n < 3", limit=5)] == [f"web/{n}.png:0" for n in range(3)]
    samples = index.samples([0, 12, 39, 40])
    assert {n: sample.id for n, sample in samples.items()} == {0: "web/0.png:0", 12: "web/12.png:0", 39: "web/39.png:0"}
    assert index.entry(40).id == "web/30.png:0"  # rewritten: no manifest holds it
    with pytest.raises(DataError, match="row 41: no such row; expected 0 to 40"):
        index.entry(41)


def test_filters_find_exactly_what_fits(index: Index) -> None:
    assert chosen(index, operator="size") == ["0.png:0", "1.png:0", "2.png:0", "3.png:0"]
    assert chosen(index, fate="heldout") == [f"{n}.png:0" for n in range(35, 40)]
    assert chosen(index, task="point") == ["31.png:0", "32.png:0"]
    assert chosen(index, source="nowhere") == []
    assert chosen(index, bounds=(("size", 9, 10),)) == ["1.png:0", "2.png:0"]
    assert chosen(index, bounds=(("perceptual_hash", None, 1), ("size", 90, None))) == ["4.png:0", "5.png:0", "6.png:0"]


def test_words_are_found_in_any_case_and_keys_of_json_are_not(index: Index) -> None:
    assert chosen(index, text="NUMBER 3 of") == ["3.png:0"]
    assert chosen(index, text="what is number") == ["31.png:0", "32.png:0"]
    assert chosen(index, text="12.PNG") == ["12.png:0"]  # a part of the id
    assert chosen(index, text='& "quotes"') == ["12.png:0"]
    assert chosen(index, text="origin") == chosen(index, text="media") == []
    for word in range(12):  # more searches than tables are kept
        assert chosen(index, text=f"number {word} of") == [f"{word}.png:0"]


def test_pages_hold_every_row_once_in_the_order_that_was_asked(index: Index) -> None:
    seen = [select(index, Selection(sort="clip", order="down", page=page, size=7)) for page in range(6)]
    assert {page.total for page in seen} == {41}
    scores = [score for page in seen for _, score in page.rows]
    known = [score for score in scores if score is not None]
    assert len(scores) == 41 and known == sorted(known, reverse=True) and scores[len(known) :] == [None] * (41 - len(known))
    assert len({entry.n for page in seen for entry, _ in page.rows}) == 41


def test_rows_nearest_to_the_threshold_come_first(index: Index) -> None:
    near = [score for _, score in select(index, Selection(sort="clip", order="near", size=4)).rows]
    assert near == [0.1, 0.1, 0.1, pytest.approx(0.6)]
    with pytest.raises(DataError, match="a sort by an operator with a threshold"):
        select(index, Selection(sort="width", order="near"))


def test_filters_that_make_no_sense_say_so() -> None:
    for query, message in (
        ({"sourc": ["x"]}, "did you mean 'source'"),
        ({"order": ["sideways"]}, "order: 'sideways'"),
        ({"fate": ["lost"]}, "fate: 'lost'"),
        ({"page": ["-1"]}, "page: '-1'; expected a whole number"),
        ({"score": ["clip"]}, "name:least:most"),
        ({"score": ["clip:a:"]}, "score: 'a'; expected a number"),
    ):
        with pytest.raises(DataError, match=message):
            parse(query)
    assert parse({"score": ["a:b:1:"], "size": ["9999"]}) == Selection(bounds=(("a:b", 1.0, None),), size=240)


def test_an_unknown_operator_names_those_that_scored(index: Index) -> None:
    with pytest.raises(DataError, match="operator clop: no scores of it; did you mean 'clip'"):
        select(index, Selection(sort="clop"))


def test_histogram_counts_every_score_and_names_the_side_that_goes(index: Index) -> None:
    size, near, clip = (spread(index, name) for name in ("size", "perceptual_hash", "clip"))
    for told in (size, near, clip):
        assert sum(told.stayed_counts) + sum(told.dropped_counts) + told.below + told.beyond == told.judged
        assert sum(told.dropped_counts) == told.dropped
    assert (size.judged, size.dropped, size.side, size.with_threshold) == (39, 4, "below", False)
    assert (near.judged, near.dropped, near.side, near.with_threshold) == (6, 6, "below", True)
    assert (clip.judged, clip.dropped, clip.side, clip.spares_heldout) == (29, 2, "below", True)
    assert clip.edges[0] <= 0.1 and clip.edges[-1] >= 0.88


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.3, 0.66, 0.7005, 2.0])
def test_another_threshold_drops_what_a_count_by_hand_says(index: Index, threshold: float) -> None:
    told = instead(index, spread(index, "clip"), threshold)
    scores = {n: 0.1 if n in (14, 15, 39) else 0.5 + n / 100 for n in (*range(10, 20), *range(21, 40))}
    train = {n: score for n, score in scores.items() if n < 35}  # held-out samples are spared, as 39 shows
    goes = {n for n, score in train.items() if score < threshold}
    assert (told.drops, told.newly, told.back) == (len(goes), len(goes - {14, 15}), len({14, 15} - goes))
    assert (told.below, told.above) == (
        sum(score < threshold for score in scores.values()),
        sum(score > threshold for score in scores.values()),
    )
    assert told.below + told.at + told.above == 29


def test_where_an_operator_did_otherwise_than_its_threshold_says_no_side_is_claimed(curated_run: RunFolder, tmp_path: Path) -> None:
    index = Index(find_folder(curated_run.path, tmp_path), tmp_path / "scratch")
    index.connection.execute("UPDATE entry SET operator = '' WHERE operator = 'clip'")  # as one that abstains
    told = spread(index, "clip")
    assert told.side == "" and instead(index, told, 0.7).drops is None and instead(index, told, 0.7).below > 0
    index.close()


def test_a_side_is_known_where_nothing_was_dropped(curated_run: RunFolder, tmp_path: Path) -> None:
    index = Index(find_folder(curated_run.path, tmp_path), tmp_path / "scratch")
    index.connection.execute("DELETE FROM entry WHERE operator = 'size'")
    told = spread(index, "size")
    assert (told.dropped, told.side, instead(index, told, 97.0).drops) == (0, "below", told.judged)
    index.close()


def test_copies_stand_beside_what_they_copy_the_largest_group_first(index: Index) -> None:
    assert [judge.name for judge in copying(index)] == ["perceptual_hash"]
    found = copies(index, "perceptual_hash", page=0, size=2)
    assert (found.total, found.copies) == (3, 6)
    assert [(group.name, group.count, group.original and group.original.id) for group in found.groups] == [
        ("10.png", 3, "web/10.png:0"),
        ("11.png", 2, "web/11.png:0"),
    ]
    assert [(entry.id, score) for entry, score in found.groups[0].members] == [
        ("web/4.png:0", 0.0),
        ("web/5.png:0", 0.5),
        ("web/6.png:0", 1.0),
    ]
    assert [group.name for group in copies(index, "perceptual_hash", page=1, size=2).groups] == ["12.png"]
    assert copies(index, "size", page=0, size=2).groups == ()


def test_reasons_of_one_kind_count_together(index: Index) -> None:
    told = [(one.operator, one.kind, one.count, one.errors) for one in reasons(index)]
    for operator, kind, count, _ in told:
        assert len(chosen(index, operator=operator, reason=kind)) == count
    assert told == [
        ("read", "PNG ends after # bytes", 1, 1),
        ("size", "shorter side # px, below #", 4, 0),
        ("perceptual_hash", "looks like …", 6, 0),
        ("clip", "cosine #, below #", 2, 0),
    ]


def test_a_life_tells_each_score_and_its_place_among_all(index: Index) -> None:
    told = life(index, find(index, "web/14.png:0").n)
    steps = {step.operator: step for step in told.steps}
    assert list(steps) == ["size", "perceptual_hash", "masking", "clip"]
    assert (steps["size"].state, steps["perceptual_hash"].state, steps["clip"].state) == ("stayed", "no score", "dropped")
    assert steps["clip"].reason == "cosine 0.1, below 0.3" and steps["clip"].threshold == 0.3
    assert (steps["size"].judged, steps["size"].lower, steps["size"].higher) == (39, 4 / 39, 0.0)
    assert (steps["clip"].judged, steps["clip"].lower, steps["clip"].higher) == (29, 0.0, 26 / 29)  # three share the lowest
    assert told.read_by == "CaptionsJsonl at captions.jsonl"


def test_behind_the_operator_that_took_a_sample_out_nobody_was_asked(index: Index) -> None:
    states = [step.state for step in life(index, find(index, "web/5.png:0").n).steps]
    assert states == ["stayed", "dropped", "not reached", "not reached"]
    broken = life(index, find(index, "web/20.png:0").n)
    assert (broken.steps[0].operator, broken.steps[0].state) == ("read", "error")
    assert {step.state for step in broken.steps[1:]} == {"not reached"}


def test_rewritten_samples_know_their_children_and_these_their_parents(index: Index) -> None:
    parent = life(index, find(index, "web/30.png:0").n)
    assert (parent.entry.fate, parent.children, parent.sample) == ("rewritten", ("web/30.png:0~masking:0",), None)
    assert [(one.operator, one.reason) for one in parent.rewritings] == [("masking", "an address masked")]
    child = life(index, find(index, "web/30.png:0~masking:0").n)
    assert child.parent == "web/30.png:0" and child.entry.fate == "train"


def test_joined_samples_name_their_conversation_and_later_steps_are_told(index: Index) -> None:
    assert life(index, find(index, "web/32.png:0").n).joined_into == "web/31.png:0"
    assert life(index, find(index, "web/31.png:0").n).turns == ("web/32.png:0",)
    later = life(index, find(index, "web/33.png:0").n).later
    assert [(one.step, one.verdict, one.reason) for one in later] == [("plan", "leftover", "longer than a bin")]


def test_a_sample_is_found_by_a_part_of_its_name_that_no_other_has(index: Index) -> None:
    assert find(index, "33.png").id == find(index, "b/33.PNG").id == "web/33.png:0"
    with pytest.raises(DataError, match="b/3: 12 samples have this in their name: web/3.png:0, .*, …; expected one"):
        find(index, "b/3")
    with pytest.raises(DataError, match="no such sample; did you mean 'web/33.png:0'"):
        find(index, "web/33.pnk:0")
    assert find(index, "second 34").id == "web/34.png:0"  # its second picture
    with pytest.raises(DataError, match="no such sample"):
        find(index, "")


def test_a_manifest_alone_and_a_raw_folder_can_be_browsed(curated_run: RunFolder, tmp_path: Path) -> None:
    index = Index(find_folder(curated_run / "data/gone.parquet", tmp_path), tmp_path / "one")
    assert index.total == 13 and index.judges == () and not index.folder.is_run
    assert index.folder.store.root == tmp_path / "pictures"  # the run's own
    index.close()
    lines = "".join(f'{{"image": "{n}.png", "caption": "number {n}"}}\n' for n in range(20)) + "{broken\n"
    (tmp_path / "pictures/captions.jsonl").write_text(lines)
    scratch = tmp_path / "two"
    scratch.mkdir()
    index = Index(find_folder(tmp_path / "pictures", scratch), scratch)
    fates = Counter(entry.fate for entry in index.entries("true", limit=100))
    assert fates == {"raw": 20, "error": 1}
    assert find(index, "17.png").uri == "17.png" and "no JSON" in index.entries("fate = 'error'")[0].reason
    index.close()


def test_runs_without_manifests_of_what_went_are_browsed_all_the_same(curated_run: RunFolder, tmp_path: Path) -> None:
    (curated_run / "data/gone.parquet").unlink()
    (curated_run / "done/curate.json").unlink()
    index = Index(find_folder(curated_run.path, tmp_path), tmp_path / "scratch")
    told = life(index, find(index, "web/14.png:0").n)
    assert told.sample is None and told.entry.reason == "cosine 0.1, below 0.3"
    assert [step.operator for step in told.steps] == ["size", "perceptual_hash", "clip"]
    assert index.total == 41
    index.close()


def test_what_cannot_be_browsed_says_what_can(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").write_text("id: x\n")
    (tmp_path / "run/log.jsonl").write_text("")
    (tmp_path / "words.txt").write_text("no parquet")
    for name, message in (
        ("nowhere", "no such file or folder; expected a run folder, a manifest"),
        ("run", "nothing is curated yet: no data/scores.parquet; run `omma curate"),
        ("words.txt", "no Parquet"),
    ):
        with pytest.raises(DataError, match=message):
            find_folder(tmp_path / name, tmp_path)


def test_files_with_odd_names_are_taken_literally(curated_run: RunFolder, tmp_path: Path) -> None:
    odd = tmp_path / "it's [1]*?.parquet"
    odd.write_bytes((curated_run / "data/train.parquet").read_bytes())
    index = Index(find_folder(odd, tmp_path), tmp_path / "scratch")
    assert index.total == len(read_manifest(odd)) and index.samples([0])
    index.close()
