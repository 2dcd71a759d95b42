"""Rollouts: waves as a picture, devices, the evidence of the gates, and what a person can do."""
