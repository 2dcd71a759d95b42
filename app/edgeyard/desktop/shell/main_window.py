"""The window an operator keeps open all day: rail, header, pages, jobs, status bar, and the way between places."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeySequence, QMouseEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QMainWindow, QMenu, QSplitter, QStackedWidget, QWidget

from edgeyard.desktop.action import Action, fill_menu
from edgeyard.desktop.desk import Desk, Notice
from edgeyard.desktop.drag import DropPlace
from edgeyard.desktop.page import Page, Place
from edgeyard.desktop.page_list import page_entries
from edgeyard.desktop.session import Session
from edgeyard.desktop.shell.header import Header
from edgeyard.desktop.shell.history import History
from edgeyard.desktop.shell.notice_bar import NoticeBar
from edgeyard.desktop.shell.page_keys import PageKeys, go_to_region
from edgeyard.desktop.shell.palette import CommandPalette
from edgeyard.desktop.shell.rail import Rail
from edgeyard.desktop.shell.search import Searcher
from edgeyard.desktop.shell.shortcut_list import ShortcutList
from edgeyard.desktop.shell.site_watch import SiteWatch
from edgeyard.desktop.shell.status_bar import StatusBar
from edgeyard.desktop.shell.tour_corner import TourCorner
from edgeyard.desktop.shell.window_action import keyboard_sections, window_actions
from edgeyard.desktop.widget.basic import column, row, tool_button
from edgeyard.domain.error import UserError

_JOBS_HEIGHT = 220
_REST_MS = 300
"""Planning and jobs are loaded once the window and its first table can be seen."""


class MainWindow(QMainWindow):
    """One window. Pages are built when first shown and then kept."""

    def __init__(self, session: Session, *, tour: bool = False) -> None:
        super().__init__()
        self.session = session
        self.setMinimumSize(1024, 640)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.entries = {entry.id: entry for entry in page_entries()}
        self._pages: dict[str, Page] = {}
        self._tour_wanted = tour
        self.notices: NoticeBar
        self.desk = Desk(
            session.bridge, session.feeds, session.edits, DropPlace(), session.memory, session.folder,
            session.settings, self, self.go, self._say, self.toggle_jobs,
        )  # fmt: skip
        self._build()
        self._searcher = Searcher(
            list(self.entries.values()), session.feeds, self.all_actions, lambda: list(self._pages.values()), self.go
        )
        self._page_keys = PageKeys(self, self._say)
        self._watch = SiteWatch(self, session, self.status_bar, self.header)
        session.bridge.mistaken.connect(self._on_mistaken)
        session.edits.done.connect(self._on_edited)
        session.edits.undone.connect(self._on_undone)
        session.edits.failed.connect(self._on_edit_failed)
        self._restore()

    def _build(self) -> None:
        help_button = tool_button("circle-help", "Keyboard shortcuts (F1)", self.show_shortcuts)
        self.rail = Rail([entry for entry in self.entries.values() if entry.in_rail], [help_button])
        self.rail.chosen.connect(lambda page: self.go(Place(page)))
        self.header = Header(lambda: self.travel(-1), lambda: self.travel(1), self.open_palette, self._open_menu)
        self.status_bar = StatusBar(self.toggle_jobs)
        self._stack = QStackedWidget()
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self._stack)
        self._jobs: QWidget | None = None
        central = QWidget()
        # Notices and the tour float over this widget: a splitter would make panes of them.
        self._area = QWidget()
        self._area.setLayout(column(self._split))
        work = column(self.header, self._area)
        work.setStretch(1, 1)
        body = row(self.rail)
        body.addLayout(work, 1)
        whole = column(body, self.status_bar)
        whole.setStretch(0, 1)
        central.setLayout(whole)
        self.setCentralWidget(central)
        self._tour = TourCorner(self._area)
        self.notices = NoticeBar(self._area, self._tour.width)
        for action in window_actions(self):
            if action.shortcut:
                for keys in action.shortcut.split(" or "):
                    self._bind(keys, action.run)
        for entry in self.entries.values():
            if entry.shortcut:
                self._bind(entry.shortcut, partial(self.go, Place(entry.id)))
        self._bind("Esc", self._on_escape)
        self._bind("F6", lambda: self.next_region(1))
        self._bind("Shift+F6", lambda: self.next_region(-1))

    def _bind(self, keys: str, run: Callable[[], object]) -> None:
        QShortcut(QKeySequence(keys), self).activated.connect(run)

    # --- places --------------------------------------------------------------------------------------------------

    def go(self, place: Place) -> None:
        """Show `place` and remember it; an unknown page shows the first one."""
        if place.page not in self.entries:
            place = Place(next(iter(self.entries)))
        self._history.visit(place)
        self._show(place)

    def travel(self, steps: int) -> None:
        """Back (-1) or forward (1)."""
        if self._history.can_go(steps):
            self._show(self._history.go(steps))

    @property
    def place(self) -> Place:
        """What is shown."""
        return self._history.current

    def page(self, page_id: str) -> Page:
        """The page, built if this is the first time."""
        found = self._pages.get(page_id)
        if found is None:
            found = self.entries[page_id].make(self.desk)
            found.setAccessibleName(self.entries[page_id].title)
            found.moved.connect(lambda subject, page=page_id: self._on_moved(Place(page, subject)))
            self._pages[page_id] = found
            self._stack.addWidget(found)
        return found

    def _show(self, place: Place) -> None:
        page, before = self.page(place.page), self._stack.currentWidget()
        if before is not page:
            if isinstance(before, Page):
                before.deactivate()
            self._stack.setCurrentWidget(page)
        page.activate(place.subject)
        self._page_keys.bind(page)
        self._show_where(page)

    def _on_moved(self, place: Place) -> None:
        self._history.visit(place)
        self._show_where(self.page(place.page))

    def _show_where(self, page: Page) -> None:
        place = self.place
        self.rail.set_current(place.page if self.entries[place.page].in_rail else "fleet")
        self.header.show_place(self.entries[place.page].title, page.heading())
        self.header.back.setEnabled(self._history.can_go(-1))
        self.header.forward.setEnabled(self._history.can_go(1))
        self._watch.show_title(self.entries[place.page].title)

    def next_region(self, step: int) -> None:
        """F6: let the keyboard go on in the next part of the window."""
        page = self._stack.currentWidget()
        inner = page.regions() if isinstance(page, Page) else ()
        go_to_region([self.rail, *inner, self.status_bar], self.focusWidget(), step)

    # --- what can be done --------------------------------------------------------------------------------------------

    def all_actions(self) -> Sequence[Action]:
        """The page's actions, then the window's."""
        page = self._stack.currentWidget()
        here = list(page.actions_here()) if isinstance(page, Page) else []
        return [*here, *window_actions(self)]

    def open_palette(self) -> CommandPalette:
        """Ctrl+K."""
        palette = CommandPalette(self, self._searcher.search)
        palette.open()
        return palette

    def show_shortcuts(self) -> None:
        """F1."""
        ShortcutList(self, keyboard_sections(self)).open()

    def show_tour(self) -> None:
        """What to try first, step by step."""
        self._tour.show(self.desk)

    def toggle_jobs(self) -> None:
        """Show or hide the jobs under the page."""
        if self._jobs is None:
            from edgeyard.desktop.jobs.jobs_panel import JobsPanel

            self._jobs = JobsPanel(self.desk)
            self._split.addWidget(self._jobs)
            self._split.setSizes([self._split.height() - _JOBS_HEIGHT, _JOBS_HEIGHT])
            return
        self._jobs.setVisible(not self._jobs.isVisible())

    def _open_menu(self) -> None:
        page = self._stack.currentWidget()
        here: list[Action | None] = list(page.actions_here()) if isinstance(page, Page) else []
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        fill_menu(menu, [*here, None, *window_actions(self)] if here else list(window_actions(self)))
        anchor = self.header.menu
        corner = anchor.mapToGlobal(anchor.rect().bottomRight())
        menu.popup(corner - QPoint(menu.sizeHint().width(), 0))

    def _say(self, notice: Notice) -> None:
        self.notices.say(notice)

    def _on_edited(self, title: str) -> None:
        self._say(Notice(f"{title}.", action=Action("undo", "Undo", self.session.edits.undo)))

    # Methods and not closures: Qt lets go of them with the window, while the session lives on.

    def _on_undone(self, title: str) -> None:
        self._say(Notice(f"Undone: {title}."))

    def _on_mistaken(self, error: UserError) -> None:
        self.desk.complain(error)

    def _on_edit_failed(self, error: UserError) -> None:
        self.desk.complain(error)

    def _on_escape(self) -> None:
        page = self._stack.currentWidget()
        if self.notices.isVisible():
            self.notices.hide()
        elif isinstance(page, Page):
            page.close_details()

    # --- coming and going ----------------------------------------------------------------------------------------

    def _restore(self) -> None:
        memory = self.session.memory
        self.resize(1280, 800)
        if not memory.state("window/geometry").isEmpty():
            self.restoreGeometry(memory.state("window/geometry"))
        place = Place(memory.text("window/page", "fleet"), memory.text("window/subject"))
        if place.page not in self.entries:
            place = Place("fleet")
        self._history = History(place)
        self._show(place)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        handle = self.windowHandle()
        if handle is not None:
            handle.installEventFilter(self)
        QTimer.singleShot(_REST_MS, self._after_first_paint)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.MouseButtonPress and isinstance(event, QMouseEvent):
            steps = {Qt.MouseButton.BackButton: -1, Qt.MouseButton.ForwardButton: 1}.get(event.button())
            if steps:
                self.travel(steps)
                return True
        return super().eventFilter(watched, event)

    def _after_first_paint(self) -> None:
        fleet = self.session.feeds.fleet
        if fleet.latest is None:
            # The first table goes before what is dragged onto it.
            fleet.arrived.connect(self._load_rest, Qt.ConnectionType.SingleShotConnection)
        else:
            self._load_rest()
        if self._tour_wanted:
            self._tour_wanted = False
            self.show_tour()

    def _load_rest(self, _frame: object = None) -> None:
        if not self.desk.drop.ready:
            self.session.bridge.run(_import_rest, self._on_rest_loaded, self.desk.complain)

    def _on_rest_loaded(self, _done: object) -> None:
        from edgeyard.desktop.jobs.job_runner import JobRunner
        from edgeyard.desktop.plan.install import install

        JobRunner.of(self.session.bridge)
        install(self.desk)

    def closeEvent(self, event: QCloseEvent) -> None:
        memory = self.session.memory
        memory.put("window/geometry", self.saveGeometry())
        memory.put("window/page", self.place.page)
        memory.put("window/subject", self.place.subject)
        for page in self._pages.values():
            page.save()
            page.deactivate()
        memory.sync()
        super().closeEvent(event)


def _import_rest(_workspace: object) -> None:
    """On a worker, because it takes a third of a second, in which the window would not answer."""
    for name in ("edgeyard.desktop.jobs.job_runner", "edgeyard.desktop.plan.install"):
        importlib.import_module(name)
