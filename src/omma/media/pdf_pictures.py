"""PDF pictures: a PDF file + `page:name` → the bytes of that picture: JPEG and JPEG 2000 as they are stored, others as PNG."""

import importlib
from pathlib import Path
from typing import Any

from omma.core.errors import DataError

AS_STORED = ("/DCTDecode", "/JPXDecode")


def open_pdf(path: Path, uri: str) -> Any:
    """PDF file → its pypdf reader. DataError for a broken or locked one, or where pypdf is not installed."""
    try:
        pypdf = importlib.import_module("pypdf")
    except ImportError:
        raise DataError(uri, "PDF cannot be read here", "pypdf", "pip install 'omma[pdf]'") from None
    try:
        reader = pypdf.PdfReader(path)
        locked = reader.is_encrypted
    except (pypdf.errors.PyPdfError, *odd_errors()) as error:
        raise DataError(uri, f"no whole PDF: {' '.join(str(error).split())[:120]}", "a PDF", "fetch it again") from None
    if locked:
        raise DataError(uri, "a PDF locked by a password", "an open one")
    return reader


def odd_errors() -> tuple[type[Exception], ...]:
    """What else a PDF reader raises where a file does not hold what its tables promise."""
    return (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        RecursionError,
        NotImplementedError,
        ZeroDivisionError,
    )


def pdf_picture(path: Path, inner: str, uri: str) -> bytes:
    """PDF file + `page:name`, pages from 0 → bytes of the picture. DataError if there is none such."""
    number, _, name = inner.partition(":")
    reader = open_pdf(path, uri)
    if not (number.isascii() and number.isdigit() and int(number) < len(reader.pages)):
        raise DataError(uri, f"page {number!r} of {len(reader.pages)}", "page:name, such as 0:Im1")
    try:
        page = reader.pages[int(number)]
        item = page["/Resources"]["/XObject"][f"/{name}"]
        kind = item.get("/Filter")
        if kind in AS_STORED or (isinstance(kind, list) and len(kind) == 1 and kind[0] in AS_STORED):
            return bytes(item._data)
        return bytes(page.images[f"/{name}"].data)
    except (importlib.import_module("pypdf.errors").PyPdfError, *odd_errors()) as error:
        raise DataError(uri, f"no such picture: {' '.join(str(error).split())[:120]}", "one of the page's") from None
