"""What a variant may cost at most on every kind of hardware that is ticked; each bound may be left open."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtWidgets import QDoubleSpinBox, QSpinBox, QWidget

from edgeyard.desktop.widget.basic import dress_number, row
from edgeyard.optimize.engine.job import ProfileBudget

_OPEN = "any"
_MEGABYTE = 1_000_000


class LimitFields(QWidget):
    """The size of the file, the latency of a sample, the memory above the empty process."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Bounds")
        self.file_size = number(QDoubleSpinBox(), "Largest file", 0.0, 100_000.0, 0.0, " MB file")
        self.latency = number(QDoubleSpinBox(), "Longest latency", 0.0, 100_000.0, 0.0, " ms latency")
        self.memory = number(QDoubleSpinBox(), "Most memory", 0.0, 1_000_000.0, 0.0, " MB memory")
        for field, digits, name in (
            (self.file_size, 2, "file"),
            (self.latency, 2, "latency"),
            (self.memory, 0, "memory"),
        ):
            field.setDecimals(digits)
            field.setFixedWidth(148)
            field.setSpecialValueText(f"{_OPEN} {name}")
        self.setLayout(row(self.file_size, self.latency, self.memory, None, spacing=8))

    def limits(self) -> ProfileBudget:
        """What was entered."""
        return ProfileBudget(
            size_bytes=round(self.file_size.value() * _MEGABYTE) or None,
            latency_ms=self.latency.value() or None,
            memory_bytes=round(self.memory.value() * _MEGABYTE) or None,
        )

    def show_limits(self, limits: ProfileBudget) -> None:
        """Begin from earlier ones."""
        self.file_size.setValue((limits.size_bytes or 0) / _MEGABYTE)
        self.latency.setValue(limits.latency_ms or 0.0)
        self.memory.setValue((limits.memory_bytes or 0) / _MEGABYTE)


Box = TypeVar("Box", QSpinBox, QDoubleSpinBox)


def number(box: Box, name: str, least: float, most: float, value: float, unit: str) -> Box:
    """Give a number its bounds, its unit and its name."""
    box.setRange(least, most)  # type: ignore[arg-type]
    box.setValue(value)  # type: ignore[arg-type]
    box.setSuffix(unit)
    box.setAccessibleName(name)
    box.setFixedWidth(112)
    dress_number(box)
    return box
