"""The choice per hardware profile: never slower or worse without saying so, and a sentence for everything."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from edgeyard.domain.hardware import PROFILES, HardwareProfile
from edgeyard.domain.model import Evidence
from edgeyard.domain.statistic import wilson_interval
from edgeyard.optimize.choose import Candidate, Choice, choose_variants
from edgeyard.optimize.host import HostFacts

VNNI_HOST = HostFacts("x86-64", "Some EPYC", ("vnni",), ("AVX-512 VNNI",))
PI5_HOST = HostFacts("arm64", "Raspberry Pi 5", ("dot-product",), ())
UNKNOWN_HOST = HostFacts("x86-64", "Some Mac", None, ())


def candidate(name: str, hits: int = 400, ratio: float | None = 1.0, size_bytes: int = 1_000_000) -> Candidate:
    precision, _, form = name.partition("-")
    low, high = wilson_interval(hits, 500)
    evidence = Evidence(hits / 500, low, high, 500, hits / 500, 1.0, 2.0, ratio, "host")
    return Candidate(name, precision, form, size_bytes, evidence)


ORIGINAL = candidate("fp32", size_bytes=3_400_000)


def choose(
    profile: str | HardwareProfile, *others: Candidate, host: HostFacts = VNNI_HOST, max_drop: float = 0.01
) -> Choice:
    wanted = PROFILES[profile] if isinstance(profile, str) else profile
    return choose_variants([ORIGINAL, *others], [wanted], host, max_drop)[0]


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
    choice = choose_variants([original, unlabelled], profiles, VNNI_HOST, 0.01)[0]
    assert choice.picked == "int8-u8s8"
    assert "agrees on 99.5 %" in choice.reasons["int8-u8s8"]
    assert choose_variants([original, unlabelled], profiles, VNNI_HOST, 0.001)[0].picked == "fp32"


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
