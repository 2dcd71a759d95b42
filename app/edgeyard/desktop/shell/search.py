"""What the palette finds: pages, actions, devices, models, rollouts, and what the pages add."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgeyard.desktop.action import Action
from edgeyard.desktop.fleet_feed import FleetFeeds
from edgeyard.desktop.fleet_frame import EMPTY_FRAME, FleetFrame
from edgeyard.desktop.look.shape import WORDS
from edgeyard.desktop.page import Finding, Page, PageEntry, Place
from edgeyard.desktop.shell.fuzzy import NameIndex, score
from edgeyard.desktop.shell.palette import LIMIT, Choice
from edgeyard.domain.hardware import profile_title

Ranked = tuple[float, Choice]


class Searcher:
    """Searches one window's things. Device names are indexed when devices came or went, not on every key."""

    def __init__(
        self,
        entries: Sequence[PageEntry],
        feeds: FleetFeeds,
        actions: Callable[[], Sequence[Action]],
        pages: Callable[[], Sequence[Page]],
        go: Callable[[Place], None],
    ) -> None:
        self._entries = entries
        self._feeds = feeds
        self._actions = actions
        self._pages = pages
        self._go = go
        self._index = NameIndex(())
        self._indexed: dict[str, int] | None = None

    def search(self, text: str) -> list[Choice]:
        """The best choices for `text`; without text, what can be done here and where one can go."""
        wanted = text.lower().strip()
        if not wanted:
            return [self._action_choice(action) for action in self._actions()] + [
                self._page_choice(entry) for entry in self._entries if entry.in_rail
            ]
        found = self._fixed(wanted) + self._devices(wanted) + self._models(wanted) + self._rollouts(wanted)
        for page in self._pages():
            found += [(score(f.title.lower(), wanted), self._finding(f)) for f in page.findings(wanted, LIMIT)]
        found.sort(key=lambda hit: -hit[0])
        return [choice for _, choice in found[:LIMIT]]

    def _fixed(self, wanted: str) -> list[Ranked]:
        found = [
            (max(score(action.title.lower(), wanted), 0.7 * score(action.words.lower(), wanted)), action)
            for action in self._actions()
        ]
        ranked = [(rank, self._action_choice(action)) for rank, action in found if rank > _LEAST]
        for entry in self._entries:
            rank = score(entry.title.lower(), wanted)
            if entry.in_rail and rank > _LEAST:
                ranked.append((rank, self._page_choice(entry)))
        return ranked

    def _devices(self, wanted: str) -> list[Ranked]:
        frame: FleetFrame = self._feeds.fleet.latest or EMPTY_FRAME
        if frame.row_of is not self._indexed:
            self._indexed = frame.row_of
            self._index = NameIndex([device.id for device in frame.devices])
        return [(rank, self._device_choice(frame, row)) for rank, row in self._index.search(wanted, LIMIT)]

    def _device_choice(self, frame: FleetFrame, row: int) -> Choice:
        device = frame.devices[row]
        detail = f"{WORDS[frame.status_of(row)]} · {profile_title(device.hardware_profile)}"
        return Choice(device.id, "Device", "cpu", lambda: self._go(Place("fleet", f"device:{device.id}")), detail)

    def _models(self, wanted: str) -> list[Ranked]:
        ranked: list[Ranked] = []
        for model in self._feeds.models.latest or ():
            for version in model.versions:
                rank = score(version.label.lower(), wanted)
                if rank > _LEAST:
                    place = Place("models", f"{model.name}/{version.version}")
                    ranked.append((rank, self._place_choice(version.label, "Model", "box", place, version.stage)))
        return ranked

    def _rollouts(self, wanted: str) -> list[Ranked]:
        ranked: list[Ranked] = []
        for summary in self._feeds.rollouts.latest or ():
            rollout = summary.rollout
            title = f"Rollout {rollout.id}: {rollout.model} {rollout.version} to {rollout.group}"
            rank = score(title.lower(), wanted)
            if rank > _LEAST:
                place = Place("rollouts", str(rollout.id))
                ranked.append((rank, self._place_choice(title, "Rollout", "rocket", place, rollout.state.value)))
        return ranked

    def _place_choice(self, title: str, kind: str, icon: str, place: Place, detail: str) -> Choice:
        return Choice(title, kind, icon, lambda: self._go(place), detail)

    def _page_choice(self, entry: PageEntry) -> Choice:
        return Choice(entry.title, "Page", entry.icon, lambda: self._go(Place(entry.id)), shortcut=entry.shortcut)

    def _finding(self, finding: Finding) -> Choice:
        return Choice(finding.title, "", finding.icon, lambda: self._go(finding.place), finding.detail)

    @staticmethod
    def _action_choice(action: Action) -> Choice:
        icon = action.icon or "command"
        return Choice(action.title, "Action", icon, action.run, shortcut=action.shortcut, refusal=action.refusal())


_LEAST = 0.1
