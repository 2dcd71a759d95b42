"""Which tests stay together when the suite is spread over workers."""

from pathlib import Path

from tests.worker_schedule import Schedule


def scope_of(root: Path, nodeid: str) -> str:
    schedule = object.__new__(Schedule)  # its own start needs running workers
    schedule._root = root
    return schedule._split_scope(nodeid)


def test_tests_that_share_a_fixture_of_their_file_stay_together(tmp_path: Path) -> None:
    (tmp_path / "test_hub.py").write_text('@pytest.fixture(params=["a"], scope="module")\ndef hub(): ...\n')
    assert scope_of(tmp_path, "test_hub.py::test_one[a]") == scope_of(tmp_path, "test_hub.py::TestIt::test_two[a]")


def test_tests_that_share_nothing_go_to_whoever_is_free(tmp_path: Path) -> None:
    (tmp_path / "test_wave.py").write_text('@pytest.fixture(scope="session")\ndef plan(): ...\n')
    assert scope_of(tmp_path, "test_wave.py::test_one") != scope_of(tmp_path, "test_wave.py::test_two")
