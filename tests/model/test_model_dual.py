"""Two towers: transformers' CLIPModel at random weights, packed = one by one in vectors and gradients, what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import CLIPConfig, CLIPModel

from omma.core.config import load, show
from omma.core.errors import ConfigError, ShapeError
from omma.media.apply import patchify
from omma.media.views.fixed import Fixed
from omma.media.views.native import Native
from omma.media.views.tiles import Tiles
from omma.model.dual import Dual
from omma.model.language.decoder import Decoder
from omma.model.language.opt import OFFSET, Opt
from omma.model.similarity import Shifted
from omma.model.slots import built_on_meta
from omma.model.vision.native import NativeViT
from omma.model.vision.vit import ViT
from omma.nn.init import init
from omma.pack.chat import Chat
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.schema.batch import Pictures
from omma.weights.vit_names import BLOCK

# fp32: largest difference of a logit measured over three seeds 4e-6 at logits of up to 15; of a gradient, in units of the
# largest of its tensor, 4e-6.
NEAR = 2e-5
END, WORDS, LONGEST = 1, 300, 12
TOWER = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}


def dual(**changes):
    cfg = Dual(
        view=Fixed(size=16),
        encoder=ViT(
            patch=8, width=16, depth=2, heads=2, mlp_width=24, image_size=16, activation="quick_gelu", class_token=True,
            input_norm=True, patch_bias=False, norm_eps=1e-5, features="all",
        ),
        language=Opt(width=16, depth=2, heads=2, mlp_width=24, longest=LONGEST),
        text=Chat(tokenizer=TrainedBpe(vocab_size=WORDS)),
        dim=8,
        picture_pool="first",
        longest=LONGEST,
    )  # fmt: skip
    return replace(cfg, **changes)


def clip(seed):
    """Their CLIP with ReLU in the tower of words, which is what our OPT has, and weights wide enough to tell."""
    torch.manual_seed(seed)
    text = {**TOWER, "vocab_size": WORDS, "max_position_embeddings": LONGEST, "hidden_act": "relu", "bos_token_id": 0,
            "eos_token_id": END, "pad_token_id": END}  # fmt: skip
    model = CLIPModel(CLIPConfig(text_config=text, vision_config={**TOWER, "image_size": 16, "patch_size": 8}, projection_dim=8))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name != "logit_scale":
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def taken_over(model):
    """Their weights in our module."""
    given = model.state_dict()
    towers = (("encoder", "vision_model"), ("language", "text_model"))
    ours = {
        f"{own}.blocks.{i}.{part}.{kind}": given[f"{their}.encoder.layers.{i}.{name}.{kind}"]
        for own, their in towers
        for i in range(2)
        for part, name in BLOCK
        for kind in ("weight", "bias")
    }
    for own, their in (("encoder.input_norm", "vision_model.pre_layrnorm"), ("encoder.final_norm", "vision_model.post_layernorm"),
                       ("language.norm", "text_model.final_layer_norm")):  # fmt: skip
        ours |= {f"{own}.{kind}": given[f"{their}.{kind}"] for kind in ("weight", "bias")}
    places = given["text_model.embeddings.position_embedding.weight"]
    ours |= {
        "encoder.class_token": given["vision_model.embeddings.class_embedding"],
        "encoder.positions": given["vision_model.embeddings.position_embedding.weight"],
        "encoder.embed.project.weight": given["vision_model.embeddings.patch_embedding.weight"].flatten(1),
        "language.embedding.weight": given["text_model.embeddings.token_embedding.weight"],
        "language.places": torch.cat([torch.zeros(OFFSET, 16), places]),
        "picture_head.weight": given["visual_projection.weight"],
        "word_head.weight": given["text_projection.weight"],
        "similarity.log_scale": given["logit_scale"],
    }
    module = dual().build()
    module.load_state_dict(ours)
    return module


def tiles(seed, count=4, side=16):
    random = np.random.default_rng(seed)
    return [random.integers(0, 256, (side, side, 3), np.uint8) for _ in range(count)]


def pictures(given, patch=8):
    grids = [(1, one.shape[0] // patch, one.shape[1] // patch) for one in given]
    return Pictures(torch.from_numpy(np.concatenate([patchify(one, patch) for one in given])), torch.tensor(grids))


def texts(seed, lengths=(3, 12, 7, 2)):
    torch.manual_seed(seed)
    return [torch.cat([torch.randint(2, WORDS, (length - 1,)), torch.tensor([END])]) for length in lengths]


def packed(given):
    return torch.cat(given), torch.tensor([0, *map(len, given)]).cumsum(0).int()


@pytest.mark.parity
@pytest.mark.parametrize("seed", range(3))
def test_logits_are_those_of_transformers(seed):
    theirs, seen, read = clip(seed), tiles(seed), texts(seed)
    module = taken_over(theirs)
    mean, std = (torch.tensor(one)[None, :, None, None] for one in (module.cfg.encoder.mean, module.cfg.encoder.std))
    pixels = (torch.from_numpy(np.stack(seen)).permute(0, 3, 1, 2) / 255 - mean) / std
    padded = torch.full((len(read), LONGEST), END)
    for row, text in enumerate(read):
        padded[row, : len(text)] = text
    mask = torch.arange(LONGEST) < torch.tensor([[len(text)] for text in read])
    expected = theirs(input_ids=padded, pixel_values=pixels, attention_mask=mask.long()).logits_per_image
    assert expected.std() > 0.5
    assert (module(pictures(seen), *packed(read)) - expected).abs().max() < NEAR


@pytest.mark.parametrize("changes", [
    {}, {"word_pool": "mean", "picture_pool": "mean", "language": Decoder(tied=True).tiny(), "similarity": Shifted()},
    {"view": Native(), "encoder": NativeViT().tiny(), "picture_pool": "mean"},
])  # fmt: skip
def test_a_pack_is_its_pictures_and_texts_one_by_one(changes):
    cfg = dual(**changes)
    module = init(cfg.build(), 0)
    seen = [one for side in (2, 3, 2) for one in tiles(side, 1, side * cfg.patch)] if "view" in changes else tiles(0, 3)
    read = texts(0, (3, 9, 5))
    torch.manual_seed(1)
    weights = torch.randn(3, 3)
    together = module(pictures(seen, cfg.patch), *packed(read))
    (together * weights).sum().backward()
    whole = {name: p.grad.clone() for name, p in module.named_parameters()}
    reached = {name: float(grad.abs().max()) for name, grad in whole.items() if not name.endswith("key.bias")}  # softmax cancels it
    assert min(reached.values()) > 0, "a gradient reaches every parameter"
    module.zero_grad()
    alone = module.similarity(torch.cat([module.see(pictures([one], cfg.patch)) for one in seen])
                              @ torch.cat([module.read(*packed([one])) for one in read]).T)  # fmt: skip
    assert (alone - together).abs().max() < NEAR
    (alone * weights).sum().backward()
    for name, parameter in module.named_parameters():
        assert (parameter.grad - whole[name]).abs().max() <= NEAR * max(1.0, float(whole[name].abs().max())), name


def test_vectors_have_length_one_and_the_last_token_has_seen_all():
    module = init(dual().build(), 0)
    (text,) = texts(0, (6,))
    changed = text.clone()
    changed[0] = 2 + (text[0] - 1) % (WORDS - 2)
    one, other = module.read(*packed([text])), module.read(*packed([changed]))
    assert one.norm(dim=1).tolist() == pytest.approx([1.0])
    assert module.see(pictures(tiles(0))).norm(dim=1).tolist() == pytest.approx([1.0] * 4)
    assert (one - other).abs().max() > 1e-3


def test_a_tiny_one_keeps_its_wiring_and_its_yaml_loads_back():
    small = dual(language=Decoder(tied=True), encoder=ViT(class_token=True, features="all"), dim=512).tiny()
    assert (small.dim, small.picture_pool, small.view) == (16, "first", Fixed(size=32))
    assert load(show(small), where="test") == small
    built_on_meta(small.build)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match=r"model\.language: a head of its own for writing"):
        dual(language=Decoder().tiny()).build()
    with pytest.raises(ConfigError, match=r"model\.view: Tiles, \d+ tiles for 900×300 px; expected one tile a picture"):
        dual(view=Tiles()).plan(900, 300)
    with pytest.raises(ConfigError, match=r"Dual\.longest: 1; expected at least 2"):
        dual(longest=1)
    with pytest.raises(ShapeError, match="a text without a token"):
        init(dual().build(), 0).read(torch.tensor([1]), torch.tensor([0, 0, 1]))
