"""Fetching from a server on this machine that is slow, cuts off, lies and redirects: every address ends as a file or as a word."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow.parquet as pq
import pytest

from omma.core.errors import CheckpointError, ConfigError, DataError
from omma.core.files import bytes_hash
from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.fetching import Fetch, errors, fetch
from omma.curate.job import curate
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.web import statuses
from omma.curate.web.download import public
from omma.curate.web.hosts import Hosts
from omma.media.store import Store, annexed

PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40
QUICK = Fetch(threads=4, rate=1000, timeout=0.5, longest=1.2, retries=1, pause=0.01, max_bytes=20_000, private=True)


class Server(ThreadingHTTPServer):
    """Counts requests by path; `busy` are the greatest number at a time and the times of requests."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.lock, self.now, self.most, self.times = Counter(), threading.Lock(), 0, 0, []
        self.root = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        with self.server.lock:
            self.server.asked[self.path] += 1
            self.server.now += 1
            self.server.most = max(self.server.most, self.server.now)
            self.server.times.append(time.monotonic())
        word = self.path.split("?")[0].strip("/").split("/")[0]
        try:
            getattr(self, f"do_{word}", self.do_picture)()
        except OSError:
            pass  # the other side had enough
        finally:
            with self.server.lock:
                self.server.now -= 1

    def say(self, code, body=b"", **headers):
        self.send_response(code)
        for name, value in ({"Content_Length": len(body), "Content_Type": "image/jpeg"} | headers).items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def do_picture(self):
        self.say(200, PICTURE + self.path.encode())

    def do_slow(self):
        time.sleep(0.05)
        self.do_picture()

    def do_status(self):
        self.say(int(self.path.partition("?")[0].rsplit("/", 1)[1]), b"sorry")

    def do_once(self):
        """Too many requests, but for the second time."""
        if self.server.asked[self.path] > 1:
            self.do_picture()
        else:
            self.say(429, b"wait", Retry_After="0")

    def do_later(self):
        self.say(503, b"wait", Retry_After="3600")

    def do_silent(self):
        time.sleep(3)

    def do_trickle(self):
        self.send_response(200)
        self.send_header("Content-Length", "10000")
        self.end_headers()
        for _ in range(30):
            self.wfile.write(b"\xff")
            time.sleep(0.1)

    def do_cut(self):
        self.say(200, PICTURE[:100], Content_Length=len(PICTURE))
        self.close_connection = True

    def do_more(self):
        """More bytes than it says."""
        self.say(200, PICTURE + b"more", Content_Length=len(PICTURE))

    def do_pieces(self):
        self.say(200, b"", Content_Length=None, Transfer_Encoding="chunked")
        for part in (PICTURE[:1000], PICTURE[1000:]):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if not self.path.endswith("half"):
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def do_open(self):
        """No length: the end is where the connection ends."""
        self.say(200, PICTURE, Content_Length=None, Connection="close")
        self.close_connection = True

    def do_large(self):
        self.say(200, b"", Content_Length=10**12)

    def do_endless(self):
        self.say(200, b"", Content_Length=None, Connection="close")
        while True:
            self.wfile.write(b"\xff" * 10_000)

    def do_page(self):
        self.say(200, b"\n<!DOCTYPE HTML><title>gone</title>")

    def do_json(self):
        self.say(200, b'{"error": "gone"}')

    def do_empty(self):
        self.say(200, b"")

    def do_to(self):
        self.say(302, b"", Location=self.path.split("/to/", 1)[1])

    def do_round(self):
        self.say(302, b"", Location=self.path)

    def do_private(self):
        self.say(200, PICTURE, X_Robots_Tag="noindex, noai")

    def do_other(self):
        self.say(200, PICTURE, X_Robots_Tag="otherbot: noai")


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def rows(annex):
    found = [row for file in sorted((annex / "status").glob("*.parquet")) for row in pq.read_table(file).to_pylist()]
    assert len({row["address"] for row in found}) == len(found)  # one an address
    return {row["address"]: row for row in found}


def run(server, annex, *paths, settings=QUICK):
    addresses = [server.root + path for path in paths]
    fetch(addresses, annex, settings)
    known = rows(annex)
    return [known[address] for address in addresses]


def test_a_picture_is_there_by_its_address_with_a_row_that_tells_of_it(server, tmp_path):
    (row,) = run(server, tmp_path, "/a b/é.jpg?x=1&y=ü#part")
    data = Store(tmp_path, tmp_path).read(row["address"])
    assert data == PICTURE + b"/a%20b/%C3%A9.jpg?x=1&y=%C3%BC"
    assert (row["code"], row["error"], row["again"], row["tries"]) == (200, "", False, 1)
    assert (row["bytes"], row["sha256"], row["content_type"]) == (len(data), bytes_hash(data), "image/jpeg")
    assert row["file"] == annexed(row["address"]) and row["seconds"] >= 0
    assert errors(tmp_path).get(row["address"]) == ""


FAULTS = {  # path: (code, error, how often it was asked for in one run, whether a later run asks again)
    "/status/404": (404, "404 Not Found", 1, False),
    "/status/403": (403, "403 Forbidden", 1, False),
    "/status/204": (204, "204 No Content", 1, False),
    "/status/500": (500, "500 Internal Server Error", 2, True),
    "/status/429": (429, "429 Too Many Requests", 2, True),
    "/later": (503, "503 Service Unavailable", 1, True),
    "/silent": (0, "timeout: 0.5 s without a byte", 2, True),
    "/trickle": (0, "timeout: longer than 1.2 s", 2, True),
    "/cut": (200, "cut off: 100 of 10,244 bytes", 2, True),
    "/pieces/half": (0, "cut off: the last piece is missing", 2, True),
    "/large": (200, "too large: more than 20,000 bytes", 1, False),
    "/endless": (200, "too large: more than 20,000 bytes", 1, False),
    "/page": (200, "not a picture: an HTML page", 1, False),
    "/json": (200, "not a picture: text", 1, False),
    "/empty": (200, "empty", 1, False),
    "/round": (302, "redirected: more than 5 times", 6, False),
    "/to/file:///etc/passwd": (0, "redirected: bad address: file, not http or https", 1, False),
    "/to/ftp://x.org/a.jpg": (0, "redirected: bad address: ftp, not http or https", 1, False),
    "/to//status/410": (410, "410 Gone", 1, False),
    "/private": (200, "opted out: X-Robots-Tag noai, noindex", 1, False),
}


def test_every_fault_is_a_word_and_only_what_may_pass_is_tried_again(server, tmp_path):
    settings = Fetch(**{name: getattr(QUICK, name) for name in QUICK.__dataclass_fields__} | {"threads": 24, "per_host": 24})
    found = run(server, tmp_path, *FAULTS, settings=settings)
    assert {
        path: (row["code"], row["error"], server.asked[path], row["again"]) for path, row in zip(FAULTS, found, strict=True)
    } == FAULTS
    assert not [file for file in (tmp_path / "web").rglob("*") if file.is_file()]  # nothing half is left
    lookup = errors(tmp_path)
    assert len(lookup) == len(FAULTS)
    assert lookup.get(server.root + "/status/404") == "404 Not Found"
    assert lookup.get(server.root + "/never/asked", "-") == "-"


def test_what_passes_is_fetched_in_the_same_run(server, tmp_path):
    first, more, pieces, without, moved, other = run(
        server, tmp_path, "/once", "/more", "/pieces", "/open", "/to//picture", "/other"
    )
    assert (first["error"], first["tries"]) == ("", 2)
    for row in (more, pieces, without, other):
        assert Store(tmp_path, tmp_path).read(row["address"]) == PICTURE
    assert Store(tmp_path, tmp_path).read(moved["address"]) == PICTURE + b"/picture"


def test_this_machine_and_its_network_are_not_asked_unless_allowed(server, tmp_path):
    port = server.server_port
    names = ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0")
    addresses = [f"http://{name}:{port}/secret" for name in names]
    addresses += ["http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/", "https://192.168.0.1/"]
    closed = Fetch(**{name: getattr(QUICK, name) for name in QUICK.__dataclass_fields__} | {"private": False})
    fetch(addresses, tmp_path, closed)
    assert all(row["error"].startswith("private address: ") and not row["again"] for row in rows(tmp_path).values())
    assert len(rows(tmp_path)) == len(addresses) and not server.asked


def test_a_redirect_to_this_machine_is_not_followed(server, tmp_path, monkeypatch):
    """The first host stands for a public one; where it sends us is judged as any other address is."""
    monkeypatch.setattr("omma.curate.web.download.public", lambda address: address == "127.0.0.1" and not server.asked)
    closed = Fetch(**{name: getattr(QUICK, name) for name in QUICK.__dataclass_fields__} | {"private": False})
    (row,) = run(server, tmp_path, f"/to/{server.root}/secret", settings=closed)
    assert row["error"] == "redirected: private address: 127.0.0.1"
    assert sum(server.asked.values()) == 1


@pytest.mark.parametrize(
    ("address", "open_to_all"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        *((name, False) for name in ("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1")),
        *((name, False) for name in ("0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1")),
        *((name, False) for name in ("::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::")),
    ],
)
def test_which_addresses_are_public(address, open_to_all):
    assert public(address) is open_to_all


def test_words_that_are_no_address_are_told(tmp_path):
    odd = [
        "http://",
        "http://[half/x.jpg",
        "http://user:pw@x.org/a.jpg",
        "http://x.org:port/",
        "http://" + "a" * 70 + ".org/",
        "http://h\ud800/",
    ]
    fetch(odd, tmp_path, QUICK)
    known = rows(tmp_path)
    assert len(known) == len(odd) and all(row["error"].startswith("bad address: ") and not row["again"] for row in known.values())
    with pytest.raises(DataError, match="no web address"):
        fetch(["file:///etc/passwd"], tmp_path, QUICK)


def test_a_second_run_asks_only_for_what_may_have_passed(server, tmp_path):
    paths = ("/picture/1", "/status/404", "/status/500", "/page", "/picture/2")
    run(server, tmp_path, *paths, "/picture/1")
    before = server.asked.copy()
    run(server, tmp_path, *paths)
    assert server.asked - before == {"/status/500": 2}
    assert before["/picture/1"] == 1


def test_a_picture_without_a_row_is_not_fetched_and_a_row_without_its_picture_is(server, tmp_path):
    one, two = server.root + "/picture/1", server.root + "/picture/2"
    file = tmp_path / annexed(one)
    file.parent.mkdir(parents=True)
    file.write_bytes(PICTURE)
    fetch([one, two], tmp_path, QUICK)
    (tmp_path / annexed(two)).unlink()
    fetch([one, two], tmp_path, QUICK)
    assert server.asked == {"/picture/2": 2}
    assert (rows(tmp_path)[one]["sha256"], rows(tmp_path)[one]["tries"]) == (bytes_hash(PICTURE), 0)
    assert Store(tmp_path, tmp_path).read(two) == PICTURE + b"/picture/2"


KILLED = """
import json, sys
from pathlib import Path
from omma.curate.fetching import Fetch, fetch
fetch(json.load(sys.stdin), Path(sys.argv[1]), Fetch(threads=4, rate=1000, timeout=2, retries=1, pause=0.01, private=True))
"""


def test_killed_in_the_middle_and_run_again_it_ends_as_if_it_had_not_been(server, tmp_path):
    paths = [f"/slow/{n}" for n in range(60)] + ["/status/404", "/page"]
    addresses = [server.root + path for path in paths]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    fetch(addresses, whole, QUICK)
    server.asked.clear()
    with subprocess.Popen([sys.executable, "-c", KILLED, str(killed)], stdin=subprocess.PIPE) as process:
        process.stdin.write(json.dumps(addresses).encode())
        process.stdin.close()
        deadline = time.monotonic() + 20
        while len(list(killed.rglob("web/*/[0-9a-f]*"))) < 20 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    there = {path for path in paths if (killed / annexed(server.root + path)).exists()}
    assert 20 <= len(there) < 60
    time.sleep(0.1)  # the server ends what it was at
    before = server.asked.copy()
    fetch(addresses, killed, QUICK)
    assert all(server.asked[path] == before[path] == 1 for path in there)
    again = {path for path in paths if server.asked[path] > 1}
    assert len(again) <= 4  # at most what was under way
    facts = ("code", "error", "again", "bytes", "sha256", "content_type", "tries")
    one, other = ({row["address"]: [row[name] for name in facts] for row in rows(annex).values()} for annex in (whole, killed))
    assert one == other
    for folder in (whole, killed):
        names = {file.relative_to(folder / "web").as_posix() for file in (folder / "web").rglob("*") if file.is_file()}
        assert names == {annexed(server.root + path).removeprefix("web/") for path in paths[:60]}
    assert all((whole / annexed(a)).read_bytes() == (killed / annexed(a)).read_bytes() for a in addresses[:60])


def test_half_a_line_of_the_journal_costs_one_row(server, tmp_path):
    run(server, tmp_path, "/picture/1", "/picture/2")
    (table,) = (tmp_path / "status").glob("*.parquet")
    lines = [json.dumps(row) for row in pq.read_table(table).to_pylist()]
    table.unlink()
    (tmp_path / "status/open.jsonl").write_text(lines[0] + "\n" + lines[1][:40])
    run(server, tmp_path, "/picture/1", "/picture/2")
    assert len(rows(tmp_path)) == 2 and set(server.asked.values()) == {1}


def test_one_host_is_asked_so_often_and_so_many_times_at_once(server, tmp_path):
    settings = Fetch(
        **{name: getattr(QUICK, name) for name in QUICK.__dataclass_fields__} | {"threads": 8, "per_host": 2, "rate": 20.0}
    )
    run(server, tmp_path, *[f"/slow/{n}" for n in range(10)], settings=settings)
    assert server.most <= 2
    assert server.times[-1] - server.times[0] >= 9 / 20 - 0.02


def test_a_slow_host_does_not_hold_up_the_others(server, tmp_path):
    """The slow ones come first, and there are more of them than threads."""
    with Server() as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        slow = [f"{other.root}/silent/{n}" for n in range(6)]
        quick = [f"{server.root}/picture/{n}" for n in range(20)]
        settings = Fetch(threads=4, per_host=2, rate=1000, timeout=1.0, retries=0, private=True)
        started = time.monotonic()
        fetch([*slow, *quick], tmp_path, settings)
        assert max(server.times) - started < 0.9
        other.shutdown()
        thread.join()
    known = rows(tmp_path)
    assert [known[address]["error"] for address in quick] == [""] * 20
    assert {known[address]["error"] for address in slow} == {"timeout: 1 s without a byte"}


def test_a_port_that_refuses_is_given_up_soon_and_asked_again_by_the_next_run(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    fetch([f"{address}/{n}" for n in range(200)], tmp_path, QUICK)
    known = rows(tmp_path).values()
    assert sum(row["tries"] for row in known) < 40
    assert {row["error"] for row in known} == {"refused", "host gives no answer"}
    assert all(row["again"] for row in known)


def test_addresses_are_taken_in_as_others_are_done(server, tmp_path):
    taken = 0

    def endless():
        nonlocal taken
        for n in range(400):
            taken = n
            yield f"{server.root}/picture/{n}"
            assert n - sum(server.asked.values()) <= 2 * 32 + 2

    fetch(endless(), tmp_path, Fetch(threads=2, per_host=2, rate=1000, private=True))
    assert taken == 399 and len(rows(tmp_path)) == 400


def test_rows_of_many_runs_become_one_an_address_and_tables_stay_small(server, tmp_path, monkeypatch):
    monkeypatch.setattr(statuses, "SEGMENT", 10)
    for _ in range(3):
        run(server, tmp_path, *[f"/status/{500 + n % 2}?{n}" for n in range(25)], "/picture")
    assert len(rows(tmp_path)) == 26
    assert all(pq.read_metadata(file).num_rows <= 10 for file in (tmp_path / "status").glob("*.parquet"))
    assert len(errors(tmp_path)) == 25


def test_two_runs_do_not_fetch_into_one_annex(server, tmp_path):
    def first():
        with pytest.raises(DataError, match="another process is fetching"):
            fetch([server.root], tmp_path, QUICK)
        yield server.root + "/picture"

    fetch(first(), tmp_path, QUICK)
    assert server.asked == {"/picture": 1}


def test_a_full_disk_stops_the_run_and_keeps_what_was_fetched(server, tmp_path, monkeypatch):
    real, calls = os.replace, []

    def full(*names):
        if str(names[1]).startswith(str(tmp_path / "web")):
            calls.append(names)
            if len(calls) > 3:
                raise OSError(28, "No space left on device")
        real(*names)

    monkeypatch.setattr("omma.curate.fetching.os.replace", full)
    paths = [f"/picture/{n}" for n in range(20)]
    with pytest.raises(CheckpointError, match="the disk is full"):
        run(server, tmp_path, *paths)
    monkeypatch.setattr("omma.curate.fetching.os.replace", real)
    before = server.asked.copy()
    run(server, tmp_path, *paths)
    assert sum((server.asked & before).values()) < 20 and len(rows(tmp_path)) == 20
    assert all(Store(tmp_path, tmp_path).read(server.root + path).startswith(PICTURE) for path in paths)


def test_what_stops_the_addresses_stops_the_run_at_once(server, tmp_path):
    def broken():
        yield from (f"{server.root}/silent/{n}" for n in range(3))
        time.sleep(0.1)
        raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        fetch(broken(), tmp_path, Fetch(threads=2, timeout=20, private=True))
    assert time.monotonic() - started < 2


def test_hosts_that_wait_for_nothing_are_forgotten(monkeypatch):
    monkeypatch.setattr("omma.curate.web.hosts.KEPT", 10)
    hosts = Hosts(1e9, 1, 4)
    take = partial(threading.Thread, daemon=True)
    done = threading.Event()

    def work():
        while item := hosts.take():
            hosts.done(item)
        done.set()

    take(target=work).start()
    for n in range(500):
        hosts.put(f"http://h{n}.org/a.jpg")
    hosts.close()
    assert done.wait(5)
    assert len(hosts._hosts) <= 15


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"rate": 0.0}, {"retries": -1}, {"user_agent": "a\r\nb"}])
def test_settings_that_fetch_nothing_are_refused(wrong):
    with pytest.raises(ConfigError, match=f"fetch.{next(iter(wrong))}"):
        Fetch(**wrong)


def test_curation_fetches_what_rows_name_and_tells_what_could_not_be(server, tmp_path, write_lines):
    """Once a picture, whatever the run; without `data.fetch` nothing is asked for."""
    address = f"{server.root}/picture/a.jpg"
    write_lines(
        tmp_path / "raw/captions.jsonl",
        {"image": address, "caption": "a"},
        {"image": address, "caption": "b"},
        {"image": f"{server.root}/status/404", "caption": "c"},
    )
    run = RunFolder(tmp_path / "run")
    how = {"root": str(tmp_path / "raw"), "sources": {"c": CaptionsJsonl()}, "max_errors": 1.0}
    with pytest.raises(DataError):
        curate(Data(**how), RunFolder(tmp_path / "none"), seed=0, workers=0)
    assert not server.asked
    with pytest.raises(DataError, match="none of 3 samples"):  # the server's picture is none
        curate(Data(**how, fetch=QUICK), run, seed=0, workers=0)
    reasons = [row.reason for row in run.ledger.entries("curate")]
    assert reasons[2].startswith("error:read: 404")
    assert reasons[0] == reasons[1] and reasons[0].startswith("error:read: ") and "fetched" not in reasons[0]
    with pytest.raises(DataError, match="none of 3 samples"):
        curate(Data(**how, fetch=QUICK), run, seed=0, workers=0)
    assert server.asked == {"/picture/a.jpg": 1, "/status/404": 1}
