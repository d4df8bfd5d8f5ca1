"""Decoding: every mode and format by hand-made files, upright; broken bytes as DataErrors whose words fit a ledger."""

import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from omma.core.errors import DataError
from omma.media.decode import decode, measure, shrink, thumbnail

REAL = Path(__file__).parents[2].parent / "shared/real/dedup-fixtures"
ORIENTATION = 274
LOSSLESS = ("PNG", "TIFF", "BMP", "WEBP", "QOI", "PPM")


def blocks(width=64, height=40):
    """A picture of 8 px blocks of random colour, no two sides or turns alike."""
    small = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(np.kron(small, np.ones((8, 8, 1), np.uint8)))


def encoded(image, kind, **options):
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def failure(data, call=decode, **options):
    with pytest.raises(DataError) as error:
        call(data, name="shard.tar#cat.jpg", **options)
    assert error.value.where == "shard.tar#cat.jpg"
    return error.value.got


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_give_the_pixels_that_were_stored(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    image = decode(encoded(blocks(), kind, **options), name="x")
    assert (image == np.asarray(blocks())).all() and image.dtype == np.uint8
    assert image.flags.writeable and image.flags.c_contiguous


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_pictures_stand_upright_and_measure_agrees(kind, turn):
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    data = encoded(blocks(), kind, exif=exif)
    image = decode(data, name="x")
    with Image.open(BytesIO(data)) as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    assert (image == upright).all()
    assert measure(data, name="x") == (image.shape[1], image.shape[0])
    assert image.shape[:2] == ((64, 40) if turn >= 5 else (40, 64))
    small = thumbnail(data, name="x", side=16)
    assert small.shape[:2] == ((16, 10) if turn >= 5 else (10, 16))


def test_orientation_six_by_hand():
    """6 means: the camera was turned, so row 0 is the right side; a red first row becomes a red last column."""
    stored = np.zeros((2, 3, 3), np.uint8)
    stored[0] = (255, 0, 0)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    image = decode(encoded(Image.fromarray(stored), "PNG", exif=exif), name="x")
    assert image.shape == (3, 2, 3) and (image[:, 1] == (255, 0, 0)).all() and (image[:, 0] == 0).all()


def test_orientation_in_xmp_counts_and_nonsense_does_not():
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    assert measure(encoded(blocks(), "JPEG", xmp=xmp), name="x") == (40, 64)
    exif = Image.Exif()
    exif[ORIENTATION] = 77
    assert measure(encoded(blocks(), "JPEG", exif=exif), name="x") == (64, 40)
    assert measure(encoded(blocks(), "JPEG", exif=b"Exif\0\0garbage-garbage"), name="x") == (64, 40)


def test_palette_becomes_its_colours():
    flat = Image.new("RGB", (4, 4), (10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert (decode(encoded(flat, "PNG"), name="x") == (10, 200, 30)).all()
    assert (decode(encoded(flat, "GIF"), name="x") == (10, 200, 30)).all()


def test_transparency_is_laid_on_white():
    clear = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    clear.putpixel((1, 0), (200, 100, 0, 51))  # a fifth of the colour over four fifths of white
    image = decode(encoded(clear, "PNG"), name="x")
    assert image[0].tolist() == [[255, 255, 255], [244, 224, 204]]


def test_transparent_palette_and_key_colours_are_laid_on_white():
    palette = Image.new("P", (1, 1), 0)
    palette.putpalette([9, 9, 9, 1, 1, 1])
    assert decode(encoded(palette, "PNG", transparency=0), name="x")[0, 0].tolist() == [255] * 3
    assert decode(encoded(palette, "PNG", transparency=b"\x80\xff"), name="x")[0, 0].tolist() == [132] * 3
    key = Image.new("RGB", (2, 1), (1, 2, 3))
    key.putpixel((1, 0), (4, 5, 6))
    assert decode(encoded(key, "PNG", transparency=(1, 2, 3)), name="x")[0].tolist() == [[255] * 3, [4, 5, 6]]
    assert decode(encoded(Image.new("LA", (1, 1), (0, 128)), "PNG"), name="x")[0, 0].tolist() == [127] * 3


def test_grey_and_one_bit_become_rgb():
    assert (decode(encoded(Image.new("L", (3, 2), 77), "JPEG"), name="x") == 77).all()
    one_bit = Image.new("1", (2, 1), 0)
    one_bit.putpixel((1, 0), 1)
    assert decode(encoded(one_bit, "PNG"), name="x")[0].tolist() == [[0] * 3, [255] * 3]
    assert decode(encoded(one_bit, "TIFF"), name="x")[0].tolist() == [[0] * 3, [255] * 3]


def test_cmyk_becomes_rgb():
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    for kind in ("JPEG", "TIFF"):
        image = decode(encoded(cyan, kind), name="x").astype(int)
        assert image.shape == (8, 8, 3) and np.abs(image - (0, 255, 255)).max() <= 3


def test_lab_becomes_rgb():
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    red = Image.new("RGB", (2, 2), (200, 40, 60))
    lab = ImageCms.applyTransform(red, ImageCms.buildTransform(*profiles, "RGB", "LAB"))
    assert lab.mode == "LAB"
    assert np.abs(decode(encoded(lab, "TIFF"), name="x").astype(int) - (200, 40, 60)).max() <= 3


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(kind):
    """0, a quarter, a half and all of 65,535 become 0, 64, 128 (rounded) and 255; clipping would give 255 for all but the first."""
    words = Image.fromarray(np.array([[0, 16_448, 32_896, 65_535]], np.uint16))
    assert words.mode.startswith("I;16")
    assert decode(encoded(words, kind), name="x")[0, :, 0].tolist() == [0, 64, 128, 255]


def test_sixteen_bit_pgm_big_endian():
    data = b"P5 3 1 65535\n" + np.array([0, 25_700, 65_535], ">u2").tobytes()
    assert decode(data, name="x")[0, :, 1].tolist() == [0, 100, 255]


def test_floats_of_unit_range_are_scaled_and_others_stretched():
    for values, expected in (([0.0, 0.5, 1.0], [0, 128, 255]), ([-3.0, 0.0, 3.0], [0, 128, 255]), ([7.0, 7.0, 7.0], [0, 0, 0])):
        data = encoded(Image.fromarray(np.array([values], np.float32)), "TIFF")
        assert decode(data, name="x")[0, :, 0].tolist() == expected
    broken = encoded(Image.fromarray(np.array([[0.0, np.nan]], np.float32)), "TIFF")
    assert failure(broken) == "pixels that are not finite numbers"


def test_thirty_two_bit_integers_are_stretched():
    data = encoded(Image.fromarray(np.array([[-1_000_000, 0, 1_000_000]], np.int32)), "TIFF")
    assert decode(data, name="x")[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame(kind):
    frames = [Image.new("RGB", (8, 6), colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    options = {"lossless": True} if kind == "WEBP" else {}
    image = decode(encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options), name="x")
    assert image.shape == (6, 8, 3) and (image == (255, 0, 0)).all()


def test_the_bytes_decide_not_the_name():
    assert decode(encoded(blocks(), "PNG"), name="holiday.jpg").shape == (40, 64, 3)


def test_a_bomb_is_refused_from_its_header():
    data = encoded(Image.new("1", (3000, 2000)), "PNG")
    assert len(data) < 2000
    assert failure(data, max_pixels=5_999_999) == "PNG of 3000 × 2000 = 6,000,000 px"
    assert decode(data, name="x", max_pixels=6_000_000).shape == (2000, 3000, 3)
    assert failure(data, call=thumbnail, side=8, max_pixels=100) == "PNG of 3000 × 2000 = 6,000,000 px"
    assert measure(data, name="x") == (3000, 2000)


def test_a_larger_bomb_makes_no_warning_and_no_pillow_error():
    """Headers that promise 100 and 400 million px: Pillow would warn at one and raise its own error at the other."""
    header = bytearray(encoded(Image.new("L", (8, 8)), "BMP"))
    for side, words in (
        (10_000, "BMP of 10000 × 10000 = 100,000,000 px"),
        (20_000, "BMP declares more pixels than may be decoded"),
    ):
        header[18:26] = side.to_bytes(4, "little") * 2
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert failure(bytes(header), max_pixels=50_000_000) == words
        assert not caught


@pytest.mark.parametrize("call", [decode, measure])
def test_no_bytes_and_no_picture(call):
    assert failure(b"", call=call) == "the file is empty (0 bytes)"
    assert failure(b"<html>not found</html>", call=call) == "not a picture (it begins with b'<html>no'), 22 bytes"
    assert failure(encoded(blocks(), "JPEG")[:20], call=call) == "JPEG without a readable header, 20 bytes"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "QOI", "PPM", "WEBP"])
def test_a_picture_that_breaks_off_says_where(kind):
    data = encoded(blocks(), kind)
    half = data[: len(data) // 2]
    total = f" of {len(data):,} bytes" if kind == "WEBP" else " bytes, before its pixels are complete"
    words = failure(half)
    assert words.endswith(f" ends after {len(half):,}{total}") and words.split()[0] == kind


def test_postscript_is_never_run():
    """Pillow would start Ghostscript on it."""
    assert failure(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n").startswith("not a picture")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO"])
def test_damaged_bytes_decode_or_raise_a_data_error_and_nothing_else(kind):
    """Random bytes changed anywhere: measure and decode agree wherever both succeed."""
    random = np.random.default_rng(5)
    good = np.frombuffer(encoded(blocks(), kind), np.uint8)
    for _ in range(60):
        data = good.copy()
        data[random.integers(len(data), size=3)] = random.integers(0, 256, 3)
        sizes = []
        for call in (measure, decode):
            try:
                result = call(data.tobytes(), name="x")
                sizes.append(result if call is measure else (result.shape[1], result.shape[0]))
            except DataError as error:
                assert error.got
        assert len(set(sizes)) <= 1


def test_thumbnails_of_large_jpegs_are_close_to_a_full_decode():
    """The draft path decodes at a fraction of the size; the mean colour and shape stay."""
    smooth = Image.fromarray(np.random.default_rng(1).integers(0, 256, (6, 9, 3), dtype=np.uint8)).resize((1200, 800))
    data = encoded(smooth, "JPEG", quality=95)
    fast, slow = thumbnail(data, name="x", side=48), shrink(decode(data, name="x"), 48)
    assert fast.shape == slow.shape == (32, 48, 3)
    difference = np.abs(fast.astype(int) - slow)
    assert difference.mean() < 2 and difference.max() <= 12  # measured 1.5 and 9


def test_shrink_keeps_aspect_never_enlarges_and_keeps_a_px():
    assert shrink(np.zeros((10, 400, 3), np.uint8), 20).shape == (1, 20, 3)
    assert shrink(np.zeros((400, 100, 3), np.uint8), 40).shape == (40, 10, 3)
    assert shrink(np.zeros((5, 7, 3), np.uint8), 64).shape == (5, 7, 3)


needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent: real pictures of all formats are not tested")


@needs_real
def test_real_formats_decode_to_the_same_picture():
    """One photo in six formats (one of them misnamed .svg): lossless ones equal, lossy ones near."""
    images = {path.suffix: decode(path.read_bytes(), name=path.name) for path in (REAL / "formats_images").glob("ukbench09380.*")}
    assert len(images) >= 5 and {image.shape for image in images.values()} == {(480, 640, 3)}
    assert (images[".bmp"] == images[".png"]).all()
    for image in images.values():
        assert np.abs(image.astype(int) - images[".png"]).mean() < 4


@needs_real
def test_real_odd_formats_and_the_corrupt_file():
    shapes = {
        "baboon.pgm": (512, 512, 3),
        "copyleft.tiff": (220, 220, 3),
        "giphy.gif": (400, 314, 3),
        "marbles.pbm": (813, 1152, 3),
    }
    for name, shape in shapes.items():
        data = (REAL / "formats_images" / name).read_bytes()
        assert decode(data, name=name).shape == shape and measure(data, name=name) == (shape[1], shape[0])
    corrupt = (REAL / "mixed_images/ukbench09268_corrupt.jpg").read_bytes()
    assert failure(corrupt).startswith("not a picture (it begins with")
    assert decode((REAL / "alpha_channel_image.png").read_bytes(), name="x").shape == (480, 640, 3)
