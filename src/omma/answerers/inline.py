"""Inline: pictures that a process has in memory → a store, in which the name of a picture is its bytes in base64."""

from base64 import b64decode, b64encode
from pathlib import Path

from omma.media.store import Store


class Inline(Store):
    """Reads no file. Names come from `named`."""

    def __init__(self) -> None:
        super().__init__(Path())

    def read(self, uri: str) -> bytes:
        """Name → bytes."""
        return b64decode(uri)


def named(data: bytes) -> str:
    """Bytes of a picture → its name."""
    return b64encode(data).decode("ascii")
