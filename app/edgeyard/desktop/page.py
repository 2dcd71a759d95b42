"""What a page of the window is, and how the window finds it. Every page of the rail derives from `Page`."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from edgeyard.desktop.action import Action

if TYPE_CHECKING:
    from edgeyard.desktop.desk import Desk


@dataclass(frozen=True, slots=True)
class Place:
    """Where a window is: a page, and what it shows there (an id of the page's own; empty for its overview)."""

    page: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer to the palette: choosing it goes to `place`. `detail` is shown quietly behind the title."""

    title: str
    detail: str
    icon: str
    place: Place


@dataclass(frozen=True, slots=True)
class PageEntry:
    """What the rail must know of a page before it is built: pages are imported and made when first shown."""

    id: str
    title: str
    icon: str
    shortcut: str
    module: str
    class_name: str
    in_rail: bool = True

    def make(self, desk: Desk) -> Page:
        """Import and build the page."""
        page = getattr(importlib.import_module(self.module), self.class_name)(desk)
        assert isinstance(page, Page)
        return page


class Page(QWidget):
    """One page. Built once per window, kept, and shown again; only the shown one should draw or ask for data.

    Feeds made with `desk.bridge.feed` go on while the page is hidden, so open them in `activate` and close them in
    `deactivate` when what they read is only for this page.
    """

    moved = Signal(str)
    """The person went to another subject within the page: the window adds it to its history."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk

    def activate(self, subject: str) -> None:
        """The page is shown, or shown again, for `subject`. Must return within a frame."""

    def deactivate(self) -> None:
        """Another page is shown now."""

    def heading(self) -> str:
        """The subject's name for the title line, or nothing on the overview."""
        return ""

    def actions_here(self) -> Sequence[Action]:
        """What can be done on this page now: offered by the palette and bound to the shortcuts while it is shown."""
        return ()

    def findings(self, text: str, limit: int) -> Sequence[Finding]:
        """Things of this page that `text` (lower case) may mean, best first. Called on every key: within 5 ms."""
        del text, limit
        return ()

    def regions(self) -> Sequence[QWidget]:
        """The parts that F6 goes through, in reading order."""
        return (self,)

    def close_details(self) -> bool:
        """Esc: close the details panel on the right. Whether there was one to close."""
        return False

    def save(self) -> None:
        """Write splitters, columns and the like to `desk.memory`; called before the window closes."""
