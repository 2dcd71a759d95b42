"""The device's signed word on what it runs: the only thing by which a rollout counts as a success."""

from __future__ import annotations

from collections.abc import Callable

from edgeyard.agent.counters import Counters
from edgeyard.agent.slots import Slots
from edgeyard.agent.state_folder import Identity
from edgeyard.agent.uplink import Uplink
from edgeyard.trust.device_key import sign_statement
from edgeyard.wire.message import RunningReport, RunningStatement
from edgeyard.wire.statement import encode_statement


class RunningWord:
    """Signs with the device's own key and owes the hub the result as a record."""

    def __init__(
        self,
        identity: Identity,
        key_pem: bytes,
        counters: Counters,
        slots: Slots,
        uplink: Uplink,
        clock: Callable[[], float],
    ) -> None:
        self._identity = identity
        self._key_pem = key_pem
        self._counters = counters
        self._slots = slots
        self._uplink = uplink
        self._clock = clock
        self._said: tuple[str, str, str] | None = None
        self._said_in = (0, 0)

    def say(self) -> None:
        """Say what runs now."""
        active, previous = self._slots.active, self._slots.previous
        self._said = self._now()
        statement = RunningStatement(
            device=self._identity.device,
            site=self._identity.site,
            counter=self._counters.next_statement(),
            digest=active.digest if active else "",
            previous_digest=previous.digest if previous else "",
            target=active.target if active else "",
            director_version=active.director_version if active else 0,
            at=self._clock(),
        )
        data = encode_statement(statement)
        self._said_in = self._uplink.report(RunningReport(data, sign_statement(self._key_pem, data)))

    def repeat(self) -> None:
        """At a birth: say it again, unless the same word still waits to be committed.

        Then it must not be said later instead: reports that stand behind it build on it.
        """
        if self._said != self._now() or not self._uplink.waits(self._said_in):
            self.say()

    def _now(self) -> tuple[str, str, str]:
        active, previous = self._slots.active, self._slots.previous
        return (
            active.digest if active else "",
            previous.digest if previous else "",
            active.target if active else "",
        )
