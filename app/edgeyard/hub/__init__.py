"""The control plane: broker, artifact server, ingest, reconciler."""
