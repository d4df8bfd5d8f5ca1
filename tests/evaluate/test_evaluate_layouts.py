"""Where the parts of a published benchmark lie: tables in folders, pictures beside or above them, lists in cells."""

import json

import pytest

from omma.core.errors import DataError
from omma.evaluate.layouts import find_beside, find_pictures, find_tables, read_listed, several


def touch(path, text="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_its_own_table(tmp_path):
    file = touch(tmp_path / "rows.tsv")
    assert find_tables(file, "rows.tsv", ("other.json",)) == [(file, "rows.tsv")]


def test_in_a_folder_the_first_name_wins_over_parquet(tmp_path):
    place = tmp_path / "vqa"
    touch(place / "b.json")
    touch(place / "data/val-0.parquet")
    assert find_tables(place, "vqa", ("a.json", "b.json"), ("val",)) == [(place / "b.json", "vqa/b.json")]


def test_parquet_files_of_the_split_are_read_in_order_and_those_of_others_are_not(tmp_path):
    place = tmp_path / "vqa"
    for name in ("data/val-00001.parquet", "data/val-00000.parquet", "data/test-00000.parquet"):
        touch(place / name)
    assert [uri for _, uri in find_tables(place, "vqa", ("a.json",), ("val",))] == [
        "vqa/data/val-00000.parquet",
        "vqa/data/val-00001.parquet",
    ]


def test_parquet_files_are_also_told_by_their_folder(tmp_path):
    for name in ("all/val-0.parquet", "balanced/val-0.parquet", "balanced_images/val-0.parquet"):
        touch(tmp_path / "gqa" / name)
    found = find_tables(tmp_path / "gqa", "gqa", (), ("balanced",))
    assert [uri for _, uri in found] == ["gqa/balanced/val-0.parquet", "gqa/balanced_images/val-0.parquet"]


def test_a_folder_of_something_else_is_told(tmp_path):
    touch(tmp_path / "vqa/readme.md")
    with pytest.raises(DataError, match=r"readme\.md.*a\.json, val-…\.parquet"):
        find_tables(tmp_path / "vqa", "vqa", ("a.json",), ("val",))


def test_pictures_beside_win_over_pictures_above_and_folders_over_zips(tmp_path):
    place = tmp_path / "sets/vqa"
    touch(place / "q.json")
    names = ("val2014", "coco/val2014")
    assert find_pictures(place, "sets/vqa", names) == "sets/vqa/val2014/", "where they would be looked for"
    touch(tmp_path / "val2014.zip")
    assert find_pictures(place, "sets/vqa", names) == "val2014.zip#val2014/"
    touch(tmp_path / "coco/val2014/a.jpg")
    assert find_pictures(place, "sets/vqa", names) == "val2014.zip#val2014/", "the first name wins in one folder"
    touch(tmp_path / "sets/coco/val2014.zip")
    assert find_pictures(place, "sets/vqa", names) == "sets/coco/val2014.zip#val2014/"
    touch(place / "val2014/a.jpg")
    assert find_pictures(place, "sets/vqa", names) == "sets/vqa/val2014/"
    assert find_pictures(place / "q.json", "sets/vqa/q.json", names) == "sets/vqa/val2014/"


def test_a_zip_may_be_called_otherwise_than_the_folder_in_it(tmp_path):
    touch(tmp_path / "text/train_val_images.zip")
    found = find_pictures(tmp_path / "text", "text", ("train_images", "train_val_images.zip#train_images"))
    assert found == "text/train_val_images.zip#train_images/"


def test_a_file_beside_is_found_from_the_folder_and_from_the_table(tmp_path):
    touch(tmp_path / "v/q.json")
    other = touch(tmp_path / "v/a.json")
    assert find_beside(tmp_path / "v", "v", "a.json") == (other, "v/a.json")
    assert find_beside(tmp_path / "v/q.json", "v/q.json", "a.json") == (other, "v/a.json")
    assert find_beside(tmp_path / "v", "v", "b.json") is None


@pytest.mark.parametrize("text", ["", "[]", '{"data": []}', '{"data": [1]}', '{"rows": [{}]}'])
def test_a_json_file_without_its_list_is_told(tmp_path, text):
    with pytest.raises(DataError, match="x.json"):
        read_listed(touch(tmp_path / "x.json", text), "x.json", "data")


def test_rows_under_a_key_come_with_the_rest_of_the_object(tmp_path):
    file = touch(tmp_path / "x.json", json.dumps({"data": [{"a": 1}], "kinds": {"one": "cars"}}))
    assert read_listed(file, "x.json", "data") == ([{"a": 1}], {"kinds": {"one": "cars"}})


@pytest.mark.parametrize(
    ("cell", "texts"),
    [
        ("red", ["red"]),
        (5, ["5"]),
        (["a", 2], ["a", "2"]),
        ("['a', 'b']", ["a", "b"]),
        ('["it\'s", "its"]', ["it's", "its"]),
        ("[sic]", ["[sic]"]),
        ("[" * 10_000, ["[" * 10_000]),
    ],
)
def test_cells_hold_one_text_or_several(cell, texts):
    assert several(cell) == texts
