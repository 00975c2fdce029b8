"""Threat intelligence of TAXII 2.1 collections.

Source: https://docs.oasis-open.org/cti/taxii/v2.1/os/taxii-v2.1-os.html (sections 3.4 and 5)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Event
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from nephoscope.files.json_tree import get_tree
from nephoscope.ingest.live import credential_validation, privileged_settings, validators
from nephoscope.ingest.live.live_source import QuarantinedInput, SourceContext, SourceKind, SourceSink
from nephoscope.ingest.live.poll_loop import report_poll_results
from nephoscope.ingest.logs.timestamps import parse_moment
from nephoscope.ingest.source_failures import SourceError, SourceSettingsError
from nephoscope.ingest.threat_intelligence import stix
from nephoscope.ingest.threat_intelligence.http_client import FeedClient, FeedResponse, describe_refusal
from nephoscope.ingest.threat_intelligence.indicator import IntelItem, RefusedItem
from nephoscope.ingest.threat_intelligence.indicator_files import IndicatorFileOptions, complete_item

_ACCEPT = "application/taxii+json;version=2.1"
_FEED = "objects"
_MOST_PAGES = 10_000
"""Pages of one round: a server without an end is asked on in the next one, after the pause."""
_LONGEST_TOKEN = 4_096
_AHEAD = timedelta(hours=1)
"""How far ahead of us a server's clock may be."""


class TaxiiSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a TAXII source: collections, sign-in and polling interval."""

    url: Annotated[str, Meta(description="The API root, as in https://taxii.example/api1/; https only.")]
    collections: Annotated[
        list[str],
        Meta(description="Ids of collections (`sources test` lists those that can be read).", min_length=1),
    ]
    sign_in: Annotated[
        Literal["none", "basic", "bearer", "key"],
        Meta(
            description="How to sign in: `basic` by user and the secret password, `bearer` by the secret token, `key` by the secret "
            "token in the header that key_header names."
        ),
    ] = "none"
    user: Annotated[str, Meta(description="The user of `basic`.")] = ""
    key_header: Annotated[str, Meta(description="The header of `key`.")] = "X-Api-Key"
    ca: Annotated[str, Meta(description="A PEM file of authorities to trust in place of the system's.")] = ""
    private: Annotated[
        bool, Meta(description="The address may be one that is not public; an owner sets it.")
    ] = False
    types: Annotated[
        list[str], Meta(description="STIX types to ask for, such as indicator; without any all.")
    ] = msgspec.field(default_factory=list)
    poll: Annotated[float, Meta(description="Seconds between two rounds.", gt=0)] = 3600.0
    begin: Annotated[
        float,
        Meta(description="How far back the first round asks, in seconds; 0 = everything.", ge=0),
    ] = 0.0
    page: Annotated[int, Meta(description="Objects of a page.", ge=1, le=10_000)] = 1000
    confidence: Annotated[
        int, Meta(description="The confidence of indicators that have none; -1 = none.", ge=-1, le=100)
    ] = -1
    days: Annotated[
        int,
        Meta(description="How long an indicator holds whose end is not given, in days; 0 = for ever.", ge=0),
    ] = 0


@dataclass(slots=True)
class TaxiiSource:
    """Asks collection by collection for what was added since; each page is kept before the next is asked for."""

    settings: TaxiiSettings
    around: SourceContext

    def test(self) -> str:
        """Ask for the collections and say which of the wanted ones can be read."""
        with self._open_client(Event()) as asker:
            reply = asker.ask("GET", "collections/")
            if reply.status != 200 or not isinstance(reply.body, dict):
                raise describe_refusal(f"{self.settings.url}collections/", reply)
        listed = get_tree(reply.body).get("collections")
        known = {
            str(one.get("id")): one
            for one in (listed if isinstance(listed, list) else ())
            if isinstance(one, dict)
        }
        for one in self.settings.collections:
            if one not in known:
                raise SourceError(f"collection {one} not found: the server has {_list_collections(known)}")
            if not known[one].get("can_read"):
                raise SourceError(f"the collection {one} is not readable by this user")
        return f"{len(known)} collections: {_list_collections(known)}"

    def run(self, sink: SourceSink, stop: Event) -> None:
        """Ask, wait, until stopped; a collection that fails is told and the others go on; SourceError where all fail."""
        with self._open_client(stop) as asker:
            while not stop.is_set():
                results = {one: self._poll_collection(one, asker, sink) for one in self.settings.collections}
                report_poll_results(sink, "collection:", results)
                if not any(results.values()):
                    sink.report_health(lag=0.0)
                stop.wait(self.settings.poll)

    def _poll_collection(self, collection: str, asker: FeedClient, sink: SourceSink) -> str:
        """One round of a collection; why it failed, '' where it did not."""
        try:
            for _ in range(_MOST_PAGES):
                if not self._read_page(collection, asker, sink):
                    return ""
                sink.report_health(lag=1.0)
        except SourceError as error:
            return str(error)
        return f"over {_MOST_PAGES:,} pages, and the server says there are more: asked on after {self.settings.poll:g} s"

    def _read_page(self, collection: str, asker: FeedClient, sink: SourceSink) -> bool:
        """Ask for the next page and keep it; whether there are more."""
        key, path = f"taxii:{collection}", f"collections/{collection}/objects/"
        at = dict(sink.get_checkpoint(key) or self._begin_progress())
        reply = asker.ask("GET", path, params=self._build_params(at))
        if reply.status in (400, 404, 416) and at.get("next"):
            # the server forgot where it was: the stretch is asked for anew, and what is known already changes nothing
            sink.save_checkpoint(key, {**at, "next": "", "forgot": True})
            if at.get("forgot"):
                raise SourceError(
                    f"{self.settings.url}{path}: the server rejected the `next` value that it issued, "
                    f"twice in a row (status {reply.status})"
                )
            return True
        if reply.status != 200 or not isinstance(reply.body, dict):
            raise describe_refusal(f"{self.settings.url}{path}", reply)
        objects = get_tree(reply.body).get("objects", [])
        if not isinstance(objects, list):
            raise SourceError(f"{self.settings.url}{path}: `objects` is not a list")
        number = int(at.get("number", 0)) + 1
        self._keep_objects(objects, collection, number, sink)
        more = _has_next_page(reply, f"{self.settings.url}{path}")
        after = _build_next_page_start(at, number, reply, self.around.clock(), more=more)
        sink.save_checkpoint(key, after)
        if more and all(after[name] == at.get(name, "") for name in ("since", "next", "seen")):
            raise SourceError(
                f"{self.settings.url}{path}: announces more data, but without a new `next` or "
                "X-TAXII-Date-Added-Last"
            )
        return more

    def _begin_progress(self) -> dict[str, object]:
        if not self.settings.begin:
            return {"since": "", "last": "", "next": "", "number": 0}
        since = self.around.clock() - timedelta(seconds=self.settings.begin)
        return {"since": _format_time(since), "last": "", "next": "", "number": 0}

    def _build_params(self, at: dict[str, object]) -> dict[str, str]:
        params = {"limit": str(self.settings.page)}
        if at.get("since"):
            params["added_after"] = str(at["since"])
        if at.get("next"):
            params["next"] = str(at["next"])
        if self.settings.types:
            params["match[type]"] = ",".join(self.settings.types)
        return params

    def _keep_objects(self, objects: list[object], collection: str, number: int, sink: SourceSink) -> None:
        chosen = self.settings
        reading = IndicatorFileOptions(
            confidence=None if chosen.confidence < 0 else chosen.confidence, days=chosen.days
        )
        found = list(stix.read_items(objects, self.around.clock(), "objects"))
        kept = sink.store_indicators(
            [complete_item(one, reading) for one in found if isinstance(one, IntelItem)]
        )
        name = f"{chosen.url}collections/{collection}"
        bad = tuple(
            QuarantinedInput(name, one.place, one.reason, one.raw)
            for one in (*kept.refused, *found)
            if isinstance(one, RefusedItem)
        )
        if bad:
            sink.write_batch(f"{_FEED}/{collection}", number, refused=bad)

    def _open_client(self, stop: Event) -> FeedClient:
        chosen, headers = self.settings, {"Accept": _ACCEPT}
        auth = None
        if chosen.sign_in == "basic":
            auth = chosen.user, self.around.get_secret("password")
        elif chosen.sign_in == "bearer":
            headers["Authorization"] = f"Bearer {self.around.get_secret('token')}"
        elif chosen.sign_in == "key":
            headers[chosen.key_header] = self.around.get_secret("token")
        return FeedClient(chosen.url, headers, auth, chosen.ca, chosen.private, stop=stop)


def _has_next_page(reply: FeedResponse, url: str) -> bool:
    """Return whether a page says that there are more; one that names the next and does not say says so too.
    SourceError for another word."""
    said = get_tree(reply.body).get("more")
    if said is None:
        return bool(get_tree(reply.body).get("next"))
    if not isinstance(said, bool):
        raise SourceError(f"{url}: `more` must be true or false (got {str(said)[:40]!r})")
    return said


def _build_next_page_start(
    at: dict[str, object], number: int, reply: FeedResponse, now: datetime, *, more: bool
) -> dict[str, object]:
    """Return where the next page begins: behind a token while there is one, else behind the time that the last object was added."""
    # a server may say of a page with one object only when the first was added
    said = reply.headers.get("x-taxii-date-added-last", "") or reply.headers.get(
        "x-taxii-date-added-first", ""
    )
    added, token = parse_moment(said), get_tree(reply.body).get("next")
    # what was added after a time to come would never be asked for
    newest = said if added is not None and added <= now + _AHEAD else str(at.get("last", ""))
    since = str(at.get("since", ""))
    # a server may give one token for all pages: it goes on as long as the pages differ; without a token the time must
    seen = sha256(msgspec.json.encode(get_tree(reply.body).get("objects"))).hexdigest()
    if more and isinstance(token, str) and 0 < len(token) <= _LONGEST_TOKEN:
        forgot = at.get("forgot", False)
        return {
            "since": since,
            "last": newest,
            "next": token,
            "number": number,
            "forgot": forgot,
            "seen": seen,
        }
    return {"since": newest or since, "last": newest, "next": "", "number": number, "seen": ""}


def _format_time(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


def _list_collections(known: dict[str, dict[str, object]]) -> str:
    return ", ".join(f"{id_} ({one.get('title', '')})" for id_, one in known.items()) or "none"


_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NEEDED = {"basic": "password", "bearer": "token", "key": "token"}


def list_secrets_in_use(settings: TaxiiSettings) -> tuple[str, ...]:
    """The secrets that settings sign in with."""
    return (_NEEDED[settings.sign_in],) if settings.sign_in in _NEEDED else ()


def check(settings: TaxiiSettings, around: SourceContext) -> None:
    """Raise SourceSettingsError for a server, collections or a way to sign in that cannot be, SourceError for a file that is
    not there."""
    validators.validate_url("url", settings.url, "https://HOST/API_ROOT/")
    if not settings.private:
        validators.validate_public_url("url", settings.url)
    for one in settings.collections:
        if not one or re.search(r"[/?#\s]", one):
            raise SourceSettingsError(f"collections: must be ids of collections, not '{one}'")
    if not _HEADER.fullmatch(settings.key_header):
        raise SourceSettingsError(f"key_header: must be the name of a header, not '{settings.key_header}'")
    if settings.sign_in == "basic":
        validators.require_filled("user", [settings.user], "given for sign_in=basic")
    if settings.sign_in in _NEEDED:
        secret = around.get_secret(_NEEDED[settings.sign_in])
        if settings.sign_in != "basic":
            credential_validation.validate_header("token", secret)
    validators.validate_authority_file("ca", settings.ca)


KIND = SourceKind(
    "taxii",
    "Threat intelligence of TAXII 2.1 collections",
    TaxiiSettings,
    TaxiiSource,
    {"password": "The password of `basic`.", "token": "The token of `bearer` and `key`."},
    check=check,
    binds=frozenset({"url", "sign_in", "user", "key_header", "ca", "private"}),
    uses=list_secrets_in_use,
    owned={"ca": privileged_settings.declare_file_setting("ca"), "private": privileged_settings.PRIVATE},
    label="TAXII",
)
