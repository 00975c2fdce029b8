"""States of standards, their controls and policies, the worst over all that may be read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from duckdb import ColumnExpression, ConstantExpression, FunctionExpression

from nephoscope.posture.published.document_listing import decode_document
from nephoscope.posture.reports.resource_graph_tables import COLLECTED

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.document_queries import Documents

STANDARD = "microsoft.security/regulatorycompliancestandards"
CONTROL = f"{STANDARD}/regulatorycompliancecontrols"
ASSESSMENT = f"{CONTROL}/regulatorycomplianceassessments"
ORDER = ("Failed", "Skipped", "Passed", "Unsupported")
"""States, the worst first."""
#: Where an id has its standard: /subscriptions/<id>/providers/Microsoft.Security/regulatoryComplianceStandards/<name>.
_PLACE = 7


@dataclass(frozen=True, slots=True)
class Standards:
    """The standards of an edition; each subscription has a document of each."""

    documents: Documents

    def bodies(self, reach: Reach) -> list[dict[str, Any]]:
        """One document of each standard, of those that may be read."""
        rows = self._build_rows(reach, STANDARD).aggregate("name, arg_max(number, key)", "name")
        return [decode_document(body) for body in self.documents.bodies([at for _, at in rows.fetchall()])]

    def states(self, reach: Reach, type_: str) -> dict[str, dict[str, str]]:
        """Standard -> the name of each of its controls (CONTROL) or policies (ASSESSMENT) -> the worst of its states."""
        projection = f"split_part(id, '/', {_PLACE}), name, trim(stands, '\"')"
        found: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for standard, name, state in self._build_rows(reach, type_).project(projection).distinct().fetchall():
            known = found[standard].get(name, state)
            found[standard][name] = choose_worse_state(known, state)
        return found

    def list_documents(self, reach: Reach, standard: str, type_: str) -> list[dict[str, Any]]:
        """The documents of the controls or policies of a standard (its name in any case), in the order of their ids."""
        at = (ColumnExpression("id"), ConstantExpression("/"), ConstantExpression(_PLACE))
        named = FunctionExpression("lower", FunctionExpression("split_part", *at))
        rows = self._build_rows(reach, type_).filter(named == ConstantExpression(standard.lower()))
        numbers = [number for (number,) in rows.order("key").project("number").fetchall()]
        return [decode_document(body) for body in self.documents.bodies(numbers)]

    def _build_rows(self, reach: Reach, type_: str) -> DuckDBPyRelation:
        """Return those that were made here: what Azure had said of them is not how they stand."""
        made_here = ColumnExpression("part") != ConstantExpression(COLLECTED)
        return self.documents.select_rows_of_types([type_], reach, also=made_here)


def choose_worse_state(one: str, other: str) -> str:
    """The worse of two states."""
    return min(one, other, key=ORDER.index)
