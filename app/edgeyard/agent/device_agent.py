"""One device's agent, put together: what is told to whom, and when."""

from __future__ import annotations

import logging
from collections.abc import Callable

import edgeyard
from edgeyard.agent.counters import Counters
from edgeyard.agent.event_loop import EventLoop
from edgeyard.agent.hub_access import HubAccess
from edgeyard.agent.lab_desk import LabDesk
from edgeyard.agent.link import Link
from edgeyard.agent.metrics import Metrics
from edgeyard.agent.options import AgentOptions
from edgeyard.agent.outbox import Outbox
from edgeyard.agent.poller import Poller
from edgeyard.agent.running_word import RunningWord
from edgeyard.agent.serving import Serving
from edgeyard.agent.slots import Slots
from edgeyard.agent.state_folder import Identity, StateFolder
from edgeyard.agent.update_state import PendingReport
from edgeyard.agent.updater import Updater
from edgeyard.agent.uplink import Uplink
from edgeyard.domain.execution import is_live
from edgeyard.trust.time_floor import TimeFloor
from edgeyard.trust.verification import TrustedStore
from edgeyard.wire.error import WireError
from edgeyard.wire.limit import MAX_TEXT_CHARACTERS
from edgeyard.wire.live import LiveFigures
from edgeyard.wire.message import ExecutionReport
from edgeyard.wire.record_codec import decode_desired

HOUSEKEEPING_S = 2.0
WINDOW_MOST_S = 2.0
_LOG = logging.getLogger(__name__)


class DeviceAgent:
    """Everything between `start` and `stop` happens in the loop's thread. Raises `UserError` for a damaged identity."""

    def __init__(
        self,
        loop: EventLoop,
        folder: StateFolder,
        identity: Identity,
        options: AgentOptions,
        clock: Callable[[], float],
    ) -> None:
        folder.prepare()
        self._loop = loop
        self._identity = identity
        self._options = options
        self._clock = clock
        floor = TimeFloor(folder.time_floor_file)
        self._counters = Counters(folder.counters_file, floor.effective(clock()))
        damage = self._counters.problem
        self._counters.start()
        key_pem = folder.read_file(folder.key_file)
        store = TrustedStore(
            folder.trust,
            folder.read_file(folder.release_root_file),
            folder.read_file(folder.director_root_file),
            identity.device,
        )
        self._hub = HubAccess(folder, identity, floor, clock)
        self._slots = Slots(folder.slots)
        self._metrics = Metrics(clock())
        self._outbox = Outbox(folder.outbox_file, self._counters.boot)
        self._link = Link(loop, folder, identity, self._counters.bd_seq, clock, self._hub.clock_is_behind)
        self._uplink = Uplink(self._outbox, self._link, self._counters, self._figures, clock)
        self._word = RunningWord(identity, key_pem, self._counters, self._slots, self._uplink, clock)
        self._serving = Serving(
            loop,
            self._slots,
            self._metrics,
            folder.logs / "runner.log",
            input_path=options.input_path,
            rate_hz=options.rate_hz,
            window_s=min(options.live_every_s, WINDOW_MOST_S),
        )
        self._updater = Updater(
            loop,
            folder,
            self._slots,
            self._hub,
            self._serving,
            download_deadline_s=options.update_deadline_s,
            report=self._report_execution,
            note=self._note,
            on_running=self._word.say,
        )
        self._poller = Poller(
            loop,
            store,
            self._hub,
            floor,
            self._updater,
            hardware_profile=identity.hardware_profile,
            period_s=options.poll_every_s,
            clock=clock,
            note=self._note,
        )
        self._lab: LabDesk | None = None
        if options.lab:
            self._lab = LabDesk(
                loop,
                folder,
                identity,
                self._hub,
                self._serving,
                release_root=store.release_root,
                now=lambda: floor.effective(clock()),
                updating=lambda: bool(self._updater.live_word),
                report=self._uplink.report,
                note=self._note,
            )
        for problem in (damage, self._outbox.damage):
            if problem:
                self._note("attention", "state", problem)

    def start(self) -> None:
        """Run the active model, connect, and ask what is to be run."""
        self._link.on_connected = self._uplink.connected
        self._link.on_lost = self._on_lost
        self._link.on_message = self._on_message
        self._uplink.on_birth = self._word.repeat
        self._updater.start()
        self._link.start()
        self._poller.start()
        self._loop.call_every(self._options.live_every_s, self._uplink.send_live, jitter=0.05)
        self._loop.call_every(self._options.report_every_s, self._summarize, jitter=0.02)
        self._loop.call_every(HOUSEKEEPING_S, self._keep_house)
        if self._lab is not None:
            self._loop.call_every(self._options.poll_every_s, self._lab.look, jitter=0.2)

    def stop(self) -> None:
        """Stop in order: nothing new, then the model, then a goodbye."""
        self._poller.stop()
        if self._lab is not None:
            self._lab.stop()
        self._updater.stop()
        self._serving.stop()
        self._link.stop()
        self._hub.close()
        self._outbox.close()

    def _keep_house(self) -> None:
        self._link.check()
        self._uplink.resend_overdue()
        if self._lab is not None:
            self._lab.check()

    # --- what is told ------------------------------------------------------------------------------------------------

    def _figures(self) -> LiveFigures:
        recent, usage, active = self._metrics.recent(), self._metrics.usage(), self._slots.active
        return LiveFigures(
            latency_p50_ms=recent.latency_p50_ms,
            latency_p95_ms=recent.latency_p95_ms,
            inferences_per_s=recent.inferences_per_s,
            inferences_total=self._metrics.inferences_total,
            errors_total=self._metrics.errors_total,
            cpu_percent=usage.cpu_percent,
            memory_bytes=usage.memory_bytes,
            temperature_c=usage.temperature_c,
            running_digest=active.digest if active else "",
            running_target=active.target if active else "",
            update_state=self._updater.live_word,
            agent_version=edgeyard.__version__,
            hardware_profile=self._identity.hardware_profile,
            boot=self._counters.boot,
            clock_at=self._clock(),
            problem=self._problem()[:MAX_TEXT_CHARACTERS],
        )

    def _problem(self) -> str:
        """The first thing a person should know; the model's trouble before the disk's before the hub's."""
        for part in (self._serving, self._updater, self._outbox, self._counters, self._poller):
            if part.problem:
                return part.problem
        return ""

    def _summarize(self) -> None:
        active = self._slots.active
        digest = active.digest if active else ""
        self._uplink.report(self._metrics.close_interval(self._clock(), digest, self._metrics.usage()))

    def _report_execution(self, report: PendingReport, origin: str) -> None:
        level = logging.INFO if is_live(report.state) else logging.WARNING if report.reason else logging.INFO
        _LOG.log(level, "execution %d: %s %s", report.execution, report.state, report.reason)
        body = ExecutionReport(
            report.execution,
            report.state,
            report.reason[:MAX_TEXT_CHARACTERS],
            report.evidence,
            report.downloaded_bytes,
        )
        self._uplink.report(body, origin=origin)

    def _note(self, severity: str, code: str, text: str) -> None:
        _LOG.log(logging.INFO if severity == "info" else logging.WARNING, "%s: %s", code, text)
        self._uplink.note(severity, code, text)

    # --- what is heard -----------------------------------------------------------------------------------------------

    def _on_lost(self, reason: str) -> None:
        _LOG.info("%s", reason)
        self._uplink.lost()

    def _on_message(self, kind: str, payload: bytes) -> None:
        match kind:
            case "ack":
                self._uplink.acknowledged(payload)
            case "NCMD":
                self._uplink.commanded(payload)
            case "desired":
                try:
                    self._poller.hinted(decode_desired(payload).director_version)
                except WireError as error:
                    _LOG.warning("a hint cannot be read: %s", error)
            case _:
                pass
