"""Endpoint: the address of a server with the OpenAI chat interface → a service that writes. Every request is paid for once."""

from typing import ClassVar

from omma.answerers.service import Service
from omma.core.config import config
from omma.core.errors import ConfigError


@config
class Endpoint(Service):
    """`address` as http://localhost:8000/v1, `model` as the server names it, or nothing if it has one; its key is OMMA_API_KEY.

    `workers` questions are under way at a time and `rate` are sent a second (0: as they come), from each process that asks;
    `timeout` seconds are waited for each. After `gone_after` requests in a row that found no connection, or no answer in time,
    the job stops: what was answered is kept, and the rest is asked by the next run. `kept` is the folder in which answers
    are kept, by a hash of address and request; without one they lie in the annex of the store.
    """

    opener: ClassVar[str] = "omma.answerers.endpoint"
    address: str = ""
    model: str = ""
    workers: int = 8
    timeout: float = 600.0
    rate: float = 0.0
    gone_after: int = 20
    kept: str = ""

    def check(self) -> None:
        if self.workers < 1:
            raise ConfigError("Endpoint.workers", str(self.workers), "at least 1")
        if self.rate < 0:
            raise ConfigError("Endpoint.rate", str(self.rate), "requests a second, or 0")
        if self.gone_after < 1:
            raise ConfigError("Endpoint.gone_after", str(self.gone_after), "at least 1 request")

    @property
    def mark(self) -> str:
        """Nothing: nobody can tell from outside whether other weights stand behind an address and a name."""
        return ""
