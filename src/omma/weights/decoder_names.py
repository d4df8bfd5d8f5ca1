"""What the Llama-like layouts share: config.json ↔ Decoder, and the names of a decoder's tensors."""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.language.decoder import Decoder
from omma.nn.block import QkNorm
from omma.nn.rotary import DynamicScaling, LinearScaling, Llama3Scaling, Scaling, Unscaled, Yarn
from omma.weights.names import Names, Pair

NORMS = (("attention_norm.weight", "input_layernorm.weight"), ("mlp_norm.weight", "post_attention_layernorm.weight"))
ATTENTION = (("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj"), ("output", "o_proj"))
HEAD_NORMS = (("attention.query_norm.weight", "self_attn.q_norm.weight"), ("attention.key_norm.weight", "self_attn.k_norm.weight"))
LATENT = (
    ("latent", "kv_a_proj_with_mqa"), ("latent_norm", "kv_a_layernorm"), ("key_value", "kv_b_proj"), ("output", "o_proj"),
)  # fmt: skip
QUERY_LATENT = (("query_latent", "q_a_proj"), ("query_norm", "q_a_layernorm"), ("query", "q_b_proj"))
MLP = (("gate", "gate_proj"), ("up", "up_proj"), ("down", "down_proj"))
EVERY_LAYER, WINDOWED = "full_attention", "sliding_attention"


def decoder_names(cfg: Decoder) -> Names:
    """Decoder → names of its tensors under a causal language model of transformers, in files (experts one by one)."""
    pairs = [Pair("embedding.weight", "model.embed_tokens.weight"), Pair("norm.weight", "model.norm.weight")]
    for i in range(cfg.depth):
        pairs += [Pair(f"blocks.{i}.{ours}", f"model.layers.{i}.{theirs}") for ours, theirs in _block(cfg, i)]
    if not cfg.tied:
        pairs.append(Pair("unembedding.weight", "lm_head.weight"))
    # A tied head is written by some files although it is the embedding; old Llama files carry their rotary frequencies.
    rotary = tuple(f"model.layers.{i}.self_attn.rotary_emb.inv_freq" for i in range(cfg.depth))
    return Names(tuple(pairs), unused=(("lm_head.weight",) if cfg.tied else ()) + rotary)


def _block(cfg: Decoder, layer: int) -> list[tuple[str, str]]:
    """(ours, theirs) of the tensors of one block."""
    names = [*NORMS, *_attention(cfg)]
    if cfg.experts is None or layer in cfg.experts.dense_layers:
        return names + [(f"mlp.{ours}.{kind}", f"mlp.{theirs}.{kind}") for ours, theirs in MLP for kind in _kinds(cfg.mlp_bias)]
    names.append(("mlp.router.weight", "mlp.gate.weight"))
    if cfg.experts.choice_bias:
        names.append(("mlp.router.choice_bias", "mlp.gate.e_score_correction_bias"))
    branches = [(f"experts.{e}", f"experts.{e}") for e in range(cfg.experts.num)]
    branches += [("shared", "shared_experts")] if cfg.experts.shared_width else []
    return names + [(f"mlp.{a}.{ours}.weight", f"mlp.{b}.{theirs}.weight") for a, b in branches for ours, theirs in MLP]


def _attention(cfg: Decoder) -> list[tuple[str, str]]:
    if cfg.latent is not None:
        parts = LATENT + (QUERY_LATENT if cfg.latent.query_rank else (("query", "q_proj"),))
        return [(f"attention.{ours}.weight", f"self_attn.{theirs}.weight") for ours, theirs in parts]
    names = [
        (f"attention.{ours}.{kind}", f"self_attn.{theirs}.{kind}")
        for ours, theirs in ATTENTION
        for kind in _kinds(cfg.output_bias if ours == "output" else cfg.qkv_bias)
    ]
    return names + (list(HEAD_NORMS) if cfg.qk_norm == "rms" else [])


def _kinds(bias: bool) -> tuple[str, ...]:
    return ("weight", "bias") if bias else ("weight",)


def decoder_from(
    theirs: Mapping[str, Any], *, where: str, qkv_bias: bool, qk_norm: QkNorm, output_bias: bool = False, mlp_bias: bool = False,
    window: int = 0, full_layers: tuple[int, ...] = (),
) -> Decoder:  # fmt: skip
    """config.json of a Llama-like family → Decoder. CheckpointError for what the decoder does not do."""
    heads, width = theirs["num_attention_heads"], theirs["hidden_size"]
    refuse(theirs, "hidden_act", ("silu",), where=where)
    refuse(theirs, "mlp_bias", (mlp_bias, None), where=where)
    refuse(theirs, "attention_bias", (output_bias, None), where=where)
    rope = dict(theirs.get("rope_parameters") or theirs.get("rope_scaling") or {})
    return Decoder(
        width=width,
        depth=theirs["num_hidden_layers"],
        heads=heads,
        kv_heads=theirs.get("num_key_value_heads") or heads,
        head_dim=theirs.get("head_dim") or width // heads,
        mlp_width=theirs["intermediate_size"],
        theta=float(rope.get("rope_theta") or theirs.get("rope_theta") or 10_000.0),
        scaling=_scaling(rope, theirs, where),
        sections=tuple(rope.get("mrope_section") or ()),
        interleaved=bool(rope.get("mrope_interleaved", False)),
        window=window,
        full_layers=full_layers,
        qkv_bias=qkv_bias,
        output_bias=output_bias,
        mlp_bias=mlp_bias,
        qk_norm=qk_norm,
        norm_eps=theirs["rms_norm_eps"],
        longest=theirs.get("max_position_embeddings") or 0,
        tied=bool(theirs.get("tie_word_embeddings", False)),
    )


def decoder_to(cfg: Decoder, *, model_type: str, architecture: str, vocab_size: int) -> dict[str, Any]:
    """Decoder → config.json of a Llama-like family, without what only some of them have (biases, windows, experts)."""
    sections = {"mrope_section": list(cfg.sections)} | ({"mrope_interleaved": True} if cfg.interleaved else {})
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
        "rope_parameters": {"rope_theta": cfg.theta} | _scaling_to(cfg.scaling) | (sections if cfg.sections else {}),
        "tie_word_embeddings": cfg.tied,
    } | ({"max_position_embeddings": cfg.longest} if cfg.longest else {})


def only(cfg: Decoder, model_type: str, **wanted: Any) -> None:
    """CheckpointError unless the decoder has these values, and nothing that only other families have."""
    absent = {
        "latent": None, "experts": None, "window": 0, "qkv_bias": False, "output_bias": False, "mlp_bias": False,
        "qk_norm": "none", "sections": (),
    }  # fmt: skip
    different = {field: value for field, value in (absent | wanted).items() if getattr(cfg, field) != value}
    if different:
        got = ", ".join(f"{field}={getattr(cfg, field)!r}" for field in different)
        expected = ", ".join(f"{field}={value!r}" for field, value in different.items())
        raise CheckpointError(model_type, got, expected, "export as the family of that shape")


def windows_from(theirs: Mapping[str, Any], *, where: str) -> tuple[int, tuple[int, ...]]:
    """config.json of Qwen2 or Qwen3 → the window (0: none) and the layers without it."""
    depth, window = theirs["num_hidden_layers"], theirs.get("sliding_window", 4096) if theirs.get("use_sliding_window") else None
    first = theirs.get("max_window_layers", 28)
    kinds = theirs.get("layer_types") or [EVERY_LAYER if window is None or i < first else WINDOWED for i in range(depth)]
    full = tuple(i for i, kind in enumerate(kinds) if kind == EVERY_LAYER)
    if len(full) + list(kinds).count(WINDOWED) != depth or (len(full) < depth and window is None):
        got = f"layer_types {sorted(set(kinds))} over {len(kinds)} layers, sliding_window {window}"
        raise CheckpointError(where, got, f"{EVERY_LAYER} or, with a window, {WINDOWED} for each of {depth} layers")
    return (0, ()) if len(full) == depth else (window or 0, full)


def windows_to(cfg: Decoder) -> dict[str, Any]:
    """Decoder → the fields of Qwen2 and Qwen3 that `windows_from` reads."""
    if not cfg.window:
        return {"use_sliding_window": False}
    kinds = [EVERY_LAYER if i in cfg.full_layers else WINDOWED for i in range(cfg.depth)]
    first = kinds.index(WINDOWED)
    return {"use_sliding_window": True, "sliding_window": cfg.window, "max_window_layers": first, "layer_types": kinds}


def refuse(theirs: Mapping[str, Any], key: str, allowed: tuple[Any, ...], *, where: str) -> None:
    """CheckpointError unless the config's value (the first allowed if absent) is one that our part can do."""
    if theirs.get(key, allowed[0]) not in allowed:
        expected = " or ".join(repr(value) for value in allowed if value is not None)
        raise CheckpointError(where, f"{key} is {theirs.get(key)!r}", expected, "this variant of the family is not covered")


def _scaling(rope: Mapping[str, Any], theirs: Mapping[str, Any], where: str) -> Scaling:
    """`rope_parameters`, or `rope_scaling` of older files → our scaling, by transformers' rules."""
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind in ("default", "mrope"):
        return Scaling()
    if kind == "linear":
        return LinearScaling(factor=rope["factor"])
    if kind == "dynamic":
        return DynamicScaling(factor=rope["factor"], trained_length=theirs["max_position_embeddings"])
    if kind == "llama3":
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        length = rope["original_max_position_embeddings"]
        return Llama3Scaling(factor=rope["factor"], low=low, high=high, trained_length=length)
    if kind == "yarn":
        return _yarn(rope, theirs)
    known = "'default', 'mrope', 'linear', 'dynamic', 'llama3' or 'yarn'"
    raise CheckpointError(where, f"rope_type is {kind!r}", known, "this variant is not covered")


def _yarn(rope: Mapping[str, Any], theirs: Mapping[str, Any]) -> Yarn:
    trained = rope.get("original_max_position_embeddings") or theirs["max_position_embeddings"]
    return Yarn(
        factor=float(rope.get("factor") or theirs["max_position_embeddings"] / trained),
        trained_length=trained,
        fast=float(rope.get("beta_fast") or 32),
        slow=float(rope.get("beta_slow") or 1),
        loudness=float(rope.get("attention_factor") or 0),
        mscale=float(rope.get("mscale") or 0),
        mscale_all_dim=float(rope.get("mscale_all_dim") or 0),
        whole_numbers=rope.get("truncate", True),
    )


def _scaling_to(scaling: Scaling) -> dict[str, Any]:
    if isinstance(scaling, LinearScaling):
        return {"rope_type": "linear", "factor": scaling.factor}
    if isinstance(scaling, DynamicScaling):
        return {"rope_type": "dynamic", "factor": scaling.factor}
    if isinstance(scaling, Llama3Scaling):
        return {
            "rope_type": "llama3",
            "factor": scaling.factor,
            "low_freq_factor": scaling.low,
            "high_freq_factor": scaling.high,
            "original_max_position_embeddings": scaling.trained_length,
        }
    if isinstance(scaling, Yarn):
        said = {"attention_factor": scaling.loudness, "mscale": scaling.mscale, "mscale_all_dim": scaling.mscale_all_dim}
        return {
            "rope_type": "yarn",
            "factor": scaling.factor,
            "original_max_position_embeddings": scaling.trained_length,
            "beta_fast": scaling.fast,
            "beta_slow": scaling.slow,
            "truncate": scaling.whole_numbers,
        } | {key: value for key, value in said.items() if value}
    if type(scaling) in (Scaling, Unscaled):
        return {"rope_type": "default"}
    raise CheckpointError("rope_parameters", f"scaling {type(scaling).__name__}", "one that transformers has")
