"""Contrastive losses: logits of N pictures × N texts, of which (n, n) belong together → a loss, the mean over the N pairs.

All others of the batch are the negatives, so the loss is one of a whole batch: it is no sum over parts that could be worked out
one by one, as an `Objective` is. `train.contrast` works out the vectors part by part and this once for all of them.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy, logsigmoid

from omma.core.config import Config, config
from omma.core.errors import ShapeError


@config
class Contrastive(Config):
    """What pulls the pairs of a batch together and pushes all others apart."""

    def __call__(self, logits_NN: Float[Tensor, "N N"]) -> Float[Tensor, ""]:
        """Logits, pictures by texts → the loss. ShapeError unless there are as many texts as pictures."""
        if logits_NN.ndim != 2 or logits_NN.shape[0] != logits_NN.shape[1]:
            raise ShapeError(f"objective.{type(self).__name__}", f"logits of shape {tuple(logits_NN.shape)}", "(N, N)")
        return self.loss(logits_NN)

    def loss(self, logits_NN: Float[Tensor, "N N"]) -> Float[Tensor, ""]:
        """The same for a square."""
        raise NotImplementedError(f"{type(self).__name__} has no loss")


@config
class InfoNce(Contrastive):
    """CLIP (arXiv 2103.00020, figure 3): the mean of two cross entropies, of a picture's text among all texts and the other way."""

    def loss(self, logits_NN: Float[Tensor, "N N"]) -> Float[Tensor, ""]:
        own = torch.arange(len(logits_NN), device=logits_NN.device)
        return (cross_entropy(logits_NN, own) + cross_entropy(logits_NN.T, own)) / 2


@config
class Sigmoid(Contrastive):
    """SigLIP (arXiv 2303.15343, equation 1): −Σ log σ(±logit) / N, + for a pair and − for any other; every pair judged alone."""

    def loss(self, logits_NN: Float[Tensor, "N N"]) -> Float[Tensor, ""]:
        signs = 2 * torch.eye(len(logits_NN), dtype=logits_NN.dtype, device=logits_NN.device) - 1
        return -logsigmoid(signs * logits_NN).sum() / len(logits_NN)
