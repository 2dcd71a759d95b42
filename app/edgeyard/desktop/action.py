"""What a person can do, declared once: menus, buttons, shortcuts and the palette all show the same action."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from edgeyard.desktop.look.icon import icon


def _always() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. `refusal` says why it cannot be done now, or nothing; asked whenever the action is shown."""

    id: str
    title: str
    run: Callable[[], object]
    icon: str = ""
    shortcut: str = ""
    refusal: Callable[[], str] = _always
    words: str = ""
    """Other words that people look for it by."""


def make_qaction(action: Action, parent: QWidget) -> QAction:
    """A menu entry or button of `action`; disabled with the reason as tooltip when it cannot run now."""
    made = QAction(action.title, parent)
    if action.icon:
        made.setIcon(icon(action.icon))
    if action.shortcut:
        made.setShortcut(QKeySequence(action.shortcut))
        made.setShortcutContext(made.shortcutContext().WidgetWithChildrenShortcut)
    refusal = action.refusal()
    made.setEnabled(not refusal)
    made.setToolTip(refusal or action.title)
    made.triggered.connect(lambda _checked=False: action.run())
    return made


def fill_menu(menu: QMenu, actions: list[Action | None]) -> QMenu:
    """Add actions to a menu; `None` draws a line. Refused ones stay visible and say why."""
    menu.setToolTipsVisible(True)
    for action in actions:
        if action is None:
            menu.addSeparator()
        else:
            menu.addAction(make_qaction(action, menu))
    return menu
