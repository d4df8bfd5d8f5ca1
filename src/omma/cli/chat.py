"""`omma chat`: a trained run + a picture + questions → answers as they are written, with boxes drawn into a copy."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from omma.answerers.saved import load_talker
from omma.cli.arguments import Parts, RunPath
from omma.cli.find import own_parts
from omma.core.errors import DataError
from omma.core.files import write_bytes
from omma.core.progress import say
from omma.generate.sampling import Sampling
from omma.generate.talker import Talker
from omma.media.decode import decode, measure
from omma.media.draw import draw_boxes, to_png
from omma.media.store import Store
from omma.nn.device import pick_device
from omma.schema.sample import Media, Part, Region, Sample, Turn

DRAWN_SIDE = 512  # px; boxes on smaller pictures are drawn into an enlarged copy

Image = Annotated[Path, typer.Option("--image", metavar="PICTURE", help="the picture to talk about", show_default=False)]
Prompt = Annotated[
    list[str],
    typer.Option("--prompt", metavar="TEXT", help="ask this and leave", default_factory=list, show_default=False),
]
Temperature = Annotated[float, typer.Option(help="0 takes the likeliest word, more is freer")]
MaxTokens = Annotated[int, typer.Option(help="the longest answer")]
Seed = Annotated[int, typer.Option(help="of the draws above temperature 0")]


def command(
    run: RunPath,
    image: Image,
    parts: Parts,
    prompt: Prompt,
    temperature: Temperature = 0.0,
    max_tokens: MaxTokens = 256,
    seed: Seed = 0,
) -> None:
    """Ask a trained model about a picture; without --prompt, question by question until an empty line or Ctrl-D.

    Reads the newest checkpoint of the run folder (or a checkpoint folder) and the picture. Writes nothing, but for a
    copy of the picture with boxes, RUN/chat/NAME-boxes.png, when an answer points at something.

    Example: omma chat runs/quickstart --image cat.png --prompt "how many circles are there?"
    """
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens, seed=seed)
    picture = look_at(image)
    talker = load_talker(run, pick_device("auto"), own_parts(parts)).looking_at(Store(image.resolve().parent))
    talk = Talk(talker, picture, sampling)
    for question in prompt or questions():
        for piece in talk.ask(question):
            sys.stdout.write(piece)
            sys.stdout.flush()
        sys.stdout.write("\n")
        if regions := talk.regions():
            say(f"boxes drawn in {draw(image, regions, run / 'chat')}")


class Talk:
    """A conversation about one picture that grows by a question and its answer at a time."""

    def __init__(self, talker: Talker, picture: Media, sampling: Sampling) -> None:
        self.talker, self.picture, self.sampling = talker, picture, sampling
        self.turns: tuple[Turn, ...] = ()

    def ask(self, question: str) -> Iterator[str]:
        """Question → pieces of the answer; both join the conversation when the answer is whole."""
        seen = (Part("image", index=0),) if not self.turns else ()
        asked = (*self.turns, Turn("user", (*seen, Part("text", question))))
        said = []
        for piece in self.talker.stream(self._sample(asked), self.sampling):
            said.append(piece)
            yield piece
        self.turns = (*asked, Turn("assistant", (Part("text", "".join(said)),)))

    def regions(self) -> tuple[Region, ...]:
        """Places that the last answer names, in px of the picture."""
        plan = self.talker.eye.plan(self.picture.width, self.picture.height)
        return self.talker.codec.regions(self.turns[-1].text, plan)

    def _sample(self, turns: tuple[Turn, ...]) -> Sample:
        return Sample("chat", "chat", media=(self.picture,), turns=turns)


def look_at(image: Path) -> Media:
    """Picture file → media with its size. DataError if there is none or it is no picture."""
    if not image.is_file():
        raise DataError(str(image), "no such file", "a picture")
    width, height = measure(image.read_bytes(), name=str(image))
    return Media(image.name, width=width, height=height)


def questions() -> Iterator[str]:
    """What a person types, until an empty line or the end of input."""
    while True:
        if sys.stdin.isatty():
            sys.stderr.write("> ")
            sys.stderr.flush()
        line = sys.stdin.readline().strip()
        if not line:
            return
        yield line


def draw(image: Path, regions: tuple[Region, ...], folder: Path) -> Path:
    """Picture file + places in its px → a copy with boxes, enlarged if the picture is small."""
    pixels = decode(image.read_bytes(), name=str(image))
    scale = max(1, DRAWN_SIDE // max(pixels.shape[:2]))
    large = pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    boxes = [tuple(scale * side for side in region.box) for region in regions]
    target = folder / f"{image.stem}-boxes.png"
    write_bytes(target, to_png(draw_boxes(large, boxes, [region.label for region in regions])))
    return target
