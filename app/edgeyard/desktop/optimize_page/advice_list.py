"""What another architecture would gain, each advice with where its figures come from."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QScrollArea, QWidget

from edgeyard.desktop.look.font import BASE, MEDIUM, SMALL
from edgeyard.desktop.plan.scroll_body import ScrollBody
from edgeyard.desktop.widget.basic import column, label
from edgeyard.optimize.advice.advisory import Advice

_NONE = "Nothing in this architecture stands out: no block that was measured would make it clearly faster."


class AdviceList(QScrollArea):
    """The largest expected gain first."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setAccessibleName("Advice on the architecture")
        self._shown: tuple[Advice, ...] | None = None

    def show_advice(self, advice: Sequence[Advice]) -> None:
        """Take over the list."""
        if tuple(advice) == self._shown:
            return
        self._shown = tuple(advice)
        parts: list[QWidget | int | None] = []
        for each in advice:
            parts += [
                label(each.title, BASE, weight=MEDIUM, wrap=True),
                label(each.text, BASE, wrap=True),
                label(each.source, SMALL, "quiet", wrap=True),
                12,
            ]
        if not advice:
            parts.append(label(_NONE, BASE, "quiet", wrap=True))
        self.setWidget(ScrollBody(column(*parts, None, spacing=2, margins=(0, 12, 12, 12))))
