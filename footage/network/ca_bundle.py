"""Whose certificates are trusted for results, uploads and pictures: at least those that are for the provider itself.

A gateway that opens TLS has an authority of its own. Where the provider is reached through it, and can be paid, a
result has to be, too.
"""

from __future__ import annotations

import os

# As requests looks for them, and last what OpenSSL itself reads.
_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def ca_bundle() -> str:
    """The file of certificates, or the folder, that is trusted."""
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    named = (os.environ.get(variable) for variable in _VARIABLES)
    return next(filter(None, named), DEFAULT_CA_BUNDLE_PATH)
