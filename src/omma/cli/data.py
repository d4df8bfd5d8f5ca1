"""`omma data`: a curated run, a manifest or a raw folder → a page that shows it, or the same in a format of the field."""

from omma.cli.data_look import look
from omma.cli.data_write import write

COMMANDS = {"look": look, "write": write}


def command() -> None:
    """Look at data on a page of your own, or write them out for others to train on.

    Reads a run that was curated, a manifest (.parquet), or a raw folder as `omma new` would read it. Writes nothing there:
    `look` serves a page until Ctrl-C, `write` fills a new folder.

    Example: omma data look runs/quickstart

    As shards of WebDataset: omma data write runs/quickstart out/scenes --as webdataset
    """
