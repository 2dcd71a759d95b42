"""A page of the documentation as something to execute: its blocks in order, and what is said about them.

A comment above a block says how it is run:

    <!-- file: PATH -->                      the block is that file's content
    <!-- needs: A, B; else copy: FROM -> TO  --> run only where these modules are; elsewhere a file of the repository
                                             stands for what it would have made
    <!-- background, until: WORDS -->        started and left running; go on when it has printed the words (if any)
    <!-- repeat, until: WORDS -->            run again and again until it prints the words

Blocks without a language are for the reader; `bash` and `python` blocks are run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_BLOCK = re.compile(
    r"^(?:<!-- (?P<said>.+?) -->\n)?```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
RUN = ("bash", "python")


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its language, its text, the line it begins on, and what the comment above it says."""

    language: str
    text: str
    line: int
    file: str = ""
    needs: tuple[str, ...] = ()
    instead: tuple[str, str] = ("", "")
    background: bool = False
    repeat: bool = False
    until: str = ""
    title: str = field(default="", compare=False)


def read_blocks(page: str) -> list[Block]:
    """Every block that is run or written to a file, in order.

    Raises:
        ValueError: a comment above a block says what nobody understands.
    """
    found = []
    for match in _BLOCK.finditer(page):
        said = _read_comment(match["said"] or "")
        if match["language"] in RUN or said.get("file"):
            line = page.count("\n", 0, match.start()) + 1
            heading = re.findall(r"^## (.+)$", page[: match.start()], re.MULTILINE)
            found.append(Block(match["language"], match["text"], line, title=heading[-1] if heading else "", **said))
    return found


def _read_comment(text: str) -> dict:
    if not text:
        return {}
    if match := re.fullmatch(r"file: (\S+)", text):
        return {"file": match[1]}
    if match := re.fullmatch(r"needs: (.+); else copy: (\S+) -> (\S+)", text):
        return {"needs": tuple(match[1].split(", ")), "instead": (match[2], match[3])}
    if match := re.fullmatch(r"(background|repeat)(?:, until: (.+))?", text):
        return {match[1]: True, "until": match[2] or ""}
    raise ValueError(f"<!-- {text} --> says nothing about the block below it")
