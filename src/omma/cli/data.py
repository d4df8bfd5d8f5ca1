"""`omma data`: data → a page that shows them, or the same in a format of the field; benchmarks → what must not be trained on."""

from omma.cli.data_look import look
from omma.cli.data_marks import marks
from omma.cli.data_write import write

COMMANDS = {"look": look, "write": write, "marks": marks}


def command() -> None:
    """Look at data on a page of your own, write them out for others to train on, or mark benchmarks that they must not hold.

    Reads a run that was curated, a manifest (.parquet), or a raw folder as `omma new` would read it. Writes nothing there:
    `look` serves a page until Ctrl-C, `write` fills a new folder. `marks` reads benchmarks and writes one file.

    Example: omma data look runs/quickstart

    As shards of WebDataset: omma data write runs/quickstart out/scenes --as webdataset

    What must not be trained on: omma data marks pope,scienceqa tests.parquet --data benchmarks
    """
