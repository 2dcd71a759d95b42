"""The left rail: one button a page, an icon with its word."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QFocusEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QFrame, QWidget

from edgeyard.desktop.drag import read_version
from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import MEDIUM, REGULAR, SMALL, font
from edgeyard.desktop.look.icon import icon_pixmap
from edgeyard.desktop.look.side import mirrored
from edgeyard.desktop.page import PageEntry
from edgeyard.desktop.widget.basic import column

WIDTH = 76
_BY_KEYBOARD = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)
_SPRING_MS = 350
"""How long a dragged version hovers over a page before it opens."""


class RailButton(QAbstractButton):
    """One page's button; opens under a dragged version that lingers on it."""

    def __init__(self, entry: PageEntry) -> None:
        super().__init__()
        self.entry = entry
        self.setText(entry.title)
        self.setAccessibleName(entry.title)
        self.setToolTip(f"{entry.title}  ({entry.shortcut})")
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAcceptDrops(True)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._ring = False
        self._spring = QTimer(self)
        self._spring.setSingleShot(True)
        self._spring.setInterval(_SPRING_MS)
        self._spring.timeout.connect(self.click)

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, 60)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        palette = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(6, 3, -6, -3)
        if self.isChecked() or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("selected" if self.isChecked() else "hover"))
            painter.drawRoundedRect(box, 6, 6)
        if self._ring and self.hasFocus():
            painter.setPen(QPen(theme.colour("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 5, 5)
        colour = palette.accent if self.isChecked() else palette.quiet
        pixmap = icon_pixmap(self.entry.icon, colour, 20, self.devicePixelRatioF())
        painter.drawPixmap((self.width() - 20) // 2, 12, pixmap)
        painter.setFont(font(SMALL, MEDIUM if self.isChecked() else REGULAR))
        painter.setPen(theme.colour("accent" if self.isChecked() else "quiet"))
        painter.drawText(QRect(0, 35, self.width(), 16), Qt.AlignmentFlag.AlignCenter, self.text())

    def focusInEvent(self, event: QFocusEvent) -> None:
        # A ring at every start of the program, because something must have the focus, would only distract.
        self._ring = event.reason() in _BY_KEYBOARD
        super().focusInEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if read_version(event.mimeData()) is not None:
            event.acceptProposedAction()
            self._spring.start()
        else:
            event.ignore()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        del event
        self._spring.stop()

    def dropEvent(self, event: QDropEvent) -> None:
        # A page is not a target: the drag goes on to a group.
        self._spring.stop()
        event.ignore()


class Rail(QFrame):
    """All pages; exactly one is current."""

    chosen = Signal(str)

    def __init__(self, entries: Sequence[PageEntry], foot: Sequence[QWidget] = ()) -> None:
        super().__init__()
        self.setProperty("panel", "flat")
        self.setFixedWidth(WIDTH)
        self.setAccessibleName("Pages")
        self._buttons = {entry.id: RailButton(entry) for entry in entries}
        self._group = QButtonGroup(self)
        for button in self._buttons.values():
            self._group.addButton(button)
            button.clicked.connect(lambda _checked=False, page=button.entry.id: self.chosen.emit(page))
        layout = column(*self._buttons.values(), None, *foot, margins=(0, 5, 0, 8))
        self.setLayout(layout)
        for widget in foot:
            layout.setAlignment(widget, Qt.AlignmentFlag.AlignHCenter)

    def set_current(self, page: str) -> None:
        """Mark the page that is shown; a page outside the rail marks the one it belongs to or none."""
        self._group.setExclusive(False)
        for button in self._buttons.values():
            button.setChecked(button.entry.id == page)
        self._group.setExclusive(True)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        edge = mirrored(painter, self.rect(), QRect(self.width() - 1, 0, 1, self.height()))
        painter.fillRect(edge, theme.colour("line"))
