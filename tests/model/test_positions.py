"""Position ids against transformers' get_rope_index and by hand; rotary sections against transformers' tables."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel
from transformers.models.qwen2_vl.configuration_qwen2_vl import Qwen2VLTextConfig
from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VLModel, Qwen2VLRotaryEmbedding
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLTextConfig
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLModel, Qwen3VLTextRotaryEmbedding

from omma.core.errors import ConfigError, ShapeError
from omma.model.language.decoder import Decoder
from omma.model.positions.mrope import MRope
from omma.model.positions.v2pe import V2pe
from omma.model.slots import Seen
from omma.nn.attention import Packed, PackedAttend
from omma.nn.init import init
from omma.nn.rotary import DynamicScaling, Scaling, Unscaled, rotary_sections
from omma.schema.batch import Stream

WORD, PICTURE, VIDEO = 0, 1, 2


def theirs(model, document, per_second=1):
    """[(kind, words or (t, r, c) on the token grid, seconds)] → transformers' position ids (T, 3)."""
    grids = {kind: [[size[0], 2 * size[1], 2 * size[2]] for k, size, _ in document if k == kind] for kind in (PICTURE, VIDEO)}
    kinds = [k for k, size, _ in document for _ in range(size if k == WORD else int(np.prod(size)))]
    vision = SimpleNamespace(spatial_merge_size=2, tokens_per_second=per_second)
    stub = SimpleNamespace(config=SimpleNamespace(vision_config=vision))
    stub.get_vision_position_ids = partial(model.get_vision_position_ids, stub)
    seconds = {"second_per_grid_ts": [s for k, _, s in document if k == VIDEO]} if model is Qwen2_5_VLModel else {}
    ids, deltas = model.get_rope_index(
        stub, torch.zeros(1, len(kinds), dtype=torch.long), torch.tensor([kinds]),
        image_grid_thw=torch.tensor(grids[PICTURE]) if grids[PICTURE] else None,
        video_grid_thw=torch.tensor(grids[VIDEO]) if grids[VIDEO] else None, **seconds,
    )  # fmt: skip
    assert int(deltas) == int(ids.max()) + 1 - len(kinds)  # generation goes on behind the largest number
    return ids[:, 0].T.numpy()


def ours(positions, document):
    at, seen = 0, []
    for kind, size, seconds in document:
        count = size if kind == WORD else int(np.prod(size))
        if kind != WORD:
            places = np.indices(size).reshape(3, -1).T
            seen.append(Seen(np.arange(at, at + count), places, seconds))
        at += count
    return positions.ids(at, seen)


def words(n):
    return (WORD, n, 0.0)


DOCUMENTS = {
    "words only": [words(7)],
    "one picture": [words(3), (PICTURE, (1, 2, 5), 0.0), words(4)],
    "a picture first and last": [(PICTURE, (1, 3, 2), 0.0), words(1), (PICTURE, (1, 1, 1), 0.0)],
    "several pictures": [words(1), (PICTURE, (1, 4, 2), 0.0), words(2), (PICTURE, (1, 1, 6), 0.0), words(1)],
    "a video": [words(2), (VIDEO, (3, 2, 4), 0.8), words(5)],
    "a long video of small frames": [words(2), (VIDEO, (9, 1, 2), 1.3), words(5), (PICTURE, (1, 2, 2), 0.0)],
    "mixed": [words(2), (PICTURE, (1, 2, 2), 0.0), words(1), (VIDEO, (4, 3, 2), 0.37), words(1), (VIDEO, (2, 2, 2), 2.0), words(3)],
}


@pytest.mark.parity
@pytest.mark.parametrize("name", DOCUMENTS)
def test_ids_equal_those_of_get_rope_index(name):
    document = DOCUMENTS[name]
    assert np.array_equal(ours(MRope(), document), theirs(Qwen2VLModel, document))
    for per_second in (2, 4, 25):
        assert np.array_equal(
            ours(MRope(per_second=per_second), document), theirs(Qwen2_5_VLModel, document, per_second=per_second)
        )


@pytest.mark.parity
def test_ids_of_random_documents_equal_those_of_get_rope_index():
    rng = np.random.default_rng(0)
    for _ in range(30):
        document = [words(int(rng.integers(1, 6)))]
        for _ in range(int(rng.integers(0, 4))):
            size = tuple(int(n) for n in rng.integers(1, 6, 3))
            kind = int(rng.integers(1, 3))
            document.append((kind, size if kind == VIDEO else (1, *size[1:]), float(rng.uniform(0.1, 3)) if kind == VIDEO else 0.0))
            document.append(words(int(rng.integers(1, 6))))
        assert np.array_equal(ours(MRope(per_second=2), document), theirs(Qwen2_5_VLModel, document, per_second=2))


@pytest.mark.parity
def test_frames_with_words_between_them_equal_qwen3_vl():
    frames = [(VIDEO, (1, 2, 3), 0.0), words(2), (VIDEO, (1, 2, 3), 0.0), words(3)]
    ids = theirs(Qwen3VLModel, [words(2), *frames])
    assert np.array_equal(ours(MRope(), [words(2), *frames]), ids)
    later = [Seen(np.arange(2, 8), frame(0)), Seen(np.arange(10, 16), frame(1))]  # the second block knows that it is later
    assert np.array_equal(MRope().ids(19, later), ids)


def frame(time):
    return np.indices((1, 2, 3)).reshape(3, -1).T + [time, 0, 0]


def test_words_go_on_behind_the_largest_number_where_that_is_said():
    document = [words(1), (VIDEO, (5, 1, 2), 0.0), words(1)]
    assert ours(MRope(), document)[-1].tolist() == [3, 3, 3]
    assert ours(MRope(behind="largest"), document)[-1].tolist() == [6, 6, 6]
    assert (
        ours(MRope(behind="largest"), DOCUMENTS["several pictures"]).tolist()
        == ours(MRope(), DOCUMENTS["several pictures"]).tolist()
    )


def test_layout_embeddings_stand_where_their_picture_begins():
    places = np.array([[0, 0, 0], [0, 0, 1], [-1, -1, -1], [0, 1, 0], [0, 1, 1], [-1, -1, -1]])
    ids = MRope().ids(9, [Seen(np.arange(1, 7), places)])
    assert ids[:, 2].tolist() == [0, 1, 2, 1, 1, 2, 1, 3, 4]


@pytest.mark.parity
@pytest.mark.parametrize("interleaved", [False, True], ids=["sections", "interleaved"])
def test_sections_turn_as_transformers_tables_say(interleaved):
    sections = (5, 4, 3) if interleaved else (3, 4, 5)
    table, config = (Qwen3VLTextRotaryEmbedding, Qwen3VLTextConfig) if interleaved else (Qwen2VLRotaryEmbedding, Qwen2VLTextConfig)
    rope = {"rope_type": "default", "rope_theta": 500.0, "mrope_section": list(sections)}
    sizes = {"head_dim": 24} if interleaved else {}
    built = table(config(hidden_size=48, num_attention_heads=2, num_key_value_heads=2, rope_parameters=rope, **sizes))
    positions = torch.randint(0, 40, (11, 3))
    cos, sin = built(torch.zeros(1), positions.T[:, None])
    turn = rotary_sections(positions, 24, 500.0, Scaling(), torch.tensor([0, 11]), sections, interleaved=interleaved)
    torch.testing.assert_close(turn.cos[:, 0], cos[0, :, :12], atol=2e-6, rtol=0)
    torch.testing.assert_close(turn.sin[:, 0], sin[0, :, :12], atol=2e-6, rtol=0)


def test_visual_tokens_take_fractions_of_a_step_and_words_whole_ones():
    seen = [Seen(np.arange(2, 7), np.zeros((5, 3), int)), Seen(np.arange(8, 10), np.zeros((2, 3), int))]
    ids = V2pe(step=0.5).ids(12, seen)[:, 0]
    assert ids.tolist() == [0, 1, 1.5, 2, 2.5, 3, 3.5, 5, 5.5, 6, 7, 8]


def test_three_tiles_at_a_stride_of_64_occupy_192_positions():
    ids = V2pe(step=64 / 256).ids(770, [Seen(np.arange(1, 769), np.zeros((768, 3), int))])[:, 0]
    assert (ids[0], ids[768], ids[769]) == (0, 192, 193)
    assert V2pe(step=1.0).ids(770, [Seen(np.arange(1, 769), np.zeros((768, 3), int))])[:, 0].tolist() == list(range(770))
    with pytest.raises(ConfigError, match="V2pe.step: 0.0; expected more than 0"):
        V2pe(step=0.0)


def hidden_of(module, positions, lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    borders = torch.tensor([0, *lengths]).cumsum(0)
    count = sum(lengths)
    inputs = torch.randn(count, module.cfg.width, generator=generator)
    stream = Stream(inputs, positions, borders, torch.zeros(count).long(), torch.arange(count))
    return module(stream, PackedAttend(Packed(borders))).hidden


def test_equal_axes_turn_like_one():
    for interleaved in (False, True):
        module = init(Decoder(sections=(12, 10, 10), interleaved=interleaved).tiny().build(vocab_size=9), 0)
        one = torch.arange(7)[:, None]
        torch.testing.assert_close(hidden_of(module, one.expand(-1, 3), [7]), hidden_of(module, one, [7]))
        with pytest.raises(ShapeError, match=r"positions of shape \(7, 2\); expected \(7, 3\)"):
            hidden_of(module, one.expand(-1, 2), [7])
    with pytest.raises(ConfigError, match="half of head_dim"):
        Decoder(sections=(1, 2, 3))


def test_a_long_document_does_not_stretch_its_neighbours_in_the_pack():
    scaling = DynamicScaling(factor=2.0, trained_length=8)
    module = init(Decoder(width=32, depth=2, heads=4, kv_heads=2, head_dim=8, mlp_width=48, scaling=scaling).build(vocab_size=9), 0)
    lengths = [5, 20, 9]
    positions = torch.cat([torch.arange(n) for n in lengths])[:, None]
    packed = hidden_of(module, positions, lengths)
    plain = init(Decoder(width=32, depth=2, heads=4, kv_heads=2, head_dim=8, mlp_width=48).build(vocab_size=9), 0)
    unstretched = hidden_of(plain, positions, lengths)
    torch.testing.assert_close(packed[:5], unstretched[:5])
    assert (packed[6:25] - unstretched[6:25]).abs().max() > 1e-2


def test_documents_beyond_what_a_model_covers_are_refused():
    cfg = Decoder(width=32, depth=1, heads=4, kv_heads=4, head_dim=8, mlp_width=48, scaling=Unscaled(trained_length=6))
    module = init(cfg.build(vocab_size=9), 0)
    hidden_of(module, torch.arange(6)[:, None], [6])
    with pytest.raises(ShapeError, match="a document of 7 tokens; expected at most 6"):
        hidden_of(module, torch.arange(7)[:, None], [7])
