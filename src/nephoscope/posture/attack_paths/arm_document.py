"""An attack path as an ARM document: Microsoft.Security/attackPaths, as Azure Resource Graph holds it.

The fields of both of Azure's forms are there: potentialImpact, riskCategories, entryPointEntityInternalID and
targetEntityInternalID of the documented one, riskLevel, riskFactors, entryPoint, target, attackPathSteps and attackStory of the one
that Exposure Management writes.
Source: https://learn.microsoft.com/azure/defender-for-cloud/attack-path-api
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from nephoscope.posture.attack_paths.entity import TITLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.posture.attack_paths.attack_path import AttackPath, Chain
    from nephoscope.posture.attack_paths.entity import Connection, GraphEntity
    from nephoscope.posture.attack_paths.open_findings import OpenFinding

TYPE = "Microsoft.Security/attackPaths"


def build_arm_id(path: AttackPath) -> str:
    """The id of its document: below its subscription, or at the tenant."""
    scope = f"/subscriptions/{path.subscription}" if path.subscription else ""
    return f"{scope}/providers/{TYPE}/{path.id}"


def build_properties(path: AttackPath) -> dict[str, object]:
    """The properties of its document."""
    chain, type_ = path.chain, path.chain.type
    return {
        "AttackPathID": path.id,
        "attackPathType": type_.name,
        "displayName": type_.title,
        "description": type_.description,
        "potentialImpact": type_.impact,
        "riskLevel": path.level.value,
        "riskReasons": list(path.reasons),
        "riskFactors": list(path.factors),
        "riskCategories": list(type_.risk_categories),
        "mITRETacticsAndTechniques": list(dict.fromkeys([*type_.tactics, *type_.techniques])),
        "attackStory": path.description,
        "isPartialAttackPath": False,
        "entryPoint": build_entity_body(chain.entry),
        "target": build_entity_body(chain.target),
        "entryPointEntityInternalID": get_internal_id(chain.entry),
        "targetEntityInternalID": get_internal_id(chain.target),
        "manualRemediationSteps": _build_remediation(chain),
        "attackPathSteps": [_build_step(chain, at) for at in range(len(chain.connections))],
        "assessments": {
            get_internal_id(entity): [_build_assessment(one) for one in found]
            for entity, found in zip(chain.entities, _list_findings(chain), strict=True)
            if found
        },
        "graphComponent": {
            "entities": [build_entity_body(one) for one in chain.entities],
            "connections": [_build_connection(one, chain) for one in chain.connections],
            "insights": list(_list_insights(chain)),
        },
    }


def get_internal_id(entity: GraphEntity) -> str:
    """Return what an entity is called inside documents: the same for the same entity in all of them."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, entity.id))


def build_entity_body(entity: GraphEntity) -> dict[str, object]:
    """An entity of the graph."""
    identifiers = {"azureResourceId": entity.resource} if entity.resource else {}
    if "/" not in entity.id and not entity.id.isalpha():
        identifiers["entraObjectId"] = entity.id
    return {
        "entityInternalId": get_internal_id(entity),
        "entityName": entity.name,
        "entityType": entity.type,
        "entityIdentifiers": identifiers,
    }


def _build_connection(connection: Connection, chain: Chain) -> dict[str, object]:
    source, target = (
        next(one for one in chain.entities if one.id == id_) for id_ in (connection.source, connection.target)
    )
    return {
        "sourceEntityInternalId": get_internal_id(source),
        "targetEntityInternalId": get_internal_id(target),
        "type": connection.kind.value,
        "title": TITLES[connection.kind],
        "description": connection.why,
    }


def _build_step(chain: Chain, at: int) -> dict[str, object]:
    """A step: where from, where to, why it can be taken, and what closes it."""
    connection, target = chain.connections[at], chain.entities[at + 1]
    weak = [one for insight in chain.insights[at + 1].values() for one in insight.findings]
    begun = [one for insight in chain.insights[0].values() for one in insight.findings] if at == 0 else []
    return {
        "from": chain.entities[at].name,
        "to": target.name,
        "title": TITLES[connection.kind],
        "description": connection.why,
        "remediation": connection.remedy,
        "assessments": [
            _build_assessment(one) for one in _deduplicate_findings([*connection.findings, *begun, *weak])
        ],
    }


def _list_insights(chain: Chain) -> Iterable[dict[str, object]]:
    for entity, known in zip(chain.entities, chain.insights, strict=True):
        for one in known.values():
            yield {
                "entityInternalId": get_internal_id(entity),
                "type": one.kind.value,
                "description": one.text,
                "assessments": [_build_assessment(finding) for finding in one.findings],
            }


def _list_findings(chain: Chain) -> list[list[OpenFinding]]:
    """For each entity, the failing recommendations that make the path."""
    found: list[list[OpenFinding]] = []
    for at, known in enumerate(chain.insights):
        several = [finding for one in known.values() for finding in one.findings]
        found.append(_deduplicate_findings([*several, *(chain.connections[at - 1].findings if at else ())]))
    return found


def _deduplicate_findings(findings: Iterable[OpenFinding]) -> list[OpenFinding]:
    return list(dict.fromkeys(findings))


def _build_assessment(finding: OpenFinding) -> dict[str, object]:
    return {
        "id": f"{finding.resource}/providers/Microsoft.Security/assessments/{finding.key}",
        "key": finding.key,
        "resource": finding.resource,
        "displayName": finding.title,
        "severity": finding.severity.value,
    }


def _build_remediation(chain: Chain) -> list[str]:
    steps = [*chain.type.remediation, *(one.remedy for one in chain.connections if one.remedy)]
    return list(dict.fromkeys(steps))
