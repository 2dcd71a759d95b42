"""Add or edit a group: its name, what is in it, where it lies, whether it is production."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QLineEdit,
    QPlainTextEdit,
    QRadioButton,
    QStackedWidget,
    QWidget,
)

from edgeyard.desktop.fleet_frame import FleetFrame
from edgeyard.desktop.fleet_page.filter_box import FilterBox
from edgeyard.desktop.group_frame import evaluate
from edgeyard.desktop.look.font import LARGE, MEDIUM, SEMIBOLD, SMALL
from edgeyard.desktop.widget.basic import button, column, label, row, set_role
from edgeyard.desktop.widget.words import count
from edgeyard.domain.error import UserError
from edgeyard.domain.filter import parse_filter
from edgeyard.domain.identifier import check_identifier
from edgeyard.store.group import Group


class GroupDialog(QDialog):
    """Says at every key how many devices the group would have. `accepted_group` carries the result."""

    accepted_group = Signal(object)

    def __init__(self, window: QWidget, group: Group, groups: Sequence[Group], frame: FleetFrame) -> None:
        super().__init__(window)
        self._group = group
        self._groups = groups
        self._frame = frame
        title = f"Edit group {group.name}" if group.id else "New group"
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        self.name = QLineEdit(group.name)
        self.name.setAccessibleName("Group name")
        self.name.setPlaceholderText("press-hall")
        self.name.setMaxLength(63)
        self.dynamic = QRadioButton("All devices that pass a filter, now and later")
        self.static = QRadioButton("A list of devices")
        (self.static if group.kind == "static" else self.dynamic).setChecked(True)
        self.filter = FilterBox()
        self.filter.field.setText(group.filter_text)
        self.members = QPlainTextEdit("\n".join(group.members))
        self.members.setAccessibleName("Device ids, one a line")
        self.members.setPlaceholderText("One device id a line")
        self._stack = QStackedWidget()
        self._stack.addWidget(self.filter)
        self._stack.addWidget(self.members)
        self._parent = QComboBox()
        self._parent.setAccessibleName("Lies under")
        self._fill_parents()
        self.production = QCheckBox("Production: a rollout to it must be held for a second to start")
        self.production.setChecked(group.production)
        self._verdict = label("", SMALL, "quiet", wrap=True)
        self._why = label("", role="quiet", wrap=True)
        self._why.hide()
        self.save = button("Save group" if group.id else "Add group", self._on_save, primary=True)
        cancel = button("Cancel", self.reject)
        self.setLayout(
            column(
                label(title, LARGE, weight=SEMIBOLD), self._why, 8,
                label("Name", SMALL, "quiet", MEDIUM), self.name, 8,
                label("What is in it", SMALL, "quiet", MEDIUM), self.dynamic, self.static, self._stack,
                self._verdict, 8,
                label("Lies under", SMALL, "quiet", MEDIUM), self._parent, 8,
                self.production, 12,
                row(None, cancel, self.save, spacing=8),
                spacing=4, margins=(20, 16, 20, 16),
            )
        )  # fmt: skip
        self.setMinimumWidth(460)
        for signal in (self.name.textChanged, self.filter.field.textChanged, self.members.textChanged):
            signal.connect(self._check)
        self.dynamic.toggled.connect(self._check)
        self._check()
        self.name.setFocus()

    def explain(self, text: str) -> None:
        """Say why the dialog came up."""
        self._why.setText(text)
        self._why.show()

    def wanted(self) -> Group:
        """The group as it stands in the dialog. Raises `UserError` when it cannot be saved."""
        name = check_identifier(self.name.text().strip(), "group name")
        if any(group.name == name and group.id != self._group.id for group in self._groups):
            raise UserError(f"There is already a group named {name}.", "Choose another name.")
        static = self.static.isChecked()
        if not static:
            parse_filter(self.filter.text())
        members = tuple(sorted({line.strip() for line in self._lines()})) if static else ()
        unknown = [member for member in members if member not in self._frame.row_of]
        if unknown:
            raise UserError(f"The site has no device named {unknown[0][:80]}.", "Correct or remove the line.")
        return replace(
            self._group,
            name=name,
            kind="static" if static else "dynamic",
            filter_text="" if static else self.filter.text().strip(),
            members=members,
            production=self.production.isChecked(),
            parent_id=self._parent.currentData(),
        )

    def _lines(self) -> list[str]:
        return [line for line in self.members.toPlainText().splitlines() if line.strip()]

    def _check(self) -> None:
        self._stack.setCurrentWidget(self.members if self.static.isChecked() else self.filter)
        self._stack.setFixedHeight(96 if self.static.isChecked() else 52)
        try:
            wanted = self.wanted()
        except UserError as error:
            named = bool(self.name.text().strip())
            self._say(
                f"{error.what} {error.todo}" if named else "Give the group a name.", "attention" if named else "quiet"
            )
            self.save.setEnabled(False)
            return
        self.save.setEnabled(True)
        if wanted.kind == "static":
            self._say(f"{count(len(wanted.members), 'device')}.", "quiet")
            return
        found = int(np.count_nonzero(evaluate(parse_filter(wanted.filter_text), self._frame, None, None)))
        self._say(f"{count(found, 'device')} of {len(self._frame):,} now.", "quiet")

    def _say(self, text: str, role: str) -> None:
        self._verdict.setText(text)
        set_role(self._verdict, role)

    def _fill_parents(self) -> None:
        self._parent.addItem("Nothing (top level)", None)
        below = self._below(self._group.id) if self._group.id else set()
        for group in self._groups:
            if group.id not in below:
                self._parent.addItem(group.name, group.id)
        self._parent.setCurrentIndex(max(0, self._parent.findData(self._group.parent_id)))

    def _below(self, group_id: int) -> set[int]:
        found, grew = {group_id}, True
        while grew:
            more = {group.id for group in self._groups if group.parent_id in found} - found
            found |= more
            grew = bool(more)
        return found

    def _on_save(self) -> None:
        try:
            wanted = self.wanted()
        except UserError as error:
            self._say(f"{error.what} {error.todo}", "attention")
            return
        self.accepted_group.emit(wanted)
        self.accept()
