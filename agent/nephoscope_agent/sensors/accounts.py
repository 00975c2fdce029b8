"""Users, groups and the rules of sudo."""

from __future__ import annotations

import hashlib
from pathlib import Path

from nephoscope_agent.accounts import read_entries
from nephoscope_agent.inventory_sensor import (
    InventorySensor,
    configuration,
    configuration_change,
    device_event,
)
from nephoscope_agent.row import Row, SensorUnavailableError, Values

_SUDOERS, _SUDOERS_FOLDER = "/etc/sudoers", "/etc/sudoers.d"
_LOCKED = ("!", "*")
_KINDS = {"user": "Users", "group": "Groups", "sudoers": "Sudoers"}


class AccountsSensor(InventorySensor):
    """Compares passwd, group, shadow (whether a password is set, never its hash) and sudoers."""

    name = "accounts"
    interval = 30.0

    def read(self) -> dict[str, Values]:
        settings = self.context.settings
        users = read_entries(settings.resolve_path("/etc/passwd"), 7)
        if not users:
            raise SensorUnavailableError("no /etc/passwd")
        shadow = {entry[0]: entry[1] for entry in read_entries(settings.resolve_path("/etc/shadow"), 2)}
        self.limits[:] = (
            [] if shadow else ["/etc/shadow is not readable: whether passwords are set is not known"]
        )
        found: dict[str, Values] = {}
        for name, _, uid, gid, _, home, shell in (entry[:7] for entry in users):
            password = (
                "unknown" if name not in shadow else "locked" if shadow[name].startswith(_LOCKED) else "set"
            )
            if shadow.get(name) == "":
                password = "empty"  # noqa: S105 - a state
            # a changed password is a change, though nobody learns of which
            mark = hashlib.sha256(f"{name}{shadow.get(name, '')}".encode()).hexdigest()[:12]
            found[f"user/{name}"] = {
                "kind": "user", "name": name, "uid": uid, "gid": gid, "home": home, "shell": shell, "password": password, "mark": mark,
            }  # fmt: skip
        for name, _, gid, members in (
            entry[:4] for entry in read_entries(settings.resolve_path("/etc/group"), 4)
        ):
            found[f"group/{name}"] = {
                "kind": "group",
                "name": name,
                "gid": gid,
                "members": sorted(filter(None, members.split(","))),
            }
        found.update(self._read_sudoers())
        return found

    def _read_sudoers(self) -> dict[str, Values]:
        settings = self.context.settings
        folder = settings.resolve_path(_SUDOERS_FOLDER)
        paths = [settings.resolve_path(_SUDOERS), *(sorted(folder.iterdir()) if folder.is_dir() else [])]
        found: dict[str, Values] = {}
        for path in paths:
            for rule in _list_rules(path):
                name = f"/{path.relative_to(settings.root)}"
                found[f"sudoers/{name}/{rule}"] = {"kind": "sudoers", "name": name, "rule": rule}
        return found

    def describe(self, values: Values) -> list[Row]:
        told = {name: value for name, value in values.items() if name not in ("kind", "name", "mark")}
        text = ", ".join(f"{name}={value}" for name, value in told.items())
        return [configuration(_KINDS[values["kind"]], values["name"], SvcDescription=text)]

    def describe_change(self, before: Values | None, after: Values | None) -> list[Row]:
        values = after or before or {}
        rows = [
            configuration_change(
                _KINDS[values["kind"]],
                values["name"],
                _select_visible_values(before),
                _select_visible_values(after),
            )
        ]
        if values["kind"] == "user":
            rows.append(_build_user_event(before, after))
        elif values["kind"] == "group":
            rows += _group_events(before or {}, after or {})
        return rows


def _select_visible_values(values: Values | None) -> Values | None:
    return (
        None
        if values is None
        else {name: value for name, value in values.items() if name not in ("kind", "name")}
    )


def _build_user_event(before: Values | None, after: Values | None) -> Row:
    values = after or before or {}
    action = (
        "UserAccountCreated"
        if before is None
        else "UserAccountDeleted"
        if after is None
        else "UserAccountModified"
    )
    if before and after and before["mark"] != after["mark"] and before["password"] == after["password"]:
        action = "PasswordChangeAttempt"
    details = {
        "home": values["home"],
        "shell": values["shell"],
        "gid": values["gid"],
        "password": values["password"],
    }
    return device_event(
        action, AccountName=values["name"], AccountSid=values["uid"], AdditionalFields=details
    )


def _group_events(before: Values, after: Values) -> list[Row]:
    group = (after or before)["name"]
    was, now = set(before.get("members", ())), set(after.get("members", ()))
    changes = [("UserAccountAddedToLocalGroup", one) for one in sorted(now - was)]
    changes += [("UserAccountRemovedFromLocalGroup", one) for one in sorted(was - now)]
    return [
        device_event(action, AccountName=member, AdditionalFields={"GroupName": group})
        for action, member in changes
    ]


def _list_rules(path: Path) -> list[str]:
    """The lines of a file of sudo, comments aside and continued lines joined."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    lines = (" ".join(line.split()) for line in text.replace("\\\n", " ").splitlines())
    return [
        line
        for line in lines
        if line and (not line.startswith("#") or line.startswith(("#include", "#includedir")))
    ]
