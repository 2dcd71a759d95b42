"""The plan's figures and sentences, without a window."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeyard.desktop.plan import evidence_words
from edgeyard.desktop.plan.comparison import compare_running
from edgeyard.desktop.plan.drop_check import check_drop
from edgeyard.desktop.plan.gate_words import GATES, PACE, read_percents
from edgeyard.desktop.plan.natural_order import natural_order
from edgeyard.desktop.plan.plan_view import by_reason
from edgeyard.desktop.plan.wave_timeline import ticks
from edgeyard.domain.device import Device
from edgeyard.domain.model import Evidence, ModelVersion, TensorContract, Variant
from edgeyard.domain.plan import Exclusion, plan_rollout
from edgeyard.domain.rollout import RolloutPolicy
from edgeyard.store.model import ModelSummary

NOW = 1_000_000.0


def version(number: int, accuracy: float | None, spread: float = 0.03) -> ModelVersion:
    low, high = (accuracy - spread, accuracy + spread) if accuracy is not None else (None, None)
    evidence = Evidence(accuracy, low, high, 500)
    variant = Variant(number, number, "int8-s8s8", "int8", f"digest-{number}", 98_000, ("pi5",), evidence)
    return ModelVersion(
        number, "yard-vision", number, f"source-{number}", 300_000, "released", NOW, variants=(variant,)
    )


def devices(count: int, runs: str, profile: str = "pi5") -> list[Device]:
    return [
        Device(f"press-{n}", profile, online=True, last_seen_at=NOW, running_digest=runs) for n in range(1, count + 1)
    ]


def test_a_worse_version_is_compared_with_what_runs() -> None:
    old, new = version(2, 0.848), version(3, 0.567)
    models = [ModelSummary("yard-vision", (new, old))]
    (found,) = compare_running(plan_rollout(new, devices(12, "digest-2"), NOW), models)
    assert found.sentence == "Accuracy 28.1 points below yard-vision 2, which runs on 12 of these devices"
    assert found.worse
    assert found.sure


def test_a_difference_within_chance_says_so() -> None:
    old, new = version(1, 0.848), version(2, 0.840)
    (found,) = compare_running(plan_rollout(new, devices(1, "digest-1"), NOW), [ModelSummary("m", (new, old))])
    assert found.sentence == "Accuracy 0.8 points below yard-vision 1, which runs on 1 of these devices"
    assert not found.sure
    assert "within what chance alone would give" in found.basis


def test_better_and_equal_versions_are_no_attention() -> None:
    old, new, same = version(1, 0.716), version(2, 0.848), version(3, 0.716)
    models = [ModelSummary("m", (new, old, same))]
    (better,) = compare_running(plan_rollout(new, devices(3, "digest-1"), NOW), models)
    (equal,) = compare_running(plan_rollout(same, devices(3, "digest-1"), NOW), models)
    assert (better.sentence, better.worse) == (
        "Accuracy 13.2 points above yard-vision 1, which runs on 3 of these devices",
        False,
    )
    assert (equal.sentence, equal.worse) == ("As accurate as yard-vision 1, which runs on 3 of these devices", False)


def test_the_worst_comparison_comes_first_and_unknown_models_are_left_out() -> None:
    new, one, two = version(3, 0.567), version(1, 0.716), version(2, 0.848)
    fleet = [*devices(4, "digest-1"), *(replace(d, id=f"dock-{d.id}") for d in devices(5, "digest-2"))]
    fleet += [replace(d, id=f"old-{d.id}") for d in devices(2, "nobody knows")]
    found = compare_running(plan_rollout(new, fleet, NOW), [ModelSummary("m", (new, two, one))])
    assert [(c.label, c.devices) for c in found] == [("yard-vision 2", 5), ("yard-vision 1", 4)]


def test_what_was_never_evaluated_is_not_compared() -> None:
    old, new = version(1, None), version(2, 0.8)
    plan = plan_rollout(new, devices(3, "digest-1"), NOW)
    assert compare_running(plan, [ModelSummary("m", (new, old))]) == ()


def test_a_drop_is_answered_in_numbers_or_refused_in_a_sentence() -> None:
    new = version(2, 0.8)
    mixed = [*devices(12, "digest-1"), *(replace(d, id=f"j-{d.id}") for d in devices(3, "", "jetson-orin-nano"))]
    assert check_drop(new, mixed, NOW, {}, {}, {}).words == "12 of 15 · 3 excluded"
    refused = check_drop(new, devices(2, "digest-2"), NOW, {}, {}, {})
    assert not refused.accepts
    assert refused.words == "No device can take it. 2 of them: It already runs yard-vision 2 (int8-s8s8)."
    assert check_drop(new, [], NOW, {}, {}, {}).words == "The group has no devices."
    signed, counters = replace(version(1, 0.7), release_counter=1), {"digest-1": 1, "digest-2": 2}
    later = [replace(d, running_model="yard-vision", running_version=2) for d in devices(2, "digest-2")]
    assert "a later release" in check_drop(signed, later, NOW, {}, {}, counters).words
    empty = replace(new, variants=())
    assert check_drop(empty, mixed, NOW, {}, {}, {}).words == "yard-vision 2 has no variants yet. Optimize it first."


@pytest.mark.parametrize("rule", [*GATES, *PACE], ids=lambda rule: rule.name)
def test_every_rule_reads_back_what_it_writes_within_bounds_that_hold_the_default(rule: object) -> None:
    policy = RolloutPolicy()
    assert rule.low <= rule.read(policy) <= rule.high
    for value in (rule.low, rule.high):
        assert rule.read(rule.write(policy, value)) == pytest.approx(value)
    assert rule.before[0].isupper()
    assert rule.why.endswith(".")


@pytest.mark.parametrize(
    ("text", "percents"),
    [("10, 50, 100", (10, 50, 100)), ("100%", (100,)), ("5;100", (5, 100)), ("ten", ()), ("", ()), ("1.5, 100", ())],
)
def test_wave_percents_are_read(text: str, percents: tuple[int, ...]) -> None:
    assert read_percents(text) == percents


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min"), (150, "2 min 30 s"), (3900, "1 h 5 min"), (273_600, "3 d 4 h"), (-5, "0 s")],
)
def test_durations_have_two_units(seconds: float, text: str) -> None:
    assert evidence_words.duration(seconds) == text


def test_speed_is_told_against_the_original() -> None:
    told = [evidence_words.speed(ratio) for ratio in (1.84, 0.5, 1.02, None, 0.0)]
    assert told == ["1.8 × faster", "2.0 × slower", "as fast", "–", "–"]


def test_contracts_name_free_axes() -> None:
    tensor = TensorContract("image", "float32", (None, 3, 32, 32))
    assert evidence_words.contract(tensor) == "image: float32, N × 3 × 32 × 32"


def test_names_are_ordered_as_people_count() -> None:
    assert sorted(["p-10", "p-9", "dock", "p-1"], key=natural_order) == ["dock", "p-1", "p-9", "p-10"]


def test_excluded_devices_stand_under_their_reason() -> None:
    excluded = (Exclusion("b-2", "No."), Exclusion("a", "Busy."), Exclusion("b-10", "No."))
    assert by_reason(excluded) == [("No.", ["b-2", "b-10"]), ("Busy.", ["a"])]


@pytest.mark.parametrize("end_s", [1.0, 40.0, 305.0, 7200.0, 5 * 86_400.0])
def test_the_time_axis_has_few_round_ticks(end_s: float) -> None:
    found = ticks(end_s)
    assert found[0] == 0
    assert 2 <= len(found) <= 7
    assert found[-1] <= end_s
