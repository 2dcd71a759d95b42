"""Carries out lab orders: fetches the files of one, measures its candidates one after the other, reports each.

What the device runs stops meanwhile, so that nothing disturbs the measuring, and starts again after. An update goes
first: then a measuring is dropped and repeated later. What was measured is kept across restarts.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import msgspec

from edgeyard.agent import runner_message as message
from edgeyard.agent.download import CancelledError, Downloader
from edgeyard.agent.event_loop import EventLoop, Timer
from edgeyard.agent.hub_access import HubAccess
from edgeyard.agent.part_file import Wanted, part_path
from edgeyard.agent.runner_client import RunnerProcess, limits_for
from edgeyard.agent.serving import Serving
from edgeyard.agent.state_folder import Identity, StateFolder
from edgeyard.agent.worker import Worker
from edgeyard.domain.error import UserError
from edgeyard.trust.join_client import fetch_optional
from edgeyard.trust.lab_order import verify_lab_order
from edgeyard.trust.refusal import RefusedError
from edgeyard.wire.error import WireError
from edgeyard.wire.lab import LabEnd, LabFile, LabOrder, LabReport, decode_order, decode_signed_order
from edgeyard.wire.limit import MAX_LAB_ORDER_BYTES, MAX_TEXT_CHARACTERS

REPETITION_S = 2.0
_SLACK_S = 120.0
"""Loading, warming up and counting right answers, on top of what the order asks for."""
_LOG = logging.getLogger(__name__)


class _Memory(msgspec.Struct):
    """What outlives the process: the last order taken, which of its files are reported, and whether it is closed."""

    serial: int = 0
    reported: list[str] = []
    closed: bool = True


@dataclass(slots=True)
class _Measuring:
    """The candidate at hand."""

    file: LabFile
    runner: RunnerProcess
    watchdog: Timer
    doing: str = ""
    answered: bool = field(default=False)


class LabDesk:
    """One order at a time, in the loop's thread. `release_root` gives the root that the device trusts now, `now` the
    effective time, `updating` whether an update is under way."""

    def __init__(
        self,
        loop: EventLoop,
        folder: StateFolder,
        identity: Identity,
        hub: HubAccess,
        serving: Serving,
        *,
        release_root: Callable[[], bytes],
        now: Callable[[], float],
        updating: Callable[[], bool],
        report: Callable[[LabReport | LabEnd], object],
        note: Callable[[str, str, str], None],
    ) -> None:
        self._loop = loop
        self._folder = folder
        self._identity = identity
        self._hub = hub
        self._serving = serving
        self._release_root = release_root
        self._now = now
        self._updating = updating
        self._report = report
        self._note = note
        self._worker = Worker(loop, "lab")
        self._cancelled = threading.Event()
        self._memory = self._read_memory()
        self._order: LabOrder | None = None
        self._busy = self._fetched = False
        self._measuring: _Measuring | None = None

    def look(self) -> None:
        """Ask for an order, or go on with the one at hand; call it from time to time."""
        if self._order is None and not self._busy:
            self._busy = True
            self._worker.submit(self._ask, self._asked, self._failed)
        elif self._fetched and self._measuring is None and not self._updating():
            self._next()

    def check(self) -> None:
        """Make way for an update; call it every few seconds."""
        if self._measuring is not None and self._updating():
            self._end_measuring()
            self._serving.run_active()

    def stop(self) -> None:
        """End everything; the next start goes on with it."""
        self._cancelled.set()
        if self._measuring is not None:
            self._end_measuring()
        self._worker.stop(2.0)

    # --- the order ---------------------------------------------------------------------------------------------------

    def _ask(self) -> LabOrder | None:
        """In the worker's thread."""
        data = fetch_optional(self._hub.pool(), "GET", "/v1/lab/order", 2 * MAX_LAB_ORDER_BYTES)
        if data is None:
            return None
        memory = self._memory
        try:
            return verify_lab_order(
                self._release_root(),
                data,
                site=self._identity.site,
                device=self._identity.device,
                hardware_profile=self._identity.hardware_profile,
                now=self._now(),
                last_serial=memory.serial if memory.closed else memory.serial - 1,
            )
        except RefusedError as error:
            raise _RefusedOrderError(_serial_of(data), error) from error

    def _asked(self, order: LabOrder | None) -> None:
        self._busy = False
        if order is None:
            return
        if order.serial != self._memory.serial:
            self._memory = _Memory(order.serial, [], closed=False)
            self._keep_memory()
        _LOG.info("lab order %d: %s, %d candidates", order.serial, order.title, len(order.candidates))
        self._order, self._fetched, self._busy = order, False, True
        self._worker.submit(partial(self._fetch, order), self._on_fetched, self._failed)

    def _fetch(self, order: LabOrder) -> None:
        """In the worker's thread."""
        self._folder.lab.mkdir(parents=True, exist_ok=True)
        downloader = Downloader(
            self._hub.pool,
            self._folder.lab,
            self._folder.free_bytes,
            on_waiting=lambda reason: _LOG.info("lab: %s", reason),
            cancelled=self._cancelled,
        )
        for file in (order.samples, order.original, *order.candidates):
            downloader.fetch(Wanted(file.sha256, file.size_bytes, file.name))

    def _on_fetched(self, _done: None) -> None:
        self._busy, self._fetched = False, True
        self.look()

    def _failed(self, error: Exception) -> None:
        self._busy = False
        match error:
            case _RefusedOrderError():
                # Its serial is not kept: nobody who may say so has said that the order is real.
                self._note("alarm", "lab-refused", str(error.refusal))
                if error.serial is not None:
                    self._report(LabEnd(error.serial, True, str(error.refusal)[:MAX_TEXT_CHARACTERS]))
            case CancelledError():
                self._order = None
            case UserError() if self._order is None:
                _LOG.info("lab: %s", error)
            case UserError():
                self._close(f"{error.what} {error.todo}".strip())
            case OSError():
                self._close(f"The device's disk does not take the files ({error.strerror}).")
            case _:
                raise error

    # --- measuring ---------------------------------------------------------------------------------------------------

    def _next(self) -> None:
        assert self._order is not None
        order = self._order
        if self._now() >= order.expires_at:
            self._close("The order expired before everything was measured.")
            return
        waiting = [file for file in order.candidates if file.sha256 not in self._memory.reported]
        if not waiting:
            self._close("")
            return
        self._serving.stop()
        file = waiting[0]
        job = message.Measure(
            self._model(order, file),
            self._model(order, order.original),
            str(part_path(self._folder.lab, order.samples.sha256)),
            order.repetitions,
            order.settle_s,
            REPETITION_S,
            limits_for(file.size_bytes, order.original.size_bytes, order.samples.size_bytes),
        )
        try:
            runner = RunnerProcess(
                job,
                self._folder.logs / "lab.log",
                lambda answer: self._loop.post(partial(self._heard, file, answer)),
                lambda reason: self._loop.post(partial(self._ended, file, reason)),
            )
        except OSError as error:
            self._close(f"The measuring cannot be started ({error.strerror}).")
            return
        longest_s = order.settle_s + order.repetitions * REPETITION_S + _SLACK_S
        self._measuring = _Measuring(file, runner, self._loop.call_later(longest_s, runner.kill))

    def _model(self, order: LabOrder, file: LabFile) -> message.ModelFile:
        path = part_path(self._folder.lab, file.sha256)
        return message.ModelFile(
            str(path), file.name, order.input_name, order.input_shape, order.output_name, order.preprocessing
        )

    def _heard(self, file: LabFile, answer: message.Answer) -> None:
        measuring = self._measuring
        if measuring is None or measuring.file is not file:
            return
        match answer:
            case message.Progress(doing):
                measuring.doing = doing
            case message.Measured(figures):
                measuring.answered = True
                self._tell(file, LabReport(self._serial, file.sha256, figures))
            case message.Unusable(_, what, todo):
                measuring.answered = True
                self._tell(file, LabReport(self._serial, file.sha256, None, f"{what} {todo}"[:MAX_TEXT_CHARACTERS]))
            case _:
                pass

    def _ended(self, file: LabFile, reason: str) -> None:
        measuring = self._measuring
        if measuring is None or measuring.file is not file:
            return
        measuring.watchdog.cancel()
        self._measuring = None
        if not measuring.answered:
            said = f"{reason.rstrip('.') or 'The measuring ended without a result'} while {measuring.doing}."
            self._tell(file, LabReport(self._serial, file.sha256, None, said[:MAX_TEXT_CHARACTERS]))
        if not self._updating():
            self._next()

    @property
    def _serial(self) -> int:
        return self._memory.serial

    def _tell(self, file: LabFile, report: LabReport) -> None:
        """Report first, remember then: a report that comes twice changes nothing, one that is lost is a gap."""
        self._report(report)
        self._memory.reported.append(file.sha256)
        self._keep_memory()

    def _end_measuring(self) -> None:
        assert self._measuring is not None
        measuring, self._measuring = self._measuring, None
        measuring.watchdog.cancel()
        measuring.runner.stop()

    def _close(self, reason: str) -> None:
        self._report(LabEnd(self._serial, False, reason[:MAX_TEXT_CHARACTERS]))
        self._memory.closed = True
        self._keep_memory()
        self._order, self._fetched = None, False
        shutil.rmtree(self._folder.lab, ignore_errors=True)
        self._serving.run_active()

    # --- memory ------------------------------------------------------------------------------------------------------

    def _read_memory(self) -> _Memory:
        path = self._folder.lab_file
        try:
            return msgspec.json.decode(path.read_bytes(), type=_Memory)
        except FileNotFoundError:
            return _Memory()
        except (OSError, msgspec.DecodeError) as error:
            # Without the last serial an old order could be shown again; its expiry still bounds that.
            self._note("attention", "lab-memory", f"{path.name} cannot be read ({error}); it was begun anew.")
            return _Memory()

    def _keep_memory(self) -> None:
        try:
            self._folder.write(self._folder.lab_file, msgspec.json.encode(self._memory))
        except OSError as error:
            _LOG.warning("lab: %s cannot be written (%s)", self._folder.lab_file, error.strerror)


class _RefusedOrderError(Exception):
    """An order that must not be carried out; `serial` is what it calls itself, if it can be read."""

    def __init__(self, serial: int | None, refusal: RefusedError) -> None:
        super().__init__(str(refusal))
        self.serial = serial
        self.refusal = refusal


def _serial_of(data: bytes) -> int | None:
    try:
        return decode_order(decode_signed_order(data).order).serial
    except WireError:
        return None
