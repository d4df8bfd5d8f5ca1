"""SPHINX: a square and its four quarters, and rows that are those of transformers' towers and Q-Former put together by hand.

No class in transformers: Alpha-VLLM/LLaMA2-Accessory `accessory/model/LLM/llama_ens5.py` is followed, and for the words
`accessory/data/conversation/lib.py`.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from llava_folders import TEXTS, sample, spread, tokenizer
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import interpolate, layer_norm, linear
from transformers.models.blip_2.modeling_blip_2 import (
    Blip2QFormerConfig,
    Blip2QFormerModel,
    Blip2VisionConfig,
    Blip2VisionModel,
)
from transformers.models.clip.modeling_clip import CLIPVisionConfig, CLIPVisionModel
from transformers.models.convnext.modeling_convnext import ConvNextConfig, ConvNextModel
from transformers.models.dinov2.modeling_dinov2 import Dinov2Config, Dinov2Model

from omma.core.errors import ConfigError
from omma.media.apply import apply, patchify
from omma.media.store import Store
from omma.media.views.quarters import Quarters
from omma.model.connectors.normed_pair import NormedPair
from omma.model.connectors.q_former import QFormer
from omma.model.language.decoder import Decoder
from omma.model.vision.sphinx import CLIP, Sphinx
from omma.model.vlm import Vlm
from omma.nn.init import init
from omma.objective.next_token import NextToken
from omma.pack.chat import Chat
from omma.pack.collate import rows_to_batch
from omma.pack.tokenizers.released import Released
from omma.schema.batch import Pictures
from omma.schema.view import Unit
from omma.weights import blip_parts
from omma.weights.maps import blip2_vision, clip, convnext, dinov2
from omma.weights.native import fill
from omma_recipes.systems.fusion import sphinx_13b

pytestmark = pytest.mark.parity

# fp32, in units of the largest value of the tensor compared. Worst case measured over 24 seeds: tokens 7.5e-7, gradients 4.3e-6.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4
PATCH = 4
COLOURS = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
DINO_COLOURS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class Theirs(nn.Module):
    """Parts of transformers at random tiny weights, and what the released model adds to them."""

    def __init__(self, seed):
        super().__init__()
        rng = np.random.default_rng(seed)
        self.side, self.queries, self.out = 2 * int(rng.integers(1, 4)), int(rng.integers(1, 5)), int(rng.integers(8, 20))

        def sizes(image):
            heads = int(rng.integers(1, 4))
            return {"hidden_size": heads * int(rng.choice([8, 12])), "num_attention_heads": heads, "image_size": image * PATCH,
                    "num_hidden_layers": int(rng.integers(1, 4)), "patch_size": PATCH, "attn_implementation": "eager"}  # fmt: skip

        self.clip = CLIPVisionModel(CLIPVisionConfig(**sizes(self.side), intermediate_size=24))
        self.dino = Dinov2Model(Dinov2Config(**sizes(self.side + 1), use_swiglu_ffn=bool(seed % 2), mlp_ratio=2))
        self.eva = Blip2VisionModel(Blip2VisionConfig(**sizes(self.side), intermediate_size=20))
        stages = int(rng.integers(1, 4))
        widths = [int(n) for n in rng.integers(6, 12, stages)]
        self.convnext = ConvNextModel(ConvNextConfig(patch_size=2, num_stages=stages, hidden_sizes=widths, depths=[1] * stages))
        self.q_former = Blip2QFormerModel(
            Blip2QFormerConfig(hidden_size=16, num_attention_heads=2, num_hidden_layers=int(rng.integers(1, 4)), vocab_size=7,
                               intermediate_size=20, encoder_hidden_size=self.eva.config.hidden_size))  # fmt: skip
        self.query_tokens = nn.Parameter(torch.zeros(1, self.queries, 16))
        width = self.clip.config.hidden_size + widths[-1] + self.dino.config.hidden_size
        self.place_norm = nn.LayerNorm(widths[-1], eps=1e-6)
        self.qformer_proj = nn.Sequential(nn.Linear(16, self.out), nn.LayerNorm(self.out))
        self.visual_proj = nn.Sequential(nn.Linear(width, self.out), nn.LayerNorm(self.out))
        spread(self, seed)

    def forward(self, tile):
        """(side, side, 3) tile → (queries + 1 + patches, out)."""
        pixels = torch.from_numpy(tile).permute(2, 0, 1)[None].float() / 255

        def coloured(values, colours):
            mean, std = (torch.tensor(colour)[:, None, None] for colour in colours)
            return (values - mean) / std

        image = coloured(pixels, COLOURS)
        seen = self.eva(pixel_values=image).last_hidden_state
        states = self.q_former(query_embeds=self.query_tokens, encoder_hidden_states=seen).last_hidden_state
        tower = getattr(self.clip, "vision_model", self.clip)
        clip_rows = tower.post_layernorm(self.clip(pixel_values=image).last_hidden_state)
        stride = 2 * 2 ** (len(self.convnext.config.hidden_sizes) - 1)
        resized = interpolate(image, size=(self.side // 2 * stride, self.side // 2 * stride))
        places = self.place_norm(self.convnext(resized).last_hidden_state.permute(0, 2, 3, 1))
        places = places.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2).flatten(1, 2)
        places = torch.cat((places.mean(dim=1, keepdim=True), places), dim=1)
        dino_rows = self.dino(coloured(pixels, DINO_COLOURS)).last_hidden_state
        rows = torch.cat((clip_rows, places, dino_rows), dim=2)
        return torch.cat((self.qformer_proj(states), self.visual_proj(rows)), dim=1)[0]


def stored(module, folder):
    module.save_pretrained(folder)
    return load_file(folder / "model.safetensors")


def q_former_tensors(theirs, cfg):
    """A Q-Former by the names of BLIP-2's files; the last matrix, which SPHINX takes away, is made up and left out."""
    tensors = {f"qformer.{name}": value.clone() for name, value in theirs.q_former.state_dict().items()}
    tensors |= {"query_tokens": theirs.query_tokens.data, "language_projection.weight": torch.zeros(1, 16)}
    ours = blip_parts._q_former_names(cfg, 1).from_theirs(tensors | {"language_projection.bias": torch.zeros(1)}, where="q")
    return {name.removeprefix("connector."): value for name, value in ours.items() if ".project." not in name}


def ours_like(theirs, folder):
    """The encoder and the connector with their weights."""
    q = theirs.q_former.config
    queries = QFormer(queries=theirs.queries, width=16, depth=q.num_hidden_layers, heads=2, mlp_width=20)
    parts = {"clip": (clip, theirs.clip, COLOURS), "convnext": (convnext, theirs.convnext, COLOURS),
             "dino": (dinov2, theirs.dino, DINO_COLOURS), "eva": (blip2_vision, theirs.eva, COLOURS)}  # fmt: skip
    configs = {}
    for name, (maps, model, (mean, std)) in parts.items():
        chosen = {"final_norm": True, "feature_layer": -1} if name == "clip" else {}
        configs[name] = replace(maps.config_from(model.config.to_dict()), mean=mean, std=std, **chosen)
    cfg = Sphinx(patch=PATCH, queries=queries, features="all", **configs)
    connector = NormedPair(leading=theirs.queries, lead_width=16)
    encoder, project = cfg.build(), connector.build(in_dim=cfg.width, out_dim=theirs.out)
    for name, (maps, model, _) in parts.items():
        tensors = maps.names(configs[name]).from_theirs(stored(model, folder / name), where=name)
        if name == "clip":  # whose files' last norm, of the class token alone elsewhere, is here that of all tokens
            norm = getattr(model, "vision_model", model).post_layernorm.state_dict()
            tensors |= {f"final_norm.{key}": value.clone() for key, value in norm.items()}
        fill(getattr(encoder, name), tensors, where=name)
    fill(encoder.queries, q_former_tensors(theirs, queries), where="queries")
    encoder.place_norm.load_state_dict(theirs.place_norm.state_dict())
    for ours, released in ((project.lead, theirs.qformer_proj[0]), (project.lead_norm, theirs.qformer_proj[1]),
                           (project.project, theirs.visual_proj[0]), (project.norm, theirs.visual_proj[1])):  # fmt: skip
        ours.load_state_dict(released.state_dict())
    return cfg, encoder, project


def apart(ours, theirs):
    return float((ours - theirs).detach().abs().max() / theirs.detach().abs().max().clamp(min=1e-3))


def compare(seed, folder):
    """→ worst difference of the tokens of three tiles in one batch, and of gradients of one loss."""
    theirs = Theirs(seed).eval()
    cfg, encoder, project = ours_like(theirs, folder)
    rng, side = np.random.default_rng(seed), theirs.side
    tiles = [rng.integers(0, 256, (side * PATCH, side * PATCH, 3)).astype(np.uint8) for _ in range(3)]
    patches = torch.from_numpy(np.concatenate([patchify(tile, PATCH) for tile in tiles]))
    stream = encoder(Pictures(patches, torch.tensor([[1, side, side]] * 3)))
    got = project(stream, torch.tensor([[1, *cfg.grid((side, side))]] * 3))
    want = torch.cat([theirs(tile) for tile in tiles])
    assert got.shape == want.shape == (3 * (theirs.queries + 1 + side**2), theirs.out)
    probe = torch.randn(want.shape, generator=torch.Generator().manual_seed(seed))
    for tokens in (got, want):
        (tokens * probe).mean().backward()
    pairs = [(project.lead.weight, theirs.qformer_proj[0].weight), (project.norm.weight, theirs.visual_proj[1].weight),
             (encoder.place_norm.weight, theirs.place_norm.weight), (encoder.queries.queries, theirs.query_tokens),
             (encoder.clip.class_token, getattr(theirs.clip, "vision_model", theirs.clip).embeddings.class_embedding),
             (encoder.dino.class_token, theirs.dino.embeddings.cls_token),
             (encoder.eva.class_token, theirs.eva.embeddings.class_embedding)]  # fmt: skip
    return apart(got, want), max(apart(a.grad.flatten(), b.grad.flatten()) for a, b in pairs)


@pytest.mark.parametrize("seed", range(6))
def test_tokens_and_gradients_are_those_of_the_parts_put_together_by_hand(seed, tmp_path):
    tokens, gradients = compare(seed, tmp_path)
    assert tokens <= TOLERANCE and gradients <= GRADIENT_TOLERANCE


def test_every_picture_is_a_square_and_its_quarters_in_1455_tokens():
    model, rng = sphinx_13b().model, np.random.default_rng(0)
    for width, height in rng.integers(1, 3000, (1000, 2)).tolist():
        plan = model.plan(width, height)
        (run,) = model.layout(plan)
        tiles = run.reshape(5, 291)
        assert (tiles[:, 0] == -1).all() and (tiles[:, -1] == -2).all()
        assert tiles[:, 1:-1].ravel().tolist() == list(range(5 * 289))
        assert [(t.width, t.height) for t in plan.tiles] == [(224, 224)] * 5


def test_quarters_run_row_by_row_over_the_square_of_twice_the_size():
    view, rng = Quarters(size=16, fill=(9, 8, 7)), np.random.default_rng(1)
    image = rng.integers(0, 256, (16, 32, 3)).astype(np.uint8)
    whole, *quarters = apply(view, image, view.plan(32, 16, Unit(patch=8)))
    square = np.full((32, 32, 3), (9, 8, 7), np.uint8)
    square[8:24] = image  # the picture is as wide as the large square: nothing is resized there
    assert whole.shape == (16, 16, 3)
    for tile, (row, column) in zip(quarters, ((0, 0), (0, 16), (16, 0), (16, 16)), strict=True):
        assert np.array_equal(tile, square[row : row + 16, column : column + 16])


def test_the_first_rows_of_every_frame_go_through_their_own_matrix():
    cfg = NormedPair(leading=2, lead_width=3)
    module = init(cfg.build(in_dim=5, out_dim=4), 0)
    hidden, grids = torch.randn(2 * 4 + 3, 5), torch.tensor([[2, 1, 4], [1, 1, 3]])
    stream = Sphinx(features="all").tiny().build()(Pictures(torch.zeros(1, 192), torch.tensor([[1, 1, 1]])))
    got = module(replace(stream, hidden=hidden), grids)
    for start, end in ((0, 4), (4, 8), (8, 11)):
        first = linear(hidden[start : start + 2, :3], module.lead.weight, module.lead.bias)
        rest = linear(hidden[start + 2 : end], module.project.weight, module.project.bias)
        want = layer_norm(torch.cat((first, rest)), (4,))
        assert torch.allclose(got[start:end], want, atol=1e-6)


def tiny_model(folder, template):
    tokenizer("llama").save_pretrained(folder)
    encoder = Sphinx(features="all").tiny()
    language = replace(Decoder(), longest=512).tiny()
    connector = NormedPair(leading=encoder.queries.queries, lead_width=encoder.queries.width)
    text = Chat(tokenizer=Released(path=str(folder), vocab_size=310), template=template)
    return Vlm(view=Quarters(size=16), encoder=encoder, connector=connector, language=language, text=text)


@pytest.fixture
def model(tmp_path):
    return tiny_model(tmp_path / "tokenizer", sphinx_13b().model.text.template)


def test_prompts_are_the_released_conversation_behind_the_picture(model, tmp_path):
    codec = model.text.fit((), tmp_path / "words")
    row = codec.prompt(sample(tmp_path, 0, [(40, 30)]), model)
    text = codec.words.plain.decode(row.token_ids.tolist(), skip_special_tokens=False)
    assert text == (
        "<s>" + "<image>" * len(row.pictures[0].slots) + "A chat between a curious human and an artificial intelligence assistant. "
        "The assistant gives helpful, detailed, and polite answers to the human's questions.\n\n### Human: "
        f"{TEXTS[0]}\n### Assistant:"
    )


def test_gradients_reach_every_part_and_packed_equals_alone(model, tmp_path):
    codec = model.text.fit((), tmp_path / "words")
    rows = [codec.row(sample(tmp_path, i, [(40, 30 + i)] * i, reply="a row"), model) for i in range(3)]
    module, losses = init(model.build(), 0), []
    gradients = []
    for groups in ([rows], [[row] for row in rows]):
        module.zero_grad(set_to_none=True)
        batches = [rows_to_batch(group, model, Store(tmp_path)) for group in groups]
        total = sum(NextToken()(module(batch), batch).total for batch in batches)
        total.backward()
        losses.append(total)
        gradients.append({name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == dict(module.named_parameters()).keys()
    dead = [name for name, grad in gradients[0].items() if not grad.any()]
    assert all(name.endswith("key.bias") for name in dead), dead  # which shifts all scores of a query alike
    assert apart(losses[0], losses[1]) <= TOLERANCE
    heard = [name for name, grad in gradients[1].items() if grad.abs().max() > 1e-6]
    assert max(apart(gradients[0][name], gradients[1][name]) for name in heard) <= GRADIENT_TOLERANCE


def test_towers_that_do_not_fit_each_other_are_refused():
    for wrong, said in (
        ({"patch": 16}, "patch 16, a class token alone"),
        ({"clip": replace(CLIP, registers=2)}, "3 tokens beside patches"),
        ({"queries": QFormer(words=9)}, "a Q-Former that reads no words"),
        ({"stride": 0}, "at least 1 patch"),
        ({"convnext": replace(Sphinx().convnext, features="cells")}, "'last'"),
    ):
        with pytest.raises(ConfigError, match=said):
            replace(Sphinx(), **wrong)
    with pytest.raises(ConfigError, match="take another connector"):
        NormedPair(leading=0)
