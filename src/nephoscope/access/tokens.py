"""Access tokens of programs: signed, short-lived, and good only for a principal that is still let in.

Source: RFC 9068 (JWT access tokens), https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
"""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

if TYPE_CHECKING:
    from nephoscope.lake.state import State
    from nephoscope.lake.state.principals import Principal

LASTS = 3600
#: Of a tenant that says no id of its own.
NO_TENANT = "00000000-0000-0000-0000-000000000000"
ALGORITHM = "RS256"
_BITS = 2048
_FILE = "tokens.key"


class Tokens:
    """Issues and checks tokens with a key that lies in the folder of keys, its owner's alone."""

    def __init__(self, state: State, keys: Path, tenant: str) -> None:
        self._state, self._tenant = state, tenant
        self._key = _key(keys)

    @property
    def public(self) -> dict[str, Any]:
        """The key set by which others can check tokens (RFC 7517)."""
        return {"keys": [{**self._key.as_dict(private=False), "use": "sig", "alg": ALGORITHM}]}

    def issued(self, principal: Principal, audience: str, issuer: str, lasts: int = LASTS) -> str:
        """A token for a principal; the claims are those that Azure's clients look at."""
        now = int(time.time())
        claims = {
            "iss": issuer,
            "aud": audience,
            "sub": principal.id,
            "oid": principal.id,
            "appid": principal.id,
            "tid": self._tenant,
            "iat": now,
            "nbf": now,
            "exp": now + lasts,
            "ver": "1.0",
            "idtyp": "app",
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode({"alg": ALGORITHM, "typ": "JWT", "kid": self._key.kid}, claims, self._key)

    def verified(self, token: str) -> Principal | None:
        """Whose token it is; None for one that is over, not ours, or of a principal that is let in no more."""
        try:
            found = jwt.decode(token, self._key, algorithms=[ALGORITHM])
            registry = jwt.JWTClaimsRegistry(
                exp={"essential": True},
                sub={"essential": True},
                tid={"essential": True, "value": self._tenant},
            )
            registry.validate(found.claims)
        except (JoseError, ValueError):
            return None
        principal = self._state.principals.get(str(found.claims["sub"]))
        return principal if principal is not None and not principal.disabled else None


def _key(folder: Path) -> RSAKey:
    """The key; made where there is none, once however many processes begin at a time."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / _FILE
    if not path.exists():
        made = RSAKey.generate_key(_BITS, auto_kid=True)
        part = folder / f"{_FILE}.{os.getpid()}"
        with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            json.dump(made.as_dict(private=True), file)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)
        except FileExistsError:
            pass
        finally:
            part.unlink()
    return RSAKey.import_key(json.loads(path.read_text()))
