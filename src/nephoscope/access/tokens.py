"""Access tokens of programs: signed, short-lived, and good only for a principal that is still let in.

Source: RFC 9068 (JWT access tokens), https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
"""

from __future__ import annotations

import json
import os
import time
import uuid
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from nephoscope.state.access.principals import PrincipalKind
from nephoscope.state.database.database import StateError

if TYPE_CHECKING:
    from nephoscope.state import State
    from nephoscope.state.access.principals import Principal

LASTS = 3600
#: Of a tenant that says no id of its own.
NO_TENANT = "00000000-0000-0000-0000-000000000000"
ALGORITHM = "RS256"
#: The claim that names the client secret by which a token was asked for: a token is over when its secret is.
SECRET = "nephoscope_secret"  # noqa: S105 - the name of a claim
#: Azure's names for the services that answer here: clients that are not told of this server ask for tokens for them.
AUDIENCES = frozenset(
    {
        "management.azure.com", "management.core.windows.net", "management.usgovcloudapi.net", "management.chinacloudapi.cn",
        "management.core.usgovcloudapi.net", "management.core.chinacloudapi.cn",
        "monitor.azure.com", "monitor.azure.us", "monitor.azure.cn",
        "api.loganalytics.io", "api.loganalytics.azure.com", "api.loganalytics.us", "api.loganalytics.azure.cn",
        "graph.microsoft.com", "graph.microsoft.us", "microsoftgraph.chinacloudapi.cn", "graph.windows.net",
        "kusto.kusto.windows.net", "api.kusto.windows.net", "help.kusto.windows.net",
    }
)  # fmt: skip
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_BITS = 2048
FILE = "tokens.key"


class AccessTokenIssuer:
    """Issues and checks tokens with a key that lies in the folder of keys, its owner's alone."""

    def __init__(self, state: State, keys: Path, tenant: str) -> None:
        self._state, self._tenant = state, tenant
        self._key = load_signing_key(keys)

    @property
    def public(self) -> dict[str, object]:
        """The key set by which others can check tokens (RFC 7517)."""
        return {"keys": [{**self._key.as_dict(private=False), "use": "sig", "alg": ALGORITHM}]}

    def issue(
        self, principal: Principal, audience: str, issuer: str, lasts: int = LASTS, *, secret: str = ""
    ) -> str:
        """A token for a principal; the claims are those that Azure's clients look at, and the id of the secret that was shown."""
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
            **({SECRET: secret} if secret else {}),
        }
        return jwt.encode({"alg": ALGORITHM, "typ": "JWT", "kid": self._key.kid}, claims, self._key)

    def verify(self, token: str) -> Principal | None:
        """Return whose token it is; None for one that is over, not ours, for another service, or of who is let in no more.

        Who shows a secret that is withdrawn is let in no more.
        """
        try:
            found = jwt.decode(token, self._key, algorithms=[ALGORITHM])
            registry = jwt.JWTClaimsRegistry(
                exp={"essential": True},
                sub={"essential": True},
                tid={"essential": True, "value": self._tenant},
            )
            registry.validate(found.claims)
            if not _is_audience_of_issuer(str(found.claims.get("aud", "")), str(found.claims.get("iss", ""))):
                return None
        except (JoseError, ValueError):
            return None
        return self._authenticate_principal(str(found.claims["sub"]), str(found.claims.get(SECRET, "")))

    def _authenticate_principal(self, id_: str, secret: str) -> Principal | None:
        """The principal of an id where it is let in, by the secret that it showed; only the managed identity shows none."""
        if secret:
            principal = self._state.principals.find_by_secret(secret)
            return principal if principal is not None and principal.id == id_ else None
        principal = self._state.principals.get(id_)
        if principal is None or principal.disabled or principal.kind is PrincipalKind.PROGRAM:
            return None
        return principal


def _is_audience_of_issuer(audience: str, issuer: str) -> bool:
    """Return whether a token is for the server that issued it: by the name that it was asked by, or one of Azure's."""
    wanted, own = urlsplit(audience), urlsplit(issuer)
    if wanted.hostname in AUDIENCES or (wanted.scheme, wanted.netloc) == (own.scheme, own.netloc):
        return True
    return wanted.port == own.port and {wanted.hostname, own.hostname} <= _LOOPBACK


def load_signing_key(folder: Path) -> RSAKey:
    """The key of a folder; made where there is none, once however many processes begin at a time. StateError where it is no key."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / FILE
    if not path.exists():
        made = RSAKey.generate_key(_BITS, auto_kid=True)
        part = folder / f"{FILE}.{os.getpid()}"
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
    return _read_private_key(path)


def _read_private_key(path: Path) -> RSAKey:
    remedy = (
        "restore the file of this data folder, or delete it to create a new one; programs then "
        "need new tokens"
    )
    try:
        found = _import_key(path.read_text())
    except FileNotFoundError as error:
        raise StateError(f"{path}: not found; {remedy}") from error
    except IsADirectoryError as error:
        raise StateError(f"{path}: is a directory; {remedy}") from error
    except OSError as error:
        raise StateError(
            f"{path}: {(error.strerror or str(error)).lower()}; make it readable for the user of the server"
        ) from error
    except (JoseError, ValueError) as error:
        raise StateError(f"{path}: not a token key; {remedy}") from error
    if found is None or not found.is_private:
        raise StateError(f"{path}: not a token key; {remedy}")
    return found


@lru_cache(maxsize=4)
def _import_key(text: str) -> RSAKey | None:
    """Import a key from JSON, once a process: the check of its numbers takes 30 milliseconds. None for what is no object."""
    said = json.loads(text)
    return RSAKey.import_key(said) if isinstance(said, dict) else None
