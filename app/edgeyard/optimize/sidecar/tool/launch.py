"""The inside of a sidecar: `python launch.py MODULE FOLDER PARENT_PID MEMORY_BYTES FILE_BYTES JAILED`.

It runs in another interpreter, perhaps of another version, that has none of our packages and must not see them: a
package of ours on its path would bring all that is installed beside it. So the package `edgeyard` is made here of its
folder alone. MODULE has a function `convert(Task) -> Outcome`.
"""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

_ADDRESS_SPACE_SLACK = 64 << 30
"""Libraries reserve far more addresses than they use; what they really use is watched from outside."""
_CPU_S = 86_400


def main(arguments: list[str]) -> int:
    """Serve the request in the folder; the exit code is 0 whenever a reply was written."""
    module, folder, parent_pid, memory_bytes, file_bytes, jailed = arguments
    package = types.ModuleType("edgeyard")
    package.__path__ = [str(Path(__file__).resolve().parents[3])]
    sys.modules["edgeyard"] = package
    jail = importlib.import_module("edgeyard.optimize.jail")
    jail.die_with_parent(int(parent_pid))
    if jailed == "jailed":
        jail.enter_jail(int(memory_bytes) + _ADDRESS_SPACE_SLACK, _CPU_S, int(file_bytes), [Path(folder)])
    serve = importlib.import_module("edgeyard.optimize.sidecar.tool.task").serve
    code: int = serve(importlib.import_module(module).convert, Path(folder))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
