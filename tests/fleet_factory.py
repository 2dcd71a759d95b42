"""Fill a database with a plausible fleet: for the desktop's benchmark (10,000 devices), its tests and screenshots.

Everything follows from `seed`, so two runs give the same picture. A healthy plant is mostly calm: about two devices in
a hundred have a problem, three are silent, and a few were provisioned and never heard of.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from edgeyard.domain.device import Device
from edgeyard.domain.execution import ExecutionState, TrialEvidence
from edgeyard.domain.gate import GateFinding, Verdict
from edgeyard.domain.model import Evidence, ModelVersion, Preprocessing, TensorContract, Variant
from edgeyard.domain.rollout import RolloutPolicy, RolloutState, WaveState
from edgeyard.store import site
from edgeyard.store.change import touch_devices
from edgeyard.store.database import Connection, Database
from edgeyard.store.device import COLUMNS
from edgeyard.store.event import StoredEvent, add_events
from edgeyard.store.group import Group, save_group
from edgeyard.store.job import create_job, update_job
from edgeyard.store.journal import note
from edgeyard.store.json_text import to_text
from edgeyard.store.lease import put_status, take_lease
from edgeyard.store.metric import Sample, add_samples
from edgeyard.store.model import add_variant, add_version, get_version, set_version_released, set_version_stage
from edgeyard.store.raw import insert_many
from edgeyard.store.rollout import (
    ExecutionPlan,
    NewRollout,
    create_rollout,
    get_rollout,
    set_execution_state,
    set_rollout_state,
    set_wave_state,
)

MODEL = "yard-vision"
HALLS = ("a", "b", "c", "d")
AREAS = ("press", "paint", "assembly", "dock", "yard")
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Kind:
    """One hardware profile of the fleet: its share, the variant it runs, and what is normal on it."""

    profile: str
    share: float
    variant: str
    latency_ms: float
    memory_bytes: int
    temperature_c: float


KINDS = (
    Kind("pi4", 0.35, "int8-u8s8", 38.0, 210 << 20, 61.0),
    Kind("pi5", 0.30, "int8-u8s8", 13.0, 230 << 20, 56.0),
    Kind("jetson-orin-nano", 0.20, "fp16", 5.5, 640 << 20, 49.0),
    Kind("x86-vnni", 0.15, "int8-u8s8", 3.2, 310 << 20, 44.0),
)

_PROBLEMS = (
    ("alarm", "The camera gives no picture since this morning; the model sees nothing."),
    ("alarm", "The model process ended 4 times within an hour."),
    ("attention", "The processor is throttled at 84 °C; latency doubled."),
    ("attention", "The clock is 412 s ahead; its reports are dated by arrival."),
    ("attention", "Only 3 % of the disk is free."),
)


def seed_fleet(
    database: Database,
    count: int,
    now: float,
    *,
    seed: int = 1,
    history_points: int = 24,
    history_step_s: float = 300.0,
) -> None:
    """Fill an empty database: a site, models, `count` devices with history, groups, rollouts, jobs and a journal."""
    with database.write() as c:
        site.create_site(c, "demo", now - 90 * DAY_S)
        take_lease(c, "hub", "hub.demo", 30 * DAY_S, now)
        put_status(c, "hub", "ok", "Running on this machine.", "", now)
        put_status(c, "broker", "ok", "Mosquitto, 127.0.0.1:8883.", "", now)
        versions = seed_models(c, now)
    with database.write() as c:
        devices = seed_devices(c, count, now, versions=versions, seed=seed)
        seed_groups(c, now)
    for step in range(0, len(devices), 2_000):
        with database.write() as c:
            seed_history(c, devices[step : step + 2_000], now, history_points, history_step_s, seed=seed + step)
    with database.write() as c:
        seed_rollouts(c, devices, versions, now)
        seed_work(c, now)


def seed_models(c: Connection, now: float) -> tuple[ModelVersion, ...]:
    """Three versions of one model: two released, one only imported."""
    versions = []
    for number, accuracy in ((1, 0.884), (2, 0.913), (3, 0.0)):
        version = add_version(
            c,
            model=MODEL,
            source_digest=digest_of("source", number),
            source_size_bytes=4_812_304 + number,
            now=now - (60 - 20 * number) * DAY_S,
            parameters=1_192_458,
            multiply_adds=38_700_000,
            opset=17,
            inputs=(TensorContract("image", "float32", (None, 1, 28, 28)),),
            outputs=(TensorContract("logits", "float32", (None, 10)),),
            preprocessing=Preprocessing("NCHW", 255.0, (0.5,), (0.5,)),
            golden_digest=digest_of("golden", number),
            golden_size_bytes=156_800,
            note=("First release.", "More data from hall c.", "Trained overnight, not looked at yet.")[number - 1],
        )
        if number < 3:
            _add_variants(c, version, accuracy, now)
            set_version_stage(c, version.id, "optimized", now)
            set_version_released(c, version.id, number, now)
        read = get_version(c, version.id)
        assert read is not None
        versions.append(read)
    return tuple(versions)


def seed_devices(
    c: Connection, count: int, now: float, *, versions: Sequence[ModelVersion] = (), seed: int = 1
) -> list[Device]:
    """`count` devices over four hardware profiles, with labels `hall`, `line` and `area`; returned by id."""
    chance = random.Random(seed)
    kinds = chance.choices(KINDS, [kind.share for kind in KINDS], k=count)
    devices = [_device(number, kind, now, versions, chance) for number, kind in enumerate(kinds, start=1)]
    rows = [tuple(to_text(v) if isinstance(v, dict) else v for v in _values(device)) for device in devices]
    insert_many(c, "device", COLUMNS, rows)
    touch_devices(c, (device.id for device in devices), now)
    events = [
        StoredEvent(device.id, now - chance.uniform(60, 7200), device.problem_severity, "self-check", device.problem)
        for device in devices
        if device.problem
    ]
    add_events(c, events)
    return sorted(devices, key=lambda device: device.id)


def seed_groups(c: Connection, now: float) -> None:
    """A small tree: the plant with its halls, what runs production, a pilot line, and one kind of hardware."""
    plant = save_group(c, Group(0, "plant", "dynamic", "", position=0), now)
    for position, hall in enumerate(HALLS):
        name, filter_text, production = f"hall-{hall}", f"hall={hall}", hall in "ab"
        save_group(
            c,
            Group(0, name, "dynamic", filter_text, production=production, parent_id=plant.id, position=position),
            now,
        )
    save_group(c, Group(0, "pilot", "dynamic", "line=1 hall=c", position=1), now)
    save_group(c, Group(0, "press-cameras", "dynamic", "area=press", position=2), now)
    save_group(c, Group(0, "jetsons", "dynamic", "hw:jetson-orin-nano", position=3), now)


def seed_history(
    c: Connection, devices: Sequence[Device], now: float, points: int, step_s: float, *, seed: int = 1
) -> None:
    """`points` windows of `step_s` up to now for each device that was ever heard; a device with a problem drifts up."""
    chance = random.Random(seed)
    normal = {kind.profile: kind for kind in KINDS}
    samples = []
    for device in devices:
        if device.last_seen_at is None or device.latency_p95_ms is None:
            continue
        kind, phase = normal[device.hardware_profile], chance.uniform(0, math.tau)
        for point in range(points):
            at = now - (points - point) * step_s
            if at > device.last_seen_at:
                break
            share = point / max(points - 1, 1)
            drift = 1.0 + (0.8 * share**2 if device.problem else 0.0)
            p95 = device.latency_p95_ms * (1 + 0.06 * math.sin(phase + share * 5) + chance.gauss(0, 0.03)) * drift
            inferences = int(step_s * 5)
            samples.append(
                Sample(
                    device_id=device.id,
                    at=at,
                    duration_s=step_s,
                    digest=device.running_digest,
                    inferences=inferences,
                    errors=sum(chance.random() < 0.002 for _ in range(3)),
                    latency_p50_ms=p95 * 0.72,
                    latency_p95_ms=p95,
                    latency_p99_ms=p95 * 1.35,
                    cpu_percent=min(99.0, 25 + chance.gauss(0, 3) + (40 if device.problem else 0) * share),
                    memory_bytes=kind.memory_bytes,
                    temperature_c=kind.temperature_c
                    + 4 * math.sin(phase + share * 3)
                    + (20 if device.problem else 0) * share,
                )
            )
    add_samples(c, samples)


def seed_rollouts(c: Connection, devices: Sequence[Device], versions: Sequence[ModelVersion], now: float) -> None:
    """One rollout that ended well, and one in its second wave."""
    fit = [device for device in devices if device.running_digest][:400]
    if len(fit) < 10:
        return
    done = _create(c, fit[: len(fit) // 2], versions[0], "hall-a", now - 12 * DAY_S)
    _finish_waves(c, done, 3, now - 12 * DAY_S)
    set_rollout_state(c, done, RolloutState.SUCCEEDED, "", now - 12 * DAY_S + 5400)
    running = _create(c, fit, versions[1], "plant", now - 3600)
    _finish_waves(c, running, 1, now - 3600)
    set_wave_state(c, running, 1, WaveState.RUNNING, "", (), now - 1500)
    steps = (ExecutionState.NOTIFIED, ExecutionState.DOWNLOADING, ExecutionState.SELF_TESTING, ExecutionState.TRIAL)
    for number, execution in enumerate(e for e in get_rollout(c, running).executions if e.wave == 1):
        for state in (*steps, ExecutionState.SUCCEEDED)[: number % 6]:
            set_execution_state(c, execution.id, state, "", None, now - 1400 + number)


def seed_work(c: Connection, now: float) -> None:
    """Jobs and a journal, so that no panel is empty."""
    done = create_job(c, "optimize", f"Optimize {MODEL} 2", f"{MODEL} 2", now - 7200, "demo")
    update_job(c, done, "done", 1.0, "4 variants, 3 chosen.", now - 6900)
    active = create_job(c, "optimize", f"Optimize {MODEL} 3", f"{MODEL} 3", now - 90, "demo")
    update_job(c, active, "running", 0.45, "Measuring int8-u8s8 on 2,000 samples.", now - 5)
    note(c, "operator.demo", "release", f"{MODEL} 2", "Signed with the key in the keyring.", now - 6000)
    note(c, "operator.demo", "roll out", f"{MODEL} 2", "To the group plant.", now - 3600)


def digest_of(*parts: object) -> str:
    """A SHA-256 digest that is always the same for the same words."""
    return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()


def _add_variants(c: Connection, version: ModelVersion, accuracy: float, now: float) -> None:
    plan = (
        ("fp32", "fp32", 4_812_304, 0.0, ()),
        ("fp16", "fp16", 2_414_880, 0.0005, ("jetson-orin-nano",)),
        ("int8-u8s8", "int8", 1_288_112, 0.004, ("pi4", "pi5", "x86-vnni")),
    )
    for name, precision, size_bytes, loss, profiles in plan:
        evidence = Evidence(
            accuracy=accuracy - loss,
            accuracy_low=accuracy - loss - 0.011,
            accuracy_high=accuracy - loss + 0.010,
            samples=2_000,
            agreement=1.0 - 3 * loss,
            latency_p50_ms=0.8 + size_bytes / 8e6,
            latency_p95_ms=1.0 + size_bytes / 7e6,
            latency_ratio=size_bytes / 4_812_304,
            measured_on="plant-pc (AVX2)",
            golden_accuracy=accuracy - loss,
            golden_samples=200,
        )
        add_variant(
            c,
            version.id,
            name=name,
            precision=precision,
            digest=digest_of(version.label, name),
            size_bytes=size_bytes,
            now=now,
            profiles=profiles,
            evidence=evidence,
            reasons=dict.fromkeys(profiles, "Smallest that keeps the accuracy."),
        )


def _values(device: Device) -> tuple[object, ...]:
    return tuple(getattr(device, name) for name in COLUMNS)


def _device(number: int, kind: Kind, now: float, versions: Sequence[ModelVersion], chance: random.Random) -> Device:
    labels = {
        "hall": chance.choice(HALLS),
        "line": str(chance.randint(1, 12)),
        "area": chance.choice(AREAS),
    }
    name = f"{labels['area']}-{number:05d}"
    joined_at = now - chance.uniform(20, 80) * DAY_S
    fate = chance.random()
    if fate < 0.005:
        return Device(name, kind.profile, labels, joined_at)
    severity, problem = chance.choice(_PROBLEMS) if fate < 0.025 else ("", "")
    silent = 0.025 <= fate < 0.055
    latency_ms = kind.latency_ms * chance.lognormvariate(0, 0.12)
    variant, version = _variant_of(kind, versions, 1 if chance.random() < 0.8 else 2)
    return Device(
        id=name,
        hardware_profile=kind.profile,
        labels=labels,
        joined_at=joined_at,
        online=not silent,
        last_seen_at=now - (chance.uniform(60, 3 * DAY_S) if silent else chance.uniform(0, 4)),
        agent_version="0.1.0",
        running_digest=variant.digest if variant else "",
        running_model=MODEL if variant else "",
        running_version=version,
        running_variant=variant.name if variant else "",
        assigned_digest=variant.digest if variant else "",
        update_state="downloading" if 0.055 <= fate < 0.065 else "",
        latency_p50_ms=latency_ms * 0.72,
        latency_p95_ms=latency_ms,
        inferences_per_s=chance.gauss(5, 0.1),
        error_rate=max(0.0, chance.gauss(0.0005, 0.0005)),
        cpu_percent=min(99.0, max(3.0, chance.gauss(28, 6) + (40 if problem else 0))),
        memory_bytes=int(kind.memory_bytes * chance.uniform(0.95, 1.1)),
        temperature_c=kind.temperature_c + chance.gauss(0, 3) + (20 if problem else 0),
        clock_skew_s=chance.gauss(0, 0.05),
        problem=problem,
        problem_severity=severity,
    )


def _variant_of(kind: Kind, versions: Sequence[ModelVersion], number: int) -> tuple[Variant | None, int]:
    for version in versions:
        for variant in version.variants:
            if version.version == number and variant.name == kind.variant:
                return variant, number
    return None, 0


def _create(c: Connection, devices: Sequence[Device], version: ModelVersion, group: str, now: float) -> int:
    names = {kind.profile: kind.variant for kind in KINDS}
    digests = {variant.name: variant.digest for variant in version.variants}
    plans = [ExecutionPlan(d.id, digests[names[d.hardware_profile]], d.running_digest) for d in devices]
    cuts = (0, math.ceil(len(plans) * 0.1), math.ceil(len(plans) * 0.5), len(plans))
    waves = [plans[start:stop] for start, stop in itertools.pairwise(cuts)]
    draft = NewRollout(MODEL, version.id, group, RolloutPolicy(), "operator.demo", waves, (), len(plans) * 1_288_112)
    rollout_id = create_rollout(c, draft, now)
    set_rollout_state(c, rollout_id, RolloutState.RUNNING, "", now + 1)
    return rollout_id


def _finish_waves(c: Connection, rollout_id: int, count: int, now: float) -> None:
    evidence = TrialEvidence(
        samples=200, accuracy=0.909, previous_accuracy=0.884, latency_p95_ms=12.8, previous_latency_p95_ms=13.1,
        inferences=1500,
    )  # fmt: skip
    findings = (
        GateFinding("accuracy", Verdict.PASS, "Golden accuracy 90.9 %, before 88.4 %.", 0.909, 0.864),
        GateFinding("latency", Verdict.PASS, "p95 12.8 ms, before 13.1 ms.", 0.98, 1.5),
    )
    executions = get_rollout(c, rollout_id).executions
    for index in range(count):
        started_at = now + 1800 * index
        set_wave_state(c, rollout_id, index, WaveState.RUNNING, "", (), started_at)
        for execution in executions:
            if execution.wave == index:
                set_execution_state(c, execution.id, ExecutionState.SUCCEEDED, "", evidence, started_at + 600)
        set_wave_state(c, rollout_id, index, WaveState.PASSED, "", findings, started_at + 1200)
