"""Metadata SQL: names of tables → DuckDB queries over metadata: thresholds, joins by key, concept counts, balancing.

Operators run them over candidates, scripts over Parquet files of any size. Nothing in them depends on the order of rows.
Balancing: MetaCLIP (Xu et al. 2023, arXiv 2309.16671, algorithm 1): a caption stays if any of its concepts, drawn with
probability t / max(count, t) each, is drawn. The draw u of a caption and a concept is a hash of both; the caption
stays where u · count < t for one of them, so that the least u · count is kept as a score and t is a threshold.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int64

# The upper 53 of 64 bits of an MD5: a double in [0, 1) without rounding.
DRAW = "((md5_number_upper(concat({key}, '|', {concept})) >> 11)::DOUBLE / 9007199254740992)"


def filtered(table: str, at_least: Mapping[str, float], at_most: Mapping[str, float]) -> str:
    """Table + bounds by column → its rows within all of them. A row without a value for a bound is outside."""
    bounds = [f'"{name}" >= {value!r}' for name, value in at_least.items()]
    bounds += [f'"{name}" <= {value!r}' for name, value in at_most.items()]
    return f"SELECT * FROM {table} WHERE {' AND '.join(bounds) or 'true'}"


def joined(rows: str, scores: str, key: str) -> str:
    """Rows + scores by key → every row once, with its scores, null where there are none. `scores` has each key once."""
    return f"SELECT * FROM {rows} LEFT JOIN {scores} USING ({key})"


def counted(matches: str) -> str:
    """Matches (key, concept) → concept, count."""
    return f"SELECT concept, count(*) AS count FROM {matches} GROUP BY concept"


def drawn(matches: str, counts: str) -> str:
    """Matches (key, concept) + counts (concept, count) → key and the least u · count, with its concept and count."""
    draw = DRAW.format(key="key", concept="concept") + " * count"
    return (
        f"SELECT key, least.drawn AS drawn, least.concept AS concept, least.count AS count FROM (SELECT key, "
        f"min(struct_pack(drawn := {draw}, concept := concept, count := count)) AS least "
        f"FROM {matches} JOIN {counts} USING (concept) GROUP BY key)"
    )


def balanced(matches: str, counts: str, limit: float) -> str:
    """Matches and counts → keys that stay at t = `limit`. What `drawn` < t says, without making the scores."""
    draw = DRAW.format(key="key", concept="concept")
    return (
        f"SELECT DISTINCT key FROM {matches} JOIN {counts} USING (concept) WHERE count <= {limit!r} OR {draw} * count < {limit!r}"
    )


def tail_limit(counts: Int64[np.ndarray, "concepts"], share: float) -> int:
    """Counts + tail share p → t: the count at which the rarer concepts' share of all matches is nearest to p.

    Of two equally near the smaller. Source: facebookresearch/MetaCLIP, curation/curate.py, `p_to_t`.
    """
    ordered = np.sort(counts)
    return int(ordered[np.abs(np.cumsum(ordered) / ordered.sum() - share).argmin()])


def tail_shares(counts: Int64[np.ndarray, "concepts"], values: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Counts + draws u · count → for each the tail share above which `tail_limit` exceeds it; 0 where it always does."""
    ordered = np.sort(counts)
    share = np.cumsum(ordered) / ordered.sum()
    first = np.minimum(np.searchsorted(ordered, values, side="right"), len(ordered) - 1)
    return np.where(first > 0, (share[first - 1] + share[first]) / 2, 0.0)
