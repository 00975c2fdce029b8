"""The doctor finds what was done to a data folder, and says what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from nephoscope.access.guard import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.instance import FAILED
from nephoscope.lake.state import State
from nephoscope.lake.state.principals import PrincipalKind
from nephoscope.serve.doctor import CHECKS, Verdict, examine
from nephoscope.serve.server import certified
from nephoscope.serve.settings import Settings


def verdicts(data, now=None):
    return {(one.check, one.verdict): one for one in examine(data, None, now)}


def audit_changed(data):
    with State.of(data) as state:
        Guard(state, lambda: Hierarchy({})).first_link()
        with state.transaction() as session:
            session.execute(text("UPDATE audit SET author = 'eve'"))


def program_owns_all(data):
    with State.of(data) as state, state.transaction() as session:
        program = state.principals.add(session, PrincipalKind.PROGRAM, "deploy")
        state.principals.grant(session, program.id, "Owner", "/", "test")


def assessment_failed(data):
    from nephoscope.posture.scan import Request, save_request

    save_request(Request(("azure:",)), data)
    with State.of(data) as state:
        state.checkpoints.put(*FAILED, "no credential")


def source_failed(data):
    with State.of(data) as state:
        state.source_health.failed("hub", "refused", datetime.now(UTC))


def open_keys(data):
    (data / "keys").mkdir(exist_ok=True)
    (data / "keys").chmod(0o755)


@pytest.mark.parametrize(
    ("spoil", "check", "verdict"),
    [
        (audit_changed, "audit", Verdict.WRONG),
        (program_owns_all, "people", Verdict.WARNING),
        (assessment_failed, "estate", Verdict.WRONG),
        (source_failed, "sources", Verdict.WRONG),
        (open_keys, "files", Verdict.WARNING),
    ],
)
def test_what_is_wrong_is_found(tmp_path, spoil, check, verdict):
    before = verdicts(tmp_path)
    assert (check, verdict) not in before
    spoil(tmp_path)
    found = verdicts(tmp_path)[check, verdict]
    assert found.remedy


def test_a_certificate_that_is_over(tmp_path):
    certified(Settings(tmp_path))
    assert ("certificate", Verdict.OK) in verdicts(tmp_path)
    late = datetime.now(UTC) + timedelta(days=4000)
    assert ("certificate", Verdict.WRONG) in verdicts(tmp_path, late)


def test_a_new_folder_is_well(tmp_path):
    assert not [one for one in examine(tmp_path, None) if one.verdict is Verdict.WRONG]
    assert len({check.__name__ for check in CHECKS}) == len(CHECKS)
