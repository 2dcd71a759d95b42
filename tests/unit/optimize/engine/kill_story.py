"""A small application that runs one job, for tests that kill it: `python -m … JOB.json` prints events."""

import sys
from pathlib import Path

from edgeyard.optimize import job_message
from edgeyard.optimize.engine import supervise
from edgeyard.optimize.engine.event import Event, JobNote
from edgeyard.optimize.engine.job import OptimizeJob
from edgeyard.optimize.engine.result import JobResult
from edgeyard.optimize.engine.run_job import run_job
from tests.unit.optimize import pass_bad


def main() -> None:
    supervise.work = pass_bad.work_badly
    job: OptimizeJob = job_message.decode_json(Path(sys.argv[1]).read_bytes(), OptimizeJob)

    def tell(event: Event) -> None:
        if not isinstance(event, JobNote):
            sys.stdout.write(f"{type(event).__name__} {getattr(event, 'step', '')}\n")
            sys.stdout.flush()

    run_job(job, on_event=tell)


def story_of(result: JobResult) -> tuple[object, ...]:
    """What must not depend on who was killed when: the files, the figures of accuracy, the rejected, the picks."""
    files = {each.name: (each.sha256, each.evidence.accuracy, each.lineage) for each in result.candidates}
    return files, {each.name: each.cause for each in result.rejected}, set(result.picked)


if __name__ == "__main__":
    main()
