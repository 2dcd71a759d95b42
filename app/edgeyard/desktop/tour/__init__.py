"""A short tour of what to try, which ticks itself."""
