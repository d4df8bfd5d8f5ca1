"""Reply: what a model said, and how likely it found what was given. Plain values, without torch."""

from dataclasses import dataclass
from typing import Literal

from omma.schema.sample import Region

Finish = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said. `token_ids` hold the token that stopped it, `logprobs` are the model's own; `regions` in xyxy px.

    `seconds` is this reply's share of its batch's time; `prompt_hash` names the tokens that it answers. `finish` is
    "missing" where a file of recorded answers has none, and "error" where asking failed; `error` says why.
    """

    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: Finish | Literal["missing", "error"]
    regions: tuple[Region, ...] = ()
    seconds: float = 0.0
    prompt_hash: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class SampleLoss:
    """Loss of one sample in nats, summed over its `count` supervised tokens."""

    sample_id: str
    total: float
    count: int
