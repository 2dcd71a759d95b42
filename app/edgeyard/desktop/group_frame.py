"""Groups with who is in them now: counted on the reader thread, again only for devices that changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeyard.desktop.fleet_frame import EMPTY_FRAME, FleetFrame, Rows
from edgeyard.domain.device import STATUS_ORDER
from edgeyard.domain.error import UserError
from edgeyard.domain.filter import Filter, parse_filter
from edgeyard.store.group import Group

Mask = npt.NDArray[np.bool_]

_VOLATILE = re.compile(r"\b(?:status|state|problem):|\b(?:p95|seen|cpu|temp)[<>]", re.IGNORECASE)
"""Terms on what every report changes. Groups without any need a look only at devices that were renamed."""
_RECHECK_S = 5.0
"""A filter on `seen` changes its mind by time alone."""


@dataclass(frozen=True, slots=True)
class GroupView:
    """One group. `mask` has one entry per device of the frame it was counted on; `counts` are by status code."""

    group: Group
    mask: Mask
    counts: tuple[int, ...]
    trouble: str = ""
    """Why its filter cannot be used, if so."""

    @property
    def devices(self) -> int:
        """How many devices are in it."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class GroupFrame:
    """All groups, by position and name."""

    views: tuple[GroupView, ...]
    members: int
    """The `members` of the fleet frame that the masks belong to."""

    def view(self, group_id: int) -> GroupView | None:
        """The group with this id."""
        return next((view for view in self.views if view.group.id == group_id), None)


class GroupBook:
    """Keeps the masks; lives on the reader thread."""

    def __init__(self) -> None:
        self._groups: tuple[Group, ...] = ()
        self._filters: dict[int, Filter | UserError] = {}
        self._masks: dict[int, Mask] = {}
        self._frame = EMPTY_FRAME
        self._checked_at = 0.0

    def set_groups(self, groups: Sequence[Group]) -> None:
        """Take over the groups as they are now."""
        known = {group.id: group for group in self._groups}
        self._groups = tuple(groups)
        for group in groups:
            if known.get(group.id) != group:
                self._filters[group.id] = _parse(group)
                self._masks[group.id] = self._count(group, None, self._frame)

    def follow(self, frame: FleetFrame) -> None:
        """Take over a frame: all devices when some came or went, else those that changed."""
        everyone = frame.members != self._frame.members
        by_time = frame.at - self._checked_at > _RECHECK_S
        if by_time:
            self._checked_at = frame.at
        for group in self._groups:
            again = everyone or (by_time and "seen" in group.filter_text)
            if again or group.kind == "dynamic":
                rows = frame.changed if _VOLATILE.search(group.filter_text) else frame.renamed
                if again or len(rows):
                    self._masks[group.id] = self._count(group, None if again else rows, frame)
        self._frame = frame

    def frame(self) -> GroupFrame:
        """The groups as of the last frame."""
        views = []
        for group in self._groups:
            mask = self._masks[group.id]
            counts = np.bincount(self._frame.status[mask], minlength=len(STATUS_ORDER))
            found = self._filters[group.id]
            trouble = str(found) if isinstance(found, UserError) else ""
            views.append(GroupView(group, mask, tuple(counts.tolist()), trouble))
        return GroupFrame(tuple(views), self._frame.members)

    def _count(self, group: Group, rows: Rows | None, frame: FleetFrame) -> Mask:
        if group.kind == "static":
            mask = np.zeros(len(frame), np.bool_)
            mask[frame.rows(group.members)] = True
            return mask
        return evaluate(self._filters[group.id], frame, rows, self._masks.get(group.id))


def evaluate(wanted: Filter | UserError, frame: FleetFrame, rows: Rows | None, before: Mask | None) -> Mask:
    """Which devices pass; with `rows` only those are looked at and the others keep their answer of `before`."""
    if isinstance(wanted, UserError):
        return np.zeros(len(frame), np.bool_)
    if not wanted.text.strip():
        return np.ones(len(frame), np.bool_)
    if rows is None or before is None or len(before) != len(frame):
        rows, mask = np.arange(len(frame)), np.zeros(len(frame), np.bool_)
    else:
        mask = before.copy()
    devices, codes, order, now = frame.devices, frame.status.tolist(), STATUS_ORDER, frame.at
    matches = wanted.matches
    mask[rows] = [matches(devices[row], order[codes[row]], now) for row in rows.tolist()]
    return mask


def _parse(group: Group) -> Filter | UserError:
    try:
        return parse_filter(group.filter_text)
    except UserError as error:
        return error
