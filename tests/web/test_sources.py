"""Sources: what the forms of tenants and of log sources do, and what they never show."""

from __future__ import annotations

import csv
import io
import re
import threading
from datetime import timedelta

import pytest
from tests.web.conftest import HERE
from tests.web.sending import sent

from nephoscope.collect.azure.connection_test import ConnectionTrial, GroupTrial, SubscriptionTrial
from nephoscope.estate.estate_store import EstateStore
from nephoscope.ingest.live import source_setup, source_test
from nephoscope.ingest.live.source_kinds import describe_kind, load_source_kinds
from nephoscope.ingest.live.source_setup import OF_THE_HOST, TOKENS, get_source_secrets
from nephoscope.posture.scans import tenants
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope.state.ingestion.ingest_stats import Arrival, Arrivals

ID, CLIENT = "11111111-2222-3333-4444-555555555555", "22222222-2222-3333-4444-555555555555"
ONE = "33333333-2222-3333-4444-555555555555"
FORM = {
    "name": "contoso", "tenant": ID, "client": CLIENT, "sign_in": "secret", "secret": "very~secret~text", "subscriptions": ONE,
    "cloud": "public", "graph": "1", "hours": "12",
}  # fmt: skip


def test_a_tenant_is_connected_changed_paused_and_forgotten(instance, owner):
    made = owner.post("/sources/tenants/new", data=FORM, headers=HERE)
    assert (made.status_code, made.headers["location"]) == (303, "/sources/tenants/contoso?connected=1")
    kept = instance.state.tenants.get("contoso")
    assert (kept.connection.subscriptions, kept.hours, kept.enabled) == ((ONE,), 12.0, True)
    assert tenants.load_tenant_secrets(instance.state, kept).secret == FORM["secret"]
    page = owner.get("/sources/tenants/contoso")
    assert FORM["secret"] not in page.text
    assert ID in page.text
    address = "/sources/tenants/contoso"
    change = {**FORM, "act": "change", "secret": "", "hours": "6", "graph": "0"}
    assert sent(owner, address, change).status_code == 303
    kept = instance.state.tenants.get("contoso")
    assert (kept.hours, kept.connection.graph) == (6.0, False)
    assert tenants.load_tenant_secrets(instance.state, kept).secret == FORM["secret"], (
        "an empty field keeps it"
    )
    assert sent(owner, address, {"act": "pause"}).status_code == 303
    assert "paused" in owner.get("/sources").text
    assert sent(owner, address, {"act": "remove"}).status_code == 303
    assert "contoso" not in [one.name for one in instance.state.tenants.all()]
    assert "tenant.contoso" not in instance.state.credentials.names()
    told = [one.target for one in instance.state.audit.entries(most=50)]
    assert told.count("tenant contoso") == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tenant": "x;rm -rf"}, "tenant id or domain"),
        ({"client": "not-a-guid"}, "client id"),
        ({"subscriptions": "$(reboot)"}, "subscription id"),
        ({"subscriptions": "", "management_groups": "a'b"}, "management group"),
        ({"management_groups": "mg"}, "use either subscriptions or management groups"),
        ({"secret": ""}, "client secret is missing"),
        ({"hours": "0"}, "every 1 to 168 hours"),
        ({"hours": "often"}, "must be a number"),
        ({"cloud": "/etc/passwd"}, "a cloud"),
        ({"name": "a b"}, "is not a valid tenant name"),
    ],
    ids=["tenant", "client", "subscription", "group", "both", "secret", "hours", "words", "cloud", "name"],
)
def test_what_cannot_be_meant_comes_back_with_what_was_filled_in(instance, owner, changes, said):
    sent = {**FORM, "name": "tailspin", **changes}
    answer = owner.post("/sources/tenants/new", data=sent, headers=HERE)
    assert answer.status_code == 400
    assert said in answer.text.replace("&#39;", "'")
    assert FORM["secret"] not in answer.text
    assert f'value="{sent["name"]}"' in answer.text
    assert "tailspin" not in [one.name for one in instance.state.tenants.all()]
    assert not [name for name in instance.state.credentials.names() if name.startswith("tenant.")]


def test_the_scripts_are_of_the_scope_and_hold_no_secret(owner):
    shown = owner.post("/sources/tenants/new", data={**FORM, "act": "scripts"}, headers=HERE)
    address = shown.headers["location"]
    assert FORM["secret"] not in address
    page = owner.get(address).text
    files = re.findall(r'href="(/sources/grant\.\w+\?[^"]+)" download', page)
    assert len(files) == 2
    for file in files:
        answer = owner.get(file.replace("&amp;", "&"))
        assert answer.headers["content-disposition"].startswith("attachment")
        assert ONE in answer.text
    assert owner.get("/sources/grant.sh?subscriptions=x").status_code == 400
    assert owner.get("/sources/grant.exe").status_code == 404


def test_who_may_not_set_up_sees_and_does_not(instance, visitor):
    reader = visitor(("Reader", "/"))
    assert "Connect a tenant</a>" not in reader.get("/sources").text
    assert reader.get("/sources/tenants/new").status_code == 403
    contributor = visitor(("Contributor", "/"))
    for kind in ("folder", "graph"):
        assert "only an Owner can add it" in contributor.get(f"/sources/logs/new?kind={kind}").text
    assert instance.state.sources.get("drop").enabled


def test_a_reader_of_one_subscription_sees_no_tenant(visitor, sandbox):
    reader = visitor(("Reader", f"/subscriptions/{sandbox}"))
    assert "fabrikam" not in reader.get("/sources").text
    assert reader.get("/sources/tenants/fabrikam").status_code == 403


def test_a_test_is_kept_and_shown(instance, owner, monkeypatch):
    found = ConnectionTrial(
        instance.now,
        subscriptions=(
            SubscriptionTrial(ONE, "sub one", True, lacks=("Microsoft.KeyVault/vaults/read",)),
            SubscriptionTrial(
                ID,
                "sub two",
                False,
                "403 AuthorizationFailed",
                groups=(GroupTrial(f"/subscriptions/{ID}/resourcegroups/rg", "rg <one>"),),
            ),
        ),
    )
    monkeypatch.setattr(tenants, "try_connection", lambda *_: found)
    assert owner.post("/sources/tenants/fabrikam", data={"act": "test"}, headers=HERE).status_code == 303
    address = "/sources/tenants/fabrikam"
    assert 'id="testing"' in owner.get(address).text, "it is made beside, and the page says so"
    told = owner.get(f"{address}/testing")
    assert "Testing fabrikam" in told.text
    assert "HX-Refresh" not in told.headers
    assert tenants.make_tests(instance.state, instance.data) == ["fabrikam"]
    assert owner.get(f"{address}/testing").headers["HX-Refresh"] == "true"
    page = owner.get(address).text
    assert 'id="testing"' not in page
    assert all(
        word in page for word in ("sub one", "Microsoft.KeyVault/vaults/read", "403 AuthorizationFailed")
    )
    rows = list(csv.DictReader(io.StringIO(owner.get("/sources/tenants/fabrikam?format=csv").text)))
    assert [row["Readable"] for row in rows] == ["yes", "no", "yes"]
    assert "rg &lt;one&gt;" in page
    assert "1 resource group in partly readable subscriptions can be collected" in page


def test_a_test_that_nobody_makes_is_told(instance, owner):
    tenants.ask_test(instance.state, "fabrikam", instance.now - timedelta(minutes=6))
    page = owner.get("/sources/tenants/fabrikam").text
    assert 'id="testing"' not in page
    assert "did not run" in page
    instance.state.checkpoints.remove(tenants.ASKED_TESTS, "fabrikam")


def test_a_tenant_that_went_away_is_not_tested(instance, monkeypatch):
    instance.state.checkpoints.put(tenants.ASKED_TESTS, "gone", instance.now.isoformat())
    assert tenants.make_tests(instance.state, instance.data) == ["gone"]
    assert tenants.find_requested_test(instance.state, "gone") is None


@pytest.mark.parametrize("kind", sorted(load_source_kinds()))
def test_no_page_of_sources_speaks_of_options_of_the_command(owner, kind):
    answer = owner.post(f"/sources/logs/new?kind={kind}", data={"name": f"odd-{kind}"}, headers=HERE)
    told = re.search(r'role="alert">(.*?)</p>', answer.text)
    form = owner.get(f"/sources/logs/new?kind={kind}").text.split("<main")[1]
    for page in (told[1] if told else "", form, owner.get("/sources/logs/none").text.split("<main")[1]):
        assert " --" not in page
        assert "nephoscope sources" not in page
        assert "nephoscope collect" not in page
        assert "`" not in page


@pytest.mark.parametrize("kind", sorted(load_source_kinds()))
def test_the_form_of_a_kind_has_its_settings_and_secrets(owner, kind):
    page = owner.get(f"/sources/logs/new?kind={kind}").text
    for one in describe_kind(load_source_kinds()[kind]):
        assert f'name="set.{one.name}"' in page
    for name in load_source_kinds()[kind].secrets if kind != TOKENS else ():
        assert re.search(rf'type="password" name="secret\.{name}"', page)


def test_a_source_is_added_changed_tested_and_forgotten(instance, owner, tmp_path):
    address = "/sources/logs/new?kind=storage"
    wrong = {"name": "blobs", "set.account_url": "https://x.blob.core.windows.net", "set.poll": "never"}
    answer = owner.post(address, data=wrong, headers=HERE)
    assert answer.status_code == 400
    assert "must be a number" in answer.text
    assert "https://x.blob.core.windows.net" in answer.text
    good = {
        "name": "blobs", "set.account_url": "https://x.blob.core.windows.net", "set.credential": "account-key",
        "set.containers": "insights-logs-*\ninsights-metrics-*", "secret.account_key": "c2VjcmV0c2VjcmV0",
    }  # fmt: skip
    assert owner.post(address, data=good, headers=HERE).status_code == 303
    kept = instance.state.sources.get("blobs")
    assert kept.settings["containers"] == ["insights-logs-*", "insights-metrics-*"]
    page = owner.get("/sources/logs/blobs").text
    assert "c2VjcmV0c2VjcmV0" not in page
    assert "left out" not in page
    arrivals = Arrivals("blobs", "default", instance.now, (Arrival("Syslog", 2),), left_out=4321)
    with instance.state.database.write() as session:
        instance.state.source_health.count(session, [arrivals])
    assert (
        "4,321 rows dropped, because workspace default does not accept their tables"
        in owner.get("/sources/logs/blobs").text
    )
    listed = owner.get("/sources?show=sources&q=blobs").text
    assert '<td class="data-list__cell data-list__cell--number data-list__optional">4,321</td>' in listed
    rows = csv.DictReader(io.StringIO(owner.get("/sources?format=csv").text))
    assert [(one["Table"], one["Dropped"]) for one in rows if one["From"] == "blobs"] == [("Syslog", "0")]
    whole = csv.DictReader(io.StringIO(owner.get("/sources?format=csv&table=sources").text))
    assert [one["Dropped"] for one in whole if one["Source"] == "blobs"] == ["4321"]
    change = {
        "act": "change",
        "set.account_url": "https://y.blob.core.windows.net",
        "set.credential": "account-key",
    }
    refused = sent(owner, "/sources/logs/blobs", change)
    assert refused.status_code == 400
    assert "enter account_key again" in refused.text
    stays = {**change, "set.account_url": good["set.account_url"]}
    assert sent(owner, "/sources/logs/blobs", stays).status_code == 303
    kept = instance.state.sources.get("blobs")
    assert kept.settings["containers"] == ["insights-logs-*"], "an emptied field goes back to its default"
    assert get_source_secrets(instance.state, kept) == {"account_key": "c2VjcmV0c2VjcmV0"}
    anew = {**change, "secret.account_key": "YW5vdGhlcg=="}
    assert sent(owner, "/sources/logs/blobs", anew).status_code == 303
    assert get_source_secrets(instance.state, kept) == {"account_key": "YW5vdGhlcg=="}
    assert sent(owner, "/sources/logs/blobs", {"act": "pause"}).status_code == 303
    assert not instance.state.sources.get("blobs").enabled
    assert sent(owner, "/sources/logs/blobs", {"act": "remove"}).status_code == 303
    assert "source.blobs" not in instance.state.credentials.names()


def test_who_is_no_owner_is_told_what_an_owner_sets(instance, owner, visitor):
    contributor, address = visitor(("Contributor", "/")), "/sources/logs/new?kind=storage"
    told = "Only an Owner can change server-wide settings"
    assert told in contributor.get(address).text.replace("&#39;", "'")
    assert told not in owner.get(address).text.replace("&#39;", "'")
    good = {
        "name": "blobs", "set.account_url": "https://x.blob.core.windows.net", "set.credential": "account-key",
        "secret.account_key": "c2VjcmV0c2VjcmV0",
    }  # fmt: skip
    own = {**good, "set.credential": "managed-identity"}
    refused = contributor.post(address, data=own, headers=HERE)
    assert refused.status_code == 403
    assert "required for credential (the identity of the server)" in refused.text
    assert contributor.post(address, data=good, headers=HERE).status_code == 303
    change = {**own, "act": "change"}
    assert sent(contributor, "/sources/logs/blobs", change).status_code == 403
    assert sent(owner, "/sources/logs/blobs", change).status_code == 303
    page = contributor.get("/sources/logs/blobs").text
    assert "Only an Owner can change this source" in page
    assert 'value="change"' not in page
    assert sent(contributor, "/sources/logs/blobs", {"act": "pause"}).status_code == 303
    assert sent(contributor, "/sources/logs/blobs", {**good, "act": "change"}).status_code == 403
    assert not instance.state.sources.get("blobs").enabled
    sent(owner, "/sources/logs/blobs", {"act": "remove"})


def test_a_folder_is_tested_and_what_it_says_is_shown(owner):
    assert owner.post("/sources/logs/drop", data={"act": "test"}, headers=HERE).status_code == 303
    assert "Connection succeeded" in owner.get("/sources/logs/drop").text


@pytest.mark.full
def test_a_source_that_hangs_is_told_of_on_its_page(owner, monkeypatch):
    go_on = threading.Event()
    monkeypatch.setattr(source_setup, "test_source", lambda *_: go_on.wait())
    monkeypatch.setattr(source_test.run_test, "__defaults__", (0.01,))
    try:
        assert owner.post("/sources/logs/drop", data={"act": "test"}, headers=HERE).status_code == 303
    finally:
        go_on.set()
    assert "no response within 0.01 seconds" in owner.get("/sources/logs/drop").text


def test_a_token_is_shown_once(instance, owner):
    add = {"name": "apps", "set.listen": "127.0.0.1:0"}
    assert owner.post("/sources/logs/new?kind=logs_ingestion", data=add, headers=HERE).status_code in (
        303,
        400,
    )
    if "apps" not in [one.name for one in instance.state.sources.all()]:
        pytest.fail(owner.post("/sources/logs/new?kind=logs_ingestion", data=add, headers=HERE).text[:3000])
    answer = owner.post("/sources/logs/apps", data={"act": "token"}, headers=HERE)
    token = re.search(r"<pre[^>]*>([^<]+)</pre>", answer.text)[1]
    assert answer.headers["cache-control"] == "no-store"
    assert token not in owner.get("/sources/logs/apps").text
    assert token not in str(get_source_secrets(instance.state, instance.state.sources.get("apps")))
    sent(owner, "/sources/logs/apps", {"act": "remove"})


def test_kinds_of_the_host_are_known():
    assert set(load_source_kinds()) >= OF_THE_HOST


def test_missing_logs_are_listed(instance, owner):
    assert "Nothing was assessed yet" in owner.get("/sources/missing").text
    EstateStore(instance.data).append(
        EstateScan(ScanRequest(("sample:",)), instance.data).estate(), instance.now
    )
    page = owner.get("/sources/missing").text
    assert "no diagnostic setting sends its logs" in page
    rows = list(csv.DictReader(io.StringIO(owner.get("/sources/missing?format=csv").text)))
    assert len(rows) > 10
    assert {"Resource", "Type", "Reason"} <= set(rows[0])


def test_progress_is_told_while_it_lasts(instance, owner):
    import time

    from nephoscope.instance import PROGRESS

    told = {"what": "Resource Graph", "done": 3, "total": 20, "began": time.time() - 5, "at": time.time()}
    instance.state.checkpoints.put(*PROGRESS, told)
    answer = owner.get("/progress")
    assert "Resource Graph, 3 of 20" in answer.text
    assert "hx-refresh" not in answer.headers
    assert "Resource Graph, 3 of 20" in owner.get("/sources").text
    instance.state.checkpoints.remove(*PROGRESS)
    assert owner.get("/progress").headers["hx-refresh"] == "true"


def test_files_that_were_taken_in_are_shown_to_who_may_read_their_workspace(owner, visitor, instance):
    instance.state.ingested_files.begin("f00d", "/srv/logs/<signins>.json", "table:SigninLogs", 2048)
    page = owner.get("/sources?show=files").text
    assert "/srv/logs/&lt;signins&gt;.json" in page
    assert "No imported files yet" not in page
    assert "SigninLogs" in owner.get("/sources?format=csv&table=files").text
    stranger = visitor(
        ("Reader", f"/subscriptions/{next(iter(instance.snapshots.load_newest().build_info.subscriptions))}")
    )
    assert "signins" not in stranger.get("/sources?show=files").text
