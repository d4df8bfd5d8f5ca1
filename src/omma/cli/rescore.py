"""`omma rescore`: stored answers of a run → verdicts anew, without the model."""

from omma.cli.arguments import Parts, RunPath
from omma.cli.find import find_recipe
from omma.cli.scores import print_scores
from omma.core.errors import CheckpointError
from omma.core.runs import RunFolder
from omma.evaluate.job import rescore


def command(run: RunPath, parts: Parts) -> None:
    """Score the stored answers of every moment again and print the table.

    Reads eval/<moment>/*.jsonl and known.json of the run folder. Writes the marks and verdicts.json anew.

    Example: omma rescore runs/quickstart
    """
    suite = find_recipe(str(run), parts=parts).suite
    moments = sorted(file.parent for file in run.glob("eval/*/known.json"))
    if not moments:
        raise CheckpointError(str(run / "eval"), "no stored answers", "", "run `omma eval` first")
    for folder in moments:
        rescore(suite, folder)
    print_scores(RunFolder(run))
