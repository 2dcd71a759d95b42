"""Ctrl+K: go to any device, model, rollout or page, or do anything that can be done, by a few letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import QFrame, QLineEdit, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import BASE, LARGE, SMALL, font, metrics
from edgeyard.desktop.look.icon import icon_pixmap
from edgeyard.desktop.look.side import mirrored
from edgeyard.desktop.widget.basic import column, label, rule

WIDTH = 600
_ROW = 36
_SHOWN = 10
LIMIT = 40

_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the palette. A `refusal` makes it visible but not choosable."""

    title: str
    kind: str
    icon: str
    run: Callable[[], object]
    detail: str = ""
    shortcut: str = ""
    refusal: str = ""


Search = Callable[[str], Sequence[Choice]]


class _Choices(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.choices: Sequence[Choice] = ()

    def show(self, choices: Sequence[Choice]) -> None:
        self.beginResetModel()
        self.choices = choices
        self.endResetModel()

    def rowCount(self, parent: _Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.choices)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        choice = self.choices[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return choice.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{choice.title}, {choice.kind}. {choice.refusal or choice.detail}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return choice.refusal or None
        return None


class _ChoiceDelegate(QStyledItemDelegate):
    def __init__(self, model: _Choices) -> None:
        super().__init__()
        self._model = model

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        del option, index
        return QSize(200, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        choice = self._model.choices[index.row()]
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        palette = theme.current()
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.colour("selected"))
        ratio = painter.device().devicePixelRatioF()
        pixmap = icon_pixmap(choice.icon, palette.quiet, 16, ratio)
        painter.drawPixmap(mirrored(painter, rect, QRect(rect.left() + 14, rect.top() + 10, 16, 16)), pixmap)
        tail = choice.shortcut or choice.kind
        tail_width = metrics(SMALL).horizontalAdvance(tail)
        painter.setFont(font(SMALL))
        painter.setPen(theme.colour("quiet"))
        painter.drawText(mirrored(painter, rect, rect.adjusted(0, 0, -14, 0)), _RIGHT, tail)
        left = rect.adjusted(42, 0, -tail_width - 28, 0)
        painter.setFont(font(BASE))
        painter.setPen(theme.colour("quiet" if choice.refusal else "text"))
        title = metrics(BASE).elidedText(choice.title, Qt.TextElideMode.ElideMiddle, left.width())
        painter.drawText(mirrored(painter, rect, left), _LEFT, title)
        rest = left.adjusted(metrics(BASE).horizontalAdvance(title) + 12, 0, 0, 0)
        detail = choice.refusal or choice.detail
        if detail and rest.width() > 40:
            painter.setPen(theme.colour("quiet"))
            shown = metrics(BASE).elidedText(detail, Qt.TextElideMode.ElideRight, rest.width())
            painter.drawText(mirrored(painter, rect, rest), _LEFT, shown)


_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


class CommandPalette(QFrame):
    """A field and what it finds; arrows choose, Enter goes, Esc closes."""

    def __init__(self, window: QWidget, search: Search) -> None:
        super().__init__(window, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setProperty("panel", "true")
        self.setAccessibleName("Find anything")
        self._search = search
        self._field = QLineEdit()
        self._field.setAccessibleName("Find a device, model, rollout, page or action")
        self._field.setPlaceholderText("Device, model, rollout, page or action")
        self._field.setFont(font(LARGE))
        self._field.setFrame(False)
        self._field.setStyleSheet("QLineEdit, QLineEdit:focus { border: 0; padding: 0; }")
        self._field.textChanged.connect(self._on_text_changed)
        self._field.installEventFilter(self)
        self._choices = _Choices()
        self._list = QListView()
        self._list.setAccessibleName("Found")
        self._list.setModel(self._choices)
        self._delegate = _ChoiceDelegate(self._choices)
        self._list.setItemDelegate(self._delegate)
        self._list.setUniformItemSizes(True)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setMouseTracking(True)
        self._list.entered.connect(self._list.setCurrentIndex)
        self._list.clicked.connect(lambda _index: self._choose())
        self._nothing = label("Nothing is called that.", role="quiet")
        self._nothing.setMargin(16)
        field_row = column(self._field, margins=(16, 10, 16, 10))
        self.setLayout(column(field_row, rule(), self._nothing, self._list, margins=(1, 1, 1, 1)))
        self.setFixedWidth(WIDTH)

    def open(self) -> None:
        """Show it at the top of its window, in the middle."""
        parent = self.parentWidget()
        assert parent is not None
        window = parent.window()
        self._on_text_changed("")
        corner = window.mapToGlobal(window.rect().topLeft())
        self.move(corner.x() + (window.width() - WIDTH) // 2, corner.y() + 64)
        self.show()
        self._field.setFocus()

    def type(self, text: str) -> None:
        """Search for `text`, as if a person had typed it."""
        self._field.setText(text)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: _SHOWN, Qt.Key.Key_PageUp: -_SHOWN}
            step = steps.get(Qt.Key(event.key()))
            if step:
                self._move(step)
                return True
            if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
                self._choose()
                return True
        return super().eventFilter(watched, event)

    def _move(self, step: int) -> None:
        last = len(self._choices.choices) - 1
        row = min(max(self._list.currentIndex().row() + step, 0), last)
        self._list.setCurrentIndex(self._choices.index(row))

    def _on_text_changed(self, text: str) -> None:
        choices = list(self._search(text))[:LIMIT]
        self._choices.show(choices)
        self._list.setCurrentIndex(self._choices.index(0))
        self._nothing.setVisible(not choices)
        self._list.setVisible(bool(choices))
        self._list.setFixedHeight(min(len(choices), _SHOWN) * _ROW + 2)
        self.adjustSize()

    def _choose(self) -> None:
        row = self._list.currentIndex().row()
        if not 0 <= row < len(self._choices.choices):
            return
        choice = self._choices.choices[row]
        if choice.refusal:
            return
        self.close()
        choice.run()
