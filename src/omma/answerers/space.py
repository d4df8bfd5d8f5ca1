"""Space: a folder with two encoders that share a space (CLIP, SigLIP, …) → an answerer that embeds pictures and words."""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import Any

import torch
from PIL import Image

from omma.answerers.loading import Loaded, folder_fingerprint
from omma.answerers.words import question_words
from omma.core.errors import ConfigError
from omma.generate.reply import Reply
from omma.generate.sampling import Sampling
from omma.generate.sight import GreyStore, Sight, shown
from omma.media.decode import decode
from omma.media.store import Store
from omma.schema.sample import Sample

PADDED = ("siglip", "siglip2")  # model types whose texts are filled up to their full length, as they were in training


class ReleasedSpace:
    """`get_image_features` and `get_text_features` of transformers, as they are: no norm is taken."""

    def __init__(self, loaded: Loaded, store: Store, *, batch_rows: int = 32) -> None:
        self.loaded, self.model, self.batch_rows = loaded, loaded.model, batch_rows
        self.stores: dict[Sight, Store] = {"picture": store, "shuffled": store, "grey": GreyStore(store)}

    def embed(self, samples: Sequence[Sample], sight: Sight = "picture", start: int = 0) -> Iterator[tuple[float, ...]]:
        """Samples (one picture, or words) → a vector each. ConfigError for a sample with both, with neither or with several."""
        for shows, run in groupby(shown(samples, sight)[start:], _shows_picture):
            rest = iter(run)
            while batch := list(islice(rest, self.batch_rows)):
                vectors = self._seen(batch, self.stores[sight]) if shows else self._read(batch)
                yield from (tuple(vector) for vector in vectors.float().tolist())

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

    @torch.inference_mode()
    def _seen(self, batch: Sequence[Sample], store: Store) -> torch.Tensor:
        names = [sample.media[0].uri for sample in batch]
        pictures = [Image.fromarray(decode(store.read(name), name=name)) for name in names]
        inputs = self.loaded.processor.image_processor(images=pictures, return_tensors="pt")
        return _vectors(self.model.get_image_features(**self._placed(inputs)))

    @torch.inference_mode()
    def _read(self, batch: Sequence[Sample]) -> torch.Tensor:
        padding = "max_length" if self.model.config.model_type in PADDED else True
        words = [question_words(sample) for sample in batch]
        self.loaded.tokenizer.padding_side = "right"  # these encoders count places from the left
        inputs = self.loaded.tokenizer(words, padding=padding, truncation=True, return_tensors="pt")
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
