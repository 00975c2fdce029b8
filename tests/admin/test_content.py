"""Content by the own API: sent, told rule by rule, switched, forgotten; what is hostile or too large is refused."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path

import pytest

from nephoscope.alerts.library import content_upload
from nephoscope.alerts.library.content_listing import WAITS
from nephoscope.alerts.library.content_packs import RulePacks

CHECKOUT = Path(__file__).parents[1] / "alerts" / "library" / "checkout"
BROKEN = CHECKOUT / "Detections" / "AzureActivity" / "NotYaml.yaml"
RULE = CHECKOUT / "Detections" / "AzureActivity" / "LockRemoved.yaml"


def sent(file: str, data: bytes, **more: object) -> dict[str, object]:
    return {"file": file, "content": base64.b64encode(data).decode(), **more}


def zipped(*paths: Path) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            archive.write(path, path.relative_to(CHECKOUT).as_posix())
    return out.getvalue()


def test_an_archive_is_told_rule_by_rule_switched_and_forgotten(ask, instance):
    whole = zipped(*(path for path in sorted(CHECKOUT.rglob("*")) if path.is_file()))
    told = ask("POST", "/contentPacks", 201, json=sent("rules/checkout.zip", whole))
    assert (told["pack"]["name"], told["kept"], told["pack"]["on"]) == ("checkout", True, False)
    standings = {one["standing"] for one in told["pieces"]}
    assert {WAITS, "unsupported", "refused"} <= standings
    (lock,) = (one for one in told["pieces"] if one["file"].endswith("LockRemoved.yaml"))
    assert (lock["kind"], lock["standing"], lock["needs"]) == ("rule", WAITS, ["AzureActivity"])
    assert ask("GET", "/contentPacks")["value"] == [told["pack"]]
    assert ask("GET", "/contentPacks/checkout") == {"pack": told["pack"], "pieces": told["pieces"]}
    assert ask("PATCH", "/contentPacks/checkout", json={"enabled": True})["on"] is True
    assert instance.state.rule_switches.load_switches("default").packs["checkout"] is True
    assert "pack checkout" in str(ask("GET", "/audit?top=1000"))
    ask("DELETE", "/contentPacks/checkout", 204)
    ask("GET", "/contentPacks/checkout", 404)
    ask("PATCH", "/contentPacks/checkout", 404, json={"enabled": True})
    ask("DELETE", "/contentPacks/checkout", 404)


def test_one_rules_file_may_be_switched_on_at_once(ask):
    body = sent("LockRemoved.yaml", RULE.read_bytes(), name="Locks!", enable=True)
    told = ask("POST", "/contentPacks", 201, json=body)
    assert (told["pack"]["name"], told["pack"]["on"], len(told["pieces"])) == ("locks", True, 1)
    again = ask("POST", "/contentPacks", 201, json=body)
    assert again["changes"] == {"new": [], "changed": [], "removed": []}
    ask("DELETE", "/contentPacks/locks", 204)


def test_what_holds_nothing_usable_is_told_and_not_kept(ask, instance):
    told = ask("POST", "/contentPacks", 201, json=sent("NotYaml.yaml", BROKEN.read_bytes(), enable=True))
    assert told["kept"] is False
    assert told["pieces"][0]["reasons"]
    assert "notyaml" not in RulePacks(instance.data).names()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(sent("x.exe", b"MZ"), "a .zip, .tar.gz", id="kind"),
        pytest.param(sent("x.zip", b"PK\x03\x04"), "readable", id="broken"),
        pytest.param(sent("x.json", b"[]"), "no rule", id="empty"),
        pytest.param(sent("x.yaml", b"a: b", workspace="none"), "Workspace 'none' not found", id="workspace"),
        pytest.param({"file": "x.yaml", "content": "#"}, "base64", id="base64"),
    ],
)
def test_what_cannot_be_is_refused(ask, body, said):
    assert said in ask("POST", "/contentPacks", 400, json=body)["error"]["message"]


def test_bounds_and_who_may(ask, server, caller, monkeypatch):
    reader, part = caller(("Reader", "/")), caller(("Contributor", "/workspaces/default"))
    body = sent("LockRemoved.yaml", RULE.read_bytes())
    for headers in (reader, part):
        assert server.post("/admin/v1/contentPacks", headers=headers, json=body).status_code == 403
    large = sent("x.zip", b"0" * (2 << 20))
    assert server.post("/admin/v1/contentPacks", headers=reader, json=large).status_code == 413
    assert "must be a .zip" in str(ask("POST", "/contentPacks", 400, json=large))
    ask("POST", "/contentPacks", 413, json=sent("x.zip", b"0" * (9 << 20)))
    monkeypatch.setattr(content_upload, "MOST_PIECES", 0)
    assert "the maximum is 0 rules" in str(ask("POST", "/contentPacks", 400, json=body))
    with content_upload._ONE:
        ask("POST", "/contentPacks", 409, json=body)
