"""What the desktop remembers between two days: an ini file in the site folder, never the database."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

_MAX_STATE_BYTES = 64 * 1024


class Memory:
    """Small values by key. Whatever does not have the expected type, or is too long, counts as absent."""

    def __init__(self, path: Path) -> None:
        self._settings = QSettings(str(path), QSettings.Format.IniFormat)

    def text(self, key: str, default: str = "") -> str:
        """A short text."""
        value = self._settings.value(key)
        return value if isinstance(value, str) and len(value) <= 1000 else default

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A yes or no."""
        return self.text(key, "yes" if default else "no") == "yes"

    def number(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number, forced into its bounds."""
        try:
            return min(max(int(self.text(key, str(default))), low), high)
        except ValueError:
            return default

    def state(self, key: str) -> QByteArray:
        """What a widget's `saveState` gave; empty when there is none."""
        value = self._settings.value(key)
        return value if isinstance(value, QByteArray) and value.size() <= _MAX_STATE_BYTES else QByteArray()

    def put(self, key: str, value: str | int | bool | QByteArray) -> None:
        """Remember `value`."""
        if isinstance(value, bool):
            value = "yes" if value else "no"
        self._settings.setValue(key, str(value) if isinstance(value, int) else value)

    def sync(self) -> None:
        """Write to disk now."""
        self._settings.sync()
