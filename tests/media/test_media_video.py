"""Videos: stores to frames, sampling and size rules against the families' own, layouts, clips cut as planned."""

import ast
import math
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize
from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor
from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor
from transformers.models.qwen3_vl.video_processing_qwen3_vl import smart_resize as smart_resize_3

from omma.core.errors import ConfigError, DataError, ShapeError
from omma.media.apply import apply, apply_clip
from omma.media.footage.frames import Frames
from omma.media.footage.pooled import Pooled
from omma.media.footage.stamped import Stamped
from omma.media.footage.whole import Whole
from omma.media.geometry import from_frame, to_frame
from omma.media.sampling import Endwise, Stepwise, Uniform
from omma.media.store import Store
from omma.media.video import measure_video, read_frames
from omma.media.views.fixed import Fixed
from omma.media.views.native import Native
from omma.schema.view import NEWLINE, Clip, Tile, Unit, num_slots

QWEN2, QWEN3 = Unit(14, 2, 2), Unit(16, 2, 2)
FOOTAGE = [Whole(), Stamped(), Stamped(share="frame", max_pixels=2**24), Frames(), Pooled(size=378)]
every_footage = pytest.mark.parametrize("footage", FOOTAGE, ids=lambda f: type(f).__name__)


def steps_of(footage, plan, unit=QWEN2):
    """Time steps, rows and columns of visual tokens per tile."""
    return tuple((-(-t // unit.temporal), r // unit.merge, c // unit.merge) for t, r, c in plan.grids(unit.patch))


def fitting(footage):
    return QWEN3 if isinstance(footage, Stamped) else Unit(14, 1, 1) if isinstance(footage, Frames | Pooled) else QWEN2


def random_videos(count, seed=0):
    random = np.random.default_rng(seed)
    width, height = np.exp(random.uniform(np.log(20), np.log(2000), (2, count))).astype(int)
    total = np.exp(random.uniform(np.log(2), np.log(3000), count)).astype(int)
    fps = random.choice([10.0, 15.0, 23.976, 24.0, 25.0, 29.97, 30.0, 60.0], count)
    return list(zip(width.tolist(), height.tolist(), total.tolist(), fps.tolist(), strict=True))


def moving(frames=7, size=(40, 24)):
    """Frames of one grey each, told apart by it."""
    return [np.full((size[1], size[0], 3), 20 + 30 * number, np.uint8) for number in range(frames)]


def film(path, frames, rate=Fraction(10), codec="mpeg4"):
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def animation(path, frames, milliseconds=100):
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(path, save_all=True, append_images=images[1:], duration=milliseconds, lossless=True)


def lifted(model, name):
    """A method of a video processor that cannot be imported without torchvision, out of its source file."""
    folder = Path(transformers.__file__).parent / "models" / model
    tree = ast.parse((folder / f"video_processing_{model}.py").read_text())
    found = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name)
    found.returns = None
    for argument in (*found.args.args, *found.args.kwonlyargs, found.args.kwarg):
        argument.annotation = None
    names = {"math": math, "torch": torch}
    exec(compile(ast.Module([found], []), model, "exec"), names)
    return names[name]


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.avi", "v.gif", "v.webp", "v.png", "frames"])
def test_frames_come_by_number_from_every_kind_of_store(tmp_path, name):
    frames, path = moving(), tmp_path / name
    if name == "frames":
        path.mkdir()
        for number, frame in enumerate(frames):
            Image.fromarray(frame).save(path / f"{number:03d}.png")
    elif path.suffix in (".gif", ".webp", ".png"):
        animation(path, frames)
    else:
        film(path, frames)
    facts = measure_video(Store(tmp_path), name)
    assert (facts.width, facts.height, facts.frames) == (40, 24, 7)
    assert facts.fps == pytest.approx(1.0 if name == "frames" else 10.0)
    found = read_frames(Store(tmp_path), name, [1, 4, 4, 6])
    assert [round(float(frame.mean()) - 20) // 30 for frame in (f + 10 for f in found)] == [1, 4, 4, 6]
    assert all(frame.shape == (24, 40, 3) and frame.dtype == np.uint8 for frame in found)


def test_a_still_goes_on_for_ever_as_a_video(tmp_path):
    Image.fromarray(moving()[2]).save(tmp_path / "a.png")
    assert measure_video(Store(tmp_path), "a.png").frames == 1
    assert len(read_frames(Store(tmp_path), "a.png", [0, 5, 900])) == 3


def test_broken_videos_are_told(tmp_path):
    film(tmp_path / "v.mp4", moving())
    animation(tmp_path / "v.gif", moving())
    (tmp_path / "cut.mp4").write_bytes((tmp_path / "v.mp4").read_bytes()[:300])
    (tmp_path / "text.mp4").write_text("no video at all")
    (tmp_path / "empty").mkdir()
    store = Store(tmp_path)
    for name in ("cut.mp4", "text.mp4"):
        with pytest.raises(DataError, match=rf"{name}: (cannot be decoded|has no video stream)"):
            measure_video(store, name)
    with pytest.raises(DataError, match="empty: a folder without pictures"):
        measure_video(store, "empty")
    with pytest.raises(DataError, match=r"v.mp4: ends after 7 frames; expected 10 and more as measured"):
        read_frames(store, "v.mp4", [0, 9])
    with pytest.raises(DataError, match=r"v.gif: has 7 frames, asked for number 9"):
        read_frames(store, "v.gif", [0, 9])


def test_without_pyav_a_film_says_how_to_get_it(tmp_path, monkeypatch):
    film(tmp_path / "v.mp4", moving())
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(ConfigError, match=r"v.mp4 needs PyAV.*pip install 'omma\[video\]'"):
        measure_video(Store(tmp_path), "v.mp4")


@pytest.mark.parity
def test_stepwise_takes_qwen2_vls_frames():
    sample = lifted("qwen2_vl", "sample_frames")
    settings = SimpleNamespace(num_frames=None, fps=2.0, temporal_patch_size=2, min_frames=4, max_frames=768)
    for _, _, total, fps in random_videos(2000):
        theirs = sample(settings, SimpleNamespace(total_num_frames=total, fps=fps))
        ours = Stepwise().clip(total, fps, 2).frames
        assert ours == tuple(theirs.tolist())[: len(ours)], (total, fps)
        assert theirs[len(ours) :].tolist() in ([], [total])  # by rounding it may ask for one frame behind the end


@pytest.mark.parity
def test_endwise_takes_qwen3_vls_frames():
    settings = SimpleNamespace(num_frames=None, fps=2, min_frames=4, max_frames=768)
    for _, _, total, fps in random_videos(2000):
        theirs = Qwen3VLVideoProcessor.sample_frames(settings, SimpleNamespace(total_num_frames=total, fps=fps))
        assert Endwise().clip(total, fps, 2).frames == tuple(theirs.tolist()), (total, fps)


@pytest.mark.parity
def test_uniform_takes_internvls_frames():
    sample = lifted("internvl", "sample_frames")
    for _, _, total, fps in random_videos(1000):
        settings = SimpleNamespace(num_frames=8, fps=None, initial_shift=True)
        if total < 8:
            continue
        theirs = sample(settings, SimpleNamespace(total_num_frames=total, fps=fps), num_frames=8, initial_shift=True)
        assert Uniform(count=8, shift=0.5).clip(total, fps, 1).frames == tuple(theirs.tolist()), (total, fps)


@pytest.mark.parity
def test_whole_sizes_frames_as_qwen2_vl():
    """Per frame within both bounds and an even share of 90 % of 128,000 tokens, as `cap_pixels_per_frame` states it."""
    capped = 0
    for width, height, total, fps in random_videos(10_000):
        for footage in (Whole(), Whole(total_tokens=10**12)):
            plan = footage.plan(width, height, total, fps, QWEN2)
            frames = len(plan.clip.frames)
            most = footage.max_pixels
            share = int(footage.total_tokens * 28 * 28 * 0.9) * 2 // frames
            most, capped = max(min(most, share), int(128 * 28 * 28 * 1.05)), capped + (share < most)
            tall, wide = smart_resize(height, width, 28, 128 * 28 * 28, most)
            assert plan.tiles == (Tile(0, 0, 0, wide, tall, frames=frames + frames % 2),), (width, height, total, fps)
    assert capped > 100


@pytest.mark.parity
@pytest.mark.parametrize(("share", "most"), [("clip", 768 * 32 * 32), ("clip", 25_165_824), ("frame", 25_165_824)])
def test_stamped_sizes_frames_as_qwen3_vl(share, most):
    footage = Stamped(share=share, max_pixels=most, min_pixels=4096)
    settings = SimpleNamespace(
        size={"shortest_edge": 4096, "longest_edge": most}, patch_size=16, merge_size=2, temporal_patch_size=2,
        max_video_tokens=768, cap_pixels_per_frame=share == "frame",
    )  # fmt: skip
    for width, height, total, fps in random_videos(3000):
        plan = footage.plan(width, height, total, fps, QWEN3)
        theirs = Qwen3VLVideoProcessor.get_num_of_video_patches(settings, len(plan.clip.frames), height, width)
        assert plan.num_patches(16) == 2 * theirs, (width, height, total, fps)
        if share == "clip":
            wanted = smart_resize_3(len(plan.clip.frames), height, width, 2, 32, 4096, most)
            assert {(tile.height, tile.width) for tile in plan.tiles} == {wanted}


@pytest.mark.parity
def test_stamps_are_qwen3_vls():
    for width, height, total, fps in random_videos(300, seed=3):
        plan = Stamped().plan(width, height, total, fps, QWEN3)
        times = Qwen3VLProcessor._calculate_timestamps(None, list(plan.clip.frames), fps, 2)
        said = [run for run in Stamped().layout(plan, steps_of(Stamped(), plan, QWEN3)) if isinstance(run, str)]
        assert said == [text for time in times for text in (f"<{time:.1f} seconds><|vision_start|>", "<|vision_end|>")]


def test_pooled_gives_196_tokens_a_frame_and_one_newline():
    """27 × 27 tokens of a 384 px tile; random features through torch's own resize."""
    plan = Pooled().plan(640, 360, 90, 30.0, Unit(14, cut=384))
    *maps, last = Pooled().layout(plan, plan.grids(14))
    assert len(plan.tiles) == 32 and [len(run) for run in maps] == [196] * 32 and last.tolist() == [NEWLINE]
    features = torch.randn(32, 4, 27, 27, generator=torch.Generator().manual_seed(0))
    rows = features.permute(0, 2, 3, 1).reshape(-1, 4)
    ours = torch.cat([torch.einsum("mk,mkd->md", torch.from_numpy(run.weight), rows[run.index]) for run in maps])
    theirs = torch.nn.functional.interpolate(features, size=[14, 14], mode="bilinear").permute(0, 2, 3, 1).reshape(-1, 4)
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_frames_are_named_as_internvl():
    footage = Frames(sampling=Uniform(count=3))
    plan = footage.plan(64, 64, 30, 10.0, Unit(14, 2))
    said = "".join("·" if not isinstance(run, str) else run for run in footage.layout(plan, steps_of(footage, plan, Unit(14, 2))))
    assert said == "Frame1: <img>·</img>\nFrame2: <img>·</img>\nFrame3: <img>·</img>"


@every_footage
def test_footage_counts_what_it_lays_out_and_cuts(footage):
    unit = fitting(footage)
    for width, height, total, fps in random_videos(100, seed=7):
        plan = footage.plan(width, height, total, fps, unit)
        assert plan == footage.plan(width, height, total, fps, unit) and hash(plan) == hash(plan)
        assert plan.clip.total == total and plan.clip.fps == fps and 0 <= min(plan.clip.frames) <= max(plan.clip.frames) < total
        assert list(plan.clip.frames) == sorted(plan.clip.frames)
        assert all(tile.frames % unit.temporal == 0 and tile.first < len(plan.clip.frames) for tile in plan.tiles)
        steps = steps_of(footage, plan, unit)
        layout = footage.layout(plan, steps)
        kept = sum(-(-r // 2) * -(-c // 2) for _, r, c in steps) + 1 if isinstance(footage, Pooled) else sum(map(math.prod, steps))
        assert num_slots(layout) == kept
        box = (0.1 * width, 0.2 * height, 0.7 * width, 0.9 * height)
        assert from_frame(to_frame(box, "view_px", plan), "view_px", plan) == pytest.approx(box)


@every_footage
def test_footage_shrinks_and_survives_its_yaml(footage):
    from omma.core.config import from_data, to_data

    assert from_data(to_data(footage), where="video") == footage
    tiny = footage.tiny()
    plan = tiny.plan(640, 480, 300, 30.0, Unit(8, 2, 2 if isinstance(footage, Whole | Stamped) else 1))
    assert type(tiny) is type(footage) and 0 < plan.num_patches(8) <= 4 * 64 and len(plan.clip.frames) <= 4


def test_clips_are_cut_frame_by_frame():
    """Three frames in pairs: the second pair shows the last frame twice; each frame as a picture would be cut."""
    view, unit = Native(video=Whole(sampling=Uniform(count=3), min_pixels=256, max_pixels=4096)), Unit(8, 2, 2)
    frames = [np.random.default_rng(i).integers(0, 256, (50, 70, 3), dtype=np.uint8) for i in range(3)]
    plan = view.plan_video(70, 50, 3, 1.0, unit)
    (tile,) = plan.tiles
    (cut,) = apply_clip(view, frames, plan)
    assert tile.frames == 4 == len(cut) and (cut[2] == cut[3]).all()
    assert all((cut[i] == apply(view, frames[i], plan)[0]).all() for i in range(3))
    with pytest.raises(ShapeError, match="2 frames; expected 3 as planned"):
        apply_clip(view, frames[:2], plan)


def test_clips_know_their_times():
    clip = Clip((0, 15, 30), 60, 30.0)
    assert clip.seconds == (0.0, 0.5, 1.0) and clip.step == pytest.approx(2 / 3)
    assert Clip().seconds == (0.0,) and Clip().step == 0.0


def test_a_view_without_footage_refuses_videos():
    with pytest.raises(DataError, match=r"this model's view sees no videos.*set model.view.video"):
        Fixed().plan_video(64, 64, 10, 10.0, Unit(14))


@pytest.mark.parametrize("make", [lambda: Uniform(count=0), lambda: Stepwise(fps=0), lambda: Endwise(min_frames=9, max_frames=8)])
def test_bad_sampling_is_refused(make):
    with pytest.raises(ConfigError, match="expected"):
        make()


@pytest.mark.parametrize(("total", "fps"), [(0, 10.0), (10, 0.0)])
def test_videos_without_frames_or_pace_are_refused(total, fps):
    with pytest.raises(DataError, match="at least one frame, and a pace"):
        Whole().plan(64, 64, total, fps, QWEN2)
