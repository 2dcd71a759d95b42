"""What a details panel says, before it is widgets. No Qt in here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """`name`: `value`, with a sentence under it if there is more to say; `copy` is what copying it gives."""

    name: str
    value: str = ""
    sentence: str = ""
    copy: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Facts under one heading."""

    title: str
    facts: tuple[Fact, ...]
