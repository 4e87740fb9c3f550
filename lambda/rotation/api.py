"""Everything that a custom rotator may import from this package.

The file of rotation.custom.source_file defines `build(options, clients)`. It reads its options and
returns a Generator, a Setter, a Replacer or an Issuer, without a call to a service. All other
modules of this package may change with any release.
"""

from __future__ import annotations

from rotation.aws import Clients, ask, call
from rotation.errors import (
    ConfigurationError,
    CredentialRejected,
    PermissionDenied,
    ProtocolError,
    RotationError,
    ServiceUnavailable,
)
from rotation.response import Response
from rotation.settings import OptionReader
from rotation.strategy import (
    Credential,
    Generator,
    Issued,
    Issuer,
    Replacer,
    Revoker,
    Setter,
    Value,
)

__all__ = [
    "Clients",
    "ConfigurationError",
    "Credential",
    "CredentialRejected",
    "Generator",
    "Issued",
    "Issuer",
    "OptionReader",
    "PermissionDenied",
    "ProtocolError",
    "Replacer",
    "Response",
    "Revoker",
    "RotationError",
    "ServiceUnavailable",
    "Setter",
    "Value",
    "ask",
    "call",
]
