"""JSONL log: one JSON object a line. A line that a crash cut off is dropped on the next opening."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


class JsonLog:
    """Append-only log of one run. `rewind` drops the lines that a resumed run is about to write again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, **values: Any) -> None:
        """Append one line and push it to the disk cache."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            cut = file.tell() > 0 and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n"
            file.write(("\n" * cut + json.dumps(values, ensure_ascii=False) + "\n").encode())

    def read(self) -> Iterator[dict[str, Any]]:
        """Whole lines, oldest first."""
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8", errors="replace") as file:  # a crash may cut a character in two
            for line in file:
                try:
                    yield json.loads(line)
                except json.JSONDecodeError:
                    continue  # a crash cut this line off; what it told is told again by the resumed run

    def rewind(self, keep: Callable[[dict[str, Any]], bool]) -> None:
        """Keep only the lines for which `keep` is true."""
        lines = [json.dumps(line, ensure_ascii=False) for line in self.read() if keep(line)]
        temporary = self.path.with_suffix(".tmp")
        if self.path.exists():
            temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            temporary.replace(self.path)
