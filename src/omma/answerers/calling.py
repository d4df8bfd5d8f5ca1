"""Calling: an address + a JSON body → the server's answer, tried again with growing pauses while the server is merely busy.

Standard library only. Redirects are refused, since the key would follow them to another host.
"""

import http.client
import ipaddress
import json
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from omma.answerers.line import Line
from omma.core.errors import ConfigError

TRIES = 6
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds; each pause is twice the one before
LONGEST_ASKED = 600.0  # seconds that a server may ask to wait
BUSY = (408, 409, 425, 429, 500, 502, 503, 504, 529)
NOBODY = (401, 403, 404, 405)  # whatever is asked, this is the answer: the run stops
SHOWN = 500  # characters of the server's words


class Refused(Exception):
    """The server understood one question and will not answer it; its words."""


class Unreachable(Exception):
    """No answer after all tries; what the last one came to."""


@dataclass(frozen=True, slots=True)
class Address:
    """`shown` is the address without the model; the key is in no text that is made of this."""

    shown: str
    model: str
    headers: tuple[tuple[str, str], ...]
    timeout: float

    def __repr__(self) -> str:
        return f"Address({self.shown}#{self.model})"


def parse_address(text: str, key: str, timeout: float) -> Address:
    """`http://host:port/v1#model` and a key → address. ConfigError for anything else, and for passwords in it."""
    place, _, model = text.partition("#")
    parts = urllib.parse.urlsplit(place)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ConfigError("model", repr(place), "an address such as http://localhost:8000/v1#model")
    if parts.username or parts.password:
        raise ConfigError("model", "an address with a password in it", "one without", "put the key into OMMA_API_KEY")
    headers = [("Content-Type", "application/json"), ("Accept", "application/json"), ("User-Agent", "omma")]
    headers += [("Authorization", f"Bearer {key}")] if key else []
    return Address(place.rstrip("/"), model, tuple(headers), timeout)


def call(address: Address, route: str, body: bytes | None, line: Line) -> tuple[str, float]:
    """POST the body (or GET without one) when it is its turn → the answer, which is JSON, and the seconds that it took.

    Refused with the server's words for a question that it cannot take, Unreachable after all tries, ConfigError if it
    lets nobody in, has no such route, or is gone.
    """
    opener = _opener(address)
    last = ""
    for number in range(TRIES):
        line.turn()
        began = time.perf_counter()
        try:
            request = urllib.request.Request(address.shown + route, body, dict(address.headers))
            with opener.open(request, timeout=address.timeout) as response:
                data = response.read()
            line.answered()
            text = data.decode("utf-8")
            json.loads(text)
            return text, time.perf_counter() - began
        except urllib.error.HTTPError as error:
            line.answered()
            with error:
                last = f"HTTP {error.code}: {_words(error)}"
                line.pause(_asked_pause(error))
            if error.code in NOBODY:
                raise ConfigError(address.shown + route, last, "an answer", _fix(error.code)) from None
            if error.code not in BUSY:
                raise Refused(last) from None
        except (OSError, http.client.HTTPException) as error:
            last = f"{type(error).__name__}: {error}"[:SHOWN]
            line.lost(last)
        except ValueError as error:
            last = f"no JSON: {error}"[:SHOWN]
        if number + 1 < TRIES:
            time.sleep(min(LONGEST_PAUSE, FIRST_PAUSE * 2**number) * random.uniform(0.5, 1.0))
    raise Unreachable(f"no answer after {TRIES} tries: {last}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(address: Address) -> urllib.request.OpenerDirector:
    """No redirects; no proxy on the way to this machine itself."""
    host = urllib.parse.urlsplit(address.shown).hostname or ""
    proxies = [urllib.request.ProxyHandler({})] if _is_here(host) else []
    return urllib.request.build_opener(_NoRedirect, *proxies)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _words(error: urllib.error.HTTPError) -> str:
    """What the server says, without the JSON around it."""
    try:
        text = error.read().decode("utf-8", errors="replace")
    except (OSError, http.client.HTTPException):
        return str(error.reason)
    try:
        found = json.loads(text)
        found = found.get("error", found)
        text = str(found.get("message", found.get("detail", found))) if isinstance(found, dict) else str(found)
    except (ValueError, AttributeError):
        pass
    return " ".join(text.split())[:SHOWN] or str(error.reason)


def _asked_pause(error: urllib.error.HTTPError) -> float:
    """Seconds that the server asks to wait: a number, or the time at which to ask again."""
    said = error.headers.get("Retry-After", "").strip()
    if said.isdecimal():
        return min(float(said), LONGEST_ASKED)
    try:
        when = parsedate_to_datetime(said)
    except ValueError:
        return 0.0
    seconds = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), LONGEST_ASKED)


def _fix(code: int) -> str:
    return "set OMMA_API_KEY" if code in (401, 403) else "is the address that of the interface, such as http://HOST/v1#MODEL?"
