"""Fuyu folders: the ids of its own processor, logits, replies and gradients of transformers; Persimmon alone, too."""

import json

import numpy as np
import pytest
import torch
from llava_folders import TEXTS, open_pair, spread, worst
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, trainers
from transformers import PreTrainedTokenizerFast
from transformers.models.fuyu.image_processing_pil_fuyu import FuyuImageProcessorPil
from transformers.models.fuyu.modeling_fuyu import FuyuConfig, FuyuForCausalLM
from transformers.models.fuyu.processing_fuyu import FuyuProcessor
from transformers.models.persimmon.modeling_persimmon import PersimmonConfig, PersimmonForCausalLM

from omma.core.errors import CheckpointError
from omma.media.views.lined_patches import LinedPatches
from omma.schema.view import Unit, num_slots
from omma.weights.export import export
from omma.weights.maps import persimmon
from omma.weights.maps.fuyu import ChannelsLast
from omma.weights.source import open_source

pytestmark = pytest.mark.parity

MARKS = ["<unk>", "<s>", "|ENDOFTEXT|", "|SPEAKER|", "|NEWLINE|", "<0x00>", "<0x01>", "<0x02>", "<0x03>", "<0x04>"]
SEEDS = range(6)


def words_of_fuyu():
    """A small BPE that puts ▁ before every text, as Llama's and Fuyu's do."""
    bpe = Tokenizer(models.BPE(unk_token="<unk>"))
    bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    bpe.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse()])
    marks = [AddedToken(mark, normalized=False, special=True) for mark in MARKS]
    bpe.train_from_iterator([text.replace(" ", "▁") for text in TEXTS], trainers.BpeTrainer(
        vocab_size=200, special_tokens=marks, initial_alphabet=["▁", "\n"], show_progress=False))  # fmt: skip
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, unk_token="<unk>", bos_token="<s>", eos_token="|ENDOFTEXT|", pad_token="|ENDOFTEXT|"
    )


class FuyuImageProcessor(FuyuImageProcessorPil):
    """Pillow's way to patches, whose own is for arrays while its processor hands it tensors."""

    def patchify_image(self, image, patch_size=None):
        return torch.from_numpy(super().patchify_image(np.asarray(image), patch_size))


def draw_persimmon(rng, vocab_size, tied):
    heads, head_dim = int(rng.choice([1, 2, 4])), int(rng.choice([8, 16]))
    return PersimmonConfig(
        hidden_size=heads * head_dim, num_attention_heads=heads, intermediate_size=int(rng.integers(20, 60)),
        num_hidden_layers=int(rng.integers(1, 4)), vocab_size=vocab_size, qk_layernorm=bool(rng.random() < 0.7),
        hidden_act=str(rng.choice(["relu2", "relu"])), partial_rotary_factor=float(rng.choice([0.5, 0.25, 1.0])),
        max_position_embeddings=4096, tie_word_embeddings=tied, pad_token_id=None, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip


def opened(seed, folder):
    rng, words = np.random.default_rng(seed), words_of_fuyu()
    tied = seed == 2
    patch = int(rng.choice([4, 6]))
    cfg = FuyuConfig(
        text_config=draw_persimmon(rng, len(words) + 2, tied).to_dict(), patch_size=patch, tie_word_embeddings=tied,
        image_token_id=words.convert_tokens_to_ids("|SPEAKER|"), attn_implementation="eager",
    )  # fmt: skip
    theirs = FuyuForCausalLM(cfg)
    spread(theirs, seed)
    square = {"height": patch * int(rng.integers(4, 8)), "width": patch * int(rng.integers(5, 9))}
    image = FuyuImageProcessor(size=square, patch_size={"height": patch, "width": patch})
    return open_pair(folder, theirs, FuyuProcessor(image, words))


def their_inputs(pair, root, one):
    """What the processor makes of one picture, and what it writes for it; it takes words alone without an answer's beginning."""
    words = pair.processor.tokenizer
    if not one.media:
        text = words(one.turns[0].text, add_special_tokens=False)["input_ids"]
        first, last = (words.convert_tokens_to_ids(mark) for mark in ("<s>", "<0x04>"))
        ids = torch.tensor([[first, *text, last]])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    picture = Image.open(root / one.media[0].uri).convert("RGB")
    seen, (written,) = pair.processor._process_images([picture], return_legacy_image_output=False, return_tensors="pt")
    # it encodes what it writes and the words one by one, so that the words begin as a text does
    before, behind = (words(text, add_special_tokens=False)["input_ids"] for text in (written, one.turns[0].text + "<0x04>"))
    ids = torch.tensor([before + behind])
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": seen["pixel_values"][None]}


def test_an_export_is_refused_because_no_template_can_say_its_words(tmp_path):
    pair = opened(0, tmp_path / "released")
    with pytest.raises(CheckpointError, match="no released layout has a place"):
        export(pair.module, pair.codec, tmp_path / "export")


@pytest.mark.parametrize("seed", SEEDS)
def test_persimmon_comes_back_from_transformers_layout_bit_by_bit(seed):
    rng = np.random.default_rng(100 + seed)
    theirs = PersimmonForCausalLM(draw_persimmon(rng, 50, tied=seed == 1))
    spread(theirs, seed)
    said = theirs.config.to_dict()
    cfg = persimmon.config_from(said)
    assert persimmon.config_from(persimmon.config_to(cfg, 50)) == cfg
    own = persimmon.names(cfg).from_theirs(theirs.state_dict(), where="here")
    back = persimmon.names(cfg).to_theirs(own)
    assert all(torch.equal(back[name], tensor) for name, tensor in theirs.state_dict().items() if name in back)
    assert theirs.state_dict().keys() - back.keys() <= {"lm_head.weight"}


def test_patches_change_the_order_of_channels_and_back():
    theirs = torch.randn(5, 4 * 4 * 3)
    ours = ChannelsLast(4).split(theirs)[0]
    values = torch.randn(4, 4, 3)
    assert worst(ours @ values.permute(2, 0, 1).flatten(), theirs @ values.flatten()) < 1e-6
    assert torch.equal(ChannelsLast(4).join((ours,)), theirs)


def test_tokens_of_a_picture_are_rows_times_columns_and_a_tag_behind_each_row():
    view = LinedPatches()
    plan = view.plan(1000, 301, Unit(30))
    layout = view.layout(plan, plan.grids(30))
    assert num_slots(layout) == 34 * 11 and [run for run in layout if isinstance(run, str)] == ["|NEWLINE|"] * 11
    assert view.plan(3840, 1080, Unit(30)).grids(30) == ((1, 18, 64),)


@pytest.mark.parametrize(
    ("change", "word"),
    [({"num_channels": 1}, "num_channels is 1"), ({"text_config": {"hidden_act": "gelu"}}, "hidden_act is 'gelu'")],
)
def test_folders_that_are_not_covered_are_refused(change, word, tmp_path):
    file = opened(0, tmp_path / "released").folder / "config.json"
    said = json.loads(file.read_text())
    whole = {**said, **change, "text_config": said["text_config"] | change.get("text_config", {})}
    file.write_text(json.dumps(whole))
    with pytest.raises(CheckpointError, match=word):
        open_source(file.parent)
