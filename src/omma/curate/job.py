"""curate: raw folder → train and held-out manifests, scores, and a ledger row for every sample.

draw (worlds) → read → facts of pictures → split → operators in order → write. Looks at pictures are kept as they are
made: after a kill the same call continues and writes the same bytes as if nothing had happened.
"""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.config import show
from omma.core.errors import DataError
from omma.core.files import atomic_path, inside, write_text
from omma.core.ledger import Entry, VerdictWord
from omma.core.progress import say
from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.films import Film, gather_films
from omma.curate.joining import join_turns
from omma.curate.judging import Bench, judge
from omma.curate.looking import Facts, gather_facts, gather_looks
from omma.curate.looks import Looks
from omma.curate.operator import Candidate, PictureOperator, SetOperator
from omma.curate.reading import Read, read_all
from omma.curate.split import held_out
from omma.curate.summary import Member, summarise
from omma.schema.manifest import write_manifest
from omma.schema.sample import Media, Sample

READ = "read"  # the operator's name in the ledger for rows that are no samples and pictures without a header


def curate(data: Data, run: RunFolder, *, seed: int, workers: int) -> None:
    """Data config → `data/*.parquet`, the ledger's `curate` rows and `done/curate.json` in the run folder.

    `workers` below 2 works in this process; any number gives the same bytes. `seed` chooses the report's examples and
    the order of joined turns.
    DataError if there is nothing to read, or if more rows fail than `data.max_errors` allows (the ledger then names them).
    """
    root = raw_folder(data, run)
    rows = read_all(data, root)
    facts, films = gather_facts(root, _uris(rows, "image"), workers), gather_films(root, _uris(rows, "video"), workers)
    known = facts | films  # one dict for all rows: a copy for each would take hours
    members = [_member(row, known, data.holdout) for row in rows]
    try:
        _check_errors(data, members)
        _pass_operators(data, members, facts, root, run, workers)
        _check_errors(data, members)
    finally:
        _write_ledger(data, members, run)  # also of a job that is stopped: it says what failed
    train, heldout = _parts(members)
    if not train:
        fix = "see the ledger, or loosen the operators' thresholds"
        raise DataError("curate", f"none of {len(members):,} samples is left to train on", "at least one", fix)
    joined = join_turns(train, data.turns, seed)
    with run.ledger.step("join") as book:
        book.extend(joined.entries)
    write_manifest(run / "data/train.parquet", train)  # single: answers are learnt from it; `conversations` joins them
    write_manifest(run / "data/heldout.parquet", heldout)
    _write_scores(run / "data/scores.parquet", data, members)
    run.finish("curate", **summarise(data, members, root, seed))
    say(f"curated {len(members):,} samples: {len(train):,} to train on{_as(joined.samples, train)}, {len(heldout):,} held out")


def conversations(data: Data, train: Sequence[Sample], seed: int) -> list[Sample]:
    """Curated training samples → what is trained on: single questions joined as `data.turns` says."""
    return join_turns(train, data.turns, seed).samples


def _as(joined: list[Sample], train: list[Sample]) -> str:
    return f" in {len(joined):,} conversations" if len(joined) < len(train) else ""


def raw_folder(data: Data, run: RunFolder) -> Path:
    """The data root; drawn worlds are drawn into the run's `raw/` unless they stand there already."""
    if not data.world:
        return Path(data.root)
    root = run / "raw"
    root.mkdir(parents=True, exist_ok=True)
    for world in data.world:
        folder = inside(root, world.folder)
        mark = folder / "world.yaml"  # written last: without it, drawing was interrupted
        if mark.is_file() and mark.read_text(encoding="utf-8") == show(world):
            continue
        shutil.rmtree(folder, ignore_errors=True)
        world.draw(root)
        write_text(mark, show(world))
    return root


def _uris(rows: list[Read], kind: str) -> list[str]:
    """Names of all pictures or videos, each once, in the order of reading."""
    return list(dict.fromkeys(item.uri for row in rows for item in row.sample.media if item.kind == kind))


def _member(row: Read, known: dict[str, Facts], share: float) -> Member:
    """Row → member with what is known of its pictures and videos filled in and its side of the split."""
    if row.broken:
        return Member(row.sample, row.heldout, READ, f"error:{READ}: {row.broken}", failed=True)
    sample = replace(row.sample, media=tuple(_measured(item, known[item.uri]) for item in row.sample.media))
    heldout = row.heldout or held_out(sample, known, share)
    broken = next((known[item.uri].error for item in sample.media if item.kind == "video" and known[item.uri].error), "")
    return Member(sample, heldout, READ, f"error:{READ}: {broken}", failed=True) if broken else Member(sample, heldout)


def _measured(item: Media, facts: Facts) -> Media:
    """A picture or video with what its bytes say of it. A pace that a reader knows stays."""
    seen = replace(item, sha256=facts.sha256, width=facts.width, height=facts.height)
    return replace(seen, frames=facts.frames, fps=item.fps or facts.fps) if isinstance(facts, Film) else seen


def _pass_operators(data: Data, members: list[Member], facts: dict[str, Facts], root: Path, run: RunFolder, workers: int) -> None:
    """Members → the same with scores and fates, one operator after the other."""
    lookers = tuple(op for op in data.operators if isinstance(op, PictureOperator) or (isinstance(op, SetOperator) and op.looks_at))
    folder = Path(data.looks) if data.looks else run / "data/looks"
    looks = Looks(folder, frozenset(op.key for op in lookers))
    gather_looks(root, facts, lookers, looks, workers)
    bench = Bench(facts, looks, folder / "sets")
    for operator in data.operators:
        alive = [member for member in members if not member.gone]
        outcomes = judge(operator, [Candidate(member.sample, member.heldout, scores=member.scores) for member in alive], bench)
        for member, outcome in zip(alive, outcomes, strict=True):
            if not outcome.failed:
                member.scores[operator.name] = outcome.score
            if outcome.failed or (outcome.reason and not (member.heldout and operator.scope == "train")):
                state = f"error:{operator.name}: " if outcome.failed else ""
                member.gone, member.reason, member.failed = operator.name, state + outcome.reason, outcome.failed
        _check_errors(data, members)
    for member in members:
        unread = next((facts[item.uri] for item in member.sample.media if item.uri in facts and facts[item.uri].error), None)
        if not member.gone and unread is not None:
            member.gone, member.reason, member.failed = READ, f"error:{READ}: {unread.error}", True


def _check_errors(data: Data, members: list[Member]) -> None:
    failed = [member for member in members if member.failed]
    allowed = data.max_errors * len(members) if data.max_errors < 1 else data.max_errors
    if len(failed) <= allowed:
        return
    kinds = ", ".join(f"{count:,} {name}" for name, count in Counter(member.gone for member in failed).most_common())
    got = f"{len(failed):,} of {len(members):,} rows failed ({kinds}), the first {failed[0].sample.id}: {failed[0].reason}"
    expected = f"at most {allowed:,.0f} (data.max_errors={data.max_errors:g})"
    raise DataError("curate", got, expected, "mend the data, or raise data.max_errors; the ledger names every row")


def _parts(members: list[Member]) -> tuple[list[Sample], list[Sample]]:
    stay = [member for member in members if not member.gone]
    return [m.sample for m in stay if not m.heldout], [m.sample for m in stay if m.heldout]


def _write_ledger(data: Data, members: list[Member], run: RunFolder) -> None:
    """One row a member: what became of it, and whose doing that was."""
    by_name = {operator.name: operator for operator in data.operators}
    with run.ledger.step("curate") as book:
        for member in members:
            if not member.gone:
                word: VerdictWord = "heldout" if member.heldout else "keep"
                book.add(Entry(member.sample.id, member.sample.source, "curate", "1", word))
                continue
            operator = by_name.get(member.gone)
            score = member.scores.get(member.gone)
            book.add(
                Entry(
                    member.sample.id,
                    member.sample.source,
                    member.gone,
                    operator.version if operator else "1",
                    "error" if member.failed else "drop",
                    member.reason,
                    score,
                    operator.threshold if operator and score is not None else None,
                )
            )


def _write_scores(path: Path, data: Data, members: list[Member]) -> None:
    """Every score of every sample, one column an operator; null where it did not judge."""
    names = [operator.name for operator in data.operators]
    columns: dict[str, pa.Array] = {
        "id": pa.array([m.sample.id for m in members], pa.string()),
        "sha256": pa.array([m.sample.media[0].sha256 if m.sample.media else "" for m in members], pa.string()),
        "heldout": pa.array([m.heldout for m in members], pa.bool_()),
        "gone": pa.array([m.gone for m in members], pa.string()),
    }
    columns |= {name: pa.array([m.scores.get(name) for m in members], pa.float64(), from_pandas=True) for name in names}
    with atomic_path(path) as temporary:
        pq.write_table(pa.table(columns), temporary)
