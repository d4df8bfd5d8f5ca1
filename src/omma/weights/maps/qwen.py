"""Qwen, the language model of Qwen-VL 1 (no class in transformers): config.json → Decoder, tensor names ↔ ours.

Layout of Qwen/Qwen-7B, `modeling_qwen.py`. What its code does to documents beyond `seq_length` (dynamic NTK, log-n attention)
is not covered: they are refused.
"""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.language.decoder import Decoder
from omma.nn.rotary import Scaling, Unscaled
from omma.weights.decoder_names import refuse
from omma.weights.family import Family
from omma.weights.names import Names, Pair, Rows

MODEL_TYPE = "qwen"
BLOCK = (
    ("attention_norm", "ln_1"), ("attention.output", "attn.c_proj"), ("mlp_norm", "ln_2"), ("mlp.up", "mlp.w1"),
    ("mlp.gate", "mlp.w2"), ("mlp.down", "mlp.c_proj"),
)  # fmt: skip


def config_from(theirs: Mapping[str, Any]) -> Decoder:
    """config.json → Decoder. CheckpointError for variants that the decoder does not cover."""
    where = f"config.json of {MODEL_TYPE}"
    refuse(theirs, "no_bias", (True,), where=where)
    refuse(theirs, "rotary_pct", (1.0,), where=where)
    refuse(theirs, "scale_attn_weights", (True,), where=where)
    heads, length = theirs["num_attention_heads"], theirs.get("seq_length", 2048)
    changes_beyond = theirs.get("use_dynamic_ntk", True) or theirs.get("use_logn_attn", True)
    return Decoder(
        width=theirs["hidden_size"],
        depth=theirs["num_hidden_layers"],
        heads=heads,
        kv_heads=heads,
        head_dim=theirs.get("kv_channels") or theirs["hidden_size"] // heads,
        mlp_width=theirs["intermediate_size"] // 2,  # the released number is that of gate and line together
        theta=float(theirs.get("rotary_emb_base", 10_000)),
        scaling=Unscaled(trained_length=length) if changes_beyond else Scaling(),
        qkv_bias=True,
        norm_eps=theirs.get("layer_norm_epsilon", 1e-6),
        longest=length,
        tied=bool(theirs.get("tie_word_embeddings", False)),
    )


def config_to(cfg: Decoder, vocab_size: int) -> dict[str, Any]:
    """CheckpointError always: this layout needs code of its own, while Qwen2's holds the same model and every server reads it."""
    raise CheckpointError(
        MODEL_TYPE, "a layout that only code from a checkpoint reads", "", "export as qwen2, which is the same model"
    )


def names(cfg: Decoder) -> Names:
    """Decoder → names of its tensors."""
    form = Rows((cfg.heads * cfg.head_dim,) * 3)
    pairs = [Pair("embedding.weight", "transformer.wte.weight"), Pair("norm.weight", "transformer.ln_f.weight")]
    for i in range(cfg.depth):
        ours, theirs = f"blocks.{i}.", f"transformer.h.{i}."
        pairs += [Pair(f"{ours}{a}.weight", f"{theirs}{b}.weight") for a, b in BLOCK]
        pairs += [
            Pair(f"{ours}attention.{part}.{kind}", f"{theirs}attn.c_attn.{kind}", form, number)
            for kind in ("weight", "bias")
            for number, part in enumerate(("query", "key", "value"))
        ]
    if not cfg.tied:
        pairs.append(Pair("unembedding.weight", "lm_head.weight"))
    return Names(tuple(pairs), unused=(("lm_head.weight",) if cfg.tied else ()) + ("transformer.rotary_emb.inv_freq",))


FAMILY = Family(
    kind="language",
    part=Decoder,
    model_types=(MODEL_TYPE,),
    architectures=("QWenLMHeadModel",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg, vocabulary.size),
)
