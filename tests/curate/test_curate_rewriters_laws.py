"""Laws of rewriters, for every file in their folder: documented, keyed, blind to company, with lineage, back from a manifest."""

import copy
import importlib
import inspect
import json
import pkgutil
from collections.abc import Collection

import numpy as np
import pytest

import omma.curate.operators
import omma.curate.rewriters
from omma.core.config import field_types, load, show
from omma.core.files import bytes_hash
from omma.core.seeds import derive
from omma.curate.operator import Operator, Rewriter, Rewritten, SetRewriter
from omma.media.draw import to_png
from omma.media.store import MADE, Store, made
from omma.schema.manifest import read_manifest, write_manifest
from omma.schema.sample import Answer, Caption, Media, Part, Region, Sample, Turn
from tests.curate.scripted import Scripted, lost, script, words

MODULES = [m.name for m in pkgutil.iter_modules(omma.curate.rewriters.__path__)]


def kinds():
    found = []
    for name in MODULES:
        module = importlib.import_module(f"omma.curate.rewriters.{name}")
        members = [m for m in vars(module).values() if isinstance(m, type) and issubclass(m, Operator)]
        found += [m for m in members if m.__module__ == module.__name__]
    return found


KINDS = kinds()
SINGLE = [kind for kind in KINDS if issubclass(kind, Rewriter)]
SETS = [kind for kind in KINDS if issubclass(kind, SetRewriter)]


class Stream(Collection):
    """Samples that can be gone through again and again, and nothing else, as the machine gives them."""

    def __init__(self, samples):
        self._samples = samples

    def __iter__(self):
        return iter([Sample.from_dict(json.loads(json.dumps(sample.to_dict()))) for sample in self._samples])

    def __len__(self):
        return len(self._samples)

    def __contains__(self, item):
        raise AssertionError("nothing is looked for")


@pytest.fixture
def store(tmp_path):
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        (tmp_path / f"{number}.png").write_bytes(to_png(noise))
    return Store(tmp_path, tmp_path / "annex")


@pytest.fixture
def samples(store):
    """A little of everything that readers make."""
    media = [Media(f"{n}.png", sha256=bytes_hash(store.read(f"{n}.png")), width=40, height=30) for n in range(4)]
    shows = Part("image", index=0)
    questions = [
        Sample(
            f"q:{n}", "qa", "what", (media[n % 4],),
            (Turn("user", (shows, Part("text", f"what is {n}?"))), Turn("assistant", (Part("text", f"thing {n}"),))),
            answer=Answer((f"thing {n}",)), meta={"page": n},
        )
        for n in range(6)
    ]  # fmt: skip
    boxes = (Region(0, (2, 3, 12, 13), label="cat"), Region(0, (20, 5, 12, 13), "xywh", "px", "dog", ((20, 5, 32, 5, 26, 18),)))
    where = (Turn("user", (shows, Part("text", "where?"))), Turn("assistant", (Part("region", index=1),)))
    return [
        *questions,
        Sample("c:0", "web", "caption", (media[0],), captions=(Caption("A cat on a red table, jo@a.org &amp; www.a.org", "alt"),)),
        Sample("c:1", "web", "caption", (media[1],), captions=(Caption("two  dogs", "human"), Caption("a dog runs", "model"))),
        Sample("b:0", "boxes", "detection", (media[2],), where, regions=boxes, answer=Answer(region=boxes[1])),
        Sample("b:1", "boxes", "detection", (media[0],), regions=boxes, meta={"crowds": "[1]"}),
        Sample(
            "k:0", "qa", "preference", (media[3],), questions[0].turns, chosen=questions[0].turns[1:],
            rejected=questions[1].turns[1:], regions=boxes[:1], meta={"kind": "grid"},
        ),
        Sample("t:0", "text", "", turns=(Turn("user", (Part("text", "hello"),)), Turn("assistant", (Part("text", "hi"),)))),
        Sample(
            "n:0", "web", "", (Media("none.png", sha256="0" * 64, width=4, height=4),), captions=(Caption("gone"),), regions=boxes
        ),
        Sample("e:0", "web"),
        Sample("w:0", "odd", "", (media[3],), where, captions=(Caption("a cat"),)),  # a turn names a region that is not there
        Sample("w:1", "odd", "", (media[3],), where[:1], regions=(Region(3, (0, 0, 1, 1), label="cat"),), answer=Answer(("x",))),
        Sample("w:2", "odd", "", (media[1],), where[1:], regions=boxes),
    ]  # fmt: skip


GOOD = '[{"question": "What is it?", "answer": "A cat."}]'
WRITING = {"CaptionQuestions": GOOD, "Dialogue": GOOD, "OwnMistakes": "nonsense"}  # others write what differs by question


def rewriter(kind):
    """With a scripted model where it asks one; it fails on every third question, and finds every other caption wrong."""
    if "model" not in field_types(kind):
        return kind()
    script(
        says=lambda q, s: lost() if derive(0, q.id) % 3 == 0 else WRITING.get(kind.__name__, f"says {q.id} of {words(q)}"),
        matches=lambda q, s: derive(0, q.id) % 2,
    )
    return kind(model=Scripted())


def rewritten(kind, samples, store) -> list[Rewritten]:
    return list(rewriter(kind).rewrite(Stream(samples) if kind in SETS else samples, store))


def test_every_file_holds_exactly_one_and_its_name_is_no_operators():
    assert [kind.__module__.rpartition(".")[2] for kind in KINDS] == MODULES
    assert set(KINDS) == {*SINGLE, *SETS}
    assert not set(MODULES) & {m.name for m in pkgutil.iter_modules(omma.curate.operators.__path__)}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_documented_keyed_and_survives_yaml(kind):
    """All fields of a rewriter change what it writes: all stand in its key. Held-out samples are never its business."""
    assert inspect.getdoc(kind)
    assert " → " in inspect.getmodule(kind).__doc__.splitlines()[0]
    assert load(show(kind()), where="test") == kind()
    assert kind.version and kind.scope == "train"
    assert set(kind.scored_by) == set(field_types(kind))
    assert kind().key.startswith(f"{kind().name}-{kind.version}-")


@pytest.mark.parametrize("kind", KINDS)
def test_children_have_lineage_and_pictures_the_names_of_their_bytes(kind, samples, store):
    before = copy.deepcopy(samples)
    found = rewritten(kind, samples, store)
    assert samples == before and len(found) == len(samples)
    ids = [one.id for item in found for one in item.samples]
    assert len(set(ids)) == len(ids)
    for sample, item in zip(samples, found, strict=True):
        assert not (item.error and item.samples)
        assert item.samples or item.error or item.reason
        assert (item.samples == (sample,)) <= (item.reason == "")
        for place, one in enumerate(item.samples):
            assert one.id.startswith(f"{sample.id}~{rewriter(kind).name}:") or (place == 0 and one.id == sample.id)
            if one.id != sample.id:
                assert (one.meta["parent"], one.meta["origin"]) == (sample.id, f"{rewriter(kind).name}-{kind.version}")
                assert one.source == sample.source
            for media in one.media:
                assert media in sample.media or not media.uri.startswith(MADE) or media.uri in item.pictures
        for uri, data in item.pictures.items():
            assert uri == made(data)
            assert any(media.uri == uri and media.sha256 == bytes_hash(data) for one in item.samples for media in one.media)


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_writes_comes_back_from_a_manifest(kind, samples, store, tmp_path):
    found = [one for item in rewritten(kind, samples, store) for one in item.samples]
    write_manifest(tmp_path / "m.parquet", found)
    assert read_manifest(tmp_path / "m.parquet") == found


@pytest.mark.parametrize("kind", SINGLE)
def test_a_sample_comes_out_the_same_in_any_company(kind, samples, store):
    together = rewritten(kind, samples, store)
    assert [rewritten(kind, [sample], store)[0] for sample in samples] == together
    assert rewritten(kind, samples[::-1], store) == together[::-1]
    assert rewritten(kind, [], store) == []


@pytest.mark.parametrize("kind", SETS)
def test_a_set_comes_out_the_same_twice(kind, samples, store):
    assert rewritten(kind, samples, store) == rewritten(kind, samples, store)
    assert rewritten(kind, [], store) == []
    assert rewritten(kind, samples[-1:], store) == [Rewritten((samples[-1],))]


@pytest.mark.parametrize("kind", KINDS)
def test_it_changes_something_here(kind, samples, store):
    """A law over samples that a rewriter leaves alone would prove nothing."""
    assert any(item.reason or item.error for item in rewritten(kind, samples, store))
