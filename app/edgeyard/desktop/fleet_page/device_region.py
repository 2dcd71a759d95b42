"""The middle of the Fleet page: the map over the table, both over the same selection, filter and group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QStackedWidget, QWidget

from edgeyard.desktop.desk import Desk
from edgeyard.desktop.fleet_frame import FleetFrame
from edgeyard.desktop.fleet_page.filter_box import FilterBox
from edgeyard.desktop.fleet_page.heat_layout import height_for
from edgeyard.desktop.fleet_page.heat_map import HeatMap
from edgeyard.desktop.fleet_page.legend import StatusLegend
from edgeyard.desktop.fleet_page.table_model import FleetTableModel
from edgeyard.desktop.fleet_page.table_view import DeviceTable
from edgeyard.desktop.group_frame import Mask
from edgeyard.desktop.look.font import SMALL
from edgeyard.desktop.widget.basic import button, column, label, panel, row
from edgeyard.desktop.widget.empty_state import EmptyState
from edgeyard.desktop.widget.skeleton import Skeleton
from edgeyard.desktop.widget.words import count
from edgeyard.domain.filter import Filter

_AGES_MS = 1000
_LEAST_MAP = 200
_AROUND_MAP = 58
"""Legend, margins and lines above and below the map."""


class DeviceRegion(QWidget):
    """Whatever is selected in one of them is selected in both."""

    chosen = Signal(list)
    opened = Signal(str)
    asked = Signal(QPoint)

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._moved = False
        self._scope: Mask | None = None
        self.legend = StatusLegend()
        self.map = HeatMap()
        self.filter = FilterBox()
        self.model = FleetTableModel(desk.bridge.now)
        self.table = DeviceTable(self.model)
        self._count = label("", SMALL, "quiet")
        self._held = label("", SMALL, "quiet")
        self._nothing = EmptyState(
            "filter",
            "No device matches",
            "",
            button("Clear the filter", lambda: self.set_filter_text(""), primary=True),
        )
        self._nothing.setProperty("panel", "flat")
        self._stack = QStackedWidget()
        for widget in (Skeleton("Devices"), self.table, self._nothing):
            self._stack.addWidget(widget)
        self._build()
        self.legend.picked.connect(self.set_filter_text)
        self.filter.changed.connect(self._on_filter)
        self.filter.field.left_down.connect(self.focus_table)
        self.map.chosen.connect(self._on_map_chosen)
        self.map.opened.connect(self.opened)
        self.table.chosen.connect(self._on_table_chosen)
        self.table.opened.connect(self.opened)
        self.table.asked.connect(self.asked)
        self.table.settled.connect(self._on_settled)
        self._ages = QTimer(self)
        self._ages.setInterval(_AGES_MS)
        self._ages.timeout.connect(self.table.viewport().update)
        self._ages.start()
        text = desk.memory.text("fleet/filter")
        if text:
            self.filter.set_text(text)

    def _build(self) -> None:
        upper = panel(column(self.legend, 4, self.map, margins=(12, 8, 12, 10)))
        upper.setMinimumHeight(84)
        head = row(self.filter, 12, self._held, self._count, spacing=8, margins=(8, 8, 12, 6))
        head.setStretchFactor(self.filter, 1)
        head.setAlignment(self._count, Qt.AlignmentFlag.AlignTop)
        head.setAlignment(self._held, Qt.AlignmentFlag.AlignTop)
        for words in (self._count, self._held):
            words.setMinimumHeight(28)
        body = column(head, self._stack, margins=(1, 1, 1, 1))
        body.setStretch(1, 1)
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(8)
        self._split.addWidget(upper)
        self._split.addWidget(panel(body))
        self._split.setStretchFactor(1, 1)
        self._split.splitterMoved.connect(self._on_split_moved)
        self.setLayout(column(self._split))

    # --- figures -------------------------------------------------------------------------------------------------

    def show_frame(self, frame: FleetFrame) -> None:
        """Take over newer figures."""
        self.legend.show_frame(frame)
        self.map.show_frame(frame)
        self.table.show_frame(frame)
        self._show_faint()
        self._show_count()
        self._size_map()

    def set_stale(self, stale: bool) -> None:
        """Grey everything: this is the last known picture."""
        self.map.set_stale(stale)
        self.table.set_stale(stale)

    def set_scope(self, scope: Mask | None) -> None:
        """Show only a group's devices in the table, the others faint on the map."""
        before = self._scope
        same = scope is before or (scope is not None and before is not None and np.array_equal(scope, before))
        self._scope = scope
        self.model.set_scope(scope)
        if not same:
            self.table.arrange()
            self._show_faint()
            self._show_count()

    # --- filter and selection ------------------------------------------------------------------------------------

    def set_filter_text(self, text: str) -> None:
        """Filter by `text`, as if a person had typed it."""
        self.filter.set_text(text)

    def clear_filter(self) -> bool:
        """Empty the filter; whether there was one."""
        had = bool(self.filter.text())
        self.filter.set_text("")
        return had

    def focus_filter(self) -> None:
        """Ctrl+F."""
        self.filter.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.field.selectAll()

    def focus_table(self) -> None:
        """Let the keyboard go on in the table."""
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        if not self.table.currentIndex().isValid() and len(self.model.order):
            self.table.setCurrentIndex(self.model.index(0, 0))

    def select(self, device_ids: Sequence[str]) -> None:
        """Select devices in table and map."""
        self.table.select(device_ids)
        self.map.select(list(device_ids))

    def selected_ids(self) -> list[str]:
        """The selection."""
        return self.table.selected_ids()

    def save(self) -> None:
        """Remember the filter."""
        self._desk.memory.put("fleet/filter", self.filter.text()[:1000])

    def _on_filter(self, wanted: Filter) -> None:
        self.model.set_filter(wanted)
        self.table.arrange()
        self.table.scrollToTop()
        self._show_faint()
        self._show_count()

    def _on_map_chosen(self, device_id: str) -> None:
        ids = [device_id] if device_id else []
        self.select(ids)
        self.chosen.emit(ids)

    def _on_table_chosen(self, device_ids: list[str]) -> None:
        self.map.select(device_ids)
        self.chosen.emit(device_ids)

    def _on_settled(self, settled: bool) -> None:
        self._held.setText("" if settled else "order held while you point")
        self._held.setToolTip("Rows move to their place once the pointer leaves the table.")

    def _show_faint(self) -> None:
        passing = self.model.passing()
        self.map.show_only(None if passing.all() else passing)

    def _show_count(self) -> None:
        shown, total = len(self.model.order), len(self.model.frame)
        self._count.setText(count(total, "device") if shown == total else f"{shown:,} of {count(total, 'device')}")
        loading = not total
        self._stack.setCurrentIndex(0 if loading else 1 if shown else 2)
        if not shown and total:
            self._nothing.say("No device matches", _none_of(total))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._size_map()

    def _size_map(self) -> None:
        """Give the map the height that suits the fleet, unless a person has moved the splitter."""
        number = len(self.model.frame)
        if not number or self._moved or self.map.width() < _LEAST_MAP:
            return
        upper = height_for(number, self.map.width(), self.map.tile_width) + _AROUND_MAP
        if self._split.sizes()[0] != upper:
            self._split.setSizes([upper, max(200, self._split.height() - upper)])

    def _on_split_moved(self) -> None:
        self._moved = True


def _none_of(total: int) -> str:
    devices = "The one device does not pass" if total == 1 else f"None of {total:,} devices passes"
    return f"{devices} the filter and the group."
