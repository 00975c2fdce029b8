"""Checks of passwords and exported hashes: who is leaked becomes risky, and no file has a password or a hash afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from nephoscope.cli.main import cli as command
from nephoscope.identity.leaked.hash_index import HashListError
from nephoscope.identity.leaked.password_hashes import hash_ntlm, hash_sha1
from nephoscope.model.identity_risk import IdentityKind, RiskLevel
from nephoscope.operations.declaration.operation import OperationCall
from nephoscope.operations.declaration.schemas import InWorkspace
from nephoscope.operations.identity.leaked_credentials import list_accounts, list_hash_lists
from nephoscope.service import leaked_credentials as service
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
PASSWORD, OTHER = "hunter2-of-the-test", "not in any list of the test"


@pytest.fixture
def context(state, lake, tmp_path_factory):
    found = ServiceContext(LocalUser.current(), state, lake.data, lambda: NOW)
    source = tmp_path_factory.mktemp("lists")
    for name, make in (("sha1", hash_sha1), ("ntlm", hash_ntlm)):
        (source / name).write_text(f"{make(PASSWORD).hex()}:12\n", "utf-8")
        service.import_hash_list(found, source / name, name)
    return found


def test_a_password_and_its_hash_are_counted(context):
    assert (service.count_password(context, PASSWORD), service.count_password(context, OTHER)) == (12, 0)
    assert service.count_hash(context, "ntlm", hash_ntlm(PASSWORD)) == 12
    with pytest.raises(HashListError, match="32 hexadecimal digits"):
        service.count_hash(context, "ntlm", hash_sha1(PASSWORD))
    entry = context.state.audit.entries()[0]
    assert (entry.operation, dict(entry.detail)) == (service.CHECK, {"checked": 1, "leaked": 1})


def test_without_a_list_nothing_is_called_safe(state, lake):
    bare = ServiceContext(LocalUser.current(), state, lake.data)
    with pytest.raises(HashListError, match="no list of leaked hashes"):
        service.count_password(bare, PASSWORD)
    with pytest.raises(HashListError, match="no list of leaked ntlm hashes"):
        service.check_hashes(bare, lake, "ntlm", {"kim": hash_ntlm(PASSWORD)})


def test_exported_hashes_make_users_risky_by_their_object_id(context, lake, put):
    row = {
        "TimeGenerated": NOW,
        "AccountObjectId": "id-kim",
        "AccountUPN": "kim@contoso.com",
        "AccountName": "kim",
        "AccountDisplayName": "Kim",
    }
    put("IdentityInfo", [row], NOW)
    leaked, other = hash_ntlm(PASSWORD).hex(), hash_ntlm(OTHER).hex()
    text = f"CONTOSO\\\\x:{other}\nKim@contoso.com:{leaked}\n\nlee@contoso.com:{leaked}"
    hashes = service.read_hashes(text, "ntlm")
    assert service.check_hashes(context, lake, "ntlm", hashes) == ["Kim@contoso.com", "lee@contoso.com"]
    risky = {
        one.id: one for one in context.state.identity_risks.list_identities("default", IdentityKind.USER)
    }
    assert {key: one.level for key, one in risky.items()} == {
        "id-kim": RiskLevel.HIGH,
        "lee@contoso.com": RiskLevel.HIGH,
    }
    assert risky["id-kim"].display_name == "Kim"
    (one,) = context.state.identity_risks.detections_of("default", IdentityKind.USER, ["id-kim"])
    assert (one.event_type, bool(one.reasons)) == ("leakedCredentials", True)
    service.check_hashes(context, lake, "ntlm", hashes)
    assert len(context.state.identity_risks.list_detections("default", IdentityKind.USER)) == 2, "once a day"


@pytest.mark.parametrize("line", ["kim", "kim:", f":{'0' * 32}", f"kim:{'0' * 31}", f"kim:{'g' * 32}"])
def test_a_line_that_is_none_is_named(line):
    with pytest.raises(HashListError, match="line 2"):
        service.read_hashes(f"ann:{'0' * 32}\n{line}", "ntlm")


def test_accounts_that_were_found_are_listed_once_with_their_evidence(context, lake, put, tmp_path):
    row = {
        "TimeGenerated": NOW,
        "AccountObjectId": "id-kim",
        "AccountUPN": "kim@contoso.com",
        "AccountDisplayName": "Kim",
    }
    put("IdentityInfo", [row], NOW)
    assert service.list_leaked_accounts(context, lake) == []
    hashes = {name: hash_sha1(PASSWORD) for name in ("kim@contoso.com", "lee")}
    service.check_hashes(context, lake, "sha1", hashes)
    (tmp_path / "pairs").write_text(f"kim@contoso.com:{PASSWORD}\n", "utf-8")
    service.import_leaked_pairs(context, tmp_path / "pairs")
    later = ServiceContext(context.actor, context.state, context.data, lambda: NOW + timedelta(days=1))
    service.check_hashes(later, lake, "sha1", {"kim@contoso.com": hash_sha1(PASSWORD)})
    listed = list_accounts(OperationCall(later, lambda: None, lake), InWorkspace()).value
    assert [(one.name, one.evidence, one.state, one.checks) for one in listed] == [
        ("kim@contoso.com", "namePassword", "atRisk", 2), ("", "password", "atRisk", 1),
    ]  # fmt: skip
    assert (listed[0].first, listed[0].last) == (NOW, later.now)
    lists = list_hash_lists(OperationCall(later, lambda: None)).value
    assert [(one.algorithm, one.entries, one.keys) for one in lists] == [
        ("sha1", 1, 0),
        ("ntlm", 1, 0),
        ("pairs", 2, 1),
    ]
    assert PASSWORD not in repr((listed, lists))


def test_nothing_of_what_is_checked_is_in_the_data_folder(context, lake):
    service.count_password(context, PASSWORD)
    service.check_hashes(context, lake, "ntlm", {"kim@contoso.com": hash_ntlm(PASSWORD)})
    lake.flush()
    marks = [PASSWORD.encode(), PASSWORD.encode("utf-16-le")]
    for digest in (hash_sha1(PASSWORD), hash_ntlm(PASSWORD)):
        marks += [digest, digest.hex().encode(), digest.hex().upper().encode()]
    files = [one for one in context.data.rglob("*") if one.is_file()]
    assert len(files) > 4
    for file in files:
        assert not any(mark in file.read_bytes() for mark in marks), file


def test_the_command(tmp_path):
    source = tmp_path / "list.txt"
    source.write_text(f"{hash_sha1(PASSWORD).hex()}:12\n", "utf-8")

    def run(*arguments, given=""):
        found = CliRunner().invoke(
            command, ["--data", str(tmp_path / "data"), "identity", "leaked", *arguments], input=given
        )
        return found.exit_code, found.output

    assert run("check", given=f"{PASSWORD}\n")[0] == 2
    assert "imported 1 sha1" in run("import", str(source))[1]
    assert "list.txt" in run("list")[1]
    assert run("check", given=f"{PASSWORD}\n") == (1, "seen 12 times in leaks\n")
    assert run("check", given=f"{OTHER}\n") == (0, "not found in leaks\n")
    told = run("check", "--hashes", "-", given=f"kim@contoso.com:{hash_sha1(PASSWORD).hex()}\n")
    assert told == (1, "kim@contoso.com\n1 of 1 passwords are leaked\n")
