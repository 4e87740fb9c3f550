"""Checks of a rotation strategy."""
