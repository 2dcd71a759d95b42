"""What the demo proves, as one JSON object: every figure is read from the database or the signed reports."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from edgeyard.commands.demo.story import ToldStory
from edgeyard.commands.patience import patiently
from edgeyard.commands.workspace import Workspace
from edgeyard.domain.execution import ExecutionState
from edgeyard.domain.rollout import Rollout, WaveState
from edgeyard.store import assignment, device, model, rollout
from edgeyard.trust.device_key import verify_statement
from edgeyard.wire.statement import decode_statement


def summarize(workspace: Workspace, story: ToldStory, broker: str) -> dict[str, Any]:
    """The result without `orphans`, which is known only after everything has ended."""
    return {
        "devices": len(story.device_ids),
        "broker": broker,
        "good_rollout": _good(workspace, story.good),
        "bad_rollout": _bad(workspace, story),
        "running_digests_match": running_digests_match(workspace, story.device_ids),
        "variants": _variants(workspace, story.good),
    }


def running_digests_match(workspace: Workspace, device_ids: tuple[str, ...]) -> bool:
    """Whether every device's own signed report names the digest that it is assigned."""
    with workspace.database.read() as connection:
        for device_id in device_ids:
            certificate = device.device_certificate(connection, device_id)
            report = device.running_report(connection, device_id)
            wanted = assignment.get_assignment(connection, device_id)
            if certificate is None or report is None or wanted is None:
                return False
            verify_statement(certificate, report.statement, report.signature)
            statement = decode_statement(report.statement)
            if statement.device != device_id or statement.digest != wanted.digest:
                return False
    return True


def ended_as_told(result: dict[str, Any]) -> bool:
    """Whether both stories ended the way they should."""
    bad = result["bad_rollout"]
    return bool(
        result["good_rollout"]["state"] == "succeeded"
        and result["good_rollout"]["succeeded"] == result["devices"]
        and bad["state"] == "failed"
        and bad["failed_wave"] == 1
        and bad["rolled_back"] == bad["exposed_devices"]
        and result["running_digests_match"]
        and result["orphans"] == 0
    )


def _good(workspace: Workspace, good: Rollout) -> dict[str, Any]:
    with workspace.database.read() as connection:
        downloaded = rollout.downloaded_bytes(connection, good.id)
    return {
        "state": good.state.value,
        "waves": sum(wave.state is WaveState.PASSED for wave in good.waves),
        "succeeded": sum(e.state is ExecutionState.SUCCEEDED for e in good.executions),
        "bytes": downloaded,
        "duration_s": round((good.ended_at or good.state_since) - (good.started_at or good.created_at), 1),
    }


def _bad(workspace: Workspace, story: ToldStory) -> dict[str, Any]:
    bad = story.bad
    offered = [e for e in bad.executions if not e.undo and e.state is not ExecutionState.CANCELLED]
    exposed = {e.device_id: e for e in offered} | {
        e.device_id: e for e in bad.executions if not e.undo and _wave_started(bad, e.wave)
    }
    with workspace.database.read() as connection:
        running = {d.id: d.running_digest for d in device.list_devices(connection) if d.id in exposed}
    failed = [wave.index + 1 for wave in bad.waves if wave.state is WaveState.FAILED]
    return {
        "state": bad.state.value,
        "failed_wave": failed[0] if failed else None,
        "exposed_devices": len(exposed),
        "rolled_back": sum(running.get(name) == e.previous_digest for name, e in exposed.items()),
        "reason": bad.reason,
    }


def _wave_started(found: Rollout, index: int) -> bool:
    return any(wave.index == index and wave.started_at is not None for wave in found.waves)


def _variants(workspace: Workspace, good: Rollout) -> dict[str, Any]:
    with workspace.database.read() as connection:
        version = model.get_version(connection, good.version_id)
    variants = version.variants if version else ()
    return {
        profile: {
            "name": variant.name,
            "size_bytes": variant.size_bytes,
            "accuracy": variant.evidence.accuracy,
            "latency_ms": variant.evidence.latency_p50_ms,
            "measured_on": variant.evidence.measured_on,
        }
        for variant in variants
        for profile in variant.profiles
    }


def broker_kind(workspace: Workspace) -> str:
    """`mosquitto`, `embedded` or `external`, as the hub says."""

    def ask() -> str:
        with closing(workspace.hub()) as hub:
            return hub.site().broker.kind

    return patiently(ask)
