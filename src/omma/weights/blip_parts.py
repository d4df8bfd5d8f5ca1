"""What BLIP-2 and InstructBLIP share: ViT-g with its class token, Q-Former, one matrix, language model; pictures before all words.

Their processors put the visual slots in front of everything, even of the token that begins a text, and their chat templates write
no picture. Ours writes both: `lead` and then the released template, or `SAID` for the releases that have none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from omma.core.errors import CheckpointError
from omma.core.files import write_text
from omma.model.connectors.q_former import QFormer
from omma.model.slots import Language
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.pack.chat import Chat
from omma.pack.codec import Codec
from omma.pack.templates.jinja import Jinja
from omma.weights.compose import encoder_from, encoder_names, encoder_to, language_from, language_names, language_to
from omma.weights.family import Processor, Vocabulary
from omma.weights.llava_parts import check_plain
from omma.weights.names import Led, Names, Pair, constant
from omma.weights.released import Released
from omma.weights.sight import image_processor, normalised, view_from
from omma.weights.speech import chat_from
from omma.weights.vit_names import activation_from, activation_to, both

IMAGE = "<image>"
PICTURES = (
    "{% for message in messages %}{% if message['content'] is not string %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}{% endif %}{% endfor %}"
)
LEADS = (PICTURES + "{{ bos_token }}", PICTURES)
SAID = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}{{ ' ' }}{% endif %}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
)
MOVES = (("model.", "language_model.model."), ("decoder.", "language_model.decoder."), ("lm_head.", "language_model.lm_head."))
LAYER = (
    ("attention.query", "attention.attention.query"), ("attention.key", "attention.attention.key"),
    ("attention.value", "attention.attention.value"), ("attention.output", "attention.output.dense"),
    ("attention_norm", "attention.output.LayerNorm"), ("mlp.up", "intermediate_query.dense"),
    ("mlp.down", "output_query.dense"), ("mlp_norm", "output_query.LayerNorm"),
)  # fmt: skip
CROSS = (
    ("cross.query", "crossattention.attention.query"), ("cross.key", "crossattention.attention.key"),
    ("cross.value", "crossattention.attention.value"), ("cross.output", "crossattention.output.dense"),
    ("cross_norm", "crossattention.output.LayerNorm"),
)  # fmt: skip
WORDS = (("words_mlp.up", "intermediate.dense"), ("words_mlp.down", "output.dense"), ("words_norm", "output.LayerNorm"))


@dataclass(frozen=True, slots=True)
class BlipParts:
    """The slots that config.json alone describes."""

    encoder: ViT
    connector: QFormer
    language: Language


def parts_from(theirs: Mapping[str, Any], *, where: str, reads: bool) -> BlipParts:
    """config.json → parts; the Q-Former `reads` instructions or not. CheckpointError for encoder-decoders such as Flan-T5."""
    if theirs["text_config"].get("is_encoder_decoder") or theirs["text_config"]["model_type"] == "t5":
        got, fix = f"a text_config of {theirs['text_config']['model_type']!r}", "take the release over OPT or Vicuna"
        raise CheckpointError(where, got, "a decoder; encoder-decoder language models such as Flan-T5 are not covered", fix)
    encoder = encoder_from(theirs["vision_config"], where=where)
    assert isinstance(encoder, ViT)
    language = language_from(theirs["text_config"], where=where)
    return BlipParts(replace(encoder, features="all"), _q_former_from(theirs, where, reads=reads), language)


def blip_from(released: Released, *, reads: bool) -> Vlm:
    """Folder → the model, with the view of its image processor and the words of its tokenizer."""
    parts = parts_from(released.config, where=released.where, reads=reads)
    return Vlm(
        view=view_from(released, default_size=parts.encoder.image_size),
        encoder=normalised(parts.encoder, released),
        connector=parts.connector,
        language=parts.language,
        text=_words_from(released),
    )


def _q_former_from(theirs: Mapping[str, Any], where: str, *, reads: bool) -> QFormer:
    said = theirs["qformer_config"]
    if said.get("use_qformer_text_input"):
        raise CheckpointError(where, "use_qformer_text_input is true", "false", "this is a model for retrieval, not for generation")
    return QFormer(
        queries=theirs["num_query_tokens"],
        width=said["hidden_size"],
        depth=said["num_hidden_layers"],
        heads=said["num_attention_heads"],
        mlp_width=said["intermediate_size"],
        cross_every=said["cross_attention_frequency"],
        activation=activation_from(said["hidden_act"], where),
        words=said["vocab_size"] if reads else 0,
        max_words=said["max_position_embeddings"],
        norm_eps=said["layer_norm_eps"],
    )


def _words_from(released: Released) -> Chat:
    key = "image_token_index" if "image_token_index" in released.config else "image_token_id"
    token = released.token(released.config.get(key, -1), key=key)
    said = released.chat_template or SAID
    told = replace(released, chat_template=_lead(released).replace(IMAGE, token) + said)
    return chat_from(told, image_token=token, vocab_size=released.config["text_config"]["vocab_size"])


def _lead(released: Released) -> str:
    """Pictures, and the beginning of text if the tokenizer writes one."""
    plain = Tokenizer.from_file(str(released.folder / "tokenizer.json"))
    first = plain.encode("a").ids[:1]
    begins = released.special_tokens.get("bos_token", "")
    return LEADS[0] if begins and first == [plain.token_to_id(begins)] else LEADS[1]


def blip_to(model: Vlm, vocabulary: Vocabulary, model_type: str, architecture: str, prefix: str) -> dict[str, Any]:
    """Model → config.json, parts named with `prefix`. CheckpointError for parts that the layout has no place for."""
    check_plain(model, model_type)
    blip_processor(model, "")
    encoder, connector = model.encoder, q_former(model, model_type)
    if not isinstance(encoder, ViT) or encoder.features != "all" or not encoder.final_norm:
        got = f"an encoder {type(encoder).__name__}" + (f" that hands on {encoder.features!r}" if isinstance(encoder, ViT) else "")
        raise CheckpointError(model_type, got, "a ViT with final_norm and features='all'", "keep it in our own layout")
    vision = encoder_to(replace(encoder, features="patches"))
    if vision["model_type"] != "blip_2_vision_model":
        raise CheckpointError(
            model_type, f"a tower of {vision['model_type']!r}", "one of BLIP-2's shape", "keep it in our own layout"
        )
    language = language_to(model.language, Vocabulary(vocabulary.size, ids=vocabulary.ids))
    return {
        "model_type": model_type,
        "architectures": [architecture],
        "vision_config": vision | {"model_type": f"{prefix}_vision_model"},
        "qformer_config": {
            "model_type": f"{prefix}_qformer",
            "hidden_size": connector.width,
            "num_hidden_layers": connector.depth,
            "num_attention_heads": connector.heads,
            "intermediate_size": connector.mlp_width,
            "cross_attention_frequency": connector.cross_every,
            "hidden_act": activation_to(connector.activation, model_type),
            "vocab_size": connector.words or 30_522,
            "max_position_embeddings": connector.max_words,
            "layer_norm_eps": connector.norm_eps,
            "encoder_hidden_size": encoder.width,
        },
        "text_config": language,
        "num_query_tokens": connector.queries,
        "image_token_index": vocabulary.image_id,
        "tie_word_embeddings": language.get("tie_word_embeddings", False),
    }


def names(model: Vlm, theirs: Mapping[str, Any]) -> Names:
    """Model + config.json → names of all tensors."""
    return (
        encoder_names(model.encoder, theirs["vision_config"], "vision_model.")
        + _q_former_names(q_former(model, theirs["model_type"]), model.language.width)
        + language_names(model.language, theirs["text_config"], MOVES)
    )


def q_former(model: Vlm, where: str) -> QFormer:
    """Model → its Q-Former. CheckpointError for another connector."""
    if not isinstance(model.connector, QFormer):
        fix = f"this model has no place in the layout of {where}"
        raise CheckpointError(where, f"a connector {type(model.connector).__name__}", "a QFormer", fix)
    return model.connector


def _q_former_names(cfg: QFormer, width: int) -> Names:
    norm = "qformer.embeddings.layernorm" if cfg.words else "qformer.layernorm"
    pairs = [Pair("queries", "query_tokens", Led(1)), *both("norm", norm), *both("project", "language_projection")]
    added = {}
    for i in range(cfg.depth):
        layer, read = f"qformer.encoder.layer.{i}", cfg.words > 0 and i < cfg.depth - 1
        parts = LAYER + (CROSS if i % cfg.cross_every == 0 else ()) + (WORDS if read else ())
        pairs += [pair for ours, theirs in parts for pair in both(f"layers.{i}.{ours}", f"{layer}.{theirs}")]
        if cfg.words and not read:
            added = _idle(cfg, layer)
    if cfg.words:
        pairs.append(Pair("words.weight", "qformer.embeddings.word_embeddings.weight"))
        pairs.append(Pair("places.weight", "qformer.embeddings.position_embeddings.weight"))
    unused = (*added, "qformer.embeddings.position_ids")
    return Names(tuple(replace(pair, ours=f"connector.{pair.ours}") for pair in pairs), unused=unused, added=added)


def _idle(cfg: QFormer, layer: str) -> dict[str, Any]:
    """The words' branch of the last layer, which nothing reads."""
    shapes = {"intermediate.dense": (cfg.mlp_width, cfg.width), "output.dense": (cfg.width, cfg.mlp_width)}
    idle = {f"{layer}.{name}.weight": constant(0.0, *shape) for name, shape in shapes.items()}
    idle |= {f"{layer}.{name}.bias": constant(0.0, shape[0]) for name, shape in shapes.items()}
    norm = f"{layer}.output.LayerNorm"
    return idle | {f"{norm}.weight": constant(1.0, cfg.width), f"{norm}.bias": constant(0.0, cfg.width)}


def blip_processor(model: Vlm, kind: str) -> Processor:
    """Model → what its processor must do. CheckpointError for another view than one squashed square."""
    image = image_processor(model.view, model.encoder)
    if image["do_center_crop"] or image.get("do_pad"):
        got = f"a view {type(model.view).__name__}"
        raise CheckpointError("model.view", got, "Fixed", "no image processor of this layout does it")
    kept = {key: value for key, value in image.items() if key not in ("do_center_crop", "crop_size")}
    slots = {"processor_class": kind, "num_query_tokens": q_former(model, "blip").queries}
    return Processor(image=kept | {"image_processor_type": "BlipImageProcessor"}, slots=slots)


def write_said(folder: Path, codec: Codec) -> None:
    """The chat template without pictures. CheckpointError for one whose pictures do not stand before all words."""
    template = codec.template
    source = template.source or codec.words.chat_template if isinstance(template, Jinja) else ""
    lead = next((lead for lead in LEADS if source.startswith(lead.replace(IMAGE, codec.words.image))), "")
    if not lead:
        fix = f"train with a Jinja template that begins with {PICTURES!r}"
        raise CheckpointError("model.text.template", "pictures among words", "pictures before all words", fix)
    write_text(folder / "chat_template.jinja", source.removeprefix(lead.replace(IMAGE, codec.words.image)))
