"""Post an event to a URL, signed, as Standard Webhooks says.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Annotated
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec import Meta
from standardwebhooks import Webhook

from nephoscope.automation.action import ActionContext, ActionError, ActionKind, ActionOutcome
from nephoscope.automation.egress_policy import resolve_target
from nephoscope.connect.ssrf_guard import RequestTarget
from nephoscope.state.automation.automation_runs import AutomationRun

#: Bytes of a refusal that are told.
_SAID = 200
#: Answers that another try may change; every other one below 500 stays what it is.
_AGAIN = frozenset({408, 409, 425, 429})


class WebhookActionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the webhook action: the URL to post to and the secret that signs requests."""

    url: Annotated[str, Meta(description="URL, https only.")] = ""
    secret: Annotated[
        str, Meta(description="Name of the secret that signs requests (`response secret NAME`).")
    ] = ""
    address: Annotated[
        str,
        Meta(
            description="Name of the secret with a URL that needs no signature, instead of `url` and `secret`."
        ),
    ] = ""
    batch: Annotated[int, Meta(description="Maximum number of records in one request.", ge=1, le=500)] = 1
    seconds: Annotated[float, Meta(description="Time limit of a request in seconds.", gt=0, le=120)] = 15.0

    def __post_init__(self) -> None:
        """ValueError where it is not said where to post, or what to sign with."""
        if bool(self.address) == bool(self.url and self.secret) or (
            self.address and (self.url or self.secret)
        ):
            raise ValueError("use `url` and `secret`, or `address`")


def to_document(run: AutomationRun) -> dict[str, object]:
    """Return what receivers are told."""
    return {
        "id": run.id,
        "type": run.kind,
        "timestamp": run.created.isoformat(),
        "workspace": run.workspace,
        "rule": run.rule,
        "data": run.document,
    }


def to_request_body(run: AutomationRun) -> bytes:
    """Return what is posted: the same bytes at every try."""
    return msgspec.json.encode(to_document(run))


def sign_message(secret: str, id_: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`; a secret that begins with whsec_ is base64, any other one is taken as its bytes."""
    try:
        key = (
            base64.b64decode(secret.removeprefix("whsec_"), validate=True)
            if secret.startswith("whsec_")
            else secret.encode()
        )
    except binascii.Error as error:
        raise ActionError("the secret starts with whsec_ but is not base64", again=False) from error
    if not key:
        raise ActionError("the secret is empty", again=False)
    return Webhook(key).sign(id_, datetime.fromtimestamp(timestamp, UTC), body.decode())


def run(settings: WebhookActionSettings, run: AutomationRun, around: ActionContext) -> ActionOutcome:
    """Post; an answer of 2xx is taken, 429 and 5xx are tried again, a redirect or another answer is not."""
    allowed = around.operator.webhook
    url = around.secret(settings.address) if settings.address else settings.url
    end = monotonic() + settings.seconds
    where, body = resolve_target(url, allowed.private, settings.seconds), to_request_body(run)
    stamp = int(around.now.timestamp())
    headers = {
        "Host": where.host,
        "Content-Type": "application/json",
        "User-Agent": "nephoscope",
        "Accept-Encoding": "identity",
        "webhook-id": run.id,
        "webhook-timestamp": str(stamp),
    }
    if settings.secret:
        headers["webhook-signature"] = sign_message(around.secret(settings.secret), run.id, stamp, body)
    context = _load_tls_context(allowed.ca, _read_certificate_file_time(allowed.ca))
    status, said = asyncio.run(_send_request(where, body, headers, context, (settings.seconds, end)))
    if 200 <= status < 300:
        return ActionOutcome(f"{where.name} returned {status}")
    raise ActionError(f"{where.name} returned {status}: {said}", again=status >= 500 or status in _AGAIN)


@lru_cache(maxsize=8)
def _load_tls_context(ca: str, changed: int) -> ssl.SSLContext:
    """Whom to trust, read once: a system has hundreds of authorities. `changed` says which state of the file that is."""
    del changed
    return ssl.create_default_context(cafile=ca or None)


def _read_certificate_file_time(ca: str) -> int:
    """Return when the file of authorities changed last; 0 where the system has no single one."""
    path = ca or ssl.get_default_verify_paths().cafile
    return Path(path).stat().st_mtime_ns if path else 0


async def _send_request(
    where: RequestTarget,
    body: bytes,
    headers: dict[str, str],
    context: ssl.SSLContext,
    within: tuple[float, float],
) -> tuple[int, str]:
    """The status, and how a refusal begins: looking up the name, connecting, sending and waiting for the header take `seconds` in all,
    which are over at `end` (of time.monotonic)."""
    seconds, end = within
    extensions: dict[str, object] = {"sni_hostname": where.name}
    status = 0
    said = bytearray()
    try:
        # a proxy of the environment would reach what was not judged here; the client's own time-outs are of one read each
        async with (
            asyncio.timeout(end - monotonic()),
            httpx.AsyncClient(
                verify=context, timeout=seconds + 1, follow_redirects=False, trust_env=False
            ) as client,
            client.stream("POST", where.url, content=body, headers=headers, extensions=extensions) as answer,
        ):
            status = answer.status_code
            if not 200 <= status < 300:
                await _read_answer_head(answer, said)
    except TimeoutError as error:
        if not status:
            raise ActionError(f"{where.name}: no response within {seconds:g} s") from error
    except httpx.HTTPError as error:
        if not status:
            raise ActionError(f"{where.name}: {type(error).__name__}: {error}") from error
    return status, said.decode("utf-8", "replace")


async def _read_answer_head(answer: httpx.Response, said: bytearray) -> None:
    """The first bytes as they come: nothing is unpacked, and no more is waited for."""
    async for chunk in answer.aiter_raw():
        said += chunk[: _SAID - len(said)]
        if len(said) >= _SAID:
            return


def _describe_receiver(settings: WebhookActionSettings) -> str:
    """The host; of an address that is a secret its name."""
    return urlsplit(settings.url).netloc.lower() if settings.url else settings.address


KIND = ActionKind(
    "webhook", "Send to a signed webhook", WebhookActionSettings, run=run, receiver=_describe_receiver
)
