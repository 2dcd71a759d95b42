"""How many devices have which status, over the heat map: its legend, and a filter at a click."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from edgeyard.desktop.fleet_frame import FleetFrame
from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, MEDIUM, font, metrics
from edgeyard.desktop.look.shape import WORDS, StatusShape
from edgeyard.desktop.look.side import mirrored
from edgeyard.desktop.widget.basic import row
from edgeyard.domain.device import STATUS_ORDER, DeviceStatus

_SPACING = 8
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_ROLES = {DeviceStatus.ALARM: "alarm", DeviceStatus.ATTENTION: "attention"}


class _StatusCount(QAbstractButton):
    def __init__(self, status: DeviceStatus) -> None:
        super().__init__()
        self.status = status
        self._count = -1
        self.compact = False
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.show_count(0)

    def show_count(self, number: int) -> None:
        if number == self._count:
            return
        self._count = number
        self.setVisible(number > 0 or self.status is DeviceStatus.HEALTHY)
        self.setText(f"{number:,}")
        self.setAccessibleName(f"{number:,} {WORDS[self.status]}: show only these")
        self.setToolTip(f"Show only {WORDS[self.status].lower()} devices")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self.width_for(compact=self.compact), 24)

    def width_for(self, *, compact: bool) -> int:
        number = 22 + metrics(BASE, MEDIUM).horizontalAdvance(self.text()) + 6
        return number if compact else number + 5 + metrics(BASE).horizontalAdvance(WORDS[self.status])

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.underMouse() or self.hasFocus():
            painter.setPen(QPen(theme.colour("accent"), 2) if self.hasFocus() else Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("hover"))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 4, 4)
        whole = self.rect()
        StatusShape.paint(painter, QRectF(mirrored(painter, whole, QRect(3, 4, 16, 16))), self.status)
        role = _ROLES.get(self.status)
        painter.setFont(font(BASE, MEDIUM))
        painter.setPen(theme.colour(role or "text"))
        number = metrics(BASE, MEDIUM).horizontalAdvance(self.text()) + 1
        painter.drawText(mirrored(painter, whole, QRect(22, 0, number, 24)), _LEFT, self.text())
        if self.compact:
            return
        painter.setFont(font())
        painter.setPen(theme.colour(role or "quiet"))
        word = QRect(22 + number + 4, 0, self.width() - number - 26, 24)
        painter.drawText(mirrored(painter, whole, word), _LEFT, WORDS[self.status])


class StatusLegend(QWidget):
    """The worst on the left."""

    picked = Signal(str)
    """A filter text, such as `status:alarm`."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Devices by status")
        self._counts = [_StatusCount(status) for status in STATUS_ORDER]
        for button in self._counts:
            button.clicked.connect(lambda _checked=False, status=button.status: self.picked.emit(f"status:{status}"))
        self.setLayout(row(*self._counts, None, spacing=_SPACING))

    def show_frame(self, frame: FleetFrame) -> None:
        """Count."""
        for button in self._counts:
            button.show_count(frame.count(button.status))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Where words do not fit, the calm ones lose theirs first; shape, number and tooltip stay."""
        shown = [button for button in self._counts if button.isVisibleTo(self)]
        full = {button: button.width_for(compact=False) + _SPACING for button in shown}
        short = {button: button.width_for(compact=True) + _SPACING for button in shown}
        wrong = [button for button in shown if button.status in _ROLES]
        tight = sum(full.values()) > self.width()
        tighter = sum(short.values()) + sum(full[button] - short[button] for button in wrong) > self.width()
        for button in shown:
            compact = tighter or (tight and button not in wrong)
            if compact != button.compact:
                button.compact = compact
                button.updateGeometry()
                button.update()
