"""Downloads that anybody on the way can change: without encryption, or without a check of the server's certificate."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from nephoscope.collect.templates.shell.command import ShellCommand, ShellWord
from nephoscope.posture.code.rule_match import CodeMatch

_DOWNLOADERS = frozenset({"curl", "wget", "git"})
_LOCAL = re.compile(r"^[a-z]+://(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?=[:/?#]|$)", re.IGNORECASE)
_ADDRESS = re.compile(r"^[a-z]+://", re.IGNORECASE)
#: Variables that switch the check off, with the values that do.
_SWITCHES = {
    "GIT_SSL_NO_VERIFY": re.compile(r"1|true", re.IGNORECASE),
    "NODE_TLS_REJECT_UNAUTHORIZED": re.compile(r"0"),
    "PYTHONHTTPSVERIFY": re.compile(r"0"),
}
_GIT_SETTING = re.compile(r"^http\.(?:.*\.)?sslverify(?:=(?:false|0|no|off))?$", re.IGNORECASE)
_OFF = frozenset({"false", "0", "no", "off"})


def find_unencrypted_downloads(commands: Iterable[ShellCommand]) -> Iterator[CodeMatch]:
    """Give a match for each address of a download over http, but for those of the machine itself."""
    for command in commands:
        for word in command.words if command.program in _DOWNLOADERS else []:
            if is_address_unencrypted(word.text):
                yield CodeMatch(word.span, f"{word.text} is not encrypted")


def is_address_unencrypted(address: str) -> bool:
    """Tell whether an address is of http, and of another machine."""
    return address.lower().startswith("http://") and not _LOCAL.match(address)


def find_unverified_downloads(commands: Iterable[ShellCommand]) -> Iterator[CodeMatch]:
    """Give a match for each command that does not check the certificate of the server that it talks to."""
    for command in commands:
        by_variable = [name for name, value in command.assignments.items() if _switches_off(name, value)]
        if by_variable and command.words:
            yield CodeMatch(command.span, f"{by_variable[0]} switches the check of certificates off")
        elif (word := _find_switch(command)) is not None and not _is_local(command):
            yield CodeMatch(word.span, f"{command.program} does not check the server's certificate")


def _switches_off(name: str, value: str) -> bool:
    wanted = _SWITCHES.get(name)
    return wanted is not None and wanted.fullmatch(value.strip("\"'")) is not None


def _find_switch(command: ShellCommand) -> ShellWord | None:
    """Find the word of a command that switches the check off."""
    words = command.words[1:]
    match command.program:
        case "curl":
            return next((word for word in words if _is_insecure(word.text)), None)
        case "wget":
            return next((word for word in words if word.text == "--no-check-certificate"), None)
        case "git":
            return next(
                (word for word, after in _list_option_pairs(words) if _is_git_switch(word.text, after)), None
            )
        case "npm" | "yarn" | "pnpm":
            return next(
                (word for word, after in _list_option_pairs(words) if _is_npm_switch(word.text, after)), None
            )
        case "export":
            return next((word for word in words if _switches_off(*word.text.partition("=")[::2])), None)
    return None


def _is_insecure(argument: str) -> bool:
    """Tell whether an argument of curl is --insecure, or short flags with k before the first that takes a value."""
    return (
        argument == "--insecure" or re.fullmatch(r"-[#0-9aBfgGiIjJlLMnNOpqRsSvVZ]*k.*", argument) is not None
    )


def _is_git_switch(word: str, after: str) -> bool:
    return _GIT_SETTING.match(word) is not None and ("=" in word or after.lower() in _OFF)


def _is_npm_switch(word: str, after: str) -> bool:
    name, _, value = word.removeprefix("--").partition("=")
    return name == "strict-ssl" and (value or after).lower() in _OFF


def _list_option_pairs(words: list[ShellWord]) -> Iterator[tuple[ShellWord, str]]:
    yield from zip(words, [*(word.text for word in words[1:]), ""], strict=True)


def _is_local(command: ShellCommand) -> bool:
    addresses = [text for text in command.arguments if _ADDRESS.match(text)]
    return bool(addresses) and all(_LOCAL.match(text) for text in addresses)
