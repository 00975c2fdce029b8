"""Certificate pair: check that certificate and key files are usable before TLS starts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.ingest.source_failures import SourceError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes


def read_certificate(path: Path) -> x509.Certificate:
    """The first certificate in a file; SourceError that names the file where there is none."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(_read_certificate_file(path))
    except ValueError as error:
        raise SourceError(f"{path}: contains no PEM certificate; use the certificate file") from error


def read_key(path: Path) -> PrivateKeyTypes:
    """The key in a file; SourceError that names the file where there is none, and where a password is wanted for it."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(_read_certificate_file(path), None)
    except TypeError as error:
        raise SourceError(
            f"{path}: the key has a password; use a key without one that only its owner can read"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SourceError(f"{path}: contains no PEM private key; use the key file") from error


def check_pair(certificate: Path, key: Path) -> x509.Certificate:
    """The certificate, where the key is its own; SourceError that names the file that is wrong."""
    found, owned = read_certificate(certificate), read_key(key)
    if found.public_key() != owned.public_key():
        raise SourceError(f"{key}: not the key of {certificate}; use a matching pair")
    return found


def check_time(path: Path, found: x509.Certificate, now: datetime | None = None) -> None:
    """SourceError where a certificate is over, or is yet to begin."""
    now = now or datetime.now(UTC)
    if found.not_valid_after_utc <= now:
        raise SourceError(
            f"{path}: the certificate expired on {_format_day(found.not_valid_after_utc)}; renew it"
        )
    if found.not_valid_before_utc > now:
        begins = _format_day(found.not_valid_before_utc)
        raise SourceError(
            f"{path}: the certificate is valid from {begins}; wait until then, or correct the clock"
        )


def _read_certificate_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{path}: {(error.strerror or str(error)).lower()}; the file must exist and be readable"
        ) from error


def _format_day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
