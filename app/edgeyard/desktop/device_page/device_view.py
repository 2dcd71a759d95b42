"""A device in full: used narrow, as the panel beside the fleet, and wide, as the device's own page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from edgeyard.desktop.desk import Desk
from edgeyard.desktop.device_page.detail import EVERY_S, RANGES_S, DeviceDetail, detail_reader
from edgeyard.desktop.device_page.device_words import event_entries, fact_texts, marks_of, run_entries, slot_texts
from edgeyard.desktop.device_page.problem import problems_of
from edgeyard.desktop.device_page.section import Chips, EntryList, FactGrid, ProblemList
from edgeyard.desktop.device_page.series import LivePoints, charts_of
from edgeyard.desktop.feed import Feed
from edgeyard.desktop.fleet_frame import FleetFrame
from edgeyard.desktop.widget.basic import button, caption, column, label, row
from edgeyard.domain.device import Device

if TYPE_CHECKING:
    from edgeyard.desktop.device_page.chart_stack import ChartStack

_FACTS = ("Model", "Hardware", "Last seen", "Latency p95", "Inferences", "Errors", "Processor", "Memory", "Temperature",
          "Agent", "Joined")  # fmt: skip
_FEW_FACTS = ("Model", "Hardware", "Agent", "Joined")
"""In the panel: the charts show the rest."""
_AROUND_CHARTS = 120
_SLOTS = ("Active", "Standby", "Assigned")


class DeviceView(QScrollArea):
    """Shows one device by id and keeps it current while it is shown."""

    labels_asked = Signal(str)
    changed = Signal(object)
    """The `Device`, whenever its figures changed."""

    def __init__(self, desk: Desk, *, wide: bool) -> None:
        super().__init__()
        self.desk = desk
        self.device_id = ""
        self._wide = wide
        self._detail: DeviceDetail | None = None
        self._feed: Feed | None = None
        self._live = LivePoints()
        self._device: Device | None = None
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Device")
        self._problems = ProblemList()
        self._facts = FactGrid(_FACTS if wide else _FEW_FACTS)
        self._slots = FactGrid(_SLOTS)
        self._runs = EntryList("It has not reported a model yet.")
        self._events = EntryList("It has reported no events.")
        self._labels = Chips()
        self._no_labels = label("None yet. Labels let groups and filters find it.", role="quiet", wrap=True)
        self._charts_place = QVBoxLayout()
        self._charts_place.setContentsMargins(0, 0, 0, 0)
        self._no_figures = label("", role="quiet", wrap=True)
        self._range = QComboBox()
        self._range.setAccessibleName("Time range of the charts")
        self._range.addItems(list(RANGES_S))
        self._range.currentTextChanged.connect(lambda _text: self._open_feed())
        self._stack: ChartStack | None = None
        self._build()
        desk.feeds.fleet.arrived.connect(self._on_frame)

    def show_device(self, device_id: str) -> None:
        """Show this device from now on; nothing for the empty id."""
        if device_id == self.device_id:
            return
        self.device_id = device_id
        self._detail, self._device, self._live = None, None, LivePoints()
        self.verticalScrollBar().setValue(0)
        self._open_feed()
        frame: FleetFrame | None = self.desk.feeds.fleet.latest
        if frame is not None:
            self._on_frame(frame)
        if device_id and self._stack is None:
            # The first charts take a moment: the words come first.
            QTimer.singleShot(0, self._make_charts)

    def device(self) -> Device | None:
        """The device as last read."""
        return self._device

    # --- building ------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        content = QWidget()
        content.setProperty("ground", "panel")
        labels_head = row(caption("Labels"), None, button("Edit…", self._ask_labels, name="Edit labels", link=True))
        labels = column(labels_head, self._no_labels, self._labels, spacing=6)
        figures = row(caption("Figures"), None, self._range)
        charts = column(figures, self._no_figures, self._charts_place, spacing=4)
        models = column(caption("Slots"), self._slots, 8, caption("What it ran"), self._runs, spacing=6)
        events = column(caption("Events"), self._events, spacing=6)
        facts = column(caption("Device"), self._facts, spacing=6)
        if self._wide:
            left = column(self._problems, charts, None, spacing=16)
            right = column(facts, labels, models, events, None, spacing=20)
            side = QWidget()
            side.setLayout(right)
            side.setFixedWidth(360)
            body = row(left, 24, side)
            body.setStretch(0, 1)
            content.setLayout(column(body, None, margins=(16, 12, 16, 16)))
        else:
            content.setLayout(
                column(self._problems, facts, labels, charts, models, events, None, spacing=18, margins=(16, 4, 16, 16))
            )
        self.setWidget(content)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def _make_charts(self) -> None:
        from edgeyard.desktop.device_page.chart_stack import ChartStack

        if self._stack is None:
            self._stack = ChartStack()
            self._stack.export_asked.connect(self._export)
            self._charts_place.addWidget(self._stack)
            self._draw_charts()

    def _open_feed(self) -> None:
        if self._feed is not None:
            self._feed.close()
            self._feed = None
        if self.device_id:
            read = detail_reader(self.device_id, RANGES_S[self._range.currentText()])
            self._feed = self.desk.bridge.feed(f"device {self.device_id}", read, (), every_s=EVERY_S)
            self._feed.arrived.connect(self._on_detail)

    # --- figures -------------------------------------------------------------------------------------------------

    def _on_frame(self, frame: FleetFrame) -> None:
        index = frame.row_of.get(self.device_id)
        if index is None:
            return
        device = frame.devices[index]
        now = self.desk.bridge.now()
        self._problems.show_problems(problems_of(device, now))
        for name, text, tooltip in fact_texts(device, now):
            self._facts.show_fact(name, text, tooltip)
        if device == self._device:
            return
        self._device = device
        labels = [f"{key}={value}" for key, value in device.labels.items()]
        self._labels.show_texts(labels)
        self._no_labels.setVisible(not labels)
        self._show_slots()
        if self._live.add(device):
            self._draw_charts()
        self.changed.emit(device)

    def _on_detail(self, detail: DeviceDetail) -> None:
        if detail.device_id != self.device_id:
            return
        self._detail = detail
        self._runs.show_entries(run_entries(detail))
        self._events.show_entries(event_entries(detail))
        self._show_slots()
        self._draw_charts()

    def _show_slots(self) -> None:
        if self._device is not None:
            for name, text, tooltip in slot_texts(self._device, self._detail):
                self._slots.show_fact(name, text, tooltip)

    def _draw_charts(self) -> None:
        charts = charts_of(self._detail, self._live)
        nothing = all(chart.empty for chart in charts)
        self._no_figures.setVisible(nothing)
        if self._detail is None:
            self._no_figures.setText("")
        elif nothing:
            self._no_figures.setText("No figures in this time. They come with its next report.")
        if self._stack is not None and self.isVisible():
            now = self.desk.bridge.now()
            if self._wide:
                self._stack.fit(self.viewport().height() - _AROUND_CHARTS)
            self._stack.show_charts(charts, marks_of(self._detail), now - RANGES_S[self._range.currentText()], now)

    def _ask_labels(self) -> None:
        if self.device_id:
            self.labels_asked.emit(self.device_id)

    def _export(self, at: QPoint) -> None:
        from edgeyard.desktop.device_page.export import ask_export

        if self._stack is not None:
            ask_export(self.desk, self._stack, self.device_id, at)
