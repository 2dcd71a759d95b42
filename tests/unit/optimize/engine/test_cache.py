"""The cache: an entry is complete or not there, and what is damaged is not believed."""

import os
from pathlib import Path

import pytest

from edgeyard.domain.error import UserError
from edgeyard.optimize.engine.cache import ModelCache, StepEntry, trim_cache

MODEL, OTHER, KEY = "a" * 64, "b" * 64, "c" * 64
ENTRY = StepEntry("fp16", ".onnx", "", 0, 1.5, ("A note.",), {"loss": [1, 2.5]})


def keep(cache: ModelCache, data: bytes = b"artifact") -> StepEntry:
    with cache.workshop() as folder:
        (folder / "out.onnx").write_bytes(data)
        return cache.keep_step(KEY, folder / "out.onnx", ENTRY)


def test_an_entry_is_found_again_with_digest_and_figures(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path, MODEL)
    assert cache.find_step(KEY) is None
    kept = keep(cache)
    assert cache.find_step(KEY) == kept
    assert cache.has_step(KEY)
    assert (kept.size_bytes, kept.notes, kept.figures) == (8, ("A note.",), {"loss": [1, 2.5]})
    assert cache.artifact(KEY, kept).read_bytes() == b"artifact"
    assert not list(cache.folder.glob(".work-*"))


def test_a_second_entry_takes_the_place_of_the_first(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path, MODEL)
    keep(cache)
    second = keep(cache, b"another")
    assert cache.find_step(KEY) == second
    assert cache.artifact(KEY, second).read_bytes() == b"another"


def test_a_damaged_entry_is_removed_and_one_without_its_file_too(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path, MODEL)
    cache.artifact(KEY, keep(cache)).write_bytes(b"artifacu")
    assert cache.find_step(KEY) is None
    assert not cache.has_step(KEY)
    cache.artifact(KEY, keep(cache)).unlink()
    assert cache.find_step(KEY) is None


def test_what_dead_processes_left_is_removed_and_what_living_ones_make_is_not(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path, MODEL)
    cache.keep_source(b"model")
    dead, alive = cache.folder / ".work-999999999-x", cache.folder / f".work-{os.getpid()}-x"
    dead.mkdir()
    alive.mkdir()
    cache.keep_source(b"model")
    assert not dead.exists()
    assert alive.exists()
    assert cache.source.read_bytes() == b"model"


def test_figures_are_kept_by_name(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path, MODEL)
    assert cache.find_figures(KEY, StepEntry) is None
    cache.keep_figures(KEY, ENTRY)
    assert cache.find_figures(KEY, StepEntry) == ENTRY
    assert cache.find_figures(KEY, int) is None


def test_only_digests_name_folders(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="digest"):
        ModelCache(tmp_path, "../../etc")


def test_the_models_used_longest_ago_go_first_and_one_is_kept(tmp_path: Path) -> None:
    for age, name in ((300, MODEL), (200, OTHER), (100, KEY)):
        ModelCache(tmp_path, name).keep_source(bytes(1000))
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    (tmp_path / "not-ours").mkdir()
    assert trim_cache(tmp_path, 10_000) == 0
    assert trim_cache(tmp_path, 2000, keep=MODEL) == 1000
    assert {path.name for path in tmp_path.iterdir()} == {MODEL, KEY, "not-ours"}
    assert trim_cache(tmp_path / "nowhere", 0) == 0
