"""Memory: a stage + a module fitted for it on the meta device → the bytes that one rank holds while a step runs.

What autograd keeps of a block is listed, not guessed: each block runs once on a few meta tokens with hooks on saved
tensors. What lies between the blocks (norms, connector, the loss) is a closed form. Blocks of maps (`nn.block.Chain`) are blocks
as well, and those of towers that see a grid of their own count with what they read.
"""

import copy
import math
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from omma.model.vision.davit import DualBlock
from omma.model.vision.florence2 import PostNormBlock
from omma.nn.block import Block, Chain
from omma.nn.experts import ExpertsModule
from omma.nn.rotary import Still
from omma.train.flops import paces
from omma.train.stage import Stage

TOKENS = 16  # of a traced block; what it keeps grows in proportion
BRIDGE = ("connector", "reducers")
CONNECTOR_KEPT = 2.0  # values kept by a connector for each value that its matrices read
LOGITS = 1.5  # a chunk of logits in low precision and in fp32


@dataclass(frozen=True, slots=True)
class Activations:
    """What a backward pass needs: `kept` of the forward pass, `inner` of the one block that is computed again at a time, and
    the `copies` of weights in low precision that autocast makes."""

    kept: int
    inner: int
    copies: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.kept + self.inner + self.copies


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on one rank at full budgets. `loading` is the model before the stage holds it as it does; `whole` and `again` are the
    activations of one micro-batch where blocks keep theirs and where they compute them again; `recompute` is the stage's choice.
    """

    loading: int
    weights: int
    gradients: int
    optimizer: int
    whole: Activations
    again: Activations
    logits: int
    recompute: bool

    @property
    def activations(self) -> int:
        """As the stage has it."""
        return (self.again if self.recompute else self.whole).total

    def total_with(self, *, recompute: bool) -> int:
        """The most that is held at a time."""
        step = self.weights + self.gradients + self.optimizer + self.logits + (self.again if recompute else self.whole).total
        return max(self.loading, step)

    @property
    def total(self) -> int:
        """As the stage has it."""
        return self.total_with(recompute=self.recompute)


def estimate_memory(stage: Stage, module: nn.Module, trained: Mapping[str, nn.Parameter], share: float, loading: int = 0) -> Memory:
    """Fitted module on meta + what trains + the share of tokens that is supervised → memory. `loading` if it was larger before."""
    bins = stage.budget.bins_per_step // stage.micro_batches
    low = stage.precision == "bf16"
    whole, again = _activations(module, stage.budget.tokens * bins, stage.budget.patches * bins, low)
    head: Tensor = module.get_submodule("language").head  # type: ignore[assignment]
    chunk = LOGITS * min(32 * 2**20, stage.budget.tokens * bins * share * 4 * len(head))
    groups = stage.optimizer.build(trained).groups
    weights = size_of(module)
    return Memory(
        loading=max(weights, loading),
        weights=weights,
        gradients=sum(p.nbytes for p in trained.values()) + max((p.nbytes for p in trained.values()), default=0),
        optimizer=sum(group["moments"] * sum(p.nbytes for p in group["params"]) for group in groups),
        whole=whole,
        again=again,
        logits=math.ceil(chunk + (4 * head.numel() if head.requires_grad else 0)),
        recompute=stage.recompute == "blocks",
    )


def size_of(module: nn.Module) -> int:
    """Module → bytes of its parameters and buffers."""
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))


def _activations(module: nn.Module, tokens: int, patches: int, low: bool) -> tuple[Activations, Activations]:
    """Module + what a micro-batch holds at most → activations kept whole, and with blocks that compute theirs again."""
    kept = inputs = most = 0.0
    flows, wide = False, 4.0 if next(module.get_submodule("language").parameters()).dtype == torch.float32 else 2.0
    low = low or wide == 2.0
    for part, count in (("encoder", patches), ("language", tokens)):
        parent = module.get_submodule(part)
        blocks, read = _blocks(parent), paces(parent)
        inside = {id(p) for block in blocks for p in block.parameters()}
        flows = flows or any(p.requires_grad and id(p) not in inside for p in parent.parameters())
        known: dict[Hashable, float] = {}  # blocks of a stack are mostly alike
        for block in blocks:
            kind = (flows, *((name, p.shape, p.requires_grad) for name, p in block.named_parameters()))
            if kind not in known:
                known[kind] = traced(block, flows, low)
            places = count * read[block].tokens
            one = known[kind] * places
            flows = flows or any(p.requires_grad for p in block.parameters())
            kept, most = kept + one, max(most, one)
            inputs += wide * places * _width(block) if flows else 0.0
        if part == "encoder":
            flows = flows or _trains_outside(module, ("encoder", "language"))
            bridge = CONNECTOR_KEPT * patches * min(wide, 2.0 if low else 4.0) * sum(_inputs(module, name) for name in BRIDGE)
            kept, inputs = (kept + bridge, inputs + bridge) if flows else (kept, inputs)
        if blocks and (flows or part == "language"):
            vectors = 3.0 if any(p.requires_grad and id(p) not in inside for p in parent.parameters()) else 2.0
            outside = vectors * wide * places * _width(blocks[-1])  # the last norm's steps, the states that the loss reads
            kept, inputs = kept + outside, inputs + outside
    copies, trained = _copies(module, low)
    return Activations(math.ceil(kept), 0, copies), Activations(math.ceil(inputs), math.ceil(most), trained)


def _blocks(parent: nn.Module) -> list[nn.Module]:
    """All blocks of a part, in order: of stacks, and the parts of chains."""
    chained = {part for chain in parent.modules() if isinstance(chain, Chain) for part in chain}
    return [block for block in parent.modules() if isinstance(block, Block) or block in chained]


def traced(block: nn.Module, flows: bool, low: bool) -> float:
    """Block on meta + whether its input wants gradients + whether products run in bf16 → bytes that autograd keeps per token."""
    block = copy.deepcopy(block).float().train()  # on meta a copy weighs nothing; precision is a matter of counting
    own = {tensor.untyped_storage()._cdata for tensor in (*block.parameters(), *block.buffers())}
    held: dict[int, tuple[Tensor, float]] = {}
    norms: list[nn.Module] = []

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            narrow = low and not norms and tensor.dtype == torch.float32
            held.setdefault(storage._cdata, (tensor, storage.nbytes() * (0.5 if narrow else 1.0)))
        return tensor

    shape = _shape(block)
    hidden = torch.zeros(shape, device="meta", requires_grad=flows)
    with _one_expert(block), _inside_norms(block, norms), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        if isinstance(block, Block):
            block(hidden, Still(), _attend, 0)
        else:
            with _Fused():
                block(hidden)
    return sum(size for _, size in held.values()) * _width(block) / math.prod(shape)


def _shape(block: nn.Module) -> tuple[int, ...]:
    """Of a few tokens as the block takes them: in a row, one row after the other, or as a map of one window."""
    width = _width(block)
    if isinstance(block, Block | PostNormBlock):
        return (TOKENS, width) if isinstance(block, Block) else (1, TOKENS, width)
    side = block.places.attention.side if isinstance(block, DualBlock) else math.isqrt(TOKENS)  # type: ignore[union-attr]
    return (1, width, int(side), int(side))  # type: ignore[arg-type]


class _Attention(torch.autograd.Function):
    """What a fused attention keeps: queries, keys, values, its output and one number per query and head."""

    @staticmethod
    def forward(ctx: Any, q_THK: Tensor, k_TGK: Tensor, v_TGV: Tensor) -> Tensor:
        out = q_THK.new_zeros(*q_THK.shape[:2], v_TGV.shape[2])
        ctx.save_for_backward(q_THK, k_TGK, v_TGV, out, q_THK.new_zeros(q_THK.shape[:2]))
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        raise AssertionError("a traced block has no backward pass")


class _Fused(TorchFunctionMode):
    """Attention of heads (…, H, T, K) keeps what a fused one does."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is not scaled_dot_product_attention:
            return function(*args, **(kwargs or {}))
        q, k, v = (heads.transpose(-2, -3).flatten(0, -3) for heads in args)
        return _Attention.apply(q, k, v).view_as(args[0].transpose(-2, -3)).transpose(-2, -3)


def _attend(layer: int, q_THK: Tensor, k_TGK: Tensor, v_TGV: Tensor, window: int = 0) -> Tensor:
    return _Attention.apply(q_THK, k_TGK, v_TGV)  # type: ignore[no-any-return]


class _Chosen(nn.Module):
    """As many experts as a token sees, without the routing that only real numbers can do."""

    def __init__(self, experts: ExpertsModule) -> None:
        super().__init__()
        shared = [experts.shared] if experts.cfg.shared_width else []
        self.branches = nn.ModuleList([*list(experts.experts)[: experts.cfg.chosen], *shared])

    def forward(self, hidden: Tensor) -> Tensor:
        return torch.stack([branch(hidden.clone()) for branch in self.branches]).sum(dim=0)


@contextmanager
def _one_expert(block: nn.Module) -> Iterator[None]:
    """Sparse experts give way to those that one token chooses."""
    if not isinstance(block, Block) or not isinstance(branch := block.mlp, ExpertsModule):
        yield
        return
    block.mlp = _Chosen(branch)
    try:
        yield
    finally:
        block.mlp = branch


@contextmanager
def _inside_norms(block: nn.Module, stack: list[nn.Module]) -> Iterator[None]:
    """While a norm runs, which computes in fp32 whatever the precision, it stands in `stack`."""
    norms = [part for part in block.modules() if "Norm" in type(part).__name__]
    hooks = [part.register_forward_pre_hook(lambda part, _: stack.append(part)) for part in norms]
    hooks += [part.register_forward_hook(lambda *_: stack.clear()) for part in norms]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _copies(module: nn.Module, low: bool) -> tuple[int, int]:
    """bf16 copies of fp32 matrices that autocast keeps for a step: of all, and of those that train (which it caches)."""
    if not low:
        return 0, 0
    blocks = _blocks(module)
    weights = {id(m.weight): m.weight for block in blocks for m in block.modules() if isinstance(m, nn.Linear | nn.Conv2d)}.values()
    wide = [weight for weight in weights if weight.dtype == torch.float32]
    return sum(2 * w.numel() for w in wide), sum(2 * w.numel() for w in wide if w.requires_grad)


def _trains_outside(module: nn.Module, parts: tuple[str, ...]) -> bool:
    """Whether anything trains in other children than these."""
    others = (child for name, child in module.named_children() if name not in parts)
    return any(p.requires_grad for child in others for p in child.parameters())


def _width(block: nn.Module) -> int:
    """Of the states that it takes and gives, which its first norm has."""
    norms = (part for part in block.modules() if "Norm" in type(part).__name__)
    return next(next(norms).parameters()).numel()


def _inputs(module: nn.Module, part: str) -> int:
    return sum(m.in_features for m in module.get_submodule(part).modules() if isinstance(m, nn.Linear))
