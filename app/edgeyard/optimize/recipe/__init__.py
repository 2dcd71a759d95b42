"""Recipes: which passes to try, on what, with which settings. Types, YAML, the default recipe, and the plan."""
