"""A model that sees, with sparse experts and latent attention: packing, the load-balance value, generation, recomputing."""

from dataclasses import replace

import pytest
import torch

from omma.generate.engine import generate
from omma.generate.sampling import Sampling
from omma.model.language.decoder import Decoder
from omma.model.positions.mrope import MRope
from omma.model.positions.v2pe import V2pe
from omma.nn.experts import Experts
from omma.nn.latent_attention import Latent
from omma.nn.rotary import Yarn
from omma.objective.next_token import NextToken

SPARSE = Decoder(qk_norm="rms", experts=Experts(renormalise=True))
DEEPSEEK = Decoder(
    latent=Latent(query_rank=8), experts=Experts(shared_width=16, groups=2, score="sigmoid", choice_bias=True, dense_layers=(0,)),
    scaling=Yarn(factor=4.0, trained_length=16, mscale=0.7, mscale_all_dim=0.7),
)  # fmt: skip
WINDOWED = Decoder(window=7, full_layers=(0,), qkv_bias=True)
TURNED = Decoder(sections=(16, 8, 8), interleaved=True)
SIZES = ([(40, 64)], [], [(96, 33), (32, 32)])


class Words:
    stop_ids, banned_ids = (), ()

    def decode(self, ids):
        return " ".join(map(str, ids))


def sharp(module):
    """Sharper than at the start of training, so that a greedy text is no repetition."""
    with torch.no_grad():
        module.language.embedding.weight.mul_(30)
    return module


@pytest.fixture(params=[SPARSE, DEEPSEEK, WINDOWED, TURNED], ids=["sparse", "deepseek", "windowed", "turned"])
def seeing(request, make_vlm, make_module):
    axes = {"positions": MRope()} if request.param.sections else {}
    cfg = make_vlm(language=request.param, **axes)
    return cfg, sharp(make_module(cfg))


def relative(a, b):
    return float((a.detach() - b.detach()).abs().max() / b.detach().abs().max().clamp(min=1e-6))


def test_packed_equals_unpacked_in_loss_balance_and_gradients(seeing, make_document, pack):
    cfg, module = seeing
    documents = [make_document(cfg, sizes, seed=i) for i, sizes in enumerate(SIZES)]

    def total(batch):
        output = module(batch)
        return NextToken()(output, batch).total + sum(value.sum() for value in output.extras.values())

    packed = total(pack(cfg, documents))
    packed.backward()
    ours = {name: p.grad.clone() for name, p in module.named_parameters()}
    module.zero_grad()
    alone = sum(total(pack(cfg, [document])) for document in documents)
    alone.backward()
    assert relative(packed, alone) <= 1e-5
    assert max(relative(ours[name], p.grad) for name, p in module.named_parameters() if p.grad.abs().max() > 1e-6) <= 1e-5


def test_experts_tell_the_imbalance_of_each_document(make_vlm, make_module, make_document, pack):
    cfg = make_vlm(language=SPARSE)
    module = make_module(cfg)
    batch = pack(cfg, [make_document(cfg, sizes, seed=i) for i, sizes in enumerate(SIZES)])
    gradients = []
    for on in (False, True):
        module.checkpointing(on)
        module.zero_grad()
        value = module(batch).extras["imbalance"]
        assert value.shape == (3,) and (value >= 1.9).all()  # 2 where it is even: two of four experts see a token
        value.sum().backward()
        gradients.append(module.language.blocks[0].mlp.router.weight.grad.clone())
    assert gradients[0].any() and torch.equal(*gradients)
    assert not make_module(make_vlm())(batch).extras


@torch.no_grad()
def test_greedy_text_is_the_argmax_of_fresh_forwards(seeing, make_document, pack):
    cfg, module = seeing
    documents = [make_document(cfg, sizes, seed=i) for i, sizes in enumerate(SIZES)]
    for document, said in zip(documents, generate(module, pack(cfg, documents), Sampling(max_tokens=8), Words()), strict=True):
        ids, labels = [*document["ids"], *said.token_ids], [*document["labels"], *said.token_ids]
        batch = pack(cfg, [{**document, "ids": ids, "labels": labels}])
        count = len(document["ids"])
        logits = module(batch).logits(torch.arange(count - 1, count + 7))
        assert logits.argmax(dim=1).tolist() == list(said.token_ids)


@torch.no_grad()
def test_words_after_fractions_go_on_with_whole_numbers(make_vlm, make_module, make_document, pack):
    cfg = make_vlm(positions=V2pe(step=0.25))
    module, document = sharp(make_module(cfg)), make_document(cfg, [(40, 64)])
    batch = pack(cfg, [document])
    (said,) = generate(module, batch, Sampling(max_tokens=6), Words())
    longer = pack(cfg, [{**document, "ids": [*document["ids"], *said.token_ids], "labels": [0] * (len(document["ids"]) + 6)}])
    assert longer.positions[-1] == longer.positions[-7] + 6 and longer.positions.dtype == torch.float64
    count = len(document["ids"])
    assert module(longer).logits(torch.arange(count - 1, count + 5)).argmax(dim=1).tolist() == list(said.token_ids)


def test_tiny_keeps_the_wiring():
    small = DEEPSEEK.tiny()
    assert small.latent.query_rank and small.experts.groups == 2 and small.experts.dense_layers == (0,) and small.tiny() == small
    assert WINDOWED.tiny().window == 7 and WINDOWED.tiny().full_layers == (0,)
    assert TURNED.tiny().sections == (2, 1, 1)
    assert replace(SPARSE, experts=None).tiny() == Decoder(qk_norm="rms").tiny()
