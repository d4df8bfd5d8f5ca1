"""Laws of readers, operators and worlds, for every file in their folders: a new file is covered when it is there."""

import importlib
import inspect
import json
import pickle
import pkgutil

import numpy as np
import pytest
from PIL import Image

import omma.curate.operators
import omma.curate.readers
import omma.curate.worlds
from omma.core.config import load, show
from omma.core.errors import ConfigError
from omma.curate.look import formats
from omma.curate.machine.engine import Pool
from omma.curate.machine.seeing import see, shards
from omma.curate.machine.site import Site
from omma.curate.operator import ModelOperator, Operator, PictureOperator, Scores, SetOperator, TextOperator
from omma.curate.operators.embedded_frequency import EmbeddedFrequency
from omma.curate.picture import Picture
from omma.curate.reader import Broken, Reader
from omma.curate.world import World
from omma.media.draw import to_png
from omma.schema.sample import Sample


def classes(package, kind):
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    return [
        member
        for module in modules
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, kind) and member.__module__ == module.__name__
    ]


OPERATORS = classes(omma.curate.operators, Operator)
READERS = classes(omma.curate.readers, Reader)
WORLDS = classes(omma.curate.worlds, World)


@pytest.mark.parametrize(
    ("package", "found"), [(omma.curate.operators, OPERATORS), (omma.curate.readers, READERS), (omma.curate.worlds, WORLDS)]
)
def test_every_file_of_the_folder_holds_exactly_one(package, found):
    assert sorted(member.__module__.rpartition(".")[2] for member in found) == [
        m.name for m in pkgutil.iter_modules(package.__path__)
    ]


def test_look_knows_every_reader():
    assert set(formats()) == set(READERS)


@pytest.mark.parametrize("kind", [*OPERATORS, *READERS, *WORLDS])
def test_it_is_documented_and_survives_yaml(kind):
    assert inspect.getdoc(kind)
    assert " → " in inspect.getmodule(kind).__doc__.splitlines()[0]
    assert load(show(kind()), where="test") == kind()


@pytest.mark.parametrize("kind", OPERATORS)
def test_operator_promises(kind):
    operator = kind()
    assert operator.version
    assert isinstance(operator, (PictureOperator, TextOperator, ModelOperator, SetOperator))
    assert isinstance(operator.threshold, float)
    assert operator.key.startswith(f"{operator.name}-{operator.version}-")
    assert operator.key == kind().key
    assert set(kind.scored_by) <= set(kind.__dataclass_fields__)


def went(operator: Operator, scores: list[float]) -> list[bool]:
    """Scores → whether each goes. A set holds many more that are far above, since some operators abstain where few pass."""
    if not isinstance(operator, SetOperator):
        return [bool(operator.decide(score)) for score in scores]
    others = [100.0] * 50
    return [bool(said) for said in operator.decide(Scores(np.array(scores + others), ("",) * (len(scores) + 50)))][: len(scores)]


SIGNS = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


@pytest.mark.parametrize("kind", OPERATORS)
def test_it_drops_on_the_side_of_its_threshold_that_it_says(kind):
    operator = kind()
    least = operator.threshold
    if np.isinf(least):  # it drops nothing unless told to
        assert operator.drops in SIGNS and not any(went(operator, [0.0, 1.0, 1e9]))
        return
    near = [float(np.nextafter(least, -np.inf)), least, float(np.nextafter(least, np.inf))]
    if operator.drops == "otherwise":
        wide = [*near, least - 1, least + 1, least + 2.5]
        fits = [sign for sign, compare in SIGNS.items() if went(operator, wide) == compare(wide, least).tolist()]
        assert not fits, f"{kind.__name__}: say drops = {fits[0]!r}"
        return
    assert went(operator, near) == SIGNS[operator.drops](near, least).tolist()


@pytest.mark.parametrize("kind", [k for k in OPERATORS if issubclass(k, (PictureOperator, SetOperator))])
def test_looks_are_pure(kind):
    if issubclass(kind, SetOperator) and not kind.looks_at:
        assert kind.look is SetOperator.look  # nothing pretends to look
        return
    if kind is EmbeddedFrequency:
        with pytest.raises(ConfigError, match="the folder of a model"):  # its default names none
            kind().look(Picture("a.png", to_png(np.zeros((8, 8, 3), np.uint8))))
        return
    from io import BytesIO

    buffer = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(buffer, "PNG")
    first, second = (kind().look(Picture(name, buffer.getvalue())) for name in ("a.png", "b.png"))
    assert first.ndim == 1
    assert np.array_equal(first, second)


@pytest.mark.slow
def test_looks_are_the_same_from_two_workers(tmp_path, draw):
    for i in range(150):  # more than one shard, or no process is started
        draw(tmp_path / f"p/{i:03d}.png", seed=i)
    (tmp_path / "p/bad.png").write_bytes(b"<html>")
    uris = sorted(f"p/{path.name}" for path in (tmp_path / "p").iterdir())
    kinds = [k for k in OPERATORS if issubclass(k, PictureOperator) or (issubclass(k, SetOperator) and k.looks_at)]
    lookers = tuple(kind() for kind in kinds if kind is not EmbeddedFrequency)  # whose default names no model
    results = []
    for workers in (0, 2):
        own = tmp_path / f"own{workers}"
        engine = Pool(pictures=64)
        with engine.crew(workers) as crew:
            site = Site(tmp_path, own / "work", own / "looks", own / "annex", engine, workers, crew, crew)
            jobs = list(shards(site, "image", iter(uris), lookers, own))
            failed = np.concatenate(list(crew.run(see, jobs)))
        results.append([path.read_bytes() for job in jobs for path in (job.out, job.kept)])
    assert results[0] == results[1]
    assert len(jobs) == 3 and failed.sum() == 1


SAMPLES = {
    "CaptionsJsonl": ("captions.jsonl", '{"image": "a.png", "caption": "a cat on a mat"}\n{broken\n'),
    "MessagesJsonl": ("messages.jsonl", json.dumps({"image": "a.png", "messages": [{"role": "user", "content": "hi"}]}) + "\n{\n"),
    "Csv": ("captions.csv", "image,caption\na.png,a cat\na.png\n"),
    "LlavaJson": ("llava.json", json.dumps([{"image": "a.png", "conversations": [{"from": "human", "value": "<image>hi"}]}, 3])),
    "EasyVqa": ("questions.json", '[["is there a cat?", "yes", 0], 5]'),
    "TxtBeside": ("a.txt", "a cat"),
    "Coco": ("annotations.json", '{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{}]}'),
    "Lvis": ("lvis_v1_train.json", '{"images": [{"id": 1, "coco_url": "x/a.png"}], "annotations": [{}]}'),
    "PascalVoc": ("a.xml", "<annotation>"),
    "VisualGenome": ("region_descriptions.json", '[{"id": 1, "regions": [{}]}]'),
    "Metadata": ("metadata.parquet", "no parquet"),
    "QuestionAnswer": ("questions.json", '[{"question": "what?", "answer": "a cat"}, 5]'),
    "Preferences": ("preferences.jsonl", '{"prompt": "what?", "chosen": "a cat", "rejected": "a dog"}\n{}\n'),
    "Html": ("a.html", '<p>A cat.<img src="a.png" alt="a cat"><img src="b.png">'),
    "Markdown": ("a.md", "A cat. ![a cat](a.png) ![](b.png)"),
    "Pdf": ("a.pdf", "%PDF-1.4 half"),
    "Refer": ("refs(unc).p", pickle.dumps([5])),
    "RefcocoJsonl": ("refcoco.jsonl", '{"image": "a.png", "sent": "a cat", "bbox": [1, 2, 3, 4]}\n{}\n'),
}


@pytest.mark.parametrize("kind", READERS)
def test_reader_promises(kind, tmp_path, draw):
    """Sources are left to the job, ids are unique and repeatable, and rows that are none are Broken."""
    draw(tmp_path / "a.png")
    if kind.__name__ in SAMPLES:
        name, text = SAMPLES[kind.__name__]
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        (tmp_path / "instances.json").write_text('{"images": [{"id": 1}], "annotations": [{"id": 1}]}')
    else:
        (tmp_path / "a.tar").write_bytes(b"no tar" * 200)
        (tmp_path / "a.parquet").write_bytes(b"no parquet")
    first, second = list(kind().read(tmp_path)), list(kind().read(tmp_path))
    assert first == second
    assert first
    samples = [row for row in first if isinstance(row, Sample)]
    assert all(row.source == "" for row in samples)
    assert len({row.id for row in samples}) == len(samples)
    assert all(isinstance(row, (Sample, Broken)) for row in first)
    if kind.__name__ not in ("TxtBeside",):
        assert any(isinstance(row, Broken) for row in first)
