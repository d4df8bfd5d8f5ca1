"""Space: two encoders that share a space (CLIP, SigLIP, …), as transformers publishes them → an answerer of vectors of either."""

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


class TwoTowers:
    """What every pair of towers does: samples in batches of one kind each, filled up to `batch_rows`, so that all of a kind have
    one shape. A kind of words is never 0, which is that of pictures."""

    def __init__(self, store: Store, batch_rows: int) -> None:
        self.batch_rows = batch_rows
        self.stores: dict[Sight, Store] = {"picture": store, "shuffled": store, "grey": GreyStore(store)}

    def embed(self, samples: Sequence[Sample], sight: Sight = "picture", start: int = 0) -> Iterator[tuple[float, ...]]:
        """Samples (one picture, or words) → a vector each. ConfigError for a sample with both, with neither or with several."""
        rest = iter(shown(samples, sight)[start:])
        while window := list(islice(rest, self.batch_rows * WINDOW)):
            found: dict[int, tuple[float, ...]] = {}
            kinds = self._kinds(window)
            for places in batches(kinds, self.batch_rows):
                rows = [window[place] for place in filled(places, self.batch_rows)]
                kind = kinds[places[0]]
                vectors = self._seen(rows, self.stores[sight]) if kind == PICTURE else self._read(rows, kind)
                found |= zip(places, map(tuple, vectors[: len(places)].float().tolist()), strict=True)
            yield from (found[place] for place in range(len(window)))

    def ask(self, samples: Sequence[Sample], sampling: Sampling, sight: Sight = "picture", start: int = 0) -> Iterator[Reply]:
        """ConfigError: it writes nothing."""
        got = f"a {type(self).__name__}, which embeds and does not write"
        raise ConfigError("model", got, "a model that writes", "take a benchmark of retrieval or of pairs")

    def prompt_hash(self, sample: Sample) -> str:
        """Words are read as they stand."""
        return "embedded"

    def _kinds(self, window: Sequence[Sample]) -> list[int]:
        """Samples → the kind of each: PICTURE, or what the lengths of words say."""
        kinds = [PICTURE] * len(window)
        said = [place for place, sample in enumerate(window) if not _shows_picture(sample)]
        found = self._lengths([question_words(window[place]) for place in said]) if said else []
        for place, length in zip(said, found, strict=True):
            kinds[place] = length
        return kinds

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        """Texts → the number of tokens that each is read with."""
        raise NotImplementedError(f"{type(self).__name__} has no lengths")

    def _seen(self, batch: Sequence[Sample], store: Store) -> torch.Tensor:
        """Samples that show a picture → vectors (N, D)."""
        raise NotImplementedError(f"{type(self).__name__} sees nothing")

    def _read(self, batch: Sequence[Sample], length: int) -> torch.Tensor:
        """Samples with words of one length → vectors (N, D)."""
        raise NotImplementedError(f"{type(self).__name__} reads nothing")


class ReleasedSpace(TwoTowers):
    """`get_image_features` and `get_text_features` of transformers, as they are: no norm is taken."""

    def __init__(self, loaded: Loaded, store: Store, *, batch_rows: int = 32) -> None:
        super().__init__(store, batch_rows)
        self.loaded, self.model = loaded, loaded.model
        self.longest = longest(loaded.tokenizer, self.model.config.text_config)

    def fingerprint(self) -> str:
        """The folder's files → 16 hex digits."""
        return folder_fingerprint(self.loaded.folder)

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        if self.model.config.model_type in PADDED:
            return [self.longest] * len(texts)
        return lengths(self.loaded.tokenizer, texts, self.longest)

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
