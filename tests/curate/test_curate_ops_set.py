"""Operators over whole sets: planted copies, hand-worked counts and draws, and decisions that no order of the input changes."""

import hashlib
import math
import random
from collections import Counter
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from omma.core.errors import ConfigError, DataError
from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.job import curate
from omma.curate.operator import Candidate, SetOperator
from omma.curate.operators.class_cap import ClassCap
from omma.curate.operators.cluster_reduction import ClusterReduction
from omma.curate.operators.concept_balance import ConceptBalance
from omma.curate.operators.concept_limit import ConceptLimit
from omma.curate.operators.inverse_frequency import InverseFrequency
from omma.curate.operators.language_share import LanguageShare
from omma.curate.operators.near_duplicate_text import NearDuplicateText
from omma.curate.operators.picture_decontamination import PictureDecontamination
from omma.curate.operators.quantile import Quantile
from omma.curate.operators.semantic_dedupe import SemanticDedupe
from omma.curate.operators.size import Size
from omma.curate.picture import Picture
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.sets.columns import digest
from omma.curate.sets.concepts import Asking, Concepts, Matcher, frequencies, singulars
from omma.curate.sets.embeddings import EmbeddingFile
from omma.curate.sets.kmeans import kmeans, whiten
from omma.curate.sets.metadata_sql import balanced, counted, drawn, filtered, joined, tail_limit, tail_shares
from omma.curate.sets.minhash import band_keys, candidate_pairs, chance, jaccards, plain, runs, signatures
from omma.schema.sample import Caption, Media, Sample

REAL = Path(__file__).parents[2] / "../shared/real"
PETS = Concepts(names={"dog": ("puppy",), "cat": (), "okapi": ()})
WORDS = ("red", "blue", "old", "small", "house", "river", "tree", "boat", "sheep", "cloud", "stone", "road", "bird", "lamp")


def said(key, text="", heldout=False, sha="", scores=(), **meta) -> Candidate:
    media = (Media(f"{key}.png", sha256=sha),) if sha else ()
    captions = (Caption(text),) if text else ()
    return Candidate(Sample(key, "s", media=media, captions=captions, meta=meta), heldout, scores=dict(scores))


def reasons(operator: SetOperator, candidates) -> dict[str, str]:
    candidates = tuple(candidates)
    found = operator.decide(operator.score(candidates))
    return {c.sample.id: reason for c, reason in zip(candidates, found, strict=True)}


def kept(operator: SetOperator, candidates) -> set[str]:
    return {key for key, reason in reasons(operator, candidates).items() if not reason}


def texts(count, words=14, seed=0):
    draw = random.Random(seed)
    return [" ".join(f"{draw.choice(WORDS)}{draw.randrange(90)}" for _ in range(words)) for _ in range(count)]


# Near-duplicate texts


def likeness(one: str, other: str, width: int) -> float:
    return jaccards([one, other], width, np.array([[0, 1]]))[0]


def test_jaccard_and_signatures_agree():
    # By hand: abcd has runs abc, bcd; abce has abc, bce: one of three is shared. A run that stands twice counts once.
    assert likeness("abcd", "abce", 3) == pytest.approx(1 / 3)
    assert likeness("abcabcabc", "abcab", 3) == 1
    assert likeness("ab", "ab", 3) == 1
    one, other = texts(2, 60)
    mixed = one[: len(one) // 2] + other[len(other) // 2 :]
    first, second = signatures(runs([one, mixed], 5), 2048, 0)
    assert (first == second).mean() == pytest.approx(likeness(one, mixed, 5), abs=0.04)  # deviation at 0.33: 0.010


def test_runs_and_likeness_of_many_texts_are_those_of_each_alone():
    many = [*texts(30, 5), "a", "", "ab", "狗" * 7, *texts(10, 40, seed=1)]
    found = runs(many, 5)
    for number, text in enumerate(many):
        alone = runs([text], 5)
        assert np.array_equal(found.hashes[found.starts[number] : found.starts[number + 1]], alone.hashes)
    signs = signatures(found, 8, 0)
    assert np.array_equal(signs, np.concatenate([signatures(runs([text], 5), 8, 0) for text in many]))
    pairs = np.array([[a, b] for a in range(len(many)) for b in range(a)])
    sets = [{text.ljust(5, "\0")[i : i + 5] for i in range(max(len(text) - 4, 1))} for text in many]
    assert jaccards(many, 5, pairs).tolist() == [len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in pairs]


def test_bands_pair_what_shares_a_band_and_nothing_else():
    signs = np.array([[1, 2, 3, 4], [1, 2, 9, 9], [8, 8, 3, 4], [1, 2, 3, 4], [7, 7, 7, 7]], np.uint64)
    assert candidate_pairs(band_keys(signs, 2).T).tolist() == [[0, 1], [0, 2], [0, 3], [1, 3], [2, 3]]
    assert candidate_pairs(band_keys(signs[:0], 2).T).shape == (0, 2)
    assert chance(0.5, 1, 2) == 0.25
    many = candidate_pairs(band_keys(np.ones((40, 4), np.uint64), 2).T)  # each with the first 16: 39 + 38 + ... + 24
    assert (len(many), many[:, 0].max()) == (504, 15)


def test_planted_near_copies_are_found_and_others_are_not():
    originals = texts(300)
    draw = random.Random(1)
    copies = {}
    for i, text in enumerate(originals[:100]):
        words = text.split()
        words[draw.randrange(len(words))] = "other"
        copies[f"copy{i}"] = "A " + " ".join(words).upper() + "!"
    rows = [said(f"text{i}", text) for i, text in enumerate(originals)] + [said(key, text) for key, text in copies.items()]
    gone = {key for key, reason in reasons(NearDuplicateText(min_similarity=0.7), rows).items() if reason}
    pairs = [{f"text{i}", f"copy{i}"} for i in range(100)]
    alike = [likeness(plain(originals[i]), plain(copies[f"copy{i}"]), 5) >= 0.7 for i in range(100)]
    assert sum(alike) >= 90
    assert [len(pair & gone) for pair in pairs] == [int(near) for near in alike]  # recall of pairs: all
    assert not gone & {f"text{i}" for i in range(100, 300)}  # precision: all


def test_of_near_texts_the_held_out_one_stays_then_the_longest_and_short_ones_are_not_judged():
    # 53 letters have 49 runs of five, with four letters more 53: 49 of 53 are shared.
    text = "a small boat lies on the river by the old stone house"
    rows = [said("short", text), said("long", text + " now"), said("held", text, heldout=True), said("a", "yes"), said("b", "yes")]
    found = reasons(NearDuplicateText(), rows)
    assert found == {"short": "says 100% what held says", "long": "says 92% what held says", "held": "", "a": "", "b": ""}
    assert kept(NearDuplicateText(), rows[:2]) == {"long"}


def test_of_many_texts_of_one_template_the_first_stays():
    rows = [said(f"t{i}", f"a photo of a red car on the street with the number {i}") for i in range(100, 400)]
    stay = kept(NearDuplicateText(), rows)
    assert len(stay) == 1
    assert stay == kept(NearDuplicateText(), rows[::-1])


def test_a_threshold_that_bands_would_miss_is_refused():
    with pytest.raises(ConfigError, match="of which 32 bands of 4 find 23%; expected one that 99% are found at"):
        NearDuplicateText(min_similarity=0.3)


# Concepts


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Two Dogs and a cat.", ["dog", "cat"]),
        ("a puppy", ["dog"]),
        ("dogma, concatenate, dog_house", []),
        ("dog's bowl; the dog-cart", ["dog"]),
        ("hot dogs", ["hot dog", "dog"]),
        ("berries in boxes", ["berry", "box"]),
        ("give it to us in the US", ["US"]),
        ("", []),
    ],
)
def test_concepts_match_whole_words_plurals_and_synonyms(text, found):
    names = {"dog": ("puppy",), "cat": (), "hot dog": (), "berry": (), "box": (), "US": ()}
    assert Matcher(names).match(text) == found
    assert Matcher(names, "longest").match(text) == [name for name in found if (name, text) != ("dog", "hot dogs")]


def test_concepts_are_found_without_spaces_in_scripts_that_have_none():
    assert Matcher({"狗": (), "熊猫": ("パンダ",), "cat": ()}).match("一只狗和パンダ在吃, cat猫") == ["狗", "熊猫", "cat"]
    assert Matcher({"собака": ()}).match("СОБАКА и кот") == ["собака"]


@pytest.mark.parametrize("text", ["a" * 100_000, "dog " * 20_000, "\x00\ud800\n dog", "İß\u200bﬁ DOGS"])
def test_no_text_is_too_odd_for_concepts_and_shingles(text):
    assert set(Matcher({"dog": ()}).match(text)) == ({"dog"} if "dog" in text.casefold() else set())
    assert len(runs([plain(text)], 5).hashes) >= 1


def test_singulars():
    assert singulars("boxes") == ["boxes", "boxe", "box"]
    assert singulars("berries") == ["berries", "berrie", "berry"]
    assert singulars("glass") == ["glass"]
    assert singulars("gas") == ["gas"]


def test_concepts_are_read_from_files_whose_content_is_in_the_key(tmp_path):
    file = tmp_path / "concepts.json"
    keys = set()
    for text in ('["dog", "cat"]', '{"dog": ["puppy"], "cat": []}'):
        file.write_text(text)
        assert list(Concepts(path=str(file)).read()) == ["dog", "cat"]
        keys.add(ConceptLimit(concepts=Concepts(path=str(file))).key)
    assert len(keys) == 2
    (tmp_path / "concepts.txt").write_text("dog\n\ncat\n")
    assert list(Concepts(path=str(tmp_path / "concepts.txt")).read()) == ["dog", "cat"]
    file.write_text("{")
    with pytest.raises(DataError, match="no JSON"):
        Concepts(path=str(file)).read()
    with pytest.raises(DataError, match="concept_limit: no concepts"):
        ConceptLimit().score((said("a", "x"),))


def test_frequencies_ask_until_enough_are_relevant():
    rows = {f"{i:03d}": "a crane" for i in range(50)} | {"long": "crane " * 101}
    matcher = Matcher({"crane": ()})
    assert frequencies(rows, matcher, Asking())["crane"].value == 50
    answers = iter([True, False] * 25)
    found = frequencies(rows, matcher, Asking(seen=10, relevant=8, most=40), lambda name, text: next(answers))["crane"]
    assert (found.matches, found.asked, found.relevant, found.value) == (50, 15, 8, 50 * 8 / 15)
    never = frequencies(rows, matcher, Asking(seen=10, relevant=8, most=40), lambda name, text: False)["crane"]
    assert (never.asked, never.value) == (40, 0)


# Balancing


def test_tail_limit_by_hand():
    # Counts 1, 2, 3, 14 of 20: cumulative shares 0.05, 0.15, 0.3, 1; 0.1 is as near to the first as to the second.
    counts = np.array([14, 1, 3, 2])
    assert [tail_limit(counts, p) for p in (0.0, 0.12, 0.29, 0.6, 0.7, 1.0)] == [1, 2, 3, 3, 14, 14]
    assert tail_shares(counts, np.array([0.5, 1.5, 2.0, 13.9])).tolist() == pytest.approx([0, 0.1, 0.225, 0.65])


def test_the_tail_share_of_a_draw_says_what_its_limit_says():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 60, 40)
    draws = rng.random(500) * rng.choice(counts, 500)
    for p in np.linspace(0.013, 0.97, 25):
        assert np.array_equal((tail_shares(counts, draws) < p) | (tail_shares(counts, draws) == 0), draws < tail_limit(counts, p))


def uniform(key: str, concept: str) -> float:
    return (int.from_bytes(hashlib.md5(f"{key}|{concept}".encode()).digest()[:8], "little") >> 11) / 2**53


def pets(count=3000):
    rng = random.Random(0)
    kinds = ["a dog {}", "a dog and a cat {}", "an okapi {}", "nothing {}"]
    return [said(f"p{i}", rng.choices(kinds, (80, 8, 1, 5))[0].format(i)) for i in range(count)]


def test_balancing_keeps_t_over_count_of_each_concept_and_equals_the_written_rule():
    rows = pets()
    named = {c.sample.id: Matcher(PETS.names).match(c.sample.captions[0].text) for c in rows}
    counts = Counter(name for names in named.values() for name in names)
    wanted = {
        c.sample.id for c in rows if any(uniform(digest(c.sample).hex(), name) * counts[name] < 200 for name in named[c.sample.id])
    }
    stay = kept(ConceptLimit(concepts=PETS, max_count=200), rows)
    assert stay == wanted
    left = Counter(name for key in stay for name in named[key])
    alone = sum(named[key] == ["dog"] for key in stay)
    total = sum(names == ["dog"] for names in named.values())
    assert alone / total == pytest.approx(200 / counts["dog"], abs=0.02)  # deviation 0.005
    assert left["okapi"] == counts["okapi"] < 200
    assert sum(not named[key] for key in stay) == 0
    assert kept(ConceptLimit(concepts=PETS, max_count=200, unmatched="keep"), rows) - stay == {k for k, n in named.items() if not n}


def test_balancing_by_tail_share_is_balancing_at_its_limit():
    rows = pets()
    named = {c.sample.id: Matcher(PETS.names).match(c.sample.captions[0].text) for c in rows}
    counts = np.array(list(Counter(name for names in named.values() for name in names).values()))
    for share in (0.005, 0.06, 0.4):
        by_count = kept(ConceptLimit(concepts=PETS, max_count=tail_limit(counts, share)), rows)
        assert kept(ConceptBalance(concepts=PETS, tail_share=share), rows) == by_count
    reason = next(filter(None, reasons(ConceptBalance(concepts=PETS, tail_share=0.005), rows).values()))
    assert reason.startswith(("drawn out, nearest to staying by", "mentions no concept"))


def test_queries_say_what_operators_say():
    with duckdb.connect() as base:
        base.execute("CREATE TABLE rows AS SELECT 'k' || i AS key, i AS width FROM range(9) t(i)")
        base.execute("CREATE TABLE scores AS SELECT 'k' || i AS key, i / 10 AS clip FROM range(1, 9) t(i)")
        base.execute(f"CREATE TABLE all_rows AS {joined('rows', 'scores', 'key')}")
        assert base.execute("SELECT count(*), count(clip) FROM all_rows").fetchall() == [(9, 8)]
        query = f"SELECT key FROM ({filtered('all_rows', {'clip': 0.2}, {'width': 4})}) ORDER BY key"
        assert base.execute(query).fetchall() == [("k2",), ("k3",), ("k4",)]
        base.execute("CREATE TABLE m AS SELECT 'k' || (i // 2) AS key, 'c' || (i % 3) AS concept FROM range(60) t(i)")
        base.execute(f"CREATE TABLE n AS {counted('m')}")
        sizes = []
        for limit in (1, 3, 9, 20, 21):
            one = base.execute(f"SELECT key FROM ({balanced('m', 'n', limit)}) ORDER BY key").fetchall()
            assert one == base.execute(f"SELECT key FROM ({drawn('m', 'n')}) WHERE drawn < {limit} ORDER BY key").fetchall()
            sizes.append(len(one))
        assert 0 < sizes[0] < sizes[1] < sizes[2] <= sizes[3] == sizes[4] == 30


def test_rare_concepts_are_drawn_first():
    rows = pets()
    operator = InverseFrequency(concepts=PETS, keep_share=0.2)
    stay = kept(operator, rows)
    named = {c.sample.id: Matcher(PETS.names).match(c.sample.captions[0].text) for c in rows}
    share = {name: sum(name in named[key] for key in stay) / sum(name in names for names in named.values()) for name in PETS.names}
    assert len(stay) == math.ceil(0.2 * sum(bool(names) for names in named.values()))
    assert share["okapi"] > 0.95 > share["cat"] > 0.7 > 0.2 > share["dog"] - share["cat"] * 0.12
    assert stay > kept(replace(operator, keep_share=0.1), rows)


# Caps, shares, quantiles


def test_a_cap_takes_the_same_of_each_class_in_any_order():
    rows = [said(f"{kind}{i}", f"{kind} {i}", kind=kind) for kind, count in (("a", 30), ("b", 4)) for i in range(count)]
    held = [said("h", "a held", heldout=True, kind="a")]
    stay = kept(ClassCap(field="kind", max_count=10), rows + held)
    assert Counter(key[0] for key in stay) == {"a": 10, "b": 4, "h": 1}
    assert kept(ClassCap(field="kind", max_count=5), rows) < stay
    assert kept(ClassCap(field="kind", max_count=10, seed=1), rows) != stay - {"h"}
    assert "beyond 10 samples of kind 'a'" in reasons(ClassCap(field="kind", max_count=10), rows).values()


def languages(**counts):
    return [said(f"{name}{i}", f"{name} {i}", language=name) for name, count in counts.items() for i in range(count)]


def test_language_shares_by_hand():
    # 60 : 20 : 20; with 30 zh the largest set has 100 samples by en, and 150 by zh: N = 100.
    rows = languages(en=60, zh=30, de=70, fr=10)
    stay = kept(LanguageShare(shares={"en": 0.6, "zh": 0.2}), rows)
    assert Counter(key[:2] for key in stay if key[:2] not in ("de", "fr")) == {"en": 60, "zh": 20}
    assert len(stay) == 100
    assert Counter(key[:2] for key in kept(LanguageShare(shares={"en": 0.5, "zh": 0.5}), rows)) == {"en": 30, "zh": 30}
    with pytest.raises(DataError, match="no sample with language 'ja'; expected one of de, en"):
        LanguageShare(shares={"ja": 0.5}).score(tuple(languages(en=2, de=2)))
    german = [
        said(f"g{i}", f"Ein alter Mann sitzt mit seinem Hund auf Bank {i} und liest die Zeitung", language="en") for i in range(8)
    ]
    english = [
        said(f"e{i}", f"An old man and his dog are on bench {i} of the park with the newspaper", language="en") for i in range(4)
    ]
    assert Counter(key[0] for key in kept(LanguageShare(field="told", shares={"en": 0.5, "de": 0.5}), german + english)) == {
        "e": 4,
        "g": 4,
    }
    with pytest.raises(ConfigError, match="together at most 1"):
        LanguageShare(shares={"en": 0.7, "zh": 0.7})


def test_quantiles_keep_ties_together_and_name_what_is_missing():
    values = [0.9, 0.5, 0.5, 0.5, 0.1, math.nan]
    rows = [said(f"r{i}", scores={"clip": value}) for i, value in enumerate(values)]
    assert kept(Quantile(keep_share=0.4), rows) == {"r0", "r1", "r2", "r3"}  # a fifth is better than the three equals
    assert kept(Quantile(keep_share=0.2), rows) == {"r0"}
    assert kept(Quantile(keep_share=0.2, best="lowest", missing="keep"), rows) == {"r4", "r5"}
    found = reasons(Quantile(keep_share=0.2), rows)
    assert (found["r1"], found["r5"]) == ("clip 0.5, 20.0% have a better one", "no clip")
    assert kept(Quantile(column="m", keep_share=0.5), [said("a", m=1.0), said("b", m=2), said("h", heldout=True)]) == {"b", "h"}
    with pytest.raises(DataError, match="no sample has a score 'itm'.*there is clip"):
        Quantile(column="itm").score(tuple(rows))


# Embeddings


def embedded(tmp_path, vectors) -> tuple[EmbeddingFile, list[Candidate]]:
    keys = [hashlib.sha256(f"{i}".encode()).hexdigest() for i in range(len(vectors))]
    file = tmp_path / "embeddings.parquet"
    pq.write_table(pa.table({"sha256": keys, "embedding": [list(map(float, row)) for row in vectors]}), file)
    rows = [replace(said(f"v{i}", f"text {i}", sha=key, itm=i / len(keys)), looks=(np.zeros(0),)) for i, key in enumerate(keys)]
    return EmbeddingFile(path=str(file)), rows


def angles(*degrees):
    return np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], 1)


def test_kmeans_finds_planted_clusters_and_lowers_nothing_but_distance():
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(0, 10, (6, 8)), 50, axis=0) + rng.normal(0, 0.1, (300, 8))
    found = [kmeans(vectors, 6, 20, seed) for seed in range(8)]
    best = min(found, key=lambda clusters: clusters.distance.sum())
    assert sorted(np.bincount(best.cluster)) == [50] * 6
    assert all(kmeans(vectors, 6, n + 1, 1).distance.sum() <= kmeans(vectors, 6, n, 1).distance.sum() + 1e-9 for n in range(6))
    for place, row in enumerate(best.centres):
        assert np.allclose(row, vectors[best.cluster == place].mean(axis=0))
    assert len(kmeans(np.zeros((3, 2)), 5, 4, 0).centres) == 3


def test_whitening_leaves_unit_variance_in_every_direction():
    rng = np.random.default_rng(0)
    white = whiten(rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)), 4)
    assert np.allclose(np.cov(white.T), np.eye(4), atol=1e-9)
    assert whiten(np.ones((5, 3)), 3).shape == (5, 0)


def test_semantic_dedupe_by_hand(tmp_path):
    # One cluster, centre near 21 degrees: from hard to easy 90, 0, 3, 4 degrees. cos 1 degree = 0.99985, cos 3 = 0.9986.
    embedding, rows = embedded(tmp_path, angles(0, 3, 4, 90))
    hard = reasons(SemanticDedupe(embedding=embedding, eps=0.002), rows)
    assert {key for key, reason in hard.items() if reason} == {"v1", "v2"}
    assert hard["v1"] == "embedded near v0.png (cosine 0.999)"
    assert kept(SemanticDedupe(embedding=embedding, eps=0.002, keep="easy"), rows) == {"v2", "v3"}
    assert kept(SemanticDedupe(embedding=embedding, eps=0.0005), rows) == {"v0", "v1", "v3"}
    held = [replace(rows[2], heldout=True), *rows[:2], rows[3]]
    assert kept(SemanticDedupe(embedding=embedding, eps=0.0005, keep="hard"), held) == {"v0", "v2", "v3"}


def test_semantic_dedupe_finds_planted_copies_in_their_clusters(tmp_path):
    rng = np.random.default_rng(0)
    originals = rng.normal(size=(400, 32))
    copies = originals[:120] + rng.normal(0, 0.02, (120, 32))
    embedding, rows = embedded(tmp_path, np.concatenate([originals, copies]))
    found = reasons(SemanticDedupe(embedding=embedding, eps=0.05, cluster_size=100), rows)
    pairs = [bool(found[f"v{i}"]) + bool(found[f"v{400 + i}"]) for i in range(120)]
    assert sum(pairs) >= 0.95 * 120  # measured 118: the others fell into two clusters
    assert max(pairs) == 1
    assert not any(found[f"v{i}"] for i in range(120, 400))


def test_the_built_in_description_finds_small_and_cropped_copies_of_photographs_and_mistakes_none(tmp_path):
    folder = (REAL / "coco-ccby-dev").resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}")
    photos = sorted(folder.rglob("*.jpg"))[:90]
    operator = SemanticDedupe(keep="first")
    originals = [looked(operator, photo.stem, photo.read_bytes()) for photo in photos]
    for way, least in (("small", 29), ("cropped", 25)):  # measured: 30 and 26 of 30
        copies = []
        for photo in photos[:30]:
            image = Image.open(photo).convert("RGB")
            cut = image.width // 20, image.height // 20
            part = image.crop((*cut, image.width - cut[0], image.height - cut[1]))
            small = image.resize((image.width // 4, image.height // 4))
            data = encoded(small if way == "small" else part, "JPEG", quality=30 if way == "small" else 85)
            copies.append(looked(operator, f"copy-{photo.stem}", data))
        found = reasons(operator, [*originals, *copies])
        pairs = [bool(found[photo.stem]) + bool(found[f"copy-{photo.stem}"]) for photo in photos[:30]]
        assert max(pairs) == 1
        assert sum(pairs) >= least, (way, sum(pairs))
        assert not any(found[photo.stem] for photo in photos[30:])


def test_a_file_without_a_picture_leaves_it_unjudged_and_a_broken_one_is_told(tmp_path):
    embedding, rows = embedded(tmp_path, angles(0, 90))
    unknown = replace(said("u", "x", sha="f" * 64), looks=(np.zeros(0),))
    scores = SemanticDedupe(embedding=embedding).score((*rows, unknown))
    assert np.isnan(scores.values).tolist() == [False, False, True]
    with pytest.raises(DataError, match="no column 'vector'; expected one of sha256, embedding"):
        SemanticDedupe(embedding=replace(embedding, column="vector")).score(tuple(rows))
    with pytest.raises(DataError, match="no such file"):
        _ = SemanticDedupe(embedding=EmbeddingFile(path=str(tmp_path / "none"))).key


def test_a_job_finds_planted_copies_by_the_built_in_description(tmp_path, draw, write_lines):
    for i in range(30):
        draw(tmp_path / f"raw/{i:02d}.png", seed=i, size=(96, 96))
    for i in range(5):
        Image.open(tmp_path / f"raw/{i:02d}.png").resize((60, 60)).save(tmp_path / f"raw/copy{i}.jpg", quality=70)
    names = sorted(path.name for path in (tmp_path / "raw").iterdir())
    write_lines(tmp_path / "raw/captions.jsonl", *({"image": name, "caption": f"number {name}"} for name in names))
    source = {"s": CaptionsJsonl(path="captions.jsonl")}
    run = RunFolder(tmp_path / "run")
    curate(Data(root=str(tmp_path / "raw"), sources=source, operators=(SemanticDedupe(),)), run, seed=0, workers=0)
    gone = [row for row in run.ledger.entries("curate") if row.verdict == "drop"]
    pairs = [{f"s/{i:02d}.png:0", f"s/copy{i}.jpg:0"} for i in range(5)]
    assert [len(pair & {row.sample_id for row in gone}) for pair in pairs] == [1] * 5
    assert len(gone) == 5
    assert all(row.score > row.threshold == 0.9 and "embedded near" in row.reason for row in gone)
    few = RunFolder(tmp_path / "few")
    write_lines(tmp_path / "raw/captions.jsonl", *({"image": name, "caption": "x"} for name in ("00.png", "copy0.jpg")))
    curate(Data(root=str(tmp_path / "raw"), sources=source, operators=(SemanticDedupe(),)), few, seed=0, workers=0)
    assert [row.verdict for row in few.ledger.entries("curate")] == ["keep", "keep"]


def test_reduction_takes_every_nth_of_a_cluster_and_of_those_the_best(tmp_path):
    rng = np.random.default_rng(0)
    centres = np.repeat(np.eye(4) * 5 + 1, 50, axis=0)
    embedding, rows = embedded(tmp_path, centres + rng.normal(0, 0.05, (200, 4)))
    operator = ClusterReduction(embedding=embedding, num_clusters=4, every=5, best_share=1.0)
    scores = operator.score(tuple(rows))
    sizes = Counter(scores.notes)
    stay = kept(operator, rows)
    assert len(stay) == sum(math.ceil(size / 5) for size in sizes.values())
    half = kept(replace(operator, best_share=0.5), rows)
    assert half == {key for key in stay if int(key[1:]) >= 100}  # meta's itm grows with the number
    assert (np.floor(scores.values) % 5 == 0).sum() == len(stay)
    assert any("not one in 5" in reason for reason in reasons(operator, rows).values())


# Decontamination


def encoded(image: Image.Image, kind="PNG", **how) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def looked(operator, key, data) -> Candidate:
    picture = Picture(f"{key}.png", data)
    return replace(said(key, key, sha=picture.sha256), looks=(operator.look(picture),))


def blurred(seed, size=160) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((size, size), Image.Resampling.BICUBIC)


def test_copies_of_benchmark_pictures_go_and_others_stay(tmp_path):
    (tmp_path / "bench").mkdir()
    for i in range(12):
        blurred(i).save(tmp_path / f"bench/{i}.png")
    operator = PictureDecontamination(benchmarks=(str(tmp_path / "bench"),))
    part = blurred(5).crop((8, 8, 152, 152))  # 5% off every side
    ways = {"JPEG": (120, {"quality": 60}), "WEBP": (160, {"quality": 40}), "PNG": (40, {})}
    copies = [
        looked(operator, f"{kind}{i}", encoded(blurred(i).resize((side, side)), kind, **how))
        for i in range(12)
        for kind, (side, how) in ways.items()
    ]
    copies.append(looked(operator, "part", encoded(part)))
    others = [looked(operator, f"other{i}", encoded(blurred(100 + i))) for i in range(40)]
    found = reasons(operator, [*copies, *others, said("words", "text alone")])
    assert {key for key, reason in found.items() if not reason} == {c.sample.id for c in others} | {"words"}
    assert found["JPEG3"].startswith("looks like") and found["JPEG3"].endswith("bench/3.png of a benchmark")
    assert operator.key != PictureDecontamination().key
    assert not any(reasons(PictureDecontamination(), copies).values())
    with pytest.raises(DataError, match="no pictures"):
        PictureDecontamination(benchmarks=(str(tmp_path / "none"),)).score(())


def test_real_photographs_are_told_from_re_encoded_and_cropped_benchmark_photographs(tmp_path):
    folder = (REAL / "coco-ccby-dev").resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}")
    photos = sorted(folder.rglob("*.jpg"))[:60]
    (tmp_path / "bench").mkdir()
    for photo in photos[:30]:
        image = Image.open(photo).convert("RGB")
        image.resize((image.width * 3 // 4, image.height * 3 // 4)).save(tmp_path / f"bench/{photo.stem}.jpg", quality=60)
    for photo in photos[30:40]:
        image = Image.open(photo).convert("RGB")
        cut = image.width // 20, image.height // 20
        image.crop((*cut, image.width - cut[0], image.height - cut[1])).save(tmp_path / f"bench/{photo.stem}.png")
    operator = PictureDecontamination(benchmarks=(str(tmp_path / "bench"),))
    found = reasons(operator, [looked(operator, photo.stem, photo.read_bytes()) for photo in photos])
    assert [photo.stem for photo in photos if found[photo.stem]] == [photo.stem for photo in photos[:40]]


# All of them


def everything(tmp_path):
    (tmp_path / "bench").mkdir()
    blurred(3).save(tmp_path / "bench/3.png")
    embedding, rows = embedded(tmp_path, np.random.default_rng(0).normal(size=(60, 4)))
    said_more = texts(40)
    kinds = ["a dog", "a cat and a dog", "an okapi"]
    rows = [
        replace(
            row,
            sample=replace(
                row.sample,
                captions=(Caption(f"{kinds[i % 7 % 3]} {said_more[i % 40]}"),),
                task=f"t{i % 4}",
                meta={"itm": i % 9 / 9, "language": "en" if i % 3 else "zh"},
            ),
            heldout=i % 10 == 0,
        )
        for i, row in enumerate(rows)
    ]
    operators = [
        NearDuplicateText(),
        ConceptBalance(concepts=PETS, tail_share=0.3),
        ConceptLimit(concepts=PETS, max_count=9),
        InverseFrequency(concepts=PETS),
        ClassCap(max_count=5),
        LanguageShare(shares={"en": 0.5, "zh": 0.5}),
        Quantile(column="itm"),
        SemanticDedupe(embedding=embedding, eps=0.1, cluster_size=20),
        ClusterReduction(embedding=embedding, num_clusters=5, every=2),
    ]
    return operators, rows


def test_no_order_of_the_input_changes_a_decision_and_held_out_samples_are_never_judged_out(tmp_path):
    operators, rows = everything(tmp_path)
    shuffled = random.Random(5).sample(rows, len(rows))
    for operator in operators:
        found = reasons(operator, rows)
        assert found == reasons(operator, shuffled), operator.name
        assert any(found.values()), operator.name
        assert not all(found[row.sample.id] for row in rows if not row.heldout), operator.name
        assert operator.scope == "train"


def test_no_operator_minds_an_empty_set(tmp_path):
    operators, _ = everything(tmp_path)
    for operator in operators:
        assert operator.decide(operator.score(())) == []


def test_thresholds_do_not_change_scores(tmp_path):
    operators, rows = everything(tmp_path)
    looser = {
        "near_duplicate_text": {"min_similarity": 0.9},
        "concept_balance": {"tail_share": 0.9},
        "concept_limit": {"max_count": 1},
        "inverse_frequency": {"keep_share": 0.9},
        "class_cap": {"max_count": 1},
        "quantile": {"keep_share": 0.9},
        "semantic_dedupe": {"eps": 0.5},
        "cluster_reduction": {"every": 3, "best_share": 0.9},
    }
    for operator in operators:
        if operator.name in looser:
            other = replace(operator, **looser[operator.name])
            assert other.key == operator.key
            assert np.array_equal(operator.score(tuple(rows)).values, other.score(tuple(rows)).values, equal_nan=True)


def test_a_job_ranks_a_stored_score_and_says_so_in_the_ledger(tmp_path, draw, write_lines):
    sides = [40, 50, 60, 70]
    for i, side in enumerate(sides):
        draw(tmp_path / f"raw/{i}.png", seed=i, size=(side, side))
    write_lines(tmp_path / "raw/captions.jsonl", *({"image": f"{i}.png", "caption": f"number {i}"} for i in range(4)))
    run = RunFolder(tmp_path / "run")
    operators = (Size(min_side=8), Quantile(column="size", keep_share=0.5), ClassCap(max_count=1))
    data = Data(root=str(tmp_path / "raw"), sources={"s": CaptionsJsonl(path="captions.jsonl")}, operators=operators)
    curate(data, run, seed=0, workers=0)
    ledger = {row.sample_id: row for row in run.ledger.entries("curate")}
    gone = {key: row.reason for key, row in ledger.items() if row.operator == "quantile"}
    assert gone == {"s/0.png:0": "size 40, 75.0% have a better one", "s/1.png:0": "size 50, 50.0% have a better one"}
    assert len([row for row in ledger.values() if row.operator == "class_cap"]) == 1
    stored = pq.read_table(run / "data/scores.parquet")["quantile"].to_pylist()
    assert stored == [0.75, 0.5, 0.25, 0.0]
