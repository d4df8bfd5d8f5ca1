"""Copies of weights made for steps: the same states as the module itself, for every kind of decoder, and nothing left behind."""

import pytest
import torch
from torch import nn

from omma.generate import layout
from omma.generate.engine import steps
from omma.generate.layout import Quick
from omma.generate.sampling import Sampling
from omma.model.language.decoder import Decoder
from omma.model.language.opt import Opt
from omma.model.vlm import init
from omma.nn.attention import Packed, PackedAttend
from omma.nn.experts import Experts
from omma.nn.latent_attention import Latent
from omma.schema.batch import Stream

KINDS = {
    "llama": Decoder(width=32, depth=2, heads=4, kv_heads=2, head_dim=8, mlp_width=48),
    "qwen2": Decoder(width=32, depth=2, heads=4, kv_heads=1, head_dim=8, mlp_width=48, qkv_bias=True, tied=True),
    "qwen3": Decoder(width=24, depth=2, heads=4, kv_heads=4, head_dim=8, mlp_width=48, qk_norm="rms"),
    "wide": Decoder(width=24, depth=1, heads=3, kv_heads=3, head_dim=8, mlp_width=40, qk_norm="rms_wide", mlp_bias=True),
    "window": Decoder(width=32, depth=2, heads=2, kv_heads=2, head_dim=16, mlp_width=40, window=3, output_bias=True),
    "sections": Decoder(width=32, depth=2, heads=4, kv_heads=2, head_dim=8, mlp_width=48, sections=(2, 1, 1)),
    "latent": Decoder(latent=Latent()).tiny(),
    "experts": Decoder(experts=Experts()).tiny(),
    "opt": Opt().tiny(),
}


def drawn(kind, rows):
    """A random decoder of the kind and a stream of documents of three tokens, `rows` tokens in all."""
    module = init(KINDS[kind].build(vocab_size=50), 3).eval()
    with torch.no_grad():  # biases and norms that show
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.1)
    tokens = torch.arange(rows) % 50
    borders = torch.tensor([*range(0, rows, 3), rows], dtype=torch.int32)
    stream = Stream(module.embed(tokens), (tokens % 3)[:, None], borders, torch.zeros_like(tokens), tokens)
    return module, stream


@pytest.mark.parametrize("rows", [1, 2, 8, 21])
@pytest.mark.parametrize("kind", KINDS)
def test_quick_parts_give_the_states_and_logits_of_the_module(kind, rows):
    """fp32, as a share of the largest; measured worst 1.5e-6."""
    module, stream = drawn(kind, rows)
    attend = PackedAttend(Packed(stream.cu_seqlens))
    quick = Quick(module, rows, 100)
    assert quick.forwards
    with torch.no_grad():
        plain = module(stream, attend).hidden @ module.head.T
        with quick:
            fast = quick.logits(module(stream, attend).hidden)
        again = module(stream, attend).hidden @ module.head.T
    assert float((fast - plain).abs().max() / plain.abs().max()) <= 5e-6
    assert torch.equal(plain, again), "behind, the module works as before"


def test_half_precision_stays_what_it_is():
    module, stream = drawn("qwen2", 6)
    module = module.bfloat16()
    tokens = Stream(stream.hidden.bfloat16(), stream.positions, stream.cu_seqlens, stream.modality, stream.origin)
    attend, quick = PackedAttend(Packed(stream.cu_seqlens)), Quick(module, 6, 100)
    with torch.no_grad(), quick:
        fast = quick.logits(module(tokens, attend).hidden)
    plain = (module(tokens, attend).hidden @ module.head.T).detach()
    assert fast.dtype == torch.bfloat16
    assert float((fast - plain).float().abs().max() / plain.float().abs().max()) <= 2e-2


def test_a_part_with_an_adapter_works_as_it_is():
    class Adapted(nn.Linear):
        def forward(self, hidden):
            return super().forward(hidden) + 1.0

    module, stream = drawn("llama", 4)
    old = module.blocks[0].attention.value
    adapted = Adapted(old.in_features, old.out_features, bias=False)
    adapted.weight = old.weight
    module.blocks[0].attention.value = adapted
    quick, attend = Quick(module, 4, 100), PackedAttend(Packed(stream.cu_seqlens))
    assert module.blocks[0].attention not in quick.forwards
    assert module.blocks[1].attention in quick.forwards
    with torch.no_grad():
        plain = module(stream, attend).hidden
        with quick:
            fast = module(stream, attend).hidden
    assert torch.allclose(fast, plain, atol=1e-5)


@pytest.mark.parametrize("why", ["few steps", "large"])
def test_nothing_is_copied_where_it_does_not_pay(why, monkeypatch):
    module, _ = drawn("llama", 4)
    if why == "large":
        monkeypatch.setattr(layout, "LARGEST", 10)
    quick = Quick(module, 4, 2 if why == "few steps" else 100)
    assert not quick.forwards
    hidden = torch.randn(2, 32)
    assert torch.equal(quick.logits(hidden), hidden @ module.head.T)


def test_between_steps_the_module_is_nobodys(module, toolbox):
    """A reply that is streamed may wait for its reader while the same module does something else."""
    loop = steps(module, toolbox.pack(toolbox.mixed), Sampling(max_tokens=9), toolbox.LetterWords(), [])
    for _ in loop:
        assert not any("forward" in part.__dict__ for part in module.modules())
