"""A model that a recipe names: opened once, told apart by what lies in its folder, asked nothing twice; torch waits until then."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
from dataclasses import replace

import pytest

import omma.answerers.services
from omma.answerers import remembering
from omma.answerers import service as opening
from omma.answerers.answerer import Embedder, Matcher
from omma.answerers.remembering import Remembering
from omma.answerers.saved import load_talker
from omma.answerers.service import Service
from omma.answerers.services.endpoint import Endpoint
from omma.answerers.services.released import Released
from omma.answerers.services.saved import Saved
from omma.answerers.services.space import Space
from omma.core.config import load, show
from omma.core.errors import CheckpointError, ConfigError
from omma.generate.reply import Reply
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.schema.sample import Region
from tests.answerers.folders import blip, checkpoint, draw_pictures, says, shows
from tests.evaluate import released_folders
from tests.evaluate.serving import Served

MODULES = [f"omma.answerers.services.{module.name}" for module in pkgutil.iter_modules(omma.answerers.services.__path__)]
KINDS = [
    kind
    for name in MODULES
    for kind in vars(importlib.import_module(name)).values()
    if isinstance(kind, type) and issubclass(kind, Service) and kind.__module__ == name
]
FEW = Sampling(max_tokens=5)


@pytest.fixture(autouse=True)
def fresh():
    """No model of another test is in memory."""
    opening._opened.cache_clear()
    yield
    opening._opened.cache_clear()


@pytest.fixture
def store(tmp_path):
    return Store(draw_pictures(tmp_path / "raw"), tmp_path / "annex")


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp("ours") / "checkpoint")


def questions(count=3):
    return [says(f"q{i}", "is it a box?", f"{i}.png", reply="two dots") for i in range(count)]


class Counting:
    """An answerer that counts what reaches it; its replies name the number of the question."""

    def __init__(self, breaks=99):
        self.asked, self.breaks = [], breaks

    def ask(self, samples, sampling, sight="picture", start=0):
        for sample in samples[start:]:
            if len(self.asked) == self.breaks:
                raise KeyboardInterrupt
            self.asked.append(sample.id)
            region = (Region(0, (1.0, 2.0, 3.0, 4.0), polygon=((1.0, 2.0, 3.0, 4.0, 5.0, 6.0),)),)
            error = "no" if sample.turns[0].text == "fail" else ""
            yield Reply(f"reply {len(self.asked)}", (4, 5), (-0.1, -0.7), "error" if error else "stop", region, 2.5, "h", error)

    def measure(self, samples, sight="picture", start=0):
        raise AssertionError("not here")

    def prompt_hash(self, sample):
        return sample.turns[0].text

    def fingerprint(self):
        return "counting"


def test_every_file_of_the_folder_holds_one_service_and_they_are_four():
    assert sorted(kind.__module__ for kind in KINDS) == sorted(MODULES)
    assert len(KINDS) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_service_is_plain_values_and_its_opener_is_there(kind, store):
    assert load(show(kind()), where="test") == kind()
    assert inspect.signature(importlib.import_module(kind.opener).open_service).parameters.keys() == {"service", "store"}
    with pytest.raises(ConfigError, match=rf"^{kind.__name__}\.(folder|address): ''; expected"):
        kind().open(store)


def test_naming_a_model_loads_no_torch():
    names = ["omma.answerers.service", *MODULES]
    code = f"import sys\nfor name in {names}: __import__(name)\nprint([m for m in ('torch', 'transformers') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", [Saved, Released, Space])
def test_rows_are_at_least_one(kind):
    with pytest.raises(ConfigError, match=rf"{kind.__name__}.rows: 0; expected at least 1"):
        kind(rows=0)
    with pytest.raises(ConfigError, match="Endpoint.workers: 0"):
        Endpoint(workers=0)


def test_equal_services_are_one_model_until_the_folder_changes(tmp_path, store):
    folder = released_folders.clip(tmp_path / "clip")
    first, mark = Space(folder=str(folder)).open(store), Space(folder=str(folder)).mark
    assert Space(folder=str(folder)).open(Store(store.root, store.annex)) is first
    assert Space(folder=str(folder), rows=2).open(store) is not first
    (folder / "README.md").write_text("no answer depends on this")
    assert Space(folder=str(folder)).mark == mark
    (folder / "more.json").write_text("{}")
    assert Space(folder=str(folder)).mark != mark
    assert Space(folder=str(folder)).open(store) is not first


def test_the_mark_of_a_run_changes_with_its_checkpoints_but_not_with_its_optimizer(tmp_path, ours):
    run = tmp_path / "run"
    (run / "checkpoints/align-1").mkdir(parents=True)
    (run / "checkpoints/align-1/model.safetensors").write_bytes(b"weights")
    mark = Saved(folder=str(run)).mark
    (run / "checkpoints/align-1/optimizer.safetensors").write_bytes(b"states")
    assert Saved(folder=str(run)).mark == mark
    (run / "checkpoints/align-2").mkdir()
    (run / "checkpoints/align-2/model.safetensors").write_bytes(b"other weights")
    assert Saved(folder=str(run)).mark != mark
    assert Saved(folder=str(ours)).mark != Saved(folder=str(tmp_path / "nothing")).mark


def test_a_checkpoint_writes_and_measures_as_it_does_by_itself(ours, store):
    alone = load_talker(ours).looking_at(store)
    model = Saved(folder=str(ours), device="cpu").open(store)
    assert [reply.text for reply in model.ask(questions(), FEW)] == [reply.text for reply in alone.ask(questions(), FEW)]
    losses = Saved(folder=str(ours), device="cpu").measurer(store).measure(questions())
    assert [loss.total for loss in losses] == pytest.approx([loss.total for loss in alone.measure(questions())], rel=1e-6)


def test_losses_and_replies_are_the_same_digit_for_digit_in_any_company(ours, store):
    model = Saved(folder=str(ours), device="cpu", kept=str(store.root / "one")).open(store)
    whole = list(model.measure(questions(4)))
    replies = [(reply.text, reply.logprobs) for reply in model.ask(questions(4), FEW)]
    other = Saved(folder=str(ours), device="cpu", kept=str(store.root / "two")).open(store)
    assert [loss for row in questions(4)[::-1] for loss in other.measure([row])] == whole[::-1]
    assert [(r.text, r.logprobs) for row in questions(4)[::-1] for r in other.ask([row], FEW)] == replies[::-1]


def test_a_model_that_was_asked_is_not_asked_again_by_another_process(ours, store, monkeypatch):
    service = Saved(folder=str(ours), device="cpu")
    first = (list(service.open(store).ask(questions(), FEW)), list(service.measurer(store).measure(questions())))
    opening._opened.cache_clear()
    again = service.open(store)
    monkeypatch.setattr(again.answerer, "module", None)  # whoever asks it now fails
    assert [replace(r, seconds=0.0) for r in first[0]] == list(again.ask(questions(), FEW))
    assert first[1] == list(again.measure(questions()))
    named_anew = [replace(sample, id=f"other-{sample.id}") for sample in questions()]
    assert [loss.sample_id for loss in again.measure(named_anew)] == ["other-q0", "other-q1", "other-q2"]
    with pytest.raises(AttributeError):
        list(again.measure([replace(questions()[0], turns=says("q0", "is it a box?", "0.png", reply="three").turns)]))


def test_a_killed_job_asks_only_what_was_never_answered(store):
    rows = [*questions(4), says("late", "fail", "0.png")]
    kept = store.annex / "answers.sqlite"
    broken = Remembering(Counting(breaks=2), store, kept)
    said = []
    with pytest.raises(KeyboardInterrupt):
        said.extend(broken.ask(rows, FEW))
    whole = Remembering(Counting(), store, kept)
    replies = list(whole.ask(rows, FEW))
    assert whole.answerer.asked == ["q2", "q3", "late"]
    assert [reply.text for reply in replies[:3]] == ["reply 1", "reply 2", "reply 1"]
    assert replies[0].regions == (Region(0, (1.0, 2.0, 3.0, 4.0), polygon=((1.0, 2.0, 3.0, 4.0, 5.0, 6.0),)),)
    assert (replies[0].seconds, replies[2].seconds) == (0.0, 2.5)
    third = Remembering(Counting(), store, kept)
    assert list(third.ask(rows, FEW))[-1].error == "no"
    assert third.answerer.asked == ["late"]  # errors are not kept


def test_an_answer_is_on_the_disk_within_the_lag_even_if_nobody_asks_for_the_next(store, monkeypatch):
    kept = store.annex / "answers.sqlite"
    quick = Remembering(Counting(), store, kept).ask(questions(4), FEW)
    next(quick)
    assert not kept.exists()
    monkeypatch.setattr(remembering, "LAG", 0.0)
    slow = Remembering(Counting(), store, kept).ask(questions(4), FEW)
    assert [next(slow).text, next(slow).text] == ["reply 1", "reply 2"]
    other = Remembering(Counting(), store, kept)  # as a process would that starts while the first one hangs
    list(other.ask(questions(4), FEW))
    assert other.answerer.asked == ["q2", "q3"]
    quick.close()
    slow.close()


@pytest.mark.parametrize(
    ("change", "asked_again"),
    [
        (lambda row: replace(row, id="renamed"), False),
        (lambda row: replace(row, media=(replace(row.media[0], uri="copy.png"),)), False),
        (lambda row: replace(row, media=(replace(row.media[0], uri="3.png"),)), True),
        (lambda row: says("q0", "what is it?", "0.png"), True),
    ],
)
def test_what_is_remembered_hangs_on_words_and_bytes_not_on_names(change, asked_again, store):
    (store.root / "copy.png").write_bytes((store.root / "0.png").read_bytes())
    answerer = Remembering(Counting(), store, store.annex / "answers.sqlite")
    list(answerer.ask(questions(1), FEW))
    list(answerer.ask([change(questions(1)[0])], FEW))
    assert (len(answerer.answerer.asked) == 2) is asked_again


def test_draws_belong_to_their_sample_and_sights_are_kept_apart(store):
    answerer = Remembering(Counting(), store, store.annex / "answers.sqlite")
    drawn = Sampling(max_tokens=5, temperature=1.0)
    for rows, sampling, sight in (
        (questions(1), drawn, "picture"),
        ([replace(questions(1)[0], id="renamed")], drawn, "picture"),
        (questions(1), replace(drawn, seed=1), "picture"),
        (questions(1), FEW, "grey"),
        (questions(1), FEW, "picture"),
    ):
        list(answerer.ask(rows, sampling, sight))
        list(answerer.ask(rows, sampling, sight))
    assert len(answerer.answerer.asked) == 5


def test_pictures_whose_bytes_nobody_has_are_asked_about_each_time(store):
    answerer = Remembering(Counting(), store, store.annex / "answers.sqlite")
    for _ in range(2):
        list(answerer.ask([says("q", "what?", "gone.png")], FEW))
    assert len(answerer.answerer.asked) == 2


def test_without_a_folder_or_an_annex_nothing_is_kept(ours, store):
    bare = Store(store.root)
    assert not isinstance(Saved(folder=str(ours), device="cpu").open(bare), Remembering)
    assert isinstance(Saved(folder=str(ours), device="cpu", kept=str(store.root / "kept")).open(bare), Remembering)


def test_a_released_folder_does_what_its_model_can(tmp_path, store):
    space = Released(folder=str(released_folders.clip(tmp_path / "clip")))
    matcher = Released(folder=str(blip(tmp_path / "blip")))
    talker = Released(folder=str(released_folders.llava(tmp_path / "llava")))
    assert isinstance(space.embedder(store), Embedder)
    assert isinstance(matcher.matcher(store), Matcher)
    assert len(list(talker.measurer(store).measure(questions()))) == 3
    with pytest.raises(ConfigError, match="Released, which does not say how likely words are"):
        space.measurer(store)
    with pytest.raises(ConfigError, match="Released, which embeds nothing; expected a model with an embedding space"):
        talker.embedder(store)
    with pytest.raises(ConfigError, match="Released, which has no head for matching; expected Released over a folder of Blip"):
        space.matcher(store)
    with pytest.raises(CheckpointError, match="a model that writes; expected two encoders such as CLIP or SigLIP"):
        Space(folder=talker.folder).open(store)


def test_a_server_is_paid_once_wherever_the_job_goes_on(store, tmp_path, monkeypatch):
    monkeypatch.delenv("OMMA_API_KEY", raising=False)
    with Served(says=lambda payload: "a box") as served:
        service = Endpoint(address=served.address, workers=2)
        assert [reply.text for reply in service.open(store).ask(questions(), FEW)] == ["a box"] * 3
        opening._opened.cache_clear()
        list(service.open(store).ask(questions(), FEW))
        assert len(served.got) == 3
        assert (store.annex / "answers/answers.sqlite").is_file()
        list(replace(service, kept=str(tmp_path / "elsewhere")).open(store).ask(questions(), FEW))
        assert len(served.got) == 6
        with pytest.raises(ConfigError, match="Endpoint.kept: ''; expected a folder in which answers are kept"):
            service.open(Store(store.root))
        with pytest.raises(ConfigError, match="Endpoint, which embeds nothing"):
            service.embedder(store)


def test_pictures_alone_are_embedded_through_a_service(tmp_path, store):
    space = Space(folder=str(released_folders.clip(tmp_path / "clip")), device="cpu", rows=2)
    vectors = list(space.embedder(store).embed([shows("a", "0.png"), shows("b", "1.png"), says("c", "a red box")]))
    assert [len(vector) for vector in vectors] == [8, 8, 8]
