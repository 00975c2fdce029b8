"""Operator policy: the actions that operator.yaml allows on this machine, which no rule can change.

`DATA/responses/operator.yaml`. Without it there is no mail, command, block or capture, and webhooks reach public addresses only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml
from msgspec import Meta

from nephoscope_policy.model.source_location import Place

FILE = Path("responses") / "operator.yaml"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: How to sign in for changes ('' = not at all).
SignIn = Literal["", "default", "service-principal", "managed-identity", "workload-identity", "environment"]


class WebhookPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`private`: networks that webhooks may reach though they are not public; `ca`: authorities to trust in place of the system's."""

    private: list[str] = []
    ca: str = ""


class MailServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The server that takes mail, how it is spoken to, and in whose name."""

    host: str
    sender: str
    port: Annotated[int, Meta(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls"] = "starttls"
    user: str = ""
    credential: str = ""
    ca: str = ""
    recipients: list[str] = []


class AllowedCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program that may be run: its absolute path with its arguments, how long it may take, how much it may say."""

    run: Annotated[list[str], Meta(min_length=1)]
    seconds: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    output: Annotated[int, Meta(ge=0, le=1 << 20)] = 65536


class BlockPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`management`: addresses and networks from which this estate is run; `never`: others that are never blocked."""

    management: Annotated[list[str], Meta(min_length=1)]
    never: list[str] = []
    most: Annotated[int, Meta(ge=1, le=1000)] = 50


class AccountPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`sign_in`: how Microsoft Graph is signed in to for changes ('' = steps are printed); `never`: accounts that are left alone."""

    sign_in: SignIn = ""
    cloud: str = "public"
    tenant: str = ""
    never: list[str] = []
    most: Annotated[int, Meta(ge=1, le=100)] = 5


class CapturePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`approval`: whether a person approves captures that rules plan; `never`: machines, by name or ID, that are left alone.

    `sign_in`: how Azure is signed in to for captures of Network Watcher ('' = none are started); `storage`: the account of files.
    """

    approval: bool = True
    never: list[str] = []
    most: Annotated[int, Meta(ge=1, le=100)] = 5
    sign_in: SignIn = ""
    cloud: str = "public"
    tenant: str = ""
    storage: str = ""


class AllowedFolder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A folder that records may be appended to in files, how large a file gets, and how many are kept."""

    folder: str
    megabytes: Annotated[int, Meta(ge=1, le=10_240)] = 64
    keep: Annotated[int, Meta(ge=1, le=100_000)] = 100


class EventHubPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`ca`: authorities to trust in place of the system's; `plain`: brokers (HOST:PORT) that are spoken to without TLS or sign-in.

    `hosts`: brokers (HOST:PORT) beside those of Azure's clouds to which messages may be sent.
    """

    ca: str = ""
    hosts: list[str] = []
    plain: list[str] = []


class OperatorPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Operator's policy for actions; `pages` is the URL of the server for links in messages, '' = the known one."""

    webhook: WebhookPolicy = WebhookPolicy()
    mail: MailServer | None = None
    commands: dict[str, AllowedCommand] = {}
    block: BlockPolicy | None = None
    accounts: AccountPolicy | None = None
    captures: CapturePolicy | None = None
    files: dict[str, AllowedFolder] = {}
    event_hub: EventHubPolicy = EventHubPolicy()
    pages: Annotated[str, Meta(pattern="^(https://.+)?$")] = ""


def load_operator_policy(data: Path) -> OperatorPolicy:
    """The operator's file of a data folder; ValueError with the file and the place where it is wrong."""
    path = data / FILE
    if not path.exists():
        return OperatorPolicy()
    try:
        document = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_LOADER)  # noqa: S506 - a safe loader
        return msgspec.convert(document or {}, OperatorPolicy)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = Place(str(path), mark.line + 1, mark.column + 1) if mark else path
        raise ValueError(f"{where}: invalid YAML: {error.problem}") from error
    except msgspec.ValidationError as error:
        raise ValueError(f"{path}: {error}") from error
    except (OSError, yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
