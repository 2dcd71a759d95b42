"""Labels, buttons and lines with the right font, role and accessible name in one call."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from edgeyard.desktop.look.font import BASE, REGULAR, SMALL, font
from edgeyard.desktop.look.icon import icon


def label(
    text: str = "", size: int = BASE, role: str = "", weight: QFont.Weight = REGULAR, *, wrap: bool = False
) -> QLabel:
    """Plain text in a role (`quiet`, `attention`, `alarm` or none); never interpreted as markup."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setFont(font(size, weight))
    made.setWordWrap(wrap)
    if role:
        made.setProperty("role", role)
    if wrap:
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        made.setSizePolicy(policy)
    return made


def set_role(widget: QWidget, role: str) -> None:
    """Change a label's role later."""
    if widget.property("role") != role:
        widget.setProperty("role", role)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def button(
    text: str, run: Callable[[], object], *, name: str = "", primary: bool = False, link: bool = False
) -> QPushButton:
    """A push button; `primary` for the one thing a dialog is for, `link` for a way to elsewhere."""
    made = QPushButton(text)
    made.setAccessibleName(name or text)
    made.setAutoDefault(False)
    if primary:
        made.setProperty("primary", "true")
        made.setDefault(True)
    if link:
        made.setProperty("link", "true")
        made.setCursor(Qt.CursorShape.PointingHandCursor)
    made.clicked.connect(lambda _checked=False: run())
    return made


def tool_button(
    icon_name: str, words: str, run: Callable[[], object] | None = None, *, framed: bool = False
) -> QToolButton:
    """A button that is only an icon: the words are its tooltip and accessible name."""
    made = QToolButton()
    made.setIcon(icon(icon_name))
    made.setIconSize(QSize(16, 16))
    made.setToolTip(words)
    made.setAccessibleName(words)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    if framed:
        made.setProperty("framed", "true")
    if run is not None:
        made.clicked.connect(lambda _checked=False: run())
    return made


def dress_number(field: QAbstractSpinBox) -> None:
    """Give a number the height of the other fields, and its text their distance from the border.

    Qt's style sheets do not reach the editor inside of it.
    """
    field.setFixedHeight(28)
    editor = field.findChild(QLineEdit)
    if editor is not None:
        editor.setTextMargins(6, 0, 6, 0)


class ElidedLabel(QLabel):
    """One line that ends in … when it does not fit, with the whole text as tooltip."""

    def __init__(self, text: str = "", size: int = BASE, role: str = "", weight: QFont.Weight = REGULAR) -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(font(size, weight))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        if role:
            self.setProperty("role", role)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), int(self.alignment() | Qt.AlignmentFlag.AlignVCenter), shown)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._tell()

    def setText(self, text: str) -> None:
        super().setText(text)
        self._tell()

    def _tell(self) -> None:
        too_long = QFontMetrics(self.font()).horizontalAdvance(self.text()) > self.width()
        self.setToolTip(self.text() if too_long else "")


def panel(layout: QLayout | None = None, *, flat: bool = False) -> QFrame:
    """A surface with a hairline around it."""
    made = QFrame()
    made.setProperty("panel", "flat" if flat else "true")
    if layout is not None:
        made.setLayout(layout)
    return made


def column(
    *items: QWidget | QLayout | int | None, spacing: int = 0, margins: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> QVBoxLayout:
    """A vertical layout: widgets, layouts, gaps in pixels; `None` takes the room that is left."""
    made = QVBoxLayout()
    _fill(made, items, spacing, margins)
    return made


def row(
    *items: QWidget | QLayout | int | None, spacing: int = 0, margins: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> QHBoxLayout:
    """A horizontal layout, filled like `column`."""
    made = QHBoxLayout()
    _fill(made, items, spacing, margins)
    return made


def rule() -> QFrame:
    """A horizontal hairline."""
    made = QFrame()
    made.setFixedHeight(1)
    made.setObjectName("rule")
    made.setAutoFillBackground(True)
    made.setBackgroundRole(made.palette().ColorRole.Mid)
    return made


def caption(text: str) -> QLabel:
    """The quiet heading of a section."""
    return label(text, SMALL, "quiet", QFont.Weight.Medium)


def _fill(
    layout: QVBoxLayout | QHBoxLayout,
    items: tuple[QWidget | QLayout | int | None, ...],
    spacing: int,
    margins: tuple[int, int, int, int],
) -> None:
    layout.setContentsMargins(*margins)
    layout.setSpacing(spacing)
    for item in items:
        if item is None:
            layout.addStretch(1)
        elif isinstance(item, int):
            layout.addSpacing(item)
        elif isinstance(item, QWidget):
            layout.addWidget(item)
        else:
            layout.addLayout(item)
