"""Mini-Gemini: two resolutions through one encoder into patch-info mining, by the formula of dvlab-research/MGM `mgm_arch.py`.

There is no class in transformers, and no ConvNeXt here: the finer encoder is a second ViT, which the mining does not tell apart.
"""

import math

import torch
from torch.nn.functional import gelu

from omma.model.connectors.patch_info_mining import PatchInfoMining
from omma.model.vision.fusion import Fusion
from omma.model.vision.vit import ViT
from omma.nn.init import init
from omma.schema.batch import Pictures

COARSE = ViT(patch=4, width=16, depth=1, heads=2, mlp_width=16, image_size=16)
FINE = ViT(patch=2, width=8, depth=1, heads=2, mlp_width=16, image_size=16)
TOLERANCE = 1e-5  # fp32, as a share of the largest value. Worst case measured: 5e-7.


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
    low, fine = torch.randn(4, 16), torch.randn(4, 4, 8)
    before = module.mined(low, fine)
    fine[2, 1] += 1.0
    changed = (module.mined(low, fine) != before).any(dim=1)
    assert changed.tolist() == [False, False, True, False]
