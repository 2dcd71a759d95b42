"""The broker's keeper: chooses one, starts it as a child, and starts it again whenever it dies.

Mosquitto when it is on this machine, else the embedded broker in a process of its own; or none at all when the settings
name a broker that is run elsewhere. The child ends with the hub; one that outlived its hub is ended at the next start.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from edgeyard.commands.settings import Settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.domain.error import UserError
from edgeyard.hub.child_process import ChildProcess, end_stale_child
from edgeyard.hub.embedded_config import AccessList, EmbeddedConfig
from edgeyard.hub.mosquitto import check_folder, find_mosquitto, mosquitto_config, rotate_log
from edgeyard.hub.network_port import listen_host, port_answers, port_in_use_text, port_is_free
from edgeyard.hub.topic_access import mosquitto_acl
from edgeyard.trust.durable_file import write_durably

BrokerKind = Literal["mosquitto", "embedded", "external"]
Report = Callable[[str, str, str], None]
"""Called with a component state (`ok`, `warning`, `down`), what happened, and what to do."""

_DEFAULT_MQTTS_PORT = 8883
_START_PATIENCE_S = 10.0
_POLL_S = 0.1
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_STEADY_AFTER_S = 30.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BrokerPlan:
    """Which broker, and how clients reach it. `program` is Mosquitto's path for that kind."""

    kind: BrokerKind
    host: str
    port: int
    program: Path | None = None


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """PEM files of the broker's own certificate and of the authority that signed all clients."""

    ca: Path
    certificate: Path
    key: Path


def plan_broker(settings: Settings) -> BrokerPlan:
    """Choose by the settings and by what is on the machine; `UserError` when they ask for what is not there."""
    if settings.broker.startswith("mqtts://"):
        parts = urlsplit(settings.broker)
        try:
            port = parts.port or _DEFAULT_MQTTS_PORT
        except ValueError as error:
            raise UserError(
                f"The broker address {settings.broker} has no valid port.", "Write mqtts://host:8883."
            ) from error
        if not parts.hostname or parts.username or parts.password:
            raise UserError(
                f"The broker address {settings.broker} cannot be used.",
                "Write mqtts://host:port; the hub identifies itself by its certificate, not by a password.",
            )
        return BrokerPlan("external", parts.hostname, port)
    program = None if settings.broker == "embedded" else find_mosquitto()
    if program is not None:
        return BrokerPlan("mosquitto", settings.mqtt_host, settings.mqtt_port, program)
    if settings.broker == "mosquitto":
        raise UserError(
            "The settings ask for Mosquitto, which is not on this machine.",
            "Install it (Debian, Ubuntu: apt install mosquitto), or set broker to auto or embedded.",
        )
    return BrokerPlan("embedded", settings.mqtt_host, settings.mqtt_port)


class BrokerSupervisor:
    """Runs a planned broker in a thread of its own until `stop`. Thread-safe."""

    def __init__(
        self, plan: BrokerPlan, folder: SiteFolder, files: BrokerFiles, site: str, hub_name: str, report: Report
    ) -> None:
        self.plan = plan
        self._folder = folder
        self._files = files
        self._site = site
        self._hub_name = hub_name
        self._report = report
        self._operators: Collection[str] = ()
        self._revoked: Collection[str] = ()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._up = threading.Event()
        self._child: ChildProcess | None = None
        # The kernel ends the child when the thread that started it ends: this one lives until the hub stops.
        self._thread = threading.Thread(target=self._keep_running, name="broker-supervisor", daemon=True)

    def start(self) -> None:
        """Begin; an external broker needs nothing. Raises `UserError` for a folder a broker cannot be told of."""
        check_folder(self._folder.root)
        if self.plan.kind != "external":
            self._thread.start()

    def wait_up(self, timeout_s: float) -> bool:
        """Wait until the broker answered for the first time; an external one is not waited for."""
        return self.plan.kind == "external" or self._up.wait(timeout_s)

    def stop(self) -> None:
        """End the broker and wait for it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def set_access(self, operators: Collection[str], revoked: Collection[str]) -> None:
        """Let these operators (certificate names) read, and these devices do nothing, from now on."""
        with self._lock:
            self._operators, self._revoked = tuple(operators), tuple(revoked)
            self._write_access()
            if self.plan.kind == "mosquitto" and self._child is not None:
                if sys.platform == "win32":
                    self._child.stop()  # no SIGHUP there: the supervisor starts it again with the new rules
                else:
                    self._child.send_signal(signal.SIGHUP)

    def _keep_running(self) -> None:
        end_stale_child(self._pid_file)
        pause_s = _FIRST_PAUSE_S
        while not self._stopping.is_set():
            if not port_is_free(self.plan.host, self.plan.port):
                self._report("down", f"The broker cannot start. {port_in_use_text(self.plan.port)}", self._port_todo())
            else:
                lived_s = self._run_once()
                pause_s = _FIRST_PAUSE_S if lived_s > _STEADY_AFTER_S else pause_s
            self._stopping.wait(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)

    def _run_once(self) -> float:
        """Start the broker and wait for its end; how long it lived, in seconds."""
        rotate_log(self._log_file)
        with self._lock:
            self._write_access()
            self._child = child = ChildProcess(self._command(), self._pid_file, self._log_file)
        lived_s, answered = 0.0, False
        while not self._stopping.wait(_POLL_S) and child.exit_code() is None:
            lived_s += _POLL_S
            if not answered and port_answers(self.plan.host, self.plan.port):
                answered = True
                self._up.set()
                _log.info("%s serves on port %d as process %d", self.plan.kind, self.plan.port, child.pid)
                self._report("ok", f"{self.plan.kind.capitalize()} on port {self.plan.port}.", "")
            if not answered and lived_s > _START_PATIENCE_S:
                self._report("down", "The broker was started but does not answer.", f"Look into {self._log_file}.")
        with self._lock:
            self._child = None
            code = child.exit_code()
            child.stop()
        if not self._stopping.is_set():
            _log.warning("The broker ended with code %s after %.0f s", code, lived_s)
            self._report(
                "down",
                f"The broker stopped (exit code {code}) and is being started again.",
                f"If this goes on, look into {self._log_file}.",
            )
        return lived_s

    def _command(self) -> list[str]:
        folder, files, plan = self._folder.broker, self._files, self.plan
        if plan.kind == "mosquitto" and plan.program is not None:
            config_file = folder / "mosquitto.conf"
            text = mosquitto_config(
                host=listen_host(plan.host),
                port=plan.port,
                folder=folder,
                acl_file=self._acl_file,
                ca_file=files.ca,
                certificate_file=files.certificate,
                key_file=files.key,
                log_file=self._log_file,
                as_root=sys.platform != "win32" and os.geteuid() == 0,
            )
            write_durably(config_file, text.encode())
            return [str(plan.program), "-c", str(config_file)]
        config_file = folder / "embedded.json"
        config = EmbeddedConfig(
            site=self._site,
            host=listen_host(plan.host),
            port=plan.port,
            certificate_file=str(files.certificate),
            key_file=str(files.key),
            ca_file=str(files.ca),
            access_file=str(self._access_file),
        )
        write_durably(config_file, msgspec.json.encode(config))
        return [sys.executable, "-m", "edgeyard.hub.embedded_broker", str(config_file)]

    def _write_access(self) -> None:
        if self.plan.kind == "mosquitto":
            acl = mosquitto_acl(self._site, self._hub_name, self._operators, self._revoked)
            write_durably(self._acl_file, acl.encode())
        elif self.plan.kind == "embedded":
            access = AccessList(self._hub_name, frozenset(self._operators), frozenset(self._revoked))
            write_durably(self._access_file, msgspec.json.encode(access))

    def _port_todo(self) -> str:
        return (
            f"Stop that program, or set mqtt_port to a free port in {self._folder.settings_file} and restart the hub; "
            "devices that joined before must join again then. The hub keeps trying."
        )

    @property
    def _acl_file(self) -> Path:
        return self._folder.broker / "acl"

    @property
    def _access_file(self) -> Path:
        return self._folder.broker / "access.json"

    @property
    def _pid_file(self) -> Path:
        return self._folder.broker / "broker.pid"

    @property
    def _log_file(self) -> Path:
        return self._folder.logs / "broker.log"
