"""The demo's own models, all the way: the figures that the demo stands on."""

from pathlib import Path

import pytest

from edgeyard.optimize.engine.job import DataFiles, OptimizeJob
from edgeyard.optimize.engine.profile import find_profiles
from edgeyard.optimize.engine.result import JobResult
from edgeyard.optimize.engine.run_job import run_job
from edgeyard.resource import resource_path


def optimize(version: int, folder: Path) -> JobResult:
    sets = {name: resource_path("demo", f"{name}.npz") for name in ("evaluation", "calibration", "golden")}
    return run_job(
        OptimizeJob(
            source=resource_path("demo", f"yard-vision-{version}.onnx"),
            data=DataFiles(**sets),
            out_dir=folder / "out",
            cache_dir=folder / "cache",
            profiles=find_profiles(("pi4", "pi5", "jetson-orin-nano", "x86-vnni")),
            run_off_s=0.3,
        )
    )


def test_each_version_gets_a_variant_for_every_profile_and_the_third_is_seen_to_be_bad(tmp_path: Path) -> None:
    results = {version: optimize(version, tmp_path / str(version)) for version in (1, 2, 3)}
    for result in results.values():
        assert {entry.cause for entry in result.rejected} <= {"unneeded", "failed"}
        assert result.summary.multiply_adds == 12_501_632
        assert result.preprocessing.classes[3] == "cat"
        assert result.picked["pi4"] == result.picked["pi5"] == "int8-s8s8"
        assert result.picked["jetson-orin-nano"] == "fp16"
        original, sizes = result.candidates[0], {variant.name: variant.size_bytes for variant in result.candidates}
        assert sizes["int8-s8s8"] * 2.5 < original.size_bytes
        for variant in result.candidates:
            assert variant.evidence.accuracy is not None
            assert original.evidence.accuracy is not None
            assert variant.evidence.accuracy >= original.evidence.accuracy - 0.01
    golden = {version: result.candidates[0].evidence.golden_accuracy or 0 for version, result in results.items()}
    assert golden[2] > golden[1] + 0.05
    assert golden[3] < golden[2] - 0.1


def test_the_same_artifacts_come_out_of_another_process(tmp_path: Path) -> None:
    first, second = (optimize(2, tmp_path / name) for name in ("a", "b"))
    assert [each.sha256 for each in first.candidates] == [each.sha256 for each in second.candidates]
    assert first.candidates[0].lineage["source"] == first.summary.sha256


@pytest.mark.parametrize("name", ["golden", "evaluation", "calibration"])
def test_the_demos_sets_share_no_sample(name: str) -> None:
    from edgeyard.optimize.dataset import load_dataset

    def samples(which: str) -> set[bytes]:
        return {sample.tobytes() for sample in load_dataset(resource_path("demo", f"{which}.npz")).x}

    others = {"golden", "evaluation", "calibration"} - {name}
    assert all(not samples(name) & samples(other) for other in others)
