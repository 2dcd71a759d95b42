"""The theme in use: palette, font and style sheet of the application, following the system unless a person chose."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from PySide6.QtCore import QObject, Qt, QTemporaryDir, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from edgeyard.desktop.look.font import font, load_fonts
from edgeyard.desktop.look.palette import CONTRAST, DARK, LIGHT, Palette, ThemeName
from edgeyard.desktop.look.style_sheet import style_sheet
from edgeyard.resource import resource_path

_current: Palette = LIGHT


def current() -> Palette:
    """The palette to paint with now."""
    return _current


def colour(role: str) -> QColor:
    """A role of the current palette as Qt's colour."""
    return QColor(getattr(_current, role))


class Theme(QObject):
    """Sets the application's looks; one per process."""

    changed = Signal()

    def __init__(self, choice: ThemeName = ThemeName.SYSTEM) -> None:
        super().__init__()
        self.choice = choice
        self._pictures = QTemporaryDir()
        load_fonts()
        application = _application()
        application.setStyle("Fusion")
        application.setFont(font())
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._on_system_changed)
        self.apply(choice)

    def apply(self, choice: ThemeName) -> None:
        """Use a theme from now on."""
        global _current
        self.choice = choice
        wanted = self._palette(choice)
        _current = wanted
        application = _application()
        application.setPalette(_qt_palette(wanted))
        application.setStyleSheet(style_sheet(wanted, self._arrow("up", wanted), self._arrow("down", wanted)))
        self.changed.emit()

    def _arrow(self, side: str, palette: Palette) -> str:
        """A style sheet takes its pictures from files only, and their colour cannot follow the theme."""
        path = Path(self._pictures.path()) / f"{side}-{palette.name}.svg"
        if not path.exists():
            text = resource_path("icons", f"chevron-{side}.svg").read_text(encoding="utf-8")
            path.write_text(text.replace("currentColor", palette.quiet), encoding="utf-8")
        return path.as_posix()

    def _palette(self, choice: ThemeName) -> Palette:
        if choice is ThemeName.SYSTEM:
            dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
            return DARK if dark else LIGHT
        return {ThemeName.LIGHT: LIGHT, ThemeName.DARK: DARK, ThemeName.CONTRAST: CONTRAST}[choice]

    def _on_system_changed(self) -> None:
        if self.choice is ThemeName.SYSTEM and self._palette(self.choice) is not _current:
            self.apply(self.choice)


def _application() -> QApplication:
    return cast(QApplication, QApplication.instance())


def _qt_palette(palette: Palette) -> QPalette:
    roles = {
        QPalette.ColorRole.Window: palette.window,
        QPalette.ColorRole.WindowText: palette.text,
        QPalette.ColorRole.Base: palette.panel,
        QPalette.ColorRole.AlternateBase: palette.panel,
        QPalette.ColorRole.Text: palette.text,
        QPalette.ColorRole.PlaceholderText: palette.quiet,
        QPalette.ColorRole.Button: palette.panel,
        QPalette.ColorRole.ButtonText: palette.text,
        QPalette.ColorRole.BrightText: palette.text,
        QPalette.ColorRole.ToolTipBase: palette.panel,
        QPalette.ColorRole.ToolTipText: palette.text,
        QPalette.ColorRole.Highlight: palette.selected,
        QPalette.ColorRole.HighlightedText: palette.text,
        QPalette.ColorRole.Link: palette.accent,
        QPalette.ColorRole.LinkVisited: palette.accent,
        QPalette.ColorRole.Accent: palette.accent,
        QPalette.ColorRole.Light: palette.panel,
        QPalette.ColorRole.Midlight: palette.hover,
        QPalette.ColorRole.Mid: palette.line,
        QPalette.ColorRole.Dark: palette.line,
        QPalette.ColorRole.Shadow: palette.line,
    }
    made = QPalette()
    for role, value in roles.items():
        made.setColor(role, QColor(value))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, role, QColor(palette.healthy))
    return made
