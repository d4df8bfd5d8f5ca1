"""The talker: order, company, sights, losses and streaming, with a real codec and pictures on disk."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from omma.core.errors import ConfigError, DataError
from omma.generate.sampling import Sampling
from omma.generate.sight import GreyStore, shown
from omma.generate.talker import Talker
from omma.media.decode import decode
from omma.media.draw import to_png
from omma.media.store import Store
from omma.media.views.native import Native
from omma.model.connectors.pixel_shuffle import PixelShuffle
from omma.model.language.decoder import Decoder
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm, init
from omma.pack.chat import Chat
from omma.pack.collate import rows_to_batch
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.schema.batch import IGNORE
from omma.schema.sample import Caption, Media, Part, Sample, Turn

QUESTIONS = (
    "what is it?",
    "is there a red box in the picture, or is there none at all?",
    "colour?",
    "why é 漢?",
    "how many are there?",
)
GREEDY, SAMPLED = Sampling(max_tokens=14), Sampling(temperature=1.1, top_p=0.9, max_tokens=14, seed=2)


def ask(number: int, words: str, media: Media) -> Sample:
    turns = (Turn("user", (Part("image", index=0), Part("text", words))), Turn("assistant", (Part("text", "a red box"),)))
    return Sample(f"q{number}", "questions", media=(media,), turns=turns)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def samples(folder) -> list[Sample]:
    made = []
    for number, words in enumerate(QUESTIONS * 2):
        picture = number % 7
        width, height = 24 + 9 * picture, 60 - 5 * picture
        pixels = np.random.default_rng(picture).integers(0, 256, (height, width, 3), np.uint8)
        (folder / f"{picture}.png").write_bytes(to_png(pixels))
        made.append(ask(number, words, Media(f"{picture}.png", width=width, height=height)))
    return made


@pytest.fixture(scope="module")
def captioned(samples) -> list[Sample]:
    captions = (Caption("a red box and a blue circle"), Caption("red"))
    return [Sample(f"c{i}", "captions", media=s.media, captions=captions) for i, s in enumerate(samples[:4])]


@pytest.fixture(scope="module")
def talker(folder, samples, captioned, tmp_path_factory) -> Talker:
    vlm = Vlm(
        view=Native(min_pixels=32 * 32, max_pixels=64 * 64),
        encoder=ViT(patch=8, width=32, depth=2, heads=4, mlp_width=64, image_size=32),
        connector=PixelShuffle(),
        language=Decoder(width=32, depth=2, heads=4, kv_heads=2, head_dim=8, mlp_width=64),
        text=Chat(tokenizer=TrainedBpe(vocab_size=320), caption_prompts=("describe it",)),
    )
    codec = vlm.text.fit([*samples, *captioned], tmp_path_factory.mktemp("tokenizer"))
    module = init(vlm.build(), 0)
    with torch.no_grad():  # sharper than at the start of training, so that replies differ
        module.language.embedding.weight.mul_(30)
        for block in module.language.blocks:
            block.attention.query.weight.mul_(2)
    return Talker(module, codec, vlm, Store(folder))


def with_limits(talker: Talker, batch_rows: int, batch_tokens: int) -> Talker:
    store = talker.pixels["picture"].store
    return Talker(talker.module, talker.codec, talker.eye, store, batch_rows=batch_rows, batch_tokens=batch_tokens)


def facts(replies):
    return [(reply.text, reply.token_ids, reply.finish, reply.prompt_hash) for reply in replies]


@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_answers_do_not_depend_on_batches_or_order(talker, samples, sampling):
    together = talker.answer(samples, sampling)
    assert len({reply.text for reply in together}) > len(samples) // 2, "replies should differ"
    for rows, tokens in ((1, 10**6), (3, 10**6), (64, 1), (64, 400)):
        assert facts(with_limits(talker, rows, tokens).answer(samples, sampling)) == facts(together)
    assert facts(talker.answer(samples[::-1], sampling)) == facts(together)[::-1]
    assert facts(talker.ask(samples, sampling, start=7)) == facts(together)[7:]


def test_logprobs_and_texts_belong_to_their_samples(talker, samples):
    for sample, reply in zip(samples, talker.answer(samples, GREEDY), strict=True):
        row = talker.codec.prompt(sample, talker.eye)
        ids = np.concatenate([row.token_ids, np.array(reply.token_ids, np.int32)])
        positions = talker.eye.position_ids(len(ids), row.pictures)
        full = replace(row, token_ids=ids, supervised=np.zeros(len(ids), bool), positions=positions)
        batch = rows_to_batch([full], talker.eye, talker.pixels["picture"].store)
        with torch.no_grad():
            logprobs = talker.module(batch).logits(torch.arange(row.num_tokens - 1, len(ids) - 1)).log_softmax(dim=-1)
        expected = logprobs.gather(1, torch.tensor(reply.token_ids)[:, None]).squeeze(1)
        assert np.allclose(reply.logprobs, expected.numpy(), atol=1e-5)
        said = [i for i in reply.token_ids if i not in talker.codec.stop_ids]
        assert reply.text == talker.codec.decode(said)


def test_image_tokens_are_never_said(talker, samples):
    replies = talker.answer(samples, Sampling(temperature=100.0, max_tokens=100))
    said = {token_id for reply in replies for token_id in reply.token_ids}
    assert len(said) > 200
    assert not said & set(talker.codec.banned_ids)
    assert talker.codec.image_id in talker.codec.banned_ids


def test_streaming_says_what_answering_says(talker, samples):
    for sampling in (GREEDY, SAMPLED, replace(SAMPLED, stop=("e", "zz"))):
        for sample, reply in zip(samples[:4], talker.answer(samples[:4], sampling), strict=True):
            assert "".join(talker.stream(sample, sampling)) == reply.text


def test_grey_is_a_picture_of_the_same_size_without_content(talker, samples, folder):
    store = pickle.loads(pickle.dumps(GreyStore(Store(folder))))
    for sample in samples:
        image = decode(store.read(sample.media[0].uri), name="grey")
        assert image.shape == (sample.media[0].height, sample.media[0].width, 3)
        assert len(np.unique(image)) == 1
    twins = [replace(samples[0], id=f"t{i}", media=(replace(s.media[0], width=24, height=60),)) for i, s in enumerate(samples[:2])]
    (folder / "1.png").rename(folder / "1.bak")
    (folder / "1.png").write_bytes(to_png(np.random.default_rng(9).integers(0, 256, (60, 24, 3), np.uint8)))
    try:
        losses = with_limits(talker, 64, 10**6).losses
        seen, blind = losses(twins), losses(twins, "grey")
    finally:
        (folder / "1.bak").rename(folder / "1.png")
    assert seen[0].total != pytest.approx(seen[1].total, abs=1e-4)
    assert blind[0].total == pytest.approx(blind[1].total, abs=1e-5)


def test_grey_makes_no_claim_about_stored_bytes(samples):
    marked = [replace(sample, media=(replace(sample.media[0], sha256="f" * 64),)) for sample in samples]
    assert all(media.sha256 == "" for sample in shown(marked, "grey") for media in sample.media)
    assert shown(marked, "picture") == marked


def test_shuffled_shows_everyone_another_picture(talker, samples):
    other = shown(samples, "shuffled")
    assert [sample.turns for sample in other] == [sample.turns for sample in samples]
    swaps = {(a.media[0].uri, b.media[0].uri) for a, b in zip(samples, other, strict=True)}
    assert len(swaps) == len({old for old, _ in swaps}) == len({new for _, new in swaps}) == 7, "one other picture for each"
    assert all(old != new for old, new in swaps)
    assert shown(samples, "shuffled") == other
    assert facts(talker.answer(samples, GREEDY, "shuffled")) == facts(talker.answer(other, GREEDY))


def test_shuffling_leaves_samples_without_pictures_alone(samples):
    text = Sample("t", "questions", turns=(Turn("user", (Part("text", "hi"),)),))
    assert shown([text, *samples], "shuffled")[0] == text


def test_losses_are_sums_over_all_captions(talker, captioned):
    got = talker.losses(captioned)
    assert [loss.sample_id for loss in got] == [sample.id for sample in captioned]
    for sample, loss in zip(captioned, got, strict=True):
        total, count = 0.0, 0
        for variant in range(2):
            batch = rows_to_batch([talker.codec.row(sample, talker.eye, variant)], talker.eye, talker.pixels["picture"].store)
            index = (batch.labels != IGNORE).nonzero().squeeze(1)
            with torch.no_grad():
                logprobs = talker.module(batch).logits(index).log_softmax(dim=-1)
            total -= float(logprobs.gather(1, batch.labels[index, None]).sum())
            count += len(index)
        assert loss.count == count > 4
        assert loss.total == pytest.approx(total, rel=1e-5)
    one_by_one = with_limits(talker, 1, 1).losses(captioned)
    assert [loss.total for loss in one_by_one] == pytest.approx([loss.total for loss in got], rel=1e-5)
    assert [loss.total for loss in talker.measure(captioned, start=2)] == pytest.approx([loss.total for loss in got[2:]], rel=1e-5)


def test_a_talker_leaves_training_mode_as_it_was(talker, samples):
    talker.module.train()
    try:
        talker.answer(samples[:1], GREEDY)
        assert all(part.training for part in talker.module.modules())
    finally:
        talker.module.eval()


def test_fingerprint_changes_with_the_weights(talker):
    before = talker.fingerprint()
    assert talker.fingerprint() == before
    weight = talker.module.language.norm.weight
    with torch.no_grad():
        weight[0] += 1
        assert talker.fingerprint() != before
        weight[0] -= 1


def test_no_samples_no_replies(talker):
    assert talker.answer([], GREEDY) == talker.losses([]) == []


def test_looking_at_another_folder(talker, samples, tmp_path):
    with pytest.raises(DataError, match="0.png"):
        talker.looking_at(Store(tmp_path)).answer(samples[:1], GREEDY)


def test_bad_use_is_refused(talker, samples):
    with pytest.raises(ConfigError, match=r"sight: 'gray'; expected 'picture' or 'grey' or 'shuffled'; did you mean 'grey'"):
        talker.answer(samples, GREEDY, "gray")
    with pytest.raises(DataError, match="0.png is the only set of 1 pictures; expected at least two to exchange"):
        talker.answer(samples[:1], GREEDY, "shuffled")
    with pytest.raises(ConfigError, match="0 rows a batch; expected at least 1"):
        with_limits(talker, 0, 1)
