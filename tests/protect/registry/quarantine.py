"""A registry with quarantine, the state that watches it, and images to push into it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.collect.images.image_builder import Files, make_layout

from nephoscope.collect.images.documents import Descriptor
from nephoscope.collect.images.registry import Registry
from nephoscope.collect.images.registry_writing import put_manifest, upload_blob
from nephoscope.collect.malware.malware_match import ContentScan, EngineStatus, MalwareMatch
from nephoscope.collect.malware.malware_scanner import MalwareScanner
from nephoscope.collect.scanning.scan_contents import InventoryContents
from nephoscope.collect.scanning.scan_options import LookedFor
from nephoscope.protect.registry.events.reading import read_events
from nephoscope.protect.registry.image_events import store_events
from nephoscope.protect.registry.image_examination import Examiner
from nephoscope.protect.registry.image_lifecycle import ImageWorkflow
from nephoscope.protect.registry.registry_connection import connect
from nephoscope.protect.registry.registry_settings import read_settings
from nephoscope.protect.registry.registry_watch import RegistryWatch
from nephoscope.service.advisories import get_advisories_path, import_advisories
from nephoscope.service.local_user import LocalUser
from nephoscope.service.registries import add_registry
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State
from nephoscope.state.leases.leases import Lease
from nephoscope.state.registries.registry_images import ImageStep, RegistryImage, RegistryImageFilter
from nephoscope.state.registries.watched_registries import WatchedRegistry
from nephoscope_policy.model.state import Severity

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RELEASE = 'ID=debian\nVERSION_ID="12"\n'
STATUS = "Package: libfoo1\nStatus: install ok installed\nArchitecture: amd64\nSource: foo\nVersion: {}\n"
MAPPING = {"quarantine": [{"quarantine": "quarantine/*", "approved": "approved/*"}], "pollingMinutes": 0}
FIXED, VULNERABLE = "1.2-4", "1.2-3"


def system(version: str, more: str = "") -> list[Files]:
    """The layers of a Debian with one package, which is vulnerable below 1.2-4; `more` makes another image of it."""
    return [
        {"var/lib/dpkg/status": STATUS.format(version).encode(), "usr/lib/os-release": RELEASE.encode()},
        {"srv/more": f"{version} {more}".encode()},
    ]


def advisory(
    severity: str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", fixed: str = FIXED
) -> dict[str, object]:
    """An advisory of OSV on the package."""
    events = [{"introduced": "0"}, {"fixed": fixed}]
    package = {"ecosystem": "Debian:12", "name": "foo"}
    affected = {"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    return {
        "id": "DEBIAN-CVE-2026-1", "modified": "2026-01-01T00:00:00Z", "upstream": ["CVE-2026-1"],
        "severity": [{"type": "CVSS_V3", "score": severity}], "affected": [affected],
    }  # fmt: skip


def elsewhere() -> dict[str, object]:
    """An advisory of OSV on a package of the distribution that no image has."""
    affected = {"package": {"ecosystem": "Debian:12", "name": "elsewhere"}, "versions": ["1"]}
    return {"id": "DEBIAN-CVE-2026-99", "modified": "2026-01-01T00:00:00Z", "affected": [affected]}


class BadFinder:
    """An engine that finds BAD-PROGRAM."""

    unpacks = False

    def status(self) -> EngineStatus:
        return EngineStatus("yara", "ready", "1")

    def scan(self, path: str, content: bytes) -> ContentScan:
        match = MalwareMatch("yara", "bad-program", "A bad program", Severity.HIGH)
        return ContentScan((match,) if b"BAD-PROGRAM" in content else ())

    def finish(self) -> dict[str, ContentScan]:
        return {}


@dataclass
class Watched:
    """A registry that is watched by the state of a folder, at a time that a test sets."""

    data: Path
    state: State
    host: str
    now: datetime = NOON
    kept: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def context(self) -> ServiceContext:
        return ServiceContext(LocalUser("test"), self.state, self.data, lambda: self.now)

    @property
    def lease(self) -> Lease:
        found = self.state.leases.acquire("registry test", "here", 3600)
        assert found
        return found

    def add(self, **settings: Any) -> None:
        """Watch the registry."""
        add_registry(self.context, "test", self.host, read_settings({**MAPPING, **settings}))

    def import_advisory(self, folder: Path, *several: dict[str, object], published: datetime = NOON) -> None:
        """Import advisories as the feed of OSV, with one about a package that no image holds: one alone is no feed."""
        folder.mkdir(exist_ok=True)
        for number, one in enumerate((*several, elsewhere())):
            (folder / f"{number}.json").write_text(json.dumps(one))
        import_advisories(self.context, [folder], "osv", published=published)

    def tell(self, bodies: list[bytes]) -> int:
        """Take in what the registry posted; returns how many events were new."""
        watched = self.state.watched_registries.get("test")
        return sum(store_events(self.state, watched, read_events(one).events, self.now) for one in bodies)

    def examiner(self, now: datetime) -> Examiner:
        looked_for = LookedFor(
            secrets=True, permissions=True, malware=MalwareScanner([BadFinder()]), secret_key=b"key"
        )
        return Examiner(self.data / "layers", get_advisories_path(self.data), now, looked_for)

    def look(self) -> int:
        """Do what a worker does until nothing is due; returns how many images went on their way."""
        watched = self.state.watched_registries.get("test")
        watch = RegistryWatch(self.state, self.examiner, lambda: self.now, keep=self._keep)
        taken = 0
        while found := watch.look(watched, self.lease):
            taken += found
            if any(one.attempts for one in self.images()):
                break
        return taken

    def _keep(
        self, watched: WatchedRegistry, image: RegistryImage, digest: str, contents: InventoryContents
    ) -> None:
        self.kept.append((image.repository, digest, len(contents.packages)))

    def journey(self, registry: Registry, after: Callable[[ImageStep], None]) -> ImageWorkflow:
        watched = self.state.watched_registries.get("test")
        return ImageWorkflow(
            self.state, watched, read_settings(watched.settings), registry, self.examiner(self.now), self.lease,
            lambda: self.now, after=after,
        )  # fmt: skip

    def connect(self) -> Registry:
        return connect(self.state, self.state.watched_registries.get("test"))

    def images(self, **wanted: Any) -> list[RegistryImage]:
        """The images that are known, by repository."""
        found = self.state.registry_images.list_images(RegistryImageFilter(**wanted), 1000)
        return sorted(found, key=lambda one: (one.repository, one.tags, one.digest))

    def image(self, repository: str) -> RegistryImage:
        """The one image of a repository."""
        (found,) = (one for one in self.images() if one.repository == repository)
        return found

    def later(self, **much: float) -> None:
        """Let time pass."""
        self.now += timedelta(**much)


@contextmanager
def watching(folder: Path, host: str) -> Iterator[Watched]:
    """A state that is to watch a registry."""
    data = folder / "data"
    data.mkdir(parents=True)
    with State.open(f"sqlite:///{data / 'state.db'}") as state:
        yield Watched(data, state, host)


def push(registry: Registry, layout: Path, repository: str, tag: str) -> str:
    """Push the image of an OCI layout without another program, and return its digest."""
    index = json.loads((layout / "index.json").read_bytes())
    (top,) = index["manifests"]
    content = (layout / "blobs/sha256" / top["digest"].removeprefix("sha256:")).read_bytes()
    manifest = json.loads(content)
    for blob in (manifest["config"], *manifest["layers"]):
        with (layout / "blobs/sha256" / blob["digest"].removeprefix("sha256:")).open("rb") as stream:
            upload_blob(registry, repository, Descriptor(blob["digest"], size=blob["size"]), stream)
    put_manifest(registry, repository, tag, content, top["mediaType"])
    return str(top["digest"])


def push_new(registry: Registry, folder: Path, repository: str, tag: str, layers: list[Files]) -> str:
    """Build an image and push it."""
    make_layout(folder, layers)
    return push(registry, folder, repository, tag)
