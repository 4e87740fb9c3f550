"""Advice about the rejected certificate of a server, for each of OpenSSL's codes.

https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
"""

from __future__ import annotations

_NOT_YET_VALID = 9
_EXPIRED = 10
# No issuer, a self-signed certificate alone or at the end of a chain, and no issuer here.
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
# A host name, and an address.
_OTHER_HOST = frozenset({62, 64})
# The rules of RFC 5280 that only OpenSSL's flag X509_STRICT requires, such as an identifier of the
# authority's key (85), critical basic constraints (89) and the use of the key (92).
_STRICT = range(80, 94)


def advice(verify_code: int) -> str:
    """Return what to do, in sentences that follow the name of the server."""
    if verify_code == _EXPIRED:
        return (
            "Its certificate, or one of its authorities, has expired. Renew it on the server. For "
            "RDS, rotate the certificate of the instance: "
            "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL-certificate-rotation.html"
        )
    if verify_code == _NOT_YET_VALID:
        return "Its certificate is not valid yet. Issue it again with a correct clock."
    if verify_code in _OTHER_HOST:
        return (
            "Its certificate is for another host name. Connect to a name that is in the "
            "certificate, or issue it again with this name among its alternative names."
        )
    if verify_code in _UNKNOWN_AUTHORITY:
        return (
            "No trusted authority has issued its certificate. Set ca_certificates to the PEM of "
            "the server's authority. For RDS, that is the bundle of its region: "
            "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html"
        )
    if verify_code in _STRICT:
        return (
            f"Its certificate, or one of its authorities, breaks RFC 5280 (OpenSSL's code "
            f"{verify_code}), which Python enforces from version 3.13 on. Issue the authority "
            "again with critical basic constraints, keyUsage and key identifiers. Or set "
            'function.runtime to "python3.12".'
        )
    return (
        f"OpenSSL rejects its certificate with the code {verify_code}. Look it up at "
        "https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/ and issue it again."
    )
