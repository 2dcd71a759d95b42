"""How hub, broker and database are, as far as anybody can know it now."""

from __future__ import annotations

from dataclasses import replace

from edgeyard.commands.workspace import Workspace
from edgeyard.store.lease import HUB_SILENT_AFTER_S, ComponentStatus, statuses

_START = "Start it: edgeyard hub run, or restart its service. Devices keep running their models meanwhile."


def site_status(workspace: Workspace) -> list[ComponentStatus]:
    """The components' own words; those of a hub that was killed are old, and say nothing about now."""
    now = workspace.clock()
    with workspace.database.read() as connection:
        rows = statuses(connection)
    hub = next((row for row in rows if row.component == "hub"), None)
    if hub is None:
        words = "No hub has worked on this site yet, so devices cannot join or report."
        return [*rows, ComponentStatus("hub", "down", words, _START, now)]
    silent_s = now - hub.at
    if silent_s <= HUB_SILENT_AFTER_S or hub.state == "down":
        return rows
    return [_aged(row, silent_s) for row in rows]


def _aged(row: ComponentStatus, silent_s: float) -> ComponentStatus:
    if row.component == "hub":
        return replace(row, state="down", text=f"The hub was last heard {silent_s:.0f} s ago.", todo=_START)
    if row.component == "broker":
        return replace(row, state="down", text="Only the hub knows how the broker is, and it is away.", todo=_START)
    return row
