"""OPT (transformers `OPTForCausalLM`): config.json ↔ Opt, tensor names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.model.language.opt import Opt
from omma.weights.decoder_names import refuse
from omma.weights.family import Family
from omma.weights.names import Names, Pair
from omma.weights.vit_names import both

MODEL_TYPE = "opt"
WHERE = "config.json of OPT"
BLOCK = (
    ("attention_norm", "self_attn_layer_norm"),
    ("attention.query", "self_attn.q_proj"),
    ("attention.key", "self_attn.k_proj"),
    ("attention.value", "self_attn.v_proj"),
    ("attention.output", "self_attn.out_proj"),
    ("mlp_norm", "final_layer_norm"),
    ("mlp.up", "fc1"),
    ("mlp.down", "fc2"),
)


def config_from(theirs: Mapping[str, Any]) -> Opt:
    """config.json → Opt. CheckpointError for OPT-350M and other variants that it does not cover."""
    refuse(theirs, "activation_function", ("relu",), where=WHERE)
    for key in ("do_layer_norm_before", "enable_bias", "layer_norm_elementwise_affine"):
        refuse(theirs, key, (True,), where=WHERE)
    refuse(theirs, "_remove_final_layer_norm", (False,), where=WHERE)
    refuse(theirs, "word_embed_proj_dim", (theirs["hidden_size"], None), where=WHERE)
    return Opt(
        width=theirs["hidden_size"],
        depth=theirs["num_hidden_layers"],
        heads=theirs["num_attention_heads"],
        mlp_width=theirs["ffn_dim"],
        longest=theirs["max_position_embeddings"],
        tied=bool(theirs.get("tie_word_embeddings", True)),
    )


def config_to(cfg: Opt, vocab_size: int) -> dict[str, Any]:
    """Opt → config.json."""
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["OPTForCausalLM"],
        "vocab_size": vocab_size,
        "hidden_size": cfg.width,
        "word_embed_proj_dim": cfg.width,
        "num_hidden_layers": cfg.depth,
        "num_attention_heads": cfg.heads,
        "ffn_dim": cfg.mlp_width,
        "max_position_embeddings": cfg.longest,
        "activation_function": "relu",
        "do_layer_norm_before": True,
        "tie_word_embeddings": cfg.tied,
    }


def names(cfg: Opt) -> Names:
    """Opt → names of its tensors; a tied head is written by some files although it is the embedding."""
    pairs = [
        Pair("embedding.weight", "model.decoder.embed_tokens.weight"),
        Pair("places", "model.decoder.embed_positions.weight"),
        *both("norm", "model.decoder.final_layer_norm"),
    ]
    for i in range(cfg.depth):
        pairs += [pair for ours, theirs in BLOCK for pair in both(f"blocks.{i}.{ours}", f"model.decoder.layers.{i}.{theirs}")]
    if not cfg.tied:
        pairs.append(Pair("unembedding.weight", "lm_head.weight"))
    return Names(tuple(pairs), unused=("lm_head.weight",) if cfg.tied else (), aliases=(("decoder.", "model.decoder."),))


FAMILY = Family(
    kind="language",
    part=Opt,
    model_types=(MODEL_TYPE,),
    architectures=("OPTForCausalLM",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg, vocabulary.size),
)
