"""Right-click on charts: PNG, SVG or CSV of what they show. Files are written on a worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint
from PySide6.QtWidgets import QFileDialog, QMenu

from edgeyard.desktop.action import Action, fill_menu
from edgeyard.desktop.desk import Desk, Notice
from edgeyard.desktop.device_page.series import Chart
from edgeyard.domain.error import UserError

if TYPE_CHECKING:
    from edgeyard.desktop.device_page.chart_stack import ChartStack


def ask_export(desk: Desk, stack: ChartStack, name: str, at: QPoint) -> None:
    """Offer the formats at a point of the screen; `name` begins the file's name."""
    menu = QMenu(stack)
    fill_menu(
        menu,
        [
            Action("png", "Save as PNG…", lambda: _save(desk, stack, f"{name}.png", lambda: png_bytes(stack))),
            Action("svg", "Save as SVG…", lambda: _save(desk, stack, f"{name}.svg", lambda: svg_bytes(stack))),
            Action("csv", "Save as CSV…", lambda: _save(desk, stack, f"{name}.csv", lambda: csv_bytes(stack.charts()))),
        ],
    )
    menu.popup(at)


def png_bytes(stack: ChartStack) -> bytes:
    """The charts as they look."""
    array = QByteArray()
    buffer = QBuffer(array)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    stack.canvas.grab().save(buffer, "PNG")
    buffer.close()
    return bytes(array.data())


def svg_bytes(stack: ChartStack) -> bytes:
    """The charts as lines."""
    from pyqtgraph.exporters import SVGExporter

    made = SVGExporter(stack.canvas.scene()).export(toBytes=True)
    return bytes(made) if made else b""


def csv_bytes(charts: list[Chart]) -> bytes:
    """One line a point and series: Unix seconds, series, unit, value. Gaps are left out."""
    rows = ["unix_s,series,unit,value"]
    for chart in charts:
        for line in chart.lines:
            rows += [
                f"{x:.3f},{chart.title} {line.name},{chart.unit},{y:.6g}"
                for x, y in zip(line.x.tolist(), line.y.tolist(), strict=True)
                if y == y  # noqa: PLR0124 - NaN is not itself
            ]
    return ("\n".join(rows) + "\n").encode()


def _save(desk: Desk, stack: ChartStack, name: str, make: Callable[[], bytes]) -> None:
    path, _ = QFileDialog.getSaveFileName(stack, "Save charts", name)
    if not path:
        return
    data = make()

    def write(_workspace: object) -> None:
        try:
            Path(path).write_bytes(data)
        except OSError as error:
            raise UserError(
                f"The file {path} cannot be written ({error.strerror}).", "Choose another folder, or make room."
            ) from error

    desk.bridge.run(write, lambda _: desk.say(Notice(f"Saved {path}.")), desk.complain)
