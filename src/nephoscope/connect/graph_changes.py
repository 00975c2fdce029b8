"""Microsoft Graph as a client that changes objects: one request at a time, with the reason of a refusal and no token in it."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import msgspec

from nephoscope.connect.credentials import SignInError, TokenProvider
from nephoscope.model.secret_redaction import redact_text

#: Answers that another try may change.
_PASSING = frozenset({408, 409, 425, 429})
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_MOST_SAID = 300


class GraphChangeError(Exception):
    """A request that Graph did not carry out; `again` says whether another try may succeed."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


class GraphChange(msgspec.Struct, frozen=True):
    """A request to Graph: `body` is empty for a method that takes none."""

    method: str
    path: str
    body: dict[str, object] = msgspec.field(default_factory=dict)


class GraphAccount(msgspec.Struct, frozen=True, rename="camel"):
    """A user as Graph returns it."""

    id: str
    account_enabled: bool = True
    user_principal_name: str = ""


@dataclass(frozen=True, slots=True)
class GraphChangeClient:
    """Sends requests to one origin; redirects are not followed."""

    origin: str
    tokens: TokenProvider

    def get_account(self, path: str) -> GraphAccount | None:
        """Return a user by its path, None where there is none; raises GraphChangeError."""
        question = f"{path}?$select=id,accountEnabled,userPrincipalName"
        response = self._send_change(GraphChange("GET", question), missing=True)
        if response is None:
            return None
        try:
            return msgspec.json.decode(response.content, type=GraphAccount)
        except msgspec.DecodeError as error:
            raise GraphChangeError(f"Microsoft Graph sent no user for {path}", again=False) from error

    def change(self, change: GraphChange) -> None:
        """Carry out a change; raises GraphChangeError."""
        self._send_change(change, missing=False)

    def _send_change(self, change: GraphChange, *, missing: bool) -> httpx.Response | None:
        try:
            response = httpx.request(
                change.method, f"{self.origin}{change.path}", json=change.body or None, timeout=_TIMEOUT,
                follow_redirects=False, headers={"Authorization": f"Bearer {self.tokens.get_token()}"},
            )  # fmt: skip
        except SignInError as error:
            raise GraphChangeError(str(error), again=True) from error
        except httpx.HTTPError as error:
            raise GraphChangeError(
                f"Microsoft Graph was not reached: {type(error).__name__}", again=True
            ) from error
        if missing and response.status_code == 404:
            return None
        if not response.is_success:
            again = response.status_code in _PASSING or response.status_code >= 500
            reason = redact_text(response.text[:_MOST_SAID])
            place = change.path.partition("?")[0]
            raise GraphChangeError(
                f"{change.method} {place} returned {response.status_code}: {reason}", again=again
            )
        return response
