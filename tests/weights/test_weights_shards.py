"""Shards: what is written is what is read, by safetensors' own reader too; every kind of damage has words."""

import errno
import json
import os
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from omma.core.errors import CheckpointError
from omma.weights.shards import INDEX, SINGLE, open_shards, write_shards

TENSORS = {
    "a.weight": torch.randn(4, 5),
    "b.bias": torch.randn(7).to(torch.bfloat16),
    "c": torch.randn(2, 3, 2).half(),
    "d.none": torch.zeros(0, 4),
    "e.scalar": torch.tensor(3.0),
}


def write(folder, tensors=TENSORS, **options):
    folder.mkdir(exist_ok=True)
    return write_shards(folder, tensors, tensors.__getitem__, **options)


def test_a_file_of_ours_is_read_by_safetensors_and_by_us(tmp_path):
    (file,) = write(tmp_path)
    theirs, ours = load_file(file), open_shards(tmp_path)
    assert theirs.keys() == TENSORS.keys() == ours.stored.keys()
    for name, tensor in TENSORS.items():
        assert torch.equal(theirs[name], tensor) and theirs[name].dtype == tensor.dtype
        assert torch.equal(ours.read(name), tensor) and ours.read(name).dtype == tensor.dtype
    assert ours.num_bytes == sum(t.numel() * t.element_size() for t in TENSORS.values())


def test_a_file_of_safetensors_is_read_by_us_in_any_float_precision(tmp_path):
    save_file(TENSORS, tmp_path / SINGLE, metadata={"format": "pt"})
    for name, tensor in TENSORS.items():
        assert torch.equal(open_shards(tmp_path).read(name, torch.float32), tensor.float())


def test_many_shards_have_an_index_and_hold_no_more_than_asked(tmp_path):
    files = write(tmp_path, shard_bytes=90)
    assert [file.name for file in files] == [f"model-{i + 1:05d}-of-00002.safetensors" for i in range(2)]
    index = json.loads((tmp_path / INDEX).read_text())
    assert index["weight_map"]["a.weight"] == files[0].name and index["metadata"]["total_size"] == 122
    assert all(sum(t.nbytes for t in load_file(file).values()) <= 90 for file in files)
    assert all(torch.equal(open_shards(tmp_path).read(name), tensor) for name, tensor in TENSORS.items())


def test_equal_weights_give_equal_files_in_whatever_order_they_come(tmp_path):
    (one,) = write(tmp_path / "a")
    (two,) = write(tmp_path / "b", dict(reversed(TENSORS.items())))
    assert one.read_bytes() == two.read_bytes()


def refuse(name):
    raise AssertionError(f"{name} was read")


def refusing(number):
    def copy(*arguments, **options):
        raise OSError(number, os.strerror(number))

    return copy


@pytest.mark.parametrize("copy", ["kernel", errno.EXDEV, errno.ENOSYS, "gives up", "absent"])
def test_tensors_with_places_are_copied_unread_to_the_same_file(copy, tmp_path, monkeypatch):
    write(tmp_path / "a", shard_bytes=90)
    if isinstance(copy, int):
        monkeypatch.setattr("os.copy_file_range", refusing(copy))
    if copy == "gives up":
        monkeypatch.setattr("os.copy_file_range", lambda *arguments, **options: 0)
    if copy == "absent":
        monkeypatch.delattr("os.copy_file_range")
    monkeypatch.setattr("omma.weights.shards.PIECE", 16)
    (file,) = write_shards(tmp_path / "b", TENSORS, refuse, places=open_shards(tmp_path / "a").stored)
    (read,) = write(tmp_path / "c")
    assert file.read_bytes() == read.read_bytes()


def test_a_full_disk_is_no_reason_to_copy_in_another_way(tmp_path, monkeypatch):
    write(tmp_path / "a")
    monkeypatch.setattr("os.copy_file_range", refusing(errno.ENOSPC))
    with pytest.raises(OSError, match="No space"):
        write_shards(tmp_path / "b", TENSORS, refuse, places=open_shards(tmp_path / "a").stored)


def test_a_place_beyond_the_end_of_its_file_is_told(tmp_path):
    (file,) = write(tmp_path / "a")
    place = open_shards(tmp_path / "a").stored["a.weight"]
    beyond = replace(place, begin=file.stat().st_size - 4, end=file.stat().st_size - 4 + place.end - place.begin)
    with pytest.raises(CheckpointError, match="cut off while it was read"):
        write_shards(tmp_path / "b", {"a.weight": TENSORS["a.weight"]}, refuse, places={"a.weight": beyond})


@pytest.mark.parametrize("keep", [0, 5, 30, -1, -100])
def test_a_cut_off_file_is_told(keep, tmp_path):
    (file,) = write(tmp_path)
    data = file.read_bytes()
    file.write_bytes(data[:keep])
    with pytest.raises(CheckpointError, match="cut off"):
        open_shards(tmp_path)


def test_a_file_with_more_than_its_header_says_is_told(tmp_path):
    (file,) = write(tmp_path)
    file.write_bytes(file.read_bytes() + b"xx")
    with pytest.raises(CheckpointError, match="bytes; expected the"):
        open_shards(tmp_path)


def test_a_header_that_disagrees_with_itself_is_told(tmp_path):
    text = json.dumps({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}).encode()
    (tmp_path / SINGLE).write_bytes(len(text).to_bytes(8, "little") + text + b"\0" * 8)
    with pytest.raises(CheckpointError, match=r"a broken header \(8 bytes for F32 of shape \(3,\)\)"):
        open_shards(tmp_path)


def test_a_missing_shard_is_told(tmp_path):
    files = write(tmp_path, shard_bytes=90)
    files[1].unlink()
    with pytest.raises(CheckpointError, match="1 of 2 shards are not here: model-00002-of-00002"):
        open_shards(tmp_path)


def test_an_index_that_leads_out_of_the_folder_is_refused(tmp_path):
    write(tmp_path / "other")
    write(tmp_path / "mine", shard_bytes=90)
    (tmp_path / "mine" / INDEX).write_text(json.dumps({"weight_map": {"a.weight": f"../other/{SINGLE}"}}))
    with pytest.raises(CheckpointError, match="1 of 1 shards are not here"):
        open_shards(tmp_path / "mine")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.pop("e.scalar"), "1 tensors fewer than it holds: e.scalar"),
        (lambda m: m.update(z=m["a.weight"]), "1 tensors that are not in it: z"),
        (lambda m: m.update({"a.weight": m["e.scalar"]}), "a.weight"),
    ],
)
def test_an_index_that_disagrees_with_its_files_is_told(change, words, tmp_path):
    write(tmp_path, shard_bytes=90)
    index = json.loads((tmp_path / INDEX).read_text())
    change(index["weight_map"])
    (tmp_path / INDEX).write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=words):
        open_shards(tmp_path)


def test_a_broken_index_is_told(tmp_path):
    write(tmp_path, shard_bytes=90)
    (tmp_path / INDEX).write_text('{"weights": 1}')
    with pytest.raises(CheckpointError, match=r"index\.json: unreadable"):
        open_shards(tmp_path)


def test_integers_where_floats_belong_are_told(tmp_path):
    write(tmp_path, {"a": torch.ones(2, 2, dtype=torch.int8)})
    with pytest.raises(CheckpointError, match=r"a holds I8 values; expected a float dtype.*quantised"):
        open_shards(tmp_path).read("a")


def test_pickles_and_empty_folders_are_refused_with_the_way_out(tmp_path):
    with pytest.raises(CheckpointError, match=r"no model\.safetensors"):
        open_shards(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(CheckpointError, match=r"only pickled weights \(pytorch_model\.bin\).*convert"):
        open_shards(tmp_path)
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"x")
    (tmp_path / "pytorch_model.bin").unlink()
    with pytest.raises(CheckpointError, match=r"1 shards without model\.safetensors\.index\.json"):
        open_shards(tmp_path)


def test_a_dtype_that_no_weight_has_is_told(tmp_path):
    header = json.dumps({"a": {"dtype": "F4", "shape": [4], "data_offsets": [0, 2]}}).encode()
    (tmp_path / SINGLE).write_bytes(len(header).to_bytes(8, "little") + header + bytes(2))
    with pytest.raises(CheckpointError, match=r"values of dtype F4; expected one of F64, F32, .*; quantised checkpoints are not"):
        open_shards(tmp_path)
