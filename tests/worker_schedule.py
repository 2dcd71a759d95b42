"""Which tests the workers of pytest-xdist are given.

`--dist loadgroup` would do, but pytest 9.2 no longer reads the names in which pytest-xdist 3.8 hides the groups.
"""

import functools
import re
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_SHARED = re.compile(r'@pytest\.fixture\(.*\bscope="(module|class)"')


class Schedule(LoadScopeScheduling):
    """Test by test, in their order; those of a file with a fixture for the whole file stay together."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False
        self._root = config.rootpath

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if _shares(self._root / file) else nodeid


@functools.cache
def _shares(file: Path) -> bool:
    return _SHARED.search(file.read_text("utf-8")) is not None
