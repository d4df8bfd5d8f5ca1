"""Judging: samples still alive + one operator → an outcome for each: score, and the reason it goes, if it goes."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.errors import DataError
from omma.core.files import atomic_path
from omma.curate.looking import Facts
from omma.curate.looks import Looks
from omma.curate.operator import Candidate, Look, Operator, PictureOperator, Scores, SetOperator, TextOperator
from omma.schema.sample import Sample


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operator says of one sample. `reason` is empty where it stays; `failed`: the operator could not judge it."""

    score: float = math.nan
    reason: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Bench:
    """What operators judge with: facts and looks of pictures, and the folder where scores of whole sets are kept."""

    facts: dict[str, Facts]
    looks: Looks
    folder: Path


def judge(operator: Operator, alive: Sequence[Candidate], bench: Bench) -> list[Outcome]:
    """Operator + samples → outcomes in the same order. A sample that it fails on has one that says so."""
    if isinstance(operator, PictureOperator):
        key = operator.key
        return [_judge_pictures(operator, key, candidate, bench) for candidate in alive]
    if isinstance(operator, TextOperator):
        return [_judge_text(operator, candidate.sample) for candidate in alive]
    if isinstance(operator, SetOperator):
        return _judge_set(operator, alive, bench)
    raise DataError(operator.name, type(operator).__name__, "a PictureOperator, TextOperator or SetOperator")


def _judge_pictures(operator: PictureOperator, key: str, candidate: Candidate, bench: Bench) -> Outcome:
    scores: list[float] = []
    for look in _looks(key, candidate.sample, bench):
        if isinstance(look, str):
            return Outcome(reason=look, failed=True)
        scores.append(float(look[0]))
        reason = operator.decide(scores[-1])
        if reason:
            return Outcome(scores[-1], reason)
    return Outcome(scores[0]) if scores else Outcome()


def _judge_text(operator: TextOperator, sample: Sample) -> Outcome:
    try:
        score = operator.score(sample)
    except Exception as error:  # the row says so, the job goes on
        return Outcome(reason=_words(error), failed=True)
    return Outcome(score, operator.decide(score))


def _judge_set(operator: SetOperator, alive: Sequence[Candidate], bench: Bench) -> list[Outcome]:
    outcomes: dict[int, Outcome] = {}
    judged: list[tuple[int, Candidate]] = []
    key = operator.key
    for number, candidate in enumerate(alive):
        looks = list(_looks(key, candidate.sample, bench)) if operator.looks_at else []
        failed = next((look for look in looks if isinstance(look, str)), None)
        if failed is None:
            sound = tuple(look for look in looks if not isinstance(look, str))
            judged.append((number, replace(candidate, looks=sound)))
        else:
            outcomes[number] = Outcome(reason=failed, failed=True)
    candidates = tuple(candidate for _, candidate in judged)
    scores = _set_scores(operator, candidates, bench.folder)
    for (number, _), value, reason in zip(judged, scores.values, operator.decide(scores), strict=True):
        outcomes[number] = Outcome(float(value), reason)
    return [outcomes[number] for number in range(len(alive))]


def _looks(key: str, sample: Sample, bench: Bench) -> Iterator[Look | str]:
    """The look at each picture of a sample, or a text saying why there is none."""
    for item in sample.media:
        fact = bench.facts.get(item.uri)
        if fact is None:
            continue  # a video
        if not fact.sha256:
            yield fact.error
            continue
        looked = bench.looks.get(fact.sha256, key)
        yield looked.error or looked.look


def _set_scores(operator: SetOperator, candidates: tuple[Candidate, ...], folder: Path) -> Scores:
    """Scores of a set, from the folder if the same operator has scored the same set before."""
    file = folder / f"{operator.key}-{_set_hash(candidates, operator.columns)}.parquet"
    if file.exists():
        table = pq.read_table(file)
        return Scores(table["value"].to_numpy(), tuple(table["note"].to_pylist()))
    scores = operator.score(candidates)
    if len(scores.values) != len(candidates):
        raise DataError(operator.name, f"{len(scores.values)} scores", f"{len(candidates)}, one a sample")
    with atomic_path(file) as temporary:
        pq.write_table(pa.table({"value": np.asarray(scores.values, np.float64), "note": list(scores.notes)}), temporary)
    return scores


def _set_hash(candidates: tuple[Candidate, ...], columns: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for candidate in candidates:
        digest.update(f"{candidate.heldout}{candidate.sample}\n".encode())
        for name in columns:
            digest.update(f"{candidate.scores.get(name)}\n".encode())
    return digest.hexdigest()[:16]


def _words(error: Exception) -> str:
    return error.got if isinstance(error, DataError) else f"{type(error).__name__}: {error}"
