"""One rule of a rollout as a sentence with its number in a field."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox, QSizePolicy, QWidget

from edgeyard.desktop.plan.gate_words import Rule
from edgeyard.desktop.widget.basic import label, row
from edgeyard.domain.rollout import RolloutPolicy

# Without this, a style sheet with a border leaves no room for the number when there are no arrow buttons.
NO_ARROWS = (
    "QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 0px; border: 0; subcontrol-origin: border; }"
)


class _Number(QDoubleSpinBox):
    """Changes by wheel only while it has the focus, so that scrolling past changes nothing."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class RuleRow(QWidget):
    """Shows a rule of a policy, and hands out the policy with the number as it was edited."""

    edited = Signal()

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule = rule
        self.number = _Number()
        self.number.setRange(rule.low, rule.high)
        self.number.setSingleStep(rule.step)
        self.number.setDecimals(rule.decimals)
        self.number.setKeyboardTracking(False)
        self.number.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.number.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.number.setStyleSheet(NO_ARROWS)
        self.number.setFixedSize(60, 28)
        self.number.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.number.setAccessibleName(f"{rule.before} … {rule.after}")
        self.number.setToolTip(f"{rule.why}\nFrom {rule.low:g} to {rule.high:g}.")
        self.number.valueChanged.connect(lambda _value: self.edited.emit())
        after = label(rule.after, wrap=True)
        after.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        layout = row(label(rule.before), self.number, after, spacing=8)
        layout.setStretch(2, 1)
        self.setLayout(layout)
        self.setToolTip(rule.why)

    def show_policy(self, policy: RolloutPolicy) -> None:
        """Show the number of this policy without counting as an edit."""
        self.number.blockSignals(True)
        self.number.setValue(self.rule.read(policy))
        self.number.blockSignals(False)

    def apply(self, policy: RolloutPolicy) -> RolloutPolicy:
        """The policy with this rule's number."""
        return self.rule.write(policy, self.number.value())
