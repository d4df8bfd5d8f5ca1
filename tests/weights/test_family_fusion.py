"""Florence-VL: a folder with the released names is read; its tokens and logits are those of transformers' parts put together.

No class in transformers: JiuhaiChen/Florence-VL `florence_encoder.py`, `llava_arch.py`, `multimodal_projector/builder.py` are
followed, and the names that transformers' conversion script of Florence-2 takes Microsoft's files by.
"""

import json
import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from llava_folders import our_batch, sample, spread, tokenizer, worst
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from transformers import Florence2Config, Florence2ForConditionalGeneration
from transformers.models.llama.modeling_llama import LlamaConfig, LlamaForCausalLM

from omma.core.errors import CheckpointError
from omma.model.slots import built_on_meta, num_parameters
from omma.model.vision.florence2 import Florence2
from omma.weights.maps import florence2, florence_vl
from omma.weights.native import stored_tensors
from omma.weights.source import open_source
from omma.weights.start import Weights, start_model

pytestmark = pytest.mark.parity

TOLERANCE = 1e-5  # fp32, as a share of the largest value compared. Worst case measured: 3.2e-6.
PROMPTS = ((0, 7, 3, 2), (0, 11, 2, 1), (0, 5, 2, 1))
SIDE = 24
ORIGINAL = (  # transformers' names → Microsoft's
    (r"^model\.vision_tower\.", "vision_tower."),
    (r"(convs\.\d+)\.conv\.", r"\1.proj."),
    (r"(_block\.conv\d)\.", r"\1.fn.dw."),
    (r"spatial_block\.norm1", "spatial_block.window_attn.norm"),
    (r"channel_block\.norm1", "channel_block.channel_attn.norm"),
    (r"_attn\.(qkv|proj)\.", r"_attn.fn.\1."),
    (r"_block\.norm2", "_block.ffn.norm"),
    (r"ffn\.(fc\d)", r"ffn.fn.net.\1"),
    (r"^model\.multi_modal_projector\.image_projection\.weight", "image_projection"),
    (r"^model\.multi_modal_projector\.image_position_embed", "image_pos_embed"),
    (r"^model\.multi_modal_projector\.", ""),
    (r"^model\.language_model\.", "language_model.model."),
    (r"^lm_head\.", "language_model.lm_head."),
)


def original(name):
    for pattern, new in ORIGINAL:
        name = re.sub(pattern, new, name)
    return name


def tower(rng):
    """A tiny Florence-2 of transformers, and its config.json as Microsoft writes it."""
    heads, width = int(rng.integers(1, 3)), int(rng.choice([8, 16]))
    stages = {"patch_size": [7, 3], "patch_stride": [4, 2], "patch_padding": [3, 1], "patch_prenorm": [False, True],
              "depths": [1, int(rng.integers(1, 3))], "num_heads": [heads, 2], "num_groups": [2, 2], "window_size": 2}  # fmt: skip
    widths = [8 * heads, 16]
    read = {"vocab_size": 40, "d_model": width, "encoder_layers": int(rng.integers(1, 4)), "encoder_attention_heads": 2,
            "encoder_ffn_dim": 20, "decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 8,
            "max_position_embeddings": 30, "scale_embedding": False}  # fmt: skip
    seen = stages | {"projection_dim": width}
    config = Florence2Config(
        vision_config=seen | {"embed_dim": widths, "max_position_embeddings": 5}, text_config=read | {"model_type": "bart"},
        image_token_id=39, attn_implementation="eager",
    )  # fmt: skip
    said = seen | {"model_type": "davit", "dim_embed": widths, "image_feature_source": ["spatial_avg_pool", "temporal_avg_pool"],
                   "image_pos_embed": {"type": "learned_abs_2d", "max_pos_embeddings": 5}}  # fmt: skip
    whole = {"model_type": "florence2", "vision_config": said, "text_config": read | {"model_type": "florence2_language"}}
    return Florence2ForConditionalGeneration(config).eval(), whole


def released(folder, seed):
    """A folder with the released names, and its parts."""
    rng, words = np.random.default_rng(seed), tokenizer("llama")
    theirs, said = tower(rng)
    heads = int(rng.integers(1, 4))
    language = LlamaForCausalLM(LlamaConfig(
        vocab_size=len(words), hidden_size=8 * heads, num_hidden_layers=2, num_attention_heads=heads, num_key_value_heads=heads,
        intermediate_size=24, tie_word_embeddings=False, attn_implementation="eager",
    )).eval()  # fmt: skip
    depth, width = int(rng.integers(1, 4)), 4 * said["text_config"]["d_model"]
    more = [nn.Sequential(nn.GELU(), nn.Linear(8 * heads, 8 * heads)) for _ in range(depth - 1)]
    layers = nn.Sequential(nn.Linear(width, 8 * heads), *more)
    for part in (theirs, language, layers):
        spread(part, seed)
    theirs.tie_weights()
    tensors = {f"model.vision_tower.vision_tower.{original(name)}": t for name, t in theirs.state_dict().items()}
    turned = "model.vision_tower.vision_tower.image_projection"
    tensors[turned] = tensors[turned].T
    tensors["model.vision_tower.vision_tower.language_model.final_logits_bias"] = torch.zeros(1, 40)
    tensors |= {f"model.mm_projector.encoder_mlp.{name}": tensor for name, tensor in layers.state_dict().items()}
    (folder / "vision_tower").mkdir(parents=True)
    words.save_pretrained(folder)
    tensors |= language.state_dict()
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, folder / "model.safetensors")
    config = language.config.to_dict() | {"model_type": "llava_llama", "architectures": ["LlavaLlamaForCausalLM"],
                                          "mm_projector_type": f"mlp{depth}x_gelu", "tune_entire_model": True}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config, default=str))
    (folder / "vision_tower" / "config.json").write_text(json.dumps(said))
    square = {"height": SIDE, "width": SIDE}
    processor = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "size": square, "crop_size": square}
    (folder / "vision_tower" / "preprocessor_config.json").write_text(json.dumps(processor))
    return theirs, language, layers


def their_tokens(theirs, layers, file):
    """`expand2square`, the tower's features under each prompt, channels side by side, the projector."""
    picture = Image.open(file).convert("RGB")
    side = max(picture.size)
    square = Image.new("RGB", (side, side), (123, 116, 103))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    values = np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) / 255
    values = (values - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    image = theirs.model.get_image_features(torch.tensor(values, dtype=torch.float32).permute(2, 0, 1)[None]).pooler_output
    states, count = [image], image.shape[1]
    for prompt in PROMPTS:
        words = theirs.get_input_embeddings()(torch.tensor([prompt]))
        states.append(theirs.model.language_model.encoder(inputs_embeds=torch.cat((image, words), dim=1)).last_hidden_state)
    return layers(torch.cat([state[0, 1:count] for state in states], dim=1))


@pytest.fixture
def short_prompts(monkeypatch):
    """Prompts of the tiny vocabulary in place of Florence-2's."""
    monkeypatch.setattr(florence2.config_from, "__defaults__", (PROMPTS,))


@pytest.mark.parametrize("seed", range(6))
def test_a_released_folder_gives_the_logits_of_its_parts(seed, tmp_path, short_prompts):
    theirs, language, layers = released(tmp_path / "released", seed)
    source = open_source(tmp_path / "released")
    module = start_model(source.model, Weights(model=str(tmp_path / "released")), 0).eval()

    class Side:
        cfg, codec = source.model, source.model.text.fit((), tmp_path / "words")

    asked = [sample(tmp_path, 0, [(50, 30)]), sample(tmp_path, 1, [(20, 61), (33, 33)]), sample(tmp_path, 2, [])]
    batch = our_batch(Side, tmp_path, asked)
    with torch.no_grad():
        output, borders = module(batch), batch.cu_seqlens.tolist()
        ours = output.stream.hidden @ output.head.T
        seen = [their_tokens(theirs, layers, tmp_path / media.uri) for one in asked for media in one.media]
        assert [len(tokens) for tokens in seen] == [(SIDE // 8) ** 2] * 3
        words = language.get_input_embeddings()(batch.tokens.clamp(max=language.config.vocab_size - 1))
        words[batch.slots] = torch.cat(seen)
        for first, last in pairwise(borders):
            expected = language(inputs_embeds=words[first:last][None]).logits[0]
            assert worst(ours[first:last, : expected.shape[1]], expected) <= TOLERANCE


def test_a_folder_that_does_not_describe_its_tower_holds_florence_2_large(tmp_path, monkeypatch, short_prompts):
    folder = tmp_path / "released"
    released(folder, 2)
    model = open_source(folder).model
    for file in (folder / "vision_tower").iterdir():
        file.unlink()
    assert open_source(folder).model.encoder == florence_vl.FLORENCE_2_LARGE
    monkeypatch.setattr(florence_vl, "FLORENCE_2_LARGE", model.encoder)
    monkeypatch.setattr(florence_vl, "SIDE", SIDE)
    assert open_source(folder).model == model


def test_all_tensors_go_back_under_the_released_names(tmp_path, short_prompts):
    theirs, *_ = released(tmp_path / "released", 1)
    source = open_source(tmp_path / "released")
    module = start_model(source.model, Weights(model=str(tmp_path / "released")), 0)
    back = source.names.to_theirs({name: t[: source.rows] if name.endswith("embedding.weight") and "language" in name else t
                                   for name, t in stored_tensors(module).items()})  # fmt: skip
    turned = back["model.vision_tower.vision_tower.image_projection"]
    assert torch.equal(turned, theirs.model.multi_modal_projector.image_projection.weight.T)
    qkv = "vision_tower.blocks.1.0.channel_block.channel_attn.fn.qkv.weight"
    own = theirs.model.vision_tower.blocks[1][0].channel_block.channel_attn.qkv.weight
    assert torch.equal(back[f"model.vision_tower.vision_tower.{qkv}"], own)
    assert num_parameters(module.encoder) == sum(p.numel() for p in theirs.parameters()) - sum(
        p.numel() for name, p in theirs.named_parameters() if ".decoder." in name
    )


def test_a_whole_florence_2_of_transformers_is_read_as_an_encoder(tmp_path, short_prompts):
    theirs, _ = tower(np.random.default_rng(3))
    spread(theirs, 3)
    theirs.save_pretrained(tmp_path / "whole")
    source = open_source(tmp_path / "whole")
    assert isinstance(source.model, Florence2) and source.kind == "vision" and source.model.prompts == PROMPTS
    own = {f"encoder.{name}": p for name, p in built_on_meta(source.model.build).named_parameters()}
    read = source.read(own)
    assert torch.equal(read["encoder.words.weight"], theirs.model.language_model.shared.weight)
    assert torch.equal(read["encoder.rows.weight"], theirs.model.multi_modal_projector.image_position_embed.row_embeddings.weight)


@pytest.mark.parametrize(
    ("change", "word"), [({"mm_projector_type": "linear"}, "expected 'mlpNx_gelu'"), ({"mm_projector_type": "mlp2x"}, "'mlp2x'")]
)
def test_other_projectors_are_refused(change, word, tmp_path, short_prompts):
    released(tmp_path / "released", 0)
    said = json.loads((tmp_path / "released" / "config.json").read_text())
    with pytest.raises(CheckpointError, match=word):
        florence_vl.config_from(said | change)


@pytest.mark.parametrize(
    ("part", "change", "word"),
    [
        ("text_config", {"scale_embedding": True}, "scale_embedding is true"),
        ("text_config", {"d_model": 12}, "with d_model 12"),
        ("vision_config", {"image_feature_source": ["temporal_avg_pool"]}, "image_feature_source"),
        ("vision_config", {"in_chans": 4}, "another number of colours"),
    ],
)
def test_other_florence_towers_are_refused(part, change, word):
    _, said = tower(np.random.default_rng(0))
    with pytest.raises(CheckpointError, match=word):
        florence2.config_from({**said, part: said[part] | change}, PROMPTS)
