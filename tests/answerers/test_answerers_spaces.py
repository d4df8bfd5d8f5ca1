"""Two encoders and heads for matching, as transformers publishes them: its own numbers, and the same digits in any company."""

import pytest
import torch
from PIL import Image
from torch.nn.functional import cosine_similarity

from omma.answerers.loading import load_released, released_kind
from omma.answerers.matching import ReleasedMatcher
from omma.answerers.shapes import batches, filled
from omma.answerers.space import ReleasedSpace
from omma.core.errors import ConfigError, DataError
from omma.generate.sampling import Sampling
from omma.media.store import Store
from tests.answerers.folders import TEXTS, blip, blip2, draw_pictures, says, shows
from tests.evaluate import released_folders

LONG = "a red box and " * 12  # more tokens than the encoders take
WORDS = [*TEXTS, LONG, "a"]
NEAR = 2e-6


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return draw_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return load_released(released_folders.clip(tmp_path_factory.mktemp("clip")), "space", "cpu")


@pytest.fixture(scope="module", params=["blip", "blip2", "blip2-placed"])
def retrieval(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    blip(folder) if request.param == "blip" else blip2(folder, request.param == "blip2-placed")
    assert released_kind(folder) == "matcher"
    return load_released(folder, "matcher", "cpu")


@pytest.mark.parity
def test_cosines_are_those_of_transformers(clip, root):
    space = ReleasedSpace(clip, Store(root), batch_rows=3)
    vectors = torch.tensor(list(space.embed([*(shows(str(i), f"{i}.png") for i in range(4)), *(says(w, w) for w in WORDS)])))
    ours = cosine_similarity(vectors[:4, None], vectors[None, 4:], dim=-1)
    pictures = [Image.open(root / f"{i}.png") for i in range(4)]
    clip.tokenizer.padding_side = "right"
    inputs = clip.processor(text=WORDS, images=pictures, padding=True, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        theirs = clip.model(**inputs).logits_per_image / clip.model.logit_scale.exp()
    assert theirs.std() > 0.01
    assert (ours - theirs).abs().max() < NEAR


def test_a_vector_is_the_same_digit_for_digit_in_any_company(clip, root):
    rows = [*(shows(str(i), f"{i}.png") for i in range(4)), *(says(w, w) for w in WORDS)]
    space = ReleasedSpace(clip, Store(root), batch_rows=3)
    whole = list(space.embed(rows))
    assert [vector for row in rows for vector in space.embed([row])] == whole
    assert list(space.embed(rows[::-1])) == whole[::-1]
    assert list(space.embed(rows, start=5)) == whole[5:]


@pytest.mark.parity
def test_matches_are_those_of_transformers(retrieval, root):
    matcher = ReleasedMatcher(retrieval, Store(root), batch_rows=3)
    rows = [says(words, words, f"{i % 4}.png") for i, words in enumerate(TEXTS)]
    ours = torch.tensor(list(matcher.match(rows)))
    retrieval.tokenizer.padding_side = "right"
    theirs = []
    for i, words in enumerate(TEXTS):
        inputs = retrieval.processor(images=Image.open(root / f"{i % 4}.png"), text=words, return_tensors="pt")
        inputs.pop("token_type_ids", None)
        with torch.inference_mode():
            if retrieval.model.config.model_type == "blip":
                logits = retrieval.model(**inputs, use_itm_head=True).itm_score
            else:
                logits = retrieval.model(**inputs, use_image_text_matching_head=True).logits_per_image
        theirs.append(logits.softmax(-1)[0, 1])
    theirs = torch.stack(theirs)
    assert theirs.std() > 1e-3
    assert (ours - theirs).abs().max() < NEAR


def test_a_match_is_the_same_digit_for_digit_in_any_company(retrieval, root):
    matcher = ReleasedMatcher(retrieval, Store(root), batch_rows=3)
    rows = [says(words, words, f"{i % 4}.png") for i, words in enumerate(WORDS)]
    whole = list(matcher.match(rows))
    assert [value for row in rows for value in matcher.match([row])] == whole
    assert list(matcher.match(rows[::-1])) == whole[::-1]


def test_a_matcher_wants_one_picture_with_words_and_writes_nothing(retrieval, root):
    matcher = ReleasedMatcher(retrieval, Store(root))
    with pytest.raises(DataError, match=r"0 pictures and 3 words; expected one picture and words"):
        list(matcher.match([says("q", "a red box")]))
    with pytest.raises(ConfigError, match="which matches and does not write"):
        matcher.ask([], Sampling())


def test_batches_hold_one_kind_each_and_are_filled_with_their_last_member():
    assert list(batches([8, 0, 8, 8, 0], 2)) == [[1, 4], [0, 2], [3]]
    assert filled(["a", "b"], 4) == ["a", "b", "b", "b"]
