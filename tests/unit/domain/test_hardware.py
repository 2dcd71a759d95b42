"""Hardware profiles: what the catalogue promises, and what an estimate is made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeyard.domain.hardware import (
    PROFILES,
    RUNTIMES,
    default_profiles,
    deployable_profiles,
    is_deployable,
    profile_title,
)
from edgeyard.domain.hardware.roofline import PRECISION_BYTES, Work, estimate_latency

FIRST = ("pi4", "pi5", "jetson-orin-nano", "x86-vnni", "x86", "imx8mp")
each_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))


def test_the_first_ids_stay() -> None:
    assert set(FIRST) <= set(PROFILES)
    assert "host" not in PROFILES


@each_profile
def test_every_profile_names_runtimes_that_exist_and_a_speed_for_what_it_prefers(profile: object) -> None:
    from edgeyard.domain.hardware import HardwareProfile

    assert isinstance(profile, HardwareProfile)
    assert profile.runtimes
    assert set(profile.runtimes) <= set(RUNTIMES)
    assert profile.speed is not None
    assert set(profile.precisions) <= set(profile.speed.gmacs) <= set(PRECISION_BYTES)
    assert 0 < profile.speed.efficiency <= 1
    assert profile.source
    assert profile.speed.source
    assert profile.memory_bytes > 0 < profile.max_model_bytes
    assert profile.int8_form in {"", "s8s8", "u8s8", "u8s7"}
    assert profile.alignment > 0 < profile.cores


def test_runtimes_name_their_source_and_know_a_plain_network() -> None:
    for runtime in RUNTIMES.values():
        assert runtime.source
        assert runtime.min_opset <= 13 <= runtime.max_opset
        assert not [name for name in ("Conv", "Relu", "Gemm", "GlobalAveragePool", "Reshape") if runtime.lacks(name)]
    assert RUNTIMES["hailort"].lacks("NonMaxSuppression")
    assert RUNTIMES["tensorrt"].lacks("QLinearConv")
    assert not RUNTIMES["onnxruntime"].lacks("QLinearConv")


def test_devices_may_have_profiles_that_agents_run_on_or_that_people_defined() -> None:
    assert is_deployable("pi4")
    assert is_deployable("user-my-board")
    for name in ("mcu-m7", "host", "unheard-of", "user-", "user-A/B"):
        assert not is_deployable(name)
    assert set(default_profiles()) <= set(deployable_profiles()) < set(PROFILES)
    assert profile_title("pi4") == "Raspberry Pi 4"
    assert profile_title("user-my-board") == "user-my-board"


LAYERS = st.lists(
    st.builds(Work, st.integers(0, 10**9), st.integers(0, 10**7), st.integers(0, 10**7), st.booleans()),
    min_size=1,
    max_size=20,
)


@given(LAYERS, st.sampled_from(sorted(PROFILES)))
def test_an_estimate_grows_with_work_and_shrinks_with_threads(layers: list[Work], name: str) -> None:
    profile = PROFILES[name]
    assert profile.speed is not None
    precision = profile.precisions[0]
    one = estimate_latency(layers, profile.speed, precision, cache_bytes=profile.sample_cache_bytes)
    assert one is not None
    assert one.latency_ms > 0
    assert one.compute_share + one.memory_share + one.overhead_share == pytest.approx(1)
    four = estimate_latency(layers, profile.speed, precision, threads=4, cache_bytes=profile.sample_cache_bytes)
    more = estimate_latency(layers * 2, profile.speed, precision, cache_bytes=profile.sample_cache_bytes)
    assert four is not None
    assert more is not None
    assert four.latency_ms <= one.latency_ms <= more.latency_ms
    corrected = estimate_latency(layers, profile.speed, precision, correction=2.0, cache_bytes=0)
    plain = estimate_latency(layers, profile.speed, precision)
    assert corrected is not None
    assert plain is not None
    assert corrected.latency_ms == pytest.approx(2 * plain.latency_ms)
    assert corrected.corrected
    assert not plain.corrected


def test_what_hardware_does_not_compute_in_is_not_estimated() -> None:
    speed = PROFILES["coral"].speed
    assert speed is not None
    assert estimate_latency([Work(1, 1, 1)], speed, "fp32") is None


def test_a_published_network_is_estimated_within_a_factor_of_two() -> None:
    """ResNet-50: 4.1 G multiply-adds, 25.6 M weights, about 11 M activations in 53 layers (He et al., 2015)."""
    resnet = [Work(4_100_000_000 // 53, 25_600_000 // 53, 22_000_000 // 53)] * 53

    def estimated_ms(name: str, precision: str, threads: int = 1) -> float:
        profile = PROFILES[name]
        assert profile.speed is not None
        cache_bytes = profile.sample_cache_bytes
        found = estimate_latency(resnet, profile.speed, precision, threads=threads, cache_bytes=cache_bytes)
        assert found is not None
        return found.latency_ms

    # coral.ai: 49 to 56 ms at 299 pixels, which is 1.8 × the work of 224; most of it is weights that do not fit.
    assert 25 < estimated_ms("coral", "int8") < 100
    # Hailo model zoo: 1,331 a second.
    assert 0.4 < estimated_ms("hailo8", "int8") < 1.5
