"""Models, versions and variants with their evidence; the place that rollouts are dragged from."""
