"""The authorities whose certificates an operator trusts: a file in PEM."""

from __future__ import annotations

from pathlib import Path


def read_anchors(path: Path) -> str:
    """The certificates of the file; the library calls a good manifest invalid where there are none in it.

    Raises:
        ValueError: It cannot be read, or has no certificates in PEM.
    """
    from cryptography import x509

    try:
        text = path.read_text("utf-8")
        x509.load_pem_x509_certificates(text.encode())
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror or type(error).__name__})") from None
    except ValueError:
        raise ValueError("has no certificates in PEM") from None
    return text
