"""The filter language over devices: one small parser, used by groups, the filter box and the command line.

    hw:pi5 line=3 !status:offline        words next to each other must all hold
    hall=a | hall=b                      either
    (status:alarm | status:attention) press*
    p95>20   seen>60   version<3         numbers: latency p95 in ms, seconds since last heard, model version

Terms: `id:`, `hw:`, `status:`, `model:`, `variant:`, `state:` (update state) and `problem:` match a text, `key=value`
matches a label, a bare word is looked for in id, model and labels. `*` stands for anything; matching ignores case;
`"…"` quotes spaces.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from edgeyard.domain.device import Device, DeviceStatus
from edgeyard.domain.error import UserError

Predicate = Callable[[Device, DeviceStatus, float], bool]

MAX_FILTER_CHARACTERS = 1000
_MAX_DEPTH = 20

_TOKEN = re.compile(r'\s*(?:(?P<mark>[()|&!])|(?P<word>(?:"[^"]*"|[^\s()|&!"])+))')
_TEXT_FIELDS: dict[str, Callable[[Device, DeviceStatus], str]] = {
    "id": lambda device, status: device.id,
    "hw": lambda device, status: device.hardware_profile,
    "status": lambda device, status: status.value,
    "model": lambda device, status: device.running_model,
    "variant": lambda device, status: device.running_variant,
    "state": lambda device, status: device.update_state,
    "problem": lambda device, status: device.problem,
}
_NUMBER_FIELDS: dict[str, Callable[[Device, float], float | None]] = {
    "p95": lambda device, now: device.latency_p95_ms,
    "version": lambda device, now: float(device.running_version) if device.running_version else None,
    "seen": lambda device, now: None if device.last_seen_at is None else now - device.last_seen_at,
    "cpu": lambda device, now: device.cpu_percent,
    "temp": lambda device, now: device.temperature_c,
}
_COMPARISON = re.compile(r"(?P<name>[a-z0-9]+)(?P<sign>[<>])(?P<number>-?\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter; the empty text matches every device."""

    text: str
    _predicate: Predicate = field(compare=False, repr=False)

    def matches(self, device: Device, status: DeviceStatus, now: float = 0.0) -> bool:
        """Whether the device passes; `now` (Unix seconds) is only needed for `seen`."""
        return self._predicate(device, status, now)


def parse_filter(text: str) -> Filter:
    """Parse a filter; raises `UserError` that says where and what is wrong."""
    if len(text) > MAX_FILTER_CHARACTERS:
        raise UserError(f"The filter is over {MAX_FILTER_CHARACTERS} characters long.", "Shorten it.")
    return Filter(text, _Parser(_tokens(text)).parse())


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise UserError("A quotation mark in the filter is not closed.", 'Close it with ".')
        tokens.append(match.group().strip())
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent over `or := and ('|' and)*`, `and := not ('&'? not)*`, `not := '!' not | '(' or ')' | term`."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._position = 0
        self._depth = 0

    def parse(self) -> Predicate:
        if not self._tokens:
            return lambda device, status, now: True
        predicate = self._either()
        if self._peek():
            raise UserError(f"“{self._peek()}” stands where the filter should end.", "Remove it, or add what it joins.")
        return predicate

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._position += 1
        return token

    def _either(self) -> Predicate:
        parts = [self._all()]
        while self._peek() == "|":
            self._next()
            parts.append(self._all())
        if len(parts) == 1:
            return parts[0]
        return lambda device, status, now: any(part(device, status, now) for part in parts)

    def _all(self) -> Predicate:
        parts = [self._negation()]
        while self._peek() not in ("", "|", ")"):
            if self._peek() == "&":
                self._next()
            parts.append(self._negation())
        if len(parts) == 1:
            return parts[0]
        return lambda device, status, now: all(part(device, status, now) for part in parts)

    def _negation(self) -> Predicate:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise UserError("The filter is nested too deeply.", "Simplify it.")
        try:
            return self._operand()
        finally:
            self._depth -= 1

    def _operand(self) -> Predicate:
        word = self._next()
        if word == "!":
            inner = self._negation()
            return lambda device, status, now: not inner(device, status, now)
        if word == "(":
            group = self._either()
            if self._next() != ")":
                raise UserError("A parenthesis in the filter is not closed.", "Add “)”.")
            return group
        if word in ("", ")", "|", "&"):
            raise UserError("The filter ends where a term is expected.", "Add a term, such as hw:pi5 or line=3.")
        return _term(word)


def _term(token: str) -> Predicate:
    comparison = _COMPARISON.fullmatch(token)
    if comparison and comparison["name"] in _NUMBER_FIELDS:
        return _number_term(_NUMBER_FIELDS[comparison["name"]], comparison["sign"], float(comparison["number"]))
    plain = token.replace('"', "")
    name, colon, value = plain.partition(":")
    if colon and not token.startswith('"'):
        return _text_term(name, value)
    key, equals, value = plain.partition("=")
    if equals and not token.startswith('"'):
        matches = _matcher(value)
        return lambda device, status, now: key in device.labels and matches(device.labels[key])
    contains = _matcher(f"*{plain}*")
    return lambda device, status, now: (
        contains(device.id) or contains(device.running_model) or any(map(contains, device.labels.values()))
    )


def _text_term(name: str, value: str) -> Predicate:
    getter = _TEXT_FIELDS.get(name)
    if getter is None:
        known = ", ".join(f"{key}:" for key in _TEXT_FIELDS)
        raise UserError(f"The filter knows no “{name}:”.", f"Use one of {known} or label=value.")
    if name == "status" and "*" not in value and value.lower() not in set(DeviceStatus):
        raise UserError(f"There is no status “{value}”.", f"Use one of {', '.join(DeviceStatus)}.")
    matches = _matcher(value)
    return lambda device, status, now: matches(getter(device, status))


def _number_term(getter: Callable[[Device, float], float | None], sign: str, bound: float) -> Predicate:
    def predicate(device: Device, status: DeviceStatus, now: float) -> bool:
        value = getter(device, now)
        if value is None:
            return False
        return value > bound if sign == ">" else value < bound

    return predicate


def _matcher(pattern: str) -> Callable[[str], bool]:
    lowered = pattern.lower()
    if "*" not in lowered:
        return lambda text: text.lower() == lowered
    inner = lowered.strip("*")
    if lowered == f"*{inner}*" and "*" not in inner:
        return lambda text: inner in text.lower()
    # Only `*` is special: escape what fnmatch would also read as a pattern.
    escaped = lowered.replace("[", "[[]").replace("?", "[?]")
    compiled = re.compile(fnmatch.translate(escaped))
    return lambda text: compiled.match(text.lower()) is not None
