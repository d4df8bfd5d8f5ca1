"""The page's server: it answers this machine alone, shows what was asked for, and hands out nothing else."""

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from omma.core.errors import DataError
from omma.core.runs import RunFolder
from omma.media.store import Store
from omma.report.browse.folder import find_folder
from omma.report.browse.index import Index
from omma.report.browse.server import OWN, Browser
from omma.report.browse.thumbnails import Thumbnails
from omma.schema.sample import Media


@pytest.fixture(scope="module")
def browser(curation: Callable[[Path], RunFolder], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A server over the hand-filled run, answering in a thread."""
    folder = tmp_path_factory.mktemp("server")
    index = Index(find_folder(curation(folder).path, folder), folder / "scratch")
    with Browser(index) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.shutdown()
        thread.join()
    index.close()


def get(browser: Browser, path: str, host: str = "", method: str = "GET") -> tuple[int, str, bytes]:
    """Raw path → status, kind and body: nothing of it is tidied up on the way, as a browser would."""
    connection = HTTPConnection("127.0.0.1", browser.server_port, timeout=20)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{browser.server_port}")
    connection.endheaders()
    reply = connection.getresponse()
    found = reply.status, reply.headers["Content-Type"] or "", reply.read()
    connection.close()
    return found


def told(browser: Browser, path: str) -> Any:
    status, kind, body = get(browser, path)
    assert (status, kind) == (200, "application/json"), body
    return json.loads(body, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_it_listens_on_this_machine_alone(browser: Browser) -> None:
    assert browser.server_address[0] == "127.0.0.1" and browser.address == f"http://127.0.0.1:{browser.server_port}/"


def test_the_page_and_all_that_it_loads_are_there_and_nothing_comes_from_elsewhere(browser: Browser) -> None:
    page = files("omma.report").joinpath("browse/page")
    assert {f"/{item.name}" for item in page.iterdir()} - {"/page.html"} == set(OWN) - {"/", "/style.css"}
    for path in OWN:
        status, kind, body = get(browser, path)
        assert status == 200 and kind.endswith("; charset=utf-8")
        text = body.decode().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text and "https://" not in text


def test_scripts_of_the_page_make_no_markup_of_text() -> None:
    for item in files("omma.report").joinpath("browse/page").iterdir():
        text = item.read_text(encoding="utf-8")
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser"):
            assert word not in text, f"{item.name}: {word}"


def test_facts_count_what_lies_here(browser: Browser) -> None:
    facts = told(browser, "/api/facts")
    assert facts["fates"] == {"train": 22, "dropped": 12, "heldout": 5, "error": 1, "rewritten": 1}
    assert facts["gone"] == {"perceptual_hash": 6, "size": 4, "clip": 2, "read": 1}
    assert [one["name"] for one in facts["operators"]] == ["size", "perceptual_hash", "masking", "clip"]
    assert facts["copying"] == ["perceptual_hash"] and facts["title"] == "Forty" and facts["is_run"]


def test_rows_are_filtered_sorted_and_paged(browser: Browser) -> None:
    page = told(browser, "/api/rows?sort=clip&order=down&size=3&page=1&fate=train")
    assert page["total"] == 22
    assert [(row["id"], row["score"]) for row in page["rows"]] == [
        ("web/31.png:0", 0.81),
        ("web/30.png:0~masking:0", 0.8),
        ("web/29.png:0", 0.79),
    ]
    assert page["rows"][0]["text"] == "what is number 31? → A Square"


def test_a_caption_with_a_script_is_told_as_text(browser: Browser) -> None:
    status, kind, body = get(browser, "/api/rows?text=script")
    assert (status, kind) == (200, "application/json")  # with nosniff no browser reads it as a page
    assert json.loads(body)["rows"][0]["text"] == "<script>alert('a caption')</script> & \"quotes\""
    assert b"a caption" not in get(browser, "/")[2]


def test_headers_forbid_foreign_scripts_sniffing_and_framing(browser: Browser) -> None:
    connection = HTTPConnection("127.0.0.1", browser.server_port, timeout=20)
    connection.request("GET", "/")
    reply = connection.getresponse()
    reply.read()
    connection.close()
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Access-Control-Allow-Origin"] is None


def test_a_sample_is_told_whole_with_its_life_and_its_boxes(browser: Browser) -> None:
    life = told(browser, "/api/sample?id=web/31.png:0")
    assert life["sample"]["regions"] == [{"media": 0, "label": "square", "box": [0.25, 0.25, 0.5, 0.5]}]
    assert [part["kind"] for part in life["sample"]["turns"][1]["parts"]] == ["text", "region"]
    assert life["turns"] == ["web/32.png:0"]
    assert told(browser, "/api/sample?n=16")["sample"]["meta"] == {"odd": None, "url": "https://a.org/16"}  # JSON has no infinity


def test_pictures_that_nobody_measured_are_measured_when_they_are_looked_at(curated_run: RunFolder, tmp_path: Path) -> None:
    pictures = Thumbnails(Store(tmp_path / "pictures"))
    assert pictures.measured(Media("3.png")) == Media("3.png", width=96, height=96)
    known, broken = Media("4.png", width=1, height=2), Media("20.png")
    assert pictures.measured(known) == known and pictures.measured(broken) == broken


def test_another_threshold_is_asked_of_stored_scores(browser: Browser) -> None:
    told_of = told(browser, "/api/scores?operator=clip&threshold=0.7")
    assert told_of["instead"]["drops"] == told_of["instead"]["newly"] + 2 == 10
    assert told_of["spread"]["threshold"] == 0.3


def test_copies_and_reasons_are_told(browser: Browser) -> None:
    groups = told(browser, "/api/copies?operator=perceptual_hash")["groups"]
    assert (groups[0]["original"]["id"], len(groups[0]["members"])) == ("web/10.png:0", 3)
    assert len(told(browser, "/api/reasons")) == 4


def test_pictures_are_made_anew_in_the_size_that_is_asked(browser: Browser) -> None:
    status, kind, body = get(browser, "/picture/5/0?side=240")
    assert (status, kind) == (200, "image/png") and Image.open(BytesIO(body)).size == (96, 96)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/nothing", "nothing is here; the page is at /"),
        ("/api/", "nothing is here"),
        ("/api/secrets", "nothing is here"),
        ("/api/rows?page=x", "page: 'x'; expected a whole number"),
        ("/api/rows?sort=nosuch", "operator nosuch: no scores of it"),
        ("/api/scores?operator=clip&threshold=nan", "expected a finite number"),
        ("/api/scores", "no scores of it"),
        ("/api/sample?n=99", "row 99: no such row; expected 0 to 40"),
        ("/api/sample", "n or id: neither"),
        ("/api/sample?n=-1", "n: '-1'"),
        ("/api/sample?id=nosuch", "no such sample"),
        ("/picture/0/7", "row 0 has 1 pictures"),
        ("/picture/40/0", "row 40: no sample of it is kept"),
        ("/picture/20/0", "PNG"),
        ("/picture/x/0", "no picture's address"),
        ("/picture/0/%2e%2e", "no picture's address"),
        ("/picture/1/-1", "no picture's address"),
    ],
)
def test_what_is_not_there_is_404_with_a_message(browser: Browser, path: str, message: str) -> None:
    status, kind, body = get(browser, path)
    assert (status, kind) == (404, "application/json") and message in json.loads(body)["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/page.html",
        "/server.py",
        "/browse.css/../server.py",
        "/picture/../../secret.png",
        "/picture/0/0/../../secret.png",
        "/style.css%00.html",
        "file:///etc/passwd",
    ],
)
def test_no_path_leads_to_a_file(browser: Browser, path: str) -> None:
    status, _, body = get(browser, path)
    assert status == 404 and b"root:" not in body and b"import" not in body


def test_a_manifest_that_names_a_file_outside_of_the_root_shows_nothing_of_it(browser: Browser) -> None:
    status, _, body = get(browser, "/picture/13/0")
    assert status == 404 and "lies outside the data root" in json.loads(body)["error"]


def test_another_name_for_this_machine_is_refused(browser: Browser) -> None:
    for host in ("evil.example", f"evil.example:{browser.server_port}", "", "127.0.0.1.evil.example:80"):
        assert get(browser, "/api/facts", host or " ")[0] == 404
    assert get(browser, "/api/facts", f"localhost:{browser.server_port}")[0] == 200


def test_files_that_are_taken_away_meanwhile_are_told(curated_run: RunFolder, tmp_path: Path) -> None:
    index = Index(find_folder(curated_run.path, tmp_path), tmp_path / "scratch")
    with Browser(index) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        (curated_run / "data/train.parquet").unlink()
        status, kind, body = get(made, "/api/rows?fate=train")
        made.shutdown()
        thread.join()
    index.close()
    assert (status, kind) == (500, "application/json") and "cannot be read as they were" in json.loads(body)["error"]


def test_nothing_can_be_written(browser: Browser) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert get(browser, "/api/facts", method=method)[0] == 501


def test_many_ask_at_once(browser: Browser) -> None:
    failed: list[str] = []

    def ask(number: int) -> None:
        for path in (f"/picture/{number}/0", f"/api/rows?text=number+{number}", "/api/scores?operator=clip"):
            if get(browser, path)[0] != 200:
                failed.append(path)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_taken_port_names_the_way_out(browser: Browser) -> None:
    with pytest.raises(DataError, match=f"port {browser.server_port}: .*give another with --port"):
        Browser(browser.index, browser.server_port)
    with pytest.raises(DataError, match="port 99999"):
        Browser(browser.index, 99999)


def test_thumbnails_keep_to_their_room(curated_run: RunFolder, tmp_path: Path) -> None:
    pictures = Thumbnails(Store(tmp_path / "pictures"), room=1500)
    sizes = [len(pictures.get(Media(f"{n}.png"), 240)) for n in range(12)]
    assert sum(sizes) > 1500 and pictures.size == sum(map(len, pictures.kept.values())) <= 1500
    assert list(pictures.kept)[-1] == ("11.png", 240)
    with pytest.raises(DataError, match="outside the data root"):
        pictures.get(Media("../secret.png"), 240)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium to open the page in")
def test_a_browser_draws_the_page_and_runs_no_script_of_a_caption(browser: Browser, tmp_path: Path) -> None:
    command = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path}",
        "--virtual-time-budget=9000",
    ]
    shown = subprocess.run(
        [*command, "--dump-dom", f"{browser.address}#text=script&n=12"], capture_output=True, text=True, timeout=120, check=True
    ).stdout
    assert shown.count("&lt;script&gt;alert('a caption')&lt;/script&gt;") == 2  # on its card, and in full
    assert "<script>alert" not in shown and "Through the operators" in shown and 'id="trouble" role="alert" hidden' in shown
