"""Engine: a packed batch of prompts → the tokens that follow each of them, with their log-probabilities.

One packed prefill fills the cache; then every step is a stream of one token per row that is still talking. Rows that
are done leave the batch at once.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from omma.core.errors import DataError
from omma.generate.cache import Cache, DecodeAttend, PrefillAttend
from omma.generate.choice import choose
from omma.generate.layout import Quick
from omma.generate.reply import Finish
from omma.generate.sampling import Sampling, draws
from omma.generate.text import GrowingText, cut
from omma.model.vlm import VlmModule
from omma.nn.attention import Packed, PackedAttend
from omma.schema.batch import Batch, Stream
from omma.schema.output import Between


class Vocabulary(Protocol):
    """What generation needs of a tokenizer; `pack.codec.Codec` has it."""

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """Tokens that end a reply."""
        ...

    @property
    def banned_ids(self) -> tuple[int, ...]:
        """Tokens that a reply never holds."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids → text."""
        ...


@dataclass(frozen=True, slots=True)
class Token:
    """One token of one row. `logprob` is the model's own, without filters or bans; only a last token has a `finish`."""

    row: int
    token_id: int
    logprob: float
    finish: Finish | Literal[""]


@dataclass(frozen=True, slots=True)
class Continuation:
    """What follows one prompt. `token_ids` hold the stop token, or the tokens of the stop text, too; `text` does not."""

    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: Finish


def generate(module: VlmModule, batch: Batch, sampling: Sampling, vocabulary: Vocabulary) -> list[Continuation]:
    """Prompts → one continuation per document of the batch. Draws depend on (seed, sample id) alone, not on the batch.

    Raises DataError for an empty prompt or a model whose logits are not numbers.
    """
    growing = [GrowingText(vocabulary.decode, sampling.stop) for _ in batch.sample_ids] if sampling.stop else []
    tokens: list[list[Token]] = [[] for _ in batch.sample_ids]
    for step in steps(module, batch, sampling, vocabulary, growing):
        for token in step:
            tokens[token.row].append(token)
    return [_continuation(row, vocabulary, sampling) for row in tokens]


def stream(module: VlmModule, batch: Batch, sampling: Sampling, vocabulary: Vocabulary) -> Iterator[str]:
    """One prompt → pieces of text as soon as they are certain; joined they are the text that `generate` returns."""
    growing = GrowingText(vocabulary.decode, sampling.stop)
    for (token,) in steps(module, batch, sampling, vocabulary, [growing] if sampling.stop else []):
        if not sampling.stop and token.token_id not in vocabulary.stop_ids:
            growing.push(token.token_id)
        piece = growing.finish() if token.finish else growing.take()
        if piece:
            yield piece


def steps(
    module: VlmModule, batch: Batch, sampling: Sampling, vocabulary: Vocabulary, growing: Sequence[GrowingText]
) -> Iterator[list[Token]]:
    """The loop itself: per step, one token of every row that is not done. `growing` (one per row, or none) looks for stop texts."""
    cache, logits_BV, between = prefill(module, batch)
    device = logits_BV.device
    banned = torch.tensor(vocabulary.banned_ids, dtype=torch.long, device=device)
    chance_BL = torch.from_numpy(draws(sampling, batch.sample_ids)).to(device)
    alive, position = list(range(len(batch.sample_ids))), _last_positions(batch)
    quick, single = Quick(module.language, len(alive), sampling.max_tokens - 1), _single(alive, device)
    for index in range(sampling.max_tokens):
        id_B, logprob_B = _pick(logits_BV, banned, sampling, chance_BL[:, index])
        last = index + 1 == sampling.max_tokens
        step = _tokens(alive, id_B.tolist(), logprob_B.tolist(), vocabulary.stop_ids, growing, last)
        yield step  # outside of any gradient mode, which would be the caller's until the next step
        going = [place for place, token in enumerate(step) if not token.finish]
        if not going:
            return
        position = position + 1
        if len(going) < len(alive):
            rows = torch.tensor(going, device=device)
            alive, id_B, chance_BL, position = [alive[i] for i in going], id_B[rows], chance_BL[rows], position[rows]
            cache.keep(rows)
            single = _single(alive, device)
        logits_BV = _step(quick, cache, id_B, position, single, between)


@torch.no_grad()  # no inference mode: parts keep index tensors by picture grid, and training could not use those afterwards
def prefill(module: VlmModule, batch: Batch) -> tuple[Cache, Float[Tensor, "B V"], Between | None]:
    """Packed prompts → the filled cache, the logits behind each prompt's last token, what goes on between blocks."""
    lengths = batch.cu_seqlens.diff().tolist()
    if not lengths or min(lengths) == 0:
        empty = batch.sample_ids[lengths.index(0)] if lengths else "the batch"
        raise DataError(f"generate.{empty}", "a prompt without tokens", "at least one", "give the sample a turn or a picture")
    cache = Cache(lengths, module.language.num_layers, batch.tokens.device)
    output = module.read(batch, PrefillAttend(PackedAttend(Packed(batch.cu_seqlens)), cache))
    later = None if output.between is None else output.between.later()
    return cache, output.logits(batch.cu_seqlens[1:].long() - 1), later


@dataclass(frozen=True, slots=True)
class _Single:
    """What a stream of one token per row is beside tokens and positions, the same for as long as no row leaves."""

    cu_seqlens: Int[Tensor, "B1"]
    modality: Int[Tensor, "B"]
    origin: Int[Tensor, "B"]


def _single(alive: Sequence[int], device: torch.device) -> _Single:
    """Numbers of the rows that go on → their documents of length 1; `origin` is the prompt of each."""
    origin = torch.tensor(alive, device=device)
    return _Single(torch.arange(len(alive) + 1, device=device), torch.zeros_like(origin), origin)


@torch.inference_mode()
def _step(
    quick: Quick, cache: Cache, id_B: Tensor, position_BA: Tensor, single: _Single, between: Between | None
) -> Float[Tensor, "B V"]:
    """One token per row → logits of the next."""
    cache.open()
    language = quick.language
    tokens = Stream(language.embed(id_B), position_BA, single.cu_seqlens, single.modality, single.origin)
    with quick:
        return quick.logits(language(tokens, DecodeAttend(cache), between).hidden)


@torch.inference_mode()
def _pick(logits_BV: Tensor, banned: Tensor, sampling: Sampling, chance_B: Tensor) -> tuple[Tensor, Tensor]:
    """Logits → (token ids, their log-probabilities under the model as it is)."""
    logits_BV = logits_BV.float()
    logprob_BV = logits_BV.log_softmax(dim=-1)
    id_B = choose(logits_BV.index_fill_(1, banned, -torch.inf), sampling, chance_B)  # these logits are nobody else's
    return id_B, logprob_BV.gather(1, id_B[:, None]).squeeze(1)


def _tokens(
    alive: Sequence[int],
    ids: Sequence[int],
    logprobs: Sequence[float],
    stop_ids: Sequence[int],
    growing: Sequence[GrowingText],
    last: bool,
) -> list[Token]:
    """One step's picks → tokens that know whether they end their row."""
    tokens = []
    for row, token_id, logprob in zip(alive, ids, logprobs, strict=True):
        if math.isnan(logprob):
            fix = "the weights have diverged; take an earlier checkpoint"
            raise DataError("generate", f"logits that are not numbers in row {row}", "finite ones", fix)
        stopped = token_id in stop_ids or bool(growing and growing[row].push(token_id))
        tokens.append(Token(row, token_id, logprob, "stop" if stopped else "length" if last else ""))
    return tokens


def _last_positions(batch: Batch) -> Tensor:
    """(B, A): the largest position id of each row on every axis; what is generated continues behind it (as M-RoPE does).

    Where positions have fractions it is the next whole number, as behind a picture of V2PE.
    """
    borders = batch.cu_seqlens.tolist()
    largest = [batch.positions[first:last].max().ceil() for first, last in pairwise(borders)]
    return torch.stack(largest)[:, None].expand(-1, batch.positions.shape[1])


def _continuation(tokens: list[Token], vocabulary: Vocabulary, sampling: Sampling) -> Continuation:
    ids, last = tuple(token.token_id for token in tokens), tokens[-1]
    spoken = ids[:-1] if last.token_id in vocabulary.stop_ids else ids
    text = cut(vocabulary.decode(spoken), sampling.stop)
    assert last.finish, "every row ends at a stop or at max_tokens"
    return Continuation(text, ids, tuple(token.logprob for token in tokens), last.finish)
