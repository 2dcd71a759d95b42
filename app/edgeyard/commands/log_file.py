"""The log of a program that may run for years: a file that is rotated."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

_MAX_BYTES = 5 << 20
_OLDER_FILES = 3


def open_log(path: Path, level: str) -> RotatingFileHandler:
    """Send this process's log to `path` from now on; `level` is debug, info, warning or error.

    The folder exists. Raises `OSError` when the file cannot be written.
    """
    handler = RotatingFileHandler(path, maxBytes=_MAX_BYTES, backupCount=_OLDER_FILES, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    return handler
