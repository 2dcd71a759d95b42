"""From a recipe to YAML that `read` gives the same recipe for."""

from __future__ import annotations

import re
from typing import Any

from edgeyard.optimize.recipe.recipe import ORIGINAL, Recipe

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_NOT_TEXT = ("true", "false", "null")


def recipe_to_text(recipe: Recipe) -> str:
    """The recipe as YAML; what has its default is left out, except a step's source."""
    lines = [f"title: {_value(recipe.title)}"] if recipe.title else []
    lines.append("steps:")
    for step in recipe.steps:
        lines.append(f"  - id: {_value(step.id)}")
        lines.append(f"    pass: {_value(step.kind)}")
        lines.append(f"    from: {_value(step.source or ORIGINAL)}")
        if step.settings:
            lines.append("    settings:")
            lines += [f"      {_value(name)}: {_value(value)}" for name, value in step.settings.items()]
        if not step.offer:
            lines.append("    offer: false")
        if step.unless:
            lines.append(f"    unless: {_value(step.unless)}")
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return repr(value)
        case str():
            return value if _PLAIN.fullmatch(value) and value not in _NOT_TEXT else _quoted(value)
        case dict():
            return "{" + ", ".join(f"{_quoted(name)}: {_value(inner)}" for name, inner in value.items()) + "}"
        case _:
            return "[" + ", ".join(map(_value, value)) + "]"


def _quoted(text: str) -> str:
    escaped = (f"\\{each}" if each in '"\\' else each if each.isprintable() else f"\\U{ord(each):08x}" for each in text)
    return f'"{"".join(escaped)}"'
