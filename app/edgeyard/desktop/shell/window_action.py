"""What can be done in every window, and the sheet of all keys."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication

from edgeyard.desktop.action import Action
from edgeyard.desktop.look.palette import ThemeName
from edgeyard.desktop.shell.shortcut_list import Section

if TYPE_CHECKING:
    from edgeyard.desktop.shell.main_window import MainWindow

_THEMES = (
    (ThemeName.SYSTEM, "Theme: as the system", "monitor"),
    (ThemeName.LIGHT, "Theme: light", "sun"),
    (ThemeName.DARK, "Theme: dark", "moon"),
    (ThemeName.CONTRAST, "Theme: high contrast", "contrast"),
)


def window_actions(window: MainWindow) -> list[Action]:
    """The same in every place."""
    session = window.session
    edits = session.edits
    undo, redo = edits.undo_title(), edits.redo_title()
    actions = [
        Action("find", "Find anything", window.open_palette, "search", "Ctrl+K"),
        Action(
            "undo",
            f"Undo: {undo}" if undo else "Undo",
            edits.undo,
            "undo-2",
            "Ctrl+Z",
            lambda: "" if edits.undo_title() else "Nothing was changed yet.",
        ),
        Action(
            "redo",
            f"Redo: {redo}" if redo else "Redo",
            edits.redo,
            "redo-2",
            "Ctrl+Shift+Z or Ctrl+Y",
            lambda: "" if edits.redo_title() else "Nothing was undone.",
        ),
        Action("jobs", "Jobs", window.toggle_jobs, "list-checks", "Ctrl+J", words="show hide jobs panel progress"),
        Action("new-window", "New window", session.open_window, "external-link", "Ctrl+Shift+N"),
    ]
    actions += [
        Action(f"theme-{name}", title, partial(choose_theme, window, name), icon, words="colours look")
        for name, title, icon in _THEMES
    ]
    return [
        *actions,
        Action("tour", "Show the tour", window.show_tour, "circle-help", words="help first steps demo"),
        Action("shortcuts", "Keyboard shortcuts", window.show_shortcuts, "info", "F1 or ?", words="help keys"),
        Action("back", "Back", lambda: window.travel(-1), "arrow-left", "Alt+Left"),
        Action("forward", "Forward", lambda: window.travel(1), "arrow-right", "Alt+Right"),
        Action("quit", "Quit", QApplication.closeAllWindows, "log-out", "Ctrl+Q"),
    ]


def choose_theme(window: MainWindow, name: ThemeName) -> None:
    """Use a theme and remember it."""
    window.session.theme.apply(name)
    window.session.memory.put("theme", name.value)


def keyboard_sections(window: MainWindow) -> Sequence[Section]:
    """All keys, by place."""
    pages = [(entry.shortcut, entry.title) for entry in window.entries.values() if entry.shortcut]
    here = [(action.shortcut, action.title) for action in window.all_actions()[: -len(window_actions(window))]]
    return (
        ("Anywhere", [(action.shortcut, action.title) for action in window_actions(window) if action.shortcut]),
        ("Pages", pages),
        ("On this page", [keys for keys in here if keys[0]]),
        (
            "Moving",
            [
                ("Tab, Shift+Tab", "Next and previous part"),
                ("F6", "From region to region"),
                ("Esc", "Close the details, a popover or a notice; cancel a drag"),
                ("Alt+Left, Alt+Right", "Back and forward; also the mouse's side buttons"),
            ],
        ),
        (
            "Device table and map",
            [
                ("Arrows", "Move; Home and End: first and last"),
                ("Shift+arrows", "Extend the selection"),
                ("Enter", "Open the device's own page"),
                ("Ctrl+C", "Copy the ids; on a model version: take it up"),
                ("Ctrl+V", "On a group: roll out the version that was copied"),
                ("F2", "Edit labels; on a group: edit it"),
                ("Menu key", "All that can be done with it"),
            ],
        ),
    )
