"""Finding things by a few of their letters: quick over ten thousand names, and linear in their length."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MAX_QUERY = 40


class NameIndex:
    """Names to be searched many times. Case is ignored."""

    def __init__(self, names: Sequence[str]) -> None:
        self._count = len(names)
        lowered = [name.lower().replace("\n", " ") for name in names]
        self._text = "\n".join(lowered)
        self._starts = {}
        at = 0
        for number, name in enumerate(lowered):
            self._starts[at] = number
            at += len(name) + 1

    def search(self, query: str, limit: int) -> list[tuple[float, int]]:
        """(score, position in `names`) of the best matches, the best first; score 1 is an exact name.

        All letters of the query must occur in their order. Whole words and beginnings count more than letters apart.
        """
        wanted = query.lower().strip()[:_MAX_QUERY].replace("\n", " ")
        if not wanted or not self._count:
            return []
        found = [
            (score(self._line(match.start()), wanted), self._starts[match.start()])
            for match in _pattern(wanted).finditer(self._text)
        ]
        return sorted(found, key=lambda hit: (-hit[0], hit[1]))[:limit]

    def _line(self, start: int) -> str:
        end = self._text.find("\n", start)
        return self._text[start:] if end < 0 else self._text[start:end]


def score(name: str, wanted: str) -> float:
    """How well `wanted` fits `name` (both lower case), 0 to 1; 0 when its letters are not all there in order."""
    if name == wanted:
        return 1.0
    brevity = len(wanted) / (len(name) + 1)
    at = name.find(wanted)
    if at == 0:
        return 0.8 + 0.19 * brevity
    if at > 0:
        return (0.6 if not name[at - 1].isalnum() else 0.4) + 0.19 * brevity
    span = _span(name, wanted)
    return 0.05 + 0.3 * len(wanted) / span if span else 0.0


def _span(name: str, wanted: str) -> int:
    position, first = 0, -1
    for letter in wanted:
        if letter == " ":
            continue
        position = name.find(letter, position)
        if position < 0:
            return 0
        first = position if first < 0 else first
        position += 1
    return position - first


def _pattern(wanted: str) -> re.Pattern[str]:
    # `[^x]*x` for every letter: there is only one way to match, so nothing to go back on.
    parts = [rf"[^\n{re.escape(letter)}]*{re.escape(letter)}" for letter in wanted if letter != " "]
    return re.compile(f"^{''.join(parts)}", re.MULTILINE)
