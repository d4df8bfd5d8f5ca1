"""Video: name of a video in a store → its size, frames and pace; and its frames by number as upright RGB.

A video is a folder of pictures in the order of their names, an animated picture (GIF, WebP, PNG; by Pillow), or any file that
PyAV reads (`pip install 'omma[video]'`). A still picture counts as a video of one frame that goes on for ever.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from omma.core.errors import ConfigError, DataError
from omma.media.decode import MAX_PIXELS, decode, measure
from omma.media.store import Store

PICTURE_HEADS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")
FOLDER_FPS = 1.0  # of a folder of pictures nobody knows the pace
SHORTEST = 10  # ms: browsers show frames that claim less for 100 ms
Frame = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """Upright frame size in px, number of frames, frames a second."""

    width: int
    height: int
    frames: int
    fps: float


def measure_video(store: Store, uri: str) -> VideoFacts:
    """Name of a video → its facts, without decoding frames where the container counts them. DataError if it is none."""
    names = store.folder(uri)
    if names:
        width, height = measure(store.read(names[0]), name=names[0])
        return VideoFacts(width, height, len(names), FOLDER_FPS)
    data = store.read(uri)
    if _is_picture(data):
        width, height = measure(data, name=uri)
        with _animation(data, uri) as image:
            frames = _num_frames(image)
            milliseconds = [_duration(image, number) for number in range(frames)]
        return VideoFacts(width, height, frames, 1000 * frames / sum(milliseconds))
    return _measure_film(data, uri)


def read_frames(store: Store, uri: str, numbers: Sequence[int]) -> list[Frame]:
    """Name of a video + frame numbers, not falling → those frames. DataError if one does not exist or cannot be decoded."""
    names = store.folder(uri)
    if names:
        _check(uri, numbers, len(names))
        return [decode(store.read(names[number]), name=names[number]) for number in numbers]
    data = store.read(uri)
    if not _is_picture(data):
        return _film_frames(data, uri, numbers)
    with _animation(data, uri) as image:
        frames = _num_frames(image)
        if frames > 1:
            _check(uri, numbers, frames)
            return [_composed(image, number) for number in numbers]
    return [decode(data, name=uri)] * len(numbers)


def _check(uri: str, numbers: Sequence[int], frames: int) -> None:
    if numbers and not 0 <= min(numbers) <= max(numbers) < frames:
        fix = "curate the data again: the video has changed"
        raise DataError(uri, f"has {frames} frames, asked for number {max(numbers)}", "fewer than it has", fix)


def _is_picture(data: bytes) -> bool:
    return data.startswith(PICTURE_HEADS) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")


@contextmanager
def _animation(data: bytes, uri: str) -> Iterator[Image.Image]:
    try:
        with Image.open(BytesIO(data)) as image:
            yield image
    except (OSError, ValueError, EOFError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(uri, f"cannot be decoded: {error}", "a whole animated picture") from None


def _num_frames(image: Image.Image) -> int:
    return int(getattr(image, "n_frames", 1))


def _duration(image: Image.Image, number: int) -> float:
    """Milliseconds that a frame is shown."""
    image.seek(number)
    image.load()  # WebP tells durations only then
    duration = float(image.info.get("duration") or 0)
    return duration if duration > SHORTEST else 100.0


def _composed(image: Image.Image, number: int) -> Frame:
    """A frame as it is seen, transparency laid on white."""
    image.seek(number)
    seen = image.convert("RGBA")
    ground = Image.new("RGBA", seen.size, (255, 255, 255, 255))
    return np.array(Image.alpha_composite(ground, seen).convert("RGB"))


@contextmanager
def _film(data: bytes, uri: str) -> Iterator[tuple[Any, Any]]:
    """Bytes → PyAV container and its first video stream; whatever PyAV raises inside the block becomes a DataError."""
    try:
        import av  # noqa: PLC0415  # an extra: most data have no videos
    except ImportError:
        raise ConfigError("video", f"{uri} needs PyAV, which is not installed", "", "pip install 'omma[video]'") from None
    try:
        with av.open(BytesIO(data)) as container:
            if not container.streams.video:
                raise DataError(uri, "has no video stream", "a video")
            stream = container.streams.video[0]
            if stream.width * stream.height > MAX_PIXELS:
                raise DataError(uri, f"frames of {stream.width} × {stream.height} px", f"at most {MAX_PIXELS:,} px")
            yield container, stream
    except av.error.FFmpegError as error:
        raise DataError(uri, f"cannot be decoded: {error.strerror or error}", "a whole video") from None


def _measure_film(data: bytes, uri: str) -> VideoFacts:
    with _film(data, uri) as (container, stream):
        frames = sum(1 for packet in container.demux(stream) if packet.size)
        container.seek(0)
        first = next(container.decode(stream), None)
        if first is None:
            raise DataError(uri, "holds no frame", "a video")
        height, width = _upright(first).shape[:2]
        rate = stream.average_rate or stream.guessed_rate
        if not rate:
            raise DataError(uri, "does not say how many frames a second it shows", "a video with a frame rate")
        return VideoFacts(width, height, frames, float(rate))


def _film_frames(data: bytes, uri: str, numbers: Sequence[int]) -> list[Frame]:
    """Frames by number, decoded from the start up to the last that is asked for, so that numbers are exact in any codec."""
    wanted, last = set(numbers), max(numbers, default=-1)
    found: dict[int, Frame] = {}
    with _film(data, uri) as (container, stream):
        stream.thread_type = "AUTO"
        for number, frame in enumerate(container.decode(stream)):
            if number in wanted:
                found[number] = _upright(frame)
            if number >= last:
                break
        else:
            got = f"ends after {number + 1 if found else 0} frames"
            raise DataError(uri, got, f"{last + 1} and more as measured", "curate the data again")
    return [found[number] for number in numbers]


def _upright(frame: Any) -> Frame:
    """PyAV frame → RGB, turned as its display matrix says."""
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90) % 4))
