"""Run folder: where everything of one run lies, and the marks that say which steps are done."""

import errno
import json
import os
from pathlib import Path
from typing import Any

from omma.core.config import Config, difference, load, packages, show
from omma.core.errors import CheckpointError
from omma.core.files import read_text, write_text
from omma.core.ledger import Ledger
from omma.core.logs import JsonLog

ANNEX = "data/annex"  # below a run folder: pictures that curation fetched or made


class RunFolder:
    """One folder per run; docs/ARCHITECTURE.md lists what lies in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ledger = Ledger(path / "ledger.parquet")
        self.log = JsonLog(path / "log.jsonl")

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def begin(self, recipe: Config, *, command: str, free: tuple[str, ...] = ()) -> None:
        """Make the folder, or continue one that was begun with the same recipe (CheckpointError showing the difference).

        Values whose paths begin as one of `free` may differ: nothing in the folder was made with them yet.
        """
        self.make()
        file, changes = self / "config.yaml", [""]
        if file.exists():
            changes = difference(load(read_text(file), where=str(file), trusted=packages(recipe)), recipe)
            if any(not change.startswith(free) for change in changes):
                fix = "give another folder with run.folder=NAME, or delete this one"
                raise CheckpointError(str(self.path), "was begun with another recipe:\n  " + "\n  ".join(changes) + "\n", "", fix)
        if changes:
            write_text(file, show(recipe))
        self.log.write(event="command", command=command, pid=os.getpid())

    def make(self) -> None:
        """Make the folder if there is none; CheckpointError if it cannot be, or cannot be written in."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not os.access(self.path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            fix = "give another one with run.folder=NAME"
            raise CheckpointError(str(self.path), f"no run folder: {error.strerror}", "a folder to write in", fix) from None

    def done(self, step: str) -> dict[str, Any] | None:
        """What a finished step left as its summary, or None if it is not finished."""
        file = self / f"done/{step}.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None

    def finish(self, step: str, **summary: Any) -> None:
        """Mark a step as finished, with the facts that later steps and the report need."""
        write_text(self / f"done/{step}.json", json.dumps(summary, indent=1, ensure_ascii=False))
