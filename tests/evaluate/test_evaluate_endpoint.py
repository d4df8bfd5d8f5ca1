"""A server's model as an answerer, against a server on this machine: what is sent, tried again, told, kept and never lost."""

import base64
import json
import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from omma.answerers import calling
from omma.answerers.endpoint import LOST, Endpoint
from omma.answerers.services.endpoint import Endpoint as Service
from omma.core.errors import CheckpointError, ConfigError
from omma.evaluate.benchmarks.own_rows import OwnRows
from omma.evaluate.job import evaluate, read_records
from omma.evaluate.question import Supply, asking
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.metrics.text import Exact
from tests.evaluate.drawing import picture
from tests.evaluate.serving import Served, completion

GREEDY = Sampling(max_tokens=9, seed=5)
BUSY = (429, b'{"error": {"message": "slow down"}}', (("Retry-After", "0"),))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(calling, "FIRST_PAUSE", 0.001)
    monkeypatch.delenv("OMMA_API_KEY", raising=False)


@pytest.fixture
def served():
    with Served(says=lambda payload: f"you said {words(payload)}") as found:
        yield found


@pytest.fixture
def endpoint(served, tmp_path):
    picture(tmp_path / "red.png", "red")
    picture(tmp_path / "blue.jpg", "blue")
    return lambda **options: Endpoint(served.address, Store(tmp_path), tmp_path / "scores/paid.sqlite", **options)


def words(payload):
    content = payload["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", f"<{part['type']}>") for part in content)


def plain(count):
    return [asking(str(number), f"question {number}") for number in range(count)]


def test_pictures_travel_as_they_are_stored_and_where_they_stand(served, endpoint, tmp_path):
    sample = asking("a", "is <image 1> like <image 2>?", ["red.png", "blue.jpg"], mark="<image {}>")
    (reply,) = endpoint().ask([sample], GREEDY)
    assert (reply.text, reply.finish) == ("you said is <image_url> like <image_url>?", "stop")
    (payload,) = served.got
    urls = [part["image_url"]["url"] for part in payload["messages"][0]["content"] if part["type"] == "image_url"]
    assert [url.partition(";base64,")[0] for url in urls] == ["data:image/png", "data:image/jpeg"]
    stored = [(tmp_path / name).read_bytes() for name in ("red.png", "blue.jpg")]
    assert [base64.b64decode(url.partition(",")[2]) for url in urls] == stored
    assert [part["type"] for part in payload["messages"][0]["content"]] == ["text", "image_url", "text", "image_url", "text"]


def test_grey_pictures_and_words_alone(served, endpoint):
    list(endpoint().ask([asking("a", "?", ["blue.jpg"]), asking("b", "words")], GREEDY, "grey"))
    shown, said = sorted(
        (payload["messages"][0]["content"] for payload in served.got), key=lambda content: isinstance(content, str)
    )
    assert shown[0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert said == "words"


def test_films_travel_whole_and_folders_of_frames_are_counted_errors(served, endpoint, tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"\0film")
    picture(tmp_path / "frames/0.png", "red")
    first, second = endpoint(workers=1).ask(
        [asking("a", "?", ["film.mp4"], kind="video"), asking("b", "?", ["frames"], kind="video")], GREEDY
    )
    assert served.got[0]["messages"][0]["content"][0] == {
        "type": "video_url",
        "video_url": {"url": "data:video/mp4;base64,AGZpbG0="},
    }
    assert first.text == "you said <video_url>?" and second.finish == "error" and len(served.got) == 1


def test_pictures_are_read_one_at_a_time_whatever_is_under_way(served, tmp_path):
    """A store keeps the part of a table that it read last: two threads in it could be given each other's pictures."""
    picture(tmp_path / "red.png", "red")

    class Counting(Store):
        here = most = 0

        def read(self, uri):
            self.here += 1
            self.most = max(self.most, self.here)
            time.sleep(0.005)
            self.here -= 1
            return super().read(uri)

    store = Counting(tmp_path)
    asked = [asking(str(row), f"row {row}", ["red.png"]) for row in range(12)]
    list(Endpoint(served.address, store, tmp_path / "paid.sqlite", workers=6).ask(asked, GREEDY))
    assert len(served.got) == 12 and store.most == 1


def test_sampling_is_passed_and_equal_questions_are_drawn_apart(served, endpoint):
    asked = Sampling(temperature=0.7, top_p=0.9, top_k=5, min_p=0.1, max_tokens=7, stop=("\n",), seed=11)
    twice = [asking("a", "the same"), asking("b", "the same")]
    list(endpoint().ask(twice, asked))
    one, other = served.got
    assert {name: one[name] for name in ("model", "max_tokens", "temperature", "top_p", "top_k", "min_p", "stop")} == {
        "model": "tiny", "max_tokens": 7, "temperature": 0.7, "top_p": 0.9, "top_k": 5, "min_p": 0.1, "stop": ["\n"]}  # fmt: skip
    assert one["seed"] != other["seed"] and 0 <= one["seed"] < 2**31
    list(endpoint(workers=1).ask(twice, GREEDY))
    assert len(served.got) == 3, "greedy answers to the same words are the same answer"
    assert served.got[2]["seed"] == 5 and "top_p" not in served.got[2] and "stop" not in served.got[2]


def test_replies_come_in_order_while_several_are_under_way(served, endpoint):
    def says(payload):
        time.sleep(0.03 if "question 0" in words(payload) else 0.01)
        return words(payload)

    served.says = says
    replies = list(endpoint(workers=4).ask(plain(12), GREEDY, start=2))
    assert [reply.text for reply in replies] == [f"question {number}" for number in range(2, 12)]
    assert 2 <= served.most <= 4


@pytest.mark.parametrize("step", [BUSY, (503, b"", ()), (500, b"oops", ()), (200, b"<html>hello", ()), "cut"])
def test_a_server_that_is_merely_busy_is_asked_again(step, served, endpoint):
    served.plan.extend([step, step])
    (reply,) = endpoint().ask(plain(1), GREEDY)
    assert (reply.text, reply.error) == ("you said question 0", "")
    assert len(served.got) == 3


def test_a_time_out_is_tried_again_and_then_told(served, endpoint, monkeypatch):
    served.plan.append("slow")
    (reply,) = endpoint(timeout=0.1).ask(plain(1), GREEDY)
    assert reply.text == "you said question 0" and len(served.got) == 2
    monkeypatch.setattr(calling, "TRIES", 2)
    served.plan.extend(["slow", "slow"])
    (reply,) = endpoint(timeout=0.1).ask([asking("z", "another")], GREEDY)
    assert (reply.finish, reply.text) == ("error", "")
    assert "no answer after 2 tries: TimeoutError" in reply.error


@pytest.mark.parametrize("said", ["7", "in seven seconds"])
def test_the_pause_that_a_server_asks_for_is_kept(said, served, endpoint, monkeypatch):
    waited = []
    monkeypatch.setattr(calling.time, "sleep", waited.append)
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=8), usegmt=True)
    served.plan.extend([(429, b"", (("Retry-After", said if said == "7" else when),))])
    list(endpoint().ask(plain(1), GREEDY))
    own, asked = waited
    assert 0 < own <= 0.001 and 6 < asked <= 8


def test_the_pause_that_a_server_asks_for_is_kept_by_all_that_ask(served, endpoint):
    served.plan.append((429, b"", (("Retry-After", "1"),)))
    began = time.monotonic()
    came = []

    def says(payload):
        came.append(time.monotonic() - began)
        return "yes"

    served.says = says
    assert len(list(endpoint(workers=1).ask(plain(3), GREEDY))) == 3
    assert min(came) >= 0.95 and len(came) == 3


def test_requests_keep_a_rate_whoever_sends_them(served, endpoint):
    began = time.monotonic()
    list(endpoint(workers=4, rate=20).ask(plain(9), GREEDY))
    assert time.monotonic() - began >= 9 / 20 - 0.06 and len(served.got) == 9  # asking for the model's name was the first


def test_a_retry_after_that_says_nothing_is_none(served, endpoint):
    served.plan.extend([(503, b"", (("Retry-After", "soon"),)), (503, b"", (("Retry-After", "Sat, 01 Jan 2000 00:00:00 GMT"),))])
    (reply,) = endpoint().ask(plain(1), GREEDY)
    assert reply.text == "you said question 0"


@pytest.mark.parametrize("kind", ["slow", "cut"])
def test_a_dead_server_is_asked_so_often_and_no_more(kind, served, endpoint):
    """Of ten thousand questions a few are sent; when it lives again, all of them are."""
    asked = endpoint(workers=2, timeout=0.05, gone_after=6)
    served.plan.extend([kind] * 1000)
    said = f"{served.address}: [67] requests in a row without an answer, the last: .*start it again, then run the same command"
    replies = []
    with pytest.raises(ConfigError, match=said):
        for reply in asked.ask(plain(10_000), GREEDY):
            replies.append(reply)
    assert not replies and 6 <= len(served.got) <= 8
    served.plan.clear()
    assert [reply.error for reply in asked.ask(plain(5), GREEDY)] == [""] * 5


def test_a_server_that_answers_now_and_then_is_not_dead(served, endpoint):
    for _ in range(12):
        served.plan.extend(["cut", "cut", None])
    replies = list(endpoint(workers=1, gone_after=3).ask(plain(9), GREEDY))
    assert [reply.error for reply in replies] == [""] * 9


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"rate": -1.0}, "Endpoint.rate: -1.0; expected requests a second, or 0"),
        ({"gone_after": 0}, "Endpoint.gone_after: 0; expected at least 1 request"),
        ({"workers": 0}, "Endpoint.workers: 0; expected at least 1"),
    ],
)
def test_fields_out_of_range_are_told(how, message):
    with pytest.raises(ConfigError, match=message):
        Service(address="http://localhost:8000/v1", **how)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ((400, b'{"error": {"message": "the prompt has 9000 tokens"}}', ()), "HTTP 400: the prompt has 9000 tokens"),
        ((422, b'{"detail": "no picture"}', ()), "HTTP 422: no picture"),
        ((413, b"too large", ()), "HTTP 413: too large"),
        ((302, b"", (("Location", "http://127.0.0.1:9/steal"),)), "HTTP 302"),
        ((200, b'{"choices": []}', ()), "no chat completion: '{\"choices\": []}'"),
        ((200, b"[1, 2]", ()), "no chat completion: '[1, 2]'"),
        ((200, completion(None, "content_filter"), ()), "the server withheld the answer (content_filter)"),
    ],
)
def test_a_refused_question_is_a_reply_with_the_servers_words(step, message, served, endpoint):
    served.plan.append(step)
    first, second = endpoint(workers=1).ask(plain(2), GREEDY)
    assert (first.finish, first.text) == ("error", "") and message in first.error
    assert second.text == "you said question 1", "one bad question stops nothing"
    assert len(served.got) == 2, "what a server refuses is not asked again"


@pytest.mark.parametrize(("status", "fix"), [(401, "set OMMA_API_KEY"), (404, "is the address that of the interface")])
def test_a_server_that_lets_nobody_in_ends_the_run(status, fix, served, endpoint):
    served.plan.extend([(status, b'{"error": "who are you?"}', ())] * 20)
    with pytest.raises(ConfigError, match=rf"HTTP {status}: who are you\?; expected an answer; {fix}"):
        list(endpoint().ask(plain(3), GREEDY))


def test_a_server_that_is_gone_ends_the_run_after_some_questions(served, endpoint, monkeypatch):
    monkeypatch.setattr(calling, "TRIES", 1)
    asked = endpoint(workers=2)
    served.server.shutdown()
    served.server.server_close()
    replies = []
    with pytest.raises(ConfigError, match=f"{LOST} questions in a row: no answer after 1 tries.*start it again"):
        for reply in asked.ask(plain(50), GREEDY):
            replies.append(reply)
    assert len(replies) == LOST - 1 and {reply.finish for reply in replies} == {"error"}


def test_content_in_parts_none_and_cut_off(served, endpoint):
    parts = json.dumps({"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}}]})
    served.plan.extend([(200, parts.encode(), ()), (200, completion(None), ()), (200, completion("and so", "length"), ())])
    replies = list(endpoint(workers=1).ask(plain(3), GREEDY))
    assert [(reply.text, reply.finish) for reply in replies] == [("ab", "stop"), ("", "stop"), ("and so", "length")]


def test_nothing_is_paid_twice_and_failures_are_not_kept(served, endpoint):
    served.plan.append((400, b"no", ()))
    first = list(endpoint(workers=1).ask(plain(4), GREEDY))
    assert [reply.finish for reply in first] == ["error", "stop", "stop", "stop"]
    again = list(endpoint().ask(plain(4), GREEDY))
    assert [reply.text for reply in again] == [f"you said question {number}" for number in range(4)]
    assert len(served.got) == 5, "only the one that failed was sent again"
    list(endpoint().ask(plain(1), Sampling(max_tokens=10)))
    assert len(served.got) == 6, "another length is another question"


def test_what_was_under_way_when_a_run_stopped_is_kept(served, endpoint):
    asked = endpoint(workers=3).ask(plain(20), GREEDY)
    next(asked)
    asked.close()
    sent = len(served.got)
    assert 1 <= sent < 20
    assert len(list(endpoint().ask(plain(20), GREEDY))) == 20
    assert len(served.got) == 20


def test_answers_may_be_kept_by_many_threads_at_once(served, endpoint, tmp_path):
    asked = [threading.Thread(target=lambda: list(endpoint(workers=4).ask(plain(15), GREEDY))) for _ in range(3)]
    for thread in asked:
        thread.start()
    for thread in asked:
        thread.join()
    connection = sqlite3.connect(tmp_path / "scores/paid.sqlite")
    assert connection.execute("SELECT count(*) FROM answers").fetchone() == (15,)
    connection.close()


def test_a_file_that_holds_no_answers_is_told(endpoint, tmp_path):
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores/paid.sqlite").write_text("nothing of the kind" * 100)
    with pytest.raises(CheckpointError, match=r"paid.sqlite: unreadable: .*delete it to ask again"):
        list(endpoint().ask(plain(1), GREEDY))


def test_the_key_goes_into_a_header_and_nowhere_else(served, endpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("OMMA_API_KEY", "s3cret")
    asked = endpoint()
    list(asked.ask(plain(1), GREEDY))
    assert served.headers[0]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in asked.fingerprint() + repr(asked.address)
    assert b"s3cret" not in (tmp_path / "scores/paid.sqlite").read_bytes()
    monkeypatch.delenv("OMMA_API_KEY")
    list(endpoint().ask([asking("b", "another")], GREEDY))
    assert "Authorization" not in served.headers[-1]


def test_the_one_model_of_a_server_is_found_and_of_several_one_is_named(served, endpoint, tmp_path):
    assert endpoint().fingerprint() == f"{served.address}#tiny"
    served.models = ("one", "two")
    with pytest.raises(ConfigError, match=r"2 models: one, two; expected one; name one: http://127.0.0.1:\d+/v1#one"):
        endpoint()
    named = Endpoint(f"{served.address}#two", Store(tmp_path), tmp_path / "paid.sqlite")
    list(named.ask(plain(1), GREEDY))
    assert served.got[-1]["model"] == "two"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ftp://host/v1", "expected an address such as"),
        ("http:///v1", "expected an address such as"),
        ("http://me:secret@host/v1#m", "put the key into OMMA_API_KEY"),
    ],
)
def test_an_address_that_is_none_is_told(address, message, tmp_path):
    with pytest.raises(ConfigError, match=message) as found:
        Endpoint(address, Store(tmp_path), tmp_path / "paid.sqlite")
    assert "me:secret" not in str(found.value)


def test_failed_questions_are_counted_rows(served, endpoint, tmp_path):
    rows = [{"id": name, "image": "red.png", "question": f"{name}?", "answer": f"you said <image_url>{name}?"} for name in "ab"]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    served.plan.append((400, b'{"message": "not that one"}', ()))
    suite = (OwnRows(name="own", path="own.jsonl", metrics=(Exact(),)),)
    (verdict, *_) = evaluate(suite, endpoint(workers=1), Supply(root=tmp_path), tmp_path / "scores")
    assert (verdict.value, verdict.count, verdict.unparsed) == (0.5, 2, 1)
    first, second = read_records(tmp_path / "scores", "own")
    assert (first.details["finish"], first.details["error"], first.parsed) == ("error", "HTTP 400: not that one", False)
    assert second.correct == 1.0 and second.details["model"] == f"{served.address}#tiny"
