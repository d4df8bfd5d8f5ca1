"""near_duplicate_text: a text nearly equal to one that ranks before it → dropped. Score: the highest such similarity.

Similarity: Jaccard of runs of `letters` letters of the plain words (small letters, no punctuation), exact for all pairs
that share one of `bands` bands of `rows` minima (MinHash, see `minhash`): at the defaults 0.9998 of pairs at 0.7. Of many
texts that share a band each is compared with the 16 that rank first there: more would be texts of one template.

Keep rule: held-out texts rank first, then longer ones, then by alphabet, hash of content and id. A sample goes if *any* text
compared before it is near, be that kept or not (the rule of SemDeDup): the score asks for no threshold, and the first of every
chain of near texts stays.
"""

from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Int64

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.columns import contents
from omma.curate.minhash import candidate_pairs, chance, jaccard, plain, shingles, signatures
from omma.curate.operator import Candidate, Scores, SetOperator

SURE = 0.99  # least probability of finding a pair at the threshold


@config
class NearDuplicateText(SetOperator):
    """Near copies among captions or conversations, pictures apart: for data whose texts should differ.

    Questions belong to the text. Texts of fewer than `min_words` words are not judged: "yes" copies nobody.
    """

    version: ClassVar[str] = "1"
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

    def score(self, candidates: tuple[Candidate, ...]) -> Scores:
        """Highest similarity to a text before it, 0 where no pair is found; NaN where there are too few words."""
        texts = [plain(said(candidate)) for candidate in candidates]
        places = contents(candidates)
        judged = [i for i, text in enumerate(texts) if len(text.split()) >= self.min_words]
        judged.sort(key=lambda i: (not candidates[i].heldout, -len(texts[i]), texts[i], places[i]))
        values, notes = np.full(len(candidates), np.nan), [""] * len(candidates)
        first: dict[str, int] = {}
        for i in judged:
            original = first.setdefault(texts[i], i)
            values[i], notes[i] = (0.0, "") if original == i else (1.0, candidates[original].sample.id)
        unique = list(first.values())
        sets = [shingles(texts[i], self.letters) for i in unique]
        pairs = candidate_pairs(signatures(sets, self.bands * self.rows, self.seed), self.bands)
        for earlier, later, near in _measured(sets, pairs):
            i = unique[later]
            if near > values[i]:  # pairs are ordered: of equally near ones the first stands
                values[i], notes[i] = near, candidates[unique[earlier]].sample.id
        return Scores(values, tuple(notes))

    def decide(self, scores: Scores) -> list[str]:
        """Those near a text before them."""
        pairs = zip(scores.values, scores.notes, strict=True)
        return [f"says {value:.0%} what {note} says" if value >= self.min_similarity else "" for value, note in pairs]


def said(candidate: Candidate) -> str:
    """All that a sample says, questions among it."""
    sample = candidate.sample
    return "\n".join((*(caption.text for caption in sample.captions), *(turn.text for turn in sample.turns)))


def _measured(sets: list[np.ndarray], pairs: Int64[np.ndarray, "pairs 2"]) -> list[tuple[int, int, float]]:
    return [(int(a), int(b), jaccard(sets[a], sets[b])) for a, b in pairs]
