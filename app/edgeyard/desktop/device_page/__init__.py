"""One device: what is wrong, live charts, its models and slots, what it said, its labels."""
