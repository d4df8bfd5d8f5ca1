"""`omma eval`: a model → records and verdicts, on held-out samples of a run or on published benchmarks."""

import inspect
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.markup import escape

from omma.answerers.saved import find_saved, load_talker
from omma.cli.arguments import Parts
from omma.cli.find import find_recipe, own_parts
from omma.cli.job import kept
from omma.cli.models import WEB, is_ours, model_name, open_judge, open_model, recorded_file
from omma.cli.scores import print_abilities, print_scores
from omma.cli.screen import screen
from omma.cli.suites import Chosen, all_suites, find_suite, own_suite
from omma.core.errors import CheckpointError, ConfigError
from omma.core.progress import say
from omma.core.runs import RunFolder
from omma.evaluate.benchmark import Benchmark
from omma.evaluate.job import Share, evaluate, read_records, read_verdicts, rescore
from omma.evaluate.judges.judge import Bench, judge_records
from omma.evaluate.published import ERROR, Published
from omma.evaluate.question import Supply
from omma.evaluate.recorded import Recorded
from omma.evaluate.rulers import metrics
from omma.generate.sight import Sight
from omma.nn.device import pick_device
from omma.recipe import Recipe
from omma.schema.manifest import read_manifest

SCORES = "runs/scores"
PAID = "paid.sqlite"  # what servers answered, beside the records
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="a run, a checkpoint, an imported or released folder, an address, or a name for --answers",
        default_factory=str,
        show_default=False,
    ),
]
What = Annotated[
    list[str],
    typer.Argument(
        metavar="[SUITE] [PATH=VALUE]",
        help="names of benchmarks joined by commas (--list shows them), then changes such as benchmarks.0.limit=100",
        default_factory=list,
        show_default=False,
    ),
]
Place = Annotated[str, typer.Option("--data", metavar="PATH", help="the folder of the benchmarks, or a file of questions of yours")]
Answers = Annotated[str, typer.Option("--answers", metavar="FILE", help="score what MODEL answered before; a folder for several")]
Judged = Annotated[str, typer.Option("--judge", metavar="WHO", help="who judges: a file of verdicts, a model, an address")]
Ruler = Annotated[str, typer.Option("--metric", metavar="NAME", help="how your own questions are scored")]
Blind = Annotated[bool, typer.Option("--blind", help="replace every picture by plain grey")]
Shuffled = Annotated[bool, typer.Option("--shuffled", help="show every question the picture of another")]
On = Annotated[str, typer.Option("--on", metavar="RUN", help="the run whose held-out samples and suite to take")]
To = Annotated[str, typer.Option("--to", metavar="FOLDER", help=f"where scores go (a run's own folder, else {SCORES})")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", help="ask N questions of each benchmark, drawn by its seed")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda")]
Listing = Annotated[bool, typer.Option("--list", help="list the suites and the metrics, and stop")]


def command(
    model: Model,
    what: What,
    parts: Parts,
    data: Place = "",
    answers: Answers = "",
    judge: Judged = "",
    metric: Ruler = "exact",
    blind: Blind = False,
    shuffled: Shuffled = False,
    on: On = "",
    to: To = "",
    limit: Limit = 0,
    device: Device = "auto",
    listing: Listing = False,
) -> None:
    """Score a model: a run on its own held-out samples, or any model on published benchmarks or questions of yours.

    Reads checkpoints/ and data/ of a run and writes eval/after-<stage>/ or eval/blind/ in it; with --on, the samples and
    the suite are another run's. With SUITE, reads the benchmarks below --data and writes records, then scores, to
    FOLDER/eval/MODEL/. Answers that are stored already are not asked again; started under torchrun, the
    processes share the questions. `omma rescore` counts stored answers anew, `omma compare` sets two models side by side.

    Example: omma eval runs/quickstart --blind

    On benchmarks: omma eval models/llava pope,mme --data benchmarks

    A server's model (its key, if any, in OMMA_API_KEY): omma eval http://localhost:8000/v1#NAME pope --data benchmarks

    With a judge, of which metrics read the verdicts: omma eval models/llava mm_vet --judge http://localhost:8000/v1#NAME

    A quick look, on the CPU: omma eval models/llava five_minutes --data benchmarks

    What was answered elsewhere: omma eval llava-13b pope --answers llava-13b.jsonl --data benchmarks

    Questions of yours: omma eval runs/quickstart --data my.jsonl --metric vqa
    """
    if listing:
        list_all()
        return
    if not model:
        raise ConfigError("omma eval", "no MODEL", "a run, a checkpoint, a released folder or an address", "see `omma eval --help`")
    if blind and shuffled:
        raise ConfigError("omma eval", "both --blind and --shuffled", "one of them")
    sight: Sight = "grey" if blind else "shuffled" if shuffled else "picture"
    names, changes = [word for word in what if "=" not in word], tuple(word for word in what if "=" in word)
    if len(names) > 1:
        raise ConfigError("omma eval", f"{len(names)} suites: {' '.join(names)}", "one word", f"join them: {','.join(names)}")
    if not names and not data:
        held_out(Path(model), parts, sight, on, limit)
        return
    root = Path(data).parent if data and not names else Path(data or ".")
    chosen = find_suite(names[0], root, changes, limit) if names else own_suite(Path(data), metric, limit)
    published(chosen, model, Supply(root=root), sight, Path(answers) if answers else None, to, device, own_parts(parts), judge)


def held_out(run: Path, parts: Sequence[Path], sight: Sight, on: str, limit: int) -> None:
    """Score the newest checkpoint of a run with the suite and the held-out samples of that run, or of another."""
    place = Path(on) if on else run
    changes = [f"suite.{number}.limit={limit}" for number in range(len(_recipe(place, parts).suite))] if limit else []
    recipe = find_recipe(str(place), changes=changes, parts=parts)
    folder, trusted = RunFolder(place), own_parts(parts)
    torch.set_num_threads(recipe.run.threads)
    checkpoint = find_saved(run, trusted).folder
    with kept(folder):
        talker = load_talker(checkpoint, pick_device(recipe.run.device), trusted)
        talker = talker.looking_at(find_saved(place, trusted).store) if on else talker
        train, heldout = (read_manifest(folder / f"data/{name}.parquet") for name in ("train", "heldout"))
        moment = moment_of(checkpoint, on, sight)
        evaluate(recipe.suite, talker, Supply(heldout, train), folder / f"eval/{moment}", sight)
    print_scores(folder)


def published(
    chosen: Chosen,
    model: str,
    supply: Supply,
    sight: Sight,
    answers: Path | None,
    to: str,
    device: str,
    trusted: Sequence[str],
    judge: str,
) -> None:
    """Score any model, or its recorded answers, on benchmarks that lie below a data root."""
    own = not answers and not model.startswith(WEB) and is_ours(Path(model)) and (Path(model) / "checkpoints").is_dir()
    folder = RunFolder(Path(to or (model if own else SCORES)))
    name = Path(model).name if answers else model_name(model, trusted)
    if own and not to:
        name = moment_of(find_saved(Path(model), trusted).folder, "", "picture")
    place, suite = folder / f"eval/{_seen(name + chosen.ending, sight)}", chosen.benchmarks
    with kept(folder):
        if answers is not None:
            unseen = replace(supply, look=False)
            for benchmark in suite:
                evaluate((benchmark,), recorded(answers, benchmark, unseen), unseen, place, sight)
        else:
            assert supply.store is not None
            answerer = open_model(model, supply.store, pick_device(device), trusted, place / PAID)
            ask_failed_again(place, suite)
            share = Share(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))
            if not evaluate(suite, answerer, supply, place, sight, share):
                say(f"share {share.rank + 1} of {share.ranks} is answered; whoever ends last scores")
                return
        if judge:
            assert supply.store is not None
            bench = open_judge(judge, supply.store, pick_device(device), trusted, place / PAID)
            judged(place, suite, bench)
    print_scores(folder)
    print_abilities(place, trusted)
    _tell(sum(failed(place, benchmark) for benchmark in suite), f"questions failed and count as wrong; {place} says why")


def judged(place: Path, suite: Sequence[Benchmark], bench: Bench) -> None:
    """Have the records judged and score them again; tells of replies without a verdict, and of verdicts that nothing reads."""
    before = read_verdicts(place)
    benchmarks = [benchmark for benchmark in suite if isinstance(benchmark, Published)]
    _tell(judge_records(place, benchmarks, bench), "replies got no verdict from the judge")
    rescore(suite, place)
    if read_verdicts(place) == before:
        say("the judge's verdicts changed no number: no metric here reads them, or they stood there before")


def ask_failed_again(place: Path, suite: Sequence[Benchmark]) -> None:
    """Take away the records of benchmarks in which a question failed, so that it is asked again.

    What a server answered is kept beside them and costs nothing the second time.
    """
    for benchmark in suite:
        file = place / f"{benchmark.name}.jsonl"
        if (place / PAID).exists() and file.exists() and failed(place, benchmark):
            file.unlink()


def failed(place: Path, benchmark: Benchmark) -> int:
    """How many questions of a benchmark ended in an error of the model or its server."""
    return sum(record.details.get("finish") == ERROR for record in read_records(place, benchmark.name))


def recorded(answers: Path, benchmark: Benchmark, supply: Supply) -> Recorded:
    """File of answers, or folder with one file a benchmark → answerer; it tells how many questions have no answer."""
    everything = [question.sample.id for question in replace(benchmark, limit=0).questions(supply)]
    found = Recorded(recorded_file(answers, benchmark.name), everything)
    ids = {question.sample.id for question in benchmark.questions(supply)} if benchmark.limit else set(everything)
    missing = len(ids - found.said.keys())
    if missing:
        say(f"{benchmark.name}: {missing:,} of {len(ids):,} questions have no answer in {found.file}; they count as wrong")
    return found


def moment_of(checkpoint: Path, on: str, sight: Sight) -> str:
    """Checkpoint folder → `after-<stage>` if it ends its stage, else its own name. CheckpointError if it cannot be read."""
    if on:
        return _seen(checkpoint.name, sight)
    if sight != "picture":
        return "blind" if sight == "grey" else "shuffled"
    try:
        state = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
        ended = state["step"] == state["steps"]
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(str(checkpoint), f"state.json is unreadable ({error})", "a whole checkpoint") from None
    return f"after-{state['stage']}" if ended else checkpoint.name


def list_all() -> None:
    """Suites, then metrics, each with what it is, on the screen."""
    out = screen()
    out.print("Suites", style="bold")
    for name, item in all_suites().items():
        out.print(f"  [cyan]{name:<28}[/cyan] {escape(item.summary)}", soft_wrap=True)
    out.print("\nMetrics, for questions of your own", style="bold")
    for name, kind in metrics().items():
        out.print(f"  [cyan]{name:<28}[/cyan] {escape(_first_line(kind))}", soft_wrap=True)


def _recipe(place: Path, parts: Sequence[Path]) -> Recipe:
    return find_recipe(str(place), parts=parts)


def _seen(name: str, sight: Sight) -> str:
    return name + {"picture": "", "grey": "-blind", "shuffled": "-shuffled"}[sight]


def _tell(count: int, what: str) -> None:
    if count:
        say(f"{count:,} {what}")


def _first_line(kind: type) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0]
