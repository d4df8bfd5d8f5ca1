"""Next token: (Output, Batch) → cross entropy of the labels, projected in chunks so that no (n, V) logits ever exist.

L = Σ w_i CE_i / Σ w_i over supervised positions; w = 1 (token), 1/x (sample) or x^-1/2 (sqrt), where x is the number
of supervised tokens of the document: the three averagings of the InternVL family (arXiv 2412.05271, section 3).
"""

from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from omma.core.config import config
from omma.core.errors import ConfigError, ShapeError
from omma.objective.objective import Objective, documents
from omma.schema.batch import IGNORE, Batch
from omma.schema.output import Loss, Output

POWERS = {"token": 0.0, "sample": -1.0, "sqrt": -0.5}


@config
class NextToken(Objective):
    """Cross entropy of the next token. `chunk_bytes` bounds the one buffer of logits that is alive at a time."""

    weighting: Literal["token", "sample", "sqrt"] = "token"
    chunk_bytes: int = 32 * 2**20

    def check(self) -> None:
        if self.chunk_bytes < 1:
            raise ConfigError("NextToken.chunk_bytes", str(self.chunk_bytes), "a positive number of bytes")

    def weights(self, batch: Batch) -> Float[Tensor, "T"]:
        """1, 1/x or x^-1/2 at supervised positions, 0 elsewhere."""
        supervised = batch.labels != IGNORE
        if self.weighting == "token":
            return supervised.float()
        document = documents(batch)
        count = torch.bincount(document[supervised], minlength=len(batch.sample_ids)).clamp(min=1)
        return torch.where(supervised, count[document].float() ** POWERS[self.weighting], 0.0)

    def __call__(self, output: Output, batch: Batch) -> Loss:
        """Loss over the supervised positions that are still in the stream. ShapeError if a label has no row in the head."""
        origin = output.stream.origin
        labels = batch.labels[origin]
        index = (labels != IGNORE).nonzero().squeeze(1)
        target, positions = labels[index], origin[index]
        if len(target) and int(target.max()) >= len(output.head):
            fix = "the tokenizer and the model were built with different vocabularies"
            raise ShapeError(
                "objective.next_token", f"label {int(target.max())}", f"fewer than {len(output.head)}, the head's rows", fix
            )
        weight = self.weights(batch)[positions]
        head = output.head if torch.is_grad_enabled() else output.head.detach()
        hidden = _as_autocast(output.stream.hidden[index])
        total, token_loss = _ChunkedCrossEntropy.apply(hidden, head, target, weight, self.chunk_bytes)
        return Loss(total, weight.sum(), token_loss, positions)


def _as_autocast(hidden: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
    """Norms leave fp32 behind; under autocast the projection, the largest product of all, is meant to be in low precision."""
    device = hidden.device.type
    return hidden.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else hidden


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Hidden (n, D), head (V, D), targets, weights → (Σ w CE, CE (n,)), holding one chunk of logits at a time.

    The gradients are linear in the upstream scalar, so they are finished while a chunk's logits are at hand:
    the projection is never computed twice. Sums over chunks are kept in fp32 whatever the states' precision.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Float[Tensor, "n D"],
        head: Float[Tensor, "V D"],
        target: Int[Tensor, "n"],
        weight: Float[Tensor, "n"],
        chunk_bytes: int,
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "n"]]:
        with torch.autocast(hidden.device.type, enabled=False):
            want_hidden, want_head = ctx.needs_input_grad[:2]
            matrix = head.to(hidden.dtype)
            loss = torch.empty(len(hidden), dtype=torch.float32, device=hidden.device)
            grad_hidden = torch.empty_like(hidden) if want_hidden else None
            grad_head = torch.zeros_like(head, dtype=torch.float32) if want_head else None
            chunk = max(1, min(len(hidden), chunk_bytes // (4 * len(head))))
            for first in range(0, len(hidden), chunk):
                part = slice(first, first + chunk)
                probability, loss[part] = _softmax_and_loss(hidden[part] @ matrix.T, target[part])
                if not (want_hidden or want_head):
                    continue
                delta = _logit_gradient(probability, target[part], weight[part]).to(hidden.dtype)
                if grad_hidden is not None:
                    torch.mm(delta, matrix, out=grad_hidden[part])
                if grad_head is not None:
                    _add_product(grad_head, delta, hidden[part])
        ctx.gradients = (grad_hidden, None if grad_head is None else grad_head.to(head.dtype))
        ctx.mark_non_differentiable(loss)
        return (loss * weight).sum(), loss

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_total: Float[Tensor, ""], _grad_loss: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        assert ctx.gradients is not None, "the loss was differentiated twice; its gradients are scaled in place, once"
        grad_hidden, grad_head = (None if grad is None else grad.mul_(grad_total.to(grad.dtype)) for grad in ctx.gradients)
        ctx.gradients = None
        return grad_hidden, grad_head, None, None, None


def _softmax_and_loss(logits: Float[Tensor, "c V"], target: Int[Tensor, "c"]) -> tuple[Float[Tensor, "c V"], Float[Tensor, "c"]]:
    """Logits → (softmax, cross entropy) in fp32, in place where the logits are fp32 already."""
    logits = logits.float()
    logits -= logits.amax(dim=1, keepdim=True)
    at_target = logits.gather(1, target[:, None])
    total = logits.exp_().sum(dim=1, keepdim=True)
    return logits.div_(total), (total.log() - at_target).squeeze(1)


def _logit_gradient(
    probability: Float[Tensor, "c V"], target: Int[Tensor, "c"], weight: Float[Tensor, "c"]
) -> Float[Tensor, "c V"]:
    """w · (softmax − one-hot), in place."""
    probability.scatter_add_(1, target[:, None], torch.full_like(probability[:, :1], -1.0))
    return probability.mul_(weight[:, None])


def _add_product(grad_head: Float[Tensor, "V D"], delta: Float[Tensor, "c V"], hidden: Float[Tensor, "c D"]) -> None:
    """grad_head += deltaᵀ hidden, accumulated in fp32."""
    if delta.dtype == torch.float32:
        grad_head.addmm_(delta.T, hidden)
    else:
        grad_head += (delta.T @ hidden).float()
