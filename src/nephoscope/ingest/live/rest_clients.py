"""REST clients of live sources: read-only, with the credential of the source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event

from nephoscope.connect.cloud import Cloud, CloudError, load_cloud
from nephoscope.connect.credentials import (
    CredentialSource,
    SignInError,
    TokenProvider,
    create_credential_source,
)
from nephoscope.connect.read_only_client import RequestError, RestClient, RestResponse
from nephoscope.ingest.source_failures import SourceError, SourceStoppedError

#: Pages in a row that may be empty though another follows.
MAX_EMPTY = 500


@dataclass(frozen=True, slots=True)
class SourceAccess:
    """Cloud and credential of a REST client, and its tenant ('' = the credential's own)."""

    credential: str
    cloud: str
    tenant: str

    @property
    def endpoints(self) -> Cloud:
        """The cloud's endpoints; raises SourceError."""
        try:
            return load_cloud(self.cloud)
        except CloudError as error:
            raise SourceError(str(error)) from error

    def get_credential_factory(self) -> CredentialSource:
        """Return how to make the credential; raises SourceError for what the environment lacks."""
        try:
            return create_credential_source(self.credential, self.endpoints, self.tenant)
        except SignInError as error:
            raise SourceError(str(error)) from error


@contextmanager
def open_rest_client(
    origin: str, scope: str, access: SourceAccess, stop: Event | None = None
) -> Iterator[RestClient]:
    """A client of an origin; what it raises comes as SourceError. Its waiting ends when `stop` is set."""
    made = RestClient(
        origin, TokenProvider(access.get_credential_factory(), scope), sleep=_make_wait(stop or Event())
    )
    try:
        yield made
    except (RequestError, SignInError) as error:
        raise SourceError(str(error)) from error
    finally:
        made.close()


def _make_wait(stop: Event) -> Callable[[float], None]:
    def wait(seconds: float) -> None:
        if stop.wait(seconds):
            raise SourceStoppedError

    return wait


def fetch_pages(asked: RestClient, url: str, what: str, permission: str) -> Iterator[list[dict[str, object]]]:
    """The elements of an answer's `value`, page by page.

    SourceError for a refusal, with the permission that it takes, for an answer without a list, and for links that lead nowhere: an
    answer that only looks empty must not count as read, or what happened meanwhile is never asked for again.
    """
    seen: set[str] = set()
    empty = 0
    while url:
        seen.add(url)
        answer = asked.get(url, what)
        if not answer.ok:
            raise SourceError(describe_refusal(answer, what, permission))
        values = answer.body.get("value")
        if not isinstance(values, list):
            raise SourceError(
                f"{what}: the response has no list of values: {' '.join(answer.error)}".rstrip(": ")
            )
        yield [one for one in values if isinstance(one, dict)]
        url = str(answer.body.get("@odata.nextLink") or answer.body.get("nextLink") or "")
        empty = 0 if values else empty + 1
        if url in seen or empty > MAX_EMPTY:
            target = "one that was read already" if url in seen else f"more than {MAX_EMPTY} empty ones"
            raise SourceError(f"{what}: the link to the next page leads to {target}")


def format_filter_time(moment: datetime) -> str:
    """A moment as `$filter` of Resource Manager and Graph takes it: UTC, to the microsecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


def describe_refusal(answer: RestResponse, what: str, permission: str) -> str:
    """A refusal as a sentence: what was asked, the status, Azure's code and message, what to grant."""
    code, message = answer.error
    grant = f"; grant {permission}" if answer.status in (401, 403) else ""
    return f"{what}: {answer.status} {code} {message}".strip() + grant
