"""Answers in a folder are whole only when the distinct records of all pages are there."""

from __future__ import annotations

import json

import pytest

from nephoscope.collect import resources

SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
OTHER = "/subscriptions/22222222-2222-2222-2222-222222222222"
MANAGEMENT = "https://management.azure.com"
STORAGE, VAULT = "Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults"


def graph(total, names, *, goes_on=False, type_=STORAGE, subscription=SUBSCRIPTION):
    """An answer of a query to Resource Graph."""
    group = f"{subscription}/resourceGroups/rg/providers/{type_}"
    data = [{"id": f"{group}/{name}", "properties": {"row": at}} for at, name in enumerate(names)]
    return {"count": len(data), "data": data, "skip_token": "t" if goes_on else None, "total_records": total}


def listed(type_, names, *, goes_on=False, subscription=SUBSCRIPTION):
    """An answer of a list of ARM."""
    address = f"{subscription}/providers/{type_}"
    rows = [
        {"id": f"{subscription}/resourceGroups/rg/providers/{type_}/{name}", "properties": {}}
        for name in names
    ]
    link = f"{MANAGEMENT}{address}?api-version=2023-01-01&$skiptoken=x" if goes_on else None
    return {"value": rows, "nextLink": link}


WHOLE = {
    "pages": [graph(3, "ab", goes_on=True), graph(3, "c")],
    "a page twice": [graph(3, "ab", goes_on=True), graph(3, "ab", goes_on=True), graph(3, "c")],
    "two queries of one total": [
        graph(2, "a", goes_on=True), graph(2, "b"), graph(2, "a", goes_on=True, type_=VAULT), graph(2, "b", type_=VAULT),
    ],
    "one query on two days": [graph(2, "ab"), graph(2, "bc")],
    "lists that a query expands": [graph(3, "aa", goes_on=True), graph(3, "b")],
    "nothing": [graph(0, "")],
    "two lists": [listed(STORAGE, "a", goes_on=True), listed(STORAGE, "b"), listed(VAULT, "a")],
    "an empty last page": [listed(STORAGE, "a", goes_on=True), listed(STORAGE, ""), listed(VAULT, "a")],
}  # fmt: skip
SHORT = {
    "a page less": [graph(3, "ab", goes_on=True), graph(2, "de", type_=VAULT)],
    "a page twice, one missing": [graph(4, "ab", goes_on=True), graph(4, "ab", goes_on=True)],
    "the last page twice, the first missing": [graph(4, "cd"), graph(4, "cd")],
    "one of two queries of one total": [graph(4, "abcd"), graph(4, "ab", type_=VAULT)],
    "two queries of one total, both cut": [
        graph(4, "ab", goes_on=True), graph(4, "ab", goes_on=True, type_=VAULT), graph(1, "z", type_=VAULT),
    ],
    "a list that ends does not end another": [listed(STORAGE, "a", goes_on=True), listed(VAULT, "a")],
    "a list of another subscription": [
        listed(STORAGE, "a", goes_on=True), listed(STORAGE, "b", subscription=OTHER),
    ],
    "two lists, one empty last page": [
        listed(STORAGE, "a", goes_on=True), listed(VAULT, "a", goes_on=True), listed(VAULT, ""),
    ],
}  # fmt: skip


def load(folder, pages, *, together=False):
    if together:
        (folder / "all.json").write_text("\n".join(map(json.dumps, pages)))
    else:
        for number, page in enumerate(pages):
            (folder / f"page{number}.json").write_text(json.dumps(page))
    return resources.load([folder])


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("name", WHOLE)
def test_answers_that_are_whole(tmp_path, name, together):
    reasons = [one.reason for one in load(tmp_path, WHOLE[name], together=together).quarantine]
    if name == "one query on two days" and not together:
        (reason,) = reasons
        assert "/b: the body differs from the one in another file" in reason
    else:
        assert reasons == []


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("name", SHORT)
def test_answers_that_lack_a_page(tmp_path, name, together):
    estate = load(tmp_path, SHORT[name], together=together)
    assert [one.reason.partition(":")[0].startswith("the answer ") for one in estate.quarantine] == [True]
    assert not estate.coverage.covers(STORAGE.lower(), SUBSCRIPTION)


def test_records_are_counted_and_not_what_an_answer_says_of_itself(tmp_path):
    page = {**graph(4, "ab"), "count": 4}
    (bad,) = load(tmp_path, [page]).quarantine
    assert bad.reason.startswith("the answer holds 2 of 4 records")


def test_a_broken_record_is_told_once(tmp_path):
    text = json.dumps(graph(2, "ab")).replace('{"id"', '{"id" 7', 1)
    (tmp_path / "page.json").write_text(text)
    (bad,) = resources.load([tmp_path]).quarantine
    assert "next page" not in bad.reason
    assert "the answer holds" not in bad.reason
