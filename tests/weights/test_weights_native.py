"""Native weights: what is saved is what is loaded; ties stay; damage and differences are named."""

import errno
from dataclasses import replace

import pytest
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from omma.core.config import config
from omma.core.errors import CheckpointError
from omma.media.views.best_fit import BestFit
from omma.model.connectors.mlp import Mlp
from omma.model.connectors.pixel_shuffle import PixelShuffle
from omma.model.language.decoder import Decoder
from omma.model.slots import Connector, ConnectorModule
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm, init
from omma.schema.talk import Text
from omma.weights import native
from omma.weights.native import MODEL_FILE, fill, load_model, read_tensors, save_model


@config
class Words(Text):
    @property
    def vocab_size(self):
        return 40


def make(**slots):
    parts = {"view": BestFit(), "encoder": ViT(), "connector": Mlp(), "language": Decoder(tied=True), "text": Words()}
    return Vlm(**{**parts, **slots}).tiny()


@pytest.mark.parametrize("tied", [True, False])
def test_what_is_saved_is_what_is_loaded(tied, tmp_path):
    cfg = make(language=Decoder(tied=tied))
    module = init(cfg.build(), 3)
    save_model(tmp_path / "new" / "folder", module)
    loaded = load_model(tmp_path / "new" / "folder", cfg)
    ours, theirs = dict(module.named_parameters()), dict(loaded.named_parameters())
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert all(p.requires_grad and not p.is_meta for p in loaded.parameters())
    assert (loaded.language.head is loaded.language.embedding.weight) == tied


def test_precision_is_kept(tmp_path):
    cfg = make()
    save_model(tmp_path, init(cfg.build(), 0).to(torch.bfloat16))
    assert {p.dtype for p in load_model(tmp_path, cfg).parameters()} == {torch.bfloat16}


def test_a_tensor_with_two_names_is_stored_once_and_stays_one(tmp_path):
    module = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    module[1].weight = module[0].weight
    save_model(tmp_path, module)
    with safe_open(tmp_path / MODEL_FILE, "pt") as file:
        assert list(file.keys()) == ["0.weight"]
    with torch.device("meta"):
        other = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
        other[1].weight = other[0].weight
    fill(other, read_tensors(tmp_path / MODEL_FILE), where="test")
    assert other[0].weight is other[1].weight and torch.equal(other[0].weight, module[0].weight)


def test_frozen_parts_stay_frozen_and_slices_are_stored_whole(tmp_path):
    module = nn.Linear(4, 3)
    module.weight = nn.Parameter(torch.randn(4, 6)[:, :3].T)  # not contiguous
    module.weight.requires_grad_(False)
    save_model(tmp_path, module)
    other = nn.Linear(4, 3)
    other.weight.requires_grad_(False)
    fill(other, read_tensors(tmp_path / MODEL_FILE), where="test")
    assert torch.equal(other.weight, module.weight) and not other.weight.requires_grad


def test_differences_are_named_each(tmp_path):
    save_model(tmp_path, init(make().build(), 0))
    other = make(connector=PixelShuffle())
    with pytest.raises(CheckpointError) as error:
        load_model(tmp_path, other)
    text = str(error.value)
    assert "6 missing: connector.down.bias, connector.down.weight, connector.norm.bias, connector.norm.weight and 2 more" in text
    assert "4 unexpected: connector.layers.0.bias" in text
    assert "take the config.yaml that was saved with the weights" in text
    wider = replace(make(), language=replace(make().language, mlp_width=80))
    with pytest.raises(CheckpointError, match=r"6 of another shape: .*mlp\.down\.weight is \(32, 64\), not \(32, 80\)"):
        load_model(tmp_path, wider)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(CheckpointError, match=r"model\.safetensors: no such file"):
        load_model(tmp_path, make())


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, 0.999])
def test_a_cut_off_file_is_told(keep, tmp_path):
    cfg = make()
    save_model(tmp_path, init(cfg.build(), 0))
    data = (tmp_path / MODEL_FILE).read_bytes()
    (tmp_path / MODEL_FILE).write_bytes(data[: int(keep if keep >= 1 else keep * len(data))])
    with pytest.raises(CheckpointError, match="cut off or no safetensors file"):
        load_model(tmp_path, cfg)


def test_noise_is_no_checkpoint(tmp_path):
    (tmp_path / MODEL_FILE).write_bytes(b"\x80\x04pickle" * 100)
    with pytest.raises(CheckpointError, match="no safetensors file"):
        load_model(tmp_path, make())


def test_a_full_disk_leaves_the_last_good_file(tmp_path, monkeypatch):
    cfg = make()
    save_model(tmp_path, init(cfg.build(), 0))
    before = (tmp_path / MODEL_FILE).read_bytes()

    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise SafetensorError(f"Error while serializing: I/O error: No space left on device (os error {errno.ENOSPC})")

    monkeypatch.setattr(native, "save_file", full)
    with pytest.raises(CheckpointError, match="the disk is full"):
        save_model(tmp_path, init(cfg.build(), 1))
    assert (tmp_path / MODEL_FILE).read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_another_write_error_is_told(tmp_path, monkeypatch):
    def broken(tensors, path, metadata):
        raise SafetensorError("Error while serializing: header too large")

    monkeypatch.setattr(native, "save_file", broken)
    with pytest.raises(CheckpointError, match="cannot be written: Error while serializing: header too large"):
        save_model(tmp_path, nn.Linear(2, 2))


@config
class Counting(Connector):
    """A connector of a user's own, with a buffer that no file holds."""

    def build(self, *, in_dim, out_dim):
        return CountingModule(in_dim, out_dim)


class CountingModule(ConnectorModule):
    def __init__(self, in_dim, out_dim):
        super().__init__()
        self.project = nn.Linear(in_dim, out_dim)
        self.register_buffer("ruler", torch.arange(5.0), persistent=False)
        self.register_buffer("seen", torch.zeros(1))


def test_buffers_survive_stored_or_not(tmp_path):
    cfg = make(connector=Counting())
    module = init(cfg.build(), 0)
    module.connector.seen += 7
    save_model(tmp_path, module)
    loaded = load_model(tmp_path, cfg)
    assert loaded.connector.ruler.tolist() == [0, 1, 2, 3, 4] and loaded.connector.seen.item() == 7
