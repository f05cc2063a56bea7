"""XML without its dangers: no document types, hence no entities that grow or fetch other files."""

from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from ssh_tf.utils.reading import Refused, read_bytes, reader


@reader("an XML file")
def read_xml(path: Path) -> Element:
    """The root of an XML file.

    Raises:
        DataError: it cannot be read, is not well formed, or has a document type.
    """
    builder, parser = TreeBuilder(), expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse
    parser.Parse(read_bytes(path), True)
    return builder.close()


def _refuse(*_: object) -> NoReturn:
    raise Refused("has a document type (<!DOCTYPE …>), which could make gigabytes of it; take that line out")
