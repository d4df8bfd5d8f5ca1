"""Layout: a language model on CPU → the same, with copies of its matrices made for the handful of rows of a step.

A step multiplies few rows by every matrix, so what counts is how a matrix lies in memory. Measured at width 256 and 8 rows
on one thread: a vocabulary head of 4096 takes 0.77 ms row by row, 0.60 ms column by column and 0.26 ms in oneDNN's blocks;
gate and up take 0.29 ms apart and row by row, 0.14 ms as one matrix in blocks. One row alone is fastest by columns.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, rms_norm

from omma.model.slots import LanguageModule
from omma.nn.block import LayerAttend, SelfAttention, Turn, WideRmsNorm
from omma.nn.init import ResidualLinear
from omma.nn.mlp import GatedMlp
from omma.nn.norm import RmsNorm
from omma.nn.rotary import Rotation

LARGEST = 2**30  # bytes that are copied at most; beyond it memory is worth more than the time
WORTH = 6  # steps from which on the copies pay

Project = Callable[[Tensor], Tensor]  # (T, D) → (T, N)


class Quick:
    """Parts of a language model that work, inside `with`, on copies of their weights made for about `rows` tokens at a time.

    The copies are as the weights were when they were made; tensors of the module stay where they are, and behind it works
    as before. Nothing is copied for fewer than `WORTH` steps, on other devices than CPU, or beyond `LARGEST` bytes.
    """

    def __init__(self, language: LanguageModule, rows: int, num_steps: int) -> None:
        self.language = language
        matrices = [parameter for parameter in language.parameters() if parameter.ndim > 1]
        small = sum(matrix.nbytes for matrix in matrices) <= LARGEST
        copies = num_steps >= WORTH and small and all(_plain(matrix) for matrix in matrices)
        self.forwards: dict[nn.Module, Callable[..., Tensor]] = {}
        self.head: Project | None = None
        if copies:
            with torch.no_grad():
                turned = Turned()
                self.forwards = {part: QUICK[type(part)](part, rows, turned) for part in _quick_parts(language)}
                self.head = laid_out([language.head], rows)

    def __enter__(self) -> None:
        for part, forward in self.forwards.items():
            part.__dict__["forward"] = forward  # what `del part.forward` would take away again, ten times as fast

    def __exit__(self, *_: object) -> None:
        for part in self.forwards:
            part.__dict__.pop("forward", None)

    def logits(self, hidden: Float[Tensor, "B D"]) -> Float[Tensor, "B V"]:
        """Final states → logits."""
        return hidden @ self.language.head.T if self.head is None else self.head(hidden)


def _quick_parts(part: nn.Module) -> Iterator[nn.Module]:
    """A part and all below it that have a quick way; matrices inside such a part belong to it."""
    quick = type(part) in QUICK and all(_known(child) for child in part.children())
    if quick:
        yield part
    for child in part.children():
        if not (quick and isinstance(child, nn.Linear)):
            yield from _quick_parts(child)


def laid_out(weights: list[Tensor], rows: int, biases: list[Tensor | None] | None = None) -> Project:
    """Matrices (N_i, D) and their biases → what multiplies by all of them at once, side by side: (T, D) → (T, ΣN_i)."""
    weight = torch.cat(weights) if len(weights) > 1 else weights[0]
    given = [bias for bias in biases or [] if bias is not None]
    bias = torch.cat(given) if given else None
    if rows == 1 or weight.dtype != torch.float32 or not torch.backends.mkldnn.is_available():
        return partial(linear, weight=weight.T.contiguous().T, bias=bias)
    blocks, multiply = torch.ops.mkldnn._reorder_linear_weight(weight, rows), torch.ops.mkldnn._linear_pointwise.default
    return lambda hidden: multiply(hidden, blocks, bias, "none", [], "")


class Turned:
    """Heads turned by a `Rotation`, whose tables are spread over whole heads once for all layers of a step."""

    def __init__(self) -> None:
        self.turn: Turn | None = None

    def __call__(self, heads_THK: Float[Tensor, "T H K"], turn: Turn) -> Float[Tensor, "T H K"]:
        if not isinstance(turn, Rotation):
            return turn(heads_THK)
        if turn is not self.turn:
            self.turn, self.cos = turn, torch.cat((turn.cos, turn.cos), dim=-1)
            self.sin = torch.cat((-turn.sin, turn.sin), dim=-1)
        other = heads_THK.roll(heads_THK.shape[-1] // 2, dims=-1)
        return torch.addcmul(heads_THK * self.cos, other, self.sin).to(heads_THK.dtype)


class QuickAttention:
    """`SelfAttention` with queries, keys and values as one matrix; heads that are not normed are turned together."""

    def __init__(self, part: SelfAttention, rows: int, turned: Turned) -> None:
        self.turned = turned
        projections = (part.query, part.key, part.value)
        self.project = laid_out([p.weight for p in projections], rows, [p.bias for p in projections])
        self.output = laid_out([part.output.weight], rows, [part.output.bias])
        self.heads, self.kv_heads = (p.out_features // part.head_dim for p in (part.query, part.key))
        self.head_dim, self.window = part.head_dim, part.window
        self.query_norm, self.key_norm = part.query_norm, part.key_norm
        self.bare = isinstance(part.query_norm, nn.Identity) and isinstance(part.key_norm, nn.Identity)

    def __call__(self, hidden: Float[Tensor, "T D"], turn: Turn, attend: LayerAttend, layer: int) -> Float[Tensor, "T D"]:
        heads_THK = self.project(hidden).view(len(hidden), -1, self.head_dim)
        sizes = (self.heads, self.kv_heads, self.kv_heads)
        if self.bare:
            turning, v_TGK = heads_THK.split((self.heads + self.kv_heads, self.kv_heads), dim=1)
            q_THK, k_TGK = self.turned(turning, turn).split(sizes[:2], dim=1)
        else:
            q_THK, k_TGK, v_TGK = heads_THK.split(sizes, dim=1)
            q_THK, k_TGK = self.turned(self.query_norm(q_THK), turn), self.turned(self.key_norm(k_TGK), turn)
        return self.output(attend(layer, q_THK, k_TGK, v_TGK, self.window).flatten(1))


class QuickMlp:
    """`GatedMlp` with gate and up as one matrix."""

    def __init__(self, part: GatedMlp, rows: int, _turned: Turned) -> None:
        self.project = laid_out([part.gate.weight, part.up.weight], rows, [part.gate.bias, part.up.bias])
        self.down = laid_out([part.down.weight], rows, [part.down.bias])
        self.activate = part.activate

    def __call__(self, hidden: Float[Tensor, "T D"]) -> Float[Tensor, "T D"]:
        gate, up = self.project(hidden).chunk(2, dim=-1)
        return self.down(self.activate(gate) * up)


def _quick_norm(part: RmsNorm, _rows: int, _turned: Turned) -> Project:
    """x · w√D / √(‖x‖² + Dε): four operations where the formula as it is written takes nine."""
    if part.weight.dtype != torch.float32:
        return lambda hidden: rms_norm(hidden, part.weight.shape, part.weight, part.eps)
    width = len(part.weight)
    weight, least = part.weight * width**0.5, torch.tensor((width * part.eps) ** 0.5)
    return lambda hidden: hidden / torch.hypot(torch.linalg.vector_norm(hidden, dim=-1, keepdim=True), least) * weight


def _quick_linear(part: nn.Linear, rows: int, _turned: Turned) -> Project:
    return laid_out([part.weight], rows, [part.bias])


QUICK: dict[type[nn.Module], Callable[..., Callable[..., Tensor]]] = {
    SelfAttention: QuickAttention, GatedMlp: QuickMlp, RmsNorm: _quick_norm,
    nn.Linear: _quick_linear, ResidualLinear: _quick_linear,
}  # fmt: skip


def _plain(matrix: Tensor) -> bool:
    """On CPU and whole; sharded and quantised matrices have layouts of their own."""
    return matrix.device.type == "cpu" and type(matrix.data) is torch.Tensor and matrix.is_floating_point()


def _known(child: nn.Module) -> bool:
    """A plain matrix or norm; an adapter around one, or a hook, computes something else."""
    hooked = child._forward_hooks or child._forward_pre_hooks
    return not hooked and type(child) in (nn.Linear, ResidualLinear, nn.Identity, nn.LayerNorm, RmsNorm, WideRmsNorm)
