"""What the Llama, Qwen2 and Qwen3 layouts share: config.json ↔ Decoder, and the names of a decoder's tensors."""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.language.decoder import Decoder
from omma.nn.block import QkNorm
from omma.nn.rotary import LinearScaling, Llama3Scaling, Scaling
from omma.weights.names import Names, Pair

BLOCK = (
    ("attention_norm.weight", "input_layernorm.weight"),
    ("attention.query.weight", "self_attn.q_proj.weight"),
    ("attention.key.weight", "self_attn.k_proj.weight"),
    ("attention.value.weight", "self_attn.v_proj.weight"),
    ("attention.output.weight", "self_attn.o_proj.weight"),
    ("mlp_norm.weight", "post_attention_layernorm.weight"),
    ("mlp.gate.weight", "mlp.gate_proj.weight"),
    ("mlp.up.weight", "mlp.up_proj.weight"),
    ("mlp.down.weight", "mlp.down_proj.weight"),
)
BIASES = (
    ("attention.query.bias", "self_attn.q_proj.bias"),
    ("attention.key.bias", "self_attn.k_proj.bias"),
    ("attention.value.bias", "self_attn.v_proj.bias"),
)
HEAD_NORMS = (("attention.query_norm.weight", "self_attn.q_norm.weight"), ("attention.key_norm.weight", "self_attn.k_norm.weight"))


def decoder_names(cfg: Decoder) -> Names:
    """Decoder → names of its tensors under a causal language model of transformers."""
    block = BLOCK + (BIASES if cfg.qkv_bias else ()) + (HEAD_NORMS if cfg.qk_norm == "rms" else ())
    pairs = [Pair("embedding.weight", "model.embed_tokens.weight"), Pair("norm.weight", "model.norm.weight")]
    pairs += [Pair(f"blocks.{i}.{ours}", f"model.layers.{i}.{theirs}") for i in range(cfg.depth) for ours, theirs in block]
    if not cfg.tied:
        pairs.append(Pair("unembedding.weight", "lm_head.weight"))
    # A tied head is written by some files although it is the embedding; old Llama files carry their rotary frequencies.
    rotary = tuple(f"model.layers.{i}.self_attn.rotary_emb.inv_freq" for i in range(cfg.depth))
    return Names(tuple(pairs), unused=(("lm_head.weight",) if cfg.tied else ()) + rotary)


def decoder_from(theirs: Mapping[str, Any], *, where: str, qkv_bias: bool, qk_norm: QkNorm) -> Decoder:
    """config.json of a Llama-like family → Decoder. CheckpointError for what the decoder does not do."""
    heads, width = theirs["num_attention_heads"], theirs["hidden_size"]
    refuse(theirs, "hidden_act", ("silu",), where=where)
    refuse(theirs, "mlp_bias", (False, None), where=where)
    refuse(theirs, "attention_bias", (False, None), where=where)
    refuse(theirs, "use_sliding_window", (False, None), where=where)
    theta, scaling = _rope(theirs, where)
    return Decoder(
        width=width,
        depth=theirs["num_hidden_layers"],
        heads=heads,
        kv_heads=theirs.get("num_key_value_heads") or heads,
        head_dim=theirs.get("head_dim") or width // heads,
        mlp_width=theirs["intermediate_size"],
        theta=theta,
        scaling=scaling,
        qkv_bias=qkv_bias,
        qk_norm=qk_norm,
        norm_eps=theirs["rms_norm_eps"],
        tied=bool(theirs.get("tie_word_embeddings", False)),
    )


def decoder_to(cfg: Decoder, *, model_type: str, architecture: str, vocab_size: int) -> dict[str, Any]:
    """Decoder → config.json of a Llama-like family."""
    return {
        "model_type": model_type,
        "architectures": [architecture],
        "vocab_size": vocab_size,
        "hidden_size": cfg.width,
        "num_hidden_layers": cfg.depth,
        "num_attention_heads": cfg.heads,
        "num_key_value_heads": cfg.kv_heads,
        "head_dim": cfg.head_dim,
        "intermediate_size": cfg.mlp_width,
        "hidden_act": "silu",
        "rms_norm_eps": cfg.norm_eps,
        "rope_parameters": {"rope_theta": cfg.theta} | _rope_to(cfg.scaling),
        "tie_word_embeddings": cfg.tied,
    }


def refuse(theirs: Mapping[str, Any], key: str, allowed: tuple[Any, ...], *, where: str) -> None:
    """CheckpointError unless the config's value (the first allowed if absent) is one that our part can do."""
    if theirs.get(key, allowed[0]) not in allowed:
        expected = " or ".join(repr(value) for value in allowed if value is not None)
        raise CheckpointError(where, f"{key} is {theirs.get(key)!r}", expected, "this variant of the family is not covered")


def _rope(theirs: Mapping[str, Any], where: str) -> tuple[float, Scaling]:
    """Rotary base and scaling, from the present spelling (`rope_parameters`) or the older one (`rope_theta`, `rope_scaling`)."""
    rope = dict(theirs.get("rope_parameters") or theirs.get("rope_scaling") or {})
    theta = float(rope.get("rope_theta") or theirs.get("rope_theta") or 10_000.0)
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind == "linear":
        return theta, LinearScaling(factor=rope["factor"])
    if kind == "llama3":
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        length = rope["original_max_position_embeddings"]
        return theta, Llama3Scaling(factor=rope["factor"], low=low, high=high, trained_length=length)
    if kind != "default":
        raise CheckpointError(where, f"rope_type is {kind!r}", "'default', 'linear' or 'llama3'", "this variant is not covered")
    return theta, Scaling()


def _rope_to(scaling: Scaling) -> dict[str, Any]:
    if isinstance(scaling, LinearScaling):
        return {"rope_type": "linear", "factor": scaling.factor}
    if isinstance(scaling, Llama3Scaling):
        return {
            "rope_type": "llama3",
            "factor": scaling.factor,
            "low_freq_factor": scaling.low,
            "high_freq_factor": scaling.high,
            "original_max_position_embeddings": scaling.trained_length,
        }
    return {"rope_type": "default"}
