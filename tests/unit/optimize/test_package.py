"""What is signed about a variant."""

from dataclasses import replace

import msgspec
import pytest

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Evidence, ModelVersion, Preprocessing, Resize, TensorContract, Variant
from edgeyard.domain.preprocessing import read_preprocessing
from edgeyard.optimize.package import golden_target_path, release_target, release_targets
from edgeyard.wire.message import ReleaseCustom

VERSION = ModelVersion(
    id=4, model="yard-vision", version=2, source_digest="a" * 64, source_size_bytes=10,
    stage="optimized", created_at=1.0,
    inputs=(TensorContract("image", "float32", (None, 3, 32, 32)),),
    outputs=(TensorContract("logits", "float32", (None, 10)),),
    preprocessing=Preprocessing("NCHW", 255.0, (0.5,), (0.25,), ("a", "b")),
    golden_digest="b" * 64, golden_size_bytes=99, release_counter=7,
)  # fmt: skip
VARIANT = Variant(
    id=1, version_id=4, name="int8-s8s8", precision="int8", digest="c" * 64, size_bytes=5, profiles=("pi4", "pi5"),
    evidence=Evidence(accuracy=0.8, samples=500, golden_accuracy=0.82, golden_samples=300),
    lineage={"recipe": "d" * 64, "onnxruntime": "1.31.1"},
)  # fmt: skip


def test_the_target_says_all_that_an_agent_needs() -> None:
    path, custom = release_target(VERSION, VARIANT)
    assert path == "yard-vision/2/int8-s8s8.onnx"
    assert custom.hardware_profiles == ["pi4", "pi5"]
    assert (custom.model, custom.version, custom.variant, custom.counter) == ("yard-vision", 2, "int8-s8s8", 7)
    assert (custom.input_name, custom.input_shape, custom.output_name) == ("image", [None, 3, 32, 32], "logits")
    assert custom.golden == {
        "sha256": "b" * 64, "size_bytes": 99, "samples": 300, "target": golden_target_path("b" * 64),
    }  # fmt: skip
    assert custom.evidence["golden_accuracy"] == 0.82
    assert "latency_ratio" not in custom.evidence
    assert custom.lineage == {"source": "a" * 64, "recipe": "d" * 64, "onnxruntime": "1.31.1"}
    assert read_preprocessing(custom.preprocessing) == VERSION.preprocessing


def test_agents_of_before_resizing_read_what_needs_none_and_refuse_the_rest() -> None:
    """They know these keys and no others; a key they do not know is a step they cannot do."""
    known = {"layout", "scale", "mean", "std", "classes", "color", "size"}
    _, custom = release_target(VERSION, VARIANT)
    assert set(custom.preprocessing) <= known
    assert custom.preprocessing["color"] == "RGB"
    resizing = replace(VERSION, preprocessing=replace(VERSION.preprocessing, resize=Resize(32, 32)))
    _, custom = release_target(resizing, VARIANT)
    assert set(custom.preprocessing) - known == {"resize"}
    assert read_preprocessing(custom.preprocessing) == resizing.preprocessing


def test_it_survives_json_and_the_counter_can_be_given() -> None:
    _, custom = release_target(VERSION, VARIANT, counter=9)
    assert custom.counter == 9
    assert msgspec.json.decode(msgspec.json.encode(custom), type=ReleaseCustom) == custom


@pytest.mark.parametrize(
    ("version", "variant", "words"),
    [
        (VERSION, replace(VARIANT, version_id=5), "not one of yard-vision 2"),
        (VERSION, replace(VARIANT, profiles=()), "chosen for no hardware"),
        (replace(VERSION, golden_digest=""), VARIANT, "no golden set"),
        (VERSION, replace(VARIANT, evidence=Evidence()), "no golden set"),
        (replace(VERSION, inputs=()), VARIANT, "not known"),
        (replace(VERSION, model="../x"), VARIANT, "cannot be used"),
        (VERSION, replace(VARIANT, name="a/b"), "cannot be used"),
    ],
)
def test_what_devices_could_not_test_is_not_released(version: ModelVersion, variant: Variant, words: str) -> None:
    with pytest.raises(UserError, match=words):
        release_target(version, variant)


def test_a_release_names_every_chosen_variant_and_the_golden_set_last() -> None:
    other = replace(VARIANT, id=2, name="fp16", digest="e" * 64, profiles=("jetson-orin-nano",))
    unused = replace(VARIANT, id=3, name="fp32", profiles=())
    targets = release_targets(replace(VERSION, variants=(VARIANT, unused, other)), 12)
    assert [target.path for target in targets] == [
        "yard-vision/2/int8-s8s8.onnx", "yard-vision/2/fp16.onnx", f"golden/{'b' * 64}.npz",
    ]  # fmt: skip
    assert (targets[0].sha256, targets[0].size_bytes) == ("c" * 64, 5)
    assert msgspec.convert(targets[1].custom, ReleaseCustom).counter == 12
    assert (targets[2].sha256, targets[2].size_bytes) == ("b" * 64, 99)


def test_a_version_without_chosen_variants_is_not_released() -> None:
    with pytest.raises(UserError, match="No variant of yard-vision 2"):
        release_targets(replace(VERSION, variants=(replace(VARIANT, profiles=()),)), 1)
