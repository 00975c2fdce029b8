"""TLS for what listens: a certificate of the user's, or one of our own whose authority's certificate senders are told to trust."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.ingest.live import validators
from nephoscope.ingest.live.certificate_pair import check_pair, read_certificate, read_key
from nephoscope.ingest.source_failures import SourceError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

_DAYS = 825
_EARLY = timedelta(days=30)


def create_server_context(certificate: str, key: str, client_ca: str = "") -> ssl.SSLContext:
    """TLS 1.2 and newer with a certificate (PEM, its chain after it); with `client_ca`, for senders with its certificates only.

    Raises SourceError that names the file.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        check_pair(Path(certificate), Path(key or certificate))
    except SourceError as error:
        raise SourceError(f"TLS: {error}") from error
    try:
        context.load_cert_chain(certificate, key or None)
    except (OSError, ssl.SSLError) as error:
        raise SourceError(f"TLS: {certificate} and {key or 'its key'}: {_explain_error(error)}") from error
    if client_ca:
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ssl.SSLError) as error:
            raise SourceError(f"TLS: client_ca {client_ca}: {_explain_error(error)}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def check_tls(certificate: str, key: str, client_ca: str, names: list[str]) -> None:
    """Raise SourceSettingsError for settings of a listener's TLS that cannot be, SourceError for files that are not there."""
    validators.pair_of_key(certificate, key)
    validators.require_filled("names", names, "names and addresses of this machine, separated by commas")
    for setting, path in (("certificate", certificate), ("key", key), ("client_ca", client_ca)):
        validators.validate_file(setting, path)


def _explain_error(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def issue_self_signed(folder: Path, names: tuple[str, ...]) -> tuple[Path, Path, Path]:
    """(certificate, key, the authority's certificate) of our own for host names and addresses, made where missing or nearly over.

    The files lie in `folder`, keys readable by their owner alone. The authority stays, so that senders trust it once.
    SourceError where a file that is there cannot be used.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stem = folder / ("-".join(names).replace(":", "_") or "server")
    certificate, key = (stem.parent / f"{stem.name}.{kind}" for kind in ("crt", "key"))
    authority = folder / "ca.crt"
    if not (certificate.exists() and key.exists() and authority.exists() and _is_long_valid(certificate)):
        issuer, issuer_key = _make_authority(folder)
        _issue_certificate(certificate, key, names, issuer, issuer_key)
    with _add_remedy(f"remove {certificate.name} and {key.name} there: others are made"):
        check_pair(certificate, key)
    return certificate, key, authority


def _is_long_valid(path: Path) -> bool:
    with _add_remedy("remove it: another is made"):
        return read_certificate(path).not_valid_after_utc > datetime.now(UTC) + _EARLY


@contextmanager
def _add_remedy(remedy: str) -> Iterator[None]:
    """What is wrong with a file of our own, with what to do about it."""
    try:
        yield
    except SourceError as error:
        raise SourceError(f"{str(error).partition('; ')[0]}; {remedy}") from error


def _make_authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    path, key_path = folder / "ca.crt", folder / "ca.key"
    if path.exists() and key_path.exists() and _is_long_valid(path):
        with _add_remedy(
            f"put it back, or remove {path.name} and {key_path.name} there: clients must trust another then"
        ):
            known = check_pair(path, key_path)
        found = read_key(key_path)
        assert isinstance(found, ec.EllipticCurvePrivateKey)
        return known, found
    key = ec.generate_private_key(ec.SECP256R1())
    name = _build_name("nephoscope local authority")
    made = _start_certificate(name, name, key.public_key(), 3650)
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = made.add_extension(usage, critical=True)
    certificate = _sign_certificate(made, key)
    _write_private_file(key_path, _encode_key_as_pem(key))
    _write_private_file(path, certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _issue_certificate(
    path: Path,
    key_path: Path,
    names: tuple[str, ...],
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key = ec.generate_private_key(ec.SECP256R1())
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    made = _start_certificate(_build_name(names[0]), issuer.subject, key.public_key(), _DAYS)
    made = made.add_extension(
        x509.SubjectAlternativeName([_build_general_name(name) for name in names]), critical=False
    )
    made = made.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    certificate = _sign_certificate(made, issuer_key)
    _write_private_file(key_path, _encode_key_as_pem(key))
    encoding = serialization.Encoding.PEM
    _write_private_file(path, certificate.public_bytes(encoding) + issuer.public_bytes(encoding))


def _build_general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _build_name(text: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _start_certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    from cryptography import x509

    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
    made = made.not_valid_after(now + timedelta(days=days))
    return made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _sign_certificate(made: x509.CertificateBuilder, signer: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return made.add_extension(identifier, critical=False).sign(signer, hashes.SHA256())


def _encode_key_as_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private_file(path: Path, data: bytes) -> None:
    """Whole or not at all, and readable by its owner alone from its first byte."""
    path = path.resolve()  # a link stays a link
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    part.replace(path)
