"""Exports that name no tenant are judged each by itself; what was kept of them is their tenant's once it is known."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.posture.scans.test_tenants_apart import Company, verdicts

from nephoscope.cli.outputs import table
from nephoscope.estate.tenant_stores import (
    load_newest,
    open_kept_stores,
    open_tenant_stores,
    read_kept_tenants,
)
from nephoscope.posture.reports.multi_tenant_report import combine_reports
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.run_recording import Recorder
from nephoscope.posture.scans.scan import EstateScan, ScanRequest

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def drop_tenants(body):
    """A body as an export has it that names no tenant."""
    if isinstance(body, dict):
        return {key: drop_tenants(value) for key, value in body.items() if key != "tenantId"}
    return [drop_tenants(one) for one in body] if isinstance(body, list) else body


def export(folder, company):
    folder.mkdir(parents=True)
    (folder / "all.json").write_text(json.dumps(drop_tenants(company.bodies)))
    return str(folder)


@pytest.fixture
def folders(tmp_path):
    """A has a guest as an owner at the group `platform`, which B has too; B has no directory."""
    first, second = (
        Company("a", guest_at_group=True, directory=True),
        Company("b", guest_at_group=False, directory=False),
    )
    return [export(tmp_path / "first", first), export(tmp_path / "second", second)]


def export_mixed(folders, tmp_path):
    """Both exports in one folder, which is what releases before made of them."""
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    several = [json.loads((Path(one) / "all.json").read_text()) for one in folders]
    (mixed / "all.json").write_text(json.dumps([one for bodies in several for one in bodies]))
    return str(mixed)


def judge(targets, data, *, day=0, kept=False, tenant=""):
    now = NOW + timedelta(days=day)
    scan = EstateScan(ScanRequest(tuple(targets), tenant=tenant), data, now)
    report = combine_reports([Report(scan.run(estate), "x") for estate in scan.load_estates()])
    if kept:
        Recorder(data, "default").record(report)
    return report


def tenants(report):
    return [one.tenant for one in report.coverages]


def verdicts_below(report, folder):
    """What is said of the tenant of a folder, found by its subscription, and the name of that tenant."""
    digit = "a" if folder.endswith("first") else "b"
    (tenant,) = {row.tenant for row in report.rows if row.id.subscription.startswith(digit * 8)}
    return verdicts(report, tenant), tenant


@pytest.mark.parametrize("backwards", [False, True])
def test_verdicts_of_both_are_those_of_each_alone(folders, tmp_path, backwards):
    both = judge(folders[::-1] if backwards else folders, tmp_path / "data")
    assert len(tenants(both)) == 2
    for folder in folders:
        alone = judge([folder], tmp_path / "data")
        expected, name = verdicts_below(alone, folder)
        assert expected
        assert verdicts_below(both, folder)[0] == expected
        assert name == ""
    assert "guest-of-a" not in repr(verdicts_below(both, folders[1]))


def test_names_are_kept_whatever_is_scanned_beside(folders, tmp_path):
    """The first export is scanned alone, then beside the other, then the other alone, then as of another date in another folder."""
    data = tmp_path / "data"
    first = judge(folders[:1], data, kept=True)
    both = judge(folders, data, day=1, kept=True)
    second = judge(folders[1:], data, day=2, kept=True)
    dated = export(tmp_path / "later" / "second", Company("b", guest_at_group=False, directory=False))
    again = judge([dated], data, day=3)
    name = verdicts_below(both, folders[1])[1]
    assert name.startswith("not-stated-second-")
    assert (tenants(first), tenants(both), tenants(second), tenants(again)) == (
        [""],
        ["", name],
        [name],
        [name],
    )
    assert sorted(one.tenant for one in open_tenant_stores(data)) == ["", name]


@pytest.mark.parametrize("beside", [False, True])
def test_what_was_kept_is_of_the_tenant_once_its_id_is_known(folders, tmp_path, beside):
    """Of the only export, whose tenant has no name, and of the second, whose tenant has one by its folder."""
    data = tmp_path / "data"
    judge(folders, data, kept=True) if beside else judge(folders[1:], data, kept=True)
    id_ = Company("b", guest_at_group=False, directory=False).tenant
    judge(folders[1:], data, day=1, kept=True, tenant=id_)
    stores = {one.tenant: len(one.list_snapshots()) for one in open_tenant_stores(data)}
    assert stores.pop(id_) == 2
    assert len(stores) == int(beside)
    assert set(read_kept_tenants(data).values()) == {id_, *stores}
    assert tenants(judge(folders[1:], data, day=2)) == [id_]


def test_a_data_folder_that_holds_both_as_one_parts_them(folders, tmp_path):
    """As releases before kept them; no history of what lies in subscriptions is lost."""
    data = tmp_path / "data"
    assert tenants(judge([export_mixed(folders, tmp_path)], data, kept=True)) == [""]
    both = judge(folders, data, day=1)
    assert all(name.startswith("not-stated-") for name in tenants(both))
    changes = Recorder(data, "default").record(both)
    assert not [
        one
        for one in changes
        if one.resource.startswith("/subscriptions/") and one.kind.value in ("new", "removed")
    ]
    assert tenants(judge(folders, data, day=2)) == tenants(both)


def test_a_table_that_holds_both_says_nothing_once_each_has_its_own(folders, tmp_path):
    """Who asks for the estates as they are now gets no principal of the one beside the other; the history stays."""
    data = tmp_path / "data"
    mixed = export_mixed(folders, tmp_path)
    judge([mixed], data, kept=True)
    assert [one.tenant for one in open_tenant_stores(data)] == [""]
    both = judge(folders, data, day=1, kept=True)
    assert sorted(one.tenant for one in load_newest(data)) == sorted(tenants(both))
    assert "" in [one.tenant for one in open_kept_stores(data)]
    (second,) = (one for one in load_newest(data) if one.tenant.startswith("not-stated-second"))
    assert "guest-of-a" not in repr(list(second.resources))
    judge(folders[:1], data, day=2, kept=True)
    assert sorted(one.tenant for one in load_newest(data)) == sorted(tenants(both))


def test_a_table_is_as_it_is_now_while_one_of_its_subscriptions_lies_in_it_alone(folders, tmp_path):
    data = tmp_path / "data"
    judge([export_mixed(folders, tmp_path)], data, kept=True)
    judge(
        folders[:1], data, day=1, kept=True, tenant=Company("a", guest_at_group=True, directory=True).tenant
    )
    assert "" in [one.tenant for one in open_tenant_stores(data)]


def test_the_table_says_which_tenants_are_not_stated(folders, tmp_path):
    out = io.StringIO()
    table.render(judge(folders, tmp_path / "data"), out)
    told = " ".join(out.getvalue().split())
    assert "tenant not stated: first; tenant not stated: second. Evaluated separately." in told
    assert "scan with --tenant ID" in told
