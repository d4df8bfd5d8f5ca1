"""Operators on pictures: cases worked by hand, and what they find among real photographs and drawn pages."""

import math
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from omma.core.errors import ConfigError, DataError
from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.job import curate
from omma.curate.operator import Candidate
from omma.curate.operators.blank import Blank
from omma.curate.operators.blur import Blur
from omma.curate.operators.colourfulness import Colourfulness
from omma.curate.operators.crop_hash import CropHash
from omma.curate.operators.decode import Decode
from omma.curate.operators.entropy import Entropy
from omma.curate.operators.file_size import FileSize
from omma.curate.operators.perceptual_hash import PerceptualHash, fingerprint
from omma.curate.operators.text_density import TextDensity
from omma.curate.picture import Picture
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.schema.sample import Media, Sample

REAL = Path(__file__).parents[2] / "../shared/real"
CUT = 0.05
CROPS = {
    "all sides": (1, 1, 1, 1),
    "left": (1, 0, 0, 0),
    "bottom": (0, 0, 0, 1),
    "corner": (1, 1, 0, 0),
    "both sides": (1, 0, 1, 0),
}


def encoded(array, kind="PNG", **how) -> bytes:
    buffer = BytesIO()
    (array if isinstance(array, Image.Image) else Image.fromarray(array)).save(buffer, kind, **how)
    return buffer.getvalue()


def picture(array, kind="PNG", **how) -> Picture:
    return Picture("a.png", encoded(array, kind, **how))


def plain(*colour: int, size: int = 32) -> np.ndarray:
    return np.full((size, size, 3), colour, np.uint8)


def noise(seed, size=96) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def cropped(image: Image.Image, sides: tuple[int, ...], cut: float = CUT) -> Image.Image:
    width, height = image.size
    left, top, right, bottom = (cut * side for side in sides)
    return image.crop((round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height)))


@pytest.fixture(scope="module")
def photographs() -> list[bytes]:
    folders = [REAL / "coco-ccby-dev/images", REAL / "coco-small/images"]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip(f"no real photographs at {REAL.resolve()}")
    return [path.read_bytes() for folder, step in zip(folders, (12, 12), strict=True) for path in sorted(folder.iterdir())[::step]]


@pytest.fixture(scope="module")
def crop_looks(photographs) -> np.ndarray:
    return np.stack([CropHash().look(Picture("a.jpg", data)) for data in photographs])


def copies(looks) -> list[str]:
    """Looks of pictures of one size → reasons of those that are taken for copies."""
    media = [(Media(f"{i}.jpg", sha256=f"{i:064x}", width=9, height=9),) for i in range(len(looks))]
    rows = [
        Candidate(Sample(f"{i}", "s", media=shown), False, (look,))
        for i, (shown, look) in enumerate(zip(media, looks, strict=True))
    ]
    return [reason for reason in CropHash().decide(CropHash().score(rows)) if reason]


def test_blur_by_hand():
    # One white pixel amid black: -4 · 255 at it, 255 at its four neighbours, 0 at the other four of nine.
    dot = plain(0, 0, 0, size=5)
    dot[2, 2] = 255
    values = [-4 * 255, *[255] * 4, *[0] * 4]
    assert Blur().score(picture(dot)) == pytest.approx(np.var(values))
    assert Blur().score(picture(plain(9, 9, 9, size=2))) == 0
    assert Blur(min_variance=5).decide(4.0) == "blurred: variance of the Laplacian 4.0, below 5"


def test_blur_tells_an_enlarged_photograph(photographs):
    for data in photographs[:3]:
        image = Image.open(BytesIO(data)).convert("RGB")
        soft = image.resize((image.width // 12, image.height // 12)).resize(image.size, Image.Resampling.BICUBIC)
        assert Blur().decide(Blur().score(picture(image))) == ""
        assert Blur().score(picture(soft)) < Blur().score(picture(image)) / 5


def test_entropy_by_hand():
    halves = plain(0, 0, 0)
    halves[:16] = 255
    quarters = halves.copy()
    quarters[:8], quarters[16:24] = 100, 200
    assert [Entropy().score(picture(array)) for array in (plain(7, 7, 7), halves, quarters)] == [0, 1, 2]
    assert Entropy().decide(0) == "0.00 bits of entropy, below 0.2"


def test_file_size_counts_stored_bytes():
    data = encoded(plain(0, 0, 0))
    assert FileSize().score(Picture("a", data)) == len(data)
    assert FileSize().decide(43) == "43 bytes, fewer than 100"
    assert FileSize(max_bytes=1000).decide(1001) == "1,001 bytes, more than 1,000"
    assert FileSize().decide(100) == ""


def test_colourfulness_by_hand():
    assert Colourfulness().score(picture(plain(90, 90, 90))) == 0
    # Red throughout: rg = 255, yb = 127.5, no spread: 0.3 · √(255² + 127.5²).
    assert Colourfulness().score(picture(plain(255, 0, 0))) == pytest.approx(0.3 * math.hypot(255, 127.5))
    # Half red, half green: rg = ±255, so its mean is 0 and its deviation 255; yb = 127.5 throughout.
    both = plain(255, 0, 0)
    both[:16] = (0, 255, 0)
    assert Colourfulness().score(picture(both)) == pytest.approx(255 + 0.3 * 127.5)
    assert Colourfulness(min_score=5).decide(4.0) == "colourfulness 4.0, below 5"


def test_blank_by_hand():
    array = plain(200, 200, 200, size=20)
    assert Blank().score(picture(array)) == 1
    array[:2, :10] = 0
    array[5, 5] = 205  # near enough
    assert Blank().score(picture(array)) == 0.95
    assert Blank().decide(1.0) == "100.0% of it are one colour"
    assert Blank().decide(0.95) == ""


def page(seed: int, letters: int, paper: int, ink: int) -> Image.Image:
    words = ["invoice", "total", "amount", "due", "date", "customer", "name", "price", "number", "street", "city", "terms", "of"]
    rng, font = np.random.default_rng(seed), ImageFont.load_default(letters)
    image = Image.new("RGB", (640, 480), (paper,) * 3)
    for y in range(20, 480 - 2 * letters, int(1.5 * letters)):
        ImageDraw.Draw(image).text((20, y), " ".join(rng.choice(words, 190 // letters)), fill=(ink,) * 3, font=font)
    return image


@pytest.mark.parametrize("letters", [10, 14, 18, 24])
@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (40, 220)])
def test_text_density_finds_every_drawn_page(letters, paper, ink):
    for how in ({"kind": "PNG"}, {"kind": "JPEG", "quality": 60}):
        assert TextDensity().score(picture(page(letters, letters, paper, ink), **how)) > 0.3


def test_text_density_of_photographs_is_low(photographs):
    scores = [TextDensity().score(Picture("a.jpg", data)) for data in photographs[:20]]
    assert max(scores) < 0.3


def test_text_density_bounds():
    assert TextDensity().score(picture(plain(1, 2, 3, size=10))) == 0
    assert TextDensity(min_share=0.3).decide(0.1) == "text on 10.0% of it, less than 30.0%"
    assert TextDensity(max_share=0.3).decide(0.5) == "text on 50.0% of it, more than 30.0%"


def test_drafts_are_upright_and_tell_what_is_broken():
    image = Image.fromarray(np.zeros((256, 512, 3), np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    assert Picture("a.jpg", encoded(image, "JPEG")).draft.shape == (128, 256, 3)
    assert Picture("a.jpg", encoded(image, "JPEG", exif=turned)).draft.shape == (256, 128, 3)
    assert Picture("a.png", encoded(image)).draft.shape == (256, 512, 3)
    data = encoded(noise(0, 400), "JPEG")
    with pytest.raises(DataError, match="JPEG ends after"):
        _ = Picture("a.jpg", data[: len(data) // 2]).draft


def test_reencoded_photographs_have_near_hashes(photographs):
    """All of 3/4 size at quality 60, 1/4 size at quality 30 and WebP lie within the default distance."""
    limit = PerceptualHash().max_distance
    for data in photographs:
        image = Image.open(BytesIO(data)).convert("RGB")
        width, height = image.size
        copies = [
            encoded(image.resize((width * 3 // 4, height * 3 // 4)), "JPEG", quality=60),
            encoded(image.resize((width // 4, height // 4)), "JPEG", quality=30),
            encoded(image, "WEBP"),
        ]
        first, *others = (fingerprint(Image.fromarray(Picture("a", item).draft)) for item in (data, *copies))
        assert max(np.bitwise_count(first ^ other) for other in others) <= limit


@pytest.mark.parametrize("name", CROPS)
def test_crop_hash_finds_cropped_photographs(name, photographs, crop_looks):
    """At least 99% of crops of 5% are near their original at the defaults; 100% were measured."""
    operator = CropHash()
    found = 0
    for look, data in zip(crop_looks, photographs, strict=True):
        copy = encoded(cropped(Image.open(BytesIO(data)).convert("RGB"), CROPS[name]), "JPEG", quality=80)
        found += len(copies([look, operator.look(Picture("copy.jpg", copy))]))
    assert found >= 0.99 * len(photographs)


def test_crop_hash_pairs_no_two_photographs(crop_looks):
    """No false pair, so precision is 100% beside the crops that are found."""
    assert copies(crop_looks) == []


def looked(key: str, image: Image.Image, heldout: bool = False) -> Candidate:
    one = Picture(f"{key}.png", encoded(image))
    media = (Media(one.uri, sha256=one.sha256, width=image.width, height=image.height),)
    return Candidate(Sample(key, "s", media=media), heldout, (CropHash().look(one),))


def test_crop_hash_keeps_the_whole_and_says_of_which():
    whole = noise(1)
    candidates = (looked("cut", cropped(whole, (1, 1, 1, 1))), looked("other", noise(2)), looked("whole", whole))
    scores = CropHash().score(candidates)
    assert CropHash().decide(scores) == ["looks like a part of whole.png, or it like one of this", "", ""]
    assert math.isnan(scores.values[1])
    assert scores.notes[0] == "whole.png"


def test_crop_hash_keeps_the_held_out():
    whole = noise(1)
    candidates = (looked("whole", whole), looked("cut", cropped(whole, (0, 1, 0, 0)), heldout=True))
    assert [bool(text) for text in CropHash().decide(CropHash().score(candidates))] == [True, False]


def test_crop_hash_does_not_depend_on_the_order_of_reading():
    images = {key: noise(key) for key in range(6)} | {10 + key: cropped(noise(key), (1, 0, 1, 0)) for key in range(3)}
    candidates = [looked(str(key), image) for key, image in images.items()]
    gone = []
    for order in (candidates, candidates[::-1]):
        reasons = CropHash().decide(CropHash().score(tuple(order)))
        gone.append({c.sample.id for c, text in zip(order, reasons, strict=True) if text})
    assert gone[0] == gone[1] == {"10", "11", "12"}


def test_crop_hash_of_nothing():
    assert len(CropHash().score(()).values) == 0


def test_one_corrupt_picture_in_500_costs_one_picture_and_no_row(tmp_path, draw, write_lines):
    for i in range(500):
        draw(tmp_path / f"data/p/{i:03d}.jpg", seed=i)
    whole = (tmp_path / "data/p/123.jpg").read_bytes()
    (tmp_path / "data/p/123.jpg").write_bytes(whole[: len(whole) // 2])
    write_lines(tmp_path / "data/captions.jsonl", *({"image": f"p/{i:03d}.jpg", "caption": f"row {i}"} for i in range(500)))
    run = RunFolder(tmp_path / "run")
    operators = (Decode(), FileSize(), Blank(), PerceptualHash())
    curate(Data(root=str(tmp_path / "data"), sources={"a": CaptionsJsonl()}, operators=operators), run, seed=0, workers=0)
    rows = list(run.ledger.entries("curate"))
    assert len(rows) == 500
    failed = [row for row in rows if row.reason.startswith("error:")]
    assert [(row.sample_id, row.verdict) for row in failed] == [("a/p/123.jpg:0", "error")]
    assert failed[0].reason.startswith("error:decode: JPEG ends after")
    assert run.done("curate")["kept"] == 499


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Blur(min_variance=-1), "Blur.min_variance: -1.0; expected 0 or more"),
        (lambda: Entropy(min_bits=9), "Entropy.min_bits: 9.0; expected 0 to 8 bits"),
        (lambda: FileSize(min_bytes=5, max_bytes=4), "FileSize.min_bytes: 5, max_bytes 4; expected 0 ≤ min_bytes ≤ max_bytes"),
        (lambda: Colourfulness(min_score=-1), "Colourfulness.min_score: -1.0; expected 0 or more"),
        (lambda: Blank(max_share=2), "Blank.max_share: 2.0; expected a share from 0 to 1"),
        (
            lambda: TextDensity(min_share=0.5, max_share=0.4),
            "TextDensity.min_share: 0.5, max_share 0.4; expected 0 ≤ min ≤ max ≤ 1",
        ),
        (lambda: CropHash(max_distance=40), "CropHash.max_distance: 40; expected 0 to 16 of 64 bits"),
    ],
)
def test_picture_thresholds_out_of_range(make, message):
    with pytest.raises(ConfigError) as caught:
        make()
    assert message in str(caught.value)
