"""Before a rollout starts: what may be dropped where, the plan with its forecast, signing and the start."""
