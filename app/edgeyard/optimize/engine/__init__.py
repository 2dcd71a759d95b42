"""Running a recipe within a budget: job, events, step cache, resume, and the choice per kind of hardware."""
