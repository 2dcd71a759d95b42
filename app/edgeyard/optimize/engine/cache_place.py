"""Where finished work is kept unless told otherwise."""

from __future__ import annotations

from pathlib import Path


def default_cache() -> Path:
    """In the user's cache folder."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("edgeyard", appauthor=False)) / "optimize"
