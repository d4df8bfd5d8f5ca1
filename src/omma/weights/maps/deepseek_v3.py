"""DeepSeek-V3 (transformers `DeepseekV3ForCausalLM`): config.json ↔ Decoder with experts and latent attention, tensor names ↔ ours.

Layers behind the last that predict further tokens (`num_nextn_predict_layers`) are left out, as transformers does.
"""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.language.decoder import Decoder
from omma.weights.decoder_names import decoder_names, refuse
from omma.weights.family import Family
from omma.weights.maps.deepseek_v2 import experts_from, latent_decoder, latent_to
from omma.weights.names import Names

MODEL_TYPE = "deepseek_v3"
SIGMOID = {"scoring_func": "sigmoid", "topk_method": "noaux_tc"}  # what transformers' class is without saying so


def config_from(theirs: Mapping[str, Any]) -> Decoder:
    """config.json → Decoder. CheckpointError for variants that the decoder does not cover."""
    where = f"config.json of {MODEL_TYPE}"
    for key, value in SIGMOID.items():
        refuse(theirs, key, (value,), where=where)
    refuse(theirs, "rope_interleave", (True, None), where=where)
    return latent_decoder(theirs, experts_from({**theirs, **SIGMOID}), where=where)


def config_to(cfg: Decoder, vocab_size: int) -> dict[str, Any]:
    """Decoder → config.json. CheckpointError for a decoder of another shape than this family's."""
    theirs = latent_to(cfg, MODEL_TYPE, vocab_size)
    experts = cfg.experts
    if cfg.latent is None or experts is None or not experts.choice_bias or experts.score != "sigmoid":
        got, want = f"latent={cfg.latent!r}, experts={experts!r}", "latent attention, sigmoid scores and a bias on the choice"
        raise CheckpointError(MODEL_TYPE, got, want, "export as the family of that shape")
    return theirs | {"topk_method": "noaux_tc", "rope_interleave": True, "architectures": ["DeepseekV3ForCausalLM"]}


def names(cfg: Decoder) -> Names:
    """Decoder → names of its tensors."""
    found = decoder_names(cfg)
    return Names(found.pairs, unused=(*found.unused, f"model.layers.{cfg.depth}."))


FAMILY = Family(
    kind="language",
    part=Decoder,
    model_types=(MODEL_TYPE,),
    architectures=("DeepseekV3ForCausalLM",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg, vocabulary.size),
)
