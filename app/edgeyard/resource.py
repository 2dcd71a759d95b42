"""Where the files that ship with Edgeyard are: icons, fonts, themes, demo models and data.

In an installed wheel they lie inside the package (``edgeyard/_resources``); in a source tree and in an
editable install they are the repository's own ``resources/`` folder.
"""

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


class ResourceMissingError(FileNotFoundError):
    """A file that should have come with Edgeyard is not there: the installation is damaged."""


@cache
def _root(package: Path) -> Path:
    shipped = package / "_resources"
    source_tree = package.parent.parent
    in_source_tree = source_tree / "resources"
    for candidate in (shipped, in_source_tree):
        if candidate.is_dir() and (candidate is shipped or (source_tree / "pyproject.toml").is_file()):
            return candidate
    raise ResourceMissingError(
        f"Edgeyard's resources are neither in {shipped} nor in {in_source_tree}. Install Edgeyard again."
    )


def resource_path(*parts: str) -> Path:
    """Path of a shipped file or folder, for instance ``resource_path("icons", "edgeyard.svg")``.

    Without parts it is the resource folder itself.

    Raises:
        ValueError: a part is absolute or climbs out of the resource folder.
        ResourceMissingError: there is no such file.
    """
    root = _root(_PACKAGE)
    relative = Path(*parts)
    if relative.is_absolute() or relative.drive or ".." in relative.parts:
        raise ValueError(f"not a path inside the resources: {relative}")
    path = root / relative
    if not path.exists():
        raise ResourceMissingError(f"{relative} is missing from this installation of Edgeyard. Install it again.")
    return path
