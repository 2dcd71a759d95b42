"""A small, safe part of YAML: mappings, lists and plain values, each with its line. No anchors, no tags, no surprises.

Values are read as in YAML 1.2's core schema: `no`, `on` and `1:30` are text. Everything is bounded before it is built.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgeyard.domain.error import UserError

if TYPE_CHECKING:
    import yaml

MAX_TEXT_BYTES = 64 << 10
MAX_DEPTH = 8
MAX_VALUES = 5000

_INTEGER = re.compile(r"[-+]?[0-9]{1,15}")
_FLOAT = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class Value:
    """One node. `content` is a `dict[str, Value]`, a `list[Value]`, or text, a number, a truth value or `None`."""

    content: Any
    line: int
    key_lines: dict[str, int]

    def plain(self) -> Any:
        """The same without lines, in JSON types."""
        if isinstance(self.content, dict):
            return {key: value.plain() for key, value in self.content.items()}
        if isinstance(self.content, list):
            return [value.plain() for value in self.content]
        return self.content


def refuse(line: int, what: str, todo: str) -> UserError:
    """The error for something on a line (from 1)."""
    return UserError(f"Line {line} of the recipe: {what}", todo)


def read_yaml(text: str) -> Value:
    """Read one document; `UserError` names the line of whatever is not allowed."""
    import yaml

    if len(text.encode("utf-8", "replace")) > MAX_TEXT_BYTES:
        raise UserError(f"The recipe is over {MAX_TEXT_BYTES >> 10} KiB.", "A recipe is a list of a few dozen steps.")
    try:
        _check_events(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = (error.problem or error.context or "it cannot be read").strip()
        raise refuse(mark.line + 1 if mark else 1, f"{said}.", "Write it as YAML: two spaces per level.") from error
    except yaml.YAMLError as error:  # a character that YAML does not allow
        raise UserError(
            f"The recipe is no YAML text ({str(error).splitlines()[0][:120]}).", "Save it as plain text in UTF-8."
        ) from error
    if node is None:
        raise UserError("The recipe is empty.", "Write `steps:` and a list of steps.")
    return _value(node)


def _check_events(text: str) -> None:
    import yaml

    depth = values = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = _line(event)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise refuse(line, "a second document begins.", "Keep one recipe per file.")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise refuse(line, "anchors and aliases are not allowed.", "Write the values out.")
        tag = getattr(event, "tag", None)
        if tag not in {None, "!"}:
            raise refuse(line, f"the tag {str(tag)[:80]} is not allowed.", "Leave it out.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        values += isinstance(event, yaml.NodeEvent)
        if depth > MAX_DEPTH:
            raise refuse(line, f"it is nested more than {MAX_DEPTH} deep.", "Recipes are flat: a list of steps.")
        if values > MAX_VALUES:
            raise refuse(line, f"it holds more than {MAX_VALUES:,} values.", "Use fewer steps.")


def _value(node: yaml.Node) -> Value:
    import yaml

    line = _line(node)
    if isinstance(node, yaml.MappingNode):
        entries: dict[str, Value] = {}
        lines: dict[str, int] = {}
        for key, content in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise refuse(_line(key), "a key must be plain text.", "Write it as `name: value`.")
            if key.value in entries:
                raise refuse(_line(key), f"`{key.value[:80]}` occurs twice.", "Keep one of them.")
            entries[key.value] = _value(content)
            lines[key.value] = _line(key)
        return Value(entries, line, lines)
    if isinstance(node, yaml.SequenceNode):
        return Value([_value(item) for item in node.value], line, {})
    plain = isinstance(node, yaml.ScalarNode) and node.style is None  # quoted text stays text
    return Value(_scalar(node.value) if plain else node.value, line, {})


def _line(part: yaml.Event | yaml.Node) -> int:
    return part.start_mark.line + 1 if part.start_mark else 1


def _scalar(text: str) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
