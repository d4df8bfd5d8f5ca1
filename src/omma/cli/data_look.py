"""`omma data look`: a curated run, a manifest or a raw folder → a page on this machine that shows samples, scores and copies."""

import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from omma.cli.arguments import DataPath, Pictures
from omma.core.progress import say
from omma.report.browse.folder import find_folder
from omma.report.browse.index import Index
from omma.report.browse.server import Browser

Port = Annotated[int, typer.Option("--port", metavar="NUMBER", help="port on 127.0.0.1; 0 takes a free one")]
NoOpen = Annotated[bool, typer.Option("--no-open", help="print the address, open no browser")]


def look(path: DataPath, data: Pictures = None, port: Port = 0, no_open: NoOpen = False) -> None:
    """Serve a page that browses data: samples with their pictures, scores and verdicts, histograms, groups of copies.

    Reads manifests, scores and the ledger of a run, a manifest alone, or a raw folder as `omma new` would read it. Writes
    nothing there; an index lies in the system's temporary folder until Ctrl-C ends it. Only this machine can open the page.

    Example: omma data look runs/quickstart
    """
    with tempfile.TemporaryDirectory(prefix="omma-data-") as scratch:
        index = Index(find_folder(path, Path(scratch), data), Path(scratch))
        try:
            serve(Browser(index, port), opening=not no_open)
        finally:
            index.close()


def serve(browser: Browser, *, opening: bool) -> None:
    """Say where the page is and answer until Ctrl-C."""
    with browser:
        say(f"{browser.index.folder.path}: {browser.index.total:,} samples; Ctrl-C ends it")
        print(browser.address, flush=True)
        if opening:
            webbrowser.open(browser.address)
        try:
            browser.serve_forever()
        except KeyboardInterrupt:
            say("closed")
