"""Ends a process at its nth write to the medium, as `kill -9` or a power cut would, and says what is left of the files.

Two worlds can follow, and a program must come to terms with both: after a kill everything written stands; after a power
cut only that which was synced: contents by fsync of the file, names by fsync of their folder. The simulation is a model
of a file system that keeps nothing it was not told to, which real ones may do.

    for cut in every_cut(folder, lambda: write_durably(folder / "state", b"new")):
        for left in cut.worlds():
            assert (left / "state").read_bytes() in (b"old", b"new")
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch


class Killed(BaseException):
    """The process is no more; no handler of the code under test may swallow or survive it."""


class PowerCut:
    """Runs one action in `root` and ends it before its nth sync, rename or link (`at`, from 1; `None`: never)."""

    def __init__(self, root: Path, at: int | None) -> None:
        self.root = root
        self.points = 0
        self.killed = False
        self._at = at
        self._handles: list[int] = []
        self._names: dict[int, dict[str, int]] = {}
        self._contents: dict[int, bytes] = {}

    def run(self, action: Callable[[], object]) -> None:
        """Run the action; afterwards `killed` says whether it was ended."""
        self._remember_folder(self.root)
        for path in self.root.rglob("*"):
            self._remember(path)
        with ExitStack() as patches:
            for name, replacement in (
                ("fsync", self._fsync),
                ("replace", self._counted(os.replace)),
                ("link", self._counted(os.link)),
                ("unlink", self._while_alive(os.unlink)),
                ("mkdir", self._while_alive(os.mkdir)),
            ):
                patches.enter_context(patch.object(os, name, replacement))
            try:
                action()
            except Killed:
                self.killed = True
        for handle in self._handles:
            os.close(handle)

    def worlds(self) -> Iterator[Path]:
        """The folder as it is after a kill, and a copy as it would be after a power cut."""
        yield self.root
        after = self.root.with_name(f"{self.root.name}-after-cut-{self._at}")
        self._rebuild(self.root.stat().st_ino, after)
        yield after
        shutil.rmtree(after)

    def _rebuild(self, folder: int, into: Path) -> None:
        into.mkdir()
        for name, inode in self._names.get(folder, {}).items():
            if inode < 0:
                self._rebuild(-inode, into / name)
            else:
                (into / name).write_bytes(self._contents.get(inode, b""))
                (into / name).chmod(0o600)

    def _point(self) -> None:
        self.points += 1
        if self.points == self._at or self.killed:
            self.killed = True
            raise Killed

    def _counted(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self._point()
            return real(*arguments, **options)

        return call

    def _while_alive(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if self.killed:
                raise Killed
            return real(*arguments, **options)

        return call

    def _fsync(self, handle: int) -> None:
        self._point()
        found = os.fstat(handle)
        folder = stat.S_ISDIR(found.st_mode)
        for path in (self.root, *self.root.rglob("*")):
            if path.stat().st_ino == found.st_ino:
                if folder:
                    self._remember_folder(path)
                else:
                    self._remember(path)
                return

    def _remember(self, path: Path) -> None:
        """The content of a file, or the names in a folder, are on the medium now."""
        if path.is_dir():
            self._remember_folder(path)
            return
        # An open file keeps its inode number, so that a later file cannot be taken for it.
        self._handles.append(os.open(path, os.O_RDONLY))
        self._contents[path.stat().st_ino] = path.read_bytes()

    def _remember_folder(self, folder: Path) -> None:
        self._handles.append(os.open(folder, os.O_RDONLY))
        self._names[folder.stat().st_ino] = {
            path.name: -path.stat().st_ino if path.is_dir() else self._held(path) for path in folder.iterdir()
        }

    def _held(self, path: Path) -> int:
        self._handles.append(os.open(path, os.O_RDONLY))
        return path.stat().st_ino


def every_cut(
    root: Path, action: Callable[[], object], *, prepare: Callable[[], object] | None = None
) -> Iterator[PowerCut]:
    """One cut per point of the action, each from the same beginning (`prepare`, on an emptied `root`)."""
    at = 1
    while True:
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        if prepare is not None:
            prepare()
        cut = PowerCut(root, at)
        cut.run(action)
        yield cut
        if not cut.killed:
            assert at > 1, "the action wrote nothing"
            return
        at += 1
