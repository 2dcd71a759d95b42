"""What may happen on the update path (events) and what is then to be done (commands)."""

from __future__ import annotations

from dataclasses import dataclass

from edgeyard.agent.update_state import Target
from edgeyard.domain.execution import TrialEvidence

# --- events ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offered:
    """Both repositories name `target` for this device, or the director names nothing."""

    target: Target | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Both repositories name `target`, and the device must not take it."""

    target: Target
    reason: str


@dataclass(frozen=True, slots=True)
class Downloaded:
    """Model (where it was needed) and golden set lie verified in the download folder."""

    attempt: int
    downloaded_bytes: int = 0


@dataclass(frozen=True, slots=True)
class DownloadWaiting:
    """The hub is away or answers wrongly; the download goes on by itself."""

    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class Staged:
    """The inactive slot now holds the target, complete and verified."""

    attempt: int
    digest: str


@dataclass(frozen=True, slots=True)
class SelfTested:
    """The self-test ran to its end."""

    attempt: int
    evidence: TrialEvidence


@dataclass(frozen=True, slots=True)
class Switched:
    """The slots changed over (or were already as asked)."""

    attempt: int
    active: str
    other: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The command at hand could not be carried out. `missing`: because the bytes it needs are gone.

    `rejected`: because the bytes offered are not those that were signed.
    """

    attempt: int
    reason: str
    missing: bool = False
    rejected: bool = False


@dataclass(frozen=True, slots=True)
class TrialFigures:
    """Totals since the trial's runner was started."""

    attempt: int
    inferences: int
    errors: int
    memory_peak_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class TrialBroke:
    """In its trial the model could not be loaded (`crashed` is false) or took its process down."""

    attempt: int
    reason: str
    crashed: bool = True


@dataclass(frozen=True, slots=True)
class Reported:
    """All reports up to `number` are in the outbox."""

    number: int


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time went on."""


Answer = Downloaded | DownloadWaiting | Staged | SelfTested | Switched | Failed | TrialFigures | TrialBroke
"""Events that belong to one attempt; those of an earlier attempt are ignored."""
Event = Offered | Refused | Reported | Ticked | Answer

# --- commands --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Download:
    """Fetch the golden set, and the model unless the other slot holds it; answer `Downloaded` or `Failed`."""

    attempt: int
    target: Target
    model_needed: bool


@dataclass(frozen=True, slots=True)
class StageModel:
    """Put the downloaded model into the inactive slot, verified; answer `Staged` or `Failed`."""

    attempt: int
    target: Target


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Measure the staged model against the active one; answer `SelfTested` or `Failed`."""

    attempt: int
    target: Target
    previous: str


@dataclass(frozen=True, slots=True)
class Switch:
    """Make the slot with `digest` the active one, durably (empty: none); answer `Switched` or `Failed`."""

    attempt: int
    digest: str


@dataclass(frozen=True, slots=True)
class StartTrial:
    """Run the active slot's model with counters from zero; answer with `TrialFigures` and `TrialBroke`."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Abandon:
    """Stop whatever is under way for earlier commands; its answers are ignored."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should be able to read later."""

    severity: str
    code: str
    text: str


Command = Download | StageModel | SelfTest | Switch | StartTrial | Abandon | Note
