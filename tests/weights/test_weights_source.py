"""Released folders opened: the family by config.json, every tensor accounted for, vocabularies that grow, parts in a recipe."""

import json
import os
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from omma.core.errors import CheckpointError, ConfigError
from omma.media.views.fixed import Fixed
from omma.model.connectors.mlp import Mlp
from omma.model.language.decoder import Decoder
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.pack.chat import Chat
from omma.pack.templates.chat_marks import ChatMarks
from omma.pack.templates.jinja import Jinja
from omma.pack.tokenizers.released import Released
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.weights.family import families, find_family
from omma.weights.imported import import_checkpoint, places
from omma.weights.names import Form, Pair, Rows
from omma.weights.native import load_model
from omma.weights.released import read_released
from omma.weights.source import open_source, own_tensors
from omma.weights.start import Weights, adopt, saved_words, start_model
from omma.weights.vocabulary import grow


def copy(folder, target):
    shutil.copytree(folder, target)
    return target


def edit(file, **changes):
    said = json.loads(file.read_text())
    said.update(changes)
    file.write_text(json.dumps(said))


class Held(TorchDispatchMode):
    """The most bytes that tensors on the CPU hold at once, of those that are made inside."""

    def __init__(self):
        super().__init__()
        self.alive, self.most = {}, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor) and tensor.device.type == "cpu":
                storage = tensor.untyped_storage()
                self.alive[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self.alive = {key: one for key, one in self.alive.items() if not one[0].expired()}
        self.most = max(self.most, sum(size for _, size in self.alive.values()))
        return made


def sizes(module):
    """Bytes of a module's tensors, and of the largest."""
    found = [parameter.nbytes for parameter in module.parameters()]
    return sum(found), max(found)


def small(**slots):
    """A recipe's model with parts of its own."""
    parts = {
        "view": Fixed(size=32),
        "encoder": ViT(patch=8, width=24, depth=2, heads=2, mlp_width=16, image_size=32, feature_layer=-2),
        "connector": Mlp(),
        "language": Decoder(width=32, depth=1, heads=2, kv_heads=1, head_dim=8, mlp_width=16),
        "text": Chat(tokenizer=TrainedBpe(vocab_size=300)),
    }
    return Vlm(**{**parts, **slots})


def test_every_family_names_itself_and_at_most_one_of_its_kind_does_without_a_mark():
    marks = {}
    for family in families():
        for model_type in family.model_types:
            marks.setdefault((family.kind, model_type), []).append(family.mark)
    assert all(len(set(own)) == len(own) for own in marks.values())
    assert {("vlm", "llava"), ("language", "llama"), ("vision", "siglip")} <= marks.keys()
    assert all(family.architectures for family in families() if family.kind == "vlm")
    for family in families():
        said = {"model_type": family.model_types[0], **({family.mark: 1} if family.mark else {})}
        assert find_family(said, where="here", kind=family.kind) is family


def test_a_name_of_a_whole_model_and_of_its_tower_means_the_whole_unless_the_tower_is_asked_for():
    shared = [name for family in families() if family.kind == "vision" for name in family.model_types]
    shared = [name for family in families() if family.kind == "vlm" for name in family.model_types if name in shared]
    for name in shared:
        assert find_family({"model_type": name}, where="test").kind == "vlm"
        assert find_family({"model_type": name}, where="test", kind="vision").kind == "vision"


def test_an_unknown_family_is_told_with_the_nearest():
    with pytest.raises(CheckpointError, match="model_type 'lama'.*did you mean 'llama'"):
        find_family({"model_type": "lama"}, where="config.json")
    with pytest.raises(CheckpointError, match="the model_type of a vision model"):
        find_family({"model_type": "llama"}, where="config.json", kind="vision")


def test_the_family_is_read_from_the_config_and_never_from_the_path(language_folder, tmp_path):
    folder = copy(language_folder("qwen2"), tmp_path / "llama-7b")
    assert find_family(read_released(folder).config, where="test").model_types == ("qwen2",)


def test_code_of_a_checkpoint_is_never_run(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": {"AutoModel": "modeling.Own"}}))
    (tmp_path / "modeling.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(CheckpointError, match=r"needs code that lies in the folder \(auto_map\).*never runs code"):
        open_source(tmp_path)


def test_a_folder_without_a_config_and_no_folder_are_told(tmp_path):
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        open_source(tmp_path)
    with pytest.raises(CheckpointError, match="no such folder"):
        open_source(tmp_path / "absent")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json: unreadable"):
        open_source(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(CheckpointError, match="holds a list"):
        open_source(tmp_path)


@pytest.mark.parametrize(("tower", "language"), [("clip", "llama"), ("siglip", "qwen3")])
def test_all_tensors_of_a_whole_model_are_accounted_for(tower, language, llava):
    source = open_source(llava(tower, language))
    found = source.match(own_tensors(source))
    found.check("test")
    stored = {source.names.canonical(name) for name in source.shards.stored}
    assert {theirs for theirs, _ in found.mapped} | set(found.skipped) == stored
    assert found.reshaped == ("model.vision_tower.embeddings.patch_embedding.weight",) and not found.grown


def test_a_minimal_config_means_the_defaults_of_its_class(llava, tmp_path):
    folder = copy(llava("clip", "llama"), tmp_path / "minimal")
    said = json.loads((folder / "config.json").read_text())
    kept = {
        "model_type",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "image_size",
        "patch_size",
    }
    said["vision_config"] = {key: value for key, value in said["vision_config"].items() if key in kept}
    (folder / "config.json").write_text(json.dumps(said))
    assert open_source(folder).model == replace_text(open_source(llava("clip", "llama")).model, folder)


def replace_text(model, folder):
    return replace(model, text=replace(model.text, tokenizer=replace(model.text.tokenizer, path=str(folder))))


def test_missing_unexpected_and_misshapen_tensors_are_told_with_the_config_key(language_folder, tmp_path):
    folder = copy(language_folder("llama"), tmp_path / "a")
    tensors = load_file(folder / "model.safetensors")
    moved = dict(tensors)
    del moved["model.norm.weight"]
    save_file(moved | {"model.extra": torch.ones(1)}, folder / "model.safetensors")
    source = open_source(folder)
    with pytest.raises(CheckpointError, match=r"1 missing: model\.norm\.weight; 1 unexpected: model\.extra"):
        source.match(own_tensors(source)).check("test")
    save_file(tensors, folder / "model.safetensors")
    edit(folder / "config.json", intermediate_size=40)
    source = open_source(folder)
    with pytest.raises(
        CheckpointError, match=r"6 of another shape: .*\(24, 16\), not \(40, 16\) \(intermediate_size in config\.json\)"
    ):
        source.match(own_tensors(source)).check("test")


def test_a_head_that_is_another_than_the_embedding_is_not_dropped(language_folder, tmp_path):
    folder = copy(language_folder("llama"), tmp_path / "untied")
    edit(folder / "config.json", tie_word_embeddings=True)
    source = open_source(folder)
    assert not source.model.tied and ("lm_head.weight", "language.unembedding.weight") in source.match(own_tensors(source)).mapped
    tied = copy(language_folder("llama", tied=True), tmp_path / "tied")
    tensors = load_file(tied / "model.safetensors")
    save_file(tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"].clone()}, tied / "model.safetensors")
    assert open_source(tied).model.tied


def test_new_rows_are_the_mean_and_old_ones_stay():
    rows = torch.randn(5, 3)
    grown = grow(rows, 7, where="test")
    assert torch.equal(grown[:5], rows) and torch.allclose(grown[5:], rows.mean(0).expand(2, 3))
    assert grow(rows, 5, where="test") is rows
    with pytest.raises(CheckpointError, match="5 rows of the vocabulary; expected at most 4"):
        grow(rows, 4, where="test")


@pytest.mark.parametrize("tied", [True, False])
def test_a_language_model_grows_by_the_image_token_in_embedding_and_head(tied, language_folder):
    folder = language_folder("llama", tied=tied)
    model = adopt(small(), Weights(language=str(folder)))
    theirs = load_file(folder / "model.safetensors")
    embedding = theirs["model.embed_tokens.weight"]
    assert isinstance(model.text.tokenizer, Released) and model.text.vocab_size == len(embedding) + 1
    module = start_model(model, Weights(language=str(folder)), seed=0)
    assert torch.equal(module.language.embedding.weight[:-1], embedding)
    assert torch.allclose(module.language.embedding.weight[-1], embedding.mean(0))
    head = embedding if tied else theirs["lm_head.weight"]
    assert torch.equal(module.language.head[:-1], head) and torch.allclose(module.language.head[-1], head.mean(0))
    assert (module.language.head is module.language.embedding.weight) == tied


def test_a_folder_without_a_chat_template_gets_the_recipe_s(language_folder):
    folder = language_folder("qwen3", template="")
    model = adopt(small(), Weights(language=str(folder)))
    rows = len(load_file(folder / "model.safetensors")["model.embed_tokens.weight"])
    assert model.text.template == ChatMarks() and model.text.vocab_size == rows + 6


def test_a_template_of_its_own_is_taken_and_stops(language_folder, tmp_path):
    model = adopt(small(), Weights(language=str(language_folder("qwen2"))))
    assert isinstance(model.text.template, Jinja) and model.text.template.image == "<image>"
    codec = model.text.fit((), tmp_path)
    assert codec.decode([codec.stop_ids[0]]) == "" and codec.stop_ids == (codec.words.special("</s>"),)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_a_tower_fills_its_slot_and_the_recipe_keeps_its_feature_layer(kind, tower_folder):
    folder = tower_folder(kind)
    model = adopt(small(), Weights(encoder=str(folder)))
    assert model.encoder.feature_layer == -2 and model.encoder.width == 16 and model.encoder.num_blocks == 2
    module = start_model(model, Weights(encoder=str(folder)), seed=0)
    theirs = {name.removeprefix("vision_model."): value for name, value in load_file(folder / "model.safetensors").items()}
    assert torch.equal(module.encoder.blocks[1].mlp.up.weight, theirs["encoder.layers.1.mlp.fc1.weight"])
    assert torch.equal(module.encoder.embed.project.weight, theirs["embeddings.patch_embedding.weight"].flatten(1))


def test_what_no_folder_fills_starts_as_it_would_without(tower_folder):
    weights = Weights(encoder=str(tower_folder("clip")))
    model = adopt(small(), weights)
    module, plain = start_model(model, weights, seed=3), start_model(model, Weights(), seed=3)
    assert torch.equal(module.language.embedding.weight, plain.language.embedding.weight)
    assert torch.equal(module.connector.layers[0].weight, plain.connector.layers[0].weight)


def test_a_whole_model_gives_its_parts_to_another(llava):
    folder = str(llava("clip", "llama"))
    weights = Weights(encoder=folder, language=folder)
    model = adopt(small(), weights)
    whole = open_source(llava("clip", "llama")).model
    assert model.language == whole.language and model.encoder.width == whole.encoder.width and model.connector == Mlp()
    module = start_model(model, weights, seed=0)
    theirs = start_model(whole, Weights(model=folder), seed=0)
    assert torch.equal(module.language.norm.weight, theirs.language.norm.weight)


def test_weights_that_do_not_fit_the_recipe_are_told(language_folder, tower_folder, llava):
    language, tower = str(language_folder("llama")), str(tower_folder("clip"))
    with pytest.raises(CheckpointError, match="of another shape"):
        start_model(small(), Weights(language=language), seed=0)
    with pytest.raises(CheckpointError, match=r"a language model; expected a vision-language model; give it as weights\.language"):
        adopt(small(), Weights(model=language))
    with pytest.raises(CheckpointError, match="a vision model; expected one with weights for language"):
        adopt(small(), Weights(language=tower))
    with pytest.raises(ConfigError, match=r"weights\.model: beside weights of a slot"):
        Weights(model=str(llava()), encoder=tower)


def test_weights_are_read_in_the_precision_that_is_asked_for(llava):
    folder = str(llava())
    model = adopt(small(), Weights(model=folder))
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16), ("stored", torch.float32)):
        module = start_model(model, Weights(model=folder, precision=precision), seed=0)
        assert {parameter.dtype for parameter in module.parameters()} == {dtype}


@pytest.mark.parametrize("precision", ["fp32", "bf16", "stored"])
def test_a_whole_model_is_never_there_twice(precision, llava):
    weights = Weights(model=str(llava()), precision=precision)
    model = adopt(small(), weights)
    with Held() as held:
        module = start_model(model, weights, seed=0)
    whole, largest = sizes(module)
    assert whole <= held.most <= whole + 4 * largest < 2 * whole
    with Held() as held:
        far = start_model(model, weights, seed=0, device="meta")
    assert {parameter.device.type for parameter in far.parameters()} == {"meta"}
    assert {parameter.dtype for parameter in far.parameters()} == {parameter.dtype for parameter in module.parameters()}
    assert largest <= held.most * 2 and held.most <= 4 * largest < whole


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_stored_parts_take_the_place_of_random_ones_and_stand_beside_none(precision, language_folder, tower_folder):
    weights = Weights(encoder=str(tower_folder("clip")), language=str(language_folder("llama")), precision=precision)
    model = adopt(small(), weights)
    with Held() as held:
        module = start_model(model, weights, seed=0)
    whole, largest = sizes(start_model(model, replace(weights, precision="fp32"), seed=0))
    assert held.most <= whole + 4 * largest
    assert {parameter.dtype for parameter in module.parameters()} == {
        getattr(torch, {"fp32": "float32"}.get(precision, "bfloat16"))
    }
    far = start_model(model, weights, seed=0, device="meta")
    assert {parameter.device.type for parameter in far.parameters()} == {"meta"}


def test_what_stays_as_it_is_is_imported_without_being_read(llava, tmp_path, monkeypatch):
    source = open_source(llava())
    own = own_tensors(source)
    found = places(source, own)
    assert own.keys() - found.keys() == {"language.embedding.weight", "language.unembedding.weight"} & set(source.match(own).grown)
    read = source.read(own)
    import_checkpoint(source, tmp_path / "copied")
    assert all(torch.equal(value, read[name]) for name, value in load_file(tmp_path / "copied/model.safetensors").items())
    import_checkpoint(source, tmp_path / "bf16", torch.bfloat16)
    halves = load_file(tmp_path / "bf16/model.safetensors")
    assert halves.keys() == read.keys() and all(torch.equal(halves[name], read[name].bfloat16()) for name in read)


def test_an_import_waits_for_no_weights_and_ends_with_the_file_that_makes_it_a_checkpoint(llava, tmp_path, monkeypatch):
    waited, sync = [], os.fsync
    monkeypatch.setattr("os.fsync", lambda handle: (waited.append(os.readlink(f"/proc/self/fd/{handle}")), sync(handle)))
    import_checkpoint(open_source(llava()), tmp_path / "whole")
    assert waited and not any("safetensors" in name.removesuffix(".index.json") for name in waited)

    def torn(path, text):
        raise KeyboardInterrupt

    monkeypatch.setattr("omma.weights.imported.write_text", torn)  # config.yaml, the last of all
    with pytest.raises(KeyboardInterrupt):
        import_checkpoint(open_source(llava()), tmp_path / "half")
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


@pytest.mark.parametrize("shard_bytes", [5 * 10**9, 20_000])
@pytest.mark.parametrize("lost", ["the end", "all of it", "the file"])
def test_what_a_power_cut_takes_from_an_import_is_told_when_it_is_opened(lost, shard_bytes, llava, tmp_path):
    import_checkpoint(open_source(llava()), tmp_path / "native", shard_bytes=shard_bytes)
    model = open_source(tmp_path / "native").model
    *_, file = sorted((tmp_path / "native").glob("*.safetensors"))
    assert file.name == ("model.safetensors" if shard_bytes > 20_000 else file.name) and model
    if lost == "the file":
        file.unlink()
    else:
        os.truncate(file, 0 if lost == "all of it" else file.stat().st_size - 1)
    words = "import it again|no model.safetensors|are not here|no such file"
    with pytest.raises(CheckpointError, match=words):
        open_source(tmp_path / "native")
    with pytest.raises(CheckpointError, match=words):
        load_model(tmp_path / "native", model)


def test_pieces_of_a_fused_tensor_have_places_and_turned_ones_have_none(llava):
    source = open_source(llava())
    stored = {source.names.canonical(name): at for name, at in source.shards.stored.items()}
    pair = next(pair for pair in source.names.pairs if len(stored[pair.theirs].shape) == 2 and "language" in pair.ours)
    rows, width = stored[pair.theirs].shape
    fused = tuple(Pair(f"part{i}", pair.theirs, Rows((1, rows - 1)), i) for i in range(2))
    wanted = {"part0": torch.empty(1, width), "part1": torch.empty(rows - 1, width), "turned": torch.empty(width, rows)}
    source = replace(source, names=replace(source.names, pairs=(*fused, Pair("turned", pair.theirs, Transposed()))))
    found = places(source, wanted)
    assert found.keys() == {"part0", "part1"} and found["part0"].end == found["part1"].begin
    for name, at in found.items():
        values = torch.frombuffer(bytearray(at.file.read_bytes()[at.begin : at.end]), dtype=at.dtype).view(at.shape)
        assert torch.equal(values, source.reader(wanted)(name))
    assert not places(source, {name: tensor.bfloat16() for name, tensor in wanted.items()})


class Transposed(Form):
    """A matrix the other way round."""

    def split(self, theirs):
        return (theirs.T,)


def test_a_checkpoint_of_omma_is_a_start_with_its_own_tokenizer(llava, tmp_path):
    source = open_source(llava())
    import_checkpoint(source, tmp_path / "native")
    weights = Weights(model=str(tmp_path / "native"))
    model = adopt(small(), weights)
    assert model == source.model and saved_words(weights) == tmp_path / "native/tokenizer"
    ours = start_model(model, weights, seed=0).state_dict()
    theirs = start_model(model, Weights(model=str(llava())), seed=0).state_dict()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert weights.tiny() == Weights() and saved_words(Weights()) is None


def test_a_vlm_without_a_tokenizer_or_with_another_s_is_told(llava, tmp_path):
    folder = copy(llava(), tmp_path / "a")
    edit(folder / "config.json", image_token_index=17)
    with pytest.raises(CheckpointError, match=r"image_token_index is 17, which is no added token of tokenizer\.json"):
        open_source(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match="tokenizer"):
        open_source(folder)
