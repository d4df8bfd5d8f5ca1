"""Space: a folder with two encoders that share a space (CLIP, SigLIP, …) → an answerer that embeds pictures and words."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from PIL import Image

from omma.answerers.loading import Loaded, folder_fingerprint
from omma.answerers.shapes import batches, filled, lengths, longest, read_words
from omma.answerers.words import question_words
from omma.core.errors import ConfigError
from omma.generate.reply import Reply
from omma.generate.sampling import Sampling
from omma.generate.sight import GreyStore, Sight, shown
from omma.media.decode import decode
from omma.media.store import Store
from omma.schema.sample import Sample

PADDED = ("siglip", "siglip2")  # model types whose texts are filled up to their full length, as they were in training
WINDOW = 8  # batches' worth of samples that are sorted together
PICTURE = 0  # in the place of a number of tokens


class ReleasedSpace:
    """`get_image_features` and `get_text_features` of transformers, as they are: no norm is taken."""

    def __init__(self, loaded: Loaded, store: Store, *, batch_rows: int = 32) -> None:
        self.loaded, self.model, self.batch_rows = loaded, loaded.model, batch_rows
        self.stores: dict[Sight, Store] = {"picture": store, "shuffled": store, "grey": GreyStore(store)}
        self.longest = longest(loaded.tokenizer, self.model.config.text_config)

    def embed(self, samples: Sequence[Sample], sight: Sight = "picture", start: int = 0) -> Iterator[tuple[float, ...]]:
        """Samples (one picture, or words) → a vector each. ConfigError for a sample with both, with neither or with several."""
        rest = iter(shown(samples, sight)[start:])
        while window := list(islice(rest, self.batch_rows * WINDOW)):
            found: dict[int, tuple[float, ...]] = {}
            kinds = self._kinds(window)
            for places in batches(kinds, self.batch_rows):
                rows = [window[place] for place in filled(places, self.batch_rows)]
                length = kinds[places[0]]
                vectors = self._seen(rows, self.stores[sight]) if length == PICTURE else self._read(rows, length)
                found |= zip(places, map(tuple, vectors[: len(places)].float().tolist()), strict=True)
            yield from (found[place] for place in range(len(window)))

    def ask(self, samples: Sequence[Sample], sampling: Sampling, sight: Sight = "picture", start: int = 0) -> Iterator[Reply]:
        """ConfigError: it writes nothing."""
        got = f"a {type(self.model).__name__}, which embeds and does not write"
        raise ConfigError("model", got, "a model that writes", "take a benchmark of retrieval or of pairs")

    def prompt_hash(self, sample: Sample) -> str:
        """Words are read as they stand."""
        return "embedded"

    def fingerprint(self) -> str:
        """The folder's files → 16 hex digits."""
        return folder_fingerprint(self.loaded.folder)

    def _kinds(self, window: Sequence[Sample]) -> list[int]:
        """Samples → the number of tokens that each is read with, and PICTURE for those that show one."""
        said = [place for place, sample in enumerate(window) if not _shows_picture(sample)]
        kinds = [PICTURE] * len(window)
        if said:
            sizes = lengths(self.loaded.tokenizer, [question_words(window[place]) for place in said], self.longest)
            for place, size in zip(said, sizes, strict=True):
                kinds[place] = self.longest if self.model.config.model_type in PADDED else size
        return kinds

    @torch.inference_mode()
    def _seen(self, batch: Sequence[Sample], store: Store) -> torch.Tensor:
        names = [sample.media[0].uri for sample in batch]
        seen = {name: Image.fromarray(decode(store.read(name), name=name)) for name in dict.fromkeys(names)}
        inputs = self.loaded.processor.image_processor(images=[seen[name] for name in names], return_tensors="pt")
        return _vectors(self.model.get_image_features(**self._placed(inputs)))

    @torch.inference_mode()
    def _read(self, batch: Sequence[Sample], length: int) -> torch.Tensor:
        inputs = read_words(self.loaded.tokenizer, [question_words(sample) for sample in batch], length)
        return _vectors(self.model.get_text_features(**self._placed(inputs)))

    def _placed(self, inputs: Any) -> dict[str, torch.Tensor]:
        kind = next(self.model.parameters()).dtype
        return {name: value.to(self.model.device, kind if value.is_floating_point() else None) for name, value in inputs.items()}


def _shows_picture(sample: Sample) -> bool:
    if len(sample.media) + bool(question_words(sample)) != 1:
        words = "and words" if question_words(sample) else "and no words"
        raise ConfigError(sample.id, f"{len(sample.media)} pictures {words}", "one picture, or words: a vector is of one of them")
    return bool(sample.media)


def _vectors(features: Any) -> torch.Tensor:
    """What transformers gives, a tensor or (from 5.0 on) an output that holds it → (B, D)."""
    found: torch.Tensor = features if isinstance(features, torch.Tensor) else features.pooler_output
    return found
