"""A digest of our own code that makes an artifact, so that a changed pass is never taken for the old one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import edgeyard

_ROOT = Path(edgeyard.__file__).parent
_IMPORT = re.compile(r"^[ \t]*(?:from|import) (edgeyard[\w.]*)(?: import (\([^)]*\)|[^\n]*))?", re.MULTILINE)
_NAME = re.compile(r"\w+")


@cache
def code_digest(module: str) -> str:
    """SHA-256 over the source of a module (`edgeyard.…`) and of everything of ours that it imports, wherever it does.

    Where the program is installed without its sources, that of the names alone: the version then has to tell.
    """
    texts: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in texts:
            continue
        path = _source_path(name)
        texts[name] = path.read_text("utf-8") if path is not None else ""
        waiting.extend(_imported(texts[name]))
    digest = hashlib.sha256()
    for name in sorted(texts):
        digest.update(f"{name}\0{texts[name]}\0".encode())
    return digest.hexdigest()


def _imported(text: str) -> Iterator[str]:
    for package, names in _IMPORT.findall(text):
        yield package
        for name in _NAME.findall(names):
            if _source_path(f"{package}.{name}") is not None:
                yield f"{package}.{name}"


def _source_path(module: str) -> Path | None:
    path = _ROOT.joinpath(*module.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None
