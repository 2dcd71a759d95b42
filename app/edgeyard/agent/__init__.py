"""The headless process on a device: identity, slots, update path, inference, metrics, outbox."""
