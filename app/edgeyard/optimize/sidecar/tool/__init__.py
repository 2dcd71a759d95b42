"""What runs inside sidecars. Only the standard library and the sidecar's own packages may be imported here."""
