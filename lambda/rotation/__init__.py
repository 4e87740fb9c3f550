"""Rotation of one secret: a state machine, and a strategy for each kind of credential."""
