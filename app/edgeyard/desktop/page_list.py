"""The pages there are, in the order of the rail. One whose code is not part of this build is not shown."""

from __future__ import annotations

import importlib.util

from edgeyard.desktop.page import PageEntry

_ENTRIES = (
    PageEntry("fleet", "Fleet", "layout-grid", "Ctrl+1", "edgeyard.desktop.fleet_page.page", "FleetPage"),
    PageEntry("models", "Models", "box", "Ctrl+2", "edgeyard.desktop.models_page.page", "ModelsPage"),
    PageEntry("optimize", "Optimize", "gauge", "Ctrl+3", "edgeyard.desktop.optimize_page.page", "OptimizePage"),
    PageEntry("rollouts", "Rollouts", "rocket", "Ctrl+4", "edgeyard.desktop.rollouts_page.page", "RolloutsPage"),
    PageEntry("device", "Device", "cpu", "", "edgeyard.desktop.device_page.page", "DevicePage", in_rail=False),
)


def page_entries() -> tuple[PageEntry, ...]:
    """All pages of this build; nothing of them is imported yet."""
    return tuple(entry for entry in _ENTRIES if _exists(entry.module))


def _exists(module: str) -> bool:
    package = module.rpartition(".")[0]
    return importlib.util.find_spec(package) is not None and importlib.util.find_spec(module) is not None
