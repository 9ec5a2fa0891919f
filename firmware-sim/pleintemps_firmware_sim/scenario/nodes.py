"""YAML as plain values, with the place of each of them; whatever the bytes are, values or one ScenarioError.

The language is YAML 1.2's core: only ``true``, ``false``, ``null`` and decimal numbers are no text. Anchors,
aliases, merges and tags are refused: no scenario needs them, and hostile files do.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from pleintemps_firmware_sim.errors import ScenarioError

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 16
MAX_VALUES: Final = 50_000

_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,15}\Z")
_NUMBER: Final = re.compile(r"[-+]?([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})([eE][-+]?[0-9]{1,2})?\Z")
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}

Path = tuple[str | int, ...]
Place = tuple[int, int]
"""Line and column, from 1."""


@dataclass(slots=True)
class Document:
    """``value`` of maps, lists and scalars; ``places`` of every value, ``keys`` of every key of a map."""

    file: str
    value: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)

    def error(self, path: Path, message: str, *, key: bool = False) -> ScenarioError:
        """An error at a value, or at its key; the nearest known place around it."""
        if key and path in self.keys:
            return ScenarioError(self.file, *self.keys[path], message)
        while path not in self.places and path:
            path = path[:-1]
        return ScenarioError(self.file, *self.places.get(path, (1, 1)), message)


def read(file: str, data: bytes) -> Document:
    """The one document in ``data``; raises ScenarioError."""
    if len(data) > MAX_BYTES:
        raise ScenarioError(file, 1, 1, f"{len(data)} bytes are too many, {MAX_BYTES} allowed")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(errors="replace")
        line = before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        raise ScenarioError(file, line, column, "not UTF-8") from None
    reader = _Reader(Document(file))
    try:
        return reader.document(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        place: Place = (mark.line + 1, mark.column + 1) if mark is not None else reader.place
        raise ScenarioError(file, *place, _one_line(error.problem or "not YAML")) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        raise ScenarioError(file, line, column, f"character U+{ord(text[error.position]):04X}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        if isinstance(error, ScenarioError):
            raise
        # an escape that is no character, which the parser does not look at
        raise ScenarioError(file, *reader.place, f"not YAML: {_one_line(str(error))}") from None


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


class _Reader:
    """Builds values from the parser's events, with no recursion of its own."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._count = 0
        self.place: Place = (1, 1)

    def document(self, events: Iterator[yaml.Event]) -> Document:
        stack: list[_Open] = []
        begun = False
        for event in events:
            mark: Any = event.start_mark
            self.place = (mark.line + 1, mark.column + 1)
            if isinstance(event, yaml.DocumentStartEvent):
                if begun:
                    raise self._fail("a second document; a scenario is one")
                begun = True
            elif isinstance(event, yaml.AliasEvent):
                raise self._fail("aliases are not allowed")
            elif isinstance(event, yaml.CollectionEndEvent):
                stack.pop()
            elif isinstance(event, yaml.NodeEvent):
                self._value(event, stack)
        if not begun:
            raise ScenarioError(self._document.file, 1, 1, "the file is empty")
        return self._document

    def _value(self, event: yaml.NodeEvent, stack: "list[_Open]") -> None:
        self._count += 1
        if self._count > MAX_VALUES:
            raise self._fail(f"more than {MAX_VALUES} values")
        if event.anchor is not None:
            raise self._fail("anchors are not allowed")
        tag = getattr(event, "tag", None)
        if tag is not None and not isinstance(event, yaml.ScalarEvent):
            raise self._fail("tags are not allowed")
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            if tag not in (None, "!"):
                raise self._fail("tags are not allowed")
            if stack and stack[-1].wants_key:
                stack[-1].key = self._key(event, stack[-1])
                return
            value = self._scalar(event)
        else:
            value = {} if isinstance(event, yaml.MappingStartEvent) else []
        path = self._put(value, stack)
        self._document.places[path] = self.place
        if not isinstance(event, yaml.ScalarEvent):
            if len(stack) >= MAX_DEPTH:
                raise self._fail(f"more than {MAX_DEPTH} levels")
            stack.append(_Open(path, value))

    def _put(self, value: Any, stack: "list[_Open]") -> Path:
        if not stack:
            self._document.value = value
            return ()
        around = stack[-1]
        if isinstance(around.value, list):
            around.value.append(value)
            return (*around.path, len(around.value) - 1)
        if around.key is None:
            raise self._fail("a key has to be text")
        path = (*around.path, around.key)
        around.value[around.key] = value
        around.key = None
        return path

    def _key(self, event: yaml.ScalarEvent, around: "_Open") -> str:
        key = self._text(event)
        path = (*around.path, key)
        if key in around.value:
            raise self._fail(f"{key} is there twice")
        if key == "<<":
            raise self._fail("merges are not allowed")
        self._document.keys[path] = self.place
        return key

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        text = self._text(event)
        if event.style is not None:
            return text
        if text.lower() in _WORDS and text in (text.lower(), text.capitalize(), text.upper()):
            return _WORDS[text.lower()]
        if _INTEGER.match(text):
            return int(text)
        if _NUMBER.match(text):
            return float(text)
        return text

    def _text(self, event: yaml.ScalarEvent) -> str:
        text: str = event.value
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise self._fail("half a character")
        return text

    def _fail(self, message: str) -> ScenarioError:
        return ScenarioError(self._document.file, *self.place, message)


@dataclass(slots=True)
class _Open:
    """A map or list that is being read."""

    path: Path
    value: Any
    key: str | None = None

    @property
    def wants_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is None
