"""Send a message about an event by the operator's mail server."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime
from fnmatch import fnmatchcase
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import msgspec
from jinja2 import TemplateError
from jinja2.sandbox import SandboxedEnvironment
from msgspec import Meta

from nephoscope.automation.action import ActionContext, ActionError, ActionKind, ActionOutcome
from nephoscope.automation.assessment_mail import write_mail
from nephoscope.automation.egress_policy import translate_connection_errors
from nephoscope.automation.operator_policy import MailServer
from nephoscope.connect.ssrf_guard import look_up_addresses
from nephoscope.state.automation.automation_runs import AutomationRun

_SUBJECT = "[{{ severity }}] {{ title }}"
_BODY = """{{ title }}

{{ kind }} {{ subject }} in the workspace {{ workspace }}, severity {{ severity }}.
{{ data.Description or '' }}

{% for entity in data.Entities -%}
- {{ entity.Type }}:{% for name, value in entity.items() if name != 'Type' %} {{ name }}={{ value }}{% endfor %}
{% endfor %}
{{ page }}
"""
_MOST_CHARACTERS = 100_000
_SECONDS = 30.0


class MailActionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To whom, and what it says: Jinja templates with title, severity, kind, subject, workspace, rule, page and data (the row).

    Of what was published a message says more than a template can, where none is given.
    """

    to: Annotated[list[str], Meta(description="Addresses.", min_length=1, max_length=50)]
    title: Annotated[str, Meta(description="Template of the subject line.", max_length=1000)] = _SUBJECT
    text: Annotated[str, Meta(description="Template of the message.", max_length=20_000)] = _BODY


def run(settings: MailActionSettings, run: AutomationRun, around: ActionContext) -> ActionOutcome:
    """Send; what the server refuses for good (5xx) is not tried again."""
    server = around.operator.mail
    if why := find_refusals(settings.to, server):
        raise ActionError(why[0], again=False)
    assert server is not None
    message = _build_message(settings, run, server, around)
    try:
        _send_message(message, server, around)
    except smtplib.SMTPResponseException as error:
        text = (
            error.smtp_error.decode("utf-8", "replace")
            if isinstance(error.smtp_error, bytes)
            else error.smtp_error
        )
        raise ActionError(
            f"{server.host} returned {error.smtp_code}: {text[:200]}", again=error.smtp_code < 500
        ) from error
    except smtplib.SMTPRecipientsRefused as error:
        codes = {code for code, _ in error.recipients.values()}
        raise ActionError(
            f"{server.host} rejected all recipients", again=any(code < 500 for code in codes)
        ) from error
    except (smtplib.SMTPException, OSError) as error:
        raise ActionError(f"{server.host}: {error}") from error
    return ActionOutcome(f"sent to {', '.join(settings.to)}")


def find_refusals(to: Sequence[str], server: MailServer | None) -> list[str]:
    """Explain why the operator's file lets nothing be sent to some addresses, a sentence each."""
    if server is None:
        return ["operator.yaml has no mail server (mail:)"]
    allowed = [one.lower() for one in server.recipients]
    return [
        f"recipient {one} is not allowed in operator.yaml"
        for one in to
        if allowed and not any(fnmatchcase(one.lower(), pattern) for pattern in allowed)
    ]


def _send_message(message: EmailMessage, server: MailServer, around: ActionContext) -> None:
    context = ssl.create_default_context(cafile=server.ca or None)
    # smtplib looks the name up without a deadline: it does so once it is known that it is answered
    with translate_connection_errors():
        look_up_addresses(server.host, server.port, _SECONDS)
    if server.security == "tls":
        client: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=_SECONDS, context=context)
    else:
        client = smtplib.SMTP(server.host, server.port, timeout=_SECONDS)
    with client:
        if server.security == "starttls":
            client.starttls(context=context)
        if server.user:
            client.login(server.user, around.secret(server.credential))
        client.send_message(message)


def _build_message(
    settings: MailActionSettings, run: AutomationRun, server: MailServer, around: ActionContext
) -> EmailMessage:
    plain = settings.title == _SUBJECT and settings.text == _BODY
    title, text = (write_mail(run, around.pages) if plain else None) or _fill_templates(settings, run, around)
    message = EmailMessage()
    # a header is one line: what alerts say of themselves must not begin another one
    message["Subject"] = " ".join(title.split())[:200]
    message["From"], message["To"] = server.sender, ", ".join(settings.to)
    message["Date"] = format_datetime(around.now)
    message["Message-ID"] = f"<{run.id}@nephoscope>"
    # what is said of one incident or alert stays together in a mailbox
    about = hashlib.blake2b(
        f"{run.workspace}\n{run.kind.partition('.')[0]}\n{run.subject}".encode(), digest_size=16
    )
    message["References"] = f"<{about.hexdigest()}@nephoscope>"
    message.set_content(text[:_MOST_CHARACTERS])
    return message


def _fill_templates(
    settings: MailActionSettings, run: AutomationRun, around: ActionContext
) -> tuple[str, str]:
    """The templates filled in."""
    data = run.document
    values = {
        "title": data.get("Title") or data.get("AlertName") or _get_document_name(data) or run.subject,
        "severity": data.get("Severity") or data.get("AlertSeverity") or _read_severity(data),
        "kind": run.kind, "subject": run.subject, "workspace": run.workspace, "rule": run.rule, "data": data,
        "page": _format_page_link(run, around.pages),
    }  # fmt: skip
    # texts go into plain text, never into HTML: nothing is to be escaped
    environment = SandboxedEnvironment(autoescape=False)
    try:
        return environment.from_string(settings.title).render(values), environment.from_string(
            settings.text
        ).render(values)
    except (TemplateError, TypeError, ValueError, OverflowError, MemoryError) as error:
        raise ActionError(f"the template cannot be rendered: {error}", again=False) from error


def _format_page_link(run: AutomationRun, pages: str) -> str:
    """Where the alert or the incident is looked at, '' where the server is not known."""
    folder = {"alert": "alerts", "incident": "incidents"}.get(run.kind.partition(".")[0])
    if not pages or not folder:
        return ""
    return f"{pages}/{folder}/{quote(run.subject, safe='')}?{urlencode({'workspace': run.workspace})}"


def _get_document_name(data: dict[str, Any]) -> str:
    """The name of a document that was published."""
    properties = data.get("properties") or {}
    return str(properties.get("displayName") or properties.get("description") or "")


def _read_severity(data: dict[str, Any]) -> str:
    properties = data.get("properties") or {}
    return str(
        (properties.get("metadata") or {}).get("severity")
        or (properties.get("status") or {}).get("severity")
        or ""
    )


KIND = ActionKind("mail", "Send an email", MailActionSettings, run=run, digest=True)
