"""What may be set when an agent is started."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from edgeyard.domain.error import UserError

_BOUNDS: dict[str, tuple[float, float]] = {
    "rate_hz": (0.01, 1000.0),
    "report_every_s": (1.0, 86_400.0),
    "live_every_s": (0.5, 300.0),
    "poll_every_s": (1.0, 86_400.0),
    "update_deadline_s": (1.0, 30 * 86_400.0),
}


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """`rate_hz`: inferences a second on the samples of `input_path`. The hub is asked for assignments every
    `poll_every_s` (± a fifth), besides its hints; a download may take `update_deadline_s`, waiting included. A `lab`
    device also carries out orders to measure models that nobody has released."""

    input_path: Path | None = None
    rate_hz: float = 2.0
    report_every_s: float = 60.0
    live_every_s: float = 5.0
    poll_every_s: float = 30.0
    update_deadline_s: float = 3600.0
    lab: bool = False

    def check(self) -> None:
        """Raise `UserError` for a figure that makes no sense."""
        for field in fields(self):
            if field.name in _BOUNDS:
                value, (least, most) = getattr(self, field.name), _BOUNDS[field.name]
                if not least <= value <= most:
                    raise UserError(f"{field.name} is {value:g}.", f"Give a number from {least:g} to {most:g}.")
