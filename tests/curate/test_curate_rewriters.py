"""Rewriters without a model: masks and clean-ups, captions of boxes, merged annotations, hard negatives, collages, marks."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from omma.core.config import show
from omma.core.errors import ConfigError, DataError
from omma.curate.readers.coco import Coco
from omma.curate.rewriters.append_caption import AppendCaption
from omma.curate.rewriters.box_captions import BoxCaptions
from omma.curate.rewriters.clean_html import CleanHtml, plain
from omma.curate.rewriters.clean_links import CleanLinks
from omma.curate.rewriters.clean_whitespace import CleanWhitespace
from omma.curate.rewriters.collages import Collages
from omma.curate.rewriters.hard_negatives import HardNegatives
from omma.curate.rewriters.mask_personal_data import MaskPersonalData
from omma.curate.rewriters.merge_annotations import MergeAnnotations
from omma.curate.rewriters.visual_prompts import VisualPrompts
from omma.curate.rewriting.drawn import drawn
from omma.curate.synthesis.box_captions import box_captions, plural
from omma.curate.worlds.spatial import Spatial
from omma.media.decode import decode
from omma.media.draw import to_png
from omma.media.store import Store, made
from omma.schema.sample import Answer, Caption, Media, Part, Region, Sample, Turn

REAL = Path(__file__).parents[2] / "../shared/real"


def talk(*words: str) -> tuple[Turn, ...]:
    """Words of user and assistant in turns, the picture in the first."""
    turns = [Turn(("user", "assistant")[n % 2], (Part("text", text),)) for n, text in enumerate(words)]
    return (Turn("user", (Part("image", index=0), *turns[0].parts)), *turns[1:]) if turns else ()


def captioned(*texts: str, id: str = "web/a.jpg:0") -> Sample:
    return Sample(id, "web", "caption", (Media("a.jpg"),), captions=tuple(Caption(text, "alt") for text in texts))


@pytest.fixture
def store(tmp_path):
    """A root of eight pictures, each of one grey, 60 x 40 px."""
    for number in range(8):
        (tmp_path / f"{number}.png").write_bytes(to_png(np.full((40, 60, 3), 20 * number + 20, np.uint8)))
    return Store(tmp_path)


def asked(number: int, reply: str) -> Sample:
    media = Media(f"{number}.png", sha256=f"{number:064d}", width=60, height=40)
    return Sample(f"s:{number}", "qa", "what", (media,), talk("what is it?", reply), meta={"page": number})


def only(rewritten):
    assert len(rewritten) == 1
    return rewritten[0]


# Masks and clean-ups


def test_personal_data_is_masked_wherever_somebody_says_it():
    """By hand. What has none comes back as the very same sample."""
    mail = "write to jo@example.org"
    region = Region(0, (0, 0, 1, 1), label=mail)
    sample = Sample(
        "s", "web", media=(Media("a.jpg"),), turns=talk(mail, "call +44 20 7946 0958"), captions=(Caption(mail, "alt"),),
        regions=(region,), answer=Answer(("192.168.0.7",), choices=(mail,)), chosen=talk("", mail)[1:], rejected=talk("", "no")[1:],
        meta={"url": "https://example.org/~jo@example.org"},
    )  # fmt: skip
    found = only(MaskPersonalData().rewrite([sample], Store(None)))
    one = only(found.samples)
    masked = "write to <email>"
    assert [turn.text for turn in one.turns] == [masked, "call <phone>"]
    assert (one.captions, one.regions[0].label) == ((Caption(masked, "alt"),), masked)
    assert (one.answer.texts, one.answer.choices) == (("<ip>",), (masked,))
    assert (one.chosen[0].text, one.rejected[0].text) == (masked, "no")
    assert (one.meta, one.id) == (sample.meta, sample.id)
    assert found.reason == "masked 5 email, 1 ip, 1 phone"
    clean = captioned("a cat on 2 mats")
    assert only(MaskPersonalData().rewrite([clean], Store(None))).samples == (clean,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Salt &amp; pepper<br/>shakers", "Salt & pepper shakers"),
        ("<p class='x'>A <b>red</b> bird</p>", "A red bird"),
        ("&lt;i&gt;Tom &amp;amp; Ann&lt;/i&gt;", "Tom & Ann"),
        ("a&nbsp;b &#39;c&#39; &#x263A;", "a b 'c' ☺"),
        ("one<script>x = 1 < 2</script><!-- no --> two", "one two"),
        ("x < y and y > z, <3", "x < y and y > z, <3"),
        ("by <email>, <person> waves", "by <email>, <person> waves"),
        ("AT&T; R&D &unknown; 5 &copy 3", "AT&T; R&D &unknown; 5 &copy 3"),
        ("  plain  text stays as it is ", "  plain  text stays as it is "),
    ],
)
def test_markup_goes_and_words_stay(text, words):
    """By hand."""
    assert plain(text) == words
    assert plain(words) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A bird. See https://a.org/x?y=1, or www.birds.com/z.", "A bird. See , or ."),
        ("A bird (http://a.org/b.jpg)", "A bird"),
        ("ftp://a.org/b", ""),
        ("the shop example.com at night", "the shop example.com at night"),
        ("a  b", "a  b"),
    ],
)
def test_addresses_go_and_names_stay(text, words):
    """By hand."""
    assert CleanLinks().change(text) == words


def test_white_space_is_one_plain_space_and_joiners_stay():
    assert CleanWhitespace().change("\u3000a\u200b\tcat\r\n\xa0 on\u00ad a mat\ufeff ") == "a cat on a mat"
    assert CleanWhitespace().change("می\u200cخواهم") == "می\u200cخواهم"
    assert CleanWhitespace().change("👩\u200d🌾") == "👩\u200d🌾"


def test_a_caption_of_which_nothing_is_left_goes_and_a_sample_without_any():
    some, none, same = captioned("a bird", "www.a.org"), captioned("www.a.org"), captioned("a bird")
    talking = Sample("t", "web", media=(Media("a.jpg"),), turns=talk("visit www.a.org?", "no"), captions=(Caption("www.a.org"),))
    found = CleanLinks().rewrite([some, none, same, talking], Store(None))
    assert [caption.text for caption in found[0].samples[0].captions] == ["a bird"]
    assert found[0].reason == "addresses in 1 of 2 captions"
    assert (found[1].samples, found[1].reason) == ((), "nothing but addresses in its captions")
    assert found[2].samples == (same,) and not found[2].reason
    assert (found[3].samples[0].captions, found[3].samples[0].turns) == ((), talking.turns)


# Captions of boxes

PORT = [("plane", (0, 0, 10, 10))] * 3 + [("ship", (40, 40, 60, 60))] + [("car", (80, 80, 90, 90))] * 12


def test_five_rules_tell_of_middle_margin_and_counts():
    """By hand: one ship in the middle, three planes and twelve cars around it; more than ten are many."""
    for seed in range(30):
        told = box_captions(PORT, 100, 100, Random(seed))
        assert 3 <= len(told) <= 5
        assert "a ship" in told[0] and "plane" not in told[0] and "car" not in told[0]
        assert "three planes" in told[1] and "ship" not in told[1]
        assert any(f"{many} cars" in told[1] for many in ("many", "a lot of", "lots of"))
        assert all(text.endswith(".") and text[0].isupper() and "{" not in text for text in told)
        assert "12" not in " ".join(told) and "twelve" not in " ".join(told)
    assert box_captions([], 100, 100, Random(0)) == ()
    assert "is a ship" in " ".join(text for seed in range(9) for text in box_captions(PORT[3:4], 100, 100, Random(seed)))


def test_counts_are_those_of_the_boxes():
    """Every number that a caption says of a kind is its number of boxes."""
    words = {1: ("a ", "an "), 2: ("two ",), 7: ("seven ",), 10: ("ten ",), 11: ("many ", "a lot of ", "lots of ")}
    for count, names in words.items():
        for seed in range(10):
            told = box_captions([("oak", (0, 0, 4, 4))] * count, 100, 100, Random(seed))
            name = "oak" if count == 1 else "oaks"
            assert all(any(f"{word}{name}" in text.lower() for word in names) for text in told), told


@pytest.mark.parametrize(
    ("one", "several"),
    [("bus", "buses"), ("person", "people"), ("wine glass", "wine glasses"), ("baby", "babies"), ("toy", "toys"), ("skis", "skis")],
)
def test_plurals(one, several):
    assert plural(one) == several


def test_captions_of_boxes_join_captions_and_leave_conversations_alone():
    """A crowd is more than ten; a sample with turns, which training reads, gets a child with captions."""
    media = Media("a.jpg", sha256="0" * 64, width=100, height=80)
    regions = (Region(0, (0.1, 0.1, 0.1, 0.1), "xywh", "unit", "cow"), Region(0, (90, 70, 100, 80), label="person"))
    sample = Sample("s", "coco", "caption", (media,), captions=(Caption("a farm"),), regions=regions, meta={"crowds": "[1]"})
    found = only(BoxCaptions().rewrite([sample], Store(None)))
    texts = [caption.text for caption in only(found.samples).captions]
    assert texts[0] == "a farm" and {c.origin for c in found.samples[0].captions[1:]} == {"box_captions-1"}
    assert any("many people" in t or "a lot of people" in t or "lots of people" in t for t in texts)
    asking = Sample("t", "coco", "where", (media,), talk("where is the cow?", "there"), regions=regions)
    parent, child = only(BoxCaptions().rewrite([asking], Store(None))).samples
    assert parent == asking
    assert (child.id, child.turns, child.task) == ("t~box_captions:0", (), "caption")
    assert child.meta == {"origin": "box_captions-1", "parent": "t"} and child.captions
    unknown = Sample("u", "coco", media=(Media("a.jpg"),), regions=regions)
    assert "unknown size" in only(BoxCaptions().rewrite([unknown], Store(None))).error


# Merged annotations


def merged(*samples, **how):
    return list(MergeAnnotations(**how).rewrite(samples, Store(None)))


def test_all_that_is_said_of_one_picture_becomes_one_sample():
    """By hand: captions, boxes and questions of three sources; the first keeps its id, the ledger says where the others went."""
    media, other = Media("a.jpg", sha256="a" * 64, width=9, height=9), Media("b.jpg", sha256="b" * 64)
    cat, dog = Region(0, (0, 0, 2, 2), label="cat"), Region(0, (3, 3, 5, 5), label="dog")
    captions = Sample("c:0", "caps", "caption", (media,), captions=(Caption("A cat."), Caption("A cat and a dog.")), meta={"n": 1})
    alone = Sample("x:0", "caps", "caption", (other,), captions=(Caption("A hat."),))
    boxes = Sample(
        "d:0", "boxes", "detection", (media,), captions=(Caption("a  CAT."),), regions=(dog, cat), meta={"n": 2, "k": "v"}
    )
    where = (Turn("user", (Part("image", index=0), Part("text", "where?"))), Turn("assistant", (Part("region", index=0),)))
    asked = Sample("q:0", "vqa", "qa", (Media("copy.jpg", sha256="a" * 64),), where, regions=(cat,), answer=Answer(region=cat))
    found = merged(captions, alone, boxes, asked)
    one = only(found[0].samples)
    assert one.id == "c:0" and one.media == (media,) and one.task == "merged"
    assert [caption.text for caption in one.captions] == ["A cat.", "A cat and a dog."]
    assert one.regions == (dog, cat)
    assert [turn.text for turn in one.turns] == ["Describe the picture.", "A cat and a dog.", "where?", ""]
    assert [part.kind for turn in one.turns for part in turn.parts] == ["image", "text", "text", "text", "region"]
    assert one.turns[-1].parts[0].index == 1  # the cat, by its new number
    assert one.answer == asked.answer
    assert one.meta == {"n": 1, "n@d:0": 2, "k": "v", "origin": "merge_annotations-1", "parents": "c:0\nd:0\nq:0"}
    assert found[1].samples == (alone,)
    assert [(item.samples, item.reason) for item in found[2:]] == [((), "now a part of c:0")] * 2


def test_lists_of_regions_by_number_follow_their_regions():
    """As COCO's masks and crowds come."""
    media = (Media("a.jpg", sha256="a" * 64),)
    cat, dog, cow = (Region(0, (n, 0, n + 1, 1), label=name) for n, name in enumerate(("cat", "dog", "cow")))
    first = Sample("a", "x", media=media, regions=(cat, dog), meta={"crowds": "[1]"})
    second = Sample(
        "b", "y", media=media, regions=(dog, cow), meta={"crowds": "[1]", "masks": '{"0": "of the dog", "1": "of the cow"}'}
    )
    one = only(merged(first, second)[0].samples)
    assert [region.label for region in one.regions] == ["cat", "dog", "cow"]
    assert json.loads(one.meta["crowds"]) == [1, 2]
    assert json.loads(one.meta["masks"]) == {"1": "of the dog", "2": "of the cow"}


def test_words_of_others_under_the_same_names_are_no_lists_of_regions():
    media = (Media("a.jpg", sha256="a" * 64, width=9, height=9),)
    cat = (Region(0, (0, 0, 1, 1), label="cat"),)
    odd = [
        Sample(f"{n}", "x", media=media, regions=cat, meta={"crowds": value})
        for n, value in enumerate((3, "many", "[9]", '{"a": 1}', "[["))
    ]
    one = only(merged(*odd)[0].samples)
    assert one.regions == cat and one.meta["crowds"] == 3 and one.meta["crowds@1"] == "many" and one.meta["crowds@4"] == "[["
    assert all(not item.error for item in BoxCaptions().rewrite(odd, Store(None)))


def test_captions_alone_stay_captions_and_what_cannot_be_merged_stays():
    media = (Media("a.jpg", sha256="a" * 64),)
    two = [Sample(f"{n}", "x", "caption", media, captions=(Caption(f"text {n}"),)) for n in range(2)]
    preference = Sample("p", "x", media=media, turns=talk("?", "a"), chosen=talk("", "a")[1:], rejected=talk("", "b")[1:])
    several = Sample("m", "x", media=media * 2, turns=talk("?", "a"))
    unseen = [Sample(f"u{n}", "x", media=(Media("v.mp4", "video", sha256="a" * 64),)) for n in range(2)]
    found = merged(*two, preference, several, *unseen)
    one = only(found[0].samples)
    assert (one.turns, [c.text for c in one.captions], one.task) == ((), ["text 0", "text 1"], "caption")
    assert [item.samples for item in found[2:]] == [(preference,), (several,), (unseen[0],), (unseen[1],)]


# Negatives, collages, marks


def test_hard_negatives_are_children_of_their_sample():
    sample = captioned("A cat on a red table.", "It rained.")
    found = only(HardNegatives().rewrite([sample], Store(None)))
    parent, *children = found.samples
    assert parent == sample
    assert [child.id for child in children] == [f"web/a.jpg:0~hard_negatives:{n}" for n in range(len(children))]
    assert len(children) >= 3 and found.reason == f"{len(children)} hard negatives"
    assert all(child.chosen[0].text == "A cat on a red table." != child.rejected[0].text for child in children)
    assert only(HardNegatives().rewrite([captioned("It rained.")], Store(None))).reason == ""


def collaged(store, samples, **how):
    return list(Collages(share=1.0, cell=32, **how).rewrite(samples, store))


@pytest.mark.parametrize("kind", ["sequence", "grid", "inset"])
def test_collages_ask_about_one_of_several_pictures(store, kind):
    """Chosen is the sample's own reply and rejected another's; the pixels asked about are those of its own picture."""
    samples = [asked(number, f"thing {number}") for number in range(8)]
    weights = {name: float(name == kind) for name in ("sequence", "grid", "inset")}
    found = collaged(store, samples, **weights)
    assert [item.samples[0] for item in found] == samples
    sizes = set()
    for number, item in enumerate(found):
        child = item.samples[1]
        assert child.id == f"s:{number}~collages:0" and child.meta["kind"] == kind and child.meta["parent"] == f"s:{number}"
        assert (child.chosen[0].text, child.turns[-1].text) == (f"thing {number}",) * 2
        assert child.rejected[0].text != child.chosen[0].text and child.rejected[0].text.startswith("thing")
        companions = child.meta["companions"].split("\n")
        assert f"s:{number}" not in companions and len(set(companions)) == len(companions)
        sizes.add(len(companions) + 1)
        if kind == "sequence":
            assert not item.pictures and len(child.media) == len(companions) + 1
            assert child.turns[0].text.startswith("In the ")
        else:
            data = item.pictures[child.media[0].uri]
            assert child.media[0].uri == made(data) and child.media[0].sha256
            x0, y0, x1, y1 = (int(value) for value in child.regions[0].box)
            image = decode(data, name="collage")
            assert (image.shape[1], image.shape[0]) == (child.media[0].width, child.media[0].height)
            assert (image[y0:y1, x0:x1] == 20 * number + 20).any(axis=2).sum() > 0.5 * (y1 - y0) * (x1 - x0) * 0.9
    assert sizes <= {"sequence": {2, 3, 4, 5}, "grid": set(range(2, 9)), "inset": {2}}[kind]
    assert len(sizes) > 1 or kind == "inset"


def test_the_share_of_collages_is_as_asked_and_the_kinds_are_in_proportion(store):
    """MIA-DPO's 62, 90 and 49 of 201: within three standard deviations."""
    samples = [asked(number % 8, f"thing {number}") for number in range(600)]
    samples = [Sample(f"s:{n}", s.source, s.task, s.media, s.turns) for n, s in enumerate(samples)]
    rewriter = Collages(share=0.5)
    order = list(range(600))
    got = [bool(rewriter._near(sample.id, n, order)) for n, sample in enumerate(samples)]
    assert abs(sum(got) - 300) < 3 * (600 * 0.25) ** 0.5
    kinds = [rewriter._layout(sample.id)[0] for sample in samples]
    for kind, weight in (("sequence", 62), ("grid", 90), ("inset", 49)):
        share = weight / 201
        assert abs(kinds.count(kind) - 600 * share) < 3 * (600 * share * (1 - share)) ** 0.5


def test_places_of_collages_are_neither_marked_nor_told(store):
    """What a child of `collages` calls "asked about" is no thing in a picture; a caption made of boxes brings none of them."""
    child = collaged(store, [asked(number, f"thing {number}") for number in range(2)], sequence=0.0)[0].samples[1]
    assert child.regions
    for rewriter in (VisualPrompts(), BoxCaptions()):
        assert only(rewriter.rewrite([child], store)).samples == (child,)
    boxed = Sample("b", "x", "where", child.media, talk("where?", "there"), regions=(Region(0, (0, 0, 9, 9), label="cat"),))
    alone = only(BoxCaptions().rewrite([boxed], store)).samples[1]
    assert alone.captions and not alone.regions
    told = Sample("c", "x", "", child.media, captions=(Caption("a cat on a mat"),), regions=boxed.regions)
    assert all(not one.regions for one in only(HardNegatives().rewrite([told], store)).samples[1:])


def test_where_everybody_says_the_same_or_nothing_fits_no_collage_is_made(store):
    same = [asked(number, "a cat") for number in range(4)]
    assert [item.samples for item in collaged(store, same)] == [(sample,) for sample in same]
    captions = captioned("a cat")
    assert only(collaged(store, [captions])).samples == (captions,)
    copies = [asked(1, "a cat"), asked(1, "a dog")]
    assert [len(item.samples) for item in collaged(store, copies)] == [1, 1]


def test_a_picture_that_cannot_be_read_is_the_error_of_who_asks_for_it(store):
    gone = Sample("g", "qa", "what", (Media("gone.png", sha256="9" * 64),), talk("what is it?", "a ghost"))
    found = collaged(store, [asked(0, "a cat"), gone], sequence=0.0)
    assert all("gone.png" in item.error for item in found)


def test_marks_are_asked_about_on_one_copy_of_the_picture(store):
    regions = (
        Region(0, (5, 5, 20, 20), label="cat"),
        Region(0, (0.5, 0.5, 0.25, 0.25), "cxcywh", "unit", "dog"),
        Region(0, (1, 1, 2, 2)),
    )
    sample = Sample("s", "boxes", "detection", asked(0, "").media, regions=regions, meta={"crowds": "[0]", "page": 3})
    found = only(VisualPrompts().rewrite([sample], store))
    parent, *children = found.samples
    assert parent == sample and len(children) == 2
    assert [child.answer.texts for child in children] == [("cat",), ("dog",)]
    assert [child.id for child in children] == ["s~visual_prompts:0", "s~visual_prompts:1"]
    assert {child.media for child in children} == {children[0].media} and list(found.pictures) == [children[0].media[0].uri]
    assert all(
        child.meta["mark"] in child.turns[0].text and set(child.meta) == {"page", "mark", "origin", "parent"} for child in children
    )
    before, after = (decode(data, name="x") for data in (store.read("0.png"), *found.pictures.values()))
    assert before.shape == after.shape and (before != after).any()
    few = only(VisualPrompts(num_marks=1).rewrite([sample], store))
    assert len(few.samples) == 2


@pytest.mark.parametrize(
    ("region", "said"),
    [
        (Region(0, (5, 5, 9, 9), frame="view_px", label="cat"), "frame"),
        (Region(0, (70, 5, 90, 9), label="cat"), "outside"),
        (Region(1, (5, 5, 9, 9), label="cat"), "picture 1"),
    ],
)
def test_a_region_that_cannot_be_placed_is_an_error(store, region, said):
    sample = Sample("s", "boxes", media=asked(0, "").media, regions=(region,))
    assert said in only(VisualPrompts().rewrite([sample], store)).error


def test_corners_in_any_order_are_marked(store):
    sample = Sample("s", "boxes", media=asked(0, "").media, regions=(Region(0, (30, 20, 10, 5), label="cat"),))
    for seed in range(12):
        assert len(only(VisualPrompts(seed=seed).rewrite([sample], store)).samples) == 2


def test_a_generated_caption_stands_behind_the_original():
    """TL;DR: `original; generated`."""
    sample = Sample("s", "web", media=(Media("a.jpg"),), captions=(Caption("IMG 5", "alt"), Caption("a cat", "model-1")))
    found = only(AppendCaption().rewrite([sample], Store(None)))
    assert only(found.samples).captions == (Caption("IMG 5; a cat", "append_caption-1(alt; model-1)"),)
    assert "model-1" in found.reason
    for stays in (captioned("a", "b"), Sample("t", "web", captions=(Caption("a", "model-1"),))):
        assert only(AppendCaption().rewrite([stays], Store(None))).samples == (stays,)


# On drawn pages


def test_boxes_of_a_drawn_album_become_captions_and_marks(tmp_path):
    """Read by the reader of COCO from a drawn world: counts agree with the boxes, marks are drawn for each picture."""
    Spatial(folder="w", num_pictures=6, num_heldout=1).draw(tmp_path)
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.json"))
    reader = next(Coco(path=str(file)) for file in files if '"annotations"' in (tmp_path / file).read_text()[:10_000_000])
    store = Store(tmp_path)
    samples = [row for row in reader.read(tmp_path) if isinstance(row, Sample) and row.regions]
    assert samples
    for sample in samples:
        image = decode(store.read(sample.media[0].uri), name=sample.id)
        sized = Sample.from_dict(
            sample.to_dict() | {"media": [{"uri": sample.media[0].uri, "width": image.shape[1], "height": image.shape[0]}]}
        )
        captions = [
            c.text for one in only(BoxCaptions().rewrite([sized], store)).samples for c in one.captions if "box" in c.origin
        ]
        assert captions and all(any(region.label.split()[-1] in text for region in sized.regions) for text in captions)
        assert len(only(VisualPrompts().rewrite([sized], store)).samples) == 1 + min(9, len(sized.regions))


# On real data


def real(folder: str, name: str) -> Path:
    path = REAL / folder / name
    if not path.exists():
        pytest.skip(f"no real data at {path.resolve()}")
    return path


def test_clean_ups_leave_captions_of_photographs_and_documents_alone():
    """6,084 captions and the alternative texts of 361 pictures: no markup and no address is seen where none is."""
    captions = [json.loads(line) for line in real("coco-small", "captions.jsonl").read_text().splitlines()]
    alts = [json.loads(line)["alt"] for line in real("weblike-docs", "alt_text.jsonl").read_text().splitlines()]
    texts = [text for row in captions for text in row["captions"]] + alts
    assert len(texts) == 6445
    assert [text for text in texts if CleanHtml().change(text) != text or CleanLinks().change(text) != text] == []
    assert all(CleanWhitespace().change(text).split() == text.split() for text in texts)


def test_every_kind_of_object_in_photographs_is_told_of(tmp_path):
    """80 photographs with all of COCO's classes: each kind is named by the captions of the middle or of the rest."""
    real("coco-tiny80", "annotations/instances_val2017.json")
    rows = Coco(path="annotations/instances_val2017.json").read(REAL / "coco-tiny80")
    kinds = set()
    for sample in (row for row in rows if isinstance(row, Sample) and row.regions):
        sized = replace(sample, media=(replace(sample.media[0], width=640, height=640),))
        found = only(BoxCaptions().rewrite([sized], Store(tmp_path)))
        assert not found.error, found.error
        told = " ".join(caption.text for one in found.samples for caption in one.captions).lower()
        for label in {region.label for region in sample.regions}:
            assert label in told or plural(label) in told, (label, told)
            kinds.add(label)
    assert len(kinds) > 60


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: BoxCaptions(middle=1.0),
        lambda: HardNegatives(prompt=" "),
        lambda: VisualPrompts(num_marks=10),
        lambda: Collages(share=0.0),
        lambda: Collages(sequence=0.0, grid=0.0, inset=0.0),
        lambda: Collages(cell=2),
    ],
)
def test_impossible_numbers_are_refused(wrong):
    with pytest.raises(ConfigError, match="expected"):
        wrong()


def test_drawn_pixels_have_the_name_by_which_a_store_finds_them(tmp_path):
    new = drawn(np.zeros((3, 5, 3), np.uint8))
    assert (new.media.width, new.media.height) == (5, 3)
    sha = new.media.sha256
    place = tmp_path / "annex/made" / sha[:2] / sha
    place.parent.mkdir(parents=True)
    place.write_bytes(new.data)
    assert Store(tmp_path, tmp_path / "annex").read(new.media.uri) == new.data
    with pytest.raises(DataError, match="made by curation"):
        Store(tmp_path).read(new.media.uri)
    assert "Collages" in show(Collages())
