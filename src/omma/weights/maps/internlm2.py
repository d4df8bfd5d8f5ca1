"""InternLM2 (no class in transformers): config.json → Decoder, tensor names ↔ ours.

Layout of internlm/internlm2-chat-7b, `modeling_internlm2.py`.
Queries, keys and values lie in one matrix, group by group: the queries that share a key, that key, its value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from omma.core.errors import CheckpointError
from omma.model.language.decoder import Decoder
from omma.weights.decoder_names import decoder_from
from omma.weights.family import Family
from omma.weights.names import Form, Names, Pair

MODEL_TYPE = "internlm2"
BLOCK = (
    ("attention_norm", "attention_norm"), ("mlp_norm", "ffn_norm"), ("mlp.gate", "feed_forward.w1"), ("mlp.up", "feed_forward.w3"),
    ("mlp.down", "feed_forward.w2"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grouped(Form):
    """Rows (groups, queries + key + value, channels) of a matrix or vector ↔ queries, keys, values."""

    groups: int
    queries: int

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Their tensor → queries, keys, values."""
        grouped = theirs.unflatten(0, (self.groups, self.queries + 2, -1))
        return tuple(part.flatten(0, 2) for part in grouped.split((self.queries, 1, 1), dim=1))

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Inverse of `split`."""
        grouped = [x.unflatten(0, (self.groups, n, -1)) for x, n in zip(ours, (self.queries, 1, 1), strict=True)]
        return torch.cat(grouped, dim=1).flatten(0, 2)


def config_from(theirs: Mapping[str, Any]) -> Decoder:
    """config.json → Decoder. CheckpointError for variants that the decoder does not cover."""
    bias = bool(theirs.get("bias", False))
    return decoder_from(theirs, where=f"config.json of {MODEL_TYPE}", qkv_bias=bias, output_bias=bias, qk_norm="none")


def config_to(cfg: Decoder, vocab_size: int) -> dict[str, Any]:
    """CheckpointError always: this layout needs code of its own, while Llama's holds the same model and every server reads it."""
    raise CheckpointError(
        MODEL_TYPE, "a layout that only code from a checkpoint reads", "", "export as llama, which is the same model"
    )


def names(cfg: Decoder) -> Names:
    """Decoder → names of its tensors."""
    form = Grouped(cfg.kv_heads, cfg.heads // cfg.kv_heads)
    pairs = [Pair("embedding.weight", "model.tok_embeddings.weight"), Pair("norm.weight", "model.norm.weight")]
    for i in range(cfg.depth):
        ours, theirs = f"blocks.{i}.", f"model.layers.{i}."
        pairs += [Pair(f"{ours}{a}.weight", f"{theirs}{b}.weight") for a, b in BLOCK]
        for kind in ("weight", "bias") if cfg.qkv_bias else ("weight",):
            fused = f"{theirs}attention.wqkv.{kind}"
            parts = enumerate(("query", "key", "value"))
            pairs += [Pair(f"{ours}attention.{part}.{kind}", fused, form, number) for number, part in parts]
            pairs.append(Pair(f"{ours}attention.output.{kind}", f"{theirs}attention.wo.{kind}"))
    if not cfg.tied:
        pairs.append(Pair("unembedding.weight", "output.weight"))
    rotary = tuple(f"model.layers.{i}.attention.rotary_emb.inv_freq" for i in range(cfg.depth))
    return Names(tuple(pairs), unused=(("output.weight",) if cfg.tied else ()) + rotary)


FAMILY = Family(
    kind="language",
    part=Decoder,
    model_types=(MODEL_TYPE,),
    architectures=("InternLM2ForCausalLM",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg, vocabulary.size),
)
