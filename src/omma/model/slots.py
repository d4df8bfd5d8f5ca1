"""The slots of a model: what each part promises to its neighbours. One subclass and one module class per part file.

A config (plain word) says what a recipe says; its `build` makes the module (suffix `Module`) with the sizes that
come from neighbours. Counts are closed forms of patch grids, known before any pixel is decoded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from omma.core.config import Config, config
from omma.core.errors import ConfigError
from omma.schema.batch import Batch, Pictures, Stream
from omma.schema.output import Between
from omma.schema.view import Layout, Steps, TilePlan

Grid = tuple[int, int]  # (rows, columns)


@runtime_checkable
class Attend(Protocol):
    """How a block attends: packed documents in training and prefill, a cache in decoding. Blocks number their layers."""

    def __call__(self, layer: int, q_THK: Tensor, k_TGK: Tensor, v_TGV: Tensor, window: int = 0) -> Tensor:
        """(T, H, K), (T, G, K), (T, G, V) → (T, H, V). A token sees itself and the `window` − 1 before it, or (0) all."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """What a splice hands the language model: the stream's states (T, D), and what else happens between its blocks."""

    hidden: Float[Tensor, "T D"]
    between: Between | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture in a document: (N,) where its tokens stand, (N, 3) time, row and column of each on the token grid of its tile.

    A layout embedding has place −1. `seconds` lie between two time steps of a video, 0 for a picture. A picture or video whose
    tokens stand in several runs with text between them comes as several.
    """

    slots: np.ndarray
    places: np.ndarray
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Pace:
    """What a part of an encoder reads for each patch of a tile (`tokens`), and for each pair of patches of a frame (`pairs`)."""

    tokens: float
    pairs: float

    @staticmethod
    def zoomed(side: float) -> "Pace":
        """Of a grid that is `side` times as fine per side."""
        return Pace(side**2, side**4)


class EncoderModule(nn.Module):
    """Pictures → Stream of patch features: one document per `handed` tile, row-major patches, time step by time step, modality 1.

    An encoder of which inner layers are asked for puts their features (P, D) into the stream's `taps`, in the order asked.
    """

    def forward(self, pictures: Pictures) -> Stream:
        raise NotImplementedError

    def handed(self, pictures: Pictures) -> Bool[Tensor, "I"]:
        """Pictures → of which tiles features are handed on, as `Encoder.handed` says."""
        return torch.ones(len(pictures.grids), dtype=torch.bool, device=pictures.grids.device)

    def paces(self) -> dict[str, Pace]:
        """Names of inner modules that do not read the tile's patches one by one → what they read. For counting work."""
        return {}


class ConnectorModule(nn.Module):
    """Stream of patch features + grids (I, 3) → visual tokens (N, D) tile by tile, row-major on the connector's grid.

    A connector may hand on several vectors per visual token side by side, (N, n · D), for a splice that takes them apart.
    """

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        raise NotImplementedError


class SpliceModule(nn.Module):
    """Word states (T, D), visual tokens (N, D) and the batch that says what goes where → Entry."""

    def forward(self, hidden: Float[Tensor, "T D"], visual: Float[Tensor, "N D"], batch: Batch) -> Entry:
        raise NotImplementedError


class LanguageModule(nn.Module):
    """Token embeddings, decoder stack, final norm and head."""

    num_layers: int

    def embed(self, tokens: Int[Tensor, "T"]) -> Float[Tensor, "T D"]:
        raise NotImplementedError

    def forward(self, stream: Stream, attend: Attend, between: Between | None = None) -> Stream:
        """Embedded stream → final normed stream; `between` acts before each block and behind the last."""
        raise NotImplementedError

    @property
    def head(self) -> Float[Tensor, "V D"]:
        """The vocabulary matrix (tied: the embedding itself)."""
        raise NotImplementedError


@config
class Encoder(Config):
    """Slot 2: pixels → patch features. `mean` and `std` (of 0..1 values) are what its weights expect."""

    patch: int
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    @property
    def temporal(self) -> int:
        """Frames of a video that make one time step; a picture is a step by itself."""
        return 1

    @property
    def width(self) -> int:
        """Width D of the hidden states."""
        raise NotImplementedError(f"{type(self).__name__} has no width")

    @property
    def out_width(self) -> int:
        """Width of the features of one patch; more than `width` where several layers or towers stand side by side."""
        return self.width

    @property
    def cut(self) -> int:
        """Side in px of tiles that whole patches do not fill, of which the last pixels are left out; 0 for none."""
        return 0

    def grid(self, patches: Grid) -> Grid:
        """Patch grid of a frame → grid of its features. Closed form."""
        return patches

    def handed(self, plan: TilePlan) -> tuple[int, ...]:
        """Plan → the numbers of its tiles whose features are handed on, in order; what others show is joined to these."""
        return tuple(range(len(plan.tiles)))

    def build(self) -> EncoderModule:
        """The module, randomly initialised."""
        raise NotImplementedError(f"{type(self).__name__} has no build")


@config
class Connector(Config):
    """Slot 3: patch features → visual tokens of the language model's width."""

    @property
    def merge(self) -> int:
        """Patches per side that one visual token covers; a native view makes sides multiples of it."""
        return 1

    def grid(self, patches: Grid) -> Grid:
        """Patch grid of a tile → grid of its visual tokens. Closed form; ShapeError for a grid that does not fit."""
        return patches

    @property
    def num_taps(self) -> int:
        """Further states (the encoder's `taps`) that it reads beside the patch features."""
        return 0

    @property
    def vectors(self) -> int:
        """Vectors of the language model's width that one visual token is made of."""
        return 1

    def build(self, *, in_dim: int, out_dim: int) -> ConnectorModule:
        """The module from encoder width to language width."""
        raise NotImplementedError(f"{type(self).__name__} has no build")


@config
class Reducer(Config):
    """Slot 4: fewer visual tokens before they enter the stream. A model may have none, one or several in a row."""

    def grid(self, tokens: Grid) -> Grid:
        """Token grid → smaller token grid, closed form."""
        return tokens

    def build(self, *, dim: int) -> ConnectorModule:
        """The module; same contract as a connector with equal widths."""
        raise NotImplementedError(f"{type(self).__name__} has no build")


@config
class Splice(Config):
    """Slot 5: how visual tokens enter the language model."""

    def in_context(self, layout: Layout, plan: TilePlan, steps: tuple[Steps, ...]) -> Layout:
        """A picture's layout, plan, and (time steps, rows, columns) of its tiles → what of it stands among the words: here all."""
        return layout

    def check_fit(self, depth: int, vectors: int) -> None:
        """Blocks of the language model + vectors per visual token → ConfigError if some of them would have no place to go."""
        if vectors != 1:
            got, fix = f"visual tokens of {vectors} vectors each", "take DeepStacked, or a connector without inner layers"
            raise ConfigError(f"model.splice.{type(self).__name__}", got, "one vector each", fix)

    def build(self, *, dim: int, layout_tokens: int) -> SpliceModule:
        """The module for a language model of width `dim`."""
        raise NotImplementedError(f"{type(self).__name__} has no build")


@config
class Positions(Config):
    """Which position ids the tokens of one document get; part of slot 6, because the language model turns by them."""

    def ids(self, num_tokens: int, seen: Sequence[Seen]) -> np.ndarray:
        """Length of a document and the pictures in it, in reading order → (T, A) position ids."""
        raise NotImplementedError(f"{type(self).__name__} has no ids")


@config
class Language(Config):
    """Slot 6: the decoder."""

    @property
    def width(self) -> int:
        """Embedding width D."""
        raise NotImplementedError(f"{type(self).__name__} has no width")

    def build(self, *, vocab_size: int) -> LanguageModule:
        """The module with `vocab_size` embedding rows."""
        raise NotImplementedError(f"{type(self).__name__} has no build")


def num_parameters(module: nn.Module) -> int:
    """Module → number of values in its parameters, tied ones once."""
    return sum(p.numel() for p in module.parameters())


def built_on_meta(build: object) -> nn.Module:
    """Zero-argument builder → the module on the meta device: shapes and counts at full size without memory."""
    with torch.device("meta"):
        return build()  # type: ignore[operator]
