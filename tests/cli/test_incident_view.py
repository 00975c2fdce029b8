"""The terminal tells an actor of several names once, with what the estate knows of it by any of them."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

from tests.web.conftest import alert

from nephoscope.alerts.investigation.estate_context import EntityContext, EntityFact
from nephoscope.alerts.investigation.incident_details import CaseFile
from nephoscope.alerts.investigation.prevalence import Prevalence
from nephoscope.alerts.investigation.process_tree import ProcessActivity, ProcessNode, ProcessTree
from nephoscope.cli.session.incident_details import IncidentCase
from nephoscope.cli.terminal.console import create_console
from nephoscope.cli.views import incident as view
from nephoscope.cli.views.process_tree import show_prevalence, show_process_trees
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
    view._print_entities(create_console(out), IncidentCase(file, [], contexts))
    return out.getvalue()


def test_an_actor_is_told_once_with_what_is_known_of_it():
    shown = told()
    assert shown.count(ID) == 1
    assert "Account, CloudApplication pipeline-data" in shown
    assert "roles: Contributor" in shown
    assert "nobody is called so" not in shown


def test_process_trees_and_prevalence_are_printed():
    story = Incident("default", "A story", "", "High", NOON, NOON, NOON, NOON)
    several = tuple(alert(f"0b00000{at}", 1, f"Alert {at}") for at in range(2))
    done = ProcessActivity("web1", NOON, 7, "file", "Created C:\\[a].txt")
    node = ProcessNode("web1", 7, "cmd.exe", NOON, "cmd /c [x]", "kim", True, (done,), 3)
    trees = {
        "0b000000": ProcessTree((ProcessNode("web1", 4, "word.exe", children=(node,)),), 2),
        "0b000001": ProcessTree(error="the alert names no machine"),
    }
    seen = [
        Prevalence("user", "kim", NOON, NOON, 1, 5),
        Prevalence("file", "ab"),
        Prevalence("domain", "x", error="no"),
    ]
    out = io.StringIO()
    case = IncidentCase(CaseFile(story, several, (), (), (), ()), trees=trees, prevalence=seen)
    show_process_trees(create_console(out), case)
    show_prevalence(create_console(out), seen)
    shown = out.getvalue()
    assert "word.exe (4)  unknown: its start is in no log" in shown
    assert "cmd.exe (7)  kim" in shown
    assert "file: Created C:\\[a].txt" in shown
    assert "cmd /c [x]" in shown
    assert "and 2 more processes" in shown
    assert "unknown: the alert names no machine" in shown
    assert "1 machine, 5 events" in shown
    assert "file ab: not seen" in shown
    assert "domain x: unknown: no" in shown
    assert [one["firstSeen"] for one in map(Prevalence.document, seen)] == [NOON.isoformat(), None, None]
