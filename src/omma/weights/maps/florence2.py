"""Florence-2 as an encoder (transformers `Florence2ForConditionalGeneration`, and Microsoft's own files): config.json ↔ Florence2.

The decoder that writes captions is left out, so nothing of this is written back as a Florence-2; which prompts are read is a
recipe's choice.
"""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.vision.florence2 import PROMPTS, Florence2
from omma.weights.family import Family, Vocabulary
from omma.weights.maps import florence2_vision
from omma.weights.maps.florence2_vision import is_original, tower_fields
from omma.weights.names import Names, Pair
from omma.weights.original import Turned
from omma.weights.vit_names import activation_from, both

MODEL_TYPE = "florence2"
WHERE = "config.json of Florence-2"
TABLE_SIDE = 50  # rows and columns with places, where a file does not say
BLOCK = {
    "attention.query": "self_attn.q_proj", "attention.key": "self_attn.k_proj", "attention.value": "self_attn.v_proj",
    "attention.output": "self_attn.out_proj", "attention_norm": "self_attn_layer_norm", "mlp.up": "fc1", "mlp.down": "fc2",
    "mlp_norm": "final_layer_norm",
}  # fmt: skip
TABLE = "visual_temporal_embed."  # of sinusoids, of which only the first is read


def config_from(theirs: Mapping[str, Any], prompts: tuple[tuple[int, ...], ...] = PROMPTS) -> Florence2:
    """config.json → encoder that reads the prompts. CheckpointError for variants that were never released."""
    seen, read = theirs["vision_config"], theirs["text_config"]
    sources = seen.get("image_feature_source", ["spatial_avg_pool", "temporal_avg_pool"])
    tower = tower_fields(seen)
    activation = activation_from(read.get("activation_function", "gelu"), WHERE)
    for wrong, got in (
        (read.get("scale_embedding", False), "scale_embedding is true"),
        (sources != ["spatial_avg_pool", "temporal_avg_pool"], f"image_feature_source is {sources}"),
        (seen["projection_dim"] != read["d_model"], f"projection_dim {seen['projection_dim']} with d_model {read['d_model']}"),
        (activation != tower["activation"], f"activation {activation!r} behind a tower with {tower['activation']!r}"),
    ):
        if wrong:
            raise CheckpointError(WHERE, got, "", "this variant is not covered")
    said = seen.get("image_pos_embed") or {}
    return Florence2(
        text_width=read["d_model"],
        text_depth=read["encoder_layers"],
        text_heads=read["encoder_attention_heads"],
        text_mlp_width=read["encoder_ffn_dim"],
        words=read["vocab_size"],
        longest=read["max_position_embeddings"],
        table_side=seen.get("max_position_embeddings", said.get("max_pos_embeddings", TABLE_SIDE)),
        prompts=prompts,
        **tower,
    )


def config_to(cfg: Florence2, vocabulary: Vocabulary) -> dict[str, Any]:
    """CheckpointError: without its decoder it is no Florence-2."""
    raise CheckpointError(MODEL_TYPE, "an encoder without Florence-2's decoder", "", "keep it in our own layout")


def names(cfg: Florence2, theirs: Mapping[str, Any]) -> Names:
    """Encoder + config.json → names of its tensors, in transformers or in the original; the decoder is not used."""
    original = is_original(theirs["vision_config"])
    tower = florence2_vision.names(cfg, original=original)
    whole = "" if original else "model."
    speaks, sees = ("language_model.model.", "") if original else ("model.language_model.", "model.multi_modal_projector.")
    places = f"{sees}{'image_pos_embed' if original else 'image_position_embed'}"
    turned = Pair("project.weight", "image_projection", Turned())
    pairs = [
        turned if original else Pair("project.weight", f"{sees}image_projection.weight"),
        Pair("rows.weight", f"{places}.row_embeddings.weight"),
        Pair("columns.weight", f"{places}.column_embeddings.weight"),
        *both("project_norm", f"{sees}image_proj_norm"),
        Pair("words.weight", f"{speaks}shared.weight"),
        Pair("places.weight", f"{speaks}encoder.embed_positions.weight"),
        *both("input_norm", f"{speaks}encoder.layernorm_embedding"),
    ]
    for i in range(cfg.text_depth):
        for ours, name in BLOCK.items():
            pairs += both(f"blocks.{i}.{ours}", f"{speaks}encoder.layers.{i}.{name}")
    behind = ("decoder.", "encoder.embed_tokens.")
    unused = (*(f"{speaks}{name}" for name in behind), f"{sees}{TABLE}", "lm_head.", "language_model.lm_head.")
    seen = Names(tower.pairs).under("tower.", f"{whole}vision_tower.")
    return seen + Names(tuple(pairs), unused=(*unused, "language_model.final_logits_bias", "final_logits_bias"))


FAMILY = Family(
    kind="vision",
    part=Florence2,
    model_types=(MODEL_TYPE,),
    architectures=("Florence2ForConditionalGeneration",),
    model_from=lambda released: config_from(released.config),
    names=names,
    config_to=config_to,
    kept=("prompts",),
)
