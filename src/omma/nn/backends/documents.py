"""Per-document attention: q (T, H, K), k and v (T, G, K), mask → (T, H, K) by one scaled_dot_product_attention per group.

Documents of equal or nearly equal length are gathered into one (n, L) block, so that a few large calls replace many
small ones. Index tensors and masks are computed once per mask and shared by all layers.
"""

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from omma.nn.mask import Causal, Full, Packed

NEAR = 0.75  # a document joins a group when it is at least this long, relative to the group's longest
SLACK = 8  # or at most this many tokens shorter: short documents are not worth a call of their own


@dataclass(frozen=True, slots=True)
class Group:
    """n documents as rows of stream indices. Behind a document's end a row repeats its last token (`valid` is False there).

    `allowed` broadcasts to (n, 1, L, L) and is an empty tensor where the rule needs no mask.
    """

    rows: Int[Tensor, "n L"]
    valid: Bool[Tensor, "n L"]
    allowed: Bool[Tensor, "..."]


@dataclass(frozen=True, slots=True)
class Grouping:
    """All groups, and for each token of the stream its place in the groups' concatenated valid rows."""

    groups: tuple[Group, ...]
    places: Int[Tensor, "T"]
    whole: bool  # one group of equally long documents in stream order: a reshape replaces every gather


def attend_documents(
    q_THK: Float[Tensor, "T H K"], k_TGK: Float[Tensor, "T G K"], v_TGK: Float[Tensor, "T G K"], mask: Packed
) -> Float[Tensor, "T H K"]:
    """Attention inside each document; nothing is computed across documents."""
    grouping = mask.once("documents", partial(group_documents, mask))
    if grouping.whole:
        shape = grouping.groups[0].rows.shape
        blocks = [x.unflatten(0, shape) for x in (q_THK, k_TGK, v_TGK)]
        return _block_attention(blocks, grouping.groups[0], mask).flatten(0, 1)
    outputs = []
    for group in grouping.groups:
        blocks = [x.index_select(0, group.rows.flatten()).unflatten(0, group.rows.shape) for x in (q_THK, k_TGK, v_TGK)]
        outputs.append(_block_attention(blocks, group, mask)[group.valid])
    return torch.cat(outputs)[grouping.places] if outputs else q_THK[:, :, :1] * v_TGK[:, :1, :]


def group_documents(mask: Packed) -> Grouping:
    """Mask → groups of documents by falling length, each at least `NEAR` as long as its group's first."""
    order = sorted((s for s, length in enumerate(mask.lengths) if length), key=lambda s: (-mask.lengths[s], s))
    members: list[list[int]] = []
    for s in order:
        longest = mask.lengths[members[-1][0]] if members else 0
        if members and (mask.lengths[s] >= NEAR * longest or mask.lengths[s] >= longest - SLACK):
            members[-1].append(s)
        else:
            members.append([s])
    groups = tuple(_group(mask, documents) for documents in members)
    device = mask.cu_seqlens.device
    stream = torch.cat([group.rows[group.valid] for group in groups]) if groups else torch.zeros(0, dtype=torch.long, device=device)
    places = torch.empty_like(stream)
    places[stream] = torch.arange(len(stream), device=device)
    whole = len(groups) == 1 and len({mask.lengths[s] for s in order}) == 1
    return Grouping(groups, places, whole)


def _group(mask: Packed, documents: list[int]) -> Group:
    device = mask.cu_seqlens.device
    first = torch.tensor([mask.borders[s] for s in documents], device=device)[:, None]
    length = torch.tensor([mask.lengths[s] for s in documents], device=device)[:, None]
    offset = torch.arange(int(mask.lengths[documents[0]]), device=device)[None, :]
    rows = first + torch.minimum(offset, length - 1)
    valid = offset < length
    equal = mask.lengths[documents[0]] == mask.lengths[documents[-1]]
    return Group(rows, valid, _allowed(mask, rows, valid, equal))


def _allowed(mask: Packed, rows: Int[Tensor, "n L"], valid: Bool[Tensor, "n L"], equal: bool) -> Bool[Tensor, "..."]:
    """Causal rows need no mask, because what is behind a document's end is behind all its tokens; nor do full equal rows."""
    if isinstance(mask.rule, Causal) or (isinstance(mask.rule, Full) and equal):
        return torch.zeros(0, dtype=torch.bool, device=rows.device)
    keys = valid[:, None, None, :]
    if isinstance(mask.rule, Full):
        return keys
    return mask.rule.allows(rows[:, None, :, None], rows[:, None, None, :]) & keys


def _block_attention(blocks: list[Tensor], group: Group, mask: Packed) -> Float[Tensor, "n L H K"]:
    """Queries (n, L, H, K), keys and values (n, L, G, K) of a group → their attention, one call."""
    q, k, v = (x.transpose(1, 2) for x in blocks)
    shared = q.shape[1] != k.shape[1]
    if group.allowed.numel():
        output = scaled_dot_product_attention(q, k, v, attn_mask=group.allowed, enable_gqa=shared)
    else:
        output = scaled_dot_product_attention(q, k, v, is_causal=isinstance(mask.rule, Causal), enable_gqa=shared)
    return output.transpose(1, 2)
