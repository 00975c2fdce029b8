"""Microsoft.PolicyInsights/policyEvents: how a resource came to stand under an assignment otherwise than in the evaluation before.

The first evaluation of all has no events: nothing changed. Events are carried from one published version to the next for 90 days.

Source: https://learn.microsoft.com/rest/api/policyinsights/policy-events (fields, retention)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from nephoscope.posture.published.document import PublishedDocument, build_arm_body
from nephoscope.posture.published.snapshot_files import read_document_rows
from nephoscope.posture.reports.resource_graph_tables import find_table
from nephoscope_policy.model.resource_id import with_tenant

TYPE = "Microsoft.PolicyInsights/policyEvents"
STATES = "microsoft.policyinsights/policystates"
KEPT = timedelta(days=90)


class PolicyEvents:
    """The events of one publishing: `watch` notes the states that changed as they pass, `documents` tells them after that.

    `before` are the files of each partition of the version before, empty where nothing was published yet.
    """

    def __init__(self, before: Mapping[str, Sequence[Path]], now: datetime) -> None:
        self._files = before.get(find_table(STATES), ())
        self._now = now
        rows = read_document_rows(self._files, STATES, ("_key", "tenantId", "_state"))
        self._known: dict[str, str] = {
            with_tenant(row["_key"], row["tenantId"]): row["_state"] for row in rows
        }
        self._new: list[PublishedDocument] = []

    def watch(
        self, several: Iterable[tuple[PublishedDocument, str]]
    ) -> Iterator[tuple[PublishedDocument, str]]:
        """Yield the same documents, as a stream."""
        for document, table in several:
            known = self._known.get(with_tenant(document.id.key, document.tenant))
            changed = bool(self._known) and known != document.state
            if changed and document.id.type == STATES:
                self._new.append(_read_event(document, self._now))
            yield document, table

    def documents(self) -> Iterator[tuple[PublishedDocument, str]]:
        """Yield those that changed now, and those of the last 90 days."""
        for document in (*self._new, *self._copy_previous_events()):
            yield document, find_table(document.id.type)

    def _copy_previous_events(self) -> Iterator[PublishedDocument]:
        for row in read_document_rows(self._files, TYPE.lower(), ("_body", "tenantId")):
            body = msgspec.json.decode(row["_body"])
            if datetime.fromisoformat(body["properties"]["timestamp"]) > self._now - KEPT:
                yield PublishedDocument.of(body, tenant=row["tenantId"])


def _read_event(document: PublishedDocument, now: datetime) -> PublishedDocument:
    """The event that a state came to be."""
    id_ = str(document.body["id"])
    scope = id_[: id_.lower().rindex("/providers/microsoft.policyinsights/")]
    identity = f"{document.id.key}\0{now.isoformat()}"
    name = hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()
    properties: dict[str, Any] = {
        **document.body["properties"], "tenantId": document.tenant, "principalOid": "",
    }  # fmt: skip
    body = build_arm_body(f"{scope}/providers/{TYPE}/{name}", TYPE, properties)
    return PublishedDocument.of(body, subject=document.subject, key=document.key, tenant=document.tenant)
