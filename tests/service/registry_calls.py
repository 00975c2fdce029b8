"""The calls of the services of registries, requests for images, inventories and vulnerabilities."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.service.calls import ADMINISTRATORS, CONTRIBUTORS, READERS, Call
from tests.service.data_calls import POLICY_AUTHORS

from nephoscope.collect.scanning.scan_contents import InventoryContents
from nephoscope.protect.registry.registry_settings import convert_settings_for_storage, read_settings
from nephoscope.service import (
    image_requests,
    inventories,
    registries,
    scanner_results,
    vulnerability_exemptions,
)
from nephoscope.service.attestation_key import get_attestation_key
from nephoscope.service.exemption_lookup import VulnerabilityExemption
from nephoscope.service.reported_targets import ResultsOrigin
from nephoscope.state.registries.image_requests import ImageRequest
from nephoscope.state.registries.registry_images import ImageStatus, RegistryImage, compute_image_id
from nephoscope.state.registries.watched_registries import WatchedRegistry
from nephoscope.vulnerability.scanner_results.scanner_report import ReportedTarget, ScannerReport

if TYPE_CHECKING:
    from datetime import datetime

    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state import State

#: Nothing answers there.
ADDRESS = "127.0.0.1:9"
DIGEST = f"sha256:{'a' * 64}"
IMAGE = compute_image_id("main", "quarantine/web", DIGEST)
ASKED = "0c000000-0000-4000-8000-000000000001"
SETTINGS = {
    "quarantine": [{"quarantine": "quarantine/*", "approved": "approved/*"}],
    "requestRegistries": ["docker.io"],
}
REQUESTERS = ADMINISTRATORS | {"Image Requester"}
WANTED = VulnerabilityExemption("/", "the lamp is off", package="lamp")


def arrange_registries(state: State, now: datetime) -> None:
    """Watch a registry that holds an image, for which somebody asked too."""
    state.credentials.put("registry.main", "{}")
    settings = convert_settings_for_storage(read_settings(SETTINGS))
    with state.transaction() as session:
        state.watched_registries.put(
            session, WatchedRegistry("main", ADDRESS, settings, now, now, "", "registry.main", "default")
        )
        image = RegistryImage(
            "main", "quarantine/web", DIGEST, now, now, ("1",), status=ImageStatus.HELD, target="approved/web"
        )
        state.registry_images.put(session, image)
        day = now + timedelta(days=1)
        state.image_requests.put(
            session,
            ImageRequest(
                "docker.io/library/nginx:1", "main", "q/n", "1", "why", "ada", now, day, now, id=ASKED
            ),
        )


def _withdraw(context: ServiceContext) -> ImageRequest:
    asked = image_requests.request_image(context, "docker.io/library/redis:7", "a cache", "main")
    return image_requests.withdraw_request(context, asked.id)


def _scan(context: ServiceContext) -> inventories.ImageScan:
    return inventories.ImageScan(InventoryContents("alpine", "3.19", ()), context.now, "shop/web", DIGEST)


def _results(context: ServiceContext) -> ScannerReport:
    found = ScannerReport("qualys")
    found.target("box", ReportedTarget(kind="machine", name="box", place="line 1", scanned_at=context.now))
    return found


def _end(context: ServiceContext) -> object:
    made = vulnerability_exemptions.exempt_vulnerability(context, WANTED)
    return vulnerability_exemptions.end_vulnerability_exemption(context, made.name)


REGISTRY_CALLS = {
    "add registry": Call(
        lambda c, _: registries.add_registry(c, "test", ADDRESS, read_settings({})), CONTRIBUTORS, workspace=False
    ),
    "change registry": Call(
        lambda c, _: registries.change_registry(c, "main", enabled=False), CONTRIBUTORS, workspace=False
    ),
    "remove registry": Call(lambda c, _: registries.remove_registry(c, "main"), CONTRIBUTORS, workspace=False),
    "make events secret": Call(
        lambda c, _: registries.make_events_secret(c, "main"), CONTRIBUTORS, workspace=False
    ),
    "try registry": Call(lambda c, _: registries.try_registry(c, "main"), CONTRIBUTORS, workspace=False),
    "make attestation key": Call(lambda c, _: get_attestation_key(c), CONTRIBUTORS, workspace=False),
    "promote image": Call(lambda c, _: registries.decide_image(c, IMAGE, "promote", "we know it"), workspace=False),
    "reject image": Call(lambda c, _: registries.decide_image(c, IMAGE, "reject", "not ours"), workspace=False),
    "examine image again": Call(lambda c, _: registries.request_examination(c, [IMAGE]), workspace=False),
    "request image": Call(
        lambda c, _: image_requests.request_image(c, "docker.io/library/redis:7", "a cache", "main"),
        REQUESTERS, workspace=False,
    ),
    "withdraw request": Call(lambda c, _: _withdraw(c), REQUESTERS, workspace=False),
    "approve request": Call(
        lambda c, _: image_requests.answer_request(c, ASKED, "approve", "maintained"), workspace=False
    ),
    "deny request": Call(
        lambda c, _: image_requests.answer_request(c, ASKED, "deny", "not maintained"), workspace=False
    ),
    "measure answers": Call(
        lambda c, _: image_requests.measure_answers(c), READERS | REQUESTERS, workspace=False
    ),
    "keep image": Call(lambda c, _: inventories.keep_inventory(c, _scan(c)), workspace=False),
    "import results": Call(
        lambda c, _: scanner_results.import_results(c, _results(c), ResultsOrigin(host="box")), workspace=False
    ),
    "exempt vulnerability": Call(lambda c, _: vulnerability_exemptions.exempt_vulnerability(c, WANTED), POLICY_AUTHORS,
    workspace=False),
    "end exemption of a vulnerability": Call(lambda c, _: _end(c), POLICY_AUTHORS, workspace=False),
}  # fmt: skip
