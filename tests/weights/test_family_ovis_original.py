"""Ovis 1.0 to 1.6 and Ovis2 in their own layout: ids, pixels, token counts, logits and gradients of the released rules."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from llava_folders import our_batch, sample, spread, worst
from ovis_folders import (
    ATOM,
    COLOURS,
    DRAWS,
    PATCH,
    START,
    both_logits,
    draw_backbone,
    grid_of,
    ovis,
    placeholders,
    released_names,
    their_ids,
    tiles_of,
)
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from omma.core.errors import CheckpointError
from omma.media.apply import apply, patchify
from omma.media.views.cells import Cells
from omma.model.connectors.visual_embedding import VisualEmbedding
from omma.model.squares import padded_squares
from omma.schema.batch import Pictures, Stream
from omma.schema.view import Unit, num_slots
from omma.weights.native import load_model, save_model, stored_tensors
from omma.weights.source import open_source
from omma_recipes.systems.ovis import ovis1_5_llama_8b, ovis1_6_llama_3b, ovis_clip_qwen_7b

pytestmark = pytest.mark.parity

# fp32, as a share of the largest value compared. Worst case measured over all draws: logits 1.0e-6, gradients 3.9e-5.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4


@pytest.mark.parametrize("seed", DRAWS)
def test_a_released_folder_gives_the_ids_pixels_and_logits_of_its_own_code(seed, tmp_path):
    opened = ovis(seed, tmp_path / "released")
    with torch.no_grad():
        assert max(worst(*pair) for pair in both_logits(opened, tmp_path)) <= TOLERANCE


@pytest.mark.parametrize("seed", [0, 1, 2, 6])
def test_gradients_of_one_loss_are_the_same(seed, tmp_path):
    opened = ovis(seed, tmp_path / "released")
    probes = torch.Generator().manual_seed(0)
    for ours, theirs in [pair for pair in both_logits(opened, tmp_path)]:
        probe = torch.randn(ours.shape, generator=probes)
        (ours * probe).mean().backward(retain_graph=True)
        (theirs * probe).mean().backward()
    gradients = {name: p.grad for name, p in opened.whole.named_parameters() if p.grad is not None}
    tower = {name.removeprefix("tower."): p for name, p in opened.whole.named_parameters() if name.startswith("tower.")}
    named = {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in tower.items()}
    theirs = {
        re.sub(r"^head\.", "visual_tokenizer.head.", name): g for name, g in gradients.items() if not name.startswith("tower.")
    }
    theirs |= {f"visual_tokenizer.backbone.{name}": g for name, g in released_names(named, opened.kind).items()}
    wanted = opened.names.from_theirs(theirs, where="gradients")
    own = {name: p.grad for name, p in opened.module.named_parameters() if not name.endswith("key.bias")}
    assert all(grad is not None for grad in own.values()) and own.keys() <= wanted.keys()
    apart = [worst(own[name][: len(wanted[name])], wanted[name]) for name in own if wanted[name].abs().max() > 1e-7]
    assert max(apart) <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("seed", [0, 1, 2, 6])
def test_what_was_imported_comes_back_from_our_own_layout_bit_by_bit(seed, tmp_path):
    """Also under the released names, where the table is one again."""
    opened = ovis(seed, tmp_path / "released")
    (tmp_path / "native").mkdir()
    save_model(tmp_path / "native", opened.module)
    ours, again = stored_tensors(opened.module), stored_tensors(load_model(tmp_path / "native", opened.cfg))
    assert ours.keys() == again.keys() and all(torch.equal(ours[name], again[name]) for name in ours)
    named = opened.names.to_theirs({name: tensor.detach() for name, tensor in again.items()})
    with safe_open(opened.folder / "model.safetensors", framework="pt") as file:
        for name in file.keys():  # noqa: SIM118  (no mapping)
            theirs = file.get_tensor(name)
            unused = any(part in name for part in ("post_layernorm", "post_trunk_norm", ".vision_model.head."))
            assert unused or torch.equal(named[opened.names.canonical(name)][: len(theirs)], theirs), name


@pytest.mark.parametrize("seed", [0, 1])
def test_white_space_around_words_is_kept_or_stripped_as_the_formatter_does(seed, tmp_path):
    opened = ovis(seed, tmp_path / "released")
    for number, own in enumerate(([(33, 33)], [])):
        one = sample(tmp_path, number, own)
        spaced = replace(one.turns[0].parts[-1], text="  two rows \n ")
        asked = replace(one, turns=(replace(one.turns[0], parts=(*one.turns[0].parts[:-1], spaced)),))
        ids, _ = their_ids(opened, tmp_path, asked)
        got = our_batch(opened, tmp_path, [asked]).tokens.tolist()
        assert [i for i in got if i != opened.codec.image_id] == [i for i in ids if i >= 0]


def sizes(count, longest):
    random = np.random.default_rng(7)
    return np.exp(random.uniform(np.log(4), np.log(longest), (count, 2))).astype(int).tolist()


def test_grids_and_token_counts_are_those_of_the_released_rule():
    """Ovis 1.6 at full size: 384 px, patches of 14 px, squares of two: 27 → 28 → 14 × 14 tokens a tile."""
    model, several = ovis1_6_llama_3b().model, 0
    for width, height in sizes(1000, 4000):
        grid = grid_of(width, height, 384)
        marks = placeholders(grid, framed=False)
        plan = model.plan(width, height)
        assert len(plan.tiles) == marks.count(ATOM), (width, height)
        (run,) = model.layout(plan)
        said = [number for mark in marks for number in ([0] * 196 if mark == ATOM else [mark - START - 1])]
        assert np.where(run < 0, run, 0).tolist() == said, (width, height)
        assert run[run >= 0].tolist() == list(range(196 * len(plan.tiles)))
        several += len(plan.tiles) > 1
    assert several > 500


def test_cells_show_the_released_pixels():
    """200 random sizes; what stands around a cell is the mean, which becomes zero."""
    view, grey = Cells(size=32, fill=(127.5, 127.5, 127.5)), 0
    for width, height in sizes(200, 200):
        if max(width, height) / min(width, height) > 16:
            continue  # a cell of it may have no pixels left, where the release raises
        image = np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
        theirs, _ = tiles_of(Image.fromarray(image), 32, COLOURS["siglip"], framed=False)
        ours = apply(view, image, view.plan(width, height, Unit(8)))
        assert len(ours) == len(theirs)
        for mine, own in zip(ours, theirs, strict=True):
            values = (own * 0.5 + 0.5).permute(1, 2, 0).numpy() * 255
            padded = (own == 0).all(dim=0).numpy()
            assert np.abs(mine - values).max() < 1e-4 and (mine[padded] == 127.5).all()
            grey += padded.sum()
    assert grey > 1000


def test_ovis1_makes_578_tokens_of_any_picture():
    model = ovis_clip_qwen_7b().model
    for width, height in sizes(200, 4000):
        layout = model.layout(model.plan(width, height))
        assert num_slots(layout) == 578 and layout[0].tolist() == [-1, *range(576), -2]


def test_ovis1_5_shows_quarters_of_large_pictures_and_says_the_whole_alone():
    model, shown = ovis1_5_llama_8b().model, 0
    for width, height in sizes(300, 4000):
        plan = model.plan(width, height)
        low = height < 384 * 1.5 or width < 384 * 1.5
        assert len(plan.tiles) == (1 if low else 5), (width, height)
        (run,) = model.layout(plan)
        assert run.tolist() == [-1, *range(81), -2] and model.num_visual(plan) == 81
        shown += not low
    assert shown > 20


def visual(choice, scores):
    """A table of three words over patches that are the scores themselves (up to LayerNorm), and its tokens."""
    module = VisualEmbedding(factor=1, words=3, choice=choice, norm_eps=0.0).build(in_dim=3, out_dim=2)
    with torch.no_grad():
        module.head.weight.copy_(torch.eye(3))
        module.table.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]]))
    count = len(scores)
    index = torch.arange(count)
    stream = Stream(scores, index[:, None], torch.tensor([0, count]), torch.ones_like(index), index)
    return module(stream, torch.tensor([[1, 1, count]])), module


def test_tokens_are_probabilities_times_the_table():
    """By hand: scores (2, 0, −2) have mean 0 and deviation √(8/3), so logits √1.5, 0, −√1.5."""
    scores = torch.tensor([[2.0, 0.0, -2.0]])
    e = np.exp([1.5**0.5, 0.0, -(1.5**0.5)])
    p = e / e.sum()
    soft, _ = visual("softmax", scores)
    np.testing.assert_allclose(soft[0].detach().numpy(), [p[0] + 5 * p[2], p[1] + 5 * p[2]], rtol=1e-5)
    hard, _ = visual("straight_through", scores)
    np.testing.assert_allclose(hard[0].detach().numpy(), [1.0, 0.0], atol=1e-6)
    torch.manual_seed(3)
    drawn, _ = visual("gumbel", scores.expand(4000, 3))
    shares = [
        float((drawn.detach() == torch.tensor(row)).all(dim=1).float().mean()) for row in ([1.0, 0.0], [0.0, 1.0], [5.0, 5.0])
    ]
    np.testing.assert_allclose(shares, p, atol=0.03)  # each draw is one row of the table, as likely as its probability
    assert sum(shares) == pytest.approx(1.0)


def test_squares_of_patches_are_merged_row_by_row_with_zeros_beyond_the_edge():
    """3 × 3 patches of one value by squares of two → 2 × 2 squares; by hand."""
    squares = padded_squares(torch.arange(1.0, 10.0)[:, None], torch.tensor([[1, 3, 3]]), 2).flatten(1)
    assert squares.tolist() == [[1, 2, 4, 5], [3, 0, 6, 0], [7, 8, 0, 0], [9, 0, 0, 0]]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"hd_booster": "s3wrapper", "use_indicators": True}, "hd_booster is 's3wrapper'"),
        ({"use_indicators": False}, "use_indicators is false"),
        ({"model_type": "swin_visual_tokenizer"}, "a visual tokenizer 'swin_visual_tokenizer'"),
        ({"tokenize_function": "gumbel_argmax", "tau": 0.5}, "tau is 0.5"),
    ],
)
def test_visual_tokenizers_that_are_not_covered_are_refused(change, word, tmp_path):
    opened = ovis(3, tmp_path / "released")
    stored = opened.folder / "config.json"
    said = json.loads(stored.read_text())
    stored.write_text(json.dumps(said | {"visual_tokenizer_config": said["visual_tokenizer_config"] | change}))
    with pytest.raises(CheckpointError, match=word):
        open_source(opened.folder)


def test_squares_over_a_class_token_are_refused(tmp_path):
    opened = ovis(9, tmp_path / "released")
    stored = opened.folder / "config.json"
    said = json.loads(stored.read_text())
    said["visual_tokenizer_config"]["hidden_stride"] = 2
    stored.write_text(json.dumps(said))
    with pytest.raises(CheckpointError, match="hidden_stride 2 over a class token"):
        open_source(opened.folder)


def test_other_conversations_and_other_squares_are_refused(tmp_path):
    opened = ovis(3, tmp_path / "released")
    for file, change, word in (
        ("preprocessor_config.json", {"size": {"height": 99, "width": 99}}, "squares of"),
        ("config.json", {"conversation_formatter_class": "PhiConversationFormatter"}, "PhiConversationFormatter"),
    ):
        stored = opened.folder / file
        before = stored.read_text()
        stored.write_text(json.dumps(json.loads(before) | change))
        with pytest.raises(CheckpointError, match=word):
            open_source(opened.folder)
        stored.write_text(before)


def test_a_tower_in_apples_layout_opens_by_itself(tmp_path):
    """The same names without a whole around them; its features then pass the last norm, as `last_hidden_state`."""
    rng = np.random.default_rng(5)
    tower, said = draw_backbone(rng, "aimv2", 0)
    spread(tower, 5)
    folder = tmp_path / "aimv2"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(said | {"architectures": ["AIMv2Model"]}))
    save_file(
        {n: t.clone().contiguous() for n, t in released_names(tower.state_dict(), "aimv2").items()}, folder / "model.safetensors"
    )
    source = open_source(folder)
    assert source.kind == "vision" and source.model == replace(source.model, final_norm=True)
    module = source.model.build()
    own = source.read({f"encoder.{name}": t for name, t in module.state_dict().items()})
    module.load_state_dict({name.removeprefix("encoder."): t for name, t in own.items()})
    side = said["image_size"]
    tile = rng.integers(0, 256, (side, side, 3)).astype(np.uint8)
    mean, std = (torch.tensor(values)[:, None, None] for values in COLOURS["clip"])
    pixels = (torch.from_numpy(tile).permute(2, 0, 1).float() / 255 - mean) / std
    with torch.no_grad():
        ours = module(Pictures(torch.from_numpy(patchify(tile, PATCH)), torch.tensor([[1, side // PATCH, side // PATCH]]))).hidden
        assert worst(ours, tower.eval()(pixels[None]).last_hidden_state[0]) <= TOLERANCE
