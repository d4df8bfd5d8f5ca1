"""InternVL folders as OpenGVLab released them: their names by hand, and transformers' logits, replies, gradients.

Names as in OpenGVLab/InternVL `modeling_internvl_chat.py`, `modeling_intern_vit.py` and internlm's `modeling_internlm2.py`.
"""

import json

import numpy as np
import pytest
import torch
from draws import Draw
from internvl_folders import SLOT, internvl, tokenizer
from llava_folders import Pair, check_round_trip, sample, worst
from PIL import Image
from safetensors.torch import save_file

from omma.core.errors import CheckpointError
from omma.media.apply import patchify
from omma.media.store import Store
from omma.model.positions.v2pe import V2pe
from omma.pack.collate import rows_to_batch
from omma.schema.batch import Pictures
from omma.weights.internvl_parts import FRAMES
from omma.weights.internvl_words import OLD_SYSTEM, SYSTEM
from omma.weights.maps import internvl as hf_layout
from omma.weights.source import open_source
from omma.weights.start import Weights, start_model

pytestmark = pytest.mark.parity

# fp32, as a share of the largest value compared. Worst case measured: 1.3e-6.
TOLERANCE = 1e-5
CONVERSATIONS = ("internvl2_5", "internlm2-chat", "Hermes-2", "internvl_zh")
VISION = (
    ("embeddings.cls_token", "embeddings.class_embedding"), ("embeddings.position_embeddings", "embeddings.position_embedding"),
    ("embeddings.patch_embeddings.projection", "embeddings.patch_embedding"), ("encoder.layer.", "encoder.layers."),
    ("lambda_", "ls"), ("layernorm_before", "norm1"), ("layernorm_after", "norm2"), ("attention.projection_layer", "attn.proj"),
    ("attention.q_norm", "attn.q_norm"), ("attention.k_norm", "attn.k_norm"),
)  # fmt: skip
INTERNLM2 = (
    ("model.embed_tokens", "model.tok_embeddings"), ("lm_head", "output"), ("input_layernorm", "attention_norm"),
    ("post_attention_layernorm", "ffn_norm"), ("self_attn.o_proj", "attention.wo"), ("mlp.gate_proj", "feed_forward.w1"),
    ("mlp.up_proj", "feed_forward.w3"), ("mlp.down_proj", "feed_forward.w2"),
)  # fmt: skip
MLP = {"layer_norm": "0", "linear_1": "1", "linear_2": "3"}


def renamed(name, rules):
    for old, new in rules:
        name = name.replace(old, new)
    return name


def released_tensors(theirs, internlm2):
    """transformers' tensors under the released names, queries, keys and values put together."""
    out, state = {}, {name: tensor.detach().clone() for name, tensor in theirs.state_dict().items()}
    text = theirs.config.text_config
    for name, tensor in state.items():
        if name.startswith("model.vision_tower."):
            own = renamed(name.removeprefix("model.vision_tower."), VISION)
            if "attention.q_proj" in own:
                fused = torch.cat([state[name.replace("q_proj", f"{part}_proj")] for part in "qkv"])
                out["vision_model." + own.replace("attention.q_proj", "attn.qkv")] = fused
            elif "_proj." not in own and not own.startswith(("layernorm", "embeddings.mask")):
                out["vision_model." + own] = tensor
        elif name.startswith("model.multi_modal_projector."):
            part, kind = name.removeprefix("model.multi_modal_projector.").split(".")
            out[f"mlp1.{MLP[part]}.{kind}"] = tensor
        else:
            own = name.replace("model.language_model.", "model.")
            if not internlm2:
                out["language_model." + own] = tensor
            elif "q_proj" in own:
                q, k, v = (
                    state[name.replace("q_proj", f"{part}_proj")].unflatten(0, (text.num_key_value_heads, -1, text.head_dim))
                    for part in "qkv"
                )
                fused = torch.cat((q, k, v), dim=1).flatten(0, 2)
                out["language_model." + renamed(own, (("self_attn.q_proj", "attention.wqkv"),))] = fused
            elif "k_proj" not in own and "v_proj" not in own:
                out["language_model." + renamed(own, INTERNLM2)] = tensor
    return {name: tensor.contiguous().clone() for name, tensor in out.items()}


def released_config(theirs, template, internlm2, shuffle, tiles):
    """The released config.json of the same model."""
    vision, text = theirs.config.vision_config.to_dict(), theirs.config.text_config.to_dict()
    llm = text | {"model_type": "internlm2", "architectures": ["InternLM2ForCausalLM"], "bias": False} if internlm2 else text
    return {
        "model_type": "internvl_chat", "architectures": ["InternVLChatModel"], "auto_map": {"AutoModel": "modeling.Evil"},
        "vision_config": {
            "model_type": "intern_vit_6b", "hidden_size": vision["hidden_size"], "image_size": vision["image_size"][0],
            "patch_size": vision["patch_size"][0], "num_hidden_layers": vision["num_hidden_layers"],
            "num_attention_heads": vision["num_attention_heads"], "intermediate_size": vision["intermediate_size"],
            "hidden_act": "gelu", "layer_norm_eps": 1e-6, "norm_type": vision["norm_type"], "qkv_bias": vision["attention_bias"],
            "qk_normalization": vision["use_qk_norm"], "initializer_factor": 0.1,
        },
        "llm_config": llm, "select_layer": theirs.config.vision_feature_layer,
        "downsample_ratio": theirs.config.downsample_ratio, "template": template, "max_dynamic_patch": tiles,
        "dynamic_image_size": tiles > 1, "use_thumbnail": tiles > 1, "ps_version": shuffle,
        "force_image_size": vision["image_size"][0],
    }  # fmt: skip


def transposed(self, features, scale_factor=0.5):
    """`ps_version` v1: without the exchange of rows and columns at the end."""
    n, w, h, c = features.shape
    features = features.view(n, w, int(h * scale_factor), int(c / scale_factor)).permute(0, 2, 1, 3).contiguous()
    return features.view(n, int(h * scale_factor), int(w * scale_factor), int(c / scale_factor**2))


def opened(seed, folder, **fixed):
    """The released folder on our side, transformers' model with the same weights on the other."""
    draw = Draw(100 + seed, **fixed)
    template, shuffle = draw.one("template", *CONVERSATIONS), draw.one("shuffle", "v1", "v2")
    internlm2 = draw.one("internlm2", False, True)
    theirs, hand = internvl(seed, **fixed | ({"language": "llama"} if internlm2 else {}))
    hand.num_frames = FRAMES
    theirs.config.vision_config.use_mean_pooling = True
    theirs.model.vision_tower.layernorm = torch.nn.Identity()
    hand.image.image_mean, hand.image.image_std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    if shuffle == "v1":
        theirs.model.pixel_shuffle = transposed.__get__(theirs.model)
    folder.mkdir()
    words = tokenizer()
    words.chat_template = None
    words.save_pretrained(folder)
    save_file(released_tensors(theirs, internlm2), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(released_config(theirs, template, internlm2, shuffle, hand.image.max_patches)))
    source = open_source(folder)
    module = start_model(source.model, Weights(model=str(folder)), 0).eval()
    codec = source.model.text.fit((), folder / "omma-words")
    # gradients are those of transformers' tensors, by the names of transformers' layout
    names = hf_layout.names(source.model, {"vision_config": theirs.config.vision_config.to_dict(),
                                           "text_config": theirs.config.text_config.to_dict()})  # fmt: skip
    return Pair(folder, theirs.eval(), hand, source.model, module, codec, names)


def prompt(template, asked):
    """What `chat` asks, by hand: pictures first, each with a line break behind it."""
    if template == "internvl_zh":
        return f" <human>: {asked} <bot>:"
    line = "\n" if template == "internvl2_5" else ""
    system = SYSTEM if template == "internvl2_5" else OLD_SYSTEM
    return f"<|im_start|>system\n{system}<|im_end|>{line}<|im_start|>user\n{asked}<|im_end|>{line}<|im_start|>assistant\n"


def their_inputs(pair, root, one):
    """Ids of the released `chat`, pixels of transformers' tiles. A video is asked about as `Frame1: <image>` and so on."""
    hand, template = pair.processor, json.loads((pair.folder / "config.json").read_text())["template"]
    shown, pixels = "", []
    for media in one.media:
        if media.kind == "video":
            pixels.append(hand.frames(root / media.uri))
            tiles = [1] * len(pixels[-1])
            shown += "".join(f"Frame{number}: <image>\n" for number in range(1, len(tiles) + 1))
        else:
            with Image.open(root / media.uri) as file:
                seen = hand.image(images=[file.convert("RGB")], crop_to_patches=True, return_tensors="pt")
            pixels.append(seen["pixel_values"])
            tiles = [int(seen["num_patches"][0])]
            shown += "<image>\n"
        for count in tiles:
            shown = shown.replace("<image>", f"<img>{SLOT * hand.image_seq_length * count}</img>", 1)
    ids = torch.tensor([hand.words(prompt(template, shown + one.turns[0].text))["input_ids"]])
    return {"input_ids": ids} | ({"pixel_values": torch.cat(pixels)} if pixels else {})


def asked(root):
    sizes = [(50, 30)], [(20, 61), (33, 33), (90, 40)], [], [(200, 30), (7, 90)]
    return [sample(root, number, own) for number, own in enumerate(sizes)]


def test_a_transposed_shuffle_has_no_layout_of_transformers(tmp_path):
    pair = opened(2, tmp_path / "released", shuffle="v1")
    with pytest.raises(CheckpointError, match="connector TransposedShuffle"):
        check_round_trip(pair, tmp_path, asked(tmp_path), their_inputs)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_tower_alone_gives_the_features_of_transformers(seed, tmp_path):
    theirs, _ = internvl(seed, layers=-1)
    theirs.model.vision_tower.layernorm = torch.nn.Identity()
    folder = tmp_path / "tower"
    folder.mkdir()
    stored = released_tensors(theirs, internlm2=False)
    own = {name.removeprefix("vision_model."): tensor for name, tensor in stored.items() if name.startswith("vision_model.")}
    save_file(own, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(released_config(theirs, "Hermes-2", False, "v2", 1)["vision_config"]))
    source = open_source(folder)
    tensors = source.read({f"encoder.{name}": tensor for name, tensor in source.model.build().state_dict().items()})
    module = source.model.build()
    module.load_state_dict({name.removeprefix("encoder."): tensor for name, tensor in tensors.items()})
    cfg, side = source.model, source.model.side
    pixels = np.random.default_rng(0).integers(0, 256, (cfg.image_size, cfg.image_size, 3)).astype(np.uint8)
    grids = torch.tensor([[1, side, side]])
    with torch.no_grad():
        ours = module(Pictures(torch.from_numpy(patchify(pixels, cfg.patch)), grids)).hidden
        values = (torch.from_numpy(pixels) / 255 - torch.tensor(cfg.mean)) / torch.tensor(cfg.std)
        wanted = theirs.model.vision_tower(values.permute(2, 0, 1)[None]).last_hidden_state[0, 1:]
    assert worst(ours, wanted) <= TOLERANCE


def test_v2pe_gives_visual_tokens_fractions_of_a_position(tmp_path):
    """With a stride of a quarter tile, logits are those of transformers at the positions of the released rule."""
    pair = opened(0, tmp_path / "released", template="internvl2_5")
    tokens = pair.processor.image_seq_length
    file = pair.folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"rope_pos_id_version": "v2pe_fix", "rope_pos_id_stride": 1}))
    model = open_source(pair.folder).model
    assert model.positions == V2pe(step=1 / tokens)
    module = start_model(model, Weights(model=str(pair.folder)), 0).eval()
    one = asked(tmp_path)[0]
    inputs = their_inputs(pair, tmp_path, one)
    ids = inputs["input_ids"][0].numpy()
    visual = ids == pair.codec.image_id
    places, at = np.zeros(len(ids)), -1.0
    for i in range(len(ids)):
        at = at + 1 / tokens if visual[i] else np.ceil(at) + 1
        places[i] = at
    batch = rows_to_batch([pair.codec.prompt(one, model)], model, Store(tmp_path))
    output = module(batch)
    with torch.no_grad():
        theirs = pair.theirs(**inputs, position_ids=torch.tensor(places, dtype=torch.float32)[None]).logits[0]
    assert worst((output.stream.hidden @ output.head.T).detach(), theirs) <= TOLERANCE


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"template": "phi3-chat"}, "template is 'phi3-chat'"),
        ({"pad2square": True}, "pad2square is true"),
        ({"ps_version": "v3"}, "ps_version is 'v3'"),
        ({"rope_pos_id_version": "v4"}, "rope_pos_id_version is 'v4'"),
        ({"select_layer": -9}, "the features of layer -9"),
    ],
)
def test_folders_that_are_not_covered_are_refused(change, word, tmp_path):
    file = opened(0, tmp_path / "released").folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(CheckpointError, match=word):
        open_source(file.parent)
