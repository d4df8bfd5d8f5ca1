"""Server: an index → a page on 127.0.0.1 that browses it. Reads only; what it hands out is queried, never a file by its path.

/                     the page, its styles and scripts
/api/facts            what lies here: counts by fate, source, task, operator
/api/rows?...         a page of rows (the fields of `Selection`)
/api/sample?n=17      one row's life; ?id=… finds it by its id or by a part of it
/api/scores?operator= a histogram; &threshold= what another threshold would do
/api/copies?operator= groups of copies
/api/reasons          why rows went, counted
/picture/17/0?side=   the first picture of row 17 as a JPEG or PNG
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb

from omma.core.errors import DataError, OmmaError
from omma.report.browse.copies import copies, copying
from omma.report.browse.index import Index
from omma.report.browse.life import find, life
from omma.report.browse.reasons import reasons
from omma.report.browse.selection import parse, select
from omma.report.browse.spread import instead, spread
from omma.report.browse.telling import group_of, life_of, page_of, plain
from omma.report.browse.thumbnails import Thumbnails

HOST = "127.0.0.1"
GROUPS = 12  # of a page
KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
SCRIPTS = ("browse.js", "detail.js", "dom.js", "groups.js", "samples.js", "scores.js", "state.js")
OWN = {  # the only files there are: path, place in the package
    "/": "browse/page/page.html",
    "/style.css": "style.css",
    **{f"/{name}": f"browse/page/{name}" for name in ("browse.css", *SCRIPTS)},
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
Query = Mapping[str, Sequence[str]]


class Browser(ThreadingHTTPServer):
    """The server over one index. `port` 0 takes a free one; DataError if it is taken."""

    daemon_threads = True

    def __init__(self, index: Index, port: int = 0) -> None:
        self.index, self.thumbnails = index, Thumbnails(index.folder.store)
        try:
            super().__init__((HOST, port), Handler)
        except (OSError, OverflowError) as error:
            got = getattr(error, "strerror", None) or str(error)
            raise DataError(f"port {port}", got, "a free port", "give another with --port, or 0 for any") from None

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    """One request. Whatever is not there is 404 with a line that says so."""

    server: Browser
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer, and say nothing of it on the screen."""
        try:
            self._check_host()
            self._send(*answer(self.server, self.path))
        except OmmaError as error:
            self._complain(404, str(error))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the page has gone on
        except (duckdb.Error, OSError) as error:
            self._complain(500, f"the files cannot be read as they were: {error}; end this page and open it again")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a page of thumbnails would fill the screen."""

    def _check_host(self) -> None:
        """Another site whose name was pointed at this machine is refused, since it could read what it asks for."""
        host = self.headers.get("Host", "").rpartition(":")[0]
        if host not in (HOST, "localhost"):
            raise DataError("Host", repr(host), f"{HOST} or localhost")

    def _complain(self, status: int, words: str) -> None:
        self._send(status, "application/json", json.dumps({"error": words}, ensure_ascii=False).encode(errors="replace"))

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        kept = "private, max-age=3600" if kind.startswith("image/") else "no-store"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": kept, **HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def answer(browser: Browser, address: str) -> tuple[int, str, bytes]:
    """Path with query → status, kind and body. DataError for what is not there."""
    parts = urlsplit(address)
    query = parse_qs(parts.query, keep_blank_values=True)
    if parts.path in OWN:
        name = OWN[parts.path]
        return 200, f"{KINDS[name.rpartition('.')[2]]}; charset=utf-8", files("omma.report").joinpath(name).read_bytes()
    if parts.path.startswith("/picture/"):
        picture = _picture(browser, parts.path, query)
        return 200, "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg", picture
    called = parts.path.removeprefix("/api/")
    if not parts.path.startswith("/api/") or called not in CALLS:
        raise DataError(parts.path, "nothing is here", "", "the page is at /")
    return (
        200,
        "application/json",
        json.dumps(CALLS[called](browser, query), ensure_ascii=False, allow_nan=False).encode(errors="replace"),
    )


def _picture(browser: Browser, path: str, query: Query) -> bytes:
    """/picture/ROW/PLACE → its bytes."""
    numbers = path.removeprefix("/picture/").split("/")
    if len(numbers) != 2 or not all(_is_whole(text) for text in numbers):
        raise DataError(path, "no picture's address", "/picture/ROW/PLACE")
    n, place = map(int, numbers)
    media = browser.index.sample(n).media
    if place >= len(media):
        raise DataError(path, f"row {n} has {len(media)} pictures", "the number of one, from 0")
    return browser.thumbnails.get(media[place], _whole(query, "side", 240))


@cache
def _facts(index: Index) -> dict[str, Any]:
    """What lies here. It does not change while the page is open."""

    def counted(column: str) -> dict[str, int]:
        return dict(index.ask(f"SELECT {column}, count(*) FROM entry GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 200"))

    gone = counted("operator")
    operators = [
        plain(judge) | {"gone": gone.get(judge.name, 0), "spread": plain(spread(index, judge.name)) if judge.has_score else None}
        for judge in index.judges
    ]
    return {
        "title": index.folder.title,
        "path": str(index.folder.path),
        "is_run": index.folder.is_run,
        "total": index.total,
        "fates": counted("fate"),
        "sources": counted("source"),
        "tasks": counted("task"),
        "gone": {name: count for name, count in gone.items() if name},
        "operators": operators,
        "copying": [judge.name for judge in copying(index)],
    }


def _rows(browser: Browser, query: Query) -> Any:
    return page_of(browser.index, select(browser.index, parse(query)))


def _sample(browser: Browser, query: Query) -> Any:
    if not {"id", "n"} & query.keys():
        raise DataError("n or id", "neither", "the number of a row, or a sample's id")
    index = browser.index
    told = life(index, find(index, query["id"][0]).n if "id" in query else _whole(query, "n", 0))
    if told.sample:  # a raw folder's pictures are not measured yet, and boxes are drawn by their sides
        media = tuple(browser.thumbnails.measured(item) for item in told.sample.media)
        told = replace(told, sample=replace(told.sample, media=media))
    return life_of(told)


def _scores(browser: Browser, query: Query) -> Any:
    index = browser.index
    told = spread(index, _word(query, "operator"))
    if "threshold" not in query:
        return {"spread": plain(told)}
    try:
        threshold = float(query["threshold"][0])
    except ValueError:
        raise DataError("threshold", repr(query["threshold"][0]), "a number") from None
    if not math.isfinite(threshold):
        raise DataError("threshold", str(threshold), "a finite number")
    return {"spread": plain(told), "instead": plain(instead(index, told, threshold))}


def _copies(browser: Browser, query: Query) -> Any:
    index = browser.index
    found = copies(index, _word(query, "operator"), _whole(query, "page", 0), GROUPS)
    return {"total": found.total, "copies": found.copies, "size": GROUPS, "groups": [group_of(index, one) for one in found.groups]}


CALLS: dict[str, Callable[[Browser, Query], Any]] = {
    "facts": lambda browser, query: _facts(browser.index),
    "rows": _rows,
    "sample": _sample,
    "scores": _scores,
    "copies": _copies,
    "reasons": lambda browser, query: plain(reasons(browser.index)),
}


def _word(query: Query, name: str) -> str:
    return query.get(name, [""])[0]


def _whole(query: Query, name: str, default: int) -> int:
    text = _word(query, name)
    if text and not _is_whole(text):
        raise DataError(name, repr(text), "a whole number")
    return int(text) if text else default


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16
