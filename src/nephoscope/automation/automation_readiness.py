"""Automation readiness: actions and scopes that are missing or not allowed, so that runs would fail."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from duckdb import ColumnExpression, ConstantExpression, FunctionExpression

from nephoscope.automation.actions.mail import find_refusals
from nephoscope.automation.operator_policy import FILE, CapturePolicy, OperatorPolicy
from nephoscope.files.json_tree import list_texts
from nephoscope.model.read_scope import EVERYTHING

if TYPE_CHECKING:
    from nephoscope.automation.rule import AutomationRule
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot
    from nephoscope.state import State

_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SCOPE = re.compile(rf"/?|/subscriptions/{_GUID}(?:/resourcegroups/[^/]+(?:/providers/.+)?)?")


@dataclass(frozen=True, slots=True)
class Readiness:
    """Readiness of this machine to run automations; `secrets` are the names of stored credentials."""

    data: Path
    state: State
    operator: OperatorPolicy
    secrets: Collection[str]
    snapshot: PublishedSnapshot | None

    def list_missing_requirements(self, one: AutomationRule) -> list[str]:
        """Return what is missing and what to do about it, a sentence each."""
        found = [why for scope in one.scope.scopes for why in self._check_scope(scope)]
        return found + [why for action in one.actions for why in self._check_action(action)]

    def _check_scope(self, scope: str) -> Iterator[str]:
        if not _SCOPE.fullmatch(scope):
            yield (
                f"the scope {scope} is invalid: use /subscriptions/ID or "
                "/subscriptions/ID/resourceGroups/NAME"
            )
        elif self.snapshot is not None and scope.strip("/") and not self._has_documents(self.snapshot, scope):
            yield f"the scope {scope} has no assessed resource: nothing is sent until it has one"

    def _has_documents(self, snapshot: PublishedSnapshot, scope: str) -> bool:
        key = ColumnExpression("key")
        below = FunctionExpression("starts_with", key, ConstantExpression(f"{scope}/"))
        rows = snapshot.listing.documents.rows(EVERYTHING)
        return bool(rows.filter((key == ConstantExpression(scope)) | below).limit(1).fetchall())

    def _check_action(self, action: Mapping[str, object]) -> Iterator[str]:
        kind, name = str(action["action"]), str(action.get("name") or "")
        file = self.data / FILE
        if kind == "table" and self.state.workspaces.find(str(action["workspace"])) is None:
            place = action["workspace"]
            yield f"workspace {place!r} not found: create it with nephoscope workspaces add {place}"
        elif kind == "files" and name not in self.operator.files:
            yield f"files {name!r} not found: add the folder under `files` in {file}"
        elif kind == "command" and name not in self.operator.commands:
            yield f"command {name!r} not found: add the program under `commands` in {file}"
        elif kind == "capture":
            yield from _check_captures(self.operator.captures, file)
        elif kind == "mail":
            yield from (
                f"{why} ({file})" for why in find_refusals(list_texts(action, "to"), self.operator.mail)
            )
        elif kind in ("webhook", "event_hub"):
            yield from self._check_secrets(action)

    def _check_secrets(self, action: Mapping[str, object]) -> Iterator[str]:
        signs = str(action.get("secret") or "")
        if signs and f"response.{signs}" not in self.secrets:
            yield f"secret {signs!r} not found: store it with nephoscope response secret {signs}"
        for name in (str(action.get("address") or ""), str(action.get("connection") or "")):
            if name and name not in self.secrets:
                yield "the target address is not stored: save the automation again with the address"


def _check_captures(allowed: CapturePolicy | None, file: Path) -> Iterator[str]:
    if allowed is None:
        yield f"captures are not allowed: add `captures` in {file}"
    elif allowed.sign_in and not allowed.storage:
        yield f"captures of Network Watcher need a storage account: add `captures.storage` in {file}"
