"""Passes that write an artifact for another runtime."""
