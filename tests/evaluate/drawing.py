"""Pictures that fixtures of benchmarks are made of: drawn here, one colour and a box, so that nothing is anybody's."""

import base64

import numpy as np
from PIL import Image

from omma.media.draw import to_png

COLOURS = {"red": (220, 40, 40), "blue": (40, 60, 220), "green": (30, 160, 60), "white": (250, 250, 250), "black": (10, 10, 10)}


def pixels(colour="red", size=(48, 40), box=None):
    """Colour, (width, height) and a box xyxy px in black → (H, W, 3) uint8."""
    image = np.full((size[1], size[0], 3), COLOURS[colour], np.uint8)
    if box is not None:
        image[box[1] : box[3], box[0] : box[2]] = 0
    return image


def png(colour="red", size=(48, 40), box=None):
    """The same as PNG bytes."""
    return to_png(pixels(colour, size, box))


def coded(colour="red", size=(48, 40), box=None):
    """The same in base64, as TSV files hold it."""
    return base64.b64encode(png(colour, size, box)).decode()


def picture(path, colour="red", size=(48, 40), box=None):
    """Write it to a file of any format that Pillow knows by the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(colour, size, box)).save(path)


def film(folder, frames=6):
    """A video as a folder of frames whose colour changes."""
    for number in range(frames):
        picture(folder / f"{number:04}.png", ("red", "blue", "green")[number % 3])
