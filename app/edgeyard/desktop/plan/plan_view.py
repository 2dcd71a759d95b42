"""Everything the plan shows, read at once on a worker, and the start itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

from edgeyard.commands.release_signing import sign_version
from edgeyard.commands.rollout_command import PreparedRollout, prepare_rollout, start_rollout
from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.plan.comparison import Comparison, compare_running
from edgeyard.desktop.plan.natural_order import natural_order
from edgeyard.desktop.plan.signing_key import KeyState, make_unlock
from edgeyard.domain.error import UserError
from edgeyard.domain.plan import Exclusion
from edgeyard.domain.rollout import RolloutPolicy
from edgeyard.store import group, model

RELEASED = "released"


@dataclass(frozen=True, slots=True)
class PlanView:
    """One plan as shown: what starts is exactly this."""

    prepared: PreparedRollout
    production: bool
    comparisons: tuple[Comparison, ...]
    made_at: float

    @property
    def signed(self) -> bool:
        """Whether the version is signed already."""
        return self.prepared.plan.version.stage == RELEASED

    @property
    def refusal(self) -> str:
        """Why it cannot start, or nothing."""
        version = self.prepared.plan.version
        if not version.variants:
            return f"{version.label} has no variants yet. Optimize it first."
        return self.prepared.plan.refusal

    @property
    def duration_s(self) -> float:
        """Forecast length of the whole rollout in seconds."""
        return self.prepared.forecast[-1].end_s if self.prepared.forecast else 0.0


def read_plan(workspace: Workspace, version_id: int, group_name: str, policy: RolloutPolicy) -> PlanView:
    """Plan and compare; reads only. Raises `UserError`."""
    prepared = prepare_rollout(workspace, version_id, group_name, policy)
    with workspace.database.read() as connection:
        models = model.list_models(connection)
        production = any(g.production for g in group.list_groups(connection) if g.name == group_name)
    return PlanView(prepared, production, compare_running(prepared.plan, models), workspace.clock())


def sign_and_start(
    workspace: Workspace,
    view: PlanView,
    key: KeyState | None,
    passphrase: str,
    on_text: Callable[[str], None] | None = None,
) -> int:
    """Sign the version unless it is signed, then start the plan; returns the rollout's id. Raises `UserError`.

    `key` may be `None` only for a version that is signed.
    """
    version = view.prepared.plan.version
    if not view.signed:
        assert key is not None
        sign_version(workspace, version.id, make_unlock(key, passphrase), on_text)
    if on_text is not None:
        on_text("Starting the rollout")
    return start_rollout(workspace, _with_signed_version(workspace, view.prepared))


def _with_signed_version(workspace: Workspace, prepared: PreparedRollout) -> PreparedRollout:
    with workspace.database.read() as connection:
        version = model.get_version(connection, prepared.plan.version.id)
    if version is None:
        raise UserError("This version is not in the site any more.", "Choose another one.")
    return replace(prepared, plan=replace(prepared.plan, version=version))


def by_reason(excluded: tuple[Exclusion, ...]) -> list[tuple[str, list[str]]]:
    """Excluded devices under their reasons, the most frequent reason first."""
    grouped: defaultdict[str, list[str]] = defaultdict(list)
    for exclusion in excluded:
        grouped[exclusion.reason].append(exclusion.device_id)
    ordered = {reason: sorted(device_ids, key=natural_order) for reason, device_ids in grouped.items()}
    return sorted(ordered.items(), key=lambda item: (-len(item[1]), item[0]))
