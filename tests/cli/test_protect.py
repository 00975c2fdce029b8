"""The commands of watched registries and of requests for images: what they keep, list and decide, and what they refuse."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.service.acting import context_of

from nephoscope.access.authenticator import DeniedError
from nephoscope.cli.main import cli
from nephoscope.service.registries import find_image, list_images, list_registries
from nephoscope.state import NotFoundError, State, StateError
from nephoscope.state.registries.registry_images import ImageStatus, RegistryImage, RegistryImageFilter

NOW = datetime(2031, 1, 2, 12, tzinfo=UTC)
REASON = {
    "kind": "vulnerability",
    "key": "CVE-2031-1",
    "effect": "hold",
    "text": "CVE-2031-1 of lamp is High",
}


def run(data: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["--data", str(data), "protect", *words], catch_exceptions=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A registry with two images that are held."""
    settings = tmp_path / "settings.json"
    settings.write_text(
        json.dumps(
            {
                "quarantine": [{"quarantine": "quarantine/*", "approved": "approved/*"}],
                "requestRegistries": ["docker.io"],
            }
        )
    )
    found = tmp_path / "data"
    assert run(found, "registry", "add", "prod", "127.0.0.1:5000", "--settings", str(settings)).exit_code == 0
    with State.open_folder(found) as state, state.transaction(product="test") as session:
        for number, name in enumerate(("web", "worker")):
            image = RegistryImage(
                registry="prod", repository=f"quarantine/{name}", digest=f"sha256:{number:064x}", received=NOW, due=NOW,
                tags=("1.0",), status=ImageStatus.HELD, verdict="hold", reasons=(REASON,), target=f"approved/{name}",
                summary={"vulnerabilities": {"High": 1}},
            )  # fmt: skip
            state.registry_images.put(session, image)
    return found


def rows(data: Path, *words: str) -> list[dict[str, object]]:
    return json.loads(run(data, *words, "-o", "json").stdout)


def test_registries_and_images_are_listed(data: Path) -> None:
    assert [(one["name"], one["enabled"], one["held"]) for one in rows(data, "registry", "list")] == [
        ("prod", True, 2)
    ]
    found = rows(data, "registry", "images", "prod", "--status", "held", "--text", "web")
    assert [(one["high"], one["reason"], one["decidedBy"]) for one in found] == [(1, REASON["text"], "")]
    shown = run(data, "registry", "show", "web")
    assert REASON["text"] in " ".join(shown.stdout.split())
    assert "quarantine/web:1.0@sha256:" in shown.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [("quarantine", "several images match"), ("nowhere", "no image matches")],
)
def test_an_image_that_is_not_the_only_one_is_refused(data: Path, text: str, told: str) -> None:
    done = run(data, "registry", "promote", text, "--reason", "needed")
    assert (done.exit_code, told in done.stderr) == (2, True)
    assert {one["status"] for one in rows(data, "registry", "images")} == {"Held"}


def test_a_person_decides_with_a_reason(data: Path) -> None:
    assert run(data, "registry", "reject", "worker").exit_code == 2
    assert run(data, "registry", "reject", "worker", "--reason", "too old").exit_code == 0
    found = {one["image"].split(":")[0]: one for one in rows(data, "registry", "images")}  # type: ignore[attr-defined]
    assert found["quarantine/worker"]["status"] == "Rejected"
    assert found["quarantine/worker"]["decidedBy"]
    assert found["quarantine/web"]["status"] == "Held"


def test_a_request_waits_for_somebody_else(data: Path) -> None:
    made = run(
        data, "requests", "create", "docker.io/library/nginx:1.27", "--registry", "prod", "--reason", "a shop"
    )
    assert made.exit_code == 0, made.stderr
    (one,) = rows(data, "requests", "list", "--status", "open")
    assert (one["registry"], one["reason"], one["answeredBy"]) == ("prod", "a shop", "")
    own = run(data, "requests", "approve", str(one["id"]), "--reason", "mine")
    assert own.exit_code == 2
    assert run(data, "requests", "withdraw", str(one["id"])).exit_code == 0
    assert rows(data, "requests", "list", "--status", "open") == []


def test_who_may_not_read_images_is_refused_by_the_service(data: Path) -> None:
    with State.open_folder(data) as state:
        context = context_of(state, data, "Pipeline Publisher", "/")
        for ask in (
            lambda: list_registries(context),
            lambda: list_images(context, RegistryImageFilter()),
            lambda: find_image(context, "web"),
        ):
            with pytest.raises(DeniedError):
                ask()
        reader = context_of(state, data, "Owner", "/")
        assert find_image(reader, "web").repository == "quarantine/web"
        with pytest.raises(StateError, match="several"):
            find_image(reader, "quarantine")
        with pytest.raises(NotFoundError):
            find_image(reader, "nowhere")
