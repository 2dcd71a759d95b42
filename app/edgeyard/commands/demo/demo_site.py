"""A site for the demo: folder, ports, hub process, operator; everything it starts ends with it."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from edgeyard.commands.child_process import ChildProcesses, edgeyard_command
from edgeyard.commands.settings import Settings, load_settings, save_settings
from edgeyard.commands.site_folder import SiteFolder
from edgeyard.commands.workspace import Workspace
from edgeyard.domain.error import UserError
from edgeyard.store.schema import create_schema, drop_schema
from edgeyard.trust.key_vault import PassphraseUnlock

MARK = "EDGEYARD_DEMO"
"""Environment variable that every process of one demo inherits, by which leftovers are found."""

OnText = Callable[[str], None]
_START_TIMEOUT_S = 90.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line says. `broker`: `auto`, `embedded`, `mosquitto` or a URL; an empty `database` is SQLite."""

    devices: int = 12
    broker: str = "auto"
    database: str = ""
    keep: bool = False
    folder: Path | None = None


class DemoSite:
    """One running demo. Use as a context manager; leaving it ends every process and removes what is not kept."""

    def __init__(self, options: DemoOptions, on_text: OnText) -> None:
        self.options = options
        self.on_text = on_text
        self.mark = secrets.token_hex(8)
        self.root = options.folder or Path(tempfile.mkdtemp(prefix="edgeyard-demo-"))
        self.folder = SiteFolder(self.root / "site")
        self.children = ChildProcesses({MARK: self.mark, "ORT_DISABLE_TELEMETRY": "1"})
        self.unlock = PassphraseUnlock(secrets.token_urlsafe(24))
        self.workspace: Workspace | None = None
        self.orphans: list[str] = []
        self._schema = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Workspace:
        """Make the site and start its hub; returns when the operator can talk to it. Raises `UserError`."""
        settings = self._settings()
        self.folder.make()
        save_settings(self.folder.settings_file, settings)
        self.on_text(f"Starting the hub at https://{settings.https_host}:{settings.https_port}")
        self.start_hub()
        self.workspace = Workspace.open(self.folder, settings)
        self._wait_for_hub()
        return self.workspace

    def start_hub(self) -> None:
        """Start the hub as a supervised child."""
        command = edgeyard_command("hub", "run", "--site", str(self.folder.root), "--exit-with-parent")
        self.children.start("hub", command, self.folder.logs / "hub-output.log")

    def start_agent(self, device_id: str, profile: str, labels: dict[str, str], token: str, samples: Path) -> None:
        """Start the agent of one demo device, which joins by itself."""
        state = self.root / "devices" / device_id
        state.mkdir(parents=True, exist_ok=True)
        label_options = [option for key, value in labels.items() for option in ("--label", f"{key}={value}")]
        command = edgeyard_command(
            *("agent", "run", "--state", str(state), "--token", token, "--id", device_id, "--profile", profile),
            *label_options,
            *("--input", str(samples), "--rate", "4", "--report-every", "5", "--live-every", "2"),
            *("--poll-every", "5", "--exit-with-parent"),
        )
        self.children.start(device_id, command, state / "agent-output.log")

    def environment(self, extra: dict[str, str]) -> dict[str, str]:
        """The environment of a process that belongs to this demo."""
        return {**os.environ, **self.children.environment, **extra}

    def stop(self) -> None:
        """End every process, look for leftovers (`orphans`), and remove the folder unless it is kept."""
        if self.workspace is not None:
            self.workspace.close()
            self.workspace = None
        self.children.stop()
        self.orphans = self._leftovers()
        if self.options.keep:
            self.on_text(f"Kept in {self.root}. Open it again with: edgeyard --site {self.folder.root}")
            return
        if self._schema:
            drop_schema(self.options.database, self._schema)
        if self.options.folder is None:
            shutil.rmtree(self.root, ignore_errors=True)

    def _settings(self) -> Settings:
        if self.folder.settings_file.exists():
            return load_settings(self.folder.settings_file)
        url = self.options.database
        if url:
            self._schema = f"edgeyard_demo_{self.mark}"
            url = create_schema(url, self._schema)
        https_port, mqtt_port = _free_ports(2)
        return Settings(
            site="demo", database_url=url, https_port=https_port, mqtt_port=mqtt_port, broker=self._broker_setting()
        )

    def _broker_setting(self) -> str:
        choice = self.options.broker
        return choice if "://" in choice or choice in ("auto", "embedded", "mosquitto") else f"mqtts://{choice}"

    def _wait_for_hub(self) -> None:
        assert self.workspace is not None
        give_up_at = time.monotonic() + _START_TIMEOUT_S
        last: UserError | None = None
        while time.monotonic() < give_up_at:
            try:
                hub = self.workspace.hub()
                try:
                    if hub.site().broker.state == "ok":
                        return
                finally:
                    hub.close()
            except UserError as error:
                last = error
            code = self.children.exit_code("hub")
            if code == 2:
                raise UserError("The hub did not start.", self._last_words())
            time.sleep(0.2)
        raise last or UserError("The broker did not come up in time.", self._last_words())

    def _last_words(self) -> str:
        try:
            lines = (self.folder.logs / "hub-output.log").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        return " ".join(lines[-3:]) or f"See the log in {self.folder.logs}."

    def _leftovers(self) -> list[str]:
        """Processes that still carry this demo's mark in their environment."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.pid != os.getpid() and process.environ().get(MARK) == self.mark:
                    found.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
            except psutil.Error:
                continue
        return found


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def print_progress(text: str) -> None:
    """One line of progress, on standard error: standard output belongs to the result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
