"""Picture folder: pictures of written samples as files named by their content, each once: `pictures/ab/ab12….jpg`."""

from pathlib import Path

from omma.core.files import bytes_hash
from omma.curate.writer import Kept

FOLDER = "pictures"


class PictureFolder:
    """Writes below `folder`; `add` gives the name relative to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, kept: Kept) -> str:
        """Picture → its name. Equal bytes with equal endings are one file."""
        digest = bytes_hash(kept.data)
        name = f"{FOLDER}/{digest[:2]}/{digest}{kept.ending}"
        path = self.folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(kept.data)
        return name

    def named(self, kept: list[Kept]) -> dict[str, list[str]]:
        """Pictures and videos of a sample → fields `images` and `videos` with their names, each only where there is any."""
        found: dict[str, list[str]] = {}
        for one in kept:
            found.setdefault("images" if one.media.kind == "image" else "videos", []).append(self.add(one))
        return found
