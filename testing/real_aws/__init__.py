"""Runs tests in a real AWS account, and removes what a run created."""
