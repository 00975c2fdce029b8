"""Resource Manager: GET of lists and items, page by page, for what Resource Graph lacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nephoscope.collect.azure.checkpoint import Checkpoint, CheckpointEntry, build_request_key
from nephoscope.collect.azure.collection_gaps import parse_refusal
from nephoscope.connect.read_only_client import RequestError, RestClient, RestResponse
from nephoscope.files.json_tree import get_list

MAX_PAGES = 10_000
#: Storage's refusal to list what an account of its kind never has, such as containers of an account for files alone.
_NO_SUCH_SERVICE = frozenset({"FeatureNotSupportedForAccount"})


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A request that was not granted: why, and the missing permission."""

    reason: str
    permission: str


@dataclass(frozen=True, slots=True)
class ArmGet:
    """Asks with one sign-in and keeps every answer; `take` is told every body."""

    client: RestClient
    checkpoint: Checkpoint
    take: Callable[[dict[str, object]], None]

    def read(
        self, url: str, api: str, type_: str, action: str, *, must_be: bool = False
    ) -> FailedRequest | None:
        """Read an item, or a list to its end; what does not exist is read. None, or why it was refused.

        Where it `must_be` there, its absence is a failure. Bodies read with an `api` version are part of the snapshot, others
        are only handed to `take`.
        """
        following = url
        for _ in range(MAX_PAGES):
            kept = self._fetch_page(following, api, type_, action)
            if kept.status != 200 and (must_be or kept.status != 404):
                return FailedRequest(kept.reason, kept.permission)
            for row in kept.rows:
                self.take(row["resource"])
            if not kept.next:
                return None
            following = kept.next
        return FailedRequest(f"more than {MAX_PAGES} pages", "")

    def _fetch_page(self, url: str, api: str, type_: str, action: str) -> CheckpointEntry:
        key = build_request_key("get", url)
        kept = self.checkpoint.get(key)
        if kept is None:
            try:
                answer = self.client.get(url, type_)
            except RequestError as error:
                if error.status < 500:
                    raise
                return CheckpointEntry(key, "", error.status, [], reason=error.message)
            kept = _make_checkpoint_entry(key, answer, api, type_, action)
            self.checkpoint.put(kept)
        return kept


def _make_checkpoint_entry(
    key: str, answer: RestResponse, api: str, type_: str, action: str
) -> CheckpointEntry:
    if answer.status in (204, 404) or answer.error[0] in _NO_SUCH_SERVICE:
        return CheckpointEntry(key, "", 404, [], reason=f"{answer.status}: nothing is there")
    if not answer.ok:
        reason, permission = parse_refusal(answer, action)
        return CheckpointEntry(key, "", answer.status, [], reason=reason, permission=permission)
    body = answer.body
    is_list = isinstance(body.get("value"), list) and "id" not in body
    found = get_list(body, "value") if is_list else [body]
    rows = [{"resource": row, "api_version": api} for row in found if isinstance(row, dict)]
    following = body.get("nextLink") if "id" not in body else ""
    return CheckpointEntry(
        key, f"arm/{type_.replace('/', '.')}.jsonl" if api else "", 200, rows, str(following or ""), len(rows)
    )
