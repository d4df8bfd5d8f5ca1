"""Matching: a folder of transformers with a head for image-text matching → an answerer: P(the words belong to the picture).

BLIP (Li et al. 2022, section 3.2, ITM after ALBEF): the text encoder reads the words while it attends to the picture; the second
of the head's two logits at the first token says "matched" (transformers, BlipForImageTextRetrieval). BLIP-2's Q-Former takes
the mean over its queries (Blip2ForImageTextRetrieval). Words begin with the tokenizer's own first token, as in both classes and
in BLIP's blip_itm.py; BLIP's training put [ENC] there.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from PIL import Image
from torch import Tensor

from omma.answerers.loading import Loaded, folder_fingerprint
from omma.answerers.shapes import batches, filled, lengths, longest, read_words
from omma.answerers.words import question_words
from omma.core.errors import ConfigError, DataError
from omma.generate.reply import Reply
from omma.generate.sampling import Sampling
from omma.generate.sight import GreyStore, Sight, shown
from omma.media.decode import decode
from omma.media.store import Store
from omma.schema.sample import Sample

WINDOW = 8  # batches' worth of samples that are sorted together


class ReleasedMatcher:
    """BlipForImageTextRetrieval or Blip2ForImageTextRetrieval, as released."""

    def __init__(self, loaded: Loaded, store: Store, *, batch_rows: int = 32) -> None:
        self.loaded, self.model, self.batch_rows = loaded, loaded.model, batch_rows
        self.stores: dict[Sight, Store] = {"picture": store, "shuffled": store, "grey": GreyStore(store)}
        config = self.model.config
        self.queries = self.model.query_tokens.shape[1] if config.model_type == "blip-2" else 0
        self.longest = longest(loaded.tokenizer, config.qformer_config if self.queries else config.text_config)

    def match(self, samples: Sequence[Sample], sight: Sight = "picture", start: int = 0) -> Iterator[float]:
        """Samples with one picture and words → probabilities. DataError for any other, or a picture that cannot be read."""
        rest = iter(shown(samples, sight)[start:])
        while window := list(islice(rest, self.batch_rows * WINDOW)):
            words = [_pair(sample) for sample in window]
            sizes = lengths(self.loaded.tokenizer, words, self.longest)
            found: dict[int, float] = {}
            for places in batches(sizes, self.batch_rows):
                rows = filled(places, self.batch_rows)
                uris = [window[place].media[0].uri for place in rows]
                scores = self._matched(uris, [words[place] for place in rows], sizes[places[0]], self.stores[sight])
                found |= zip(places, scores[: len(places)], strict=True)
            yield from (found[place] for place in range(len(window)))

    def ask(self, samples: Sequence[Sample], sampling: Sampling, sight: Sight = "picture", start: int = 0) -> Iterator[Reply]:
        """ConfigError: it writes nothing."""
        raise ConfigError("model", f"a {type(self.model).__name__}, which matches and does not write", "a model that writes")

    def prompt_hash(self, sample: Sample) -> str:
        """Words are read as they stand."""
        return "matched"

    def fingerprint(self) -> str:
        """The folder's files → 16 hex digits."""
        return folder_fingerprint(self.loaded.folder)

    @torch.inference_mode()
    def _matched(self, uris: Sequence[str], words: Sequence[str], length: int, store: Store) -> list[float]:
        seen = {uri: Image.fromarray(decode(store.read(uri), name=uri)) for uri in dict.fromkeys(uris)}
        tokens = read_words(self.loaded.tokenizer, words, length)
        ids, mask = (tokens[name].to(self.model.device) for name in ("input_ids", "attention_mask"))
        pixels = self.loaded.processor.image_processor(images=[seen[uri] for uri in uris], return_tensors="pt")["pixel_values"]
        pixels = pixels.to(self.model.device, next(self.model.parameters()).dtype)
        logits = (self._by_queries if self.queries else self._by_words)(pixels, ids, mask)
        return [float(value) for value in logits.float().softmax(dim=-1)[:, 1]]

    def _by_words(self, pixels: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """BLIP: the logits of the first token."""
        seen = self.model.vision_model(pixel_values=pixels).last_hidden_state
        there = torch.ones(seen.shape[:2], dtype=torch.long, device=seen.device)
        read = self.model.text_encoder(
            input_ids=ids, attention_mask=mask, encoder_hidden_states=seen, encoder_attention_mask=there
        ).last_hidden_state
        logits: Tensor = self.model.itm_head(read[:, 0])
        return logits

    def _by_queries(self, pixels: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """BLIP-2: the mean of the queries' logits. Newer configs want a placeholder for each query in front of the words."""
        place = self.model.config.image_token_index
        if place is not None:
            front = ids.new_ones(len(ids), self.queries)
            ids, mask = torch.cat([front * place, ids], dim=1), torch.cat([front, mask], dim=1)
        found = self.model(pixel_values=pixels, input_ids=ids, attention_mask=mask, use_image_text_matching_head=True)
        logits: Tensor = found.logits_per_image
        return logits


def _pair(sample: Sample) -> str:
    words = question_words(sample)
    if len(sample.media) != 1 or not words:
        raise DataError(sample.id, f"{len(sample.media)} pictures and {len(words.split())} words", "one picture and words")
    return words
