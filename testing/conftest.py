"""Fixtures for the tests of this folder, with and without tests/."""

pytest_plugins = ["testing.databases.fixtures", "testing.harness.models"]
