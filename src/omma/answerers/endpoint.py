"""Endpoint: a server with the OpenAI chat interface → an answerer. Pictures travel as they are stored; nothing is asked twice.

    http://localhost:8000/v1#qwen2.5-vl-7b

The route is POST {address}/chat/completions, as vLLM, SGLang, `transformers serve` and the public services have it. The
key, where one is needed, is the environment's OMMA_API_KEY; it is sent in a header and written nowhere.
"""

import hashlib
import json
import mimetypes
import os
from base64 import b64encode
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from PIL import Image, UnidentifiedImageError

from omma.answerers.calling import Address, Refused, Unreachable, call, parse_address
from omma.answerers.line import Line
from omma.answerers.paid import Paid
from omma.answerers.remembering import answers_file
from omma.answerers.services.endpoint import Endpoint as Service
from omma.core.errors import ConfigError, DataError
from omma.core.seeds import derive
from omma.generate.reply import Reply
from omma.generate.sampling import Sampling
from omma.generate.sight import GreyStore, Sight, shown
from omma.media.store import Store
from omma.schema.sample import Sample, Turn

KEY = "OMMA_API_KEY"
SEEDS = 2**31  # servers take 32 bits
LOST = 8  # questions in a row without an answer after all tries, after which the server is of no use
GONE_AFTER = 20  # requests in a row that find no connection, or no answer in time
Parts = list[dict[str, Any]]


class Endpoint:
    """`workers` questions are under way at a time; replies come in order. A question that fails is a reply with an error.

    Answers are kept in the file `paid`, so that a run that goes on, or begins anew, sends only what was never answered.
    """

    def __init__(
        self,
        address: str,
        store: Store,
        paid: Path,
        *,
        workers: int = 8,
        timeout: float = 600.0,
        rate: float = 0.0,
        gone_after: int = GONE_AFTER,
    ) -> None:
        self.address = parse_address(address, os.environ.get(KEY, ""), timeout)
        self.stores: dict[Sight, Store] = {"picture": store, "shuffled": store, "grey": GreyStore(store)}
        self.paid, self.workers = Paid(paid), workers
        self.reading = Lock()  # a store keeps the part of a table that it read last: threads take turns
        self.line = Line(self.address.shown, rate, gone_after, workers)
        self.model = self.address.model or only_model(self.address, self.line)

    def ask(self, samples: Sequence[Sample], sampling: Sampling, sight: Sight = "picture", start: int = 0) -> Iterator[Reply]:
        """Samples → replies in order, from sample number `start` on. ConfigError if the server is gone or lets nobody in."""
        rest = iter(shown(samples, sight)[start:])
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="ask")
        waiting: deque[Future[tuple[Reply, bool]]] = deque()
        lost = 0
        self.line.reopen()
        try:
            while True:
                while len(waiting) < 2 * self.workers and (sample := next(rest, None)) is not None:
                    waiting.append(pool.submit(self._reply, sample, sampling, self.stores[sight]))
                if not waiting:
                    return
                reply, reached = waiting.popleft().result()
                lost = 0 if reached else lost + 1
                if lost == LOST:
                    fix = "start it again, then run the same command: what was answered is kept"
                    raise ConfigError(self.address.shown, f"{LOST} questions in a row: {reply.error}", "a server that answers", fix)
                yield reply
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def prompt_hash(self, sample: Sample) -> str:
        """Sample → 16 hex digits over what is said and where pictures stand in it."""
        said = [[turn.role, [[part.kind, part.text, part.index] for part in turn.parts]] for turn in _before_reply(sample)]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]

    def fingerprint(self) -> str:
        """Address and model: nobody can tell from outside whether other weights stand behind them."""
        return f"{self.address.shown}#{self.model}"

    def _reply(self, sample: Sample, sampling: Sampling, store: Store) -> tuple[Reply, bool]:
        """One question → its reply, bought or remembered, and whether the server was reached if it was needed."""
        prompt = self.prompt_hash(sample)
        try:
            with self.reading:
                payload = self._payload(sample, sampling, store)
            body = json.dumps(payload, sort_keys=True, ensure_ascii=False).encode()
            key = hashlib.sha256(self.address.shown.encode() + b"\n" + body).hexdigest()
            answer, seconds = self.paid.get(key), 0.0
            if answer is None:
                answer, seconds = call(self.address, "/chat/completions", body, self.line)
                _said(answer)
                self.paid.put(key, answer)
            text, finish = _said(answer)
        except (DataError, Refused, Unreachable) as error:
            return Reply("", (), (), "error", (), 0.0, prompt, error=str(error)), not isinstance(error, Unreachable)
        return Reply(text, (), (), finish, (), seconds, prompt), True

    def _payload(self, sample: Sample, sampling: Sampling, store: Store) -> dict[str, Any]:
        messages = [{"role": turn.role, "content": _content(turn, sample, store)} for turn in _before_reply(sample)]
        if not messages:
            raise DataError(sample.id, "nothing that is asked", "a turn of the user")
        drawn = sampling.temperature > 0  # one question asked twice in a benchmark is drawn twice
        seed = derive(sampling.seed, "sampling", sample.id) % SEEDS if drawn else sampling.seed % SEEDS
        payload: dict[str, Any] = {
            "model": self.model,
            "messages": messages,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "seed": seed,
        }
        extra = {"top_p": (sampling.top_p, 1.0), "top_k": (sampling.top_k, 0), "min_p": (sampling.min_p, 0.0)}
        payload |= {name: value for name, (value, plain) in extra.items() if value != plain}
        return payload | ({"stop": list(sampling.stop)} if sampling.stop else {})


def open_service(service: Service, store: Store) -> Endpoint:
    """What a recipe says → the server. ConfigError without an address, or without a place where answers are kept."""
    if not service.address:
        raise ConfigError("Endpoint.address", "''", "an address such as http://localhost:8000/v1")
    file = answers_file(service.kept, store)
    if file is None:
        raise ConfigError("Endpoint.kept", "''", "a folder in which answers are kept", "what was paid for is asked once")
    named = f"{service.address}#{service.model}" if service.model else service.address
    return Endpoint(
        named,
        store,
        file,
        workers=service.workers,
        timeout=service.timeout,
        rate=service.rate,
        gone_after=service.gone_after,
    )


def only_model(address: Address, line: Line) -> str:
    """The one model that a server has. ConfigError if it has several, or does not say."""
    try:
        answer, _ = call(address, "/models", None, line)
        names = [str(model["id"]) for model in json.loads(answer)["data"]]
    except (Refused, Unreachable, ValueError, KeyError, TypeError) as error:
        fix = f"name the model: {address.shown}#MODEL"
        raise ConfigError(address.shown, f"does not list its models: {error}", "one at /models", fix) from None
    if len(names) != 1:
        fix = f"name one: {address.shown}#{names[0] if names else 'MODEL'}"
        raise ConfigError(address.shown, f"{len(names)} models: {', '.join(names[:8])}", "one", fix)
    return names[0]


def _before_reply(sample: Sample) -> Sequence[Turn]:
    turns = sample.turns
    while turns and turns[-1].role == "assistant":
        turns = turns[:-1]
    return turns


def _content(turn: Turn, sample: Sample, store: Store) -> str | Parts:
    """A turn → its text, or its parts in their order where there is more than text. DataError for a region."""
    if all(part.kind == "text" for part in turn.parts):
        return turn.text
    parts: Parts = []
    for part in turn.parts:
        if part.kind == "text":
            parts.append({"type": "text", "text": part.text})
        elif part.kind == "region":
            raise DataError(sample.id, "a region", "words, pictures and videos, which is what the chat interface takes")
        else:
            kind = f"{part.kind}_url"
            parts.append({"type": kind, kind: {"url": _data_url(store, sample.media[part.index].uri, part.kind)}})
    return parts


def _data_url(store: Store, uri: str, kind: Literal["image", "video"]) -> str:
    """Name of a picture or film → `data:` address of its bytes as they are stored."""
    data = store.read(uri)
    if kind == "video":
        return f"data:{mimetypes.guess_type(uri)[0] or 'video/mp4'};base64,{_coded(data)}"
    try:
        with Image.open(BytesIO(data)) as picture:
            media_type = Image.MIME.get(picture.format or "", "image/png")
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(uri, f"no picture: {error}", "a file that Pillow knows") from None
    return f"data:{media_type};base64,{_coded(data)}"


def _coded(data: bytes) -> str:
    return b64encode(data).decode()


def _said(answer: str) -> tuple[str, Literal["stop", "length"]]:
    """The server's JSON → what was said, and why it ended. Refused if it holds no answer."""
    try:
        choice = json.loads(answer)["choices"][0]
        content, finish = choice["message"].get("content"), choice.get("finish_reason")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise Refused(f"no chat completion: {answer[:200]!r}") from None
    if finish == "content_filter":
        raise Refused("the server withheld the answer (content_filter)")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ("" if content is None else str(content)), "length" if finish == "length" else "stop"
