"""The kinds of hardware to serve, to tick."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtWidgets import QCheckBox, QGridLayout, QWidget

from edgeyard.domain.hardware import PROFILES

HOST = "host"
_COLUMNS = 3


class ProfileList(QWidget):
    """This machine first; it is ticked at the beginning, since here every figure can be measured."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Hardware")
        self._boxes = {HOST: QCheckBox("This machine")}
        self._boxes |= {profile.id: QCheckBox(profile.title) for profile in PROFILES.values()}
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(2)
        for number, (profile, box) in enumerate(self._boxes.items()):
            found = PROFILES.get(profile)
            box.setToolTip(f"{found.processor}. Source: {found.source}" if found else "Measured here, for here")
            grid.addWidget(box, number // _COLUMNS, number % _COLUMNS)
        self._boxes[HOST].setChecked(True)
        self.setLayout(grid)

    def chosen(self) -> tuple[str, ...]:
        """Ids of what is ticked."""
        return tuple(profile for profile, box in self._boxes.items() if box.isChecked())

    def choose(self, profiles: Iterable[str]) -> None:
        """Tick these and no others; ids that this program does not know are passed over."""
        wanted = set(profiles)
        for profile, box in self._boxes.items():
            box.setChecked(profile in wanted)
