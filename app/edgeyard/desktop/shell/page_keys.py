"""The keys of the page that is shown, and where the keyboard goes in a region."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from edgeyard.desktop.desk import Notice
from edgeyard.desktop.page import Page


class PageKeys(QObject):
    """Binds the shortcuts of a page's actions while it is shown."""

    def __init__(self, window: QWidget, say: Callable[[Notice], None]) -> None:
        super().__init__(window)
        self._window = window
        self._say = say
        self._page: Page | None = None
        self._shortcuts: list[QShortcut] = []

    def bind(self, page: Page) -> None:
        """Take over the keys of `page`."""
        if page is self._page:
            return
        for old in self._shortcuts:
            old.setEnabled(False)
            old.deleteLater()
        self._page = page
        self._shortcuts = []
        for action in page.actions_here():
            if action.shortcut:
                made = QShortcut(QKeySequence(action.shortcut), self._window)
                made.activated.connect(lambda action_id=action.id: self._run(action_id))
                self._shortcuts.append(made)

    def _run(self, action_id: str) -> None:
        # Actions are made anew each time they are asked for: what they refer to may have changed.
        actions = self._page.actions_here() if self._page is not None else ()
        action = next((action for action in actions if action.id == action_id), None)
        if action is None:
            return
        refusal = action.refusal()
        if refusal:
            self._say(Notice(refusal))
        else:
            action.run()


def first_focusable(region: QWidget) -> QWidget | None:
    """The widget of a region that takes the keyboard first."""
    candidates = [region, *region.findChildren(QWidget)]
    for widget in candidates:
        takes = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
        inner = isinstance(widget.parentWidget(), QAbstractScrollArea)
        if takes and not inner and widget.isEnabled() and widget.isVisible():
            return widget
    return None


def go_to_region(regions: Sequence[QWidget], focused: QWidget | None, step: int) -> None:
    """Focus the next (`step` 1) or previous (-1) visible region after the one that has the keyboard."""
    shown = [region for region in regions if region.isVisible()]
    here = [n for n, region in enumerate(shown) if focused and (region is focused or region.isAncestorOf(focused))]
    start = here[-1] if here else (-1 if step > 0 else 0)
    for offset in range(1, len(shown) + 1):
        target = first_focusable(shown[(start + step * offset) % len(shown)])
        if target is not None:
            target.setFocus(Qt.FocusReason.TabFocusReason)
            return
