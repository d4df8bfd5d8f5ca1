"""Vlm (CLIP + Mlp + Llama or Qwen2) = transformers' LlavaForConditionalGeneration at random tiny weights, logits and gradients."""

import copy

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers.models.clip.modeling_clip import CLIPVisionConfig
from transformers.models.llama.modeling_llama import LlamaConfig
from transformers.models.llava.modeling_llava import LlavaConfig, LlavaForConditionalGeneration
from transformers.models.qwen2.modeling_qwen2 import Qwen2Config
from transformers.models.siglip.modeling_siglip import SiglipVisionConfig

from omma.core.errors import CheckpointError
from omma.media.views.fixed import Fixed
from omma.model.vlm import Vlm
from omma.weights.maps import llava
from omma.weights.native import fill, stored_tensors

pytestmark = pytest.mark.parity

VOCABULARY, IMAGE_ID, PATCH, SIDE = 61, 60, 4, 3
# fp32, in units of the largest value of the tensor compared. Worst case measured over 16 seeds: logits 1.1e-6, gradients 8.3e-6.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4
TOWERS = {"clip": (CLIPVisionConfig, "default"), "siglip": (SiglipVisionConfig, "full")}
LANGUAGES = {"llama": LlamaConfig, "qwen2": Qwen2Config}


def draw(seed, tower="clip", language="llama"):
    tower_class, strategy = TOWERS[tower]
    vision = tower_class(hidden_size=16, intermediate_size=40, num_hidden_layers=3, num_attention_heads=2,
                         image_size=PATCH * SIDE, patch_size=PATCH)  # fmt: skip
    text = LANGUAGES[language](hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                               num_key_value_heads=2, vocab_size=VOCABULARY)  # fmt: skip
    torch.manual_seed(seed)
    cfg = LlavaConfig(vision_config=vision, text_config=text, image_token_index=IMAGE_ID, vision_feature_layer=-2,
                      vision_feature_select_strategy=strategy, attn_implementation="eager")  # fmt: skip
    theirs = LlavaForConditionalGeneration(cfg).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.2 if parameter.ndim > 1 else 0.3) + (parameter.ndim == 1))
    return theirs


def ours_like(theirs, make_words):
    parts = llava.config_from(theirs.config.to_dict())
    view = Fixed(size=PATCH * SIDE)
    cfg = Vlm(view=view, encoder=parts.encoder, connector=parts.connector, language=parts.language, text=make_words)
    module = cfg.build()
    fill(module, copy.deepcopy(llava.names(parts).from_theirs(theirs.state_dict(), where="theirs")), where="test")
    return parts, cfg, module


def their_logits(theirs, document, cfg):
    ids = torch.as_tensor(document["ids"]).clone()
    ids[document["slots"]] = IMAGE_ID
    if not document["patches"]:
        return theirs(input_ids=ids[None]).logits[0]
    patches = torch.as_tensor(np.stack(document["patches"])).float() / 255
    pixels = patches.unflatten(1, (SIDE, SIDE)).unflatten(3, (3, PATCH, PATCH)).permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)
    mean, std = (torch.tensor(x)[None, :, None, None] for x in (cfg.encoder.mean, cfg.encoder.std))
    return theirs(input_ids=ids[None], pixel_values=(pixels - mean) / std).logits[0]


def worst(ours, theirs):
    ours, theirs = ours.detach(), theirs.detach()
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1e-3))


def compare(seed, tower, language, words, make_document, pack):
    theirs = draw(seed, tower, language)
    parts, cfg, module = ours_like(theirs, words)
    documents = [make_document(cfg, sizes, words=3 + i, seed=seed + i) for i, sizes in enumerate(([(9, 9)], [], [(20, 8), (7, 7)]))]
    for document in documents:
        document["ids"] = document["ids"] % IMAGE_ID  # no word of the text is the placeholder
    batch = pack(cfg, documents)
    got = module(batch).logits(torch.arange(len(batch.tokens)))
    want = torch.cat([their_logits(theirs, document, cfg) for document in documents])
    probe = torch.randn_like(want)
    (got - probe).square().mean().backward()
    (want - probe).square().mean().backward()
    named = {name: p.grad if p.grad is not None else torch.zeros_like(p) for name, p in theirs.named_parameters()}
    gradients = llava.names(parts).from_theirs(named, where="gradients")
    own = {n: p.grad for n, p in module.named_parameters() if not (n.startswith("encoder") and n.endswith("key.bias"))}
    return worst(got, want), max(worst(grad, gradients[name]) for name, grad in own.items())


@pytest.fixture(scope="module")
def words(make_vlm):
    return make_vlm().text


@pytest.mark.parametrize(("tower", "language"), [("clip", "llama"), ("clip", "qwen2"), ("siglip", "llama")])
@pytest.mark.parametrize("seed", range(2))
def test_logits_and_gradients_equal_transformers(seed, tower, language, words, make_document, pack):
    logits, gradients = compare(seed, tower, language, words, make_document, pack)
    assert logits <= TOLERANCE
    assert gradients <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("tower", TOWERS)
def test_a_saved_file_is_read_and_an_export_serves_the_same_logits(tower, tmp_path, words, make_document, pack):
    theirs = draw(5, tower)
    theirs.save_pretrained(tmp_path)
    parts, cfg, module = ours_like(theirs, words)
    stored = load_file(tmp_path / "model.safetensors")
    again = llava.names(parts).from_theirs(stored, where="file")
    assert all(torch.equal(again[name], tensor) for name, tensor in stored_tensors(module).items())
    served = LlavaForConditionalGeneration(LlavaConfig(**llava.config_to(parts, VOCABULARY, IMAGE_ID))).eval()
    served.load_state_dict(llava.names(parts).to_theirs(stored_tensors(module)))
    document = make_document(cfg, [(9, 9)])
    document["ids"] = document["ids"] % IMAGE_ID
    with torch.no_grad():
        assert worst(their_logits(served, document, cfg), their_logits(theirs, document, cfg)) <= TOLERANCE


def test_variants_that_are_not_covered_are_refused():
    config = draw(0).config.to_dict()
    for change, word in (
        ({"vision_feature_layer": 0}, "vision_feature_layer"),
        ({"vision_feature_layer": [-2, -5]}, "vision_feature_layer"),
        ({"vision_feature_select_strategy": "cls_patch"}, "vision_feature_select_strategy"),
        ({"projector_hidden_act": "mish"}, "mish"),
        ({"text_config": {"model_type": "mamba"}}, "mamba"),
        ({"text_config": config["text_config"] | {"hidden_act": "gelu"}}, "hidden_act"),
        ({"text_config": config["text_config"] | {"rope_parameters": {"rope_type": "longrope", "rope_theta": 1e4}}}, "longrope"),
    ):
        with pytest.raises(CheckpointError, match=word):
            llava.config_from(config | change)
