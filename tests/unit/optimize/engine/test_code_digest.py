"""The digest of our own code follows imports, and nothing else."""

from pathlib import Path

import pytest

from edgeyard.optimize.engine import code_digest as module
from edgeyard.optimize.passes import PASSES

digest = module.code_digest.__wrapped__


def test_it_changes_with_what_is_imported_anywhere_and_only_with_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "__init__.py").write_text("")
    (tmp_path / "a.py").write_text("from edgeyard.inner import (\n    b,\n    other_name,\n)\n")
    (tmp_path / "inner" / "b.py").write_text("def f():\n    import edgeyard.c\n")
    (tmp_path / "c.py").write_text("import edgeyard.a\nx = 1\n")
    (tmp_path / "d.py").write_text("x = 1\n")
    first = digest("edgeyard.a")
    (tmp_path / "d.py").write_text("x = 2\n")
    assert digest("edgeyard.a") == first
    (tmp_path / "c.py").write_text("import edgeyard.a\nx = 2\n")
    assert digest("edgeyard.a") != first


@pytest.mark.parametrize("kind", sorted(PASSES))
def test_every_pass_has_one(kind: str) -> None:
    assert len(digest(type(PASSES[kind]).__module__)) == 64
