from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import Connection

from edgeyard.domain.error import UserError
from edgeyard.domain.model import Evidence, ModelVersion, Preprocessing, TensorContract
from edgeyard.store.database import Database
from edgeyard.store.device import get_device
from edgeyard.store.model import (
    add_variant,
    add_version,
    delete_version,
    find_version,
    get_version,
    highest_release_counter,
    list_models,
    running_counts,
    set_variant_choice,
    set_version_released,
    set_version_stage,
    update_version_note,
)
from tests.unit.store.sample import NOW, digest, join, run_model


def version_of(c: Connection, model: str = "yard", **facts: Any) -> ModelVersion:
    return add_version(c, model=model, source_digest=digest("0"), source_size_bytes=10, now=NOW, **facts)


def int8_of(c: Connection, version: ModelVersion, letter: str = "1", **facts: Any) -> None:
    add_variant(c, version.id, name="int8", precision="int8", digest=digest(letter), size_bytes=5, now=NOW, **facts)


def test_a_version_comes_back_as_it_was_added(database: Database) -> None:
    facts = {
        "parameters": 4_000_000,
        "multiply_adds": 1 << 40,
        "opset": 17,
        "inputs": (TensorContract("image", "float32", (None, 3, 32, 32)),),
        "outputs": (TensorContract("logits", "float32", (None, 10)),),
        "preprocessing": Preprocessing("NCHW", 255.0, (0.5,), (0.25,), ("cat", "dog")),
        "golden_digest": digest("9"),
        "golden_size_bytes": 77,
        "note": "first light",
    }
    evidence = Evidence(accuracy=0.91, samples=1000, golden_accuracy=0.9)
    with database.write() as c:
        version = version_of(c, **facts)
        int8_of(c, version, profiles=("pi5",), evidence=evidence, reasons={"pi5": "quickest"}, lineage={"tool": "1"})
    with database.read() as c:
        read = get_version(c, version.id)
        assert read is not None
        assert {name: getattr(read, name) for name in facts} == facts
        assert (read.label, read.stage) == ("yard 1", "imported")
        [variant] = read.variants
        assert (variant.profiles, variant.evidence) == (("pi5",), evidence)
        assert (variant.reasons, variant.lineage) == ({"pi5": "quickest"}, {"tool": "1"})
        assert find_version(c, "yard", 1) == read
        assert find_version(c, "yard", 2) is None
        assert get_version(c, 999) is None


def test_versions_are_numbered_and_listed_with_the_newest_first(database: Database) -> None:
    with database.write() as c:
        assert [version_of(c).version, version_of(c, version=7).version, version_of(c).version] == [1, 7, 8]
        version_of(c, "alpha")
        with pytest.raises(UserError, match="already has a version 7"):
            version_of(c, version=7)
        with pytest.raises(UserError, match="cannot be used"):
            version_of(c, "../etc")
    with database.read() as c:
        models = [(model.name, [version.version for version in model.versions]) for model in list_models(c)]
        assert models == [("alpha", [1]), ("yard", [8, 7, 1])]


def test_two_imports_at_once_get_different_numbers(database: Database) -> None:
    together = threading.Barrier(4)
    numbers: list[int] = []

    def import_one() -> None:
        together.wait()
        with database.write() as c:
            numbers.append(version_of(c).version)

    threads = [threading.Thread(target=import_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [1, 2, 3, 4]


def test_optimizing_again_replaces_a_variant_until_the_release(database: Database) -> None:
    with database.write() as c:
        version = version_of(c)
        int8_of(c, version, "1")
        int8_of(c, version, "2", profiles=("pi4",))
        set_version_stage(c, version.id, "optimized", NOW)
        variants = get_version(c, version.id).variants  # type: ignore[union-attr]
        assert [variant.digest for variant in variants] == [digest("2")]
        set_variant_choice(c, variants[0].id, ["pi5"], {"pi4": "too slow"}, NOW)
        set_version_released(c, version.id, 3, NOW)
        set_version_stage(c, version.id, "optimized", NOW)
        with pytest.raises(UserError, match="released"):
            int8_of(c, version, "3")
        read = get_version(c, version.id)
        assert read is not None
        assert (read.stage, read.release_counter) == ("released", 3)
        assert (read.variants[0].profiles, read.variants[0].reasons) == (("pi5",), {"pi4": "too slow"})
        assert highest_release_counter(c, "yard") == 3
        assert highest_release_counter(c, "none") == 0
        with pytest.raises(UserError, match="not in the site"):
            add_variant(c, 999, name="x", precision="x", digest="", size_bytes=0, now=NOW)


def test_only_a_version_that_was_never_released_can_be_deleted(database: Database) -> None:
    with database.write() as c:
        first, second = version_of(c), version_of(c)
        int8_of(c, second)
        update_version_note(c, first.id, "keep", NOW)
        set_version_released(c, first.id, 1, NOW)
        with pytest.raises(UserError, match="yard 1 was released"):
            delete_version(c, first.id, NOW)
        delete_version(c, second.id, NOW)
        delete_version(c, second.id, NOW)
        [model] = list_models(c)
        assert [(version.version, version.note) for version in model.versions] == [(1, "keep")]
        # An id that was used is never given again: it may stand in somebody's undo.
        assert version_of(c).id > second.id


def test_running_models_are_named_by_their_digest_and_counted(database: Database) -> None:
    with database.write() as c:
        version = version_of(c)
        int8_of(c, version, "1")
        twin = version_of(c)
        int8_of(c, twin, "1")
        join(c, "a", "b", "idle")
        run_model(c, "a", "1", "yard/1/int8.onnx", counter=1)
        run_model(c, "b", "1", "made-up/7/none.onnx", counter=1)
        assert running_counts(c) == {digest("1"): 2}
        names = [(d.running_model, d.running_version) for d in (get_device(c, i) for i in "ab") if d]
        assert names == [("yard", 1), ("yard", 2)]
