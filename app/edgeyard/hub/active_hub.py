"""One term of office of a hub: everything that runs while it holds the lease, started and stopped in order."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from edgeyard.commands.settings import Settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.domain.error import UserError
from edgeyard.hub.broker import BrokerFiles, BrokerSupervisor, plan_broker
from edgeyard.hub.director_desk import DirectorDesk
from edgeyard.hub.housekeeping import Housekeeper
from edgeyard.hub.hub_state import HubState
from edgeyard.hub.inbox import Inbox
from edgeyard.hub.ingest import Ingest
from edgeyard.hub.lease_guard import LeaseGuard
from edgeyard.hub.mqtt_link import MqttLink
from edgeyard.hub.provisioning import ensure_first_token
from edgeyard.hub.reconciler import Reconciler
from edgeyard.hub.release_desk import ReleaseDesk
from edgeyard.hub.route_artifact import clear_uploads
from edgeyard.hub.server import HttpsServer, PortInUseError
from edgeyard.hub.server_identity import HUB_NAME, ServerIdentity, load_identity
from edgeyard.hub.status_board import BROKER_PROCESS, Status, StatusBoard
from edgeyard.store.database import Database
from edgeyard.store.release import get_metadata, put_metadata
from edgeyard.store.site import create_site, get_site
from edgeyard.trust.director import create_director_root

_DIRECTOR = "director"
_BROKER_START_S = 2.0
"""A broker started by this hub usually answers well within this; connecting before it does costs a second."""
_POLL_S = 0.2
_TAKEOVER_PATIENCE_S = 20.0
"""How long a hub that takes over waits for the port of the one before it."""
_log = logging.getLogger(__name__)


class ActiveHub:
    """Starts and stops the parts of an active hub. Raises `UserError` from `start` when one cannot work."""

    def __init__(
        self,
        folder: SiteFolder,
        settings: Settings,
        database: Database,
        lease: LeaseGuard,
        folder_id: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._database = database
        self._lease = lease
        self._folder_id = folder_id
        self._clock = clock
        self._parts = contextlib.ExitStack()
        self._link: MqttLink | None = None
        self.board = StatusBoard(lease, clock)

    def start(self, stopping: threading.Event, *, took_over: bool) -> HubState:
        """Start everything; when `took_over`, the former hub may need a moment to leave the port."""
        state = self._make_state()
        self.board.set("hub", "warning", "Starting.")
        self.board.set("database", "ok", f"{self._database.kind}: {self._database.place}")
        self.board.start()
        self._parts.callback(self.board.stop, _last_words(state))
        clear_uploads(self._folder.artifacts)
        ensure_first_token(state)
        inbox, woken = Inbox(), threading.Event()
        state.wake = state.access_changed = woken.set
        link = MqttLink(state.broker, state.identity, state.site, self._folder_id, inbox, self.board, self._clock)
        directors = DirectorDesk(
            state.site, self._database, self._lease, state.releases, state.identity.signers, link, self._clock
        )
        supervisor = self._supervisor(state)
        ingest = Ingest(state.site, inbox, link, self._database, self._lease, self.board, self._clock, woken.set)
        housekeeper = Housekeeper(state, supervisor.set_access, ingest.forget_roster)
        reconciler = Reconciler(
            self._database, self._lease, state.releases, directors, self.board, self._clock, housekeeper.tick, woken
        )

        def connected() -> None:
            directors.link_connected()
            ingest.forget_births()
            woken.set()

        link.on_connected = connected
        housekeeper.apply_access()
        self._start_server(state, stopping, took_over=took_over)
        for part in (supervisor, link, ingest, reconciler):
            if part is link:
                supervisor.wait_up(_BROKER_START_S)
            part.start()
            self._parts.callback(part.stop)
        self._link = link
        return state

    def wait_connected(self, timeout_s: float, stopping: threading.Event) -> None:
        """Wait until the broker is there, the time is over, or the hub is told to stop."""
        give_up_at = time.monotonic() + timeout_s
        while time.monotonic() < give_up_at and not stopping.is_set():
            if self._link is not None and self._link.wait_connected(_POLL_S):
                return

    def stop(self) -> None:
        """Stop everything that was started, in reverse."""
        self._parts.close()

    def _make_state(self) -> HubState:
        plan = plan_broker(self._settings)
        with self._database.read() as connection:
            site = get_site(connection)
        now = self._clock()
        identity = load_identity(
            self._folder, self._settings, datetime.fromtimestamp(now, UTC), may_create=site is None
        )
        director_root = self._lay_foundation(identity, now)
        releases = ReleaseDesk(self._database, self._lease, identity.signers, self._folder.artifacts, self._clock)
        return HubState(
            folder=self._folder,
            settings=self._settings,
            site=self._settings.site,
            database=self._database,
            lease=self._lease,
            board=self.board,
            identity=identity,
            broker=plan,
            releases=releases,
            director_root=director_root,
            clock=self._clock,
        )

    def _lay_foundation(self, identity: ServerIdentity, now: float) -> bytes:
        """Name the site and make the director's root at the first start; returns that root."""
        with self._lease.write() as connection:
            create_site(connection, self._settings.site, now)
            root = get_metadata(connection, _DIRECTOR, "", "1.root.json")
            if root is None:
                root = create_director_root(identity.signers.director, datetime.fromtimestamp(now, UTC))
                put_metadata(connection, _DIRECTOR, "", "1.root.json", root, now)
        return root

    def _supervisor(self, state: HubState) -> BrokerSupervisor:
        identity = state.identity
        files = BrokerFiles(identity.broker_ca_file, identity.broker_certificate_file, identity.broker_key_file)

        def report(status: str, text: str, todo: str) -> None:
            self.board.set("broker", status, text, todo, voice=BROKER_PROCESS)

        return BrokerSupervisor(state.broker, self._folder, files, state.site, HUB_NAME, report)

    def _start_server(self, state: HubState, stopping: threading.Event, *, took_over: bool) -> None:
        give_up_at = time.monotonic() + (_TAKEOVER_PATIENCE_S if took_over else 0.0)
        while True:
            server = HttpsServer(state)
            try:
                server.start()
            except PortInUseError as error:
                if time.monotonic() >= give_up_at or stopping.wait(0.5):
                    raise
                self.board.set("hub", "warning", error.what, error.todo)
                continue
            self._parts.callback(server.stop)
            return


def _last_words(state: HubState) -> dict[str, Status]:
    """What is shown once the hub is gone; a broker that is its child went with it, the database stays as it is."""
    stopped = Status("down", "The hub was stopped.", "Start it: edgeyard hub run.")
    words = {"hub": stopped}
    if state.broker.kind != "external":
        words["broker"] = Status("down", "The broker stopped with the hub.", stopped.todo)
    return words


def describe_failure(error: UserError) -> str:
    """One line for standard error."""
    return f"edgeyard hub: {error.what} {error.todo}".strip().replace("\n", " ")
