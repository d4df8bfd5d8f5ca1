"""DeepSeek-VL2 (no class in transformers): config.json → model, tensor names ↔ ours.

Layout of deepseek-ai/DeepSeek-VL2 `modeling_deepseek_vl_v2.py`, `siglip_vit.py` and `processing_deepseek_vl_v2.py`; its code is
never run. What its config.json leaves out are the defaults of `configuration_deepseek.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from omma.core.errors import CheckpointError
from omma.media.views.global_local import GlobalLocal
from omma.model.connectors.downsample_mlp import DownsampleMlp
from omma.model.language.decoder import Decoder
from omma.model.splices.lined import Lined
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.pack.templates.jinja import Jinja
from omma.weights.compose import language_names
from omma.weights.decoder_names import refuse
from omma.weights.family import Family
from omma.weights.maps import deepseek_v2
from omma.weights.names import Form, Led, Names, Pair, Rows
from omma.weights.original import Unfolded, moved, unwritten
from omma.weights.released import Released
from omma.weights.sight import normalised
from omma.weights.speech import chat_from
from omma.weights.vit_names import both, conv

MODEL_TYPE, WHERE = "deepseek_vl_v2", "config.json of DeepSeek-VL2"
LANGUAGE: dict[str, Any] = {
    "model_type": "deepseek_v2", "rms_norm_eps": 1e-6, "rope_theta": 10_000.0, "kv_lora_rank": 512, "q_lora_rank": 1536,
    "qk_rope_head_dim": 64, "v_head_dim": 128, "qk_nope_head_dim": 128, "topk_method": "greedy", "moe_layer_freq": 1,
    "first_k_dense_replace": 0, "norm_topk_prob": False, "scoring_func": "softmax", "routed_scaling_factor": 1.0, "use_mla": True,
    "max_position_embeddings": 2048, "tie_word_embeddings": False,
}  # fmt: skip
VISION: dict[str, Any] = {"image_size": 384, "patch_size": 14, "width": 1152, "layers": 27, "heads": 16, "mlp_ratio": 3.7362}
PROJECTOR: dict[str, Any] = {"projector_type": "downsample_mlp_gelu", "depth": 2, "mlp_ratio": 1, "downsample_ratio": 2,
                             "token_pooling": False}  # fmt: skip
BLOCK = (("attention_norm", "norm1"), ("attention.output", "attn.proj"), ("mlp_norm", "norm2"), ("mlp.up", "mlp.fc1"),
         ("mlp.down", "mlp.fc2"))  # fmt: skip
END = "<｜end▁of▁sentence｜>"
# `conversation.py`, "deepseek": roles are special tokens with a colon behind them
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '<|User|>: ' + message['content'] + '\\n\\n' }}{% elif message['role'] == 'assistant' %}"
    "{{ '<|Assistant|>: ' + message['content'] + '" + END + "' }}{% else %}{{ message['content'] + '\\n\\n' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|Assistant|>:' }}{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Parts:
    """The slots that config.json alone describes."""

    encoder: ViT
    connector: DownsampleMlp
    language: Decoder


def config_from(theirs: Mapping[str, Any]) -> Parts:
    """config.json → parts. CheckpointError for variants that are not covered."""
    vision, projector = VISION | dict(theirs.get("vision_config", {})), PROJECTOR | dict(theirs.get("projector_config", {}))
    refuse(theirs, "tile_tag", ("2D",), where=WHERE)
    refuse(theirs, "global_view_pos", ("head",), where=WHERE)
    refuse(projector, "projector_type", ("downsample_mlp_gelu",), where=WHERE)
    refuse(projector, "token_pooling", (False,), where=WHERE)
    refuse(vision, "class_token", (False,), where=WHERE)
    encoder = ViT(
        patch=vision["patch_size"],
        width=vision["width"],
        depth=vision["layers"],
        heads=vision["heads"],
        mlp_width=int(vision["width"] * vision["mlp_ratio"]),
        image_size=vision["image_size"],
    )
    connector = DownsampleMlp(factor=projector["downsample_ratio"], depth=projector["depth"], widen=projector["mlp_ratio"])
    language = deepseek_v2.config_from(LANGUAGE | dict(theirs["language_config"]))
    if projector.get("n_embed", language.width) != language.width:
        raise CheckpointError(WHERE, f"projector_config.n_embed is {projector['n_embed']}", f"hidden_size {language.width}")
    return Parts(encoder, connector, language)


def names(model: Vlm, theirs: Mapping[str, Any]) -> Names:
    """Model → names of all tensors; the tower's pooling head is not used."""
    connector, language = model.connector, model.language
    assert isinstance(connector, DownsampleMlp) and isinstance(language, Decoder)
    pairs = [Pair("splice.rows.0.row", "image_newline"), Pair("splice.rows.1.row", "view_seperator")]
    for i in range(connector.depth):
        form = Unfolded(connector.factor) if i == 0 else Form()
        theirs_i = f"projector.layers.{2 * i}"
        pairs += [
            Pair(f"connector.layers.{i}.weight", f"{theirs_i}.weight", form),
            Pair(f"connector.layers.{i}.bias", f"{theirs_i}.bias"),
        ]
    return _tower(model) + Names(tuple(pairs)) + language_names(language, LANGUAGE, moved("language."))


def _tower(model: Vlm) -> Names:
    cfg = model.encoder
    assert isinstance(cfg, ViT)
    pairs = [
        Pair("positions", "pos_embed", Led(1)),
        Pair("embed.project.weight", "patch_embed.proj.weight", conv(cfg.patch)),
        Pair("embed.project.bias", "patch_embed.proj.bias"),
        *both("final_norm", "norm"),
    ]
    fused = Rows((cfg.width,) * 3)
    for i in range(cfg.num_blocks):
        pairs += [pair for ours, name in BLOCK for pair in both(f"blocks.{i}.{ours}", f"blocks.{i}.{name}")]
        pairs += [
            Pair(f"blocks.{i}.attention.{name}.{kind}", f"blocks.{i}.attn.qkv.{kind}", fused, part)
            for kind in ("weight", "bias")
            for part, name in enumerate(("query", "key", "value"))
        ]
    return Names(tuple(pairs), unused=("attn_pool.",)).under("encoder.", "vision.")


def view_from(released: Released, size: int) -> GlobalLocal:
    """Sizes (width, height) that config.json lists → the view, which pads with the mean colour."""
    mean = released.processor.get("image_mean", (0.5, 0.5, 0.5))
    red, green, blue = (int(value * 255) for value in mean)
    listed = released.config.get("candidate_resolutions", [[size, size]])
    pinpoints = tuple((int(height), int(width)) for width, height in listed)
    return GlobalLocal(size=size, pinpoints=pinpoints, fill=(red, green, blue))


def model_from(released: Released) -> Vlm:
    """Folder → the model, with the conversation of the released code."""
    parts = config_from(released.config)
    template = Jinja(source=TEMPLATE, image_token="<image>", picture="<image>\n", marks=("<|User|>", "<|Assistant|>"))
    rows = LANGUAGE | dict(released.config["language_config"])
    return Vlm(
        view=view_from(released, parts.encoder.image_size),
        encoder=normalised(parts.encoder, replace(released, preprocessor=released.processor)),
        connector=parts.connector,
        splice=Lined(),
        language=parts.language,
        text=chat_from(
            replace(released, chat_template=""), image_token="<image>", vocab_size=rows["vocab_size"], template=template
        ),
    )


config_to = unwritten(MODEL_TYPE)

FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("DeepseekVLV2ForCausalLM",),
    model_from=model_from,
    names=names,
    config_to=config_to,
)
