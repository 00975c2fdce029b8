"""Answers of GitHub, GitLab and Azure DevOps over the network, through the client that can only read."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from nephoscope.collect.devops.rest_response import RestAnswer, extract_error_message
from nephoscope.connect.credentials import AccessToken, Credential, CredentialSource
from nephoscope.connect.read_only_client import RequestError, RestClient, RestResponse
from nephoscope.model.secret_redaction import redact_text

#: Pages of one listing; what lies behind them is told as not read.
MOST_PAGES = 200
_NEXT = re.compile(r'<([^<>]{1,4096})>;\s*rel="next"')
_FOREVER = 10 * 365 * 24 * 3600


class RateLimitError(Exception):
    """The platform answers no more requests for now; the message says until when."""


@dataclass(frozen=True, slots=True)
class _StaticToken:
    token: str
    expires_on: int


@dataclass(frozen=True, slots=True)
class StaticCredential:
    """A token that was given, and that nothing renews."""

    token: str

    def get_token(self, *scopes: str, **options: object) -> AccessToken:  # noqa: ARG002 - as azure-identity asks
        """Give the token, whatever it is asked for."""
        return _StaticToken(self.token, int(time.time()) + _FOREVER)


def build_static_credential(token: str) -> CredentialSource:
    """Sign in with a given token."""

    def make() -> Credential:
        return StaticCredential(token)

    return make


@dataclass(frozen=True, slots=True)
class LiveAnswers:
    """The services of a platform by name, each behind its own client."""

    clients: Mapping[str, RestClient]

    def iterate_pages(self, path: str, service: str, what: str) -> Iterator[RestAnswer]:
        """Ask for a path and its following pages; RateLimitError, SignInError."""
        client, following = self.clients[service], path
        for _ in range(MOST_PAGES):
            page = _request_page(client, following, what)
            yield page
            following = page.next
            if not following:
                return
        yield RestAnswer(413, message=f"{what}: more than {MOST_PAGES} pages")


def _request_page(client: RestClient, path: str, what: str) -> RestAnswer:
    try:
        answer = client.get(path, what)
    except RequestError as error:
        return RestAnswer(error.status or 599, message=redact_text(error.message)[:500])
    headers = {name.removeprefix("x-"): value for name, value in _build_headers(answer).items()}
    if answer.status in (403, 429) and headers.get("ratelimit-remaining") == "0":
        reset = headers.get("ratelimit-reset", "")
        until = time.strftime("%H:%M:%S UTC", time.gmtime(int(reset))) if reset.isdecimal() else "later"
        raise RateLimitError(f"the token's rate limit is exhausted: run again at {until}")
    if answer.status not in (200, 204):
        return RestAnswer(answer.status, message=redact_text(extract_error_message(answer.body))[:500])
    return RestAnswer(answer.status, answer.body, _find_next_page_path(path, answer))


def _find_next_page_path(path: str, answer: RestResponse) -> str:
    """The next page: GitHub links to it, Azure DevOps gives a token for it."""
    headers = _build_headers(answer)
    found = _NEXT.search(headers.get("link", ""))
    if found is not None:
        return found[1]
    token = headers.get("x-ms-continuationtoken", "")
    if not token:
        return ""
    parts = urlsplit(path)
    query = [pair for pair in parse_qsl(parts.query) if pair[0] != "continuationToken"]
    return f"{parts.path}?{urlencode([*query, ('continuationToken', token)])}"


def _build_headers(answer: RestResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}
