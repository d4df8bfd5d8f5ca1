"""Download: a web address → its bytes in a file, whole and of the right kind, or a word for why there are none.

Only http and https are spoken, also after a redirect, and only with public addresses: names are resolved here and the
connection goes to what was judged, so that no name can point elsewhere in between. Pages that opt out of use by machines
(`X-Robots-Tag`) are left alone, as rom1504/img2dataset `img2dataset/downloader.py` leaves them.
"""

import contextlib
import hashlib
import http.client
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import Message
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from omma.curate.web.deadlines import Deadlines

REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5
MAY_PASS = (408, 425, 429)  # and all of 5xx
PIECE = 1 << 16
SAFE = "/%:=&?~+!$,;'@()*[]"  # what of an address is not escaped again
OPTED_OUT = frozenset(("noai", "noimageai", "noindex", "noimageindex"))
TEXTUAL = frozenset(range(32, 127)) | frozenset(b"\t\n\r\f") | frozenset(range(128, 256))
PORTABLE_MAP = re.compile(rb"P[1-7fF][\s#]")
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv4 inside IPv6 (RFC 6052)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds without a byte, seconds in all, bytes; whether private addresses may be asked; what we say we are."""

    timeout: float
    longest: float
    max_bytes: int
    private: bool
    user_agent: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one address: its bytes' number and hash, or an `error`.

    `code` is the last status (0: none came). `again` says that the error may pass, `wait` the seconds that the host asks
    for, `silent` that the host gave no answer at all.
    """

    code: int = 0
    error: str = ""
    num_bytes: int = 0
    sha256: str = ""
    content_type: str = ""
    again: bool = False
    wait: float = 0.0
    silent: bool = False


class _FailedError(Exception):
    def __init__(self, reply: Reply) -> None:
        self.reply = reply


def download(address: str, into: Path, limits: Limits, deadlines: Deadlines) -> Reply:
    """Address → its bytes written to `into`, and what is known of them. OSErrors of the file itself are raised."""
    end, hops = time.monotonic() + limits.longest, 0
    try:
        while hops <= MOST_REDIRECTS:
            with _asked(address, limits) as connection, deadlines.watch(connection, end):
                with _network(limits, end):
                    response = _response(connection, address, limits)
                    place = response.getheader("Location") if response.status in REDIRECTS else None
                    address = urljoin(address, place) if place else address
                if not place:
                    return _body(response, into, limits, end)
                hops += 1
        return Reply(response.status, f"redirected: more than {MOST_REDIRECTS} times")
    except _FailedError as failed:
        return replace(failed.reply, error=f"redirected: {failed.reply.error}") if hops else failed.reply


class _Http(http.client.HTTPConnection):
    """A connection to a judged address; closed at the end of a `with`."""

    private = False

    def connect(self) -> None:
        self.sock = _connected(self.host, self.port, self.timeout, self.private)

    def __enter__(self) -> "_Http":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Https(_Http):
    default_port = 443

    def connect(self) -> None:
        super().connect()
        self.sock = _secure().wrap_socket(self.sock, server_hostname=self.host)


@lru_cache(1)
def _secure() -> ssl.SSLContext:
    return ssl.create_default_context()


def _asked(address: str, limits: Limits) -> _Http:
    """Address → a connection to its host, not yet made; fails unless it is http or https without a password."""
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError) as error:
        raise _FailedError(Reply(error=f"bad address: {error}")) from None
    if parts.scheme not in ("http", "https"):
        raise _FailedError(Reply(error=f"bad address: {parts.scheme or 'nothing'}, not http or https"))
    if not host or parts.username is not None:
        raise _FailedError(Reply(error=f"bad address: {'a password in it' if host else 'no host'}"))
    kind = _Https if parts.scheme == "https" else _Http
    connection = kind(host, port or kind.default_port, timeout=limits.timeout)
    connection.private = limits.private
    return connection


@contextlib.contextmanager
def _network(limits: Limits, end: float) -> Iterator[None]:
    """What breaks a connection in the block → a failed reply."""
    try:
        yield
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise _FailedError(_silence(error, limits, late=time.monotonic() >= end)) from None


def _response(connection: _Http, address: str, limits: Limits) -> http.client.HTTPResponse:
    parts = urlsplit(address)
    target = quote(parts.path or "/", safe=SAFE, errors="replace")
    if parts.query:
        target += "?" + quote(parts.query, safe=SAFE, errors="replace")
    headers = {"User-Agent": limits.user_agent, "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity", "Connection": "close"}
    connection.request("GET", target, headers=headers)
    return connection.getresponse()


def _body(response: http.client.HTTPResponse, into: Path, limits: Limits, end: float) -> Reply:
    """A reply that is no redirect → its body in the file, or why not."""
    code, kind = response.status, response.getheader("Content-Type") or ""
    if code != http.client.OK:
        again = code in MAY_PASS or code >= 500
        words = f"{code} {response.reason or http.client.responses.get(code, '')}".strip()[:80]
        return Reply(code, words, content_type=kind, again=again, wait=_wait(response.headers))
    if opted := _opted_out(response.headers):
        return Reply(code, f"opted out: X-Robots-Tag {opted}", content_type=kind)
    size, digest, head = 0, hashlib.sha256(), b""
    with into.open("wb") as file:
        for piece in _pieces(response, limits, end):
            size += len(piece)
            head = head or piece[:512]
            digest.update(piece)
            file.write(piece)
    if fault := _fault(head):
        return Reply(code, fault, size, content_type=kind)
    return Reply(code, "", size, digest.hexdigest(), kind)


def _pieces(response: http.client.HTTPResponse, limits: Limits, end: float) -> Iterator[bytes]:
    """The body, piece by piece as it comes. A body that is too large or shorter than said fails."""
    said, size, most = response.length, 0, limits.max_bytes
    too_large = Reply(response.status, f"too large: more than {most:,} bytes")
    if said is not None and said > most:
        raise _FailedError(too_large)
    while said is None or size < said:
        with _network(limits, end):
            piece = response.read1(PIECE if said is None else min(PIECE, said - size))
        if not piece:
            break
        size += len(piece)
        if size > most:
            raise _FailedError(too_large)
        yield piece
    if said is not None and size < said:
        late = time.monotonic() >= end
        raise _FailedError(_late(limits) if late else Reply(response.status, f"cut off: {size:,} of {said:,} bytes", again=True))


def _fault(head: bytes) -> str:
    """First bytes → why they are no picture or film, or nothing: pages and notes come in place of what is gone."""
    if not head:
        return "empty"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<!--")):
        return "not a picture: an HTML page"
    if start.startswith(b"<"):
        return "not a picture: markup"
    if PORTABLE_MAP.match(head) or not TEXTUAL.issuperset(head):
        return ""
    return "not a picture: text"


def _opted_out(headers: Message) -> str:
    """Headers → the words by which a page opts out for all readers, or nothing."""
    for value in headers.get_all("X-Robots-Tag", []):
        _, mark, words = value.rpartition(":")
        found = OPTED_OUT & {word.strip().lower() for word in words.split(",")}
        if found and not mark:
            return ", ".join(sorted(found))
    return ""


def _wait(headers: Message) -> float:
    """Retry-After, in seconds or as a date → seconds from now."""
    value = (headers.get("Retry-After") or "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _silence(error: Exception, limits: Limits, *, late: bool) -> Reply:
    """What broke a connection → the reply that stands for it."""
    if late:
        return _late(limits)
    if isinstance(error, TimeoutError):
        return Reply(error=f"timeout: {limits.timeout:g} s without a byte", again=True, silent=True)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Reply(error=f"certificate: {error.verify_message}")
    if isinstance(error, socket.gaierror):
        passing = error.errno == socket.EAI_AGAIN
        return Reply(error="unknown host", again=passing, silent=True)
    if isinstance(error, ConnectionRefusedError):
        return Reply(error="refused", again=True, silent=True)
    if isinstance(error, http.client.IncompleteRead):
        return Reply(error="cut off: the last piece is missing", again=True)
    words = " ".join(str(error).split())[:80] or type(error).__name__
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return Reply(error=f"bad address: {words}")
    return Reply(error=f"connection: {words}", again=True, silent=isinstance(error, OSError))


def _late(limits: Limits) -> Reply:
    return Reply(error=f"timeout: longer than {limits.longest:g} s", again=True, silent=True)


def _connected(host: str, port: int, timeout: Any, private: bool) -> socket.socket:
    """Host and port → a socket connected to one of its addresses that may be asked."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    places = [(family, place) for family, _, _, _, place in found if private or public(str(place[0]))]
    if not places:
        raise _FailedError(Reply(error=f"private address: {found[0][4][0] if found else host}"))
    last: OSError = OSError("no address answers")
    for family, place in places:
        one = socket.socket(family, socket.SOCK_STREAM)
        one.settimeout(timeout)
        try:
            one.connect(place)
        except OSError as error:
            one.close()
            last = error
            continue
        return one
    raise last


def public(address: str) -> bool:
    """IP address → whether it is one of the open internet, also where it holds another (IPv4 inside IPv6)."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in TRANSLATED:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return public(str(inner))
    return ip.is_global and not ip.is_multicast
