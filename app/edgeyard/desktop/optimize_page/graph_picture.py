"""A picture of the model's graph: boxes as the runtime executes them, shaded by their share of the work."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF, QWheelEvent
from PySide6.QtWidgets import QScrollArea, QToolTip, QWidget

from edgeyard.desktop.look import theme
from edgeyard.desktop.look.font import SMALL, font, metrics
from edgeyard.desktop.plan.evidence_words import amount
from edgeyard.optimize.graph_layout import GraphLayout, LayoutNode
from edgeyard.optimize.summary import LayerRow

_BOX_WIDTH, _BOX_HEIGHT = 132, 30
_COLUMN, _RANK = 152, 56
_MARGIN = 12
_ZOOMS = (0.4, 2.0)
_ZOOM_STEP = 1.15


class GraphPicture(QScrollArea):
    """Drag to move, Ctrl+wheel to zoom; a box tells what it stands for."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Graph of the model")
        self._canvas = _Canvas()
        self.setWidget(self._canvas)
        self.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._grip: QPoint | None = None

    def show_graph(self, layout: GraphLayout, layers: Sequence[LayerRow]) -> None:
        """Take over a layout."""
        self._canvas.show_graph(layout, layers)
        operators = ", ".join(node.title for node in layout.nodes[:40])
        self.setAccessibleDescription(f"{len(layout.nodes)} boxes: {operators}")

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._canvas.zoom(_ZOOM_STEP if event.angleDelta().y() > 0 else 1 / _ZOOM_STEP)
            return
        super().wheelEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._grip = event.globalPosition().toPoint()
        self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is None:
            return
        moved = event.globalPosition().toPoint() - self._grip
        self._grip = event.globalPosition().toPoint()
        self.horizontalScrollBar().setValue(self.horizontalScrollBar().value() - moved.x())
        self.verticalScrollBar().setValue(self.verticalScrollBar().value() - moved.y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        del event
        self._grip = None
        self.unsetCursor()


class _Canvas(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setProperty("ground", "panel")
        self._layout = GraphLayout((), (), 0.0, 0.0)
        self._layers: Sequence[LayerRow] = ()
        self._most = 1
        self._zoom = 1.0

    def show_graph(self, layout: GraphLayout, layers: Sequence[LayerRow]) -> None:
        self._layout, self._layers = layout, layers
        self._most = max((node.multiply_adds for node in layout.nodes), default=1) or 1
        self.resize(self.sizeHint())
        self.update()

    def zoom(self, factor: float) -> None:
        self._zoom = max(_ZOOMS[0], min(_ZOOMS[1], self._zoom * factor))
        self.resize(self.sizeHint())
        self.update()

    def sizeHint(self) -> QSize:
        width = (self._layout.width * _COLUMN + _BOX_WIDTH + 2 * _MARGIN) * self._zoom
        height = (self._layout.height * _RANK + _BOX_HEIGHT + 2 * _MARGIN) * self._zoom
        return QSize(round(width), round(height))

    def _point(self, x: float, y: float) -> QPointF:
        return QPointF(_MARGIN + _BOX_WIDTH / 2 + x * _COLUMN, _MARGIN + _BOX_HEIGHT / 2 + y * _RANK)

    def _box(self, node: LayoutNode) -> QRectF:
        middle = self._point(node.x, node.y)
        return QRectF(middle.x() - _BOX_WIDTH / 2, middle.y() - _BOX_HEIGHT / 2, _BOX_WIDTH, _BOX_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(self._zoom, self._zoom)
        shown = QRectF(event.rect())
        seen = QRectF(shown.x() / self._zoom, shown.y() / self._zoom, *(side / self._zoom for side in _sides(shown)))
        seen = seen.adjusted(-_COLUMN, -_RANK, _COLUMN, _RANK)
        painter.setPen(QPen(theme.colour("quiet"), 1))
        for edge in self._layout.edges:
            line = QPolygonF([self._point(x, y) for x, y in edge.points])
            if line.boundingRect().intersects(seen):
                painter.drawPolyline(line)
        painter.setFont(font(SMALL))
        for node in self._layout.nodes:
            box = self._box(node)
            if box.intersects(seen):
                self._paint_box(painter, node, box)

    def _paint_box(self, painter: QPainter, node: LayoutNode, box: QRectF) -> None:
        share = (node.multiply_adds / self._most) ** 0.5
        painter.setBrush(_between(theme.colour("panel"), theme.colour("selected"), share))
        painter.setPen(QPen(theme.colour("accent" if share > 0.6 else "line"), 1))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(theme.colour("text"))
        title = metrics(SMALL).elidedText(node.title, Qt.TextElideMode.ElideRight, _BOX_WIDTH - 12)
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), title)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            place = QPointF(event.pos()) / self._zoom
            node = next((node for node in self._layout.nodes if self._box(node).contains(place)), None)
            if node is not None:
                QToolTip.showText(event.globalPos(), self._words(node), self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def _words(self, node: LayoutNode) -> str:
        rows = [self._layers[index] for index in node.layers if index < len(self._layers)]
        lines = [f"{row.operator} {row.name}" for row in rows[:12]]
        if len(rows) > 12:
            lines.append(f"and {len(rows) - 12} more")
        shape = " × ".join("N" if size is None else str(size) for size in rows[-1].output_shape) if rows else ""
        figures = f"{amount(node.multiply_adds)} multiply-adds, {amount(node.parameters)} parameters"
        return "\n".join([*lines, figures, *([f"gives {shape}"] if shape else [])])


def _sides(area: QRectF) -> tuple[float, float]:
    return area.width(), area.height()


def _between(low: QColor, high: QColor, share: float) -> QColor:
    return QColor.fromRgbF(
        low.redF() + (high.redF() - low.redF()) * share,
        low.greenF() + (high.greenF() - low.greenF()) * share,
        low.blueF() + (high.blueF() - low.blueF()) * share,
    )
