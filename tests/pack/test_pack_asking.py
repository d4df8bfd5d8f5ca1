"""Asking: what a connector is told of a picture's turn, in a vocabulary of its own; saved, loaded, and laid out per tile."""

import pickle

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from omma.core.errors import CheckpointError, ConfigError
from omma.media.views.tiles import Tiles
from omma.pack.asking.letters import Letters
from omma.pack.asking.released import ReleasedWords
from omma.pack.asking_chat import AskingChat
from omma.pack.chat import Chat
from omma.pack.collate import blank, collate
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.schema.sample import Media, Part, Sample, Turn


def question(*turns):
    """Turns of (pictures, words); pictures are 64 × 32 px."""
    parts = [(*(Part("image", index=i) for i in shown), Part("text", words)) for shown, words in turns]
    spoken = [Turn("user" if i % 2 == 0 else "assistant", own) for i, own in enumerate(parts)]
    count = 1 + max(i for shown, _ in turns for i in shown)
    return Sample("s", "test", media=tuple(Media(f"{i}.png", width=64, height=32) for i in range(count)), turns=tuple(spoken))


@pytest.fixture
def eye(make):
    class TwoTiles(make.PatchEye):
        view = Tiles(size=32, max_tiles=2, thumbnail="none")

    return TwoTiles()


def test_letters_are_told_between_their_marks_and_cut_to_the_limit():
    assert Letters().make().ids("A b, c!").tolist() == [1, 3, 4, 5, 2]
    long = Letters(max_words=5).make().ids("abcdefgh").tolist()
    assert long == [1, 3, 4, 5, 2]
    assert Letters().make().ids("").tolist() == [1, 2]


def test_each_tile_of_a_picture_carries_the_words_of_the_turn_that_shows_it(tmp_path, eye):
    sample = question(((0,), "ab"), ((), "yes"), ((1,), "c"))
    chat = AskingChat(tokenizer=TrainedBpe(vocab_size=300), asking=Letters())
    row = chat.fit([sample], tmp_path).row(sample, eye)
    assert [picture.asked.tolist() for picture in row.pictures] == [[1, 3, 4, 2], [1, 5, 2]]
    patches = [np.zeros((picture.plan.num_patches(eye.patch), 3 * eye.patch**2), np.uint8) for picture in row.pictures]
    asked = collate([row], [patches], eye).pictures.asked
    assert asked.tokens.tolist() == [1, 3, 4, 2, 1, 3, 4, 2, 1, 5, 2, 1, 5, 2]
    assert asked.cu_seqlens.tolist() == [0, 4, 8, 11, 14]
    assert chat.load(tmp_path).row(sample, eye).pictures[0].asked.tolist() == [1, 3, 4, 2]


def test_without_an_asker_nothing_is_told_and_a_blank_picture_asks_nothing(tmp_path, eye):
    sample = question(((0,), "ab"))
    row = Chat(tokenizer=TrainedBpe(vocab_size=300)).fit([sample], tmp_path).row(sample, eye)
    patches = [np.zeros((row.pictures[0].plan.num_patches(eye.patch), 3 * eye.patch**2), np.uint8)]
    assert len(row.pictures[0].asked) == 0 and collate([row], [patches], eye).pictures.asked is None
    empty = blank(eye).asked
    assert len(empty.tokens) == 0 and torch.equal(empty.cu_seqlens, torch.zeros(2, dtype=torch.long))


def test_a_released_asker_is_read_from_its_folder_and_its_tiny_form_is_letters(tmp_path):
    backend = Tokenizer(models.WordLevel({"how": 4, "many": 5, "?": 6}, unk_token="?"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.save(str(tmp_path / "tokenizer.json"))
    asking = ReleasedWords(path=str(tmp_path), max_words=3)
    asker = pickle.loads(pickle.dumps(asking.make()))
    assert asker.ids("how many many how").tolist() == [4, 5, 5]
    assert asking.tiny() == Letters()
    with pytest.raises(ConfigError, match="no tokenizer in '/nowhere'"):
        ReleasedWords(path="/nowhere").make()
    with pytest.raises(CheckpointError, match="asked.json"):
        asking.load(tmp_path)
    with pytest.raises(ConfigError, match="at least 3"):
        Letters(max_words=2)
