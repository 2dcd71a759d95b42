"""Data sets that people bring: what they may look like, how they are read, and how they are divided."""
