"""The choice per hardware profile: never slower or worse without saying so, and a sentence for everything."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edgeyard.domain.hardware import PROFILES, HardwareProfile
from edgeyard.domain.model import Evidence
from edgeyard.domain.statistic import wilson_interval
from edgeyard.optimize.engine.accuracy_verdict import drop_risk
from edgeyard.optimize.engine.choose import choose as choose_candidates
from edgeyard.optimize.engine.choose import finalists, hopeless_everywhere
from edgeyard.optimize.engine.job import ProfileBudget
from edgeyard.optimize.engine.pareto import pareto_names
from edgeyard.optimize.engine.result import Candidate, Choice, Measurement
from edgeyard.optimize.host import HostFacts
from edgeyard.optimize.step import Trait

VNNI_HOST = HostFacts("x86-64", "Some EPYC", ("vnni",), ("AVX-512 VNNI",))
PI5_HOST = HostFacts("arm64", "Raspberry Pi 5", ("dot-product",), ())
UNKNOWN_HOST = HostFacts("x86-64", "Some Mac", None, ())


def candidate(
    name: str,
    hits: int = 400,
    ratio: float | None = 1.0,
    size_bytes: int = 1_000_000,
    ratio_low: float | None = None,
    trait: Trait | None = None,
    **more: object,
) -> Candidate:
    precision, _, form = name.partition("-")
    low, high = wilson_interval(hits, 500)
    agreement = 1.0 if name == "fp32" else hits / 500
    evidence = Evidence(hits / 500, low, high, 500, agreement, 1.0, 2.0, ratio, "host")
    here = Measurement("host", "host", "here", 1, 1.0 / (ratio or 1), 2.0, ratio, ratio_low, **more)  # type: ignore[arg-type]
    return Candidate(
        name, name, trait or Trait(precision, form), Path(f"{name}.onnx"), "0" * 64, size_bytes, evidence, (here,)
    )


ORIGINAL = candidate("fp32", size_bytes=3_400_000)


def choose(
    profile: str | HardwareProfile,
    *others: Candidate,
    host: HostFacts = VNNI_HOST,
    max_drop: float = 0.01,
    budget: ProfileBudget | None = None,
) -> Choice:
    wanted = PROFILES[profile] if isinstance(profile, str) else profile
    budgets = {wanted.id: budget} if budget else {}
    return choose_candidates([ORIGINAL, *others], [wanted], host, max_drop, budgets)[0]


def test_a_faster_variant_within_the_budget_is_chosen_with_all_figures() -> None:
    choice = choose("x86-vnni", candidate("int8-u8s8", hits=398, ratio=1.6))
    assert choice.picked == "int8-u8s8"
    assert choice.reasons["int8-u8s8"] == ("Chosen: 3.4× smaller, 1.6× faster here, −0.4 points (79.6 % [75.8, 82.9]).")
    assert choice.reasons["fp32"] == (
        "Not chosen: the original, 3.24 MiB, 80.0 % [76.3, 83.3]; int8-u8s8 is faster here."
    )


def test_a_slower_variant_is_never_chosen_where_it_was_measured() -> None:
    choice = choose("x86-vnni", candidate("int8-u8s8", ratio=0.8))
    assert choice.picked == "fp32"
    assert choice.reasons["int8-u8s8"] == "Not chosen: 1.25× slower than the original here."


def test_a_variant_that_loses_too_much_is_not_chosen() -> None:
    choice = choose("x86-vnni", candidate("int8-u8s8", hits=390, ratio=2.0))
    assert choice.picked == "fp32"
    assert "−2.0 points (78.0 %" in choice.reasons["int8-u8s8"]
    assert "more than the 1.0 points" in choice.reasons["int8-u8s8"]


def test_a_loss_of_exactly_the_budget_is_within_it() -> None:
    assert choose("x86-vnni", candidate("int8-u8s8", hits=395, ratio=2.0)).picked == "int8-u8s8"
    assert choose("x86-vnni", candidate("int8-u8s8", hits=394, ratio=2.0)).picked == "fp32"


def test_the_layout_of_int8_must_be_the_hardwares() -> None:
    choice = choose("x86-vnni", candidate("int8-s8s8", ratio=3.0))
    assert choice.picked == "fp32"
    assert "takes int8-u8s8" in choice.reasons["int8-s8s8"]


def test_on_other_hardware_the_profiles_order_decides_and_the_sentence_says_so() -> None:
    choice = choose("pi5", candidate("fp16", ratio=0.7), candidate("int8-s8s8", ratio=0.74))
    assert choice.picked == "int8-s8s8"
    assert choice.reasons["int8-s8s8"] == (
        "Chosen: 3.4× smaller, ±0.0 points (80.0 % [76.3, 83.3]), latency not measured on Raspberry Pi 5"
        " (1.35× slower on this Some EPYC); int8 is the first data type that Raspberry Pi 5 runs natively."
    )
    assert "int8 comes before fp16 on Raspberry Pi 5" in choice.reasons["fp16"]


def test_on_the_hardware_itself_the_measurement_decides() -> None:
    slower, faster = candidate("int8-s8s8", ratio=0.9), candidate("fp16", ratio=1.4)
    assert choose("pi5", slower, faster, host=PI5_HOST).picked == "fp16"
    assert choose("pi4", slower, host=PI5_HOST).picked == "int8-s8s8"


def test_a_processor_says_nothing_about_a_gpu() -> None:
    choice = choose("jetson-orin-nano", candidate("fp16", ratio=0.7))
    assert choice.picked == "fp16"
    assert "latency not measured on Jetson Orin Nano;" in choice.reasons["fp16"]
    assert "slower" not in choice.reasons["fp16"]


def test_a_host_that_does_not_tell_its_instructions_stands_for_nothing() -> None:
    choice = choose("x86-vnni", candidate("int8-u8s8", ratio=0.5), host=UNKNOWN_HOST)
    assert "not measured on x86-64 with VNNI" in choice.reasons["int8-u8s8"]


def test_when_two_measure_alike_the_profiles_order_decides() -> None:
    assert choose("x86-vnni", candidate("int8-u8s8", ratio=1.01)).picked == "int8-u8s8"
    old = replace(VNNI_HOST, instructions=())
    assert choose("x86", candidate("int8-u8s7", ratio=1.02), host=old).picked == "fp32"
    assert choose("x86", candidate("int8-u8s7", ratio=1.3), host=old).picked == "int8-u8s7"


def test_what_does_not_fit_the_slot_is_not_chosen_not_even_the_original() -> None:
    small = replace(PROFILES["x86-vnni"], max_model_bytes=2_000_000)
    assert choose(small, candidate("int8-u8s8", ratio=1.5)).picked == "int8-u8s8"
    tiny = replace(small, max_model_bytes=10)
    choice = choose(tiny, candidate("int8-u8s8", ratio=1.5))
    assert choice.picked == ""
    assert all("do not fit" in reason for reason in choice.reasons.values())


def test_without_labels_agreement_with_the_original_stands_for_accuracy() -> None:
    unlabelled = replace(
        candidate("int8-u8s8", hits=499, ratio=1.5), evidence=Evidence(agreement=0.995, latency_ratio=1.5)
    )
    original = replace(ORIGINAL, evidence=Evidence(agreement=1.0, latency_ratio=1.0))
    profiles = [PROFILES["x86-vnni"]]
    choice = choose_candidates([original, unlabelled], profiles, VNNI_HOST, 0.01)[0]
    assert choice.picked == "int8-u8s8"
    assert "agrees on 99.5 %" in choice.reasons["int8-u8s8"]
    assert choose_candidates([original, unlabelled], profiles, VNNI_HOST, 0.001)[0].picked == "fp32"


@given(
    st.sampled_from(sorted(name for name, profile in PROFILES.items() if "fp32" in profile.precisions)),
    st.sampled_from([VNNI_HOST, PI5_HOST, UNKNOWN_HOST]),
    st.lists(
        st.builds(
            candidate,
            st.sampled_from(["fp16", "int8-s8s8", "int8-u8s8", "int8-u8s7"]),
            st.integers(300, 500),
            st.floats(0.1, 5.0),
            st.integers(1, 1 << 31),
        ),
        max_size=4,
        unique_by=lambda each: each.name,
    ),
    st.floats(0, 0.2),
)
def test_nothing_slower_or_worse_is_chosen_unsaid(
    profile: str, host: HostFacts, others: list[Candidate], max_drop: float
) -> None:
    choice = choose(profile, *others, host=host, max_drop=max_drop)
    assert set(choice.reasons) == {"fp32", *(other.name for other in others)}
    assert sum(reason.startswith("Chosen") for reason in choice.reasons.values()) == bool(choice.picked)
    picked = next((other for other in (ORIGINAL, *others) if other.name == choice.picked), None)
    assert picked is not None  # the original fits every profile here
    assert picked.precision in PROFILES[profile].precisions
    assert picked.evidence.accuracy is not None
    assert picked.evidence.accuracy >= 0.8 - max_drop - 1e-6
    if picked.evidence.latency_ratio is not None and picked.evidence.latency_ratio < 1:
        assert "latency not measured" in choice.reasons[picked.name]


def test_a_variant_that_is_not_surely_faster_is_not_chosen_where_it_was_measured() -> None:
    choice = choose("x86-vnni", candidate("int8-u8s8", ratio=1.04, ratio_low=0.97))
    assert choice.picked == "fp32"
    assert choice.reasons["int8-u8s8"] == (
        "Not chosen: not surely faster than the original here (1.04×, 95 % from 0.97×)."
    )
    assert choose("x86-vnni", candidate("int8-u8s8", ratio=1.04, ratio_low=1.01)).picked == "int8-u8s8"


def test_among_alike_ones_of_one_data_type_the_more_faithful_then_the_smaller_is_chosen() -> None:
    same = {"trait": Trait("int8", "u8s8"), "ratio": 1.8}
    first, second = candidate("int8-a", hits=398, **same), candidate("int8-b", hits=399, **same)  # type: ignore[arg-type]
    choice = choose("x86-vnni", first, second)
    assert choice.picked == "int8-b"
    assert "int8-b agrees with the original more often" in choice.reasons["int8-a"]
    smaller = candidate("int8-c", hits=399, size_bytes=900_000, **same)  # type: ignore[arg-type]
    assert choose("x86-vnni", first, second, smaller).picked == "int8-c"


def risky(candidate: Candidate, difference: float, half: float) -> Candidate:
    evidence = replace(
        candidate.evidence, difference=difference, difference_low=difference - half, difference_high=difference + half
    )
    return replace(candidate, evidence=evidence)


def test_what_keeps_the_accuracy_more_surely_comes_before_what_is_faster() -> None:
    fast = risky(candidate("int8-fast", hits=399, ratio=2.2, trait=Trait("int8", "u8s8")), -0.0009, 0.008)
    sure = risky(candidate("int8-sure", hits=400, ratio=1.7, trait=Trait("int8", "u8s8")), 0.0, 0.001)
    choice = choose("x86-vnni", fast, sure, max_drop=0.001)
    assert choice.picked == "int8-sure"
    assert "int8-sure keeps the accuracy more surely" in choice.reasons["int8-fast"]
    assert choose("x86-vnni", fast, sure, max_drop=0.01).picked == "int8-fast"
    alone = choose("x86-vnni", fast, max_drop=0.001)
    assert alone.picked == "int8-fast"
    assert "its loss may be up to 0.9 points, more than the 0.1 allowed" in alone.reasons["int8-fast"]


def test_something_larger_and_as_fast_is_not_chosen_and_one_that_another_beats_is_left_out() -> None:
    this = replace(PROFILES["x86-vnni"], id="host", title="This machine", precisions=("int8", "fp16", "fp32"))
    larger = candidate("fp16", ratio=1.02, size_bytes=4_000_000)
    choice = choose(this, larger)
    assert choice.picked == "fp32"
    assert choice.reasons["fp16"] == "Not chosen: no smaller than the original, and as fast here."
    clean = candidate("clean", ratio=1.4, size_bytes=3_000_000, hits=400, trait=Trait())
    clean = replace(clean, evidence=replace(clean.evidence, agreement=1.0))
    choice = choose(this, clean, candidate("fp16", ratio=1.38, size_bytes=3_400_000))
    assert choice.picked == "clean"
    assert "clean is smaller and no less exact" in choice.reasons["fp16"]


@given(st.floats(-0.05, 0.05), st.floats(1e-4, 0.05), st.floats(0, 0.05))
def test_the_risk_is_a_half_at_the_budget_and_falls_with_what_is_left_of_it(
    difference: float, half: float, max_drop: float
) -> None:
    def risk(value: float) -> float:
        evidence = Evidence(difference=value, difference_low=value - half, difference_high=value + half)
        return drop_risk(evidence, max_drop)

    assert 0 <= risk(difference) <= 1
    assert risk(difference + 0.01) <= risk(difference)
    assert abs(risk(-max_drop) - 0.5) < 1e-6


def test_on_this_machine_every_layout_of_int8_competes() -> None:
    this = replace(PROFILES["x86-vnni"], id="host", title="This machine")
    assert choose(this, candidate("int8-s8s8", ratio=1.2), candidate("int8-u8s8", ratio=1.1)).picked == "int8-s8s8"


def test_a_measurement_on_such_a_device_counts_more_than_one_here() -> None:
    here = candidate("int8-u8s8", ratio=1.8)
    there = Measurement("x86-vnni", "device", "lab device", 1, 5.0, 6.0, 0.8, 0.78)
    choice = choose("x86-vnni", replace(here, measurements=(*here.measurements, there)))
    assert choice.picked == "fp32"
    assert "1.25× slower than the original on the device" in choice.reasons["int8-u8s8"]


def test_an_estimate_is_said_to_be_one_and_orders_variants_of_one_data_type() -> None:
    def estimated(name: str, ratio: float) -> Candidate:
        made = candidate(name, trait=Trait("int8", "s8s8"))
        guess = Measurement("pi5", "estimated", "roofline", 4, 3.0, None, ratio)
        return replace(made, measurements=(*made.measurements, guess))

    choice = choose("pi5", estimated("int8-a", 2.0), estimated("int8-b", 3.0))
    assert choice.picked == "int8-b"
    assert "latency not measured on Raspberry Pi 5 (estimated 3.0× faster)" in choice.reasons["int8-b"]
    assert "int8-b is estimated to be faster" in choice.reasons["int8-a"]


def test_a_file_that_no_runtime_of_the_hardware_takes_is_not_chosen() -> None:
    tflite = candidate("tflite", ratio=3.0, trait=Trait("int8", "", "tflite", "litert"))
    assert "takes no tflite file in int8" in choose("jetson-orin-nano", tflite).reasons["tflite"]


def test_what_was_not_run_is_never_chosen() -> None:
    unknown = replace(candidate("fp16"), evidence=Evidence(), measurements=())
    choice = choose("pi5", unknown)
    assert choice.picked == "fp32"
    assert "could not be run here" in choice.reasons["fp16"]


def test_budgets_of_size_latency_and_memory_hold() -> None:
    int8 = candidate("int8-u8s8", ratio=1.6, memory_bytes=50 << 20)
    fitting = ProfileBudget(size_bytes=2_000_000, latency_ms=0.7, memory_bytes=60 << 20)
    choice = choose("x86-vnni", int8, budget=fitting)
    assert (choice.picked, choice.meets_budget) == ("int8-u8s8", True)
    assert "are over the budget of 1.91 MiB" in choice.reasons["fp32"]
    choice = choose("x86-vnni", int8, budget=ProfileBudget(memory_bytes=40 << 20))
    assert "its 50 MiB of memory are over the 40 MiB allowed" in choice.reasons["int8-u8s8"]


def test_when_nothing_meets_the_budget_the_original_is_kept_and_that_is_said() -> None:
    choice = choose("x86-vnni", candidate("int8-u8s8", ratio=1.6), budget=ProfileBudget(latency_ms=0.1))
    assert (choice.picked, choice.meets_budget) == ("fp32", False)
    assert choice.reasons["fp32"].startswith("Kept, since no variant is within the budget, but its 1 ms a sample")


def test_energy_counts_only_where_it_was_measured() -> None:
    int8, budget = candidate("int8-s8s8", ratio=1.6), ProfileBudget(energy_mj=1.0)
    on_device = Measurement("pi5", "device", "lab", 1, 5.0, 6.0, 1.6, 1.5, energy_mj=2.0)
    assert choose("pi5", int8, budget=budget).picked == "int8-s8s8"
    measured = replace(int8, measurements=(on_device,))
    assert "2 mJ a sample are over the budget of 1" in choose("pi5", measured, budget=budget).reasons["int8-s8s8"]


def test_the_final_compares_the_fastest_that_would_do_and_what_is_picked_elsewhere() -> None:
    fast = [candidate(f"int8-{n}", ratio=1 + n / 10, trait=Trait("int8", "u8s8")) for n in range(1, 6)]
    lossy = candidate("int8-lossy", hits=300, ratio=9.0, trait=Trait("int8", "u8s8"))
    half = candidate("fp16", ratio=0.5)
    profiles = [PROFILES["x86-vnni"], PROFILES["jetson-orin-nano"]]
    names = finalists([ORIGINAL, *fast, lossy, half], profiles, VNNI_HOST, 0.01, {})
    assert names == ("int8-5", "int8-4", "int8-3", "fp16")


def test_the_pareto_set_leaves_out_what_something_else_beats_in_every_way() -> None:
    small = candidate("small", hits=390, ratio=1.5, size_bytes=500_000, trait=Trait("int8", "u8s8"))
    worse = candidate("worse", hits=389, ratio=1.4, size_bytes=600_000, trait=Trait("int8", "u8s8"))
    unknown = replace(candidate("fp16"), evidence=Evidence())
    assert pareto_names([ORIGINAL, small, worse, unknown]) == ("fp32", "small")


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12))
def test_nothing_in_the_pareto_set_is_beaten_and_everything_else_is(points: list[tuple[int, int, int]]) -> None:
    made = [
        candidate(str(n), hits=300 + right, ratio=float(speed), size_bytes=size)
        for n, (size, speed, right) in enumerate(points)
    ]
    best = [points[int(name)] for name in pareto_names(made)]

    def beats(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
        return one != other and one[0] <= other[0] and one[1] >= other[1] and one[2] >= other[2]

    assert best
    assert not any(beats(one, other) for one in points for other in best)
    assert all(point in best or any(beats(one, point) for one in best) for point in points)


def test_a_candidate_is_hopeless_only_when_its_figures_are_sure() -> None:
    def reason(profiles: list[str], low: float = 0.7, high: float = 0.8, difference_high: float = 0.0) -> str:
        evidence = Evidence(0.8, difference=-0.01, difference_high=difference_high)
        measured = Measurement("host", "host", "here", ratio=0.75, ratio_low=low, ratio_high=high)
        wanted = [PROFILES[name] for name in profiles]
        return hopeless_everywhere(evidence, measured, Trait("int8", "u8s8"), wanted, VNNI_HOST, 0.01)

    assert "slower" in reason(["x86-vnni"])
    assert reason(["x86-vnni"], high=1.01) == ""
    assert "no profile" in reason(["pi5"])
    assert "loses" in reason(["pi5", "x86-vnni"], high=1.5, difference_high=-0.011)
    assert reason(["x86-vnni"], high=1.5, difference_high=-0.009) == ""


def test_what_is_surely_surpassed_needs_no_more_samples() -> None:
    evidence = Evidence(0.8, difference=0.0, difference_high=0.01)
    measured = Measurement("host", "host", "here", ratio=1.1, ratio_low=1.09, ratio_high=1.11)
    fast = candidate("int8-u8s8", ratio=1.8, ratio_low=1.7)

    def reason(profiles: list[str], *others: Candidate) -> str:
        wanted = [PROFILES[name] for name in profiles]
        return hopeless_everywhere(evidence, measured, Trait(), wanted, VNNI_HOST, 0.01, [ORIGINAL, *others])

    assert "surely faster and will do" in reason(["x86-vnni"], fast)
    assert reason(["x86-vnni"]) == ""
    assert reason(["x86-vnni", "pi5"], fast) == ""
    assert reason(["x86-vnni"], replace(fast, evidence=Evidence(0.7, difference=-0.1))) == ""


def test_something_sure_that_is_much_slower_does_not_displace_what_is_within_the_budget() -> None:
    fast = risky(candidate("int8-fast", hits=399, ratio=1.8, trait=Trait("int8", "u8s8")), -0.003, 0.005)
    clean = risky(candidate("clean", ratio=1.03, size_bytes=3_000_000, trait=Trait()), 0.0, 0.0001)
    assert choose("x86-vnni", fast, clean, max_drop=0.003).picked == "int8-fast"


def test_a_file_that_the_hardwares_runtime_does_not_read_is_not_chosen_not_even_the_original() -> None:
    limits = {"pi5": "ONNX Runtime reads up to IR version 10, and it has 12."}
    original, int8 = replace(ORIGINAL, limits=limits), candidate("int8-s8s8")
    pi5 = [PROFILES["pi5"]]
    assert choose_candidates([original, int8], pi5, VNNI_HOST, 0.01)[0].picked == "int8-s8s8"
    nothing = choose_candidates([original, replace(int8, limits=limits)], pi5, VNNI_HOST, 0.01)[0]
    assert (nothing.picked, nothing.meets_budget) == ("", False)
    assert "IR version 10" in nothing.reasons["fp32"]
