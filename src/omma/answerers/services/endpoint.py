"""Endpoint: the address of a server with the OpenAI chat interface → a service that writes. Every request is paid for once."""

from typing import ClassVar

from omma.answerers.service import Service
from omma.core.config import config
from omma.core.errors import ConfigError


@config
class Endpoint(Service):
    """`address` as http://localhost:8000/v1, `model` as the server names it, or nothing if it has one; its key is OMMA_API_KEY.

    `workers` questions are under way at a time, `timeout` seconds are waited for each. `kept` is the folder in which answers
    are kept, by a hash of address and request; without one they lie in the annex of the store.
    """

    opener: ClassVar[str] = "omma.answerers.endpoint"
    address: str = ""
    model: str = ""
    workers: int = 8
    timeout: float = 600.0
    kept: str = ""

    def check(self) -> None:
        if self.workers < 1:
            raise ConfigError("Endpoint.workers", str(self.workers), "at least 1")

    @property
    def mark(self) -> str:
        """Nothing: nobody can tell from outside whether other weights stand behind an address and a name."""
        return ""
