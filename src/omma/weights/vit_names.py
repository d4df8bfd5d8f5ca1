"""What the CLIP and SigLIP vision layouts share: the names of a ViT's blocks, activations, what a shortened tower leaves out."""

from omma.core.errors import CheckpointError
from omma.model.vision.vit import ViT
from omma.nn.mlp import Activation
from omma.weights.names import Flat, Names, Pair

ACTIVATIONS: dict[str, Activation] = {"quick_gelu": "quick_gelu", "gelu": "gelu", "gelu_pytorch_tanh": "gelu_tanh"}
BLOCK = (
    ("attention_norm", "layer_norm1"),
    ("attention.query", "self_attn.q_proj"),
    ("attention.key", "self_attn.k_proj"),
    ("attention.value", "self_attn.v_proj"),
    ("attention.output", "self_attn.out_proj"),
    ("mlp_norm", "layer_norm2"),
    ("mlp.up", "mlp.fc1"),
    ("mlp.down", "mlp.fc2"),
)


def vit_names(cfg: ViT) -> Names:
    """ViT → names of patch embedding, positions and blocks; blocks behind the feature layer are not used."""
    pairs = [
        Pair("embed.project.weight", "embeddings.patch_embedding.weight", conv(cfg.patch)),
        Pair("positions", "embeddings.position_embedding.weight"),
    ]
    pairs += [
        Pair(f"blocks.{i}.{ours}.{kind}", f"encoder.layers.{i}.{theirs}.{kind}")
        for i in range(cfg.num_blocks)
        for ours, theirs in BLOCK
        for kind in ("weight", "bias")
    ]
    behind = tuple(f"encoder.layers.{i}." for i in range(cfg.num_blocks, cfg.depth))
    return Names(tuple(pairs), unused=(*behind, "embeddings.position_ids"), aliases=(("vision_model.", ""),))


def conv(patch: int) -> Flat:
    """Patch side → how a patch embedding is held that is a convolution (D, 3, patch, patch)."""
    return Flat((3, patch, patch))


def both(ours: str, theirs: str) -> tuple[Pair, Pair]:
    """Names of a part → the pairs of its weight and its bias."""
    return Pair(f"{ours}.weight", f"{theirs}.weight"), Pair(f"{ours}.bias", f"{theirs}.bias")


def activation_from(name: str, where: str) -> Activation:
    """Their word for an activation → ours. CheckpointError for one that we do not have."""
    if name not in ACTIVATIONS:
        raise CheckpointError(where, f"hidden_act is {name!r}", " or ".join(map(repr, ACTIVATIONS)), "this variant is not covered")
    return ACTIVATIONS[name]


def activation_to(name: Activation, where: str) -> str:
    """Our word for an activation → theirs. CheckpointError for one that these families do not have."""
    for theirs, ours in ACTIVATIONS.items():
        if ours == name:
            return theirs
    raise CheckpointError(where, f"activation {name!r}", " or ".join(map(repr, ACTIVATIONS.values())), "it has no name there")
