"""Measures the module beside its rivals, and writes the tables of docs/performance.md."""
