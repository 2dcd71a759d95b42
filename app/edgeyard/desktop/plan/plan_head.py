"""The title of a plan: which version, to which group; both can be changed there."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QComboBox, QWidget

from edgeyard.desktop.look.font import LARGE, SEMIBOLD
from edgeyard.desktop.widget import words
from edgeyard.desktop.widget.basic import ElidedLabel, label, row
from edgeyard.store.group import Group
from edgeyard.store.model import ModelSummary


class PlanHead(QWidget):
    """`Roll out [version] to [group]`, and the summary beside it."""

    changed = Signal()

    def __init__(self, models: Sequence[ModelSummary], groups: Sequence[Group]) -> None:
        super().__init__()
        self.version = _combo("Version")
        for model in models:
            for version in model.versions:
                if version.variants:
                    signed = "" if version.stage == "released" else " · not signed"
                    self.version.addItem(f"{version.label}{signed}", version.id)
        self.group = _combo("Group")
        for group in groups:
            self.group.addItem(f"{group.name} · production" if group.production else group.name, group.name)
        self._summary = ElidedLabel(role="quiet")
        layout = row(
            label("Roll out", LARGE, weight=SEMIBOLD),
            self.version,
            label("to", LARGE, weight=SEMIBOLD),
            self.group,
            16,
            self._summary,
            spacing=8,
        )
        layout.setStretch(layout.count() - 1, 1)
        self.setLayout(layout)

    def choose(self, version_id: int | None, group_name: str | None) -> None:
        """Start with this version and group, where they are known and can be had."""
        for combo, wanted in ((self.version, version_id), (self.group, group_name)):
            found = combo.findData(wanted) if wanted is not None else 0
            if found < 0 and wanted is not None:
                combo.insertItem(0, str(wanted) if combo is self.group else "This version", wanted)
                found = 0
            combo.setCurrentIndex(found)
            combo.currentIndexChanged.connect(lambda _index: self.changed.emit())

    def version_id(self) -> int | None:
        """The chosen version's id."""
        found = self.version.currentData()
        return found if isinstance(found, int) else None

    def group_name(self) -> str | None:
        """The chosen group."""
        found = self.group.currentData()
        return found if isinstance(found, str) else None

    def show_summary(self, summary: str, size_bytes: int) -> None:
        """`Devices: 12 of 15 · 3 excluded · 3.6 MB over the network`; nothing for an empty summary."""
        self._summary.setText(f"Devices: {summary} · {words.size(size_bytes)} over the network" if summary else "")


def _combo(name: str) -> QComboBox:
    made = QComboBox()
    made.setAccessibleName(name)
    made.setMinimumContentsLength(14)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    made.setMaximumWidth(320)
    made.setIconSize(QSize(16, 16))
    return made
