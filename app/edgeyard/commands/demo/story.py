"""The two stories of the demo: a good release goes out in waves, a bad one is stopped by its first wave."""

from __future__ import annotations

import time
from dataclasses import dataclass

from edgeyard.commands.demo.demo_fleet import EVERYTHING, save_groups, start_fleet, wait_until_online
from edgeyard.commands.demo.demo_model import MODEL, import_version, optimize_imported
from edgeyard.commands.demo.demo_site import DemoSite
from edgeyard.commands.release_signing import ensure_release_root, sign_version
from edgeyard.commands.rollout_command import prepare_rollout, start_rollout
from edgeyard.commands.workspace import Workspace
from edgeyard.domain.error import UserError
from edgeyard.domain.execution import ExecutionState
from edgeyard.domain.gate import GatePolicy
from edgeyard.domain.quantity import count
from edgeyard.domain.rollout import Rollout, RolloutPolicy, RolloutState, WaveState
from edgeyard.store import rollout

STORY_POLICY = RolloutPolicy(
    wave_percents=(10, 50, 100),
    soak_s=2.0,
    execution_deadline_s=240.0,
    wave_deadline_s=300.0,
    gate=GatePolicy(trial_s=4.0, min_inferences=8, max_latency_ratio=4.0, min_latency_ms=25.0),
)
"""Quick, and wide on latency: a dozen agents share this machine's processor, so latency says little here."""

_ENDED = (RolloutState.SUCCEEDED, RolloutState.FAILED, RolloutState.CANCELLED, RolloutState.UNDONE)
_ROLLOUT_TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class ToldStory:
    """What happened: the rollouts as they ended, and the devices."""

    device_ids: tuple[str, ...]
    baseline: Rollout
    good: Rollout
    bad: Rollout


def prepare_site(site: DemoSite) -> tuple[list[str], dict[int, int]]:
    """Start hub and agents, import and optimize the three versions, sign the first.

    Returns the device ids and the database id of each version number.
    """
    workspace = site.start()
    site.on_text("Making the site's release keys")
    ensure_release_root(workspace, site.unlock)
    save_groups(site)
    site.on_text(f"Starting {count(site.options.devices, 'agent')}")
    device_ids = start_fleet(site)
    versions = {}
    for number in (1, 2, 3):
        site.on_text(f"Importing and optimizing {MODEL} {number}")
        versions[number] = import_version(workspace, number)
        optimize_imported(workspace, versions[number])
        if number == 1:
            sign_version(workspace, versions[1], site.unlock)
    wait_until_online(site, device_ids)
    site.on_text(f"{count(len(device_ids), 'device is', 'devices are')} online")
    return device_ids, versions


def roll_out_baseline(site: DemoSite, versions: dict[int, int]) -> Rollout:
    """Give every device its first model, in one wave."""
    policy = RolloutPolicy(
        wave_percents=(100,),
        soak_s=0.0,
        execution_deadline_s=STORY_POLICY.execution_deadline_s,
        gate=STORY_POLICY.gate,
    )
    return _roll_out(site, versions[1], policy, "the first model of every device")


def tell_story(site: DemoSite) -> ToldStory:
    """The whole story, without a window. Raises `UserError` when it cannot be told to its end."""
    device_ids, versions = prepare_site(site)
    baseline = roll_out_baseline(site, versions)
    workspace = site.workspace
    assert workspace is not None
    sign_version(workspace, versions[2], site.unlock)
    good = _roll_out(site, versions[2], STORY_POLICY, "a better version")
    sign_version(workspace, versions[3], site.unlock)
    bad = _roll_out(site, versions[3], STORY_POLICY, "a subtly broken version")
    return ToldStory(tuple(device_ids), baseline, good, bad)


def _roll_out(site: DemoSite, version_id: int, policy: RolloutPolicy, what: str) -> Rollout:
    workspace = site.workspace
    assert workspace is not None
    prepared = prepare_rollout(workspace, version_id, EVERYTHING, policy)
    site.on_text(f"Rolling out {prepared.plan.version.label} ({what}) to {prepared.plan.summary} devices")
    ended = _wait_for_end(site, workspace, start_rollout(workspace, prepared))
    succeeded = sum(e.state is ExecutionState.SUCCEEDED for e in ended.executions if not e.undo)
    site.on_text(
        f"{prepared.plan.version.label}: {ended.state.value}, {count(succeeded, 'device')}. {ended.reason}".rstrip()
    )
    return ended


def _wait_for_end(site: DemoSite, workspace: Workspace, rollout_id: int) -> Rollout:
    give_up_at = time.monotonic() + _ROLLOUT_TIMEOUT_S
    told: set[tuple[int, WaveState]] = set()
    while time.monotonic() < give_up_at:
        with workspace.database.read() as connection:
            found = rollout.get_rollout(connection, rollout_id)
        for wave in found.waves:
            news = (wave.index, wave.state)
            if wave.state is not WaveState.PENDING and news not in told:
                told.add(news)
                extent = f"  wave {wave.index + 1} ({count(wave.devices, 'device')})"
                site.on_text(f"{extent}: {wave.state.value}. {wave.reason}".rstrip())
        if found.state in _ENDED:
            return found
        time.sleep(0.25)
    raise UserError(f"Rollout {rollout_id} did not end in {_ROLLOUT_TIMEOUT_S:.0f} s.", f"See the logs in {site.root}.")
