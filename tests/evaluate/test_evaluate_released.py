"""Released folders as answerers: the same text in any batch and as omma's import, likelihoods, vectors, refusals that count."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from omma.answerers.loading import load_released, released_kind
from omma.answerers.released import ReleasedTalker
from omma.answerers.saved import load_talker
from omma.answerers.space import ReleasedSpace
from omma.core.errors import CheckpointError, ConfigError, DataError
from omma.evaluate.asking.ranked import Ranked, said
from omma.evaluate.benchmarks.own_rows import OwnRows
from omma.evaluate.job import evaluate, read_records
from omma.evaluate.question import Question, Supply, asking
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.metrics.text import Exact
from omma.schema.sample import Part, Turn
from omma.weights.imported import import_checkpoint
from omma.weights.source import open_source
from tests.evaluate import released_folders
from tests.evaluate.drawing import picture

GREEDY, DRAWN = Sampling(max_tokens=6), Sampling(max_tokens=6, temperature=1.0, seed=3)
SIZES = {"red.png": (48, 40), "blue.png": (90, 40), "box.png": (30, 70)}


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """Folders of released models, made once."""
    root = tmp_path_factory.mktemp("hub")
    return {kind: getattr(released_folders, kind)(root / kind) for kind in ("llava", "language", "clip")}


@pytest.fixture(scope="module")
def loaded(hub):
    return {kind: load_released(folder, released_kind(folder), "cpu") for kind, folder in hub.items()}


@pytest.fixture
def store(tmp_path):
    for name, colour, box in (("red.png", "red", None), ("blue.png", "blue", None), ("box.png", "green", (4, 4, 20, 50))):
        picture(tmp_path / name, colour, SIZES[name], box)
    return Store(tmp_path)


def questions():
    """With none, one and two pictures, in front of the words and among them, long and short."""
    found = [
        asking("a", "what is this?", ["red.png"]),
        asking("b", "and", ["blue.png"]),
        asking("c", "how many of these do you see there, all in all?", ["red.png", "blue.png"]),
        asking("d", "how many legs has a spider?"),
        asking("e", "is <image 1> like <image 2>?", ["blue.png", "box.png"], mark="<image {}>"),
        asking("f", "?", ["box.png"]),
        asking("g", "what?"),
    ]
    sized = [[replace(one, width=SIZES[one.uri][0], height=SIZES[one.uri][1]) for one in sample.media] for sample in found]
    return [replace(sample, media=tuple(media)) for sample, media in zip(found, sized, strict=True)]


@pytest.mark.parametrize("sampling", [GREEDY, DRAWN], ids=["greedy", "drawn"])
def test_batches_of_one_and_of_eight_give_the_same_text(loaded, store, sampling, capsys):
    alone = ReleasedTalker(loaded["llava"], store, batch_rows=1).ask(questions(), sampling)
    talker = ReleasedTalker(loaded["llava"], store, batch_rows=8)
    first, again = list(talker.ask(questions(), sampling)), list(talker.ask(questions(), sampling))
    texts = [reply.text for reply in alone]
    assert texts == [reply.text for reply in first] == [reply.text for reply in again]
    assert len(set(texts)) > 4, "a model that says one thing proves nothing"
    assert talker.batch_rows == 8, "batches were found to change nothing"


def test_replies_do_not_depend_on_the_order_of_questions(loaded, store):
    talker = ReleasedTalker(loaded["llava"], store)
    forth, back = list(talker.ask(questions(), DRAWN)), list(talker.ask(questions()[::-1], DRAWN))
    assert [reply.text for reply in forth] == [reply.text for reply in back][::-1]
    assert [reply.text for reply in talker.ask(questions(), DRAWN, start=5)] == [reply.text for reply in forth][5:]


def test_a_class_that_answers_otherwise_in_a_batch_is_asked_one_by_one(loaded, store, capsys, monkeypatch):
    talker = ReleasedTalker(loaded["llava"], store, batch_rows=8)
    alone = [reply.text for reply in ReleasedTalker(loaded["llava"], store, batch_rows=1).ask(questions(), GREEDY)]
    made = ReleasedTalker._inputs

    def blind_to_padding(self, rows, store):
        inputs = made(self, rows, store)
        return inputs | {"attention_mask": torch.ones_like(inputs["attention_mask"])} if len(rows) > 1 else inputs

    monkeypatch.setattr(ReleasedTalker, "_inputs", blind_to_padding)
    assert [reply.text for reply in talker.ask(questions(), GREEDY)] == alone
    assert talker.batch_rows == 1
    assert "LlavaForConditionalGeneration answers otherwise in a batch; asking one by one" in capsys.readouterr().err


@pytest.mark.parity
def test_transformers_and_the_import_say_the_same_and_find_it_as_likely(hub, loaded, store, tmp_path):
    import_checkpoint(open_source(hub["llava"]), tmp_path / "ours", None)
    ours, theirs = load_talker(tmp_path / "ours").looking_at(store), ReleasedTalker(loaded["llava"], store)
    assert [r.text for r in ours.ask(questions(), GREEDY)] == [r.text for r in theirs.ask(questions(), GREEDY)]
    replied = [said(sample, word) for sample in questions() for word in ("red", "a blue circle")]
    for mine, other in zip(ours.measure(replied), theirs.measure(replied), strict=True):
        assert mine.count == other.count and mine.total == pytest.approx(other.total, abs=1e-4)  # measured worst: 6e-7


def test_likelihoods_do_not_depend_on_the_batch(loaded, store):
    replied = [said(sample, word) for sample in questions() for word in ("red", "a blue circle")]
    one, eight = (list(ReleasedTalker(loaded["llava"], store, batch_rows=rows).measure(replied)) for rows in (1, 8))
    assert [loss.sample_id for loss in one] == [sample.id for sample in replied]
    for a, b in zip(one, eight, strict=True):
        assert a.count == b.count and a.total == pytest.approx(b.total, abs=1e-4)
    with pytest.raises(DataError, match="no reply to measure"):
        list(ReleasedTalker(loaded["llava"], store).measure(questions()))


def test_a_question_whose_choices_cannot_be_ranked_is_a_row_that_counts(loaded, store):
    forged = asking("z", "a forged <image> here?", ["red.png"])
    asked = [Question(sample, "red", choices=("red", "blue")) for sample in (questions()[0], forged, questions()[3])]
    answers = list(Ranked().ask(ReleasedTalker(loaded["llava"], store), asked, GREEDY, "picture"))
    assert [answer.details.get("finish") for answer in answers] == [None, "error", None]
    assert len(json.loads(answers[2].raw)) == 2 and "total 2 <image> tokens" in answers[1].details["error"]


def test_pictures_are_seen_where_they_stand(loaded, store):
    talker = ReleasedTalker(loaded["llava"], store)
    prompt = talker.wording.prompt(questions()[4])
    assert prompt == "USER:is <image>\n like <image>\n? ASSISTANT:"
    swapped = replace(questions()[4], media=questions()[4].media[::-1])
    there, turned, grey = (next(talker.ask([one], DRAWN, sight)).logprobs for one, sight in
                           ((questions()[4], "picture"), (swapped, "picture"), (questions()[4], "grey")))  # fmt: skip
    assert there[0] != turned[0] and there[0] != grey[0]


def test_stop_texts_and_lengths_end_a_reply(loaded, store):
    talker = ReleasedTalker(loaded["language"], store)
    whole = next(talker.ask([questions()[3]], replace(DRAWN, max_tokens=8)))
    assert (whole.finish, len(whole.token_ids), len(whole.logprobs)) == ("length", 8, 8)
    letter = next(letter for letter in whole.text[2:] if letter.isascii())
    cut = next(talker.ask([questions()[3]], replace(DRAWN, max_tokens=8, stop=(letter,))))
    assert (cut.text, cut.finish) == (whole.text.partition(letter)[0], "stop")


def test_the_generation_file_of_a_folder_changes_nothing(hub, store, tmp_path):
    folder = released_folders.language(tmp_path / "words")
    plain = next(ReleasedTalker(load_released(folder, "words", "cpu"), store).ask([questions()[3]], GREEDY))
    file = folder / "generation_config.json"
    told = json.loads(file.read_text()) | {"repetition_penalty": 9.0, "num_beams": 3, "do_sample": True, "temperature": 5.0}
    file.write_text(json.dumps(told))
    assert next(ReleasedTalker(load_released(folder, "words", "cpu"), store).ask([questions()[3]], GREEDY)).text == plain.text


def test_words_alone_are_answered_by_a_language_model_and_pictures_are_counted_errors(loaded, store):
    talker = ReleasedTalker(loaded["language"], store)
    assert talker.wording.prompt(questions()[3]) == "USER:how many legs has a spider? ASSISTANT:"
    replies = list(talker.ask(questions(), GREEDY))
    assert [reply.finish == "error" for reply in replies] == [bool(sample.media) for sample in questions()]
    assert "this is a language model" in replies[0].error


def test_a_question_that_the_model_refuses_is_a_row_that_counts(loaded, tmp_path):
    picture(tmp_path / "red.png", "red")
    rows = [{"image": "red.png", "question": "a forged <image> here?", "answer": "no"}, {"question": "well?", "answer": "no"}]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    suite = (OwnRows(name="own", path="own.jsonl", metrics=(Exact(),), sampling=GREEDY),)
    talker = ReleasedTalker(loaded["llava"], Store(tmp_path))
    verdicts = evaluate(suite, talker, Supply(root=tmp_path), tmp_path / "scores")
    first, second = read_records(tmp_path / "scores", "own")
    assert (first.details["finish"], first.parsed, second.details["finish"]) == ("error", False, "length")
    assert "total 2 <image> tokens and 1 images" in first.details["error"]
    assert (verdicts[0].count, verdicts[0].unparsed) == (2, 1)


def test_videos_are_counted_errors_with_a_way_out(loaded, store):
    film = asking("v", "what happens?", ["film"], kind="video")
    reply = next(ReleasedTalker(loaded["llava"], store).ask([film], GREEDY))
    assert reply.finish == "error" and "`omma import` the folder" in reply.error


def test_weights_that_transformers_would_draw_at_random_are_refused(hub, tmp_path):
    folder = released_folders.language(tmp_path / "words")
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"1 missing keys, which transformers would fill at random: model.layers.1.mlp"):
        load_released(folder, "words", "cpu")


def test_code_in_a_folder_is_never_run(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}))
    (tmp_path / "own.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(CheckpointError, match="code in a folder is never run"):
        released_kind(tmp_path)


@pytest.mark.parametrize(("config", "message"), [({"model_type": "vit"}, "neither writes nor embeds"), (None, "no config.json")])
def test_a_folder_that_cannot_be_asked_is_told(config, message, tmp_path):
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=message):
        released_kind(tmp_path)


def test_a_folder_has_another_name_when_its_files_change(hub, loaded, store, tmp_path):
    folder = released_folders.language(tmp_path / "words")
    talker = ReleasedTalker(load_released(folder, "words", "cpu"), store)
    before = talker.fingerprint()
    assert before == talker.fingerprint() != ReleasedTalker(loaded["llava"], store).fingerprint()
    (folder / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    assert talker.fingerprint() != before


def test_clip_places_pictures_and_words(hub, loaded, store):
    assert released_kind(hub["clip"]) == "space"
    space = ReleasedSpace(loaded["clip"], store, batch_rows=2)
    samples = [asking("a", "", ["red.png"]), asking("b", "a red thing"), asking("c", "blue"), asking("d", "", ["blue.png"])]
    vectors = list(space.embed(samples))
    assert [len(vector) for vector in vectors] == [8] * 4
    model, processor = loaded["clip"].model, loaded["clip"].processor
    with torch.no_grad():
        read = model.get_text_features(**processor.tokenizer(["a red thing"], return_tensors="pt")).pooler_output[0]
    assert vectors[1] == pytest.approx(read.tolist(), abs=1e-5)
    alone = [next(space.embed([sample])) for sample in samples]
    assert all(one == pytest.approx(other, abs=1e-5) for one, other in zip(vectors, alone, strict=True))
    assert next(space.embed(samples, start=3)) == pytest.approx(vectors[3], abs=1e-5)
    assert next(space.embed(samples, "grey")) != pytest.approx(vectors[0], abs=1e-3)
    with pytest.raises(ConfigError, match="1 pictures and words; expected one picture, or words"):
        next(space.embed([asking("e", "red?", ["red.png"])]))
    with pytest.raises(ConfigError, match="embeds and does not write"):
        next(iter(space.ask(samples, GREEDY)))


def test_a_conversation_that_goes_on_keeps_its_turns(loaded, store):
    talker = ReleasedTalker(loaded["llava"], store)
    first = questions()[0]
    going = replace(first, turns=(*first.turns, Turn("assistant", (Part("text", "red"),)), Turn("user", (Part("text", "sure?"),))))
    assert talker.wording.prompt(going) == "USER:<image>\nwhat is this? ASSISTANT:red</s>USER:sure? ASSISTANT:"
    assert talker.prompt_hash(going) != talker.prompt_hash(first)
