"""Tiny random folders of Ovis in its own layout, and what its code makes of samples, put together by hand.

There is no class in transformers. Towers and language models are its classes; what joins them is written here as AIDC-AI/Ovis v1.0,
v1.5, v1.6 and v2.0 say (`modeling_ovis.py`, `base_visual_tokenizer.py`, `conversation_formatter.py`).
"""

import json
import re
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from llava_folders import TEXTS, draw_text, our_batch, sample, spread
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import nn
from transformers import PreTrainedTokenizerFast
from transformers.models.aimv2.modeling_aimv2 import Aimv2VisionConfig, Aimv2VisionModel
from transformers.models.clip.modeling_clip import CLIPVisionConfig, CLIPVisionModel
from transformers.models.llama.modeling_llama import LlamaForCausalLM
from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM
from transformers.models.siglip.modeling_siglip import SiglipVisionConfig, SiglipVisionModel

from omma.media.apply import unpatchify
from omma.nn.grids import on_host
from omma.weights.source import open_source
from omma.weights.start import Weights, start_model

PATCH, MOST = 4, 9
START, ATOM, WHOLE, COLUMN, ROW, END = -301, -300, -302, -303, -304, -305
COLOURS = {"clip": ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]), "siglip": ([0.5] * 3, [0.5] * 3)}
BOOSTED = {6: "s2wrapper-adaptive", 7: "s2wrapper", 8: "s2wrapper-adaptive"}  # seed: hd_booster of Ovis 1.5
DRAWS = {  # seed: tower, language, choice, tied, px behind the last patch
    0: ("clip", "qwen2", "softmax", False, 0), 1: ("siglip", "llama", "softmax", False, 2),
    2: ("aimv2", "qwen2", "softmax", True, 0),
    3: ("siglip", "qwen2", "st_argmax", True, 0), 4: ("aimv2", "qwen2", "st_argmax", False, 0),
    5: ("clip", "llama", "st_argmax", False, 0), 6: ("siglip", "llama", "softmax", False, 2),
    7: ("siglip", "qwen2", "softmax", False, 0), 8: ("clip", "qwen2", "softmax", True, 0),
    9: ("clip", "llama", "softmax", False, 0),  # which keeps its class token
}  # fmt: skip


class Whole(nn.Module):
    """The released model from parts, its tensors named as in the release but for the tower's."""

    def __init__(self, kind, tower, language, said):
        super().__init__()
        self.kind, self.said = kind, said
        self.llm, self.tower = language, tower
        self.vocabulary, self.indicators = said["vocab_size"], 2 if "use_indicators" in said else 5
        width = tower.config.hidden_size * said["hidden_stride"] ** 2 * (2 if said.get("hd_booster") else 1)
        words = self.vocabulary - self.indicators
        self.head = nn.Sequential(nn.Linear(width, words, bias=False), nn.LayerNorm(words))
        self.vte = nn.Embedding(self.vocabulary, language.config.hidden_size)

    def probabilities(self, pictures):
        """Tiles (n, 3, side, side) of every picture → (tiles that are said, tokens, words)."""
        seen = self.features(torch.cat(pictures)).split([len(own) for own in pictures])
        if self.said.get("hd_booster"):
            seen = [self.boosted(own) for own in seen]
        return self.worded(torch.cat(seen))

    def boosted(self, seen):
        """Features of a whole and, if there are any, of its quarters → both scales of the whole."""
        side = int(seen.shape[1] ** 0.5)
        pooled = torch.zeros_like(seen[0])
        if len(seen) == 5:
            quarters = seen[1:].view(2, 2, side, side, -1)
            merged = torch.cat([torch.cat(list(row), dim=1) for row in quarters])
            area = nn.functional.interpolate(merged.permute(2, 0, 1)[None], size=side, mode="area")
            pooled = area[0].flatten(1).T
        return torch.cat((seen[0], pooled), dim=1)[None]

    def features(self, pixels):
        """Pixels (n, 3, side, side) → the last of the hidden states (n, patches, width)."""
        inner, states = self.tower, []
        blocks = getattr(inner, "vision_model", inner).encoder.layers
        hook = blocks[-1].register_forward_hook(lambda module, given, out: states.append(out[0] if isinstance(out, tuple) else out))
        inner(pixels)
        hook.remove()
        return states[0][:, 1:] if self.said["drop_cls_token"] else states[0]

    def worded(self, features):
        """Features → how much of each visual word the tokens are."""
        count, length, width = features.shape
        side, stride = int(length**0.5), self.said["hidden_stride"]
        if stride > 1:
            rest = -side % stride
            square = nn.functional.pad(features.view(count, side, side, width), (0, 0, 0, rest, 0, rest))
            squares = square.unfold(1, stride, stride).unfold(2, stride, stride)  # (n, r, c, width, row, column)
            features = squares.permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(1, 2)
        scores = self.head(features)
        if self.said["tokenize_function"] == "softmax":
            return scores.softmax(dim=-1)
        return nn.functional.one_hot(scores.argmax(dim=-1), scores.shape[-1]).float()

    def embeddings(self, ids, pixels):
        """Ids of the release (negative: picture and indicators) + one tensor of tiles per picture → what the language reads."""
        table, words = self.vte.weight, self.vocabulary - self.indicators
        seen = iter(self.probabilities(pixels) @ table[:words] if pixels else ())
        rows = []
        for number in ids:
            if number == ATOM:
                rows.append(next(seen))
            elif number < 0:
                rows.append(table[words + START - number][None])
            else:
                rows.append(self.llm.get_input_embeddings().weight[number][None])
        assert next(seen, None) is None
        return torch.cat(rows)[None]


def grid_of(width, height, side):
    """`_get_best_grid`: (rows, columns)."""

    def covered(grid):
        total = 0.0
        for _, _, w, h in cells(width, height, grid):
            long, short = max(w, h), min(w, h)
            total += side * (short / long * side) if long > side else long * short
        return total / (width * height)

    grids = [((i, j), covered((i, j))) for i in range(1, MOST + 1) for j in range(1, MOST + 1) if i * j <= MOST]
    good = [item for item in grids if item[1] > 0.9]
    if good:
        return sorted(good, key=lambda x: (x[0][0] * x[0][1], -x[1]))[0][0]
    return sorted(grids, key=lambda x: (-x[1], x[0][0] * x[0][1]))[0][0]


def cells(width, height, grid):
    """`_partition`: left, upper, width, height of every cell."""
    high, wide = height // grid[0], width // grid[1]
    for r in range(grid[0]):
        for c in range(grid[1]):
            right = width if c == grid[1] - 1 else (c + 1) * wide
            lower = height if r == grid[0] - 1 else (r + 1) * high
            yield c * wide, r * high, right - c * wide, lower - r * high


def placeholders(grid, framed):
    """What stands for a picture: atoms and indicators."""
    if framed:
        return [START, ATOM, WHOLE]  # its second indicator is the end
    out = [START, ATOM, WHOLE]
    if grid[0] * grid[1] > 1:
        for r in range(grid[0]):
            for c in range(grid[1]):
                out += [ATOM] + ([COLUMN] if c < grid[1] - 1 else [])
            out += [ROW] if r < grid[0] - 1 else []
    return [*out, END]


def tiles_of(image, side, colours, framed, booster=None):
    """`preprocess_image`: pixel values of the tiles, padded with zeros behind the normalisation; and the grid."""
    width, height = image.size
    grid = (1, 1) if framed else grid_of(width, height, side)
    if booster == "s2wrapper" or (booster and not (height < side * 1.5 or width < side * 1.5)):
        grid = (2, 2)
    crops = [image.crop((x, y, x + w, y + h)) for x, y, w, h in cells(width, height, grid)]
    mean, std = (torch.tensor(values)[:, None, None] for values in colours)
    out = []
    for crop in crops if len(crops) == 1 else [image, *crops]:
        w, h = crop.size
        new_w, new_h = (side, side) if w == h else (side, int(h / w * side)) if w > h else (int(w / h * side), side)
        resized = np.array(crop.resize((new_w, new_h), Image.Resampling.BICUBIC))
        values = (torch.from_numpy(resized).permute(2, 0, 1).float() / 255 - mean) / std
        square = torch.zeros(3, side, side)
        top, left = (side - new_h) // 2, (side - new_w) // 2
        square[:, top : top + new_h, left : left + new_w] = values
        out.append(square)
    return torch.stack(out), grid


def words(language, spare):
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    qwen = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|image_pad|>"]
    llama = ["<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|reserved_special_token_0|>"]
    marks = (qwen if language == "qwen2" else llama)[: None if spare else -1]
    bpe.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=310, special_tokens=marks,
                            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))  # fmt: skip
    if language == "qwen2":
        return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    begin = bpe.token_to_id("<|begin_of_text|>")
    bpe.post_processor = processors.TemplateProcessing(single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", begin)])
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<|begin_of_text|>", eos_token="<|eot_id|>")


def draw_backbone(rng, kind, rest):
    heads = int(rng.choice([1, 2]))
    sizes = {"hidden_size": 8 * heads, "num_attention_heads": heads, "intermediate_size": int(rng.integers(16, 40))}
    sizes |= {"num_hidden_layers": int(rng.integers(1, 4)), "image_size": PATCH * int(rng.integers(2, 6)) + rest}
    sizes["patch_size"] = PATCH
    if kind == "clip":
        return CLIPVisionModel(CLIPVisionConfig(**sizes)), sizes | {"model_type": "clip_vision_model"}
    if kind == "siglip":
        return SiglipVisionModel(SiglipVisionConfig(**sizes)), sizes | {"model_type": "siglip_vision_model"}
    bias = bool(rng.integers(2))  # theirs has one for queries, keys, values and the output
    tower = Aimv2VisionModel(Aimv2VisionConfig(**sizes, use_head=False, qkv_bias=bias, mlp_bias=bias))
    return tower, sizes | {"model_type": "aimv2", "use_bias": bias, "qkv_bias": bias, "rms_norm_eps": 1e-5}


AIMV2 = (
    (r"embeddings\.patch_embed\.", "preprocessor.patchifier.proj."), (r"embeddings\.rms_norm\.", "preprocessor.patchifier.norm."),
    (r"embeddings\.position_embedding\.weight", "preprocessor.pos_embed"), (r"encoder\.layers\.", "trunk.blocks."),
    (r"attention\.out_proj", "attn.proj"), (r"rms_norm1", "norm_1"), (r"rms_norm2", "norm_2"), (r"ffn\.gate_proj", "mlp.fc1"),
    (r"ffn\.down_proj", "mlp.fc2"), (r"ffn\.up_proj", "mlp.fc3"), (r"^rms_norm", "trunk.post_trunk_norm"),
)  # fmt: skip


def released_names(tensors, kind):
    """The tower's tensors by the names of the release."""
    own = {name.removeprefix("vision_model."): tensor for name, tensor in tensors.items() if "position_ids" not in name}
    if kind != "aimv2":
        return {f"vision_model.{name}": tensor for name, tensor in own.items()}
    out = {}
    for name, tensor in own.items():
        if "q_proj" in name:
            fused = torch.cat([own[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")])
            out[name.replace("attention.q_proj", "attn.qkv").replace("encoder.layers", "trunk.blocks")] = fused
        elif "k_proj" not in name and "v_proj" not in name:
            renamed = reduce(lambda said, pair: re.sub(*pair, said), AIMV2, name)
            out[renamed] = tensor[None] if renamed.endswith("pos_embed") else tensor
    return out


@dataclass(frozen=True)
class Opened:
    """A folder of the release and what omma makes of it."""

    folder: object
    whole: Whole
    words: object
    cfg: object
    module: object
    codec: object
    names: object
    kind: str
    language: str

    @property
    def framed(self):
        return "use_indicators" in self.whole.said


def ovis(seed, folder):
    kind, language, choice, tied, rest = DRAWS[seed]
    rng, spare = np.random.default_rng(seed), seed % 2 == 0
    own = words(language, spare)
    backbone, backbone_config = draw_backbone(rng, kind, rest)
    text = draw_text(rng, language, len(own) + (int(rng.integers(1, 4)) if spare else 0), tied)
    stride = 1 if kind == "clip" else int(rng.integers(1, 4)) if seed not in BOOSTED else seed - 4
    said = {"model_type": f"{kind}_visual_tokenizer", "vocab_size": int(rng.integers(20, 40)), "tokenize_function": choice}
    said |= {"tau": 1.0, "hidden_stride": stride, "drop_cls_token": kind == "clip" and seed != 9}
    said["backbone_config"] = backbone_config
    if kind == "clip" or seed in BOOSTED:
        said |= {"use_indicators": True, "hd_booster": BOOSTED.get(seed)}
    language_model = {"qwen2": Qwen2ForCausalLM, "llama": LlamaForCausalLM}[language](text)
    whole = Whole(kind, backbone, language_model, said)
    spread(whole, seed)
    folder.mkdir()
    own.save_pretrained(folder)
    tensors = {name: t for name, t in whole.state_dict().items() if not name.startswith("tower.")}
    if tied:
        tensors.pop("llm.lm_head.weight")
    tensors = {re.sub(r"^head\.", "visual_tokenizer.head.", name): t for name, t in tensors.items()}
    tower = released_names(backbone.state_dict(), kind)
    tensors |= {f"visual_tokenizer.backbone.{name}": tensor for name, tensor in tower.items()}
    save_file({name: t.clone().contiguous() for name, t in tensors.items()}, folder / "model.safetensors")
    formatter = {"qwen2": "QwenConversationFormatter", "llama": "Llama3ConversationFormatter"}[language]
    config = {"model_type": "ovis", "architectures": ["Ovis"], "auto_map": {"AutoModelForCausalLM": "modeling_ovis.Evil"},
              "llm_config": text.to_dict(), "visual_tokenizer_config": said, "hidden_size": text.hidden_size,
              "conversation_formatter_class": formatter, "multimodal_max_length": 8192}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    side = backbone_config["image_size"]
    square = {"height": side, "width": side}
    mean, std = colours_of(kind)
    sizes = (
        {"size": square} if kind == "siglip" else {"size": {"shortest_edge": side}, "crop_size": square, "do_center_crop": False}
    )
    seen = sizes | {"do_resize": True, "resample": 3, "image_mean": mean, "image_std": std}
    (folder / "preprocessor_config.json").write_text(json.dumps(seen))
    source = open_source(folder)
    module = start_model(source.model, Weights(model=str(folder)), 0).eval()
    codec = source.model.text.fit((), folder / "omma-words")
    return Opened(folder, whole.eval(), own, source.model, module, codec, source.names, kind, language)


def colours_of(kind):
    return COLOURS["siglip" if kind == "siglip" else "clip"]


def their_ids(opened, root, one):
    """Ids of the release, and tiles of every picture."""
    side, pixels, pictures = opened.cfg.view.size, [], []
    for media in one.media:
        image, booster = Image.open(root / media.uri).convert("RGB"), opened.whole.said.get("hd_booster")
        tiles, grid = tiles_of(image, side, colours_of(opened.kind), opened.framed, booster)
        pixels.append(tiles)
        pictures.append(placeholders(grid, opened.framed))
    query = "".join("<image>\n" for _ in one.media) + one.turns[0].text
    if opened.language == "qwen2":
        text = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        text += f"<|im_start|>user\n{query}<|im_end|>\n<|im_start|>assistant\n"
    else:
        header = "<|start_header_id|>{}<|end_header_id|>\n\n"
        system = "You are a helpful and honest multimodal assistant.<|eot_id|>"
        text = "<|begin_of_text|>" + header.format("system") + system + header.format("user") + query.strip() + "<|eot_id|>"
        text += header.format("assistant")
    ids = []
    for number, chunk in enumerate(text.split("<image>")):
        ids += (pictures[number - 1] if number else []) + opened.words(chunk, add_special_tokens=False)["input_ids"]
    return ids, pixels


def asked(root):
    """One picture, several of mixed sizes, none: documents of one pack."""
    sizes = [(70, 31)], [(20, 61), (33, 33), (9, 4)], [], [(90, 60)]
    return [sample(root, number, own) for number, own in enumerate(sizes)]


def our_tiles(opened, batch):
    """Normalised pixel values of all tiles of a batch, as the tower sees them."""
    mean, std = (torch.tensor(values)[:, None, None] for values in colours_of(opened.kind))
    rows, out = on_host(batch.pictures.grids), []
    for (_, r, c), own in zip(rows, batch.pictures.patches.split([r * c for _, r, c in rows]), strict=True):
        pixels = torch.from_numpy(unpatchify(own.numpy(), r, c, PATCH).copy()).permute(2, 0, 1)
        out.append((pixels.float() / 255 - mean) / std)
    return out


def both_logits(opened, root):
    """Ids and pixels compared; → our logits and those of the released wiring for every document."""
    batch = our_batch(opened, root, asked(root))
    output = opened.module(batch)
    ours, borders = output.stream.hidden @ output.head.T, batch.cu_seqlens.tolist()
    tiles, rows = iter(our_tiles(opened, batch)), opened.whole.llm.config.vocab_size
    for number, one in enumerate(asked(root)):
        ids, pixels = their_ids(opened, root, one)
        for own in pixels:
            mine = torch.stack([next(tiles) for _ in own])
            shown = mine.shape[-1]  # px behind the last whole patch are seen by neither
            assert (mine - own[..., :shown, :shown]).abs().max() < 1e-6
        embedded = opened.whole.embeddings(ids, pixels)
        begin, end = borders[number : number + 2]
        assert embedded.shape[1] == end - begin
        plain = [i for i in ids if i >= 0]
        got = batch.tokens[begin:end]
        assert [i for i in got.tolist() if i != opened.codec.image_id] == plain
        yield ours[begin:end, :rows], opened.whole.llm(inputs_embeds=embedded).logits[0]
