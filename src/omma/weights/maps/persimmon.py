"""Persimmon (transformers `PersimmonForCausalLM`, Fuyu's language model): config.json ↔ Persimmon, tensor names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.language.persimmon import Persimmon
from omma.weights.decoder_names import refuse
from omma.weights.family import Family
from omma.weights.maps.internlm2 import Grouped
from omma.weights.names import Names, Pair
from omma.weights.vit_names import both

MODEL_TYPE = "persimmon"
WHERE = "config.json of persimmon"
BLOCK = (
    ("attention_norm", "input_layernorm"),
    ("attention.output", "self_attn.dense"),
    ("mlp_norm", "post_attention_layernorm"),
    ("mlp.up", "mlp.dense_h_to_4h"),
    ("mlp.down", "mlp.dense_4h_to_h"),
)
HEAD_NORMS = (("attention.query_norm", "self_attn.q_layernorm"), ("attention.key_norm", "self_attn.k_layernorm"))


def config_from(theirs: Mapping[str, Any]) -> Persimmon:
    """config.json → Persimmon. CheckpointError for variants that it does not cover."""
    refuse(theirs, "hidden_act", ("relu2", "relu"), where=WHERE)
    rope = dict(theirs.get("rope_parameters") or theirs.get("rope_scaling") or {})
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind != "default":
        raise CheckpointError(WHERE, f"rope_type is {kind!r}", "'default'", "this variant is not covered")
    width, heads = theirs["hidden_size"], theirs["num_attention_heads"]
    share = rope.get("partial_rotary_factor") or theirs.get("partial_rotary_factor") or 0.5
    return Persimmon(
        width=width,
        depth=theirs["num_hidden_layers"],
        heads=heads,
        mlp_width=theirs["intermediate_size"],
        activation=theirs.get("hidden_act", "relu2"),
        turned=int(width // heads * share),
        theta=float(rope.get("rope_theta") or theirs.get("rope_theta") or 25_000.0),
        qk_norm=theirs.get("qk_layernorm", True),
        norm_eps=theirs.get("layer_norm_eps", 1e-5),
        longest=theirs.get("max_position_embeddings") or 16_384,
        tied=bool(theirs.get("tie_word_embeddings", False)),
    )


def config_to(cfg: Persimmon, vocab_size: int) -> dict[str, Any]:
    """Persimmon → config.json."""
    turned = {"rope_type": "default", "rope_theta": cfg.theta, "partial_rotary_factor": cfg.turned / cfg.head_dim}
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["PersimmonForCausalLM"],
        "vocab_size": vocab_size,
        "hidden_size": cfg.width,
        "num_hidden_layers": cfg.depth,
        "num_attention_heads": cfg.heads,
        "intermediate_size": cfg.mlp_width,
        "hidden_act": cfg.activation,
        "rope_parameters": turned,
        "qk_layernorm": cfg.qk_norm,
        "layer_norm_eps": cfg.norm_eps,
        "max_position_embeddings": cfg.longest,
        "tie_word_embeddings": cfg.tied,
    }


def names(cfg: Persimmon) -> Names:
    """Persimmon → names of its tensors; a head's queries, keys and values lie one behind the other."""
    pairs = [Pair("embedding.weight", "model.embed_tokens.weight"), *both("norm", "model.final_layernorm")]
    form = Grouped(cfg.heads, 1)
    for i in range(cfg.depth):
        ours, theirs = f"blocks.{i}.", f"model.layers.{i}."
        for a, b in BLOCK + (HEAD_NORMS if cfg.qk_norm else ()):
            pairs += both(ours + a, theirs + b)
        pairs += [
            Pair(f"{ours}attention.{part}.{kind}", f"{theirs}self_attn.query_key_value.{kind}", form, number)
            for kind in ("weight", "bias")
            for number, part in enumerate(("query", "key", "value"))
        ]
    if not cfg.tied:
        pairs.append(Pair("unembedding.weight", "lm_head.weight"))
    rotary = tuple(f"model.layers.{i}.self_attn.rotary_emb.inv_freq" for i in range(cfg.depth))
    return Names(tuple(pairs), unused=(("lm_head.weight",) if cfg.tied else ()) + rotary)


FAMILY = Family(
    kind="language",
    part=Persimmon,
    model_types=(MODEL_TYPE,),
    architectures=("PersimmonForCausalLM",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg, vocabulary.size),
)
