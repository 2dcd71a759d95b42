"""Integers for floats: ranges from data, where to put them, how much each layer suffers, and what mends it."""
