"""Examination builder: assembles the findings in files into an examination."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from nephoscope.collect.images.image import Image
from nephoscope.collect.images.layers import HiddenFind, LayerFind, find_hidden_files, merge_layers
from nephoscope.collect.malware.known_digests import KnownMalware
from nephoscope.collect.malware.malware_match import EngineStatus
from nephoscope.collect.scanning.content_builder import build_contents
from nephoscope.collect.scanning.examination import (
    Examination,
    ExaminedPart,
    ImageExamination,
    MalwareFinding,
    SecretFinding,
    Unassessed,
)
from nephoscope.collect.scanning.image_scan import ImageReading, read_layers
from nephoscope.collect.scanning.license_policy import NO_POLICY, LicensePolicy, assess_licenses
from nephoscope.collect.scanning.scan_contents import FileContents, InventoryContents
from nephoscope.collect.scanning.scan_options import LookedFor
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.collect.scanning.image_rules.configuration_finding import ConfigurationFinding
    from nephoscope.collect.scanning.image_rules.image_subject import NotedFile
    from nephoscope.collect.scanning.root_scan import RootScan


class ExaminationContext(msgspec.Struct, frozen=True):
    """Context of an examination: the time, the known bad digests (None: no list) and the license policy."""

    now: datetime
    known: KnownMalware | None = None
    licenses: LicensePolicy = NO_POLICY


def examine_image(
    image: Image, reading: ImageReading, around: ExaminationContext, tag: str = ""
) -> ImageExamination:
    """Return what is found in an image by its configuration and its layers; `tag` is the one that it was asked for by.

    Raises ImageError.
    """
    layers = read_layers(image, reading)
    merged = merge_layers(layers)
    contents = build_contents(merged, [unread for layer in layers for unread in layer.unread])
    is_judged = reading.looked_for.permissions
    configuration = _assess_image_configuration(image, contents, merged, around.now, tag) if is_judged else ()
    files = [*_list_files(merged), *sorted(find_hidden_files(layers), key=lambda one: (one.path, one.layer))]
    found = _build_examination(contents, configuration, files, reading.looked_for, around)
    return ImageExamination(
        found.contents,
        found.examined,
        found.configuration,
        found.secrets,
        found.malware,
        found.licenses,
        found.engines,
        found.unassessed,
        name=image.name,
        digest=image.digest,
    )


def examine_root(scan: RootScan, around: ExaminationContext) -> Examination:
    """Return what is found in a root; raises RootError."""
    from nephoscope.collect.scanning.root_scan import read_root

    files, unread = read_root(scan)
    contents = build_contents(files, unread)
    is_judged = scan.looked_for.permissions
    configuration = _assess_root_configuration(contents, files, around.now) if is_judged else ()
    return _build_examination(contents, configuration, _list_files(files), scan.looked_for, around)


def _build_examination(
    contents: InventoryContents,
    configuration: tuple[ConfigurationFinding, ...],
    files: Sequence[HiddenFind[FileContents]],
    wanted: LookedFor,
    around: ExaminationContext,
) -> Examination:
    engines = wanted.malware.statuses if wanted.malware else ()
    if wanted.malware and around.known is not None:
        engines = (*engines, EngineStatus("digest", "ready", f"{len(around.known)} digests"))
    return Examination(
        contents,
        _list_examined_parts(wanted, around),
        configuration,
        tuple(_list_secrets(files)),
        tuple(_list_malware(files, around.known or {})),
        assess_licenses(contents.packages, around.licenses),
        engines,
        tuple(_list_unassessed_files(contents, files, engines)),
    )


def _assess_image_configuration(
    image: Image,
    contents: InventoryContents,
    files: Mapping[str, LayerFind[FileContents]],
    now: datetime,
    tag: str,
) -> tuple[ConfigurationFinding, ...]:
    # the rules are loaded where configuration is looked at alone
    from nephoscope.collect.scanning.image_rules.image_evaluation import assess_configuration
    from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage

    annotations = dict(image.annotations)
    return assess_configuration(
        ExaminedImage(contents, _index_files(files), now, image.name, tag, image.configuration, annotations)
    )


def _assess_root_configuration(
    contents: InventoryContents, files: Mapping[str, LayerFind[FileContents]], now: datetime
) -> tuple[ConfigurationFinding, ...]:
    from nephoscope.collect.scanning.image_rules.image_evaluation import assess_configuration
    from nephoscope.collect.scanning.image_rules.image_subject import ExaminedRoot

    return assess_configuration(ExaminedRoot(contents, _index_files(files), now))


def _list_files(files: Mapping[str, LayerFind[FileContents]]) -> list[HiddenFind[FileContents]]:
    """Return the files of a root in the order of their paths, as those that nothing hides."""
    return [HiddenFind(path, placed.layer, "", placed.found) for path, placed in sorted(files.items())]


def _index_files(files: Mapping[str, LayerFind[FileContents]]) -> dict[str, NotedFile]:
    from nephoscope.collect.scanning.image_rules.image_subject import NotedFile

    return {
        path: NotedFile(placed.found.mode, placed.layer)
        for path, placed in files.items()
        if placed.found.mode
    }


def _list_examined_parts(wanted: LookedFor, around: ExaminationContext) -> tuple[ExaminedPart, ...]:
    asked: tuple[tuple[ExaminedPart, bool], ...] = (
        ("packages", True),
        ("configuration", wanted.permissions),
        ("secrets", wanted.secrets),
        ("malware", wanted.malware is not None),
        ("licenses", bool(around.licenses)),
    )
    return tuple(part for part, is_asked in asked if is_asked)


def _list_secrets(files: Sequence[HiddenFind[FileContents]]) -> Iterator[SecretFinding]:
    for file in files:
        for place in file.found.secrets:
            yield SecretFinding(
                place.rule,
                place.title,
                Severity(place.severity),
                file.path,
                place.first_line,
                place.last_line,
                place.fingerprint,
                file.layer,
                file.removed_by,
            )


def _list_malware(files: Sequence[HiddenFind[FileContents]], known: KnownMalware) -> Iterator[MalwareFinding]:
    for path, layer, removed_by, found in files:
        placed = {"sha256": found.sha256, "layer": layer, "removed_by": removed_by}
        for one in found.malware:
            yield MalwareFinding(
                one.engine, one.rule, one.title, one.severity, one.kind, path, one.member, **placed
            )
        if (digest := known.get(found.sha256)) and found.sha256:
            rule = digest.source or "known digest"
            yield MalwareFinding("digest", rule, digest.title, digest.severity, "malware", path, **placed)


def _list_unassessed_files(
    contents: InventoryContents, files: Sequence[HiddenFind[FileContents]], engines: Sequence[EngineStatus]
) -> Iterator[Unassessed]:
    """Yield what was not looked at: files that were not read, or not in full, and engines that are absent or old."""
    for unread in contents.unread:
        yield Unassessed("packages", unread.reason, unread.path)
    if contents.absence:
        yield Unassessed("packages", contents.absence)
    looking = [
        engine for engine in engines if engine.engine != "digest" and engine.state in ("ready", "stale")
    ]
    for engine in engines:
        # ClamAV is an addition: where it is not installed it is missed only where rules cannot be run either
        is_missed = engine.state == "absent" and (engine.engine == "yara" or not looking)
        if engine.state in ("stale", "unusable") or is_missed:
            yield Unassessed("malware", f"{engine.engine}: {engine.reason}")
    for file in files:
        for one in file.found.unexamined:
            yield Unassessed(one.part, one.reason, file.path)
