"""Cross-attention over packed documents: q (Q, H, K), k and v (N, G, K) → (Q, H, K), document s sees keys of document s only.

Documents with as many queries and nearly as many keys go into one scaled_dot_product_attention; nothing crosses a border.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from omma.core.errors import ShapeError

NEAR = 0.75  # a document joins a group when it has at least this share of the keys of the group's longest


@dataclass(frozen=True, slots=True)
class Across:
    """Documents on two streams: queries [queries[s], queries[s + 1]) see keys [keys[s], keys[s + 1])."""

    queries: tuple[int, ...]
    keys: tuple[int, ...]

    def __post_init__(self) -> None:
        for name, borders in (("queries", self.queries), ("keys", self.keys)):
            if not borders or borders[0] != 0 or any(a > b for a, b in pairwise(borders)):
                raise ShapeError(f"nn.cross_attention.{name}", f"borders {list(borders)}", "ascending ones that begin with 0")
        if len(self.queries) != len(self.keys):
            got = f"{len(self.queries) - 1} documents of queries and {len(self.keys) - 1} of keys"
            raise ShapeError("nn.cross_attention", got, "as many")


@dataclass(frozen=True, slots=True)
class _Group:
    """n documents: stream indices of queries (n, L) and of keys (n, M), and which of the keys are real (empty: all)."""

    queries: Int[Tensor, "n L"]
    keys: Int[Tensor, "n M"]
    real: Bool[Tensor, "..."]


class CrossAttention(nn.Module):
    """Projections around it: queries (Q, D) in `heads`, keys and values (N, E) in `kv_heads`, each `head_dim` wide."""

    def __init__(
        self, dim: int, key_dim: int, *, heads: int, kv_heads: int, head_dim: int, bias: bool = True, output_bias: bool = True
    ) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.query = nn.Linear(dim, heads * head_dim, bias=bias)
        self.key = nn.Linear(key_dim, kv_heads * head_dim, bias=bias)
        self.value = nn.Linear(key_dim, kv_heads * head_dim, bias=bias)
        self.output = nn.Linear(heads * head_dim, dim, bias=output_bias)

    def forward(
        self, hidden: Float[Tensor, "Q D"], keys: Float[Tensor, "N E"], values: Float[Tensor, "N E"], across: Across
    ) -> Float[Tensor, "Q D"]:
        projected = (self.query(hidden), self.key(keys), self.value(values))
        q_QHK, k_NGK, v_NGK = (x.unflatten(-1, (-1, self.head_dim)) for x in projected)
        return self.output(attend_across(q_QHK, k_NGK, v_NGK, across).flatten(1))


def attend_across(
    q_QHK: Float[Tensor, "Q H K"], k_NGK: Float[Tensor, "N G K"], v_NGK: Float[Tensor, "N G K"], across: Across
) -> Float[Tensor, "Q H K"]:
    """softmax(q kᵀ / √K) v inside each document; a document without keys reads zeros. H is a multiple of G.

    Raises ShapeError for streams whose lengths are not the borders' ends.
    """
    if (len(q_QHK), len(k_NGK), len(v_NGK)) != (across.queries[-1], across.keys[-1], across.keys[-1]):
        got = f"{len(q_QHK)} queries, {len(k_NGK)} keys, {len(v_NGK)} values"
        raise ShapeError("nn.cross_attention", got, f"{across.queries[-1]} and twice {across.keys[-1]}, the ends of the documents")
    groups = _groups(across, q_QHK.device)
    if not groups:  # nothing to see: zeros that keep every projection in the graph
        return q_QHK * 0 + (k_NGK.sum() + v_NGK.sum()) * 0
    read = torch.cat([_read(q_QHK, k_NGK, v_NGK, group) for group in groups])
    places = torch.cat([group.queries.flatten() for group in groups])
    return torch.zeros_like(q_QHK).to(read.dtype).index_copy(0, places, read)


def _read(q_QHK: Tensor, k_NGK: Tensor, v_NGK: Tensor, group: _Group) -> Float[Tensor, "nL H K"]:
    q_nHLK = q_QHK[group.queries].transpose(1, 2)
    k_nGMK, v_nGMK = (x[group.keys].transpose(1, 2) for x in (k_NGK, v_NGK))
    allowed = group.real[:, None, None, :] if group.real.numel() else None
    shared = q_QHK.shape[1] != k_NGK.shape[1]
    return scaled_dot_product_attention(q_nHLK, k_nGMK, v_nGMK, attn_mask=allowed, enable_gqa=shared).transpose(1, 2).flatten(0, 1)


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def _groups(across: Across, device: torch.device) -> tuple[_Group, ...]:
    """Documents that have both queries and keys, by number of queries and falling number of keys."""
    spans = [
        (first, last - first, start, stop - start)
        for (first, last), (start, stop) in zip(pairwise(across.queries), pairwise(across.keys), strict=True)
    ]
    spans = sorted((s for s in spans if s[1] and s[3]), key=lambda s: (s[1], -s[3], s[0]))
    members: list[list[tuple[int, int, int, int]]] = []
    for span in spans:
        longest = members[-1][0] if members else span
        if members and span[1] == longest[1] and span[3] >= NEAR * longest[3]:
            members[-1].append(span)
        else:
            members.append([span])
    return tuple(_group(documents, device) for documents in members)


def _group(documents: list[tuple[int, int, int, int]], device: torch.device) -> _Group:
    first, start, num_keys = (torch.tensor([document[i] for document in documents])[:, None] for i in (0, 2, 3))
    offset = torch.arange(documents[0][3])[None, :]
    keys = start + torch.minimum(offset, num_keys - 1)
    real = offset < num_keys
    real = torch.zeros(0, dtype=torch.bool) if real.all() else real
    return _Group((first + torch.arange(documents[0][1])[None, :]).to(device), keys.to(device), real.to(device))
