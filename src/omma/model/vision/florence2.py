"""Florence-2 as an encoder (arXiv 2311.06242): Pictures → Stream of DaViT's features beside those that each prompt draws out.

DaViT's places, with learned rows and columns, are projected and normed: x = LN(W (f + p)), before them their mean's. A post-norm
transformer encoder (BART) reads them with the words of a prompt behind; its states at the places are that prompt's features.
Handed on are x and the features of all prompts, side by side: Florence-VL's depth-breadth fusion (arXiv 2412.04424). Equal to
`get_image_features` and `language_model.encoder` of transformers' `Florence2Model`. The decoder, which writes captions, is not
built: no features come from it.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from omma.core.config import config
from omma.core.errors import ConfigError, ShapeError
from omma.model.feature_maps import on_maps
from omma.model.slots import EncoderModule, Pace
from omma.model.tiles import check_pictures, tile_stream
from omma.model.vision.davit import NORM_EPS, DaViT, DaViTModule, Projected
from omma.nn.block import Chain
from omma.nn.mlp import PlainMlp
from omma.nn.patches import normalised
from omma.schema.batch import Pictures, Stream

BEFORE = 2  # rows of BART's position table that stand for nothing

# Florence-VL's `florence_encoder.py`: describe in detail, read the text, locate the objects; 1 fills up and is seen like a word
PROMPTS = (
    (0, 47066, 21700, 11, 4617, 99, 16, 2343, 11, 5, 2274, 4, 2, 1),
    (0, 2264, 16, 5, 2788, 11, 5, 2274, 116, 2, 1, 1, 1, 1),
    (0, 574, 22486, 5, 8720, 11, 5, 2274, 6, 19, 49, 24173, 4, 2),
)


@config
class Florence2(DaViT):
    """A DaViT with what stands behind it. `prompts` are token ids of the `words` of its vocabulary; `table_side` is how many
    rows and columns have places, `longest` how many tokens, pictures' and words', the transformer's position table has.
    """

    text_width: int = 768
    text_depth: int = 6
    text_heads: int = 12
    text_mlp_width: int = 3072
    words: int = 51_289
    longest: int = 1024
    table_side: int = 50
    prompts: tuple[tuple[int, ...], ...] = PROMPTS

    @property
    def width(self) -> int:
        """Projected features and those of every prompt, side by side."""
        return self.text_width * (1 + len(self.prompts))

    def check(self) -> None:
        super().check()
        if self.text_width % self.text_heads or self.widths[-1] % 2:
            got = f"{self.text_heads} heads over width {self.text_width}, a tower of width {self.widths[-1]}"
            raise ConfigError("Florence2.text_heads", got, "a divisor of the width, and an even tower")
        strange = [word for prompt in self.prompts for word in prompt if not 0 <= word < self.words]
        if strange:
            raise ConfigError("Florence2.prompts", f"token {strange[0]}", f"ids from 0 to {self.words - 1}")

    def tiny(self) -> "Florence2":
        """A tiny DaViT, two blocks behind it, prompts of three words at most."""
        tower, prompts = super().tiny(), tuple(tuple(word % 29 for word in prompt[:3]) for prompt in self.prompts)
        assert isinstance(tower, Florence2)
        return replace(tower, text_width=16, text_depth=2, text_heads=2, text_mlp_width=24, words=29, prompts=prompts)

    def build(self) -> "Florence2Module":
        return Florence2Module(self)


class Florence2Module(EncoderModule):
    """See `Florence2`."""

    def __init__(self, cfg: Florence2) -> None:
        super().__init__()
        self.cfg = cfg
        seen, width = cfg.widths[-1], cfg.text_width
        self.tower = DaViTModule(cfg)
        self.rows, self.columns = nn.Embedding(cfg.table_side, seen // 2), nn.Embedding(cfg.table_side, seen // 2)
        self.project, self.project_norm = nn.Linear(seen, width, bias=False), nn.LayerNorm(width, NORM_EPS)
        self.words, self.places = nn.Embedding(cfg.words, width), nn.Embedding(BEFORE + cfg.longest, width)
        self.input_norm = nn.LayerNorm(width, NORM_EPS)
        self.blocks = Chain(*(PostNormBlock(cfg) for _ in range(cfg.text_depth)))

    def forward(self, pictures: Pictures) -> Stream:
        """Raises ShapeError for tiles with more rows, columns or tokens than the tables have."""
        check_pictures(pictures)
        cfg = self.cfg
        values = normalised(pictures.patches, cfg.patch, cfg.mean, cfg.std).to(self.project.weight.dtype)
        return tile_stream(on_maps(values, pictures.grids, self._features), pictures.grids)

    def paces(self) -> dict[str, Pace]:
        """Every prompt reads the places once more; its words and the mean are few beside them."""
        return {"blocks": Pace(len(self.cfg.prompts), len(self.cfg.prompts))}

    def image(self, seen: Float[Tensor, "n D r c"]) -> Float[Tensor, "n N W"]:
        """DaViT's maps → N = 1 + rows · columns projected tokens, their mean's first."""
        rows, columns = seen.shape[2:]
        if max(rows, columns) > self.cfg.table_side:
            fix = "take a view with smaller tiles"
            raise ShapeError("model.encoder", f"a tile of {rows} × {columns} places", f"at most {self.cfg.table_side} a side", fix)
        down, along = self.rows.weight[:rows, None], self.columns.weight[None, :columns]
        table = torch.cat((along.expand(rows, -1, -1), down.expand(-1, columns, -1)), dim=2)
        # The first moment of a sinusoid over frames: sines are 0 and cosines 1.
        moment = torch.arange(table.shape[2], device=seen.device) % 2
        tokens = (seen.movedim(1, -1) + table + moment.to(table.dtype)).flatten(1, 2)
        return self.project_norm(self.project(torch.cat((tokens.mean(1, keepdim=True), tokens), dim=1)))

    def asked(self, image: Float[Tensor, "n N W"], prompt: tuple[int, ...]) -> Float[Tensor, "n N W"]:
        """Projected tokens → their states when the prompt is read behind them."""
        words = self.words(torch.tensor(prompt, dtype=torch.long, device=image.device)).expand(len(image), -1, -1)
        hidden = torch.cat((image, words.to(image.dtype)), dim=1)
        if hidden.shape[1] > self.cfg.longest:
            got, fix = f"a tile and a prompt of {hidden.shape[1]} tokens", "take a view with smaller tiles"
            raise ShapeError("model.encoder", got, f"at most {self.cfg.longest}", fix)
        hidden = self.input_norm(hidden + self.places.weight[BEFORE : BEFORE + hidden.shape[1]])
        return self.blocks(hidden)[:, : image.shape[1]]

    def _features(self, patches: Float[Tensor, "n C r c"]) -> Float[Tensor, "n E r c"]:
        image = self.image(self.tower.maps(patches))
        states = [image, *(self.asked(image, prompt) for prompt in self.cfg.prompts)]
        return torch.cat(states, dim=2)[:, 1:].transpose(1, 2).unflatten(2, patches.shape[2:])


class PostNormBlock(nn.Module):
    """h ← LN(h + A(h)), h ← LN(h + MLP(h)), all tokens of a tile and prompt seeing each other."""

    def __init__(self, cfg: Florence2) -> None:
        super().__init__()
        width, depth = cfg.text_width, cfg.text_depth
        self.heads = cfg.text_heads
        self.attention = Projected(width, True, depth)
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width, NORM_EPS), nn.LayerNorm(width, NORM_EPS)
        self.mlp = PlainMlp(width, cfg.text_mlp_width, activation=cfg.activation, bias=True, depth=depth)

    def forward(self, hidden: Float[Tensor, "n t W"]) -> Float[Tensor, "n t W"]:
        own = self.attention
        q, k, v = (part(hidden).unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (own.query, own.key, own.value))
        seen = scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        hidden = self.attention_norm(hidden + own.output(seen))
        return self.mlp_norm(hidden + self.mlp(hidden))
