"""What an agent loads with trust is small."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_PROGRAM = "import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"


def _loaded(module: str) -> set[str]:
    answer = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(module=module)], check=True, capture_output=True, text=True, timeout=60
    )
    return set(json.loads(answer.stdout))


@pytest.mark.parametrize("module", ["edgeyard.trust.verification", "edgeyard.trust.join_client"])
def test_an_agent_loads_no_keyring_and_no_repository_tools(module: str) -> None:
    loaded = _loaded(module)
    assert not loaded & {"keyring", "edgeyard.trust.key_vault", "tuf.repository", "numpy", "onnxruntime", "requests"}


def test_reading_an_assignment_needs_no_tuf() -> None:
    assert not _loaded("edgeyard.trust.assignment") & {"tuf", "urllib3", "cryptography"}


def test_a_vault_loads_the_keyring_only_when_asked() -> None:
    assert "keyring" not in _loaded("edgeyard.trust.key_vault")
