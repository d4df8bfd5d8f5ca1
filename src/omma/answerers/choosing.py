"""Choosing: logits of one step of transformers' generation → the next token of each row, by omma's own rule of sampling.

transformers asks it twice a step: as a logits processor, which leaves each row the one token that is chosen, and as a
stopping criterion. So a sampled reply depends on (seed, sample id) alone, whatever stands beside it in a batch, and a
released folder draws the same tokens as its import does.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from omma.generate.choice import choose
from omma.generate.reply import Reply
from omma.generate.sampling import Sampling, draws
from omma.generate.text import GrowingText, cut

Decode = Callable[[Sequence[int]], str]


class Choosing:
    """One batch in the making: `ids` and `logprobs` of each row, up to and with the token that ended it."""

    def __init__(self, sampling: Sampling, sample_ids: Sequence[str], decode: Decode, stop_ids: Sequence[int]) -> None:
        self.sampling, self.decode, self.stop_ids = sampling, decode, frozenset(stop_ids)
        self.chance = torch.from_numpy(draws(sampling, sample_ids))
        self.ids: list[list[int]] = [[] for _ in sample_ids]
        self.logprobs: list[list[float]] = [[] for _ in sample_ids]
        self.growing = [GrowingText(decode, sampling.stop) for _ in sample_ids]
        self.done = [False] * len(sample_ids)
        self.step = 0

    def __call__(self, input_ids: Int[Tensor, "B T"], scores: Float[Tensor, "B V"]) -> Tensor:
        """As a logits processor: logits → the same with all but the chosen tokens at −inf."""
        if len(scores) != len(self.ids):
            raise ValueError(f"the model writes {len(scores)} replies to {len(self.ids)} questions")
        chosen = choose(scores, self.sampling, self.chance[:, self.step].to(scores.device))
        logprob = scores.log_softmax(dim=-1).gather(1, chosen[:, None]).squeeze(1)
        for row, (token_id, value) in enumerate(zip(chosen.tolist(), logprob.tolist(), strict=True)):
            if not self.done[row]:
                self._add(row, token_id, value)
        self.step += 1
        return torch.full_like(scores, -torch.inf).scatter(1, chosen[:, None], 0.0)

    def ended(self, input_ids: Int[Tensor, "B T"], scores: Any, **_: Any) -> Bool[Tensor, "B"]:
        """As a stopping criterion: which rows are done."""
        return torch.tensor(self.done, device=input_ids.device)

    def replies(self, seconds: float, prompts: Sequence[str]) -> list[Reply]:
        """What was said, with the hashes of the prompts."""
        return [self._reply(row, seconds / len(prompts), prompt) for row, prompt in enumerate(prompts)]

    def _add(self, row: int, token_id: int, logprob: float) -> None:
        self.ids[row].append(token_id)
        self.logprobs[row].append(logprob)
        stopped = bool(self.sampling.stop) and token_id not in self.stop_ids and self.growing[row].push(token_id)
        self.done[row] = stopped or token_id in self.stop_ids

    def _reply(self, row: int, seconds: float, prompt: str) -> Reply:
        ids = self.ids[row]
        said = ids[:-1] if ids and ids[-1] in self.stop_ids else ids
        text = cut(self.decode(said), self.sampling.stop)
        finish: Any = "stop" if self.done[row] else "length"
        return Reply(text, tuple(ids), tuple(self.logprobs[row]), finish, (), seconds, prompt)
