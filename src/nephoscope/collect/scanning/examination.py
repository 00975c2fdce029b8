"""Describe the results of a scan of an image or a disk: packages, configuration, secrets, malware and licenses."""

from __future__ import annotations

from typing import Literal

import msgspec

from nephoscope.collect.malware.malware_match import EngineStatus, MalwareKind
from nephoscope.collect.scanning.image_rules.configuration_finding import ConfigurationFinding
from nephoscope.collect.scanning.license_policy import LicenseFinding
from nephoscope.collect.scanning.scan_contents import InventoryContents
from nephoscope_policy.model.state import Severity

#: What a scan looks for.
ExaminedPart = Literal["packages", "configuration", "secrets", "malware", "licenses"]


class SecretFinding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A secret that was left behind: its kind and where it stands, never its value.

    `fingerprint` is the same for the same secret under the same key. `layer` is the digest of the layer that holds it, `removed_by`
    that of the layer that takes the file away or replaces it: who can pull the image has it all the same.
    """

    rule: str
    title: str
    severity: Severity
    path: str
    first_line: int
    last_line: int
    fingerprint: str = ""
    layer: str = ""
    removed_by: str = ""


class MalwareFinding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file that is malware, or looks like it: `rule` is the engine's name for it, `member` its path inside of an archive.

    `sha256` is the digest of the file where it is a program, a script or an archive; `layer` and `removed_by` are as for secrets.
    """

    engine: Literal["yara", "clamav", "digest"]
    rule: str
    title: str
    severity: Severity
    kind: MalwareKind
    path: str
    member: str = ""
    sha256: str = ""
    layer: str = ""
    removed_by: str = ""


class Unassessed(msgspec.Struct, frozen=True, omit_defaults=True):
    """Part of a scan, or a file in it, that was not assessed or not in full, and why. It never counts as clean."""

    part: ExaminedPart
    reason: str
    path: str = ""


class Examination(msgspec.Struct, frozen=True, omit_defaults=True):
    """Results of scanning a root: `examined` are the parts that were assessed; the findings of other parts are unknown.

    `engines` are the malware engines with the age of their databases.
    """

    contents: InventoryContents
    examined: tuple[ExaminedPart, ...]
    configuration: tuple[ConfigurationFinding, ...] = ()
    secrets: tuple[SecretFinding, ...] = ()
    malware: tuple[MalwareFinding, ...] = ()
    licenses: tuple[LicenseFinding, ...] = ()
    engines: tuple[EngineStatus, ...] = ()
    unassessed: tuple[Unassessed, ...] = ()


class ImageExamination(Examination, frozen=True, omit_defaults=True, kw_only=True):
    """Results of scanning an image: `digest` is that of its manifest, `name` the name that was requested."""

    name: str
    digest: str
