"""Plain XML: bytes → the tree of elements, without a document type and without entities of its own.

Entities are how a file of a few hundred bytes fills a memory or reads other files; annotations need none.
"""

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from omma.core.errors import DataError

DEEPEST = 200  # elements inside each other


def plain_xml(data: bytes, where: str) -> Element:
    """Bytes of an XML file → its root. DataError for broken XML, a document type, or elements nested beyond reason."""
    builder, parser, depth = TreeBuilder(), expat.ParserCreate(), 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise DataError(where, f"more than {DEEPEST} elements inside each other", "annotations")
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def refuse(*_: object) -> None:
        raise DataError(where, "a document type (<!DOCTYPE ...>)", "plain elements: entities are not read")

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, builder.data
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
        return builder.close()
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise DataError(where, f"no whole XML: {error}", "one XML document") from None
