"""Credentials of sources, encrypted by AES-GCM with a key that is not in the database.

The name of the credential and the id of the key are authenticated with it: a row cannot be passed off as another.
Format: NIST SP 800-38D; 96-bit random nonce, 128-bit tag behind the cipher text.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import LargeBinary, Text, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.access.key_file import KeyFile
from nephoscope.state.database.database import Database, StateError
from nephoscope.state.tables.columns import AuditedRow, UtcDateTime

_NONCE_BYTES = 12
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class CredentialError(StateError):
    """A credential that there is not, or that the keys that are there do not open: it stays so until somebody does something."""


class CredentialRow(AuditedRow):
    """An encrypted credential."""

    __tablename__ = "credentials"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    key_id: Mapped[str] = mapped_column(Text)
    nonce: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A text that no repr, log line or message shows: `reveal` gives it."""

    _text: str

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """A credential that is kept: the id of the key it is encrypted with, when it was set, whether the keys that are there open it."""

    name: str
    key: str
    changed: datetime
    opens: bool


class Credentials:
    """All credentials, by name."""

    def __init__(self, database: Database, keys: KeyFile) -> None:
        self._database = database
        self._keys = keys

    def hold_key(self) -> AbstractContextManager[None]:
        """Hold the key still for a block that keeps secrets in a transaction around them: the key comes before the transaction."""
        return self._keys.lock_for_change()

    def put(self, name: str, secret: str | Secret) -> None:
        """Keep a secret under a name, in place of what it had."""
        with self.seal({name: secret}) as keep, self._database.write() as session:
            keep(session)

    @contextmanager
    def seal(self, given: Mapping[str, str | Secret]) -> Iterator[Callable[[Session], None]]:
        """Encrypt secrets by name, and give what keeps them in a transaction within the block, in place of what they had.

        StateError for what cannot be a name.
        """
        if wrong := next((one for one in given if not _NAME.fullmatch(one)), None):
            raise StateError(
                f"{wrong!r} is not a valid credential name: use letters, digits, '.', '-' and '_'"
            )
        if not given:
            yield lambda _: None
            return
        # the key cannot be rotated away between its use and the rows
        with self._keys.lock_for_change():
            key_id, key = next(iter((self._keys.keys() or self._keys.add()).items()))
            rows = [
                (name, *_encrypt_secret(name, key_id, key, _reveal_secret(one)))
                for name, one in given.items()
            ]
            yield lambda session: self._keep_secrets(session, key_id, rows)

    def _keep_secrets(self, session: Session, key_id: str, rows: Sequence[tuple[str, bytes, bytes]]) -> None:
        now = self._database.now(session)
        for name, nonce, sealed in rows:
            row = {"name": name, "key_id": key_id, "nonce": nonce, "sealed": sealed, "changed": now}
            insert = self._database.insert(CredentialRow, row)
            changes = {column: insert.excluded[column] for column in ("key_id", "nonce", "sealed", "changed")}
            session.execute(insert.on_conflict_do_update(index_elements=["name"], set_=changes))

    def drop(self, session: Session, names: Iterable[str]) -> None:
        """Forget credentials within the transaction of what used them; a name that there is none of changes nothing."""
        session.execute(delete(CredentialRow).where(CredentialRow.name.in_(list(names))))

    def get(self, name: str) -> Secret:
        """The secret; CredentialError where there is none, or where it cannot be decrypted with the keys that are there."""
        with self._database.read() as session:
            row = session.get(CredentialRow, name)
        if row is None:
            raise CredentialError(f"credential {name!r} not found")
        return Secret(self._decrypt_secret(row, self._keys.keys()))

    def names(self) -> tuple[str, ...]:
        """The names of all credentials."""
        with self._database.read() as session:
            return tuple(session.scalars(select(CredentialRow.name).order_by(CredentialRow.name)))

    def find_storage_time(self, name: str) -> datetime | None:
        """Return when the secret of a name was stored last, None where there is none."""
        with self._database.read() as session:
            return session.scalar(select(CredentialRow.changed).where(CredentialRow.name == name))

    def all(self) -> tuple[StoredCredential, ...]:
        """Every credential without its secret, by name."""
        keys = self._keys.keys()
        with self._database.read() as session:
            rows = session.scalars(select(CredentialRow).order_by(CredentialRow.name))
            return tuple(
                StoredCredential(row.name, row.key_id, row.changed, self._can_decrypt(row, keys))
                for row in rows
            )

    def remove(self, name: str) -> None:
        """Forget a credential; StateError where there is none, or a source or tenant uses it."""
        try:
            with self._database.write() as session:
                row = session.get(CredentialRow, name)
                if row is None:
                    raise StateError(f"credential {name!r} not found")
                session.delete(row)
        except IntegrityError as error:
            raise StateError(
                f"the credential {name} is used by a source or tenant: remove that first"
            ) from error

    def rotate(self) -> int:
        """Encrypt all credentials with a new key and drop the old ones; returns how many.

        Killed half-way, the file holds the old key and the new one: every credential still opens.
        """
        with self._keys.lock_for_change():
            old = self._keys.keys()
            with self._database.write() as session:
                rows = session.scalars(select(CredentialRow).with_for_update()).all()
                opened = {row.name: self._decrypt_secret(row, old) for row in rows}
                key_id, key = next(iter(self._keys.add().items()))
                for row in rows:
                    row.nonce, row.sealed = _encrypt_secret(row.name, key_id, key, opened[row.name])
                    row.key_id = key_id
            self._keys.keep(key_id)
            return len(rows)

    def _can_decrypt(self, row: CredentialRow, keys: dict[str, bytes]) -> bool:
        try:
            self._decrypt_secret(row, keys)
        except StateError:
            return False
        return True

    def _decrypt_secret(self, row: CredentialRow, keys: dict[str, bytes]) -> str:
        if row.key_id not in keys:
            raise CredentialError(
                f"the credential {row.name} is encrypted with the key {row.key_id}, which {self._keys.path} does not hold:"
                " put the key file back, or set the credential again"
            )
        # imported here, where something is opened: most commands open none
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            plain = AESGCM(keys[row.key_id]).decrypt(
                row.nonce, row.sealed, _build_associated_data(row.name, row.key_id)
            )
        except InvalidTag as error:
            raise CredentialError(
                f"the credential {row.name} cannot be decrypted with the key {row.key_id} of {self._keys.path}: the key is not the"
                " one it was encrypted with, or the database was changed; put the key file back, or set the credential again"
            ) from error
        return plain.decode()


def _encrypt_secret(name: str, key_id: str, key: bytes, text: str) -> tuple[bytes, bytes]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce, AESGCM(key).encrypt(nonce, text.encode(), _build_associated_data(name, key_id))


def _build_associated_data(name: str, key_id: str) -> bytes:
    return f"nephoscope\x00{name}\x00{key_id}".encode()


def _reveal_secret(secret: str | Secret) -> str:
    return secret.reveal() if isinstance(secret, Secret) else secret
