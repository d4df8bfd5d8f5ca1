"""WholeAndParts: one encoder for tiles that show a whole picture, another for tiles that show a part of one → one Stream.

Ferret-v2's multi-granularity visual encoding (arXiv 2404.07973): CLIP on the picture at low resolution, DINOv2 on
its tiles. `UpsampleAdd` behind it has a projector for each.
"""

from dataclasses import replace

import torch
from torch import Tensor

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Encoder, EncoderModule, Pace
from omma.model.tiles import check_pictures, chosen, tile_stream, windows_of
from omma.model.vision.fusion import DINO
from omma.model.vision.vit import ViT
from omma.nn.grids import on_host, patch_places
from omma.schema.batch import Pictures, Stream

CLIP = ViT(patch=14, width=1024, depth=24, heads=16, mlp_width=4096, image_size=336, activation="quick_gelu", class_token=True,
           input_norm=True, final_norm=False, patch_bias=False, feature_layer=-2, norm_eps=1e-5)  # fmt: skip


@config
class WholeAndParts(Encoder):
    """Both encoders cut tiles by one `patch`, are as wide, and normalise colours themselves."""

    patch: int = 14
    whole: Encoder = CLIP
    parts: Encoder = DINO

    @property
    def width(self) -> int:
        """That of either."""
        return self.whole.out_width

    def check(self) -> None:
        both = (self.whole, self.parts)
        if any(one.patch != self.patch or one.temporal > 1 or one.cut or one.grid((2, 2)) != (2, 2) for one in both):
            got = f"encoders with patches of {self.whole.patch} and {self.parts.patch} px"
            raise ConfigError("WholeAndParts", got, f"two that hand on every patch of {self.patch} px, frame by frame")
        if self.whole.out_width != self.parts.out_width:
            got = f"features {self.whole.out_width} and {self.parts.out_width} wide"
            raise ConfigError("WholeAndParts", got, "equally wide ones")

    def tiny(self) -> "WholeAndParts":
        """Tiny encoders."""
        whole = self.whole.tiny()
        return replace(self, patch=whole.patch, whole=whole, parts=self.parts.tiny())

    def build(self) -> "WholeAndPartsModule":
        return WholeAndPartsModule(self)


class WholeAndPartsModule(EncoderModule):
    """See `WholeAndParts`. Both run on every rank: without a part, that encoder sees the first tile and is not heard."""

    def __init__(self, cfg: WholeAndParts) -> None:
        super().__init__()
        self.cfg = cfg
        self.whole, self.parts = cfg.whole.build(), cfg.parts.build()

    def forward(self, pictures: Pictures) -> Stream:
        check_pictures(pictures)
        rows, device = on_host(pictures.grids), pictures.patches.device
        windows = windows_of(pictures.windows, pictures.grids)
        is_whole = windows.whole == torch.arange(len(rows), device=device)
        of_patch = is_whole[patch_places(rows, device)[:, 0]]
        seen = self.whole(chosen(pictures, is_whole)).hidden
        hidden = seen.new_zeros(len(of_patch), self.cfg.width).index_copy(0, of_patch.nonzero()[:, 0], seen)
        return tile_stream(self._with_parts(hidden, pictures, is_whole, of_patch), pictures.grids)

    def paces(self) -> dict[str, Pace]:
        """A tile is read by one of them: half of the tiles each, which is exact where both cost as much."""
        return {"whole": Pace(0.5, 0.5), "parts": Pace(0.5, 0.5)}

    def _with_parts(self, hidden: Tensor, pictures: Pictures, is_whole: Tensor, of_patch: Tensor) -> Tensor:
        if is_whole.all():
            first = torch.zeros_like(is_whole)
            first[0] = True
            return hidden + 0 * self.parts(chosen(pictures, first)).hidden.sum()
        return hidden.index_copy(0, (~of_patch).nonzero()[:, 0], self.parts(chosen(pictures, ~is_whole)).hidden)
