"""Notices at the foot of the window: what was done (with its undo), what failed (with what to do)."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QRect, QRectF, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QSizePolicy, QStyle, QWidget

from edgeyard.desktop.desk import Notice
from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, MEDIUM
from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.look.side import mirrored
from edgeyard.desktop.widget.basic import button, column, label, row, tool_button
from edgeyard.domain.device import DeviceStatus

_SHOWN_MS = 8000
_MARGIN = 16
_SHAPES = {"attention": DeviceStatus.ATTENTION, "alarm": DeviceStatus.ALARM}


class NoticeBar(QFrame):
    """One notice at a time, floating over its parent's lower edge. A problem stays until it is closed."""

    def __init__(self, parent: QWidget, taken: Callable[[], int] = lambda: 0) -> None:
        """`taken` says how many pixels at the end of the parent's lower edge belong to something else."""
        super().__init__(parent)
        self._taken = taken
        self.setAccessibleName("Notice")
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Maximum)
        self._severity = "info"
        self._text = label("", BASE, weight=MEDIUM, wrap=True)
        self._todo = label("", BASE, "quiet", wrap=True)
        self._button = button("", self._on_button)
        self._notice = Notice("")
        self._close = tool_button("x", "Close this notice", self.hide)
        texts = column(self._text, self._todo, spacing=2)
        # A gap and not a margin: layouts mirror what is in them only.
        layout = row(28, texts, 12, self._button, self._close, spacing=4, margins=(8, 10, 8, 10))
        layout.setStretch(1, 1)
        layout.setAlignment(self._close, Qt.AlignmentFlag.AlignTop)
        self.setLayout(layout)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SHOWN_MS)
        self._timer.timeout.connect(self.hide)
        parent.installEventFilter(self)
        self.hide()

    def say(self, notice: Notice) -> None:
        """Show `notice` in place of the one before."""
        self._notice = notice
        self._severity = notice.severity
        self._text.setText(notice.text)
        self._todo.setText(notice.todo)
        self._todo.setVisible(bool(notice.todo))
        self._button.setVisible(notice.action is not None)
        if notice.action is not None:
            self._button.setText(notice.action.title)
            self._button.setAccessibleName(notice.action.title)
        self.setAccessibleDescription(f"{notice.text} {notice.todo}")
        self._timer.stop()
        if notice.severity == "info":
            self._timer.start()
        self.show()
        self._place()
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        wrong = self._severity in _SHAPES
        painter.setBrush(theme.colour(f"{self._severity}_ground" if wrong else "panel"))
        painter.setPen(QPen(theme.colour(self._severity if wrong else "line"), 1))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        shape = _SHAPES.get(self._severity, DeviceStatus.HEALTHY)
        StatusShape.paint(painter, QRectF(mirrored(painter, self.rect(), QRect(13, 12, 16, 16))), shape)

    def _place(self) -> None:
        parent = self.parentWidget()
        if parent is None:
            return
        whole = parent.rect().adjusted(0, 0, -self._taken(), 0)
        widest = min(640, whole.width() - 2 * _MARGIN)
        natural = self._text.fontMetrics().horizontalAdvance(self._notice.text) + 190
        width = min(widest, max(360, natural))
        self.setFixedSize(width, self.heightForWidth(width))
        # In the middle, unless that is taken.
        left = min((parent.width() - width) // 2, whole.width() - width - _MARGIN)
        place = QRect(left, parent.height() - self.height() - _MARGIN, width, self.height())
        self.move(QStyle.visualRect(self.layoutDirection(), parent.rect(), place).topLeft())

    def _on_button(self) -> None:
        self.hide()
        if self._notice.action is not None:
            self._notice.action.run()
