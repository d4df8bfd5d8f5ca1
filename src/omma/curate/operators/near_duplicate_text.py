"""near_duplicate_text: a text nearly equal to one that ranks before it → dropped. Score: the highest such similarity.

Similarity: Jaccard of runs of `letters` letters of the plain words (small letters, no punctuation), exact for all pairs
that share one of `bands` bands of `rows` minima (MinHash, see `minhash`): at the defaults 0.9998 of pairs at 0.7. Of many
texts that share a band each is compared with the 16 that rank first there: more would be texts of one template.

Keep rule: held-out texts rank first, then longer ones, then by alphabet, hash of content and id. A sample goes if *any* text
compared before it is near, be that kept or not (the rule of SemDeDup): the score asks for no threshold, and the first of every
chain of near texts stays.
"""

import hashlib
from array import array
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Int64

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Candidate, Drops, Scores, SetOperator
from omma.curate.sets.columns import Places, Rows
from omma.curate.sets.minhash import band_keys, candidate_pairs, chance, jaccards, plain, runs, signatures

SURE = 0.99  # least probability of finding a pair at the threshold
CHUNK = 1 << 17  # letters signed at a time


@config
class NearDuplicateText(SetOperator):
    """Near copies among captions or conversations, pictures apart: for data whose texts should differ.

    Questions belong to the text. Texts of fewer than `min_words` words are not judged: "yes" copies nobody.
    """

    version: ClassVar[str] = "2"
    drops: ClassVar[Drops] = ">="
    scope: ClassVar[Literal["all", "train"]] = "train"
    looks_at: ClassVar[bool] = False
    scored_by: ClassVar[tuple[str, ...]] = ("letters", "bands", "rows", "min_words", "seed")
    min_similarity: float = 0.8
    letters: int = 5
    bands: int = 32
    rows: int = 4
    min_words: int = 4
    seed: int = 0

    def check(self) -> None:
        if min(self.letters, self.bands, self.rows) < 1:
            raise ConfigError("NearDuplicateText", f"letters {self.letters}, bands {self.bands}, rows {self.rows}", "1 or more")
        found = chance(self.min_similarity, self.bands, self.rows)
        if not 0 < self.min_similarity <= 1 or found < SURE:
            got = f"{self.min_similarity}, of which {self.bands} bands of {self.rows} find {found:.0%}"
            raise ConfigError(
                "NearDuplicateText.min_similarity", got, f"one that {SURE:.0%} are found at", "more bands, or fewer rows"
            )

    @property
    def threshold(self) -> float:
        """Least similarity of copies."""
        return self.min_similarity

    def score(self, candidates: Collection[Candidate]) -> Scores:
        """Highest similarity to a text before it, 0 where no pair is found; NaN where there are too few words."""
        told = self._gather(candidates)
        order = told.order()
        first, row = told.first_of_equals(order), told.row()
        values, notes = np.full(len(told.ids), np.nan), [""] * len(told.ids)
        values[order] = first[order] != order
        for i in order[first[order] != order].tolist():
            notes[i] = told.ids[first[i]]
        unique = order[first[order] == order]
        keys = (told.bands.table[row[unique], band] for band in range(self.bands if len(unique) else 0))
        pairs = candidate_pairs(keys)  # in places among unique ones: ordered by the earlier
        texts = self._texts(candidates, unique[np.unique(pairs)])
        near = jaccards(list(texts.values()), self.letters, np.searchsorted(np.array(list(texts), np.int64), unique[pairs]))
        best = np.lexsort((pairs[:, 0], -near, pairs[:, 1]))
        best = best[np.unique(pairs[best, 1], return_index=True)[1]]
        for (earlier, later), value in zip(unique[pairs[best]].tolist(), near[best].tolist(), strict=True):
            values[later], notes[later] = value, told.ids[earlier] if value else ""
        return Scores(values, tuple(notes))

    def decide(self, scores: Scores) -> list[str]:
        """Those near a text before them."""
        pairs = zip(scores.values, scores.notes, strict=True)
        return [f"says {value:.0%} what {note} says" if value >= self.min_similarity else "" for value, note in pairs]

    def _gather(self, candidates: Collection[Candidate]) -> "_Told":
        told, waiting, letters = _Told(), list[str](), 0
        for candidate in candidates:
            text = plain(said(candidate))
            judged = len(text.split()) >= self.min_words
            told.add(candidate, text, judged)
            if judged:
                waiting.append(text)
                letters += len(text)
            if letters >= CHUNK:
                self._sign(waiting, told.bands)
                waiting, letters = [], 0
        self._sign(waiting, told.bands)
        return told

    def _sign(self, texts: list[str], bands: Rows) -> None:
        if texts:
            for keys in band_keys(signatures(runs(texts, self.letters), self.bands * self.rows, self.seed), self.bands):
                bands.add(keys)

    def _texts(self, candidates: Collection[Candidate], numbers: Int64[np.ndarray, "n"]) -> dict[int, str]:
        """Texts of the candidates with these numbers, in order."""
        if not len(numbers):
            return {}
        wanted = np.zeros(len(candidates), bool)
        wanted[numbers] = True
        return {i: plain(said(candidate)) for i, candidate in enumerate(candidates) if wanted[i]}


def said(candidate: Candidate) -> str:
    """All that a sample says, questions among it."""
    sample = candidate.sample
    return "\n".join((*(caption.text for caption in sample.captions), *(turn.text for turn in sample.turns)))


@dataclass
class _Told:
    """What is kept of candidates: id, place, whether held out, letters and hash of the text; bands of those that are judged."""

    ids: list[str] = field(default_factory=list)
    places: Places = field(default_factory=Places)
    heldout: array = field(default_factory=lambda: array("b"))
    lengths: array = field(default_factory=lambda: array("q"))  # -1: too few words
    hashes: bytearray = field(default_factory=bytearray)
    bands: Rows = field(default_factory=Rows)

    def add(self, candidate: Candidate, text: str, judged: bool) -> None:
        """The next one."""
        self.ids.append(candidate.sample.id)
        self.places.add(candidate.sample)
        self.heldout.append(candidate.heldout)
        self.lengths.append(len(text) if judged else -1)
        self.hashes += hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]

    def order(self) -> Int64[np.ndarray, "judged"]:
        """Numbers of those that are judged, the first to stay first."""
        high, low = np.frombuffer(self.hashes, ">u8").reshape(-1, 2).T.astype(np.uint64)
        lengths = np.array(self.lengths, np.int64)
        order = self.places.order(~np.array(self.heldout, bool), -lengths, high, low)
        return order[lengths[order] >= 0]

    def first_of_equals(self, order: Int64[np.ndarray, "judged"]) -> Int64[np.ndarray, "samples"]:
        """For each sample the first in order that says the same."""
        _, same = np.unique(np.frombuffer(self.hashes, "V16"), return_inverse=True)
        first = np.zeros(len(same), np.int64)
        first[same[order][::-1]] = order[::-1]  # of several numbers the last is written
        return first[same]

    def row(self) -> Int64[np.ndarray, "samples"]:
        """Where each sample's bands stand, those of judged ones."""
        return np.cumsum(np.array(self.lengths, np.int64) >= 0) - 1
