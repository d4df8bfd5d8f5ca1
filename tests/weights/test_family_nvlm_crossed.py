"""NVLM-X and NVLM-H as whole models: logits by hand over transformers' language model, tags that see their tile, closed gates.

Their weights were not released: the reference here is our own reading of arXiv 2409.11402, sections 4.3 and 4.4, put together from
transformers' blocks with a dense mask. Tower and projector are held to the released NVLM-D by `test_family_nvlm.py`.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from llava_folders import our_batch, sample, worst
from test_family_nvlm import SLOT, opened
from torch.nn.functional import silu

from omma.generate.engine import generate
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.model.splices.cross_attention import GatedCross
from omma.model.splices.hybrid import Hybrid
from omma.nn.init import init
from omma.objective.next_token import NextToken
from omma.pack.collate import rows_to_batch
from omma.schema.batch import Stream
from omma.schema.view import num_slots
from omma_recipes.systems.nvlm import nvlm_h_72b, nvlm_x_72b

pytestmark = pytest.mark.parity

# fp32, as a share of the largest logit, or gradient of a tensor. Worst case measured: logits 2.2e-6, gradients 4.1e-5.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4
SPLICES = {"cross": GatedCross, "hybrid": Hybrid}


def asked(root):
    """One picture, several, none, and others again: documents of one pack."""
    sizes = [(50, 30)], [(20, 61), (33, 33), (90, 40)], [], [(200, 30), (7, 90)]
    return [sample(root, number, own) for number, own in enumerate(sizes)]


class Both:
    """A released NVLM-D turned into X or H: its weights, and random gates and layers before chosen blocks."""

    def __init__(self, kind, seed, root, gate=0.8):
        self.root, self.kind = root, kind
        self.pair = opened(seed, root / "released")
        depth = self.pair.theirs.config.text_config.num_hidden_layers
        splice = SPLICES[kind](layers=tuple(range(0, depth, 2)), heads=4, kv_heads=2, head_dim=4, mlp_width=12)
        self.cfg = replace(self.pair.cfg, splice=splice)
        self.module = init(self.cfg.build(), seed)
        given = self.pair.module.state_dict()
        self.module.load_state_dict(given | {n: t for n, t in self.module.state_dict().items() if n.startswith("splice.")})
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in self.module.splice.named_parameters():
                if name.endswith("gate"):
                    parameter.fill_(gate)
                else:
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4 + (parameter.ndim == 1))
        self.module.eval()
        self.codec = self.pair.codec

    def batch(self, samples):
        return our_batch(type("Open", (), {"codec": self.codec, "cfg": self.cfg}), self.root, samples)

    def document(self, one):
        """One document by hand: ids, which of them are visual, and (tokens, tile) of every tag."""
        words, count = self.pair.processor.words, self.pair.processor.image_seq_length
        ids, visual, tags, seen = [], {}, [], 0

        def say(text):
            ids.extend(words(text, add_special_tokens=False)["input_ids"])

        def tag(number, text):
            start = len(ids)
            say(text)
            tags.append((start, len(ids), number))

        say("<|im_start|>user\n")
        slot = words.convert_tokens_to_ids(SLOT)
        for media in one.media:
            tiles = len(self.cfg.plan(media.width, media.height).tiles)
            names = [f"<tile_{k + 1}>" for k in range(tiles - 1)] + ["<tile_global_thumbnail>"]
            say("<Image>")
            if self.kind == "cross":
                ids.append(slot)
            for k, name in enumerate(names):
                tag(seen + k, name)
            if self.kind == "hybrid":
                visual |= {len(ids) + i: (seen + tiles - 1) * count + i for i in range(count)}
                ids.extend([slot] * count)
            seen += tiles
            say("</Image>\n")
        say(one.turns[0].text + "<|im_end|>\n<|im_start|>assistant\n")
        return ids, visual, tags, seen

    def keys(self, one, seen, hidden, visual, tags):
        """What is looked at, and for each of it its tile: X all tiles, H all but thumbnails, their tags' embeddings in front."""
        count = self.pair.processor.image_seq_length
        ends = np.cumsum([len(self.cfg.plan(m.width, m.height).tiles) for m in one.media])
        rows, tile = [], []
        for k in range(seen):
            if self.kind == "hybrid" and k + 1 in ends:
                continue
            if self.kind == "hybrid":
                start, stop, _ = tags[k]
                rows.append(hidden[start:stop])
                tile += [k] * (stop - start)
            rows.append(visual[k * count : (k + 1) * count])
            tile += [k] * count
        return (torch.cat(rows), torch.tensor(tile)) if rows else (hidden[:0], torch.zeros(0, dtype=torch.long))

    def logits(self, one, visual):
        """Logits of one document from its visual tokens."""
        ids, places, tags, seen = self.document(one)
        model = self.pair.theirs.model.language_model
        hidden = model.embed_tokens(torch.tensor(ids))
        keys, tile = self.keys(one, seen, hidden, visual, tags)
        for position, row in places.items():
            hidden = hidden.index_copy(0, torch.tensor([position]), visual[row][None])
        allowed = torch.ones(len(ids), len(keys), dtype=torch.bool)
        for start, stop, k in tags:
            allowed[start:stop] = tile == k
        position = torch.arange(len(ids))[None]
        turned = model.rotary_emb(hidden[None], position)
        causal = torch.full((len(ids), len(ids)), float("-inf")).triu(1)[None, None]
        for number, block in enumerate(model.layers):
            layers = self.module.splice.layers
            if str(number) in layers:
                hidden = crossed(layers[str(number)], hidden, keys, allowed)
            out = block(hidden[None], attention_mask=causal, position_ids=position, position_embeddings=turned)
            hidden = (out[0] if isinstance(out, tuple) else out).reshape(len(ids), -1)
        return ids, self.pair.theirs.lm_head(model.norm(hidden))


def normed(weight, x):
    return x * (x.pow(2).mean(-1, keepdim=True) + 1e-6).rsqrt() * weight


def crossed(layer, hidden, keys, allowed):
    """x + tanh(a) XA(norm x, keys), then x + tanh(b) FFN(norm x); a token that may see nothing stays as it is."""
    own = dict(layer.named_parameters())
    sees = allowed.any(dim=1, keepdim=True)
    if not len(keys):
        return hidden
    q = (normed(own["norm.weight"], hidden) @ own["attention.query.weight"].T).view(len(hidden), 4, 4)
    k, v = ((keys @ own[f"attention.{name}.weight"].T).view(len(keys), 2, 4) for name in ("key", "value"))
    k, v = k.repeat_interleave(2, dim=1), v.repeat_interleave(2, dim=1)
    scores = torch.einsum("qhd,khd->hqk", q, k) / 2  # √4
    shares = scores.masked_fill(~allowed, float("-inf")).softmax(dim=-1).nan_to_num()
    looked = torch.einsum("hqk,khd->qhd", shares, v).flatten(1) @ own["attention.output.weight"].T
    middle = hidden + own["attention_gate"].tanh() * looked
    x = normed(own["mlp_norm.weight"], middle)
    fed = (silu(x @ own["mlp.gate.weight"].T) * (x @ own["mlp.up.weight"].T)) @ own["mlp.down.weight"].T
    return torch.where(sees, middle + own["mlp_gate"].tanh() * fed, hidden)


def compare(both, samples):
    """Ids compared; → our logits and those by hand, document by document."""
    batch = both.batch(samples)
    output = both.module(batch)
    ours, borders = output.stream.hidden @ output.head.T, batch.cu_seqlens.tolist()
    visual, at = both.module.see(batch.pictures), 0
    for number, one in enumerate(samples):
        count = sum(both.cfg.num_visual(both.cfg.plan(media.width, media.height)) for media in one.media)
        ids, theirs = both.logits(one, visual[at : at + count])
        at += count
        begin, end = borders[number : number + 2]
        assert batch.tokens[begin:end].tolist() == ids
        yield ours[begin:end], theirs


@pytest.mark.parametrize("kind", SPLICES)
@pytest.mark.parametrize("seed", [0, 1, 2, 5])
def test_logits_of_a_pack_are_those_worked_by_hand_with_a_dense_mask(kind, seed, tmp_path):
    both = Both(kind, seed, tmp_path)
    with torch.no_grad():
        assert max(worst(*pair) for pair in compare(both, asked(tmp_path))) <= TOLERANCE


@pytest.mark.parametrize("kind", SPLICES)
def test_the_mask_of_tags_is_what_makes_the_logits(kind, tmp_path):
    """Without it the same weights give others: the test above could fail."""
    both = Both(kind, 0, tmp_path)
    batch = both.batch(asked(tmp_path))
    with torch.no_grad():
        masked = both.module(batch).stream.hidden
        free = both.module(replace(batch, tags=batch.tags[:0])).stream.hidden
    assert worst(free, masked) > 1e-3


def test_a_tag_moves_with_its_own_tile_alone(tmp_path):
    """Of tokens before the first picture's second tag, only the first tag and what follows it hears of the first tile."""
    both = Both("cross", 0, tmp_path)
    layer, batch = both.module.splice.layers["0"], both.batch(asked(tmp_path)[:1])
    hidden = both.module.language.embed(batch.tokens)
    visual = both.module.see(batch.pictures)
    spans, between = batch.tags.tolist(), both.module.splice(hidden, visual, batch).between
    stream = stream_of(hidden, batch)
    before = between(0, stream).hidden
    assert layer is not None and len(spans) > 2
    for _, _, c, d in spans:
        changed = visual.clone()
        changed[c:d] += 1.0
        after = both.module.splice(hidden, changed, batch).between(0, stream).hidden
        moved = (after - before).abs().amax(dim=1) > 1e-6
        for start, stop, first, _ in spans:
            assert moved[start:stop].all() == (first == c) and moved[start:stop].any() == (first == c)
        words = torch.ones(len(moved), dtype=torch.bool)
        for start, stop, _, _ in spans:
            words[start:stop] = False
        assert moved[words].all()


def stream_of(hidden, batch):
    index = torch.arange(len(hidden))
    return Stream(hidden, index[:, None], batch.cu_seqlens, torch.zeros_like(index), index)


@pytest.mark.parametrize("kind", SPLICES)
def test_closed_gates_give_the_language_model_s_own_logits_bit_by_bit(kind, tmp_path):
    both = Both(kind, 0, tmp_path, gate=0.0)
    batch = both.batch(asked(tmp_path))
    with torch.no_grad():
        got = both.module(batch).stream.hidden
        plain = replace(both.cfg, splice=type(both.cfg.splice)(layers=())).build().eval()
        plain.load_state_dict({n: t for n, t in both.module.state_dict().items() if not n.startswith("splice.layers.")})
        assert torch.equal(got, plain(batch).stream.hidden)


@pytest.mark.parametrize("kind", SPLICES)
def test_packed_equals_alone_in_loss_and_every_gradient(kind, tmp_path):
    both = Both(kind, 0, tmp_path)
    samples = [sample(tmp_path, 10 + i, sizes, reply="a row") for i, sizes in enumerate(
        ([(50, 30)], [], [(20, 61), (90, 40)]))]  # fmt: skip
    rows = [both.codec.row(one, both.cfg) for one in samples]
    losses, gradients = [], []
    for groups in ([rows], [[row] for row in rows]):
        both.module.zero_grad(set_to_none=True)
        batches = [rows_to_batch(group, both.cfg, Store(tmp_path)) for group in groups]
        total = sum(NextToken()(both.module(batch), batch).total for batch in batches)
        total.backward()
        losses.append(total.detach())
        gradients.append({name: p.grad.clone() for name, p in both.module.named_parameters() if p.grad is not None})
    assert worst(losses[0], losses[1]) <= TOLERANCE
    heard = [name for name, grad in gradients[1].items() if grad.abs().max() > 1e-6]
    assert any(name.startswith("splice.layers.0.attention.key") for name in heard)
    assert max(worst(gradients[0][name], gradients[1][name]) for name in heard) <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("kind", SPLICES)
@torch.no_grad()
def test_words_said_from_a_cache_are_those_of_the_full_forward(kind, tmp_path):
    """Tags stand in prompts: later words look at all tiles, from keys that were made once."""
    both, count = Both(kind, 0, tmp_path), 5
    for one in asked(tmp_path):
        batch = both.batch([one])
        (reply,) = generate(both.module, batch, Sampling(max_tokens=count), both.codec)
        said = torch.tensor(reply.token_ids)
        length = len(batch.tokens) + len(said)
        longer = replace(batch, tokens=torch.cat((batch.tokens, said)), positions=torch.arange(length)[:, None],
                         cu_seqlens=torch.tensor([0, length]), labels=torch.full((length,), -100))  # fmt: skip
        output = both.module(longer)
        logits = output.stream.hidden @ output.head.T
        logits[:, list(both.codec.banned_ids)] = float("-inf")
        assert logits[-len(said) - 1 : -1].argmax(dim=1).tolist() == said.tolist()


def test_a_picture_costs_one_word_or_its_thumbnail_at_any_size():
    random = np.random.default_rng(3)
    for model, count in ((nvlm_x_72b().model, 1), (nvlm_h_72b().model, 256)):
        for width, height in np.exp(random.uniform(np.log(8), np.log(4000), (300, 2))).astype(int).tolist():
            plan = model.plan(width, height)
            layout = model.layout(plan)
            assert num_slots(layout) == count and model.num_visual(plan) == 256 * len(plan.tiles)
            tags = [(str(run), run.first, run.last) for run in layout if isinstance(run, str)]
            names = [f"<tile_{k}>" for k in range(1, len(plan.tiles))] + ["<tile_global_thumbnail>"]
            assert tags == [(name, 256 * k, 256 * (k + 1)) for k, name in enumerate(names)]
