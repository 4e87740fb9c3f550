"""A local GitHub whose requests and responses must match GitHub's OpenAPI description."""

from testing.local_github.exchange import Response
from testing.local_github.github import ContractBrokenError, LocalGitHub
from testing.local_github.serve import local_github
from testing.local_github.switches import Narrowing, Switches

__all__ = [
    "ContractBrokenError",
    "LocalGitHub",
    "Narrowing",
    "Response",
    "Switches",
    "local_github",
]
