"""Adaptive application control: learn groups and rules from executions, accept them, and find what else runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.protect.jit.access_scene import Person

from nephoscope.access.authenticator import DeniedError
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.protect.applications.application_rule import ApplicationRuleKind, propose_rules
from nephoscope.protect.applications.group_document import read_properties
from nephoscope.protect.applications.learned_group import TYPE
from nephoscope.protect.applications.machine_groups import MachineGroup, cluster_machines
from nephoscope.protect.applications.program_sighting import ProgramSighting
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.service.application_control import (
    LOGS,
    READ,
    WRITE,
    ApplicationControlError,
    accept_group,
    find_accepted_policy,
    find_group,
    find_violations,
    learn_groups,
    list_groups,
)
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import NotFoundError, State

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ROOT = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg/providers"
RIGHTS = {"owner": {READ, WRITE, LOGS}, "reader": {READ, LOGS}}


def machine(name: str) -> str:
    return f"{ROOT}/Microsoft.HybridCompute/machines/{name}"


def execution(name: str, path: str, age: float, digest: str = "", **more: object) -> dict[str, object]:
    return {
        "TimeGenerated": NOW - timedelta(days=age), "DeviceName": name, "ActionType": "ProcessCreated", "FolderPath": path,
        "SHA256": digest.upper(), "AccountName": "ada", "ProcessCommandLine": path, "_ResourceId": machine(name), **more,
    }  # fmt: skip


def rows() -> Iterator[dict[str, object]]:
    """Two web servers and a database server of 20 days, a tool of one of them, and a program of a user's folder."""
    for age in range(1, 21):
        for web in ("web1", "web2"):
            for path in ("/usr/sbin/nginx", "/usr/bin/python3.13", "/usr/bin/cat", "/usr/bin/ls"):
                yield execution(
                    web, path, age, "a" * 64, AdditionalFields={"package": path.rpartition("/")[2]}
                )
            yield execution(web, "/srv/app/worker", age, "b" * 64)
        for path in ("/usr/lib/postgresql/17/bin/postgres", "/usr/bin/pg_dump", "/usr/bin/vacuumdb"):
            yield execution("db1", path, age, "c" * 64)
    yield execution("web1", "/home/ada/tool", 2, "d" * 64)


class Scene:
    """A state and a lake with the executions."""

    def __init__(self, state: State, lake: Any, folder: Path) -> None:
        self.state, self.lake, self.folder, self.sequence = state, lake, folder, 0

    def acts(self, name: str) -> ServiceContext:
        person = Person(name)
        person.is_permitted = lambda operation, scope="/": operation in RIGHTS[name]  # type: ignore[method-assign]
        return ServiceContext(person, self.state, self.folder, lambda: NOW)

    def append(self, table: str, *found: dict[str, object]) -> None:
        self.sequence += 1
        made = to_arrow_rows(
            self.lake.tables[table], found, workspace=self.state.workspaces.get("default"), now=NOW
        ).table
        self.lake.writer().append("default", {table: made}, producer="test", sequence=self.sequence)
        self.lake.flush()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    data = tmp_path / "data"
    with State.open_folder(data, "") as state, open_lake_with_estate(data, state) as lake:
        found = Scene(state, lake, data)
        found.append("DeviceProcessEvents", *rows())
        yield found


def test_similar_machines_are_a_group_with_shares_and_days(scene: Scene) -> None:
    groups = learn_groups(scene.acts("owner"), scene.lake)
    assert [[one.rpartition("/")[2] for one in group.machines] for group in groups] == [
        ["web1", "web2"],
        ["db1"],
    ]
    web = groups[0]
    assert (web.name, web.days, web.is_ready) == ("LINUXGROUP1", 20, True)
    found = {
        one.rule.path: (one.rule.kind, one.share, one.days, one.is_recommended, one.package)
        for one in web.rules
    }
    assert found == {
        "/usr/sbin/nginx": (ApplicationRuleKind.PATH, 1.0, 20, True, "nginx"),
        "/usr/bin/python3.13": (ApplicationRuleKind.PATH, 1.0, 20, True, "python3.13"),
        "/usr/bin/cat": (ApplicationRuleKind.PATH, 1.0, 20, True, "cat"),
        "/usr/bin/ls": (ApplicationRuleKind.PATH, 1.0, 20, True, "ls"),
        "/srv/app/worker": (ApplicationRuleKind.HASH, 1.0, 20, True, ""),
        "/home/ada/tool": (ApplicationRuleKind.HASH, 0.5, 1, False, ""),
    }


def test_accepting_a_group_is_audited_and_finds_what_else_runs(scene: Scene) -> None:
    learn_groups(scene.acts("owner"), scene.lake)
    accept_group(scene.acts("owner"), scene.lake, "linuxgroup1")
    accepted = find_accepted_policy(scene.acts("reader"), find_group(scene.acts("reader"), "LINUXGROUP1").id)
    assert accepted is not None
    assert (accepted.enforcement_mode, accepted.machines) == (
        "Audit",
        [machine("web1").lower(), machine("web2").lower()],
    )
    entries = scene.state.audit.list_entries_about(
        find_group(scene.acts("reader"), "LINUXGROUP1").id, NOW - timedelta(days=9000)
    )
    assert [(one.operation, one.detail["mode"], one.detail["rules"]) for one in entries] == [
        (WRITE, "Audit", 5)
    ]
    hour = 1 / 24
    scene.append(
        "DeviceProcessEvents",
        execution("web1", "/usr/sbin/nginx", hour, "e" * 64),  # by path: an update has another hash
        execution("web2", "/tmp/copied/worker", hour, "b" * 64),  # by hash: a copy is the same program
        execution("web1", "/srv/app/worker", hour, "f" * 64),  # another program at the path of one
        execution("web2", "/tmp/ls", hour, "a" * 64),  # a copy of a program that is allowed by path
        execution("db1", "/tmp/anything", hour),  # nothing is accepted for its group
    )
    found = find_violations(scene.acts("owner"), scene.lake)
    assert {(one.machine.rpartition("/")[2], one.path, one.mode) for one in found} == {
        ("web1", "/srv/app/worker", "Audit"), ("web2", "/tmp/ls", "Audit"),
    }  # fmt: skip
    assert [len(one.violations) for one in list_groups(scene.acts("reader"))] == [2, 0]


@pytest.mark.full
def test_chosen_paths_change_what_is_accepted(scene: Scene) -> None:
    learn_groups(scene.acts("owner"), scene.lake)
    accept_group(
        scene.acts("owner"),
        scene.lake,
        "LINUXGROUP1",
        "Enforce",
        allow=["/home/ada/tool"],
        refuse=["/usr/bin/ls"],
    )
    accepted = find_accepted_policy(scene.acts("reader"), find_group(scene.acts("reader"), "LINUXGROUP1").id)
    assert accepted is not None
    assert accepted.enforcement_mode == "Enforce"
    assert {one.path for one in accepted.rules} == {
        "/usr/sbin/nginx", "/usr/bin/python3.13", "/usr/bin/cat", "/srv/app/worker", "/home/ada/tool",
    }  # fmt: skip
    with pytest.raises(ApplicationControlError, match="has no rule for /bin/none"):
        accept_group(scene.acts("owner"), scene.lake, "LINUXGROUP1", allow=["/bin/none"])


def test_a_rule_by_product_needs_its_signer_and_product(scene: Scene) -> None:
    signed = {
        "TimeGenerated": NOW,
        "SHA1": "CD" * 20,
        "IsSigned": True,
        "IsTrusted": True,
        "Signer": "Contoso Ltd",
    }
    scene.append("DeviceFileCertificateInfo", signed)
    products = {
        "backup": ("CD", "contoso BACKUP"),
        "other": ("CD", "Remote"),
        "blank": ("CD", ""),
        "unsigned": ("EF", "Contoso Backup"),
    }
    for name, (digest, product) in products.items():
        more = {"SHA1": digest * 20, "ProcessVersionInfoProductName": product}
        scene.append("DeviceProcessEvents", execution("win1", f"C:\\{name}.exe", 0.1, **more))
    info = {"publisherName": "CN=CONTOSO LTD, C=GB", "productName": "Contoso Backup"}
    document = {"properties": {
        "vmRecommendations": [{"resourceId": machine("win1")}],
        "pathRecommendations": [{"type": "ProductSignature", "publisherInfo": info}],
    }}  # fmt: skip
    context, key = scene.acts("owner"), f"/subscriptions/{ROOT.split('/')[2]}/providers/{TYPE}/g".lower()
    with context.state.database.write() as session:
        context.state.arm_documents.put(session, key, TYPE.lower(), document, context.author)
    found = find_violations(context, scene.lake)
    assert {(one.path, one.publisher, one.product, one.reason) for one in found} == {
        ("C:\\other.exe", "Contoso Ltd", "Remote", ""),
        ("C:\\blank.exe", "Contoso Ltd", "", "no product recorded"),
        ("C:\\unsigned.exe", "", "Contoso Backup", "no trusted signer recorded"),
    }


@pytest.mark.full
def test_a_policy_of_mode_none_finds_nothing(scene: Scene) -> None:
    learn_groups(scene.acts("owner"), scene.lake)
    scene.append("DeviceProcessEvents", execution("web1", "/tmp/x", 0.1))
    found = []
    for mode in ("Audit", "None"):
        accept_group(scene.acts("owner"), scene.lake, "LINUXGROUP1", mode)
        found.append([one.path for one in find_violations(scene.acts("owner"), scene.lake)])
    assert found == [["/tmp/x"], []]


def test_without_the_right_nothing_is_learned_or_accepted(scene: Scene) -> None:
    with pytest.raises(DeniedError):
        learn_groups(scene.acts("reader"), scene.lake)
    learn_groups(scene.acts("owner"), scene.lake)
    with pytest.raises(DeniedError):
        accept_group(scene.acts("reader"), scene.lake, "LINUXGROUP1")
    assert (
        find_accepted_policy(scene.acts("reader"), find_group(scene.acts("reader"), "LINUXGROUP1").id) is None
    )
    with pytest.raises(NotFoundError):
        find_group(scene.acts("owner"), "LINUXGROUP9")


@pytest.mark.full
def test_a_group_keeps_its_name_when_machines_come_and_go(scene: Scene) -> None:
    learn_groups(scene.acts("owner"), scene.lake)
    before = {one.name: one.machines for one in list_groups(scene.acts("owner"))}
    for name in ("db2", "db3"):
        scene.append(
            "DeviceProcessEvents",
            *(execution(name, f"/usr/bin/{tool}", 1, "c" * 64) for tool in ("pg_dump", "vacuumdb", "psql")),
        )
    learn_groups(scene.acts("owner"), scene.lake)
    after = {one.name: one.machines for one in list_groups(scene.acts("owner"))}
    assert after["LINUXGROUP1"] == before["LINUXGROUP1"]
    assert {*after["LINUXGROUP2"]} > {*before["LINUXGROUP2"]}


#: Table -> a row that is an execution of C:\\Tools\\a.exe or /opt/a, and what is read of it.
SOURCES: dict[str, tuple[dict[str, object], tuple[str, str, str]]] = {
    "SecurityEvent": (
        {"EventID": 4688, "Computer": "win1", "NewProcessName": "C:\\Tools\\a.exe"}, ("Windows", "C:\\Tools\\a.exe", ""),
    ),
    "LinuxAuditLog": (
        {"RecordType": "SYSCALL", "syscall": "execve", "success": "yes", "exe": "/opt/a"}, ("Linux", "/opt/a", ""),
    ),
    "DeviceProcessEvents": (
        {"ActionType": "ProcessCreated", "FolderPath": "C:\\Tools\\b.exe", "SHA256": "AB" * 32, "SHA1": "CD" * 20},
        ("Windows", "C:\\Tools\\b.exe", "ab" * 32),
    ),
}  # fmt: skip


@pytest.mark.full
def test_every_table_of_executions_is_learned_from(scene: Scene) -> None:
    for table, (row, _) in SOURCES.items():
        scene.append(table, {"TimeGenerated": NOW, "_ResourceId": machine(f"of-{table}"), **row})
    signed = {
        "TimeGenerated": NOW,
        "SHA1": "CD" * 20,
        "IsSigned": True,
        "IsTrusted": True,
        "Signer": "Contoso Ltd",
    }
    scene.append("DeviceFileCertificateInfo", signed)
    (found,) = scene.lake.query("_ExecutedPrograms | where _ResourceId has 'of-'")
    rows = {row["_ResourceId"].rpartition("-")[2]: row for row in found.table.to_pylist()}
    told = {table: (row["System"], row["Path"], row["Hash"]) for table, row in rows.items()}
    assert told == {table.lower(): wanted for table, (_, wanted) in SOURCES.items()}
    assert {table: row["Publisher"] for table, row in rows.items() if row["Publisher"]} == {
        "deviceprocessevents": "Contoso Ltd"
    }


def sighting(
    name: str, path: str, digest: str = "", publisher: str = "", *, system: str = "Linux"
) -> ProgramSighting:
    return ProgramSighting(machine(name), system, path, digest, publisher, "", frozenset(range(1, 21)))


#: What was seen of one program -> the rule that is proposed for it, and whether it is recommended.
CHOICES: dict[str, tuple[list[ProgramSighting], tuple[ApplicationRuleKind, str, bool]]] = {
    "a packaged program": ([sighting("a", "/usr/bin/x", "1")], (ApplicationRuleKind.PATH, "/usr/bin/x", True)),
    "a program that users can replace": ([sighting("a", "/home/u/x", "1")], (ApplicationRuleKind.HASH, "1", True)),
    "no hash and replaceable": ([sighting("a", "/home/u/x")], (ApplicationRuleKind.PATH, "/home/u/x", False)),
    "too many versions": ([sighting("a", "/srv/x", str(one)) for one in range(4)], (ApplicationRuleKind.PATH, "/srv/x", False)),
    "signed": (
        [sighting("a", "C:\\Users\\u\\x.exe", "1", "Contoso", system="Windows")], (ApplicationRuleKind.PUBLISHER, "Contoso", True),
    ),
    "signed at times": (
        [sighting("a", "C:\\Program Files\\x.exe", one, one and "Contoso", system="Windows") for one in ("1", "")],
        (ApplicationRuleKind.PATH, "C:\\Program Files\\x.exe", True),
    ),
    "a writable folder of Windows": (
        [sighting("a", "C:\\Windows\\Temp\\x.exe", "1", system="Windows")], (ApplicationRuleKind.HASH, "1", True),
    ),
}  # fmt: skip


def test_the_rule_for_a_program_is_one_that_others_cannot_use() -> None:
    found = {}
    for name, (seen, _) in CHOICES.items():
        (rule,) = propose_rules(MachineGroup("s", seen[0].system, (machine("a"),), tuple(seen)))
        found[name] = (rule.rule.kind, rule.rule.value, rule.is_recommended)
    assert found == {name: wanted for name, (_, wanted) in CHOICES.items()}


def test_the_order_of_machines_does_not_change_groups() -> None:
    programs = {
        f"m{number}": frozenset(f"p{one}" for one in range(number % 3 * 10, number % 3 * 10 + 6 + number % 2))
        for number in range(12)
    }
    turned = dict(reversed(programs.items()))
    assert cluster_machines(programs) == cluster_machines(turned)
    assert sorted(map(len, cluster_machines(programs))) == [4, 4, 4]


#: Type, publisher and product of a recommendation -> kind and value of its rule, None where executions cannot be compared with it.
SIGNED: dict[tuple[str, str, str], tuple[ApplicationRuleKind, str] | None] = {
    ("ProductSignature", "O=Contoso", "Backup | 2"): (ApplicationRuleKind.PRODUCT, "O=Contoso"),
    ("ProductSignature", "O=Any product", "*"): (ApplicationRuleKind.PUBLISHER, "O=Any product"),
    ("ProductSignature", "O=No product", " "): None,
    ("ProductSignature", "*", "Any publisher"): None,
    ("ProductSignature", "O=A|B", "Parted elsewhere"): None,
    ("PublisherSignature", "*", "*"): None,
    ("BinarySignature", "O=Contoso", "Backup"): None,
}


def test_rules_that_say_remove_or_nothing_allow_nothing() -> None:
    document = {
        "properties": {
            "pathRecommendations": [
                {"path": "/a", "action": "Remove"}, {"path": "/b"}, {"path": "/c", "type": "FileHash"},
                {"type": "PublisherSignature", "publisherInfo": {"publisherName": "Contoso"}},
                {"path": "/d", "type": "ProductSignature"},
                *({"type": kind, "publisherInfo": {"publisherName": who, "productName": what}} for kind, who, what in SIGNED),
            ],
            "vmRecommendations": [{"resourceId": machine("a"), "recommendationAction": "Remove"}, {"resourceId": machine("B")}],
        }
    }  # fmt: skip
    found = read_properties(document)
    assert [(one.kind, one.value) for one in found.rules] == [
        (ApplicationRuleKind.PATH, "/b"),
        (ApplicationRuleKind.PUBLISHER, "Contoso"),
        *(kind_and_value for kind_and_value in SIGNED.values() if kind_and_value is not None),
    ]
    assert [one.product for one in found.rules if one.kind is ApplicationRuleKind.PRODUCT] == ["Backup | 2"]
    assert found.machines == [machine("b").lower()]
