"""Backup policy: settings and permissions in a backup that a user must accept before a restore.

Nothing of it is used, it is only read, as this nephoscope would. What cannot be read is named too.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from nephoscope.automation.operator_policy import FILE, OperatorPolicy, load_operator_policy
from nephoscope.automation.rule_formats.response_rules import FOLDER, load_response_rules
from nephoscope.lake.backup.backup_archive import BackupError
from nephoscope.lake.backup.restore_review import STATE
from nephoscope.posture.scans.scan import FACTS, SAMPLE, read_last_scan_request
from nephoscope.serve.restore_item import PolicyItem, RestoreEffect
from nephoscope.serve.state_policy import describe_settings, list_state_policy, restore_effect
from nephoscope.state import State
from nephoscope.state.access.key_file import KeyFile
from nephoscope.state.database.database import Database
from nephoscope.state.database.migration import migrate_database
from nephoscope_policy.documents import ContentError

_READ_AS_RULES = (".yaml", ".yml")
#: Folders of stored functions and of imported content, and how many files of one are named.
_CONTENT, _MOST_NAMED = ("content", "functions"), 10


def list_policy(folder: Path, names: Iterable[str]) -> list[PolicyItem]:
    """Return what an unpacked backup decides, the worst first; BackupError for a state that cannot be read.

    `names` are those of all its files, relative to the data folder: of content a look at the names is enough.
    """
    found = [
        *_list_operator_items(folder),
        *_list_rule_items(folder),
        *_list_file_items(folder),
        *_list_request_items(folder),
        *_list_state_items(folder),
        *_list_content_items(names),
    ]
    order = list(RestoreEffect)
    return sorted(found, key=lambda one: order.index(one.effect))


def _list_operator_items(folder: Path) -> Iterator[PolicyItem]:
    try:
        allowed = load_operator_policy(folder)
    except ValueError as error:
        yield PolicyItem(RestoreEffect.RUNS, str(FILE), f"cannot be read: {_strip_folder(folder, error)}")
        return
    for name, one in allowed.commands.items():
        yield PolicyItem(RestoreEffect.RUNS, f"command {name}", f"can run: {shlex.join(one.run)}")
    yield from _list_destination_items(allowed)
    for name, kept in allowed.files.items():
        yield PolicyItem(RestoreEffect.REACHES, f"files {name}", f"can append to files in {kept.folder}")
    if allowed.block is not None:
        never = ", ".join([*allowed.block.management, *allowed.block.never])
        yield PolicyItem(
            RestoreEffect.LOWERS, "block", f"blocks at most {allowed.block.most} addresses, and never {never}"
        )
    if allowed.accounts is not None and allowed.accounts.sign_in:
        spared = ", ".join(allowed.accounts.never) or "nobody"
        description = (
            f"changes at most {allowed.accounts.most} accounts through Microsoft Graph, and never {spared}"
        )
        yield PolicyItem(RestoreEffect.LOWERS, "accounts", description)


def _list_destination_items(allowed: OperatorPolicy) -> Iterator[PolicyItem]:
    if allowed.mail is not None:
        mail = allowed.mail
        to = ", ".join(mail.recipients) or "anybody"
        description = f"can send mail to {to} by {mail.host}:{mail.port} as {mail.sender}"
        yield PolicyItem(RestoreEffect.SENDS, "mail", description)
    for name, places, description in (
        ("webhooks", allowed.webhook.private, "can post to private addresses"),
        ("event hubs", allowed.event_hub.hosts, "can send to brokers"),
        ("event hubs", allowed.event_hub.plain, "can send without TLS to brokers"),
        ("messages", [allowed.pages] if allowed.pages else [], "is the address of this server's pages"),
    ):
        if places:
            yield PolicyItem(RestoreEffect.SENDS, name, f"{description}: {', '.join(places)}")
    for name, authority in (
        ("webhooks", allowed.webhook.ca),
        ("event hubs", allowed.event_hub.ca),
        ("mail", allowed.mail.ca if allowed.mail else ""),
    ):
        if authority:
            yield PolicyItem(RestoreEffect.SENDS, name, f"trusts the authorities of {authority}")


def _list_rule_items(folder: Path) -> Iterator[PolicyItem]:
    found, wrong = load_response_rules(folder)
    for rule in found:
        state = "" if rule.enabled else " (off)"
        for action in rule.actions:
            does = (
                f"runs when {', '.join(one.name for one in rule.kinds)}{state}: {describe_settings(action)}"
            )
            yield PolicyItem(restore_effect(str(action.get("action"))), f"response rule {rule.title}", does)
    for error in wrong:
        yield PolicyItem(
            RestoreEffect.RUNS, "response rule", f"cannot be read: {_strip_folder(folder, error)}"
        )


def _list_file_items(folder: Path) -> Iterator[PolicyItem]:
    for path in sorted((folder / "tls").rglob("*")):
        if path.is_file():
            description = (
                "is a certificate or key of the server or its authority: anyone who has it can "
                "impersonate the server"
            )
            yield PolicyItem(RestoreEffect.IDENTIFIES, str(path.relative_to(folder)), description)
    for path in sorted((folder / "responses").rglob("*")):
        known = path == folder / FILE or (path.parent == folder / FOLDER and path.suffix in _READ_AS_RULES)
        if path.is_file() and not known:
            description = "is not a file that this nephoscope reads"
            yield PolicyItem(RestoreEffect.RUNS, str(path.relative_to(folder)), description)


def _list_request_items(folder: Path) -> Iterator[PolicyItem]:
    """Yield what the server would assess: files of this machine are read, and decisions waive."""
    try:
        request = read_last_scan_request(folder)
    except ContentError as error:
        yield PolicyItem(
            RestoreEffect.REACHES,
            "request of the assessments",
            f"cannot be read: {_strip_folder(folder, error)}",
        )
        return
    if request is None:
        return
    read = [one for one in (*request.targets, *request.policies) if one not in (SAMPLE, FACTS)]
    if read:
        yield PolicyItem(RestoreEffect.REACHES, "request of the assessments", f"reads {', '.join(read)}")
    if request.decisions:
        description = f"takes exemptions and attestations from {', '.join(request.decisions)}"
        yield PolicyItem(RestoreEffect.LOWERS, "request of the assessments", description)


def _list_content_items(names: Iterable[str]) -> Iterator[PolicyItem]:
    """Stored functions and imported content, by their folder: what a function lets through is all that rules which call it see."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name in map(PurePosixPath, names):
        if name.parts[0] in _CONTENT and len(name.parts) > 1:
            found[str(name.parent)].append(name.stem)
    for folder, several in sorted(found.items()):
        listed = ", ".join(sorted(several)[:_MOST_NAMED])
        more = f" and {len(several) - _MOST_NAMED} more" if len(several) > _MOST_NAMED else ""
        description = f"controls the results of queries, rules and policies: {listed}{more}"
        yield PolicyItem(RestoreEffect.LOWERS, folder, description)


def _list_state_items(folder: Path) -> list[PolicyItem]:
    if not (folder / STATE).exists():
        return []
    database = Database.open_file(folder / STATE)
    try:
        migrate_database(database)
        return list(list_state_policy(State(database, KeyFile(folder / "keys"))))
    except (SQLAlchemyError, msgspec.MsgspecError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BackupError(f"{STATE} in the backup cannot be read: {type(error).__name__}") from error
    finally:
        database.close()


def _strip_folder(folder: Path, error: object) -> str:
    """A message without the folder that the backup was unpacked into."""
    return str(error).replace(f"{folder}/", "")
