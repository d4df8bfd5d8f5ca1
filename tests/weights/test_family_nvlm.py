"""NVLM-D folders: released names by hand over transformers' InternVL with NVLM's projector, tile tags of the released rule.

Names and rule as in nvidia/NVLM-D-72B `modeling_nvlm_d.py` and vLLM `model_executor/models/nvlm_d.py`.
"""

import json

import pytest
import torch
from draws import Draw
from internvl_folders import internvl, tokenizer
from llava_folders import Pair, spread
from PIL import Image
from safetensors.torch import save_file
from test_family_internvl_chat import released_tensors

from omma.core.errors import CheckpointError
from omma.weights.maps import internvl as hf_layout
from omma.weights.maps.nvlm import Fewer
from omma.weights.names import Names
from omma.weights.names import Pair as Name
from omma.weights.source import open_source
from omma.weights.start import Weights, start_model

pytestmark = pytest.mark.parity

SLOT = "<|vision_pad|>"


def words_of_nvlm():
    words = tokenizer()
    words.add_special_tokens({"extra_special_tokens": [SLOT]})
    words.chat_template = None
    return words


def with_extra_heads(tensors, heads, width, extra_value=0.0):
    """Seven heads of zeros behind the tower's own."""
    extra = 7 * width // heads
    out = dict(tensors)
    for name, tensor in tensors.items():
        if not name.startswith("vision_model.") or ".attn." not in name or name.endswith("proj.bias"):
            continue
        axis = 1 if "attn.proj" in name else 0
        pieces = tensor.chunk(3) if "attn.qkv" in name else (tensor,)
        shape = list(pieces[0].shape)
        shape[axis] = extra
        blank = torch.full(shape, extra_value)
        out[name] = torch.cat([x for piece in pieces for x in (piece, blank)], dim=axis)
    return out


def opened(seed, folder, extra_value=0.0, **fixed):
    theirs, hand = internvl(seed, tower="large", language=Draw(100 + seed).one("language", "qwen2", "llama"), **fixed)
    hand.words, hand.image.image_mean, hand.image.image_std = words_of_nvlm(), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    text, vision = theirs.config.text_config, theirs.config.vision_config
    projector = theirs.model.multi_modal_projector
    projector.linear_1 = torch.nn.Linear(projector.linear_1.in_features, text.intermediate_size, bias=False)
    projector.linear_2 = torch.nn.Linear(text.intermediate_size, text.hidden_size, bias=False)
    theirs.resize_token_embeddings(len(hand.words) + 3)
    spread(theirs, seed)
    theirs.config.image_token_id = theirs.model.config.image_token_id = hand.words.convert_tokens_to_ids(SLOT)
    folder.mkdir()
    hand.words.save_pretrained(folder)
    tensors = with_extra_heads(released_tensors(theirs, False), vision.num_attention_heads, vision.hidden_size, extra_value)
    save_file(tensors, folder / "model.safetensors")
    said = {
        "model_type": "NVLM_D", "architectures": ["NVLM_D_Model"], "auto_map": {"AutoModel": "modeling.Evil"},
        "vision_config": {
            "model_type": "intern_vit_6b", "hidden_size": vision.hidden_size, "image_size": vision.image_size[0],
            "patch_size": vision.patch_size[0], "num_hidden_layers": vision.num_hidden_layers,
            "num_attention_heads": vision.num_attention_heads, "intermediate_size": vision.intermediate_size, "hidden_act": "gelu",
            "layer_norm_eps": 1e-6, "norm_type": "rms_norm", "qkv_bias": False, "qk_normalization": True,
        },
        "llm_config": text.to_dict(), "downsample_ratio": theirs.config.downsample_ratio, "ps_version": "v2",
        "max_dynamic_patch": hand.image.max_patches,
        "force_image_size": vision.image_size[0], "select_layer": theirs.config.vision_feature_layer, "template": "chatml",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(said))
    source = open_source(folder)
    module = start_model(source.model, Weights(model=str(folder)), 0).eval()
    codec = source.model.text.fit((), folder / "omma-words")
    whole = hf_layout.names(source.model, {"vision_config": vision.to_dict(), "text_config": text.to_dict()})
    names = Names(tuple(p for p in whole.pairs if p.ours not in ("connector.up.bias", "connector.down.bias")), whole.unused)
    return Pair(folder, theirs.eval(), hand, source.model, module, codec, names)


def their_inputs(pair, root, one):
    """Ids of the released rule: <tile_1> … before each tile, <tile_global_thumbnail> before the last."""
    hand = pair.processor
    text = "".join("<image>\n" for _ in one.media) + one.turns[0].text
    text, pixels = f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n", []
    for media in one.media:
        seen = hand.image(images=[Image.open(root / media.uri).convert("RGB")], crop_to_patches=True, return_tensors="pt")
        pixels.append(seen["pixel_values"])
        tags = [f"<tile_{i}>" for i in range(1, int(seen["num_patches"][0]))] + ["<tile_global_thumbnail>"]
        tiles = "".join(tag + SLOT * hand.image_seq_length for tag in tags)
        text = text.replace("<image>", f"<Image>{tiles}</Image>", 1)
    ids = torch.tensor([hand.words(text)["input_ids"]])
    return {"input_ids": ids} | ({"pixel_values": torch.cat(pixels)} if pixels else {})


def test_heads_that_take_part_are_not_left_out(tmp_path):
    with pytest.raises(CheckpointError, match="values in its extra heads"):
        opened(0, tmp_path / "released", extra_value=0.5)


def test_leaving_out_zeros_and_putting_them_back_keeps_every_bit():
    form = Fewer(4, 2, parts=3)
    ours = tuple(torch.randn(4, 5) for _ in range(3))
    theirs = form.join(ours)
    assert theirs.shape == (18, 5) and torch.equal(form.join(form.split(theirs)), theirs)
    assert all(torch.equal(a, b) for a, b in zip(form.split(theirs), ours, strict=True))
    assert Names((Name("a", "b", form),)).from_theirs({"b": theirs}, where="here")["a"].shape == (4, 5)
