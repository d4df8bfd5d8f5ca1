"""Import and export: no bit is lost, every program's names, the ids of the family's own processor, nothing half written."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoProcessor, LlavaForConditionalGeneration

from omma.core.errors import CheckpointError, ConfigError
from omma.media.store import Store
from omma.media.views.fixed import Fixed
from omma.media.views.pad import Pad
from omma.model.connectors.mlp import Mlp
from omma.model.connectors.pixel_shuffle import PixelShuffle
from omma.model.language.decoder import Decoder
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.nn.init import init
from omma.pack.chat import Chat
from omma.pack.collate import rows_to_batch
from omma.pack.templates.jinja import Jinja
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.schema.sample import Media, Part, Sample, Turn
from omma.weights import export as exporting
from omma.weights.agreement import agree
from omma.weights.export import export, layout_of
from omma.weights.imported import import_checkpoint
from omma.weights.native import load_model
from omma.weights.served import LLAVA, strangers
from omma.weights.source import open_source

DRAWS = [("clip", "llama", {}), ("siglip", "qwen2", {"crop": False}), ("clip", "qwen3", {"tied": True, "begins": True})]


def native(folder, target, **options):
    """Released folder → module and codec of its import at `target`."""
    import_checkpoint(open_source(folder), target, **options)
    model = open_source(target).model
    return load_model(target, model), model.text.load(target / "tokenizer")


def scratch(tmp_path, **slots):
    """A model with random weights and a tokenizer trained on a few words, of the LLaVA shape."""
    tower = ViT(patch=8, width=16, depth=2, heads=2, mlp_width=24, image_size=32, final_norm=False)
    parts = {
        "view": Fixed(size=32),
        "encoder": tower,
        "connector": Mlp(),
        "language": Decoder(width=16, depth=2, heads=2, kv_heads=2, head_dim=8, mlp_width=24),
        "text": Chat(tokenizer=TrainedBpe(vocab_size=300)),
    }
    cfg = Vlm(**{**parts, **slots})
    return init(cfg.build(), 5), cfg.text.fit((), tmp_path / "words")


def picture(folder, width, height):
    rng = np.random.default_rng(width)
    coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(folder / "a.png")
    return Media("a.png", width=width, height=height)


def talk(media, *, reply=False):
    turns = [
        Turn("user", (Part("image", index=0), Part("text", "what is on it?"))),
        Turn("assistant", (Part("text", "a red circle"),)),
        Turn("user", (Part("text", "where?"),)),
    ]
    return Sample("a", "a", media=(media,), turns=tuple(turns[: 3 if reply else 1]))


@pytest.mark.parametrize(("tower", "language", "options"), DRAWS)
def test_import_export_import_gives_every_bit_again(tower, language, options, llava, tmp_path):
    module, codec = native(llava(tower, language, **options), tmp_path / "one")
    done = export(module, codec, tmp_path / "out")
    assert done.agreement.worst < 1e-5 and done.agreement.num_positions > 40
    native(tmp_path / "out", tmp_path / "two")
    assert (tmp_path / "one/model.safetensors").read_bytes() == (tmp_path / "two/model.safetensors").read_bytes()
    first, second = (open_source(tmp_path / name).model for name in ("one", "two"))
    assert (first.view, first.connector, first.language) == (second.view, second.connector, second.language)
    assert first.text.vocab_size == second.text.vocab_size and first.text.template.image == second.text.template.image


def test_names_of_files_are_those_that_every_server_accepts(llava, tmp_path):
    module, codec = native(llava("clip", "qwen2"), tmp_path / "one")
    done = export(module, codec, tmp_path / "out", shard_bytes=20_000)
    names = json.loads((tmp_path / "out/model.safetensors.index.json").read_text())["weight_map"]
    assert done.num_files > 1 and all(name.startswith(LLAVA) for name in names)
    assert {"language_model.model.embed_tokens.weight", "vision_tower.vision_model.embeddings.class_embedding"} <= set(names)
    assert strangers("LlavaForConditionalGeneration", ["vision_tower.embeddings.class_embedding"])


def test_the_files_are_those_of_the_portable_layout(llava, tmp_path):
    module, codec = native(llava(), tmp_path / "one")
    export(module, codec, tmp_path / "out")
    said = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "out").glob("*.json")}
    assert said["tokenizer_config"]["tokenizer_class"] == "PreTrainedTokenizerFast" and "backend" not in said["tokenizer_config"]
    assert "additional_special_tokens" in said["tokenizer_config"]
    assert said["preprocessor_config"]["processor_class"] == said["processor_config"]["processor_class"] == "LlavaProcessor"
    assert said["processor_config"]["num_additional_image_tokens"] == 1 and said["processor_config"]["patch_size"] == 8
    assert said["generation_config"]["eos_token_id"] == codec.stop_ids[0] == said["config"]["text_config"]["eos_token_id"]
    assert (tmp_path / "out/chat_template.jinja").read_text() == codec.words.chat_template


@pytest.mark.parametrize(("tower", "language", "options"), DRAWS)
def test_ids_equal_those_of_the_released_folder_s_own_processor(tower, language, options, llava, tmp_path):
    folder = llava(tower, language, **options)
    _, codec = native(folder, tmp_path / "one")
    model = open_source(tmp_path / "one").model
    processor = AutoProcessor.from_pretrained(folder, backend="pil")
    media = picture(tmp_path, 50, 40)
    for reply in (False, True):
        messages = [
            {
                "role": "user",
                "content": [{"type": "image", "path": str(tmp_path / "a.png")}, {"type": "text", "text": "what is on it?"}],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "a red circle"}]},
            {"role": "user", "content": [{"type": "text", "text": "where?"}]},
        ][: 3 if reply else 1]
        theirs = processor.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
        assert codec.prompt(talk(media, reply=reply), model).token_ids.tolist() == theirs["input_ids"][0].tolist()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_agreed_upon_too(dtype, llava, tmp_path):
    module, codec = native(llava("siglip", "qwen3"), tmp_path / "one", dtype=dtype)
    assert {parameter.dtype for parameter in module.parameters()} == {dtype}
    export(module, codec, tmp_path / "out")
    with safe_open(tmp_path / "out/model.safetensors", "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {dtype}  # noqa: SIM118


def test_several_shards_are_imported_as_one_model(llava, tmp_path):
    many, _ = native(llava("clip", "llama", shard="20KB"), tmp_path / "many")
    one, _ = native(llava("clip", "llama"), tmp_path / "one")
    assert all(torch.equal(a, b) for a, b in zip(many.parameters(), one.parameters(), strict=True))
    native(llava("clip", "llama"), tmp_path / "cut", shard_bytes=20_000)
    assert len(list((tmp_path / "cut").glob("*.safetensors"))) > 1


@pytest.mark.parametrize("view", [Fixed(size=32), Pad(size=32, fill=(127, 127, 127))])
def test_a_model_from_scratch_with_role_marks_is_exported(view, tmp_path):
    module, codec = scratch(tmp_path, view=view)
    done = export(module, codec, tmp_path / "out")
    assert done.architecture == "LlavaForConditionalGeneration" and done.agreement.worst < 1e-5


def test_a_template_for_plain_text_gets_a_head_that_joins_parts(tmp_path):
    source = "{% for m in messages %}{{ '[' + m['role'] + ']' + m['content'] }}{% endfor %}"
    source += "{% if add_generation_prompt %}[assistant]{% endif %}"
    text = Chat(tokenizer=TrainedBpe(vocab_size=300), template=Jinja(source=source, marks=("</s>",), end="</s>"))
    module, codec = scratch(tmp_path, text=text)
    export(module, codec, tmp_path / "out")
    words = AutoProcessor.from_pretrained(tmp_path / "out", backend="pil").tokenizer
    media = Media("a.png", width=32, height=32)
    content = [{"type": "image"}, {"type": "text", "text": "what is on it?"}]
    reply = {"role": "assistant", "content": [{"type": "text", "text": "a cat"}]}
    written = words.apply_chat_template([{"role": "user", "content": content}, reply], tokenize=False)
    turns = (Turn("user", (Part("image", index=0), Part("text", "what is on it?"))), Turn("assistant", (Part("text", "a cat"),)))
    row = codec.row(Sample("a", "a", media=(media,), turns=turns), module.cfg)
    slots = module.cfg.num_visual(module.cfg.plan(32, 32))
    assert row.token_ids.tolist() == words(written.replace("<image>", "<image>" * slots), add_special_tokens=False).input_ids


def test_pictures_and_logits_are_those_of_transformers(llava, tmp_path):
    folder = llava("clip", "qwen3", tied=True, begins=True)
    module, codec = native(folder, tmp_path / "one")
    media = picture(tmp_path, 71, 45)
    processor = AutoProcessor.from_pretrained(folder, backend="pil")
    messages = [
        {
            "role": "user",
            "content": [{"type": "image", "path": str(tmp_path / "a.png")}, {"type": "text", "text": "what is on it?"}],
        }
    ]
    inputs = processor.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    batch = rows_to_batch([codec.prompt(talk(media), module.cfg)], module.cfg, Store(tmp_path))
    with torch.no_grad():
        theirs = LlavaForConditionalGeneration.from_pretrained(folder, attn_implementation="eager")(**inputs).logits[0]
        output = module.eval()(batch)
    ours = output.logits(torch.arange(len(batch.tokens)))
    assert (ours - theirs).abs().max() <= 2e-5 * theirs.abs().max()


@pytest.mark.parametrize(
    ("slots", "words"),
    [
        ({"connector": PixelShuffle(factor=2)}, "llava: .*PixelShuffle"),
        ({"view": Pad(size=32, fill=(1, 2, 3))}, r"filled with \(1, 2, 3\)"),
    ],
)
def test_a_composition_without_a_class_is_told_why(slots, words, tmp_path):
    module, codec = scratch(tmp_path, **slots)
    with pytest.raises(CheckpointError, match=words) as error:
        layout_of(module, codec)
    assert "no other program can serve it" in str(error.value)


def test_a_folder_that_transformers_reads_otherwise_is_not_kept(llava, tmp_path, monkeypatch):
    module, codec = native(llava(), tmp_path / "one")
    honest = exporting.family_for

    def other_eps(*arguments):
        family, config = honest(*arguments)
        config["text_config"]["rms_norm_eps"] = 0.5
        return family, config

    monkeypatch.setattr(exporting, "family_for", other_eps)
    with pytest.raises(CheckpointError, match=r"out: transformers reads the export differently: logits differ by"):
        export(module, codec, tmp_path / "out")
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*"))


def test_missing_tensors_and_another_template_are_found_by_the_check(llava, tmp_path):
    module, codec = native(llava(), tmp_path / "one")
    export(module, codec, tmp_path / "out")
    shutil.copytree(tmp_path / "out", tmp_path / "words")
    (tmp_path / "words/chat_template.jinja").write_text("{% for m in messages %}<image>{% endfor %}")
    with pytest.raises(CheckpointError, match=r"its processor gives \d+ ids"):
        agree(module, codec, tmp_path / "words", where="test")
    config = json.loads((tmp_path / "out/config.json").read_text())
    config["text_config"]["num_hidden_layers"] = 3
    (tmp_path / "out/config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"\d+ missing keys"):
        agree(module, codec, tmp_path / "out", where="test")


def test_a_folder_that_is_there_is_never_written_over(llava, tmp_path):
    module, codec = native(llava(), tmp_path / "one")
    with pytest.raises(ConfigError, match="one: is there already"):
        export(module, codec, tmp_path / "one")
    with pytest.raises(ConfigError, match="one: is there already"):
        native(llava(), tmp_path / "one")


def test_a_part_and_a_checkpoint_of_ours_are_not_imported(language_folder, llava, tmp_path):
    folder = language_folder("llama")
    with pytest.raises(CheckpointError, match=r"a language model; .*weights\.language="):
        import_checkpoint(open_source(folder), tmp_path / "one")
    native(llava(), tmp_path / "two")
    with pytest.raises(CheckpointError, match="it is a checkpoint of omma already"):
        import_checkpoint(open_source(tmp_path / "two"), tmp_path / "three")
    assert not load_file(folder / "model.safetensors").keys() & {"language.embedding.weight"}
