"""What inspection looks at, a question per module; `inspect_model` asks them all."""
