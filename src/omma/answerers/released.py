"""Released: a folder as transformers publishes vision-language models → an answerer, through transformers' own classes.

Greedy or drawn as `Sampling` says and nothing else: what generation_config.json adds (penalties, beams) is left out, so
that scores of two folders are made alike. Prompts are padded on the left; whether batches change anything is tried on
the first batches, and if they do, every question is asked alone.
"""

import hashlib
import inspect
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import cross_entropy

from omma.answerers.choosing import Choosing
from omma.answerers.loading import Loaded, folder_fingerprint, stop_ids
from omma.answerers.wording import REFUSALS, Wording
from omma.core.errors import DataError
from omma.core.progress import say
from omma.generate.reply import Reply, SampleLoss
from omma.generate.sampling import Sampling
from omma.generate.sight import GreyStore, Sight, shown
from omma.media.decode import decode
from omma.media.store import Store
from omma.schema.sample import Sample

WINDOW = 8  # batches' worth of samples that are sorted together
NEAR = 0.02  # nats by which the log-probability of a token may differ between a batch and one alone
SINGLE = ("blip-2", "instructblip")  # model types that read one picture and pass over others without a word


@dataclass(frozen=True, slots=True)
class _Asked:
    """One sample as it is put to the model: `text` may hold its reply; pictures in order, not yet decoded."""

    sample: Sample
    text: str
    prompt: str

    @property
    def uris(self) -> list[str]:
        """Its pictures in reading order."""
        order = [part.index for turn in self.sample.turns for part in turn.parts if part.kind == "image"]
        return [self.sample.media[index].uri for index in order]

    @property
    def kind(self) -> tuple[int, int]:
        """What rows of a batch share, and what they are sorted by."""
        return len(self.uris), len(self.text)


class ReleasedTalker:
    """A model of transformers with its processor and its pictures. A question that it refuses is a reply with an error."""

    def __init__(self, loaded: Loaded, store: Store, *, batch_rows: int = 8) -> None:
        self.loaded, self.model, self.batch_rows = loaded, loaded.model, batch_rows
        self.wording, self.stop_ids = Wording(loaded), stop_ids(loaded)
        self.stores: dict[Sight, Store] = {"picture": store, "shuffled": store, "grey": GreyStore(store)}
        self.named = set(inspect.signature(self.model.forward).parameters)
        self.tried: set[tuple[int, bool]] = set()  # kinds of batches that were compared with rows alone
        self.model.generation_config = self._plain_generation(1)

    def ask(self, samples: Sequence[Sample], sampling: Sampling, sight: Sight = "picture", start: int = 0) -> Iterator[Reply]:
        """Samples → replies in order, from sample number `start` on."""
        rest = iter(shown(samples, sight)[start:])
        while window := list(islice(rest, self.batch_rows * WINDOW)):
            replies: dict[int, Reply] = {}
            asked: dict[int, _Asked] = {}
            for place, sample in enumerate(window):
                try:
                    asked[place] = self._asked(sample)
                except REFUSALS as error:
                    replies[place] = _refused(error)
            for places in self._batches(asked):
                said = self._replies([asked[place] for place in places], sampling, self.stores[sight])
                replies |= zip(places, said, strict=True)
            yield from (replies[place] for place in range(len(window)))

    def measure(self, samples: Sequence[Sample], sight: Sight = "picture", start: int = 0) -> Iterator[SampleLoss]:
        """Samples that end with a reply → its loss, its tokens and the one that ends it summed. DataError for a refusal."""
        rest = iter(shown(samples, sight)[start:])
        while window := list(islice(rest, self.batch_rows)):
            asked = [_Asked(sample, self.wording.whole(sample), self.wording.begun(sample)) for sample in window]
            found: dict[int, SampleLoss] = {}
            for places in self._batches(dict(enumerate(asked))):
                losses = self._measured([asked[place] for place in places], self.stores[sight])
                found |= zip(places, losses, strict=True)
            yield from (found[place] for place in range(len(window)))

    def prompt_hash(self, sample: Sample) -> str:
        """Sample → 16 hex digits over the text that the processor is given; "" if the template refuses it."""
        try:
            return _hash(self.wording.prompt(sample))
        except REFUSALS:
            return ""

    def fingerprint(self) -> str:
        """The folder's files → 16 hex digits."""
        return folder_fingerprint(self.loaded.folder)

    def _asked(self, sample: Sample) -> _Asked:
        prompt = self.wording.prompt(sample)
        return _Asked(sample, prompt, prompt)

    def _batches(self, asked: dict[int, _Asked]) -> Iterator[list[int]]:
        """Rows → places of each batch: as many pictures in each row, and texts of like length."""
        order = sorted(asked, key=lambda place: asked[place].kind)
        batch: list[int] = []
        for place in order:
            if batch and (len(batch) == self.batch_rows or asked[batch[0]].kind[0] != asked[place].kind[0]):
                yield batch
                batch = []
            batch.append(place)
        if batch:
            yield batch

    def _replies(self, rows: Sequence[_Asked], sampling: Sampling, store: Store) -> list[Reply]:
        """One batch → its replies; asked again one by one if it fails, or the first time a batch of its kind is met."""
        if len(rows) == 1:
            try:
                return self._generated(rows, sampling, store)[0]
            except REFUSALS as error:
                return [_refused(error)]
        try:
            together, padded = self._generated(rows, sampling, store)
        except REFUSALS:
            return [reply for row in rows for reply in self._replies([row], sampling, store)]
        kind = (len(rows[0].uris), padded)
        if kind in self.tried:
            return together
        self.tried.add(kind)
        alone = [reply for row in rows for reply in self._replies([row], sampling, store)]
        if not all(map(_same, together, alone)):
            self.batch_rows = 1
            say(f"{self.loaded.folder.name}: {type(self.model).__name__} answers otherwise in a batch; asking one by one")
        return alone

    @torch.inference_mode()
    def _generated(self, rows: Sequence[_Asked], sampling: Sampling, store: Store) -> tuple[list[Reply], bool]:
        """One batch → its replies, and whether any row was padded."""
        began = time.perf_counter()
        inputs = self._inputs(rows, store)
        choosing = Choosing(sampling, [row.sample.id for row in rows], self._decoded, self.stop_ids)
        config = self._plain_generation(sampling.max_tokens)
        self.model.generate(**inputs, generation_config=config, logits_processor=[choosing], stopping_criteria=[choosing.ended])
        seconds = time.perf_counter() - began
        return choosing.replies(seconds, [_hash(row.prompt) for row in rows]), not bool(inputs["attention_mask"].all())

    def _measured(self, rows: Sequence[_Asked], store: Store) -> list[SampleLoss]:
        """One batch → its losses; one by one if it fails together."""
        try:
            return self._losses(rows, store)
        except REFUSALS as error:
            if len(rows) == 1:
                raise DataError(rows[0].sample.id, _refused(error).error, "a question that this model takes") from None
        return [loss for row in rows for loss in self._measured([row], store)]

    @torch.inference_mode()
    def _losses(self, rows: Sequence[_Asked], store: Store) -> list[SampleLoss]:
        inputs = self._inputs(rows, store)
        begun = [self._inputs([_Asked(row.sample, row.prompt, row.prompt)], store)["input_ids"][0].tolist() for row in rows]
        whole = [ids[mask.bool()].tolist() for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True)]
        said = [self._said(ids, prompt) for ids, prompt in zip(whole, begun, strict=True)]
        keep = max(len(ids) - first for ids, (first, _) in zip(whole, said, strict=True)) + 1
        logits = self.model(**inputs, **({"logits_to_keep": keep} if "logits_to_keep" in self.named else {})).logits
        found = []
        for row, ids, (first, last), values in zip(rows, whole, said, logits, strict=True):
            behind = len(ids) - first
            target = torch.tensor(ids[first:last], device=values.device)
            losses = cross_entropy(values[-behind - 1 :][: last - first].float(), target, reduction="sum")
            found.append(SampleLoss(row.sample.id, float(losses), last - first))
        return found

    def _said(self, whole: Sequence[int], prompt: Sequence[int]) -> tuple[int, int]:
        """Ids of prompt and reply, and of the prompt → where the reply begins and ends, the token that ends it included."""
        pairs = zip(whole, prompt, strict=False)
        first = next((i for i, (one, other) in enumerate(pairs) if one != other), min(len(whole), len(prompt)))
        last = next((i + 1 for i in range(first, len(whole)) if whole[i] in self.stop_ids), len(whole))
        return first, last

    def _inputs(self, rows: Sequence[_Asked], store: Store) -> dict[str, Tensor]:
        """Rows → tensors, padded on the left."""
        options: dict[str, Any] = {"padding": True, "return_tensors": "pt"}
        options["add_special_tokens"] = self.wording.adds_special(rows[0].text)
        pictures = [[_picture(store, uri) for uri in row.uris] for row in rows]
        if any(pictures):
            if self.loaded.processor is self.loaded.tokenizer:
                raise DataError(rows[0].sample.id, "a picture", "words alone", "this is a language model")
            if len(pictures[0]) > 1 and self.model.config.model_type in SINGLE:
                raise DataError(rows[0].sample.id, f"{len(pictures[0])} pictures", "one, which is all that this model reads")
            options["images"] = pictures
        inputs = self.loaded.processor(text=[row.text for row in rows], **options)
        unread = {"token_type_ids"} - self.named  # some tokenizers make them for models that have no use for them
        kind = next(self.model.parameters()).dtype
        return {
            name: value.to(self.model.device, kind if value.is_floating_point() else None)
            for name, value in inputs.items()
            if name not in unread
        }

    def _decoded(self, ids: Sequence[int]) -> str:
        return str(self.loaded.tokenizer.decode(list(ids), skip_special_tokens=True))

    def _plain_generation(self, max_tokens: int) -> Any:
        from transformers import GenerationConfig  # noqa: PLC0415  (seconds to import)

        pad = self.loaded.tokenizer.pad_token_id
        stops = list(self.stop_ids)
        return GenerationConfig(do_sample=False, num_beams=1, max_new_tokens=max_tokens, eos_token_id=stops, pad_token_id=pad)


def _picture(store: Store, uri: str) -> Image.Image:
    return Image.fromarray(decode(store.read(uri), name=uri))


def _refused(error: Exception) -> Reply:
    said = " ".join(str(error).split())[:500] or type(error).__name__
    return Reply("", (), (), "error", error=said)


def _same(one: Reply, other: Reply) -> bool:
    """Whether two replies are the same but for rounding."""
    near = (math.isclose(a, b, abs_tol=NEAR) for a, b in zip(one.logprobs, other.logprobs, strict=False))
    return one.token_ids == other.token_ids and all(near)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
