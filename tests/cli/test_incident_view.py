"""The terminal tells an actor of several names once, with what the estate knows of it by any of them."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

from tests.web.conftest import alert

from nephoscope.alerts.investigation.estate_context import EntityContext, EntityFact
from nephoscope.alerts.investigation.incident_details import CaseFile
from nephoscope.cli.session.incident_details import IncidentCase
from nephoscope.cli.terminal.console import console_of
from nephoscope.cli.views import incident as view
from nephoscope.state.incidents.incidents import Incident

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ID = "ae174391-f0c8-5ab7-a566-f6352ec22812"
NAMES = ({"Type": "account", "Name": ID}, {"Type": "cloudApplication", "AppId": ID, "Name": "pipeline-data"})


def told() -> str:
    alerts = []
    for at, name in enumerate(NAMES):
        one = alert(f"0b000000-0000-0000-0000-00000000000{at}", 1, f"Alert {at}")
        one.document["Entities"] = json.dumps([{"$id": "1", **name}])
        alerts.append(one)
    story = Incident("default", "A story", "", "High", NOON, NOON, NOON, NOON)
    file = CaseFile(story, tuple(alerts), (), (), (), ())
    contexts = [
        EntityContext(
            one.entity,
            "/providers/microsoft.graph/serviceprincipals/x",
            (EntityFact("roles", "Contributor"),),
        )
        if one.entity.kind == "CloudApplication"
        else EntityContext(one.entity, "", (EntityFact("account", "nobody is called so", known=False),))
        for one in file.participants
    ]
    out = io.StringIO()
    view._entities(console_of(out), IncidentCase(file, [], contexts))
    return out.getvalue()


def test_an_actor_is_told_once_with_what_is_known_of_it():
    shown = told()
    assert shown.count(ID) == 1
    assert "Account, CloudApplication pipeline-data" in shown
    assert "roles: Contributor" in shown
    assert "nobody is called so" not in shown
