"""Remedies of an assessment that could not be evaluated: action, commands and permissions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from nephoscope.collect.azure.collection_plan import GRAPH, CollectionPlan
from nephoscope.collect.azure.content_requirements import ContentNeeds
from nephoscope.collect.azure.microsoft_graph import KINDS
from nephoscope.collect.facts.fact_types import load_fact_types
from nephoscope.collect.resource_sources import TypeSources
from nephoscope.estate.devops_documents import DOCUMENTS, NAMESPACE
from nephoscope_policy.azure_facts import find_report_kind

#: Where exports of single types go; a scan takes them together with the rest.
FOLDER = "more"
#: What GitHub, GitLab and Azure DevOps tell, and Azure does not.
DEVOPS = f"{NAMESPACE.lower()}/"
_DEVOPS_COMMANDS = (
    f"nephoscope pipelines collect PLATFORM ORGANIZATION --connector ID --out {FOLDER}",
    f"nephoscope scan ESTATE {FOLDER}",
)

#: Findings of scanners: those of one's own come from a scan that is kept.
_FINDINGS = "microsoft.security/assessments/subassessments"
_SCANS = (
    "nephoscope inventory ROOT --keep --resource MACHINE",
    "nephoscope image IMAGE --keep --resource REGISTRY",
    "nephoscope scan ESTATE",
)


class Need(StrEnum):
    """The kinds of things that verdicts lack."""

    TYPE = "Resource type not read"
    BODY = "Properties not read"
    DEPTH = "Values cut by the export"
    LOGS = "Logs not collected"
    REPORT = "Report too old"
    DEFINITION = "Definition not loaded"
    ASSIGNMENT = "Assignment does not fit"
    CORRECTION = "Definition fails"
    REQUEST = "Judged by request"
    ANALYZER = "No analyzer"
    MODEL = "Not modelled"
    SEGMENTS = "Segments not judged"


EXPORTED = frozenset({Need.TYPE, Need.BODY, Need.REPORT})
"""The kinds of what an export of a resource type brings."""


@dataclass(frozen=True, slots=True)
class GapRemedy:
    """Remedy of a data gap: the action, its commands in order (none where no command does it), and the read permissions they need."""

    action: str
    commands: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


def describe_remedy(need: Need, subject: str) -> GapRemedy:
    """The remedy of what is missing; `subject` says which: a lower-cased resource type, a definition's id, or words."""
    return _REMEDIES[need](subject)


def format_type(type_: str) -> str:
    """A lower-cased resource type as Azure writes it."""
    if type_.startswith(DEVOPS):
        return next((one for one in DOCUMENTS if one.lower() == type_), type_)
    if type_ in KINDS:
        return KINDS[type_].type
    own = load_fact_types().get(type_)
    return own.type if own else TypeSources.load_builtin().spell(type_)


def list_permissions(type_: str) -> tuple[str, ...]:
    """The permissions that reading a lower-cased type takes."""
    if type_.startswith(GRAPH):
        return (f"Microsoft Graph {KINDS[type_].permission}",) if type_ in KINDS else ()
    return (f"{format_type(type_)}/read",) if type_ else ()


def explain_unreadable_type(type_: str) -> str:
    """Explain why a lower-cased type cannot be collected, '' where it can."""
    reading = TypeSources.load_builtin()
    if type_ in reading.lists:
        return ""
    return CollectionPlan.of(ContentNeeds(frozenset({type_}), {}, {}), reading).unread.get(type_, "")


def _list_export_commands(type_: str) -> tuple[str, ...]:
    """The commands that read a type, by a sign-in of nephoscope or else of `az`, and judge the estate with it."""
    asked = format_type(type_)
    return (
        f"nephoscope collect --type {asked} --out {FOLDER}",
        f"nephoscope collect --script az --type {asked} > export.sh && bash export.sh {FOLDER}",
        f"nephoscope scan ESTATE {FOLDER}",
    )


def _read_type(type_: str) -> GapRemedy:
    if not type_:
        return GapRemedy(
            "Export the estate whole", ("nephoscope collect --out estate", "nephoscope scan estate")
        )
    if type_.startswith(DEVOPS):
        return GapRemedy(
            f"Read {format_type(type_)} of the organization with a token that may see it", _DEVOPS_COMMANDS
        )
    if type_ == _FINDINGS:
        return GapRemedy("Scan the machine or the registry's images and keep what is found", _SCANS)
    if why := explain_unreadable_type(type_):
        return GapRemedy(
            f"No export of nephoscope holds {format_type(type_)}: {why}. Attest to it or exempt it"
        )
    action = f"Read {format_type(type_)} and scan it together with the rest"
    return GapRemedy(action, _list_export_commands(type_), list_permissions(type_))


def _read_body(type_: str) -> GapRemedy:
    if not type_:
        return _read_type("")
    if type_.startswith(DEVOPS):
        return _read_type(type_)
    action = f"The export lists {format_type(type_)} without all of their properties: export them whole"
    return GapRemedy(action, _list_export_commands(type_), list_permissions(type_))


def _suggest_deeper_collection(type_: str) -> GapRemedy:
    what = format_type(type_) if type_ else "the resources"
    query = TypeSources.load_builtin().build_query(type_)
    if type_ and not query:
        return GapRemedy(
            f"Export {what} again at full depth", _list_export_commands(type_), list_permissions(type_)
        )
    asked = f'-Query "{query}" -First 1000' if query else "..."
    written = f" > {FOLDER}.json" if query else ""
    command = f"Search-AzGraph {asked} | ConvertTo-Json -Depth 100{written}"
    return GapRemedy(f"Export {what} again at full depth", (command,), list_permissions(type_))


def _suggest_renewal(type_: str) -> GapRemedy:
    kind = find_report_kind(type_)
    title, renew = (kind[0].title, kind[0].renew) if kind is not None else ("report", "")
    own = f"{renew}. Then read" if renew else "Read"
    action = (
        f"The {title} is too old, or nothing tells when it was read. {own} {format_type(type_)} again; of a newer export "
        "write the time as readAt into a coverage.json beside it"
    )
    return GapRemedy(action, _list_export_commands(type_), list_permissions(type_))


def _collect_logs(tables: str) -> GapRemedy:
    """What brings rows of tables, which are named by words and may be none."""
    wanted = f"Collect {tables}" if tables else "Collect logs"
    action = f"{wanted}: enable the diagnostic or flow logs in Azure and add their source, or import exported files"
    return GapRemedy(
        action,
        ("nephoscope sources add NAME --kind KIND", "nephoscope ingest FOLDER", "nephoscope scan ESTATE"),
    )


def _suggest_loading_definition(definition: str) -> GapRemedy:
    asked = "Microsoft.Authorization/policyDefinitions"
    commands = (
        f"nephoscope collect --type {asked} --out {FOLDER}", f"nephoscope scan ESTATE {FOLDER}",
        "nephoscope content import FOLDER",
    )  # fmt: skip
    action = f"Load the definition {definition}: export your own definitions, or import a pack that holds it"
    return GapRemedy(action, commands, (f"{asked}/read",))


def _suggest_fitting_options(words: str) -> GapRemedy:
    asked = "Microsoft.Authorization/policyAssignments"
    commands = (f"nephoscope collect --type {asked} --out {FOLDER}", f"nephoscope scan ESTATE {FOLDER}")
    return GapRemedy(
        f"Correct the parameters of the assignment in Azure and export it again ({words})",
        commands,
        (f"{asked}/read",),
    )


def _suggest_correction(words: str) -> GapRemedy:
    command = "nephoscope content test FOLDER"
    return GapRemedy(f"Correct the policy definition ({words})", (command,))


def _suggest_asking(words: str) -> GapRemedy:
    action = f"No export settles it: {words}. Ask Azure's API checkPolicyRestrictions of this server, attest to it, or exempt it"
    return GapRemedy(action)


def _suggest_waiting(words: str) -> GapRemedy:
    return GapRemedy(
        f"No export settles it ({words}). Attest to it or exempt it; a later release may judge it"
    )


def _assess_segments(_: str) -> GapRemedy:
    return GapRemedy(
        "Correct segments.yaml in the data folder, collect what is missing of the machines, and assess the estate again",
        ("nephoscope protect segments ESTATE --plan segments.yaml", "nephoscope collect --out estate"),
    )


_REMEDIES = {
    Need.TYPE: _read_type,
    Need.BODY: _read_body,
    Need.DEPTH: _suggest_deeper_collection,
    Need.LOGS: _collect_logs,
    Need.REPORT: _suggest_renewal,
    Need.DEFINITION: _suggest_loading_definition,
    Need.ASSIGNMENT: _suggest_fitting_options,
    Need.CORRECTION: _suggest_correction,
    Need.REQUEST: _suggest_asking,
    Need.ANALYZER: _suggest_waiting,
    Need.MODEL: _suggest_waiting,
    Need.SEGMENTS: _assess_segments,
}
