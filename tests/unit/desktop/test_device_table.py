"""The device table: a proper model, selection by id, rows that hold still."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QPointF, Qt
from PySide6.QtGui import QDrag, QEnterEvent, QImage, QMouseEvent
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from edgeyard.desktop.fleet_frame import FleetFrame, FrameBuilder
from edgeyard.desktop.fleet_page.cell_painter import ROW_HEIGHT
from edgeyard.desktop.fleet_page.device_column import (
    COLUMNS,
    DEVICE,
    HARDWARE,
    LABELS,
    MODEL,
    P95,
    SEEN,
    STATUS,
    fit_widths,
)
from edgeyard.desktop.fleet_page.table_model import FleetTableModel
from edgeyard.desktop.fleet_page.table_view import DeviceTable
from edgeyard.desktop.look.palette import LIGHT, ThemeName
from edgeyard.desktop.look.theme import Theme
from edgeyard.domain.device import Device
from edgeyard.domain.filter import parse_filter
from tests.unit.desktop.fleet_world import NOW, device, mixed_fleet


def fleet(number: int = 30) -> list[Device]:
    return [device(f"press-{n:03}", latency_p95_ms=float((n * 7) % 30)) for n in range(number)]


@pytest.fixture
def builder() -> FrameBuilder:
    return FrameBuilder()


@pytest.fixture
def model(builder: FrameBuilder) -> FleetTableModel:
    made = FleetTableModel(lambda: NOW)
    made.show_frame(builder.start(mixed_fleet(), NOW))
    return made


@pytest.fixture
def table(qtbot: QtBot, theme: Theme, builder: FrameBuilder) -> DeviceTable:
    made = DeviceTable(FleetTableModel(lambda: NOW))
    qtbot.addWidget(made)
    made.resize(900, 400)
    made.show_frame(builder.start(fleet(), NOW))
    made.show()
    qtbot.waitExposed(made)
    return made


def ids(model: FleetTableModel) -> list[str]:
    return [model.device_id(row) for row in range(model.rowCount())]


def later(builder: FrameBuilder, *changed: Device) -> FleetFrame:
    frame = builder.update(list(changed), NOW + 1)
    assert frame is not None
    return frame


# --- the model -------------------------------------------------------------------------------------------------------


def test_the_model_keeps_the_rules_of_item_models_through_all_its_changes(
    qtbot: QtBot, theme: Theme, builder: FrameBuilder
) -> None:
    model = FleetTableModel(lambda: NOW)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show_frame(builder.start(mixed_fleet(), NOW))
    model.sort(P95, Qt.SortOrder.DescendingOrder)
    model.set_filter(parse_filter("line=1"))
    model.arrange()
    model.show_frame(later(builder, device("c-healthy", latency_p95_ms=70.0)))
    model.set_scope(np.zeros(7, np.bool_))
    model.arrange()
    model.show_frame(builder.start([], NOW + 2))
    assert model.rowCount() == 0
    del tester


def test_the_worst_devices_come_first(model: FleetTableModel) -> None:
    assert ids(model)[:3] == ["a-alarm", "b-attention", "g-updating"]
    assert ids(model)[-1] == "c-healthy"


@pytest.mark.parametrize("column", [STATUS, DEVICE, MODEL, HARDWARE, SEEN, P95, LABELS])
def test_sorting_backwards_is_sorting_forwards_turned_round(model: FleetTableModel, column: int) -> None:
    key = COLUMNS[column].key(model.frame)
    for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
        model.sort(column, order)
        shown = key[model.order]
        known = shown[~np.isnan(shown)]
        steps = np.diff(known)
        assert (steps >= 0).all() if order == Qt.SortOrder.AscendingOrder else (steps <= 0).all()
        assert not np.isnan(shown[: len(known)]).any(), "what is not known comes last either way"


def test_filter_and_group_both_hold(model: FleetTableModel) -> None:
    model.set_filter(parse_filter("line=1"))
    model.arrange()
    assert "b-attention" not in ids(model)
    scope = np.zeros(7, np.bool_)
    scope[[0, 1]] = True
    model.set_scope(scope)
    model.arrange()
    assert ids(model) == ["a-alarm"]


def test_cells_are_text_for_those_who_cannot_see_them(model: FleetTableModel) -> None:
    first = [model.data(model.index(0, column)) for column in range(model.columnCount())]
    assert first[STATUS] == "Alarm"
    assert first[DEVICE] == "a-alarm"
    assert first[P95] == "10.0 ms"
    assert first[SEEN] == "just now"
    assert model.data(model.index(0, 0), Qt.ItemDataRole.ToolTipRole).startswith("The camera is dark.")
    assert model.data(QModelIndex()) is None


def test_dragged_rows_travel_as_ids(model: FleetTableModel) -> None:
    mime = model.mimeData([model.index(0, 0), model.index(0, 1), model.index(1, 0)])
    assert mime.text() == "a-alarm\nb-attention"


# --- columns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", [120, 300, 420, 640, 900, 1400])
def test_columns_fill_the_room_and_the_status_stays(room: int) -> None:
    widths = fit_widths(room)
    assert STATUS in widths
    assert sum(widths.values()) == room
    assert all(widths[number] >= COLUMNS[number].least for number in widths)


def test_columns_give_way_in_their_order() -> None:
    assert set(fit_widths(440)) >= {STATUS, DEVICE, MODEL, P95}
    assert LABELS not in fit_widths(656)
    assert len(fit_widths(1400)) == len(COLUMNS)


# --- the view --------------------------------------------------------------------------------------------------------


def test_a_selection_stays_on_its_devices_while_rows_move(table: DeviceTable, builder: FrameBuilder) -> None:
    table.sortByColumn(P95, Qt.SortOrder.AscendingOrder)
    chosen = [table.fleet.device_id(3), table.fleet.device_id(5)]
    table.select(chosen)
    moved = [device(name, latency_p95_ms=500.0) for name in sorted(chosen)]
    table.show_frame(later(builder, *moved))
    table.arrange()
    rows = {index.row() for index in table.selectionModel().selectedRows()}
    assert {table.fleet.device_id(row) for row in rows} == set(chosen)
    assert rows == {28, 29}
    assert sorted(table.selected_ids()) == sorted(chosen)


def test_a_selection_survives_devices_that_come_and_go(table: DeviceTable, builder: FrameBuilder) -> None:
    table.select(["press-010"])
    table.show_frame(builder.start([device("aaa"), *fleet()], NOW + 1))
    assert table.selected_ids() == ["press-010"]
    index = table.selectionModel().selectedRows()[0]
    assert table.fleet.device_id(index.row()) == "press-010"


def test_what_is_filtered_out_stays_selected(table: DeviceTable) -> None:
    table.select(["press-010"])
    table.fleet.set_filter(parse_filter("press-02*"))
    table.arrange()
    assert table.selected_ids() == ["press-010"]
    table.fleet.set_filter(parse_filter(""))
    table.arrange()
    assert len(table.selectionModel().selectedRows()) == 1


def test_a_person_who_selects_is_heard_and_a_snapshot_is_not(
    qtbot: QtBot, table: DeviceTable, builder: FrameBuilder
) -> None:
    told: list[list[str]] = []
    table.chosen.connect(told.append)
    table.show_frame(later(builder, device("press-001", problem="x", problem_severity="alarm")))
    table.arrange()
    assert told == []
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(200, 14))
    assert told == [["press-001"]]


def hover(table: DeviceTable, row: int) -> None:
    """Put the pointer on a row."""
    point = QPointF(100, table.rowViewportPosition(row) + 10)
    viewport = table.viewport()
    QApplication.sendEvent(viewport, QEnterEvent(point, point, viewport.mapToGlobal(point)))
    viewport.setAttribute(Qt.WidgetAttribute.WA_UnderMouse, True)
    move = QMouseEvent(
        QEvent.Type.MouseMove, point, viewport.mapToGlobal(point),
        Qt.MouseButton.NoButton, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(viewport, move)


def leave(table: DeviceTable) -> None:
    table.viewport().setAttribute(Qt.WidgetAttribute.WA_UnderMouse, False)
    QApplication.sendEvent(table, QEvent(QEvent.Type.Leave))


def test_rows_do_not_move_under_the_pointer_and_do_once_it_left(
    qtbot: QtBot, table: DeviceTable, builder: FrameBuilder
) -> None:
    before = ids(table.fleet)
    settled: list[bool] = []
    table.settled.connect(settled.append)
    hover(table, 4)
    assert table.is_held()
    table.show_frame(later(builder, device("press-020", problem="x", problem_severity="alarm")))
    table.settle()
    assert ids(table.fleet) == before
    assert settled == [False]
    leave(table)
    table.settle()
    assert ids(table.fleet)[0] == "press-020"
    assert settled[-1]


def test_figures_change_in_place_while_rows_hold_still(table: DeviceTable, builder: FrameBuilder) -> None:
    hover(table, 2)
    row = ids(table.fleet).index("press-020")
    table.show_frame(later(builder, device("press-020", latency_p95_ms=77.0)))
    assert table.fleet.data(table.fleet.index(row, P95)) == "77.0 ms"


def test_a_filter_that_was_typed_is_applied_even_under_the_pointer(table: DeviceTable) -> None:
    hover(table, 2)
    table.fleet.set_filter(parse_filter("press-02*"))
    table.arrange()
    assert len(ids(table.fleet)) == 10


def test_enter_opens_the_device_and_the_menu_key_asks(qtbot: QtBot, table: DeviceTable) -> None:
    table.setCurrentIndex(table.fleet.index(2, 0))
    with qtbot.waitSignal(table.opened) as opened:
        qtbot.keyClick(table, Qt.Key.Key_Return)
    assert opened.args == [table.fleet.device_id(2)]
    with qtbot.waitSignal(table.asked):
        qtbot.keyClick(table, Qt.Key.Key_Menu)


def test_the_keyboard_stays_on_its_device_when_rows_move(table: DeviceTable, builder: FrameBuilder) -> None:
    table.setCurrentIndex(table.fleet.index(7, 0))
    here = table.current_id()
    table.show_frame(later(builder, device("press-029", problem="x", problem_severity="alarm")))
    table.arrange()
    assert table.current_id() == here


def grabbed(table: DeviceTable) -> QImage:
    """The rows as they are painted now."""
    return table.viewport().grab().toImage()


def test_rows_are_painted_once_and_copied_while_they_scroll(table: DeviceTable) -> None:
    grabbed(table)
    painted = table.pictures.painted
    grabbed(table)
    assert table.pictures.painted == painted
    table.verticalScrollBar().setValue(ROW_HEIGHT * 2)
    grabbed(table)
    assert 0 < table.pictures.painted - painted <= 4, "only the rows that came in"


def test_only_a_row_with_news_is_painted_again(table: DeviceTable, builder: FrameBuilder) -> None:
    before, painted = grabbed(table), table.pictures.painted
    table.show_frame(later(builder, device("press-001", latency_p95_ms=333.0)))
    assert grabbed(table) != before
    assert table.pictures.painted - painted == 1


def test_the_selection_and_the_theme_can_be_seen(table: DeviceTable, theme: Theme) -> None:
    table.clearFocus()
    plain = grabbed(table)
    table.select(["press-003"])
    chosen = grabbed(table)
    assert chosen != plain
    table.select([])
    assert grabbed(table) == plain
    theme.apply(ThemeName.DARK)
    assert grabbed(table) != plain


def test_the_age_of_a_report_grows_without_painting_rows_again(
    qtbot: QtBot, theme: Theme, builder: FrameBuilder
) -> None:
    now = [NOW]
    table = DeviceTable(FleetTableModel(lambda: now[0]))
    qtbot.addWidget(table)
    table.resize(900, 200)
    table.show_frame(builder.start(fleet(3), NOW))
    before, painted = grabbed(table), table.pictures.painted
    now[0] += 5
    assert grabbed(table) != before
    assert table.pictures.painted == painted


def test_below_the_last_row_is_the_panel(qtbot: QtBot, theme: Theme, builder: FrameBuilder) -> None:
    table = DeviceTable(FleetTableModel(lambda: NOW))
    qtbot.addWidget(table)
    table.resize(900, 400)
    table.show_frame(builder.start(fleet(2), NOW))
    assert grabbed(table).pixelColor(20, 200).name().upper() == LIGHT.panel


def test_ten_thousand_rows_are_sorted_and_filtered_within_a_blink(theme: Theme, builder: FrameBuilder) -> None:
    import time

    base = device("x")
    devices = [replace(base, id=f"d-{n:05}", latency_p95_ms=float(n % 97)) for n in range(10_000)]
    model = FleetTableModel(lambda: NOW)
    model.show_frame(builder.start(devices, NOW))
    started = time.thread_time()
    for column in range(len(COLUMNS)):
        model.sort(column, Qt.SortOrder.DescendingOrder)
    model.set_filter(parse_filter("hw:pi5 line=1 !status:offline"))
    model.arrange()
    assert time.thread_time() - started < 1.5


def test_what_is_dragged_is_what_is_selected_and_shown(table: DeviceTable, monkeypatch: pytest.MonkeyPatch) -> None:
    carried: list[str] = []
    monkeypatch.setattr(QDrag, "exec", lambda drag, *_: carried.append(drag.mimeData().text()))
    table.select(["press-003", "press-021", "press-001"])
    table.fleet.set_filter(parse_filter("press-00*"))
    table.arrange()
    table.startDrag(Qt.DropAction.CopyAction)
    assert carried == ["press-001\npress-003"]


class CountingModel(FleetTableModel):
    """Counts how often it is asked about a cell."""

    asked = 0

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        self.asked += 1
        return super().flags(index)


def test_nobody_asks_for_every_cell_when_everything_is_selected(
    qtbot: QtBot, theme: Theme, builder: FrameBuilder
) -> None:
    table = DeviceTable(model := CountingModel(lambda: NOW))
    qtbot.addWidget(table)
    table.show()
    table.show_frame(builder.start(fleet(5000), NOW))
    table.selectAll()
    grabbed(table)
    table.show_frame(builder.start(fleet(4999), NOW + 1))
    grabbed(table)
    assert len(table.selected_ids()) == 5000
    assert model.asked < 1000
