"""Keeps a window's title, status bar and staleness line in step with the site."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QMainWindow

from edgeyard.desktop.session import Session
from edgeyard.desktop.shell.header import Header
from edgeyard.desktop.shell.site_state import (
    broker_state,
    database_state,
    hub_is_away,
    hub_state,
    jobs_state,
    last_heard,
)
from edgeyard.desktop.shell.status_bar import StatusBar
from edgeyard.desktop.widget.words import age
from edgeyard.domain.identifier import OPERATOR_PREFIX

_TICK_MS = 1000
_ASK_MS = 400
"""Who works here is asked once the first table is there."""


class SiteWatch(QObject):
    """Looks once a second: silence has no event."""

    def __init__(self, window: QMainWindow, session: Session, bar: StatusBar, header: Header) -> None:
        super().__init__(window)
        self._window = window
        self._session = session
        self._bar = bar
        self._header = header
        self._page_title = ""
        self._operator = ""
        timer = QTimer(self)
        timer.setInterval(_TICK_MS)
        timer.timeout.connect(self._look)
        timer.start()
        for feed in (session.feeds.statuses, session.feeds.jobs):
            feed.arrived.connect(self._look)
        session.bridge.troubled.connect(self._look)
        session.bridge.opened.connect(self._look)
        QTimer.singleShot(_ASK_MS, self._ask_operator)
        self._look()

    def show_title(self, page_title: str) -> None:
        """The page in the window's title, before site, user and role."""
        self._page_title = page_title
        self._show_who()

    def _ask_operator(self) -> None:
        if self._session.bridge.database is None:
            QTimer.singleShot(_ASK_MS, self._ask_operator)
            return
        self._session.bridge.run(lambda workspace: workspace.operator_name, self._on_operator)

    def _on_operator(self, name: str) -> None:
        self._operator = name.removeprefix(OPERATOR_PREFIX)
        self._show_who()

    def _show_who(self) -> None:
        site = self._session.settings.site
        who = f"{self._operator} (operator)" if self._operator else "not joined as an operator yet"
        self._window.setWindowTitle(f"{self._page_title} – {site} – {who} – Edgeyard")
        self._bar.show_who(f"Site {site} · {who}")

    def _look(self, _value: Any = None) -> None:
        bridge, feeds, now = self._session.bridge, self._session.feeds, self._session.bridge.now()
        place = bridge.database.place if bridge.database is not None else ""
        self._bar.database.show_state(database_state(bridge.trouble, place, is_open=bridge.database is not None))
        self._bar.jobs.show_state(jobs_state(feeds.jobs.latest or ()))
        rows = feeds.statuses.latest
        if rows is None:
            return
        self._bar.hub.show_state(hub_state(rows, now))
        self._bar.broker.show_state(broker_state(rows, now))
        self._header.stale.setText(self._staleness(now))

    def _staleness(self, now: float) -> str:
        feeds = self._session.feeds
        if self._session.bridge.trouble is not None:
            return (
                f"Database unreachable: picture of {age(now - feeds.fleet.latest_at)} ago" if feeds.fleet.latest else ""
            )
        rows = feeds.statuses.latest
        heard = last_heard(rows)
        if heard is None or not hub_is_away(rows, now):
            return ""
        return f"Hub away: picture of {age(now - heard)} ago"
