"""No encoder: Pictures → Stream of the patches' own values, normalised. The language model does the seeing.

Behind it the connector `Linear` is Fuyu's patch embedding (transformers `FuyuModel.vision_embed_tokens`, whose values stand in
(row, column, channel) order).
"""

from dataclasses import replace

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Encoder, EncoderModule
from omma.model.tiles import check_pictures, tile_stream
from omma.nn.patches import normalised
from omma.schema.batch import Pictures, Stream


@config
class RawPatches(Encoder):
    """Features are the 3 · patch² values of a patch in (channel, row, column) order. Without parameters."""

    patch: int = 30

    def check(self) -> None:
        if self.patch < 1:
            raise ConfigError("RawPatches.patch", f"{self.patch} px", "at least 1 px")

    @property
    def width(self) -> int:
        """Values of a patch."""
        return 3 * self.patch**2

    def tiny(self) -> "RawPatches":
        """Patch 8."""
        return replace(self, patch=8)

    def build(self) -> "RawPatchesModule":
        return RawPatchesModule(self)


class RawPatchesModule(EncoderModule):
    """See `RawPatches`."""

    def __init__(self, cfg: RawPatches) -> None:
        super().__init__()
        self.cfg = cfg

    def forward(self, pictures: Pictures) -> Stream:
        check_pictures(pictures)
        values = normalised(pictures.patches, self.cfg.patch, self.cfg.mean, self.cfg.std)
        return tile_stream(values, pictures.grids)
