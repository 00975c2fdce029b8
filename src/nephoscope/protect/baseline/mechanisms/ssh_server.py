"""Configuration of the SSH server: Include, Match blocks, and the first value that wins.

Source: sshd_config(5) of OpenSSH 9.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import partial

import msgspec

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    report_failure,
    report_not_applicable,
    report_pass,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.file_view import UnreadableRootFileError
from nephoscope.protect.baseline.mechanisms.configuration_text import (
    ConfigurationLine,
    expand_glob,
    read_lines,
)

CONFIGURATION = "etc/ssh/sshd_config"
_VENDOR = "usr/etc/ssh/sshd_config"
_PROGRAMS = ("usr/sbin/sshd", "usr/bin/sshd", "usr/local/sbin/sshd")
_DEEPEST = 16
#: Keywords whose values add up.
_LISTS = frozenset(
    {"port", "allowusers", "denyusers", "allowgroups", "denygroups", "listenaddress", "acceptenv"}
)
_DEFAULT_MACS = (
    "umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,"
    "hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1"
)
_DEFAULT_CIPHERS = "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr"
_DEFAULTS = {
    "protocol": "2", "ignorerhosts": "yes", "loglevel": "INFO", "maxauthtries": "6", "hostbasedauthentication": "no",
    "permitrootlogin": "prohibit-password", "permitemptypasswords": "no", "clientalivecountmax": "3", "clientaliveinterval": "0",
    "logingracetime": "120", "macs": _DEFAULT_MACS, "ciphers": _DEFAULT_CIPHERS, "banner": "none", "permituserenvironment": "no",
    "port": "22",
}  # fmt: skip
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "": 1}


class SshSetting(msgspec.Struct, frozen=True):
    """A keyword with its value, where it stands, and the criteria of its Match block ('' outside of one)."""

    keyword: str
    value: str
    line: ConfigurationLine
    match: str = ""


def read_ssh_settings(system: ExaminedSystem) -> tuple[SshSetting, ...] | None:
    """Return the settings in order, included ones in place; None without an SSH server. Raises UnreadableRootFileError."""
    view = system.view
    for path in (CONFIGURATION, _VENDOR):
        if view.exists(path):
            return tuple(_read_ssh_settings(system, path, "", 0))
    return () if any(view.exists(path) for path in _PROGRAMS) else None


def _read_ssh_settings(system: ExaminedSystem, path: str, match: str, depth: int) -> Iterator[SshSetting]:
    if depth > _DEEPEST:
        raise UnreadableRootFileError(path, f"files are included more than {_DEEPEST} deep")
    for line in read_lines(system.view, path):
        keyword, value = _split_line(line)
        if keyword == "match":
            match = "" if value.lower() == "all" else value
        elif keyword == "include":
            for pattern in value.split():
                whole = pattern if pattern.startswith("/") else f"etc/ssh/{pattern}"
                for included in expand_glob(system.view, whole):
                    yield from _read_ssh_settings(system, included, match, depth + 1)
        else:
            yield SshSetting(keyword, value, line, match)


def _split_line(line: ConfigurationLine) -> tuple[str, str]:
    lexer = shlex.shlex(
        line.text.replace("=", " ", 1) if "=" in line.text.split(maxsplit=1)[0] else line.text, posix=True
    )
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "#", ""
    try:
        words = list(lexer)
    except ValueError as error:
        raise UnreadableRootFileError(line.path, f"line {line.number}: {str(error).lower()}") from error
    words = words[:1] + words[2:] if words[1:2] == ["="] else words
    if not words:
        raise UnreadableRootFileError(line.path, f"line {line.number}: no keyword")
    return words[0].lower(), " ".join(words[1:])


def assess_ssh(
    system: ExaminedSystem, keyword: str, right: Callable[[str], bool], wanted: str
) -> BaselineVerdict:
    """Judge the value of a keyword: the global one, and that of every Match block that sets it."""
    settings = system.read_cached(read_ssh_settings)
    if settings is None:
        return report_not_applicable("no SSH server is installed")
    matching = [one for one in settings if one.keyword == keyword]
    outside = [one for one in matching if not one.match]
    effective = outside if keyword in _LISTS else outside[:1]
    values = [(one.value, one.line.evidence()) for one in effective] or [_find_default(keyword)]
    if keyword in _LISTS:
        values = [(" ".join(value for value, _ in values), values[0][1])]
    values += [(one.value, one.line.evidence()) for one in matching if one.match]
    wrong = [evidence for value, evidence in values if not right(value)]
    if wrong:
        return report_failure(f"{keyword} must be {wanted}", *wrong)
    return report_pass(f"{keyword} is {values[0][0]}", *(evidence for _, evidence in values))


def _find_default(keyword: str) -> tuple[str, BaselineEvidence]:
    value = _DEFAULTS.get(keyword, "")
    return value, BaselineEvidence("default:OpenSSH", 0, f"{keyword} {value or '(not set)'}")


def accept_words(*words: str) -> Callable[[str], bool]:
    """Return the test that a value is one of some words, in any case."""
    return partial(_is_word, words=frozenset(word.lower() for word in words))


def _is_word(value: str, words: frozenset[str]) -> bool:
    return value.lower() in words


def accept_number(most: int, least: int = 0) -> Callable[[str], bool]:
    """Return the test that a number, or a time with units, lies within bounds."""
    return partial(_is_number, most=most, least=least)


def _is_number(value: str, most: int, least: int) -> bool:
    seconds, digits = 0, ""
    for sign in value.lower():
        if sign.isdecimal():
            digits += sign
        elif digits and sign in _SECONDS:
            seconds, digits = seconds + int(digits) * _SECONDS[sign], ""
        else:
            return False
    return bool(value) and least <= seconds + int(digits or 0) <= most


def accept_names(*wanted: str) -> Callable[[str], bool]:
    """Return the test that a list names all of some words; with none, that it names anything."""
    return partial(_has_words, wanted=frozenset(wanted))


def _has_words(value: str, wanted: frozenset[str]) -> bool:
    words = value.replace(",", " ").split()
    return bool(words) and wanted <= set(words)


def build_algorithm_test(allowed: str, defaults: str) -> Callable[[str], bool]:
    """Return the test that a list of algorithms, `+`, `-` or `^` applied to the defaults, holds allowed ones alone."""
    return partial(_is_only, allowed=frozenset(allowed.split(",")), defaults=tuple(defaults.split(",")))


def _is_only(value: str, allowed: frozenset[str], defaults: tuple[str, ...]) -> bool:
    sign, names = value[:1], value.lstrip("+-^").split(",")
    if sign == "-":
        names = [one for one in defaults if not any(fnmatchcase(one, pattern) for pattern in names)]
    elif sign in ("+", "^"):
        names += defaults
    return bool(names) and allowed.issuperset(names)


APPROVED_MACS = build_algorithm_test(
    "hmac-sha2-256,hmac-sha2-256-etm@openssh.com,hmac-sha2-512,hmac-sha2-512-etm@openssh.com", _DEFAULT_MACS
)
APPROVED_CIPHERS = build_algorithm_test("aes128-ctr,aes192-ctr,aes256-ctr", _DEFAULT_CIPHERS)


def assess_ssh_banner(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that a banner is shown before the sign-in and that its file holds a text."""
    verdict = assess_ssh(
        system, "banner", lambda value: value.lower() not in ("", "none"), "the path of a text"
    )
    settings = [one for one in system.read_cached(read_ssh_settings) or () if one.keyword == "banner"]
    for one in settings:
        path = one.value.strip("/")
        if one.value.lower() != "none" and not (system.view.read_text(path) or "").strip():
            return report_failure(f"the banner {one.value} is missing or empty", one.line.evidence())
    return verdict
