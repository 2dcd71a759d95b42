"""The whole way, in this process: what comes out, and that what goes wrong costs one variant and no more."""

import errno
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Preprocessing
from edgeyard.optimize import model_file
from edgeyard.optimize.job_message import Progress
from edgeyard.optimize.optimize_version import optimize_version
from edgeyard.optimize.passes import first_cut
from edgeyard.optimize.request import OptimizeRequest
from edgeyard.optimize.result_folder import RESULT_FILE, load_result
from edgeyard.optimize.worker_answer import JobCancelledError
from edgeyard.trust.artifact_file import hash_file
from tests.unit.optimize import toy_model
from tests.unit.optimize.pass_bad import put_bad_pass


@pytest.fixture
def real_passes() -> Iterator[None]:
    kept = first_cut.FIRST_CUT
    yield
    first_cut.FIRST_CUT = kept


def test_every_profile_gets_a_proven_variant_with_reasons(toy: OptimizeRequest) -> None:
    result = optimize_version(toy)
    assert set(result.picked) == {"pi5", "jetson-orin-nano", "x86-vnni"}
    assert all(result.picked.values())
    assert {variant.name for variant in result.variants} == {"fp32", "fp16", "int8-s8s8", "int8-u8s8"}
    assert result.rejected == ()
    for variant in result.variants:
        assert set(variant.reasons) == set(result.picked)
        assert variant.profiles == tuple(name for name, picked in result.picked.items() if picked == variant.name)
        assert (variant.sha256, variant.size_bytes) == hash_file(variant.path)
        assert variant.path == toy.out_dir / f"{variant.name}.onnx"
        assert variant.evidence.golden_samples == 40
        assert variant.lineage["source"] == result.summary.sha256
        assert len(variant.lineage["recipe"]) == 64
    original = result.variants[0]
    assert (original.name, original.sha256) == ("fp32", hash_file(toy.source)[0])
    assert result.golden_sha256 == hash_file(toy.golden)[0] if toy.golden else ""


def test_the_folder_holds_the_variants_and_the_result_and_nothing_else(toy: OptimizeRequest, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    result = optimize_version(toy)
    names = {f"{variant.name}.onnx" for variant in result.variants} | {RESULT_FILE}
    assert {path.name for path in toy.out_dir.iterdir()} == names
    assert set(tmp_path.iterdir()) == before | {toy.out_dir}
    assert load_result(toy.out_dir) == result


def test_the_same_input_gives_the_same_artifacts_and_recipes(toy: OptimizeRequest, tmp_path: Path) -> None:
    first = optimize_version(toy)
    second = optimize_version(replace(toy, out_dir=tmp_path / "again"))
    for one, other in zip(first.variants, second.variants, strict=True):
        assert (one.sha256, one.lineage) == (other.sha256, other.lineage)


def test_an_earlier_result_is_replaced_but_nothing_else_is(toy: OptimizeRequest) -> None:
    optimize_version(toy)
    optimize_version(replace(toy, profiles=("pi4",)))
    assert set(load_result(toy.out_dir).picked) == {"pi4"}
    (toy.out_dir / RESULT_FILE).unlink()
    with pytest.raises(UserError, match="something else"):
        optimize_version(toy)
    with pytest.raises(UserError, match="no complete result"):
        load_result(toy.out_dir)


def test_progress_only_grows_and_names_its_stages(toy: OptimizeRequest) -> None:
    seen = list[Progress]()
    optimize_version(toy, seen.append)
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    stages = [progress.stage for progress in seen]
    assert stages[:2] == ["inspect", "pass:fp32"]
    assert stages[-3:] == ["prove:latency", "choose", "done"]


@pytest.mark.parametrize("stop_at", ["inspect", "pass:int8-s8s8", "prove:latency"])
def test_cancelling_leaves_everything_as_it_was(toy: OptimizeRequest, tmp_path: Path, stop_at: str) -> None:
    before = set(tmp_path.iterdir())
    cancel = threading.Event()

    def listen(progress: Progress) -> None:
        if progress.stage == stop_at:
            cancel.set()

    with pytest.raises(JobCancelledError):
        optimize_version(toy, listen, cancel)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.usefixtures("real_passes")
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("raise", "It failed: no such operator"),
        ("memory", "out of memory"),
        ("disk", "No space left"),
        ("rubbish", "checker refuses|cannot run"),
    ],
)
def test_a_pass_that_fails_is_reported_and_the_others_go_on(toy: OptimizeRequest, how: str, words: str) -> None:
    put_bad_pass(how)
    result = optimize_version(toy)
    (rejected,) = result.rejected
    assert rejected.name == "fp16"
    assert any(word in rejected.reason for word in words.split("|"))
    assert {variant.name for variant in result.variants} == {"fp32", "int8-s8s8", "int8-u8s8"}
    assert result.picked["jetson-orin-nano"] == "fp32"
    assert not (toy.out_dir / "fp16.onnx").exists()


def test_without_a_calibration_set_there_is_no_int8(toy: OptimizeRequest) -> None:
    result = optimize_version(replace(toy, calibration=None))
    assert {entry.name: entry.reason for entry in result.rejected} == {
        "int8-s8s8": "There is no calibration set.",
        "int8-u8s8": "There is no calibration set.",
    }
    assert result.picked == {"pi5": "fp16", "jetson-orin-nano": "fp16", "x86-vnni": "fp32"}


def test_without_labels_variants_are_held_to_agreement(unlabelled: OptimizeRequest) -> None:
    result = optimize_version(unlabelled)
    assert result.variants[0].evidence.accuracy is None
    assert result.picked["jetson-orin-nano"] == "fp16"


def test_a_skipped_pass_is_rejected_with_its_reason(toy: OptimizeRequest) -> None:
    result = optimize_version(replace(toy, skipped={"fp16": "It crashed."}))
    assert [(entry.name, entry.reason) for entry in result.rejected] == [("fp16", "It crashed.")]


def half_input() -> bytes:
    model = toy_model.classifier()
    for entry in (*model.graph.input, *model.graph.output):
        entry.type.tensor_type.elem_type = TensorProto.FLOAT16
    for weights in model.graph.initializer:
        array = onnx.numpy_helper.to_array(weights).astype("float16")
        weights.CopyFrom(onnx.numpy_helper.from_array(array, weights.name))
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"profiles": ("toaster",)}, "no hardware profile 'toaster'"),
        ({"profiles": ()}, "No hardware profile"),
        ({"preprocessing": Preprocessing("NHWC")}, "evaluation set gives the model samples of 8×8×3"),
        ({"preprocessing": Preprocessing("NCHW", classes=("a",))}, "names 1 classes"),
        ({"golden": Path("/nowhere.npz")}, "no golden set"),
        ({"source": Path("/nowhere.onnx")}, "no file"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_and_nothing_is_written(
    toy: OptimizeRequest, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    before = set(tmp_path.iterdir())
    with pytest.raises(UserError, match=words):
        optimize_version(replace(toy, **change))  # type: ignore[arg-type]
    assert set(tmp_path.iterdir()) == before


def test_a_golden_set_of_another_model_or_without_labels_is_refused(toy: OptimizeRequest, tmp_path: Path) -> None:
    assert toy.golden is not None
    toy_model.save_set(toy.golden, toy_model.images(10)[:, :4], toy_model.images(10)[:, 0, 0, 0] % 4)
    with pytest.raises(UserError, match=r"golden set gives the model samples of 3×4×8, .* takes 3×8×8"):
        optimize_version(toy)
    toy_model.save_set(toy.golden, toy_model.images(10))
    with pytest.raises(UserError, match="golden set has no labels"):
        optimize_version(toy)


def test_an_input_of_another_type_is_refused(toy: OptimizeRequest) -> None:
    toy.source.write_bytes(half_input())
    with pytest.raises(UserError, match="takes float16"):
        optimize_version(toy)


def test_a_full_disk_is_said_in_words(toy: OptimizeRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(model_file, "read_bytes", full)
    with pytest.raises(UserError, match="No space left") as caught:
        optimize_version(toy)
    assert "Make room" in caught.value.todo
