"""Readers of interleaved documents: HTML, Markdown, PDF. Expected values are worked by hand, or counted in real documents."""

import io
import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from omma.core.errors import DataError
from omma.curate.reader import Broken
from omma.curate.readers.html import Html
from omma.curate.readers.markdown import Markdown
from omma.curate.readers.pdf import Pdf
from omma.media.store import Store
from omma.schema.sample import Caption, Media, Part, Sample

REAL = Path(__file__).parents[2] / "../shared/real"


def read(reader, root):
    rows = list(reader.read(root))
    return [row for row in rows if isinstance(row, Sample)], [row for row in rows if isinstance(row, Broken)]


def said(sample):
    return [part.text.strip() if part.kind == "text" else part.index for part in sample.turns[-1].parts]


PAGE = """<!doctype html><html><head><title>T</title><style>p {}</style><body><nav>Menu</nav><h1>Cats</h1>
<p>A <b>cat</b> &amp; a mat.<br>Here:</p><figure><img src="p/a%20b.jpg?raw=true" alt=" A  cat ">
<figcaption>Cat on <i>mat</i></figcaption></figure><p>After it.</p><script>if (1 < 2) {}</script>
<img src="p/c.png"><p>Figure 2: Only noise.</p>
<img src="http://x.org/d.jpg" alt="d"><img src="data:image/png;base64,AA"><img src="../../out.jpg"><img src="p/gone.jpg"><img>"""


def test_html_is_one_document_and_its_figures(tmp_path, draw):
    draw(tmp_path / "web/p/a b.jpg")
    draw(tmp_path / "web/p/c.png")
    draw(tmp_path / "out.jpg")
    (tmp_path / "web/page.html").write_text(PAGE, encoding="utf-8")
    (page, first, second), broken = read(Html(path="web"), tmp_path)
    assert page.media == (Media("web/p/a b.jpg"), Media("web/p/c.png"))
    assert said(page) == ["Cats\n\nA cat & a mat.\nHere:", 0, "Cat on mat\n\nAfter it.", 1, "Figure 2: Only noise."]
    assert (page.task, page.id, page.turns[0].parts) == ("document", "web/page.html:0", ())
    assert first.captions == (Caption("A cat", "alt"), Caption("Cat on mat"))
    assert first.meta["before"].endswith("Here:")
    assert first.meta["after"].startswith("Cat on mat")
    assert second.captions == (Caption("Figure 2: Only noise."),)
    reasons = [row.reason for row in broken]
    wanted = (
        "http://x.org/d.jpg: not a file",
        "data:image",
        "lies outside the data root",
        "p/gone.jpg: no such file",
        "without a name",
    )
    assert len(reasons) == len(wanted)
    assert all(word in reason for word, reason in zip(wanted, reasons, strict=True)), reasons


def test_a_page_never_reaches_out_of_the_root(tmp_path, draw):
    root = tmp_path / "root"
    root.mkdir()
    os.symlink(draw(tmp_path / "secret.jpg"), root / "link.jpg")
    (tmp_path / "secret.html").write_text("secret")
    os.symlink(tmp_path / "secret.html", root / "b.html")
    names = ("../secret.jpg", "link.jpg", str(tmp_path / "secret.jpg"), "%2e%2e/secret.jpg", "a%00b.jpg")
    (root / "a.html").write_text("words" + "".join(f'<img src="{name}">' for name in names))
    samples, broken = read(Html(), root)
    assert [sample.media for sample in samples] == [()]
    assert len(broken) == len(names) + 1
    assert broken[-1] == Broken("b.html", "is a link out of the data root")


@pytest.mark.parametrize("data", [b"", b"<p>caf\xe9</p>", b"<script>"])
def test_pages_with_nothing_are_broken_rows(tmp_path, data):
    (tmp_path / "a.html").write_bytes(data)
    samples, broken = read(Html(), tmp_path)
    assert not samples
    assert broken[0].reason in ("neither text nor a picture that is there", "not UTF-8 at byte 6")


def test_markdown_with_front_matter_html_and_triple_colons(tmp_path, draw):
    for name in ("猫 a.png", "b.png", "c.png"):
        draw(tmp_path / "docs/media" / name)
    lines = [
        *("---", "title: x", "---", "# Head", "Text *with* marks", "and `code`.", "", "![A cat](<media/猫 a.png>)", ""),
        *(
            '<p align="center"><img src="media/b.png" alt="B"></p>',
            "",
            ':::image type="content" source="media/c.png" alt-text="C :x":::',
        ),
        *("", "![](media/b.png){alt='Black' width=3}"),
        *("", "```", "![no](picture.png)", "```", "| a | b |", "|---|---|", "| 1 | 2 |"),
    ]
    (tmp_path / "docs/a.md").write_text("\n".join(lines), encoding="utf-8")
    (page, *figures), broken = read(Markdown(path="docs/a.md"), tmp_path)
    assert not broken
    assert [figure.media[0].uri for figure in figures] == [f"docs/media/{name}" for name in ("猫 a.png", "b.png", "c.png", "b.png")]
    assert [figure.captions for figure in figures] == [(Caption(alt, "alt"),) for alt in ("A cat", "B", "C :x", "Black")]
    texts = said(page)
    assert texts[:2] == ["Head\n\nText with marks and code.", 0]
    assert "![no](picture.png)" in texts[-1]
    assert "title" not in str(texts)


def test_real_documents_lose_no_picture(tmp_path):
    """The pictures that the list of these documents names are figures of their documents, with their alt texts, and no others."""
    root = (REAL / "weblike-docs").resolve()
    if not root.is_dir():
        pytest.skip(f"no real data at {root}")
    listed = [json.loads(line) for line in (root / "alt_text.jsonl").read_text(encoding="utf-8").splitlines()]
    wanted = {(row["doc"], row["image"]) for row in listed if row["doc"].endswith(".md") and (root / row["doc"]).is_file()}
    samples, broken = read(Markdown(), root)
    documents = [sample for sample in samples if sample.task == "document"]
    figures = {(sample.meta["document"], sample.media[0].uri): sample for sample in samples if sample.task == "caption"}
    assert len(documents) + sum(":figure." not in row.where for row in broken) == len(list(root.rglob("*.md")))
    assert (len(wanted), set(figures) - wanted) == (286, set())
    missing = wanted - set(figures)
    assert len(missing) == 15  # five stand in examples of code, ten lie where only their site's generator finds them
    lost = {row.where.partition(":figure.")[0] for row in broken}
    assert {doc for doc, _ in missing if "```" not in (root / doc).read_text(encoding="utf-8")} <= lost
    alts = {(row["doc"], row["image"]): row["alt"] for row in listed if row["alt"].strip()}
    told = [key for key in figures if key in alts and any(caption.origin == "alt" for caption in figures[key].captions)]
    assert len(told) >= 0.95 * len([key for key in figures if key in alts])


def pdf(path, content, pictures):
    """A PDF of one page, written by hand: pictures are (name, filter, size, bytes) of RGB."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]
    named = b" ".join(b"/%s %d 0 R" % (name, 6 + i) for i, (name, *_) in enumerate(pictures))
    resources = b"<< /Font << /F1 4 0 R >> /XObject << %s >> >>" % named
    objects[2] = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 5 0 R /Resources %s >>" % resources
    for _, kind, (width, height), data in pictures:
        facts = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB /BitsPerComponent 8" % (width, height)
        objects.append(b"<< %s /Filter /%s /Length %d >>\nstream\n%s\nendstream" % (facts, kind, len(data), data))
    data, places = b"%PDF-1.4\n", []
    for number, item in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    tail = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(data))
    path.write_bytes(data + b"xref\n0 %d\n0000000000 65535 f \n%s%s" % (len(objects) + 1, table, tail))
    return path


CONTENT = b"""BT /F1 12 Tf 10 180 Td (Before the first.) Tj ET q 50 0 0 40 10 120 cm /Im0 Do Q
BT /F1 12 Tf 10 100 Td (Figure 1: A noisy square.) Tj ET q 50 0 0 40 10 50 cm /Im1 Do Q
BT /F1 12 Tf 10 20 Td (The end.) Tj ET"""


def test_pdf_text_and_pictures_in_order_with_their_stored_bytes(tmp_path, draw):
    jpg = draw(tmp_path / "x.jpg").read_bytes()
    pixels = np.arange(4 * 3 * 3, dtype=np.uint8).reshape(3, 4, 3)
    pictures = [(b"Im0", b"DCTDecode", (48, 40), jpg), (b"Im1", b"FlateDecode", (4, 3), zlib.compress(pixels.tobytes()))]
    pdf(tmp_path / "paper.pdf", CONTENT, pictures)
    (page, first, second), broken = read(Pdf(), tmp_path)
    assert not broken
    assert said(page) == ["Before the first.", 0, "Figure 1: A noisy square.", 1, "The end."]
    assert page.turns[-1].parts[1] == Part("image", index=0)
    assert [item.uri for item in page.media] == ["paper.pdf#0:Im0", "paper.pdf#0:Im1"]
    assert first.captions == (Caption("Figure 1: A noisy square."),)
    store = Store(tmp_path)
    assert store.read(first.media[0].uri) == jpg
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(store.read(second.media[0].uri))).convert("RGB")), pixels)


def test_broken_pdfs_are_rows_and_wrong_names_are_errors(tmp_path, draw):
    jpg = draw(tmp_path / "x.jpg").read_bytes()
    whole = pdf(tmp_path / "a.pdf", CONTENT, [(b"Im0", b"DCTDecode", (48, 40), jpg)]).read_bytes()
    (tmp_path / "b.pdf").write_bytes(whole[:300])
    (tmp_path / "c.pdf").write_bytes(b"")
    os.symlink("/etc/hostname", tmp_path / "d.pdf")
    samples, broken = read(Pdf(), tmp_path)
    assert {sample.meta["document"] for sample in samples} == {"a.pdf"}
    assert [row.where for row in broken] == ["b.pdf", "c.pdf", "d.pdf"]
    assert "out of the data root" in broken[2].reason
    for inner in ("0:Im7", "5:Im0", "x", "-1:Im0"):
        with pytest.raises(DataError, match=r"^a\.pdf#"):
            Store(tmp_path).read(f"a.pdf#{inner}")
