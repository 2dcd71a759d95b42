"""Taking away what an optimization made: the file of a variant, the report."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from edgeyard.commands.study import Study, save_candidate, study_result
from edgeyard.commands.workspace import Workspace
from edgeyard.desktop.desk import Desk, Notice
from edgeyard.desktop.optimize_page.report import report_html, write_pdf
from edgeyard.domain.error import UserError
from edgeyard.optimize.engine.result import Candidate


def ask_where(parent: QWidget, study: Study, candidate: Candidate) -> str:
    """Where the file of a candidate is to be saved; nothing when the person thought better of it."""
    model, suffix = study.request.model, candidate.path.suffix
    proposed = str(model.with_name(f"{model.stem}-{candidate.name}{suffix}"))
    path, _ = QFileDialog.getSaveFileName(parent, "Save the file", proposed, f"Model (*{suffix})")
    return path


def save_variant(desk: Desk, study: Study, name: str, path: str) -> None:
    """Write the file of a candidate to `path`, and say so."""
    said = Notice(f"{name} is in {path}.")
    desk.bridge.run(lambda _: save_candidate(study, name, Path(path)), lambda _: desk.say(said), desk.complain)


def ask_for_report(parent: QWidget, study: Study) -> str:
    """Where the report is to be written, likewise."""
    proposed = str(study.request.model.with_name(f"{study.request.title}-report.html"))
    path, _ = QFileDialog.getSaveFileName(parent, "Report", proposed, "Web page (*.html);;PDF (*.pdf)")
    return path


def write_report(desk: Desk, study: Study, path: str) -> None:
    """Write the report of a study: a PDF when the name says so, else HTML."""

    def work(_workspace: Workspace) -> str:
        result = study_result(study)
        if result is None:
            raise UserError("The result of this optimization is gone.", "Run it again.")
        return report_html(study, result)

    def write(html: str) -> None:
        try:
            if path.lower().endswith(".pdf"):
                write_pdf(html, path)
            else:
                Path(path).write_text(html, encoding="utf-8")
        except OSError as error:
            desk.complain(UserError(f"{path} cannot be written ({error.strerror}).", "Choose another place."))
            return
        desk.say(Notice(f"The report is in {path}."))

    desk.bridge.run(work, write, desk.complain)
