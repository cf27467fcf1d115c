"""XML as a tree of elements, from servers that nobody has to trust.

A document type declaration is refused before a line of it is read: entities, the bombs made of
them, and files and addresses that a parser would fetch, all need one. Nesting is bounded; the size
is bounded by who reads the answer. Names are (namespace, local name).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from xml.parsers import expat

_DEEPEST = 64  # levels of nesting
_BETWEEN = " "  # a URI has none


class Element:
    """One element. ``text``: its own, what stands between its children included."""

    __slots__ = ("children", "name", "namespace", "parts")

    def __init__(self, namespace: str, name: str) -> None:
        self.namespace = namespace
        self.name = name
        self.children: list[Element] = []
        self.parts: list[str] = []

    @property
    def text(self) -> str:
        """Its text as a whole: it comes in parts."""
        return "".join(self.parts)

    def all(self, namespace: str, name: str) -> Iterator[Element]:
        """The children of this name."""
        for child in self.children:
            if child.name == name and child.namespace == namespace:
                yield child

    def first(self, namespace: str, name: str) -> Element | None:
        """The first child of this name."""
        return next(self.all(namespace, name), None)


@dataclass(frozen=True)
class Document:
    """A text that was read. ``prefixes``: the namespace that each of its prefixes stands for, the
    first where several do; the default namespace is "".
    """

    root: Element
    prefixes: dict[str, str]


def read_xml(text: bytes, each: Callable[[Element], None] | None = None) -> Document:
    """The document. ValueError, with what is wrong: it is not XML, or not such as is taken here.

    ``each`` gets the root's children one after the other, which are then let go: of a long answer
    no more than one is in memory.
    """
    return _Reader(each).read(text)


class _Reader:
    def __init__(self, each: Callable[[Element], None] | None) -> None:
        self.each = each
        self.open: list[Element] = []
        self.root: Element | None = None
        self._split: dict[str, tuple[str, str]] = {}
        self.prefixes: dict[str, str] = {}

    def read(self, text: bytes) -> Document:
        parser = expat.ParserCreate(namespace_separator=_BETWEEN)
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartNamespaceDeclHandler = self._namespace
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            parser.Parse(text, True)
        except expat.ExpatError as problem:
            raise ValueError(f"not XML: {problem}") from None
        except (LookupError, UnicodeError) as problem:
            raise ValueError(f"XML in an encoding that is not known here: {problem}") from None
        assert self.root is not None
        return Document(self.root, self.prefixes)

    def _doctype(self, *_: object) -> None:
        raise ValueError("XML with a document type declaration, which is not read here")

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        self.prefixes.setdefault(prefix or "", uri or "")

    def _begin(self, name: str, _attributes: dict[str, str]) -> None:
        if len(self.open) >= _DEEPEST:
            raise ValueError(f"XML nested deeper than {_DEEPEST} levels")
        split = self._split.get(name)
        if split is None:
            namespace, _, local = name.rpartition(_BETWEEN)
            split = self._split[name] = (namespace, local)
        element = Element(*split)
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)

    def _end(self, _: str) -> None:
        element = self.open.pop()
        if self.each is not None and len(self.open) == 1:
            self.open[0].children.clear()
            self.each(element)

    def _characters(self, text: str) -> None:
        self.open[-1].parts.append(text)
