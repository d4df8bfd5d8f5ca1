"""Explain: run folder + name of a sample → its life on the screen: where it was read, what operators said, what became of it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table
from rich.text import Text

from omma.cli.screen import screen
from omma.report.browse.folder import run_folder
from omma.report.browse.index import Index
from omma.report.browse.life import Life, Step, find, life
from omma.report.funnel import plain
from omma.schema.sample import Sample

TOLD = {
    "train": "trained on",
    "heldout": "held out",
    "dropped": "dropped",
    "error": "failed",
    "rewritten": "rewritten: others stand in its place",
}
WORDS = 600  # letters of what a sample says
COLOURS = {"stayed": "green", "dropped": "red", "error": "red", "rewrote": "blue"}


def explain(run: Path, name: str) -> None:
    """Print one sample's life. Nothing is curated again. DataError where nothing is curated, or no one sample has this name."""
    with tempfile.TemporaryDirectory(prefix="omma-explain-") as scratch:
        index = Index(run_folder(run), Path(scratch))
        try:
            told, total = life(index, find(index, name).n), index.total
        finally:
            index.close()
    out = screen()
    out.print(Text(told.entry.id, "bold"), soft_wrap=True)
    for label, text in facts(told, total):
        out.print(Text.assemble((f"  {label:<12}", "dim"), text), soft_wrap=True)
    if told.steps:
        out.print()
        out.print(_table(told.steps))


def facts(told: Life, total: int) -> Iterator[tuple[str, str]]:
    """Life → lines of (what, words), but for the operators."""
    entry = told.entry
    why = f" by {entry.operator}: {plain(entry.reason)}" if entry.operator else ""
    yield "fate", TOLD[entry.fate] + why
    by = f", read by {told.read_by}" if told.read_by else ""
    yield "row", f"{entry.n + 1:,} of {total:,}" + f", source {entry.source}" * bool(entry.source) + by
    if told.sample is None:
        yield "sample", "none is kept of it"
    else:
        yield from _shown(told.sample)
    if told.parent:
        yield "made of", told.parent
    for child in told.children:
        yield "made into", child
    for one in told.rewritings:
        yield "rewritten", f"by {one.operator}: {one.reason}"
    if told.joined_into:
        yield "joined", f"a turn of {told.joined_into}"
    for turn in told.turns:
        yield "joined", f"with {turn} as a turn of it"
    for one in told.later:
        yield one.step, f"{one.verdict} by {one.operator}" + f": {one.reason}" * bool(one.reason)


def _shown(sample: Sample) -> Iterator[tuple[str, str]]:
    for item in sample.media:
        size = f", {item.width} × {item.height} px" * bool(item.width and item.height)
        film = f", {item.frames:,} frames" * bool(item.frames)
        yield item.kind, item.uri + size + film + f", sha256 {item.sha256[:12]}" * bool(item.sha256)
    for caption in sample.captions:
        yield caption.origin, _short(caption.text)
    for turn in sample.turns:
        regions = [sample.regions[part.index].label for part in turn.parts if part.kind == "region"]
        yield turn.role, _short(turn.text) or f"(points at {', '.join(regions) or 'something'})"


def _short(text: str) -> str:
    text = " ".join(text[: 2 * WORDS].split())
    return text if len(text) <= WORDS else f"{text[:WORDS]} …"


def _table(steps: tuple[Step, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2))
    for name in ("operator", "score", "threshold", "lower", "higher", "of all"):
        table.add_column(name, justify="left" if name == "operator" else "right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for step in steps:
        verdict = Text(step.state, COLOURS.get(step.state, "dim"))
        if step.reason or step.note:
            verdict.append(f": {plain(step.reason) or step.note}", "default")
        table.add_row(Text(step.operator), _number(step.score), _number(step.threshold), *_place(step), verdict)
    return table


def _place(step: Step) -> tuple[str, str, str]:
    """Shares of all that scored lower and higher, and how many these are."""
    return (f"{step.lower:.1%}", f"{step.higher:.1%}", f"{step.judged:,}") if step.judged else ("", "", "")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
