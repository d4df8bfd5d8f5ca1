"""Mini-Gemini: a hand-made folder with the released names gives the logits of its parts put together by hand.

There is no class in transformers. CLIP, ConvNeXt and Llama are its classes; they are joined as dvlab-research/MGM `mgm_arch.py`,
`openclip_encoder.py` and `model_vqa.py` (pictures) say. ConvNeXt travels under timm's names, which are written out here.
"""

import json
import math

import numpy as np
import pytest
import torch
from llava_folders import draw_text, draw_tower, our_batch, sample, spread, tokenizer, worst
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import avg_pool2d, gelu, interpolate
from transformers.models.clip.modeling_clip import CLIPVisionModel
from transformers.models.convnext.modeling_convnext import ConvNextConfig, ConvNextModel
from transformers.models.llama.modeling_llama import LlamaForCausalLM

from omma.core.errors import CheckpointError
from omma.generate.engine import generate
from omma.generate.sampling import Sampling
from omma.model.connectors.patch_info_mining import PatchInfoMining
from omma.model.vision.fusion import Fusion
from omma.model.vision.raw_patches import RawPatches
from omma.model.vision.vit import ViT
from omma.nn.init import init
from omma.schema.batch import Pictures, Stream
from omma.schema.view import Unit, num_slots
from omma.weights.maps import convnext, mini_gemini
from omma.weights.native import stored_tensors
from omma.weights.source import open_source
from omma.weights.start import Weights, start_model
from omma.weights.vit_names import OPENAI

pytestmark = pytest.mark.parity

COARSE = ViT(patch=4, width=16, depth=1, heads=2, mlp_width=16, image_size=16)
FINE = ViT(patch=2, width=8, depth=1, heads=2, mlp_width=16, image_size=16)
# fp32, as a share of the largest value compared. Worst case measured: logits 1.6e-6, gradients 2.0e-5 over 14 draws.
TOLERANCE, GRADIENT_TOLERANCE = 2e-5, 1e-4
CLIP_FOLDER, FINE_FOLDER = "clip-vit-large-patch14-336", "openclip-convnext-large-d-320-laion2B-s29B-b131K-ft-soup"
# names of transformers' ConvNeXt → those of timm's inside the released model, beginnings and parts
TRUNK = (
    ("embeddings.patch_embeddings.", "vision_stem.0."), ("embeddings.layernorm.", "vision_stem.1."),
    ("encoder.stages.", "vision_stages."),
)  # fmt: skip
BLOCK = (
    (".downsampling_layer.", ".downsample."), (".layers.", ".blocks."), (".dwconv.", ".conv_dw."), (".layernorm.", ".norm."),
    (".pwconv1.", ".mlp.fc1."), (".pwconv2.", ".mlp.fc2."), (".layer_scale_parameter", ".gamma"),
)  # fmt: skip
SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)


def mined(module, low_NED, fine_maps):
    """The released `unified_resampler` on maps (channels, rows, columns), then its two-layer projector."""
    out = []
    for low, fine in zip(low_NED, fine_maps, strict=True):
        side = int(len(low) ** 0.5)
        cells = fine.shape[1] // side
        grouped = fine.permute(1, 2, 0).reshape(side, cells, side, cells, -1).permute(0, 2, 1, 3, 4).reshape(side**2, cells**2, -1)
        query = module.query(module.query_norm(low))[:, None]
        keys, values = module.key(module.key_norm(grouped)), module.value(module.value_norm(grouped))
        weights = (query @ keys.transpose(1, 2) / math.sqrt(query.shape[-1])).softmax(dim=-1)
        out.append(module.down(gelu(module.up(low + (weights @ values)[:, 0]))))
    return torch.cat(out)


def test_each_patch_mines_the_finer_cells_at_its_own_place_and_tokens_stay_as_many():
    encoder = init(Fusion(patch=4, encoders=(COARSE, FINE), zooms=(1, 4), how="taps").build(), 0)
    cfg = PatchInfoMining(fine_width=8)
    module = init(cfg.build(in_dim=16, out_dim=24), 1)
    grids = torch.tensor([[1, 4, 4], [1, 2, 2]])
    patches = torch.randint(256, (20, 48), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    features = encoder(Pictures(patches, grids))
    tokens = module(features, grids)
    assert tokens.shape == (20, 24) and features.taps[0].shape == (20, 16 * 8)
    maps, at = [], 0
    for side in (4, 2):
        own = features.taps[0][at : at + side**2].view(side, side, 4, 4, 8)
        maps.append(own.permute(4, 0, 2, 1, 3).reshape(8, side * 4, side * 4))
        at += side**2
    theirs = mined(module, features.hidden.split([16, 4]), maps)
    assert float((tokens - theirs).detach().abs().max() / theirs.detach().abs().max()) <= TOLERANCE


def test_a_change_of_one_fine_cell_reaches_its_own_patch_alone():
    module = init(PatchInfoMining(fine_width=8).build(in_dim=16, out_dim=24), 1)
    generator = torch.Generator().manual_seed(0)
    low, fine = torch.randn(4, 16, generator=generator), torch.randn(4, 4, 8, generator=generator)
    before = module.mined(low, fine)
    fine[2, 1, 3] += 1.0  # one channel: the norm takes away what all channels have in common
    moved = (module.mined(low, fine) - before).abs().amax(dim=1)
    assert moved[2] > 1e-3 and not moved[[0, 1, 3]].any()


class Whole(nn.Module):
    """The released model, from parts."""

    def __init__(self, tower, fine, language, width):
        super().__init__()
        dim, rich = tower.config.hidden_size, sum(fine.config.hidden_sizes)
        self.tower, self.fine, self.language = tower, fine, language
        self.query_norm, self.query = nn.LayerNorm(dim), nn.Linear(dim, dim)
        self.key_norm, self.key = nn.LayerNorm(rich), nn.Linear(rich, dim)
        self.value_norm, self.value = nn.LayerNorm(rich), nn.Linear(rich, dim)
        self.up, self.down = nn.Linear(dim, width), nn.Linear(width, width)

    def tokens(self, large):
        """Normalised pixels (1, 3, h, h) of one square → visual tokens (P, D)."""
        side = self.tower.config.image_size
        small = interpolate(large, size=(side, side), mode="bilinear", align_corners=False)
        low = self.tower(small, output_hidden_states=True).hidden_states[-2][0, 1:]
        maps, levels = self.fine.embeddings(large), []
        for stage in self.fine.encoder.stages:
            maps = stage(maps)
            levels.append(interpolate(maps, size=(levels or [maps])[0].shape[-2:], mode="bilinear", align_corners=False))
        return mined(self, [low], [torch.cat(levels, dim=1)[0]])

    def logits(self, ids, image_id, pictures):
        """Token ids (T,) with a slot for every visual token, and the pictures' pixels → (T, V)."""
        hidden = self.language.get_input_embeddings()(ids)
        if pictures:
            hidden = hidden.masked_scatter((ids == image_id)[:, None], torch.cat([self.tokens(one) for one in pictures]))
        return self.language(inputs_embeds=hidden[None]).logits[0]

    def released(self):
        """Tensors by their released names."""
        own = {}
        for name, tensor in self.tower.state_dict().items():
            own[f"model.vision_tower.vision_tower.vision_model.{name.removeprefix('vision_model.')}"] = tensor
        for name, tensor in self.fine.state_dict().items():
            if name.startswith("layernorm."):  # of the pooled vector
                continue
            spelled = name
            for old, new in (*TRUNK, *BLOCK):
                spelled = spelled.replace(old, new)
            own[f"model.vision_tower_aux.{spelled}"] = tensor
        for name, parts in (("query", "query"), ("aux", "key"), ("val", "value")):
            for number, part in enumerate((f"{parts}_norm", parts)):
                own |= {f"model.vlm_uni_{name}_projector.{number}.{k}": v for k, v in getattr(self, part).state_dict().items()}
        for number, part in ((0, self.up), (2, self.down)):
            own |= {f"model.mm_projector.{number}.{k}": v for k, v in part.state_dict().items()}
        return own | dict(self.language.state_dict())


def folder_of(folder, seed, monkeypatch, **told):
    """A released folder of a random tiny model, whose towers stand where the released ones would."""
    rng, words = np.random.default_rng(seed), tokenizer("llama")
    side, stages = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    vision = draw_tower(rng, "clip", patch=4, side=side)
    finer = ConvNextConfig(
        patch_size=2, num_stages=stages, hidden_sizes=[int(n) for n in rng.integers(3, 9, stages)],
        depths=[int(n) for n in rng.integers(1, 3, stages)], layer_scale_init_value=0.5,
    )  # fmt: skip
    text = draw_text(rng, "llama", len(words), tied=False)
    whole = Whole(CLIPVisionModel(vision), ConvNextModel(finer), LlamaForCausalLM(text), text.hidden_size)
    spread(whole, seed)
    monkeypatch.setitem(mini_gemini.TOWERS, CLIP_FOLDER, vision.to_dict())
    rich = convnext.config_from(finer.to_dict())
    monkeypatch.setitem(mini_gemini.FINER, FINE_FOLDER, type(rich)(**vars(rich) | OPENAI | {"features": "cells"}))
    size = side * 2**stages
    folder.mkdir()
    words.save_pretrained(folder)
    save_file({name: value.detach().clone().contiguous() for name, value in whole.released().items()}, folder / "model.safetensors")
    said = text.to_dict() | {
        "model_type": "mgm", "architectures": ["MGMLlamaForCausalLM"], "mm_vision_tower": f"model_zoo/OpenAI/{CLIP_FOLDER}",
        "mm_vision_tower_aux": f"model_zoo/OpenAI/{FINE_FOLDER}", "mm_vision_select_layer": -2,
        "mm_vision_select_feature": "patch", "mm_projector_type": "mlp2x_gelu", "image_size_aux": size,
        "image_aspect_ratio": "pad",
    } | told  # fmt: skip
    (folder / "config.json").write_text(json.dumps(said))
    return whole.eval(), words, size


def pixels_of(picture, size):
    """`process_images`: the picture in the middle of a square of CLIP's mean colour, resized, normalised."""
    long = max(picture.size)
    square = Image.new("RGB", (long, long), tuple(int(255 * value) for value in OPENAI["mean"]))
    square.paste(picture, ((long - picture.width) // 2, (long - picture.height) // 2))
    values = torch.from_numpy(np.asarray(square.resize((size, size), Image.Resampling.BICUBIC)).copy()).float() / 255
    return ((values - torch.tensor(OPENAI["mean"])) / torch.tensor(OPENAI["std"])).permute(2, 0, 1)[None]


def asked(root):
    sizes = [(50, 30)], [(20, 61), (33, 33)], [], [(90, 20)]
    return [sample(root, number, own) for number, own in enumerate(sizes)]


def opened(folder, root):
    source = open_source(folder)
    module = start_model(source.model, Weights(model=str(folder)), 0).eval()
    return source, module, source.model.text.fit((), root / "words")


def squares(one, root, size):
    return [pixels_of(Image.open(root / media.uri).convert("RGB"), size) for media in one.media]


@pytest.mark.parametrize("seed", range(6))
def test_released_tensors_give_the_logits_and_replies_of_the_parts_put_together(seed, tmp_path, monkeypatch):
    whole, words, size = folder_of(tmp_path / "released", seed, monkeypatch)
    _, module, codec = opened(tmp_path / "released", tmp_path)
    batch = our_batch(type("Opened", (), {"codec": codec, "cfg": module.cfg}), tmp_path, asked(tmp_path))
    output, borders = module(batch), batch.cu_seqlens.tolist()
    ours = (output.stream.hidden @ output.head.T).detach()
    replies = generate(module, batch, Sampling(max_tokens=5), codec)
    slots = "<image>" * (whole.tower.config.image_size // 4) ** 2
    with torch.no_grad():
        for number, one in enumerate(asked(tmp_path)):
            ids = batch.tokens[borders[number] : borders[number + 1]]
            shown = f"{slots}\n" * len(one.media)
            text = f"<s>{SYSTEM} USER: {shown}{one.turns[0].text} ASSISTANT:"
            assert ids.tolist() == words(text, add_special_tokens=False)["input_ids"]
            pictures = squares(one, tmp_path, size)
            assert worst(ours[borders[number] : borders[number + 1]], whole.logits(ids, codec.image_id, pictures)) <= TOLERANCE
            for token in replies[number].token_ids:
                scores = whole.logits(ids, codec.image_id, pictures)[-1]
                scores[list(codec.banned_ids)] = -math.inf
                assert int(scores.argmax()) == token
                ids = torch.cat((ids, torch.tensor([token])))


@pytest.mark.parametrize("seed", [0, 3])
def test_gradients_of_a_loss_are_those_of_the_parts_put_together(seed, tmp_path, monkeypatch):
    whole, _, size = folder_of(tmp_path / "released", seed, monkeypatch)
    source, module, codec = opened(tmp_path / "released", tmp_path)
    batch = our_batch(type("Opened", (), {"codec": codec, "cfg": module.cfg}), tmp_path, asked(tmp_path))
    output, borders = module(batch), batch.cu_seqlens.tolist()
    parts = [
        whole.logits(batch.tokens[borders[i] : borders[i + 1]], codec.image_id, squares(one, tmp_path, size))
        for i, one in enumerate(asked(tmp_path))
    ]
    ours, theirs = output.stream.hidden @ output.head.T, torch.cat(parts)
    probe = torch.randn(ours.shape, generator=torch.Generator().manual_seed(seed))
    for logits in (ours, theirs):
        (logits * probe).mean().backward()
    with torch.no_grad():
        for parameter in whole.parameters():
            parameter.copy_(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad)
    wanted = source.names.from_theirs(whole.released(), where="gradients")
    own = {name: p.grad for name, p in module.named_parameters() if not name.endswith("key.bias")}
    assert all(grad is not None for grad in own.values())
    assert max(worst(own[name], wanted[name]) for name in own if wanted[name].abs().max() > 1e-7) <= GRADIENT_TOLERANCE


def test_every_released_tensor_is_kept_bit_by_bit(tmp_path, monkeypatch):
    whole, _, _ = folder_of(tmp_path / "released", 1, monkeypatch)
    source, module, _ = opened(tmp_path / "released", tmp_path)
    back, released = source.names.to_theirs(stored_tensors(module)), whole.released()
    spelled = {source.names.canonical(name): tensor for name, tensor in released.items()}
    kept = [name for name in back if name not in dict(source.names.added) and len(back[name]) == len(spelled[name])]
    assert len(kept) > 40 and all(torch.equal(back[name], spelled[name]) for name in kept)
    with pytest.raises(CheckpointError, match="only code from a checkpoint reads"):
        mini_gemini.config_to(source.model, None)


def test_every_picture_is_576_tokens_of_2880_wide_cells_at_full_size():
    said = {
        "mm_vision_tower": f"a/{CLIP_FOLDER}", "mm_vision_tower_aux": f"b/{FINE_FOLDER}", "image_size_aux": 768,
        "image_aspect_ratio": "pad", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32000, "rms_norm_eps": 1e-5,
    }  # fmt: skip
    parts = mini_gemini.config_from(said)
    for size in ((768, 768), (640, 480), (31, 2000)):
        plan = parts.view.plan(*size, Unit(parts.encoder.patch))
        layout = parts.view.layout(plan, plan.grids(parts.encoder.patch))
        assert num_slots(layout) == 576 and plan.grids(32) == ((1, 24, 24),)
    fine = parts.encoder.encoders[1]
    assert (fine.cells**2, fine.cell_width, parts.connector.fine_width) == (64, 2880, 2880)


def test_tiles_cut_for_the_finer_tower_reach_it_whole_and_the_coarser_one_as_means_of_four():
    fusion = Fusion(patch=8, encoders=(RawPatches(patch=4), RawPatches(patch=8)), how="taps", resample="bilinear").build()
    picture = torch.randint(256, (3, 16, 24), generator=torch.Generator().manual_seed(0))
    large, small = (squares_of(values, side) for values, side in ((picture, 8), (avg_pool2d(picture.double(), 2), 4)))
    stream = fusion(Pictures(large.to(torch.uint8), torch.tensor([[1, 2, 3]])))
    torch.testing.assert_close(stream.taps[0], (large / 255 - 0.5) / 0.5, check_dtype=False)
    torch.testing.assert_close(stream.hidden, (small / 255 - 0.5) / 0.5, check_dtype=False)


def squares_of(picture, side):
    """Pixels (3, h, w) → patches row by row, their values in (channel, row, column) order."""
    rows, columns = picture.shape[1] // side, picture.shape[2] // side
    return picture.reshape(3, rows, side, columns, side).permute(1, 3, 0, 2, 4).reshape(rows * columns, -1)


def test_without_values_the_projector_is_that_of_the_coarse_tower_alone():
    """What is mined is added: values of zero leave LLaVA-1.5's two-layer projector."""
    module = init(PatchInfoMining(fine_width=8).build(in_dim=16, out_dim=24), 1)
    with torch.no_grad():
        module.value.weight.zero_()
    generator = torch.Generator().manual_seed(0)
    low, fine = torch.randn(4, 16, generator=generator), torch.randn(4, 3, 8, generator=generator)
    assert not module.mined(low, fine).any()
    features = Stream(low, *[torch.arange(4)] * 4, taps=(fine.flatten(1),))
    plain = module.down(gelu(module.up(low)))
    torch.testing.assert_close(module(features, torch.tensor([[1, 2, 2]])), plain)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"image_grid": 2}, "image_grid is 2"),
        ({"mm_projector_type": "linear"}, "mm_projector_type is 'linear'"),
        ({"mm_vision_select_feature": "cls_patch"}, "mm_vision_select_feature is 'cls_patch'"),
        ({"mm_vision_tower": "elsewhere/eva"}, "mm_vision_tower is 'elsewhere/eva'"),
        ({"mm_vision_tower_aux": ""}, "mm_vision_tower_aux is ''"),
        ({"image_size_aux": 7}, "image_size_aux is 7"),
    ],
)
def test_variants_that_are_not_covered_are_refused(change, word, tmp_path, monkeypatch):
    folder_of(tmp_path / "released", 0, monkeypatch, **change)
    with pytest.raises(CheckpointError, match=word):
        open_source(tmp_path / "released")
