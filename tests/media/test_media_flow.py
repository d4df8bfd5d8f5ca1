"""Videos from a film on disk to the encoder: curated facts, rows, packed batches, positions, visual tokens, blind sights."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from omma.core.errors import DataError
from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.job import curate
from omma.curate.readers.messages_jsonl import MessagesJsonl
from omma.generate.sight import GreyStore
from omma.media.footage.frames import Frames
from omma.media.footage.pooled import Pooled
from omma.media.footage.stamped import Stamped
from omma.media.footage.whole import Whole
from omma.media.sampling import Uniform
from omma.media.store import Store
from omma.media.views.native import Native
from omma.media.views.one_vision import OneVision
from omma.media.views.tiles import Tiles
from omma.model.connectors.merger import Merger
from omma.model.connectors.mlp import Mlp
from omma.model.connectors.pixel_shuffle import PixelShuffle
from omma.model.language.decoder import Decoder
from omma.model.vision.native import NativeViT
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm, init
from omma.pack.chat import Chat
from omma.pack.collate import collate, rows_to_batch
from omma.pack.pixels import Pixels
from omma.pack.rows import fit
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.schema.manifest import read_manifest
from omma.schema.sample import Media, Part, Sample, Turn

TEXT = Chat(tokenizer=TrainedBpe(vocab_size=300))
FILM = Media("clip.gif", kind="video", width=48, height=32, frames=6, fps=10.0)
SYSTEMS = {
    "Qwen2-VL": (Native(video=Whole(sampling=Uniform(count=5))), NativeViT(temporal=2), Merger()),
    "Qwen3-VL": (Native(video=Stamped(sampling=Uniform(count=5))), NativeViT(temporal=2), Merger()),
    "InternVL": (Tiles(video=Frames()), ViT(), PixelShuffle()),
    "LLaVA-OneVision": (OneVision(video=Pooled()), ViT(), Mlp()),
}


@pytest.fixture
def root(tmp_path):
    """A film of six grey frames, a folder of three, a picture."""
    frames = [Image.fromarray(np.full((32, 48, 3), 30 + 30 * i, np.uint8)) for i in range(6)]
    frames[0].save(tmp_path / "clip.gif", save_all=True, append_images=frames[1:], duration=100)
    (tmp_path / "walk").mkdir()
    for i in range(3):
        frames[i].save(tmp_path / f"walk/{i}.png")
    frames[5].save(tmp_path / "still.png")
    return tmp_path


def sample(*media, name="s"):
    shown = tuple(Part(item.kind, index=i) for i, item in enumerate(media))
    asked = Turn("user", (*shown, Part("text", "what happens?")))
    return Sample(name, "films", media=media, turns=(asked, Turn("assistant", (Part("text", "it gets lighter"),))))


def system(name, folder):
    view, encoder, connector = SYSTEMS[name]
    model = Vlm(view=view, encoder=encoder, connector=connector, language=Decoder(), text=TEXT).tiny()
    return model, TEXT.fit([sample(FILM)], folder / "tokenizer")


STILL = Media("still.png", width=48, height=32)


@pytest.mark.parametrize("name", SYSTEMS)
def test_videos_and_pictures_reach_the_model_in_one_pack(name, root, tmp_path):
    model, codec = system(name, tmp_path)
    rows = [codec.row(sample(*media), model) for media in ((FILM,), (STILL, FILM), (STILL,), (FILM, FILM))]
    batch = rows_to_batch(rows, model, Store(root))
    module = init(model.build(), 0)
    visual = module.see(batch.pictures)
    assert len(visual) == sum(picture.num_visual for row in rows for picture in row.pictures)
    assert len(batch.gather) == len(batch.slots) and int(batch.gather.max()) < len(visual) + len(batch.blends.index)
    packed = module(batch).stream.hidden
    for number, row in enumerate(rows):
        alone = module(rows_to_batch([row], model, Store(root))).stream.hidden
        start, stop = batch.cu_seqlens[number : number + 2].tolist()
        assert torch.allclose(packed[start:stop], alone, atol=1e-5), name


@pytest.mark.parametrize("name", SYSTEMS)
def test_gradients_pass_through_blends_and_steps(name, root, tmp_path):
    model, codec = system(name, tmp_path)
    module = init(model.build(), 0)
    batch = rows_to_batch([codec.row(sample(FILM), model)], model, Store(root))
    module(batch).stream.hidden.square().sum().backward()
    reached = [parameter.grad for part in (module.encoder, module.connector) for parameter in part.parameters()]
    assert all(grad is not None for grad in reached) and sum(float(grad.abs().sum()) > 0 for grad in reached) > len(reached) / 2


def test_qwen2_takes_frames_in_pairs_and_tells_their_seconds(root, tmp_path):
    model, codec = system("Qwen2-VL", tmp_path)
    row = codec.row(sample(FILM), model)
    (picture,) = row.pictures
    (tile,) = picture.plan.tiles
    assert len(picture.plan.clip.frames) == 4 and tile.frames == 4  # tiny takes four
    (seen,) = model._seen(picture)
    assert seen.seconds == pytest.approx(2 * 0.6 / 4) and set(seen.places[:, 0].tolist()) == {0, 1}
    (patches,) = Pixels(Store(root), model).of(row)
    greys = patches.reshape(4, -1).mean(1)
    assert greys.tolist() == pytest.approx([30 + 30 * n for n in picture.plan.clip.frames], abs=2)


def test_qwen3_writes_times_between_blocks(root, tmp_path):
    model, codec = system("Qwen3-VL", tmp_path)
    row = codec.row(sample(FILM), model)
    (picture,) = row.pictures
    blocks = model._seen(picture)
    assert len(blocks) == 2 and all((block.places[:, 0] == 0).all() for block in blocks)
    assert "<0.1 seconds>" in codec.decode(row.token_ids) and "<0.3 seconds>" in codec.decode(row.token_ids)


def test_marks_of_the_template_give_way_to_those_of_the_layout(tmp_path):
    """A template that writes <|user|> right before a video: with these marks the layout writes it itself, behind the time."""
    model, codec = system("Qwen3-VL", tmp_path)
    before = codec.decode(codec.row(sample(FILM), model).token_ids.tolist())
    view = Native(video=Stamped(sampling=Uniform(count=5), opening="<|user|>", closing="")).tiny()
    other = Vlm(view=view, encoder=model.encoder, connector=model.connector, language=model.language, text=TEXT)
    ids = codec.row(sample(FILM), other).token_ids.tolist()
    user = codec.words.special("<|user|>")
    assert ids.count(user) == 2 and ids[0] != user and "<0.1 seconds>" in before


def test_pooled_videos_are_blended_behind_other_pictures(root, tmp_path):
    """The visual states that enter the stream are those of the frames' maps resized by torch itself."""
    model, codec = system("LLaVA-OneVision", tmp_path)
    batch = rows_to_batch([codec.row(sample(STILL), model), codec.row(sample(FILM), model)], model, Store(root))
    visual = init(model.build(), 0).see(batch.pictures)
    grids = batch.pictures.grids.prod(1).tolist()
    frames = visual[sum(grids[:-4]) :].reshape(4, 4, 4, -1).permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(frames, size=[2, 2], mode="bilinear").permute(0, 2, 3, 1).reshape(16, -1)
    behind = batch.blends.behind(visual)
    own = batch.gather[-17:-1]
    assert torch.allclose(behind[own], resized, atol=1e-5) and int(batch.gather[-1]) == -1


def test_long_conversations_about_a_film_show_it_again_in_each_piece(root, tmp_path):
    model, codec = system("InternVL", tmp_path)
    one = sample(FILM)
    more = tuple(turn for _ in range(6) for turn in (Turn("user", (Part("text", "and then?"),)), one.turns[1]))
    long = Sample("long", "films", media=(FILM,), turns=(*one.turns, *more))
    fitted = fit(long, codec, model, max_tokens=codec.row(one, model).num_tokens + 20, max_patches=10_000)
    assert len(fitted.rows) > 1 and all(len(row.pictures) == 1 and row.pictures[0].media.kind == "video" for row in fitted.rows)


def test_curation_fills_in_what_a_plan_needs_to_know_of_a_film(root, tmp_path):
    rows = [
        {"id": "a", "videos": ["clip.gif"], "messages": _asked("<video>what happens?")},
        {"id": "b", "videos": ["walk"], "messages": _asked("<video>where?")},
        {"id": "c", "images": ["still.png"], "messages": _asked("<image>which?")},
        {"id": "d", "videos": ["gone.mp4"], "messages": _asked("<video>lost?")},
    ]
    (root / "talk.jsonl").write_text("\n".join(map(json.dumps, rows)))
    run = RunFolder(tmp_path / "run")
    data = Data(root=str(root), sources={"talk": MessagesJsonl(path="talk.jsonl")}, holdout=0.0, max_errors=1)
    curate(data, run, seed=0, workers=0)
    media = {s.id: s.media[0] for s in read_manifest(run / "data/train.parquet")}
    films = {name: (m.width, m.height, m.frames, m.fps) for name, m in media.items() if m.kind == "video"}
    assert sorted(films.values()) == [(48, 32, 3, 1.0), (48, 32, 6, 10.0)]
    assert len({m.sha256 for m in media.values()}) == 3 and all(m.sha256 for m in media.values())
    assert len(media) == 3, "the film that is gone has a ledger row instead"


def _asked(words):
    return [{"role": "user", "content": words}, {"role": "assistant", "content": "so"}]


def test_a_blind_run_sees_grey_films(root, tmp_path):
    model, codec = system("InternVL", tmp_path)
    row = codec.row(sample(FILM, Media("walk", kind="video", width=48, height=32, frames=3, fps=1.0)), model)
    seen = Pixels(GreyStore(Store(root)), model).of(row)
    assert all((patches == 127).all() for patches in seen)


def test_a_film_that_changed_is_an_error_of_its_row(root, tmp_path):
    model, codec = system("InternVL", tmp_path)
    longer = Media("clip.gif", kind="video", width=48, height=32, frames=60, fps=10.0)
    row = codec.row(sample(longer), model)
    with pytest.raises(DataError, match=r"clip.gif: has 6 frames, asked for number"):
        Pixels(Store(root), model).of(row)
    with pytest.raises(DataError, match="a is 0 × 0|has size 0 × 0"):
        codec.row(sample(Media("clip.gif", kind="video")), model)


def test_collating_needs_no_store(tmp_path, root):
    """Blended indices count all pictures before, whatever document they are in."""
    model, codec = system("LLaVA-OneVision", tmp_path)
    rows = [codec.row(sample(FILM), model), codec.row(sample(FILM), model)]
    patches = [Pixels(Store(root), model).of(row) for row in rows]
    batch = collate(rows, patches, model)
    half = len(batch.blends.index) // 2
    assert (batch.blends.index[half:] - batch.blends.index[:half] == rows[0].pictures[0].num_visual).all()
