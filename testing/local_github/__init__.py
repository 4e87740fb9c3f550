"""A local GitHub: small, stateful, and held against GitHub's description of its API."""

from testing.local_github.exchange import Answer
from testing.local_github.github import ContractBrokenError, LocalGitHub
from testing.local_github.serve import local_github
from testing.local_github.switches import Narrowing, Switches

__all__ = [
    "Answer",
    "ContractBrokenError",
    "LocalGitHub",
    "Narrowing",
    "Switches",
    "local_github",
]
