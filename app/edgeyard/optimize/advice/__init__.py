"""What in a model's architecture costs most, and what would cost less: advice for whoever trains the next version."""
