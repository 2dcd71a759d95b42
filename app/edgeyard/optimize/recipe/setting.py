"""What a pass can be told, from the `msgspec.Meta` of its settings: for validation, documentation and editors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

from edgeyard.optimize.step import Settings

_WORDS: dict[type[inspect.Type], str] = {
    inspect.BoolType: "true or false",
    inspect.NoneType: "null",
    inspect.AnyType: "anything",
}


@dataclass(frozen=True, slots=True)
class SettingFact:
    """One setting: its default (JSON types), what values are allowed in words, and what it means."""

    name: str
    default: Any
    allowed: str
    description: str
    type: Any
    """As annotated, for `msgspec.convert`."""


def setting_facts(settings_type: type[Settings]) -> dict[str, SettingFact]:
    """The settings by name, in the order of their declaration."""
    described = inspect.type_info(settings_type)
    assert isinstance(described, inspect.StructType)
    hints = msgspec.structs.fields(settings_type)
    facts = {}
    for field, hint in zip(described.fields, hints, strict=True):
        default = field.default if field.default is not msgspec.NODEFAULT else _made(field.default_factory)
        facts[field.encode_name] = SettingFact(
            field.encode_name,
            msgspec.to_builtins(default),
            allowed_words(field.type),
            _description(field.type),
            hint.type,
        )
    return facts


def settings_of(settings_type: type[Settings], values: Any) -> Settings:
    """The settings with these values (JSON types), defaults filled in. Raises `msgspec.ValidationError`."""
    return msgspec.convert(dict(values), settings_type)


def allowed_words(kind: inspect.Type) -> str:
    """What is allowed, as the rest of a sentence: `a whole number from 1 to 10000`."""
    words = "something else"
    match kind:
        case inspect.Metadata():
            words = allowed_words(kind.type)
        case inspect.LiteralType(values):
            words = f"one of {', '.join(map(str, values))}"
        case inspect.IntType() | inspect.FloatType():
            what = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
            words = f"{what}{_bounds(kind)}"
        case inspect.StrType():
            words = "text" + (f" of at most {kind.max_length} characters" if kind.max_length is not None else "")
        case inspect.ListType() | inspect.VarTupleType() | inspect.SetType() | inspect.FrozenSetType():
            most = f", at most {kind.max_length}" if kind.max_length is not None else ""
            words = f"a list of {allowed_words(kind.item_type)}{most}"
        case inspect.TupleType(item_types):
            words = f"a list of {len(item_types)}: {', '.join(map(allowed_words, item_types))}"
        case inspect.DictType():
            words = f"a mapping of {allowed_words(kind.key_type)} to {allowed_words(kind.value_type)}"
        case inspect.UnionType(types):
            words = " or ".join(map(allowed_words, types))
        case inspect.StructType():
            words = f"a mapping with {', '.join(field.encode_name for field in kind.fields)}"
        case _:
            words = _WORDS.get(type(kind), words)
    return words


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    low = kind.ge if kind.ge is not None else kind.gt
    high = kind.le if kind.le is not None else kind.lt
    above = "above" if kind.gt is not None else "from"
    below = "below" if kind.lt is not None else "to"
    if low is not None and high is not None:
        return f" {above} {_number(low)} {below} {_number(high)}"
    if low is not None:
        return f" {above} {_number(low)}" + (" up" if kind.ge is not None else "")
    return f" {'below' if kind.lt is not None else 'up to'} {_number(high)}" if high is not None else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _description(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.Metadata):
        return str((kind.extra_json_schema or {}).get("description", "")) or _description(kind.type)
    return ""


def _made(factory: Any) -> Any:
    return None if factory is msgspec.NODEFAULT else factory()
