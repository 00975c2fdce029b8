"""Process tree: ancestors and descendants of the processes of an alert, with what each of them did."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

MOST_ANCESTORS, MOST_GENERATIONS, MOST_PROCESSES, MOST_ACTIVITIES = 8, 6, 200, 50


@dataclass(frozen=True, slots=True)
class ProcessStart:
    """A process that a host started. `pid` is -1 where the log does not say it, `guid` is '' where the sensor gives none."""

    host: str
    at: datetime
    pid: int
    parent_pid: int = -1
    guid: str = ""
    parent_guid: str = ""
    image: str = ""
    command: str = ""
    user: str = ""
    parent_image: str = ""
    logon: str = ""


@dataclass(frozen=True, slots=True)
class ProcessActivity:
    """Something that a process did: a `file`, `registry`, `network` or `logon` event."""

    host: str
    at: datetime
    pid: int
    kind: str
    text: str
    logon: str = ""


@dataclass(frozen=True, slots=True)
class ProcessNode:
    """A process of a tree; `at` is None where no log has its start: then its id and image come from its child."""

    host: str
    pid: int
    image: str
    at: datetime | None = None
    command: str = ""
    user: str = ""
    alerted: bool = False
    activities: tuple[ProcessActivity, ...] = ()
    left: int = 0
    children: tuple[ProcessNode, ...] = ()

    def walk(self, depth: int = 0) -> Iterator[tuple[int, ProcessNode]]:
        """Yield the node and all below it, each with its depth."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)

    def document(self) -> dict[str, object]:
        """Return the node as JSON values."""
        return {
            "host": self.host, "processId": self.pid if self.pid >= 0 else None, "image": self.image,
            "started": self.at.isoformat() if self.at else None, "known": self.at is not None,
            "commandLine": self.command, "user": self.user, "alerted": self.alerted, "activitiesLeftOut": self.left,
            "activities": [{"time": one.at.isoformat(), "kind": one.kind, "text": one.text} for one in self.activities],
            "children": [one.document() for one in self.children],
        }  # fmt: skip


class ProcessIndex:
    """Finds the parent, the children and the activities of processes; an id that the host uses again means the latest process."""

    def __init__(self, starts: Iterable[ProcessStart]) -> None:
        self.starts = sorted(set(starts), key=lambda one: (one.at, one.pid))
        self._by_guid = {(one.host, one.guid): one for one in self.starts if one.guid}
        self._by_pid: dict[tuple[str, int], list[ProcessStart]] = defaultdict(list)
        for one in self.starts:
            self._by_pid[one.host, one.pid].append(one)
        self._children: dict[ProcessStart, list[ProcessStart]] = defaultdict(list)
        for one in self.starts:
            if (parent := self.find_parent(one)) is not None:
                self._children[parent].append(one)

    def find_running_process(self, host: str, pid: int, at: datetime) -> ProcessStart | None:
        """Return the latest process with that id which the host started by then."""
        several = self._by_pid.get((host, pid), []) if pid >= 0 else []
        place = bisect_right(several, at, key=lambda one: one.at)
        return several[place - 1] if place else None

    def find_parent(self, one: ProcessStart) -> ProcessStart | None:
        """Return the process that started another, None where no log has its start."""
        found = self._by_guid.get((one.host, one.parent_guid)) if one.parent_guid else None
        if found is None and not (one.parent_guid and self._by_guid):
            found = self.find_running_process(one.host, one.parent_pid, one.at)
        return found if found is not one else None

    def list_ancestors(self, one: ProcessStart) -> list[ProcessStart]:
        """Return the parent, its parent and so on, within the bound."""
        found: list[ProcessStart] = []
        while len(found) < MOST_ANCESTORS:
            parent = self.find_parent(found[-1] if found else one)
            if parent is None or parent is one or parent in found:
                break
            found.append(parent)
        return found

    def iterate_descendants(self, several: Iterable[ProcessStart]) -> Iterator[ProcessStart]:
        """Yield the children, their children and so on, nearest first, within the bound."""
        waiting = deque((one, 0) for one in several)
        seen = {one for one, _ in waiting}
        while waiting:
            one, depth = waiting.popleft()
            for child in self._children.get(one, ()) if depth < MOST_GENERATIONS else ():
                if child not in seen:
                    seen.add(child)
                    waiting.append((child, depth + 1))
                    yield child


@dataclass(frozen=True, slots=True)
class ProcessTree:
    """The trees around the processes of an alert. `left` counts the processes left out, `error` says why there is no tree."""

    roots: tuple[ProcessNode, ...] = ()
    left: int = 0
    error: str = ""

    def nodes(self) -> list[tuple[int, ProcessNode]]:
        """Return all nodes in order, each with its depth."""
        return [each for root in self.roots for each in root.walk()]

    def document(self) -> dict[str, object]:
        """Return the tree as JSON values."""
        return {
            "roots": [one.document() for one in self.roots],
            "processesLeftOut": self.left,
            "error": self.error,
        }


def build_tree(
    index: ProcessIndex, seeds: Sequence[ProcessStart], activities: Iterable[ProcessActivity] = ()
) -> ProcessTree:
    """Build the tree of ancestors and descendants of the `seeds`, with the activities of each process."""
    chosen = list(dict.fromkeys([*seeds, *(one for seed in seeds for one in index.list_ancestors(seed))]))
    below = [one for one in index.iterate_descendants(seeds) if one not in chosen]
    room = max(0, MOST_PROCESSES - len(chosen))
    chosen += below[:room]
    return ProcessTree(
        tuple(_TreeBuilder(index, chosen, set(seeds), activities).list_roots()), len(below[room:])
    )


class _TreeBuilder:
    """Nests chosen processes below their parents."""

    def __init__(
        self,
        index: ProcessIndex,
        chosen: Sequence[ProcessStart],
        seeds: set[ProcessStart],
        activities: Iterable[ProcessActivity],
    ) -> None:
        self._index, self._seeds = index, seeds
        self._chosen = sorted(chosen, key=lambda one: (one.at, one.pid))
        self._parents = {one: index.find_parent(one) for one in self._chosen}
        self._done = assign_activities(index, set(chosen), activities)

    def list_roots(self) -> Iterator[ProcessNode]:
        """Yield the topmost processes, each below its parent that no log has."""
        above: dict[tuple[str, int, str], list[ProcessNode]] = {}
        for one in self._chosen:
            parent = self._parents[one]
            if parent is None and (one.parent_pid >= 0 or one.parent_image):
                above.setdefault((one.host, one.parent_pid, one.parent_image), []).append(
                    self._build_node(one)
                )
            elif parent not in self._parents:
                yield self._build_node(one)
        for (host, pid, image), children in above.items():
            yield ProcessNode(host, pid, image, children=tuple(children))

    def _build_node(self, one: ProcessStart) -> ProcessNode:
        done = self._done.get(one, [])
        children = tuple(self._build_node(each) for each in self._chosen if self._parents[each] is one)
        return ProcessNode(
            one.host, one.pid, one.image, one.at, one.command, one.user, one in self._seeds,
            tuple(done[:MOST_ACTIVITIES]), max(0, len(done) - MOST_ACTIVITIES), children,
        )  # fmt: skip


def assign_activities(
    index: ProcessIndex, chosen: set[ProcessStart], activities: Iterable[ProcessActivity]
) -> Mapping[ProcessStart, list[ProcessActivity]]:
    """Return what the chosen processes did, in order; a logon also belongs to the first process of its session."""
    sessions = {
        (one.host, one.logon): one
        for one in sorted(chosen, key=lambda one: one.at, reverse=True)
        if one.logon
    }
    found: dict[ProcessStart, list[ProcessActivity]] = defaultdict(list)
    for activity in sorted(activities, key=lambda one: (one.at, one.kind, one.text)):
        owner = index.find_running_process(activity.host, activity.pid, activity.at)
        if owner not in chosen:
            owner = sessions.get((activity.host, activity.logon)) if activity.logon else None
        if owner is not None:
            found[owner].append(activity)
    return found
