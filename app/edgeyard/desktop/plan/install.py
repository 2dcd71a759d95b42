"""Connects dragging, pasting and menus with the plan, once for each window."""

from __future__ import annotations

from collections.abc import Callable

from edgeyard.desktop.desk import Desk, Notice
from edgeyard.desktop.drag import Answers, DraggedVersion
from edgeyard.desktop.plan.drop_check import answer_groups
from edgeyard.desktop.plan.plan_dialog import PlanDialog


def install(desk: Desk) -> None:
    """From now on groups of this window can answer a dragged version, and take it."""

    def consider(version: DraggedVersion, answer: Callable[[Answers], None]) -> None:
        desk.bridge.run(lambda workspace: answer_groups(workspace, version.version_id), answer, desk.complain)

    def drop(version: DraggedVersion, group_id: int) -> None:
        roll_out(desk, version.version_id, group_id)

    desk.drop.install(consider, drop)


def roll_out(desk: Desk, version_id: int | None, group_id: int | None) -> PlanDialog | None:
    """Open the plan with what is known; the rest is chosen in it. Nothing starts by this."""
    models = desk.feeds.models.latest
    frame = desk.feeds.groups.latest
    if models is None or frame is None:
        desk.say(Notice("The site is still being read.", "Try again in a moment.", "attention"))
        return None
    groups = [view.group for view in frame.views]
    name = next((group.name for group in groups if group.id == group_id), None)
    dialog = PlanDialog(desk, models, groups, version_id, name)
    dialog.open()
    return dialog
