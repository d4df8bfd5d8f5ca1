"""VILA and NVILA-Lite: folders in three parts are read without their code; tiles, token counts and projectors do as released.

No class in transformers: NVlabs/VILA `mm_utils.py`, `llava_arch.py`, `multimodal_projector/base_projector.py` are followed.
"""

import json

import numpy as np
import pytest
import torch
from draws import Draw
from llava_folders import draw_text, draw_tower, our_batch, sample, spread, tokenizer, worst
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from transformers.models.llama.modeling_llama import LlamaForCausalLM
from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip.modeling_siglip import SiglipVisionModel

from omma.core.errors import CheckpointError
from omma.media.views.lined_tiles import LinedTiles
from omma.schema.view import Unit, num_slots
from omma.weights.maps import vila
from omma.weights.native import stored_tensors
from omma.weights.source import open_source
from omma.weights.start import Weights, start_model

pytestmark = pytest.mark.parity

TOLERANCE = 1e-5  # fp32, as a share of the largest value compared
CLASSES = {"llama": LlamaForCausalLM, "qwen2": Qwen2ForCausalLM}
TURNS = (
    "{% for message in messages %}{{ '[' + message['role'] + ']' }}{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>\n' }}{% else %}{{ part['text'] }}"
    "{% endif %}{% endfor %}{% endif %}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}{{ '[assistant]' }}{% endif %}"
)
SEEDS = range(8)
PROJECTORS = ("mlp_downsample", "mlp_downsample_2x2_fix", "mlp_downsample_3x3_fix")


class Squares(nn.Module):
    """Patches of a square tile (n, P, E) → factor × factor of them side by side, zeros behind odd sides (`flat_square`)."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        side, factor = int(x.shape[1] ** 0.5), self.factor
        x = nn.functional.pad(x.unflatten(1, (side, side)), (0, 0, 0, -side % factor, 0, -side % factor))
        n, rows, columns, dim = x.shape
        x = x.view(n, rows, columns // factor, dim * factor).permute(0, 2, 1, 3).contiguous()
        x = x.view(n, columns // factor, rows // factor, dim * factor**2).permute(0, 2, 1, 3)
        return x.flatten(1, 2)


def projector(kind, dim, out):
    if kind != "mlp_downsample_3x3_fix":
        return nn.Sequential(Squares(2), nn.LayerNorm(4 * dim), nn.Linear(4 * dim, out), nn.GELU(), nn.Linear(out, out))
    return nn.Sequential(Squares(3), nn.LayerNorm(9 * dim), nn.Linear(9 * dim, 3 * dim), nn.GELU(), nn.LayerNorm(3 * dim),
                         nn.Linear(3 * dim, out), nn.GELU(), nn.Linear(out, out))  # fmt: skip


def released(folder, seed):
    """A folder in three parts, and the parts."""
    draw = Draw(seed)
    language, kind = draw.one("language", "llama", "qwen2"), draw.one("projector", *PROJECTORS)
    aspect, side, rng = draw.one("aspect", "resize", "dynamic"), draw.one("side", 2, 3, 4, 5), draw.rng
    words = tokenizer(language)
    vision = draw_tower(rng, "siglip", patch=4, side=side)
    model = CLASSES[language](draw_text(rng, language, len(words), False)).eval()
    tower = SiglipVisionModel(vision).eval()
    layers = projector(kind, vision.hidden_size, model.config.hidden_size)
    for part in (model, tower, layers):
        spread(part, seed)
    model.save_pretrained(folder / "llm")
    words.chat_template = TURNS
    words.save_pretrained(folder / "llm")
    tower.save_pretrained(folder / "vision_tower")
    SiglipImageProcessorPil(size={"height": vision.image_size, "width": vision.image_size}).save_pretrained(folder / "vision_tower")
    (folder / "mm_projector").mkdir()
    save_file(
        {f"layers.{k}": v.contiguous() for k, v in layers.state_dict().items()}, folder / "mm_projector" / "model.safetensors"
    )
    config = {"model_type": "llava_llama", "architectures": ["LlavaLlamaModel"],
              "auto_map": {"AutoModel": "modeling_vila.VILAForCasualLM"},
              "llm_cfg": model.config.to_dict(), "vision_tower_cfg": vision.to_dict(),
              "mm_projector_cfg": {"mm_projector_type": kind},
              "image_aspect_ratio": aspect, "mm_vision_select_layer": -2, "min_tiles": 1, "max_tiles": 6}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config, default=str))
    return config, model, tower, layers, words


def grid_of(width, height, most, size):
    """`find_closest_aspect_ratio`: columns and rows of tiles."""
    grids = sorted({(c, r) for n in range(1, most + 1) for c in range(1, n + 1) for r in range(1, n + 1) if c * r <= most},
                   key=lambda grid: grid[0] * grid[1])  # fmt: skip
    best, gap = (1, 1), float("inf")
    for columns, rows in grids:
        new = abs(width / height - columns / rows)
        if new < gap or (new == gap and width * height > 0.5 * size * size * columns * rows):
            best, gap = (columns, rows), new
    return best


def tiles_of(picture, config, size, alone):
    """The released cutting: `dynamic_preprocess` for a picture by itself, else one squashed tile."""
    squashed = [picture.resize((size, size), Image.Resampling.BICUBIC)]
    if config["image_aspect_ratio"] == "resize" or not alone:
        return squashed
    columns, rows = grid_of(picture.width, picture.height, config["max_tiles"], size)
    whole = picture.resize((columns * size, rows * size), Image.Resampling.BICUBIC)
    cut = [whole.crop((c * size, r * size, (c + 1) * size, (r + 1) * size)) for r in range(rows) for c in range(columns)]
    return cut + (squashed if len(cut) > 1 else [])


def their_logits(folder, config, model, tower, layers, words, one, root):
    """The released way through the parts, every line break an embedding of its own behind a tile."""
    size = tower.config.image_size
    pictures = [Image.open(root / media.uri).convert("RGB") for media in one.media]
    break_id = words.convert_tokens_to_ids("Ċ")
    embed, out = model.get_input_embeddings(), []
    text = words.apply_chat_template([{"role": "user", "content": "<image>\n" * len(pictures) + one.turns[0].text}],
                                     tokenize=False, add_generation_prompt=True)  # fmt: skip
    begin = words.bos_token or ""
    runs = (begin + text.removeprefix(begin)).split("<image>")
    for number, run in enumerate(runs):
        out.append(embed(torch.tensor(words(run, add_special_tokens=False)["input_ids"], dtype=torch.long)))
        if number == len(pictures):
            break
        tiles = [(np.asarray(tile) / 255 - 0.5) / 0.5 for tile in tiles_of(pictures[number], config, size, len(pictures) == 1)]
        pixels = torch.tensor(np.stack(tiles), dtype=torch.float32).permute(0, 3, 1, 2)
        tokens = layers(tower(pixels, output_hidden_states=True).hidden_states[-2])
        line = embed(torch.tensor([break_id]))
        for place, tile in enumerate(tokens):
            out += [tile, line] + ([line] if place < len(tokens) - 1 else [])
    return model(inputs_embeds=torch.cat(out)[None]).logits[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_folder_in_parts_gives_the_logits_of_the_released_way(seed, tmp_path, monkeypatch):
    config, model, tower, layers, words = released(tmp_path / "released", seed)
    monkeypatch.setattr(vila, "LINE_BREAK", words.convert_tokens_to_ids("Ċ"))
    source = open_source(tmp_path / "released")
    module = start_model(source.model, Weights(model=str(tmp_path / "released")), 0).eval()

    class Side:
        cfg, codec = source.model, source.model.text.fit((), tmp_path / "words")

    asked = [sample(tmp_path, 0, [(50, 30)]), sample(tmp_path, 1, [(20, 61), (33, 33)]), sample(tmp_path, 2, []),
             sample(tmp_path, 3, [(90, 20)])]  # fmt: skip
    batch = our_batch(Side, tmp_path, asked)
    with torch.no_grad():
        output, borders = module(batch), batch.cu_seqlens.tolist()
        ours = output.stream.hidden @ output.head.T
        for number, one in enumerate(asked):
            theirs = their_logits(tmp_path, config, model, tower, layers, words, one, tmp_path)
            assert worst(ours[borders[number] : borders[number + 1]], theirs) <= TOLERANCE
    assert torch.equal(module.splice.layout[0], model.get_input_embeddings().weight[vila.LINE_BREAK])
    back = source.names.to_theirs(stored_tensors(module))
    assert torch.equal(back["llm.model.embed_tokens.weight"], model.get_input_embeddings().weight)


def test_tokens_are_counted_as_released_over_many_sizes():
    view, rng = LinedTiles(size=448, max_tiles=12), np.random.default_rng(0)
    sizes = [*rng.integers(1, 3000, (1000, 2)).tolist(), (448, 448), (1344, 1344), (1792, 1344), (896, 448), (300, 300)]
    for width, height in sizes:
        columns, rows = grid_of(width, height, 12, 448)
        tiles = columns * rows + (columns * rows > 1)
        plan = view.plan(width, height, Unit(14, 1))
        layout = view.layout(plan, tuple((1, 11, 11) for _ in plan.tiles))
        assert len(plan.tiles) == tiles and num_slots(layout) == tiles * (11 * 11 + 1)
        assert [run for run in layout if isinstance(run, str)] == ["\n"] * (tiles - 1)
    assert len(view.plan_among(1000, 500, 2, Unit(14, 1)).tiles) == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"mm_projector_cfg": {"mm_projector_type": "linear"}}, "mm_projector_type is 'linear'"),
        ({"image_aspect_ratio": "dynamic_s2"}, "image_aspect_ratio is 'dynamic_s2'"),
        ({"s2": True}, "several scales"),
        ({"mm_vision_select_layer": 0}, "vision_feature_layer is 0"),
    ],
)
def test_variants_that_are_not_covered_are_refused(change, word, tmp_path):
    config, *_ = released(tmp_path / "released", 0)
    with pytest.raises(CheckpointError, match=word):
        vila.config_from(config | change)


def test_another_vocabulary_and_an_export_are_refused(tmp_path):
    released(tmp_path / "released", 0)
    with pytest.raises(CheckpointError, match="a line break is token"):
        open_source(tmp_path / "released")
    with pytest.raises(CheckpointError, match="only code of its own loads"):
        vila.config_to(None, None)
