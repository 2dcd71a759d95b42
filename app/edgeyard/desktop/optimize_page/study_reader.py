"""Reads studies on the reader thread: folders, logs, results; the window gets finished pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edgeyard.commands.site_folder import SiteFolder
from edgeyard.commands.study import EventLog, Study, get_study, list_studies, study_result
from edgeyard.desktop.feed import UNCHANGED
from edgeyard.desktop.optimize_page.study_list import jobs_by_study
from edgeyard.desktop.optimize_page.study_state import fold, fold_result
from edgeyard.desktop.optimize_page.study_view import StudyPicture
from edgeyard.optimize.advice.advisory import Advice
from edgeyard.optimize.engine.result import JobResult
from edgeyard.optimize.graph_layout import GraphLayout, lay_out
from edgeyard.optimize.recipe.write import recipe_to_text
from edgeyard.store.database import Connection
from edgeyard.store.job import Job, list_jobs


@dataclass(frozen=True, slots=True)
class StudyOverview:
    """All studies and their latest jobs."""

    studies: tuple[Study, ...]
    jobs: dict[str, Job]


def overview_reader(folder: SiteFolder) -> Callable[[Connection, float], Any]:
    """A read for `bridge.feed`: silent while nothing changed."""
    last: StudyOverview | None = None

    def read(connection: Connection, _now: float) -> Any:
        nonlocal last
        found = StudyOverview(tuple(list_studies(folder)), jobs_by_study(list_jobs(connection)))
        if found == last:
            return UNCHANGED
        last = found
        return found

    return read


@dataclass(slots=True)
class StudyReader:
    """One study; called again and again on the reader thread, which is its only user."""

    folder: SiteFolder
    study_id: str
    _log: EventLog | None = None
    _job: Job | None = None
    _result: JobResult | None = None
    _layout: GraphLayout | None = None
    _recipe: str = ""
    _advice: tuple[Advice, ...] = field(default=())

    def __call__(self, connection: Connection, _now: float) -> Any:
        """The picture, or `UNCHANGED`."""
        if self._log is None:
            self._log = EventLog(get_study(self.folder, self.study_id))
        first = self._job is None and self._result is None
        job = jobs_by_study(list_jobs(connection)).get(self.study_id)
        said = self._log.read_on()
        ended = job != self._job and job is not None and job.state == "done"
        if ended or (first and self._result is None):
            self._take_result(study_result(self._log.study))
        if not first and not said and job == self._job:
            return UNCHANGED
        self._job = job
        state = fold(self._log.events)
        if self._result is not None and (job is None or job.state == "done"):
            state = fold_result(state, self._result)
        layers = self._result.summary.layers if self._result is not None else ()
        return StudyPicture(self._log.study, job, state, layers, self._layout, self._recipe, self._advice)

    def _take_result(self, result: JobResult | None) -> None:
        self._result = result
        if result is not None:
            from edgeyard.optimize.advise import advise

            self._layout = lay_out(result.summary.layers)
            self._recipe = recipe_to_text(result.recipe)
            self._advice = advise(result.summary).advice
