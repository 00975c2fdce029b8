"""Containers of a storage account to which Azure writes diagnostic and flow logs."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from threading import Event, Lock
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from nephoscope.ingest.live import credential_validation, privileged_settings, validators
from nephoscope.ingest.live.azure_errors import translate_azure_errors
from nephoscope.ingest.live.blobs.blob_reader import BlobChangedError, BlobReader, BlobReadOptions
from nephoscope.ingest.live.blobs.storage_account import open_blob_service
from nephoscope.ingest.live.live_source import WHOLE, SourceContext, SourceKind, SourceSink
from nephoscope.ingest.live.read_progress import Progress
from nephoscope.ingest.source_failures import SourceError, SourceSettingsError, SourceStoppedError
from nephoscope.lake.errors import LakeError
from nephoscope.state import StateError

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties, BlobServiceClient, ContainerClient

_LOG = logging.getLogger("nephoscope.sources")


class StorageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a storage account source: account, containers and sign-in."""

    account_url: Annotated[
        str, Meta(description="The account's blob endpoint, `https://NAME.blob.core.windows.net`.")
    ]
    credential: Annotated[
        Literal[
            "managed-identity",
            "sas",
            "account-key",
            "default",
            "service-principal",
            "workload-identity",
            "environment",
            "developer",
        ],
        Meta(description="How to sign in; `sas` and `account-key` need the secret of that name."),
    ] = "managed-identity"
    cloud: Annotated[
        str,
        Meta(
            description="Which cloud issues tokens: public, usgovernment, china, or a file of its endpoints."
        ),
    ] = "public"
    containers: Annotated[
        list[str],
        Meta(
            description="Names of containers, `*` for any characters. Without a `*` nothing is listed to find them."
        ),
    ] = msgspec.field(default_factory=lambda: ["insights-logs-*"])
    prefix: Annotated[str, Meta(description="Only blobs whose name begins so.")] = ""
    since: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="Only blobs that were written to after this moment (ISO 8601 with a zone)."),
    ] = None
    format: Annotated[str, Meta(description="The format of all blobs; `auto` recognizes each record.")] = (
        "auto"
    )
    destination: Annotated[
        Literal["both", "dedicated", "azure-diagnostics"],
        Meta(
            description="Where resource logs go that Azure can write to tables of their own or to AzureDiagnostics."
        ),
    ] = "both"
    poll: Annotated[float, Meta(description="Seconds between two looks at the account.", gt=0)] = 30.0
    settle: Annotated[
        float, Meta(description="Seconds after which a blob that did not change is taken as finished.", ge=0)
    ] = 7200.0
    workers: Annotated[int, Meta(description="Blobs that are read at once.", ge=1, le=64)] = 4


@dataclass(slots=True)
class StorageSource:
    """Looks at an account again and again and reads what is new."""

    settings: StorageSettings
    around: SourceContext
    _known: dict[str, Progress] = field(default_factory=dict)
    _failing: set[str] = field(default_factory=set)
    _contents: dict[str, str] = field(default_factory=dict)
    _sizes: dict[int, Lock] = field(default_factory=dict)

    def test(self) -> str:
        """Sign in, find the containers, list one page of the first."""
        with (
            translate_azure_errors(f"storage account {self.settings.account_url}"),
            self._open_service() as account,
        ):
            names = list(self._list_containers(account))
            if not names:
                raise SourceError(
                    f"{self.settings.account_url}: no container matches {', '.join(self.settings.containers)}"
                )
            first = account.get_container_client(names[0])
            blob = next(iter(first.list_blobs(name_starts_with=self.settings.prefix or None)), None)
            return f"{len(names)} container(s): {', '.join(names[:5])}; {'blobs in' if blob else 'no blobs yet in'} {names[0]}"

    def run(self, sink: SourceSink, stop: Event) -> None:
        """Look, read, wait, until stopped; raises SourceError for an account that cannot be reached."""
        with self._open_service() as account:
            self._known = {key: Progress.of(kept) for key, kept in sink.list_checkpoints("blob:").items()}
            self._contents = {one.whole: key for key, one in self._known.items() if one.whole}
            while not stop.is_set():
                with translate_azure_errors(f"storage account {self.settings.account_url}"):
                    self._poll_blobs(account, sink, stop)
                stop.wait(self.settings.poll)

    def _open_service(self) -> BlobServiceClient:
        chosen = self.settings
        return open_blob_service(chosen.account_url, chosen.credential, chosen.cloud, self.around)

    def _list_containers(self, account: BlobServiceClient) -> Iterator[str]:
        for pattern in self.settings.containers:
            if "*" not in pattern:
                yield pattern
                continue
            for found in account.list_containers(name_starts_with=pattern.partition("*")[0] or None):
                if fnmatchcase(found.name, pattern):
                    yield found.name

    def _poll_blobs(self, account: BlobServiceClient, sink: SourceSink, stop: Event) -> None:
        """Read what is new in every blob, oldest first within a container; drop what is known of blobs that are gone."""
        reading = BlobReadOptions(sink, stop, self.settings.format, timedelta(seconds=self.settings.settle))
        every: list[BlobReader] = []
        self._failing = set()
        self._sizes = defaultdict(Lock)
        with ThreadPoolExecutor(self.settings.workers, "storage") as pool:
            for name in dict.fromkeys(self._list_containers(account)):
                readers = self._make_readers(account.get_container_client(name), reading)
                list(pool.map(self._read_blob, readers))
                every += readers
        if stop.is_set():
            return
        sink.report_health(lag=float(sum(self._count_unread_bytes(reader) for reader in every)))
        sink.report_only("blob:", self._failing)
        sink.report_working(WHOLE)
        for key in self._known.keys() - {reader.key for reader in every}:
            del self._known[key]
            sink.drop_checkpoint(key)
        # What no blob has any more is forgotten, as its checkpoint is.
        self._contents.clear()
        self._contents.update({one.whole: key for key, one in self._known.items() if one.whole})

    def _count_unread_bytes(self, reader: BlobReader) -> int:
        """The bytes of a blob that are still to be read."""
        known = self._known.get(reader.key)
        if known is not None and known.etag == reader.found.etag:
            return 0
        return max(0, int(reader.found.size) - (known.offset if known else 0))

    def _make_readers(self, container: ContainerClient, reading: BlobReadOptions) -> list[BlobReader]:
        blobs = container.list_blobs(name_starts_with=self.settings.prefix or None)
        found = [
            BlobReader(reading, container, blob, self._contents)
            for blob in blobs
            if self._is_blob_wanted(blob)
        ]
        return sorted(found, key=lambda reader: reader.found.last_modified)

    def _is_blob_wanted(self, blob: BlobProperties) -> bool:
        since = self.settings.since
        return blob.size > 0 and (since is None or blob.last_modified >= since)

    def _read_blob(self, reader: BlobReader) -> None:
        if reader.reading.stop.is_set():
            return
        from azure.core.exceptions import AzureError

        try:
            # Two that may be copies of each other are not read at once: the second is known by the first.
            with self._sizes[int(reader.found.size)]:
                progress = reader.read(self._known.get(reader.key), self.around.clock())
                if progress is not None:
                    self._keep_progress(reader.key, progress)
        except (AzureError, LakeError, StateError):
            raise
        except (BlobChangedError, SourceStoppedError):
            # Written to or deleted meanwhile: the next round sees what it is then. What was kept stands in the checkpoint.
            self._failing.add(reader.key)
            kept = reader.reading.sink.get_checkpoint(reader.key)
            if kept is not None:
                self._known[reader.key] = Progress.of(kept)
            return
        except Exception as error:  # noqa: BLE001 - the boundary of a blob: the others go on
            _LOG.exception("blob %s", reader.found.name)
            self._failing.add(reader.key)
            told_ = f"{reader.found.name}: a fault of nephoscope: {type(error).__name__}"
            reader.reading.sink.report_health(error=told_, key=reader.key)
            return
        if progress is not None:
            reader.reading.sink.report_working(reader.key)

    def _keep_progress(self, key: str, progress: Progress) -> None:
        self._known[key] = progress
        if progress.whole:
            self._contents.setdefault(progress.whole, key)


#: Names of containers, and the ones that Azure makes itself.
_CONTAINER = re.compile(r"[a-z0-9*](?:-?[a-z0-9*]){0,62}|\$[a-z*]+")


def check(settings: StorageSettings, around: SourceContext) -> None:
    """Raise SourceSettingsError for an account, containers or a way to sign in that cannot be."""
    validators.validate_url(
        "account_url", settings.account_url, "https://NAME.blob.core.windows.net", plain=True
    )
    validators.require_filled("containers", settings.containers, "names of containers, as in insights-logs-*")
    for name in settings.containers:
        if not _CONTAINER.fullmatch(name):
            raise SourceSettingsError(
                f"containers: must be names of lower-case letters, digits and single dashes, * for any of them, not '{name}'"
            )
    validators.validate_log_format(settings.format)
    if settings.credential == "account-key":
        credential_validation.validate_account_key("account_key", around.get_secret("account_key"))
    elif settings.credential == "sas":
        listed = any("*" in name for name in settings.containers)
        credential_validation.validate_sas(
            "sas", around.get_secret("sas"), around.clock(), lists_containers=listed
        )
    else:
        validators.validate_cloud(settings.cloud)


_SECRETS = {"account-key": "account_key", "sas": "sas"}


def list_secrets_in_use(settings: StorageSettings) -> tuple[str, ...]:
    """The secrets that settings sign in with."""
    return (_SECRETS[settings.credential],) if settings.credential in _SECRETS else ()


KIND = SourceKind(
    "storage",
    "Containers of diagnostic and flow logs",
    StorageSettings,
    StorageSource,
    secrets={
        "account_key": "A key of the storage account (credential=account-key).",
        "sas": "A shared access signature with read and list (credential=sas).",
    },
    check=check,
    binds=frozenset({"account_url", "credential", "cloud"}),
    uses=list_secrets_in_use,
    owned={
        "account_url": privileged_settings.ACCOUNT,
        "credential": privileged_settings.declare_server_identity_setting("sas", "account-key"),
        "cloud": privileged_settings.CLOUD,
    },
    label="Storage account",
)
