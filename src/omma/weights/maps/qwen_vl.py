"""Qwen-VL 1 (Qwen/Qwen-VL and Qwen-VL-Chat; no class in transformers): config.json → model, tensor names ↔ ours.

Layout of the released `visual.py` (a tower without class token, one cross-attention, a norm and a matrix) and `modeling_qwen.py`.
Its code is never run. Its tokenizer is code as well: the folder needs a tokenizer.json with <img>, </img> and <imgpad>.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from omma.core.errors import CheckpointError
from omma.media.views.fixed import Fixed
from omma.model.connectors.resampler import Resampler
from omma.model.slots import Language
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.pack.markup.box_text import BoxText
from omma.pack.templates.jinja import Jinja
from omma.weights.family import Family, Vocabulary
from omma.weights.maps import qwen
from omma.weights.maps.internlm2 import Grouped
from omma.weights.names import Form, Names, Pair, Rows
from omma.weights.released import Released
from omma.weights.speech import chat_from
from omma.weights.vit_names import OPENAI, both, conv

MODEL_TYPE = "qwen"
WHERE = "config.json of Qwen-VL"
VISUAL = "transformer.visual."
TABLE, QUERIES, HEAD = 16, 16, 128  # sides of the tables of positions and queries, width of a head: numbers of visual.py
# ChatML in which pictures are numbered; in an <img> … </img> 256 tokens, which the released tokenizer fills with a path
TEMPLATE = (
    "{% set seen = namespace(pictures=0) %}"
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{% set seen.pictures = seen.pictures + 1 %}"
    "{{ 'Picture ' + (seen.pictures | string) + ': <img><imgpad></img>\\n' }}{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{{ '<|im_end|>\\n' }}{% endfor %}"
)
BOXES = BoxText(frame="k1000", template="<box>({},{}),({},{})</box>")


@dataclass(frozen=True, slots=True)
class Turned(Form):
    """A matrix that is multiplied from the other side."""

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Their matrix → its transpose."""
        return (theirs.T,)

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Inverse of `split`."""
        return ours[0].T.contiguous()


@dataclass(frozen=True, slots=True)
class Parts:
    """The slots that config.json alone describes."""

    encoder: ViT
    connector: Resampler
    language: Language


def config_from(theirs: Mapping[str, Any]) -> Parts:
    """config.json → parts. CheckpointError for variants that are not covered."""
    said = theirs["visual"]
    language = qwen.config_from(theirs)
    if said["output_dim"] != language.width:
        raise CheckpointError(WHERE, f"visual.output_dim is {said['output_dim']}", f"hidden_size {language.width}")
    tower = ViT(
        patch=said["patch_size"],
        width=said["width"],
        depth=said["layers"],
        heads=said["heads"],
        mlp_width=int(said["width"] * said["mlp_ratio"]),
        image_size=TABLE * said["patch_size"],
        activation="gelu",
        patch_bias=False,
        input_norm=True,
        final_norm=False,
        **OPENAI,
    )
    return Parts(tower, Resampler(side=QUERIES, head_dim=HEAD), language)


def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """CheckpointError always: only code from a checkpoint reads this layout."""
    raise CheckpointError("qwen_vl", "a layout that only code from a checkpoint reads", "", "keep it in our own layout")


def names(model: Vlm | Parts, theirs: Mapping[str, Any]) -> Names:
    """Model → names of all tensors. The table of positions beside the queries is a formula, which ours computes."""
    language = model.language
    assert isinstance(language, qwen.Decoder)
    visual = _tower(model).under("", VISUAL) + _resampler(model).under("connector.", VISUAL)
    return visual + qwen.names(language).under("language.", "")


def _tower(model: Vlm | Parts) -> Names:
    cfg = model.encoder
    assert isinstance(cfg, ViT)
    fused = Grouped(cfg.heads, 1)  # query, key and value of a head stand together
    pairs = [
        Pair("encoder.embed.project.weight", "conv1.weight", conv(cfg.patch)),
        Pair("encoder.positions", "positional_embedding"),
    ]
    pairs += both("encoder.input_norm", "ln_pre")
    for i in range(cfg.num_blocks):
        ours, block = f"encoder.blocks.{i}.", f"transformer.resblocks.{i}."
        pairs += [*both(f"{ours}attention_norm", f"{block}ln_1"), *both(f"{ours}mlp_norm", f"{block}ln_2")]
        pairs += [*both(f"{ours}mlp.up", f"{block}mlp.c_fc"), *both(f"{ours}mlp.down", f"{block}mlp.c_proj")]
        pairs += both(f"{ours}attention.output", f"{block}attn.out_proj")
        for part, name in enumerate(("query", "key", "value")):
            pairs += [Pair(f"{ours}attention.{name}.{k}", f"{block}attn.in_proj.{k}", fused, part) for k in ("weight", "bias")]
    return Names(tuple(pairs))


def _resampler(model: Vlm | Parts) -> Names:
    width, fused = model.language.width, Rows((model.language.width,) * 3)
    pairs = [Pair("queries", "attn_pool.query"), *both("query_norm", "attn_pool.ln_q"), *both("patch_norm", "attn_pool.ln_kv")]
    if model.encoder.out_width != width:
        pairs.append(Pair("widen.weight", "attn_pool.kv_proj.weight"))
    for part, name in enumerate(("query", "key", "value")):
        pairs += [Pair(f"attention.{name}.{k}", f"attn_pool.attn.in_proj_{k}", fused, part) for k in ("weight", "bias")]
    pairs += [*both("attention.output", "attn_pool.attn.out_proj"), *both("output_norm", "ln_post")]
    pairs.append(Pair("project.weight", "proj", Turned()))
    return Names(tuple(pairs), unused=("attn_pool.pos_embed",))


def model_from(released: Released) -> Vlm:
    """Folder → the model with the view of `visual.py` and the words of its tokenizer.json."""
    parts = config_from(released.config)
    template = Jinja(source=TEMPLATE, image_token="<imgpad>", picture="<imgpad>")
    return Vlm(
        view=Fixed(size=released.config["visual"]["image_size"]),
        encoder=parts.encoder,
        connector=parts.connector,
        language=parts.language,
        text=chat_from(released, image_token="<imgpad>", vocab_size=released.config["vocab_size"], template=template, markup=BOXES),
    )


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("QWenLMHeadModel",),
    model_from=model_from,
    names=names,
    config_to=config_to,
    mark="visual",
)
