"""Resource Graph: pages of a query are of the evaluation in which it began, and where that is gone the next page is an error."""

from __future__ import annotations

from nephoscope.posture.published.build_info import make_build_info
from nephoscope.posture.published.publishing import publish_documents

PATH = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
QUERY = "resources | project id | order by id asc"


def test_pages_are_of_the_edition_in_which_a_query_began(server, owner, instance, report):
    def ask(**options):
        return server.post(PATH, headers=owner, json={"query": QUERY, "options": options})

    began = instance.snapshots.load_newest()
    whole = [row["id"] for row in ask().json()["data"]]
    first = ask(**{"$top": 7}).json()
    token = {"$skipToken": first["$skipToken"]}
    publish_documents(instance.data, iter(()), make_build_info([report]))
    assert ask().json()["totalRecords"] == 0, "the estate of now"
    rest = ask(**token).json()
    assert rest["totalRecords"] == first["totalRecords"]
    rows = [row["id"] for page in (first, rest) for row in page["data"]]
    assert rows[: len(whole)] == whole
    assert len(rows) > 100
    began.files["resources"][0].unlink()
    told = ask(**token)
    assert (told.status_code, told.json()["error"]["code"]) == (400, "SkipTokenExpired"), told.text
