"""A small site on a real SQLite file: three versions, fifteen devices, groups, and rollouts in every condition."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgeyard.domain.device import Device
from edgeyard.domain.execution import ExecutionState, TrialEvidence
from edgeyard.domain.judge import judge_wave
from edgeyard.domain.model import Evidence, ModelVersion, Preprocessing, TensorContract
from edgeyard.domain.rollout import RolloutPolicy, RolloutState, WaveState
from edgeyard.domain.wave import plan_waves
from edgeyard.store import rollout, site
from edgeyard.store.database import Connection
from edgeyard.store.device import add_device, update_live
from edgeyard.store.group import Group, save_group
from edgeyard.store.lease import put_status, take_lease
from edgeyard.store.live import LiveUpdate
from edgeyard.store.model import add_variant, add_version, get_version, set_version_released, set_version_stage
from edgeyard.store.raw import run
from tests.fleet_factory import digest_of

MODEL = "yard-vision"
ACCURACY = {1: 0.716, 2: 0.848, 3: 0.550}
PROFILES = ("pi4", "pi5", "x86-vnni", "jetson-orin-nano")
CHOSEN = {
    "int8-s8s8": ("int8", 98_400, ("pi4", "pi5"), 1.6),
    "int8-u8s8": ("int8", 98_600, ("x86-vnni",), 1.9),
    "fp32": ("fp32", 318_700, (), 1.0),
}
"""Variants of every version: no jetson is served, so that somebody is left out."""


def profile_of(number: int) -> str:
    """The hardware of `press-N`: every fifth is one that no version serves."""
    return PROFILES[3] if number % 5 == 0 else PROFILES[number % 3]


def seed_site(c: Connection, now: float) -> None:
    """The site itself, with a hub that is there."""
    site.create_site(c, "demo", now)
    take_lease(c, "hub", "hub.demo", 3600.0, now)
    put_status(c, "hub", "ok", "Running on this machine.", "", now)
    put_status(c, "broker", "ok", "Mosquitto, 127.0.0.1:8883.", "", now)


def seed_versions(c: Connection, now: float, released: Mapping[int, int] | None = None) -> dict[int, ModelVersion]:
    """Versions 1 to 3 with variants and evidence; `released` gives signed ones their release counters."""
    counters = {1: 1, 2: 2} if released is None else released
    versions = {}
    for number, accuracy in ACCURACY.items():
        added = add_version(
            c,
            model=MODEL,
            source_digest=digest_of("source", number),
            source_size_bytes=318_700,
            now=now,
            version=number,
            parameters=77_706,
            multiply_adds=12_500_000,
            opset=17,
            inputs=(TensorContract("image", "float32", (None, 3, 32, 32)),),
            outputs=(TensorContract("logits", "float32", (None, 10)),),
            preprocessing=Preprocessing("NCHW", 255.0, (0.49, 0.48, 0.44), (0.2, 0.2, 0.2), ("airplane", "cat")),
            golden_digest=digest_of("golden", number),
            golden_size_bytes=560_000,
            note=f"Training run {number}.",
        )
        for name, (precision, size_bytes, profiles, ratio) in CHOSEN.items():
            evidence = Evidence(
                accuracy=accuracy,
                accuracy_low=accuracy - 0.033,
                accuracy_high=accuracy + 0.029,
                samples=500,
                agreement=0.99,
                latency_p50_ms=1.2 / ratio,
                latency_p95_ms=1.4 / ratio,
                latency_ratio=ratio,
                measured_on="x86-64 with VNNI",
                golden_accuracy=accuracy - 0.02,
                golden_samples=300,
            )
            reasons = {profile: f"{name} is the fastest that fits {profile}." for profile in profiles}
            add_variant(
                c,
                added.id,
                name=name,
                precision=precision,
                digest=digest_of(MODEL, number, name),
                size_bytes=size_bytes,
                now=now,
                profiles=profiles,
                evidence=evidence,
                reasons=reasons,
                lineage={"source": digest_of("source", number), "recipe": "int8, per channel"},
            )
        set_version_stage(c, added.id, "optimized", now)
        if number in counters:
            set_version_released(c, added.id, counters[number], now)
        read = get_version(c, added.id)
        assert read is not None
        versions[number] = read
    return versions


def seed_versions_again(c: Connection, now: float) -> None:
    """One more version of the model, only imported."""
    add_version(c, model=MODEL, source_digest=digest_of("source", 4), source_size_bytes=318_700, now=now, version=4)


def seed_devices(c: Connection, now: float, runs: ModelVersion | None, count: int = 15) -> list[str]:
    """`press-1` and so on, over four kinds of hardware, all online; those that are served run `runs`."""
    ids = []
    for number in range(1, count + 1):
        profile = profile_of(number)
        device = Device(f"press-{number}", profile, {"hall": "ab"[number % 2], "line": str(number % 3)}, joined_at=now)
        add_device(c, device, ssl.DER_cert_to_PEM_cert(device.id.encode()), now)
        ids.append(device.id)
        variant = next((v for v in runs.variants if profile in v.profiles), None) if runs else None
        if runs is not None and variant is not None:
            run(
                c,
                "UPDATE device SET running_digest = ?, running_model = ?, running_version = ?, running_variant = ?"
                " WHERE id = ?",
                (variant.digest, MODEL, runs.version, variant.name, device.id),
            )
    update_live(c, [LiveUpdate(device_id, at=now, online=True, latency_p95_ms=14.0) for device_id in ids])
    return ids


def seed_groups(c: Connection, now: float) -> dict[str, Group]:
    """Everything, a production hall, one kind of hardware that no version serves, and an empty one."""
    wanted = (
        Group(0, "plant", "dynamic", ""),
        Group(0, "hall-a", "dynamic", "hall=a", production=True, position=1),
        Group(0, "jetsons", "dynamic", "hw:jetson-orin-nano", position=2),
        Group(0, "attic", "dynamic", "hall=attic", position=3),
    )
    return {group.name: save_group(c, group, now) for group in wanted}


def add_rollout(
    c: Connection,
    version: ModelVersion,
    previous: ModelVersion,
    now: float,
    *,
    group: str = "plant",
    policy: RolloutPolicy | None = None,
    count: int = 12,
) -> int:
    """A rollout of `version` to the devices it serves, scheduled and just started."""
    policy = policy or RolloutPolicy(soak_s=30.0)
    served = [n for n in range(1, 200) if profile_of(n) != PROFILES[3]][:count]
    waves = plan_waves([f"press-{n}" for n in served], policy.wave_percents, "seed")
    plans = [[_execution(version, previous, device_id) for device_id in wave] for wave in waves]
    left_out = [(f"press-{n}", f"{version.label} has no variant for Jetson Orin Nano.") for n in (5, 10, 15)]
    draft = rollout.NewRollout(MODEL, version.id, group, policy, "operator.ada", plans, left_out, 1_180_000)
    rollout_id = rollout.create_rollout(c, draft, now)
    rollout.set_rollout_state(c, rollout_id, RolloutState.RUNNING, "", now + 1)
    return rollout_id


def _execution(version: ModelVersion, previous: ModelVersion, device_id: str) -> rollout.ExecutionPlan:
    profile = profile_of(int(device_id.removeprefix("press-")))
    new, old = (next(v.digest for v in each.variants if profile in v.profiles) for each in (version, previous))
    return rollout.ExecutionPlan(device_id, new, old)


def evidence_of(accuracy: float, before: float, latency_ms: float = 13.2) -> TrialEvidence:
    """What a device measured in its trial."""
    return TrialEvidence(
        samples=300, accuracy=accuracy, previous_accuracy=before, latency_p50_ms=latency_ms * 0.8,
        latency_p95_ms=latency_ms, latency_p99_ms=latency_ms * 1.3, previous_latency_p95_ms=14.0, inferences=150,
        memory_peak_bytes=86_000_000,
    )  # fmt: skip


def run_wave(c: Connection, rollout_id: int, index: int, now: float) -> None:
    """Start one wave."""
    rollout.set_wave_state(c, rollout_id, index, WaveState.RUNNING, "", (), now)


def pass_wave(c: Connection, rollout_id: int, index: int, now: float, evidence: TrialEvidence) -> None:
    """All its devices succeed, and its gate passes."""
    run_wave(c, rollout_id, index, now)
    found = rollout.get_rollout(c, rollout_id)
    for number, execution in enumerate(e for e in found.executions if e.wave == index):
        steps = (ExecutionState.NOTIFIED, ExecutionState.DOWNLOADING, ExecutionState.TRIAL, ExecutionState.SUCCEEDED)
        for step, state in enumerate(steps):
            proof = evidence if state is ExecutionState.SUCCEEDED else None
            rollout.set_execution_state(c, execution.id, state, "", proof, now + 2 * step + number)
    found = rollout.get_rollout(c, rollout_id)
    findings = judge_wave([e for e in found.executions if e.wave == index], found.policy.gate)
    rollout.set_wave_state(c, rollout_id, index, WaveState.PASSED, "", findings, now + 60)


def advance_wave(c: Connection, rollout_id: int, index: int, now: float, states: Sequence[ExecutionState]) -> None:
    """Start a wave and put its devices into these states, in turn."""
    run_wave(c, rollout_id, index, now)
    found = rollout.get_rollout(c, rollout_id)
    for number, execution in enumerate(e for e in found.executions if e.wave == index):
        state = states[number % len(states)]
        if state is not ExecutionState.QUEUED:
            proof = evidence_of(0.827, 0.683) if state is ExecutionState.SUCCEEDED else None
            rollout.set_execution_state(c, execution.id, state, "", proof, now + 3 * number)


def fail_wave(c: Connection, rollout_id: int, index: int, now: float, sentence: str) -> None:
    """Its devices go back by themselves, the wave fails and the rollout ends."""
    run_wave(c, rollout_id, index, now)
    found = rollout.get_rollout(c, rollout_id)
    bad = evidence_of(0.553, 0.827)
    for execution in found.executions:
        if execution.wave == index:
            rollout.set_execution_state(c, execution.id, ExecutionState.ROLLED_BACK, sentence, bad, now + 20)
        elif execution.wave > index:
            reason = f"Wave {index + 1} failed."
            rollout.set_execution_state(c, execution.id, ExecutionState.CANCELLED, reason, None, now + 21)
    found = rollout.get_rollout(c, rollout_id)
    executions = [replace(e) for e in found.executions if e.wave == index]
    findings = judge_wave(executions, found.policy.gate)
    count = len(executions)
    first = f"First: {executions[0].device_id}: {sentence}"
    reason = f"{count} of {count} devices ended without success; 90% must succeed. {first}"
    rollout.set_wave_state(c, rollout_id, index, WaveState.FAILED, reason, findings, now + 22)
    end = f"Wave {index + 1} failed: {reason}"
    rollout.set_rollout_state(c, rollout_id, RolloutState.FAILED, end, now + 23)


def stall_wave(c: Connection, rollout_id: int, index: int, now: float) -> None:
    """Its devices saw too little to judge: the wave is inconclusive and the rollout waits for a person."""
    run_wave(c, rollout_id, index, now)
    found = rollout.get_rollout(c, rollout_id)
    few = replace(evidence_of(0.827, 0.683), inferences=4)
    for execution in found.executions:
        if execution.wave == index:
            rollout.set_execution_state(c, execution.id, ExecutionState.SUCCEEDED, "", few, now + 20)
    found = rollout.get_rollout(c, rollout_id)
    findings = judge_wave([e for e in found.executions if e.wave == index], found.policy.gate)
    open_points = " ".join(f.sentence for f in findings if f.verdict.value == "inconclusive")
    rollout.set_wave_state(c, rollout_id, index, WaveState.INCONCLUSIVE, open_points, findings, now + 50)
    reason = f"Wave {index + 1} is inconclusive: {open_points}"
    rollout.set_rollout_state(c, rollout_id, RolloutState.PAUSED, reason, now + 51)
