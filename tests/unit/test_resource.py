"""Resources are found in a source tree and in an installed package, and nothing else is."""

from pathlib import Path

import pytest

from edgeyard import resource
from edgeyard.resource import ResourceMissingError, resource_path


def _package_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = folder / "edgeyard"
    package.mkdir(parents=True)
    monkeypatch.setattr(resource, "_PACKAGE", package)
    return package


def test_a_source_tree_uses_the_repositorys_own_folder() -> None:
    repository = Path(__file__).resolve().parents[2]
    assert resource_path() == repository / "resources"
    assert resource_path("icons", "edgeyard.svg").read_text().startswith("<svg")


def test_an_installed_package_uses_the_folder_inside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = _package_in(tmp_path / "site-packages", monkeypatch)
    (package / "_resources" / "icons").mkdir(parents=True)
    (package / "_resources" / "icons" / "x.svg").write_text("<svg/>")
    assert resource_path("icons", "x.svg") == package / "_resources" / "icons" / "x.svg"
    assert resource_path("icons/x.svg").is_file()


def test_a_resources_folder_that_is_not_ours_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _package_in(tmp_path / "lib" / "site-packages", monkeypatch)
    (tmp_path / "lib" / "resources").mkdir()
    with pytest.raises(ResourceMissingError, match="Install Edgeyard again"):
        resource_path()


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ResourceMissingError, match=r"no-such-icon\.svg"):
        resource_path("icons", "no-such-icon.svg")


@pytest.mark.parametrize("part", ["..", "../pyproject.toml", "icons/../../LICENSE", "/etc/passwd"])
def test_paths_outside_the_resources_are_refused(part: str) -> None:
    with pytest.raises(ValueError, match="not a path inside"):
        resource_path(part)
