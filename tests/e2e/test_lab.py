"""A lab device measures what nobody released: a real hub, a real broker, a real agent, from order to signature."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from edgeyard.commands.lab_choice import choose_from_lab
from edgeyard.commands.lab_command import LabSettings, cancel_run, demand_evidence, start_lab_run
from edgeyard.commands.model_command import artifact_folder
from edgeyard.commands.release_signing import ensure_release_root, sign_version
from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.models_page.lab_dialog import LabDialog
from edgeyard.desktop.models_page.page import ModelsPage
from edgeyard.desktop.models_page.sign_dialog import SignDialog
from edgeyard.desktop.page import Place
from edgeyard.domain.error import UserError
from edgeyard.domain.lab import LabState
from edgeyard.domain.model import Evidence, ModelVersion, TensorContract
from edgeyard.store.database import Connection, Database
from edgeyard.store.device import get_device
from edgeyard.store.lab import LabRun, get_lab_run, lab_results, list_lab_runs
from edgeyard.store.model import add_version, find_version, get_version
from edgeyard.store.variant import add_variant
from edgeyard.trust.artifact_file import store_artifact
from edgeyard.trust.key_vault import KeyVault, PassphraseUnlock
from tests.e2e.hub_parts import eventually
from tests.e2e.hub_process import HubProcess, HubSite
from tests.unit.agent import toy_model
from tests.unit.desktop.plan_desk import open_window

pytestmark = pytest.mark.e2e

UNLOCK = PassphraseUnlock("correct horse", memory_kib=64, iterations=1)
QUICK = LabSettings(repetitions=1, settle_s=0.0)
FILES = {
    "fp32": toy_model.linear_model(),
    "int8-good": toy_model.linear_model(note="other bytes"),
    "int8-broken": toy_model.crashing_model(),
}


class Lab:
    """One site with a version of three variants, and a device `bench-1`."""

    def __init__(self, folder: Path) -> None:
        self.site = HubSite(folder / "site")
        self.state = folder / "bench-1"
        self.hub = HubProcess(self.site)
        self.hub.ready()
        vault = KeyVault(self.site.folder.operator)
        self.workspace = Workspace(self.site.folder, self.site.settings, self.site.database(), vault)
        ensure_release_root(self.workspace, UNLOCK)
        self.agent: subprocess.Popen[bytes] | None = None

    @property
    def database(self) -> Database:
        return self.workspace.database

    def version(self) -> ModelVersion:
        folder, now = artifact_folder(self.workspace), time.time()
        incoming = self.site.folder.root / "incoming"
        incoming.write_bytes(toy_model.golden_set(60))
        golden, golden_bytes = store_artifact(folder, incoming)
        with self.database.write() as c:
            made = add_version(
                c, model="yard", source_digest="a" * 64, source_size_bytes=1, now=now,
                inputs=[TensorContract("x", "float32", (None, toy_model.FEATURES))],
                outputs=[TensorContract("y", "float32", (None, toy_model.CLASSES))],
                golden_digest=golden, golden_size_bytes=golden_bytes,
            )  # fmt: skip
        for name, data in FILES.items():
            incoming.write_bytes(data)
            digest, size_bytes = store_artifact(folder, incoming)
            with self.database.write() as c:
                add_variant(
                    c, made.id, name=name, precision=name.partition("-")[0], digest=digest, size_bytes=size_bytes,
                    profiles=["pi4"] if name == "int8-good" else [], now=now,
                    evidence=Evidence(accuracy=0.9, golden_samples=60),
                )  # fmt: skip
        with self.database.read() as c:
            found = get_version(c, made.id)
        assert found is not None
        return found

    def start_agent(self, *more: str) -> None:
        with closing(self.workspace.hub()) as hub:
            [token] = hub.create_tokens("device")
        arguments = [
            sys.executable, "-m", "edgeyard", "agent", "run", "--state", str(self.state), "--token", token, "--id",
            "bench-1", "--profile", "pi4", "--label", "lab=yes", "--poll-every", "1", *more,
        ]  # fmt: skip
        with (self.state.parent / "agent.log").open("ab") as log:
            self.agent = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=log, stderr=log)
        eventually(self._joined, 20)

    def _joined(self) -> bool:
        with self.database.read() as c:
            return get_device(c, "bench-1") is not None

    def state_of(self, run: int) -> LabState:
        with self.database.read() as c:
            found = get_lab_run(c, run)
        assert found is not None
        return found.state

    def wait(self, run: int, state: LabState) -> None:
        try:
            eventually(lambda: self.state_of(run) is state, 60)
        except AssertionError as error:
            log = (self.state.parent / "agent.log").read_text()[-3000:]
            raise AssertionError(f"run {run} is {self.state_of(run)}, not {state}\n{log}") from error

    def kill_agent(self) -> None:
        if self.agent is not None:
            self.agent.kill()
            self.agent.wait()
            assert self.agent.stdin is not None
            self.agent.stdin.close()
            self.agent = None

    def close(self) -> None:
        self.kill_agent()
        self.workspace.close()
        self.hub.stop()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.close()


def test_from_order_to_evidence_to_signature(lab: Lab) -> None:
    version = lab.version()
    lab.start_agent("--lab")
    demand_evidence(lab.workspace, "yard", "pi4")
    with pytest.raises(UserError, match="int8-good was not measured on a lab device"):
        sign_version(lab.workspace, version.id, UNLOCK)

    [run] = start_lab_run(lab.workspace, version, ["bench-1"], UNLOCK, settings=QUICK)
    # Whatever happens to the agent meanwhile, it goes on where it was.
    eventually(lambda: lab.state_of(run) is LabState.RUNNING, 60)
    lab.kill_agent()
    lab.start_agent("--lab")
    lab.wait(run, LabState.DONE)
    with lab.database.read() as c:
        results = {result.name: result for result in lab_results(c, run_id=run)}
    assert set(results) == {"int8-good", "int8-broken"}
    figures = results["int8-good"].figures
    assert figures is not None
    assert (figures.accuracy, figures.original_accuracy, figures.samples) == (1.0, 1.0, 60)
    assert results["int8-broken"].figures is None
    assert "while loading the candidate" in results["int8-broken"].reason
    with lab.database.read() as c:
        device = get_device(c, "bench-1")
    assert device is not None
    # It ran models that nobody released, and none of them is in a slot.
    assert device.running_digest == ""
    assert not (lab.state / "lab").exists()

    # The two files hold the same model, so which is faster is chance: let it be the candidate, by ten times.
    with lab.database.write() as c:
        c.exec_driver_sql("UPDATE lab_result SET figures = replace(figures, '\"ratio\":', '\"ratio\":1')")
    [choice] = choose_from_lab(lab.workspace, version)
    assert (choice.profile, choice.picked) == ("pi4", "int8-good")
    assert "on the device" in choice.reasons["int8-good"]
    with lab.database.read() as c:
        chosen = {made.name: made for made in find_known(c, version.id).variants}
    assert chosen["int8-good"].profiles == ("pi4",)
    assert "was not measured" in chosen["int8-broken"].reasons["pi4"]
    sign_version(lab.workspace, version.id, UNLOCK)
    with lab.database.read() as c:
        signed = get_version(c, version.id)
    assert signed is not None
    assert signed.stage == "released"


def find_known(c: Connection, version_id: int) -> ModelVersion:
    found = get_version(c, version_id)
    assert found is not None
    return found


def test_a_device_that_was_not_started_for_the_lab_takes_no_order(lab: Lab) -> None:
    lab.kill_agent()
    lab.start_agent()
    [run] = start_lab_run(lab.workspace, _yard(lab), ["bench-1"], UNLOCK, settings=QUICK)
    time.sleep(3)
    assert lab.state_of(run) is LabState.WAITING
    cancel_run(lab.workspace, run)
    assert lab.state_of(run) is LabState.CANCELLED


def test_the_window_orders_a_run_with_the_key_that_was_opened(lab: Lab, qtbot: QtBot) -> None:
    with open_window(qtbot, lab.site.folder) as window:
        page = window.page("models")
        assert isinstance(page, ModelsPage)
        window.go(Place("models", "yard/1"))
        qtbot.waitUntil(lambda: page._version() is not None, timeout=15_000)
        next(action for action in page.actions_here() if action.id == "lab-run").run()
        dialog = window.findChild(LabDialog)
        assert dialog is not None
        qtbot.waitUntil(dialog.proceed.isEnabled, timeout=15_000)
        dialog.key.passphrase_field.setText("wrong horse")
        dialog.proceed.click()
        qtbot.waitUntil(lambda: bool(dialog.trouble.text()), timeout=20_000)
        dialog.key.passphrase_field.setText("correct horse")
        dialog.proceed.click()

        def waiting() -> list[LabRun]:
            with lab.database.read() as c:
                return [run for run in list_lab_runs(c) if run.state is LabState.WAITING]

        qtbot.waitUntil(lambda: len(waiting()) == 1, timeout=20_000)
        [run] = waiting()
        assert run.device_id == "bench-1"
        assert {file.name for file in run.order.candidates} == {"int8-good", "int8-broken"}
        qtbot.waitUntil(lambda: bool(page._lab.open_runs(_yard(lab))), timeout=15_000)
    cancel_run(lab.workspace, run.id)


def test_the_window_signs_with_the_key_that_was_opened(lab: Lab, qtbot: QtBot) -> None:
    version = lab.version()
    demand_evidence(lab.workspace, "yard", "pi4", demanded=False)
    with open_window(qtbot, lab.site.folder) as window:
        page = window.page("models")
        assert isinstance(page, ModelsPage)
        window.go(Place("models", f"yard/{version.version}"))
        qtbot.waitUntil(lambda: page._version() is not None, timeout=15_000)
        next(action for action in page.actions_here() if action.id == "sign").run()
        dialog = window.findChild(SignDialog)
        assert dialog is not None
        qtbot.waitUntil(dialog.proceed.isEnabled, timeout=15_000)
        dialog.key.passphrase_field.setText("correct horse")
        dialog.proceed.click()

        def stage() -> str:
            with lab.database.read() as c:
                return find_known(c, version.id).stage

        qtbot.waitUntil(lambda: stage() == "released", timeout=15_000)


def test_only_marked_devices_and_known_variants_can_be_ordered(lab: Lab) -> None:
    version = _yard(lab)
    with pytest.raises(UserError, match="There is no device bench-9"):
        start_lab_run(lab.workspace, version, ["bench-9"], UNLOCK)
    with pytest.raises(UserError, match="has no variant int4"):
        start_lab_run(lab.workspace, version, ["bench-1"], UNLOCK, variants=["int4"])
    with lab.database.write() as c:
        c.exec_driver_sql("UPDATE device SET labels = '{}'")
    with pytest.raises(UserError, match="is not a lab device"):
        start_lab_run(lab.workspace, version, ["bench-1"], UNLOCK)


def _yard(lab: Lab) -> ModelVersion:
    with lab.database.read() as c:
        found = find_version(c, "yard", 1)
    assert found is not None
    return found
