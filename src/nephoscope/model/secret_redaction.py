"""Secret redaction: values that look like secrets, in JSON and in text."""

from __future__ import annotations

import re
from functools import cache

import msgspec

MASK = "***"

# A key is secret when its last word is one of these; keys that only speak about a secret are let through.
_SECRET_KEY = re.compile(
    r"(?:password|passwd|pwd|secret|secrets|secretvalue|connectionstring|connectionstrings|primarykey|secondarykey|accesskey|accountkey"
    r"|storageaccountkey|sharedaccesskey|sharedkey|masterkey|apikey|adminkey|querykey|functionkey|functionskey|subscriptionkey|hostkey|authkey|authorizationkey"
    r"|instrumentationkey|privatekey|encryptionkey|licensekey|key1|key2|token|accesstoken|refreshtoken|sastoken|sas|sasurl|sasuri"
    r"|signature|clientsecret|certificatedata|pfx|pfxblob|customdata|userdata|protectedsettings|credential|credentials|passphrase)$"
)
_PLAIN_KEY = re.compile(r"^(?:disable|enable|allow|has|is|require|no)|^publickey|^keytoken")


class _SecretText(msgspec.Struct, frozen=True):
    """Texts that are secrets: a lower-case part that every one has, one of several, then the pattern and what replaces it."""

    parts: tuple[str, ...]
    pattern: str
    replacement: str = MASK


_SECRET_TEXTS = (
    # an attribute, and what a policy of API Management sets a header to; expressions and named values are no secrets
    _SecretText(
        ("=",),
        r"(?i)\b((?:api|access|shared)key|password|pwd|secret)(\s*=\s*\\?[\"'])(?![{@])[^\"'\\<>]+",
        rf"\g<1>\g<2>{MASK}",
    ),
    _SecretText(
        ("<set-header",),
        r"(?i)(<set-header\b[^<>]*>\s*<value>)(?!\s*(?:\{\{|@))[^<]+",
        rf"\g<1>{MASK}",
    ),
    _SecretText(
        ("=",),
        r"(?i)([?&;#](?:sig|sv_sig|token|code|(?:access|refresh|id)_token|key|api[_-]?key|subscription-key|client_secret)=)[^&\s\"';]+",
        rf"\g<1>{MASK}",
    ),
    # Addresses of webhooks whose path is what lets one post: Slack, Discord, Microsoft Teams
    _SecretText(
        ("https://",),
        r"(?i)(https://(?:hooks\.slack\.com/(?:services|workflows|triggers)|(?:\w+\.)?discord(?:app)?\.com/api/webhooks|[\w.-]*\boffice\.com/webhook\w*)/)[^\s\"'<>?#]+",
        rf"\g<1>{MASK}",
    ),
    _SecretText(
        ("basic",),
        r"(?i)((?:^|\bauthorization\W{1,4})basic\s+)(?=[a-z+/]*[0-9=])[a-z0-9+/]{8,}={0,2}(?=$|[\s\"',])",
        rf"\g<1>{MASK}",
    ),
    _SecretText(
        ("=",),
        r"(?i)(?<![a-z0-9])((?:account|sharedaccess|shared|access|primary|api)key|password|pwd|sharedaccesssignature|secret)(\s*=\s*)[^;\s\"']+",
        rf"\g<1>\g<2>{MASK}",
    ),
    _SecretText(("bearer",), r"(?i)\b(bearer\s+)[a-z0-9._~+/=-]{8,}", rf"\g<1>{MASK}"),
    _SecretText(("eyj",), r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"),
    _SecretText(
        ("-----begin",),
        r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
    ),
    _SecretText(("://",), r"(://[^/\s:@\"]+:)[^@/\s\"]+(@)", rf"\g<1>{MASK}\g<2>"),
    # Tokens that their issuers made recognizable: GitHub, GitLab, Slack, npm, PyPI, SendGrid, Stripe, AWS and Google keys, the
    # client secrets of Entra ID, personal access tokens of Azure DevOps
    _SecretText(
        ("gh", "glpat-", "xox", "npm_", "pypi-", "sg.", "k_live_", "akia", "asia", "aiza"),
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,}|glpat-[A-Za-z0-9_-]{20,}|xox[abeprs]-[A-Za-z0-9-]{10,}"
        r"|npm_[A-Za-z0-9]{36}|pypi-AgE[A-Za-z0-9_-]{40,}|SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}"
        r"|[rs]k_live_[A-Za-z0-9]{20,}|A(?:KI|SI)A[A-Z2-7]{16}|AIza[A-Za-z0-9_-]{35})(?![A-Za-z0-9])",
    ),
    _SecretText(
        ("q~",), r"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~.-])"
    ),
    _SecretText(("azdo",), r"(?<![A-Za-z0-9])[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}(?![A-Za-z0-9])"),
    # 64 bytes of base64: a storage, Cosmos DB or Event Hubs key
    _SecretText(
        ("=",),
        r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])|(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{86}==(?![A-Za-z0-9+/=])",
    ),
)
# "key": "value" in JSON text that may be cut or broken: the closing quote may be missing.
_MEMBER = re.compile(r'"((?:[^"\\\n]|\\.){1,100})"(\s*:\s*)"((?:[^"\\\n]|\\.)*)(?:"|$|(?=\n))')

# NAME = "value" and name: 'value', as Terraform, Bicep, YAML and files of settings write it; expressions are no secrets.
_ASSIGNED = re.compile(
    r"""(?<![\w.-])(["']?)([A-Za-z_][\w.-]{0,99})\1(\s*[:=]\s*)"""
    r"""(?:"(?!\$\{|[{@\[])((?:[^"\\\n]|\\.)+)(?:"|$|(?=\n))|'(?!\$\{|[{@\[])([^'\n]+)(?:'|$|(?=\n)))"""
)

_WORD = re.compile(r"[\w-]+")


def is_secret_key(key: str) -> bool:
    """Return whether the value under a key of this name is a secret (`adminPassword`, `primaryConnectionString`)."""
    word = re.sub(r"[^a-z0-9]", "", key.lower())
    return bool(_SECRET_KEY.search(word)) and not _PLAIN_KEY.search(word)


def redact_text(text: str) -> str:
    """The text with everything that looks like a secret replaced by `***`; JSON text may be cut or broken."""
    if '"' in text:
        text = _MEMBER.sub(_format_member, text)
    if '"' in text or "'" in text:
        text = _ASSIGNED.sub(_redact_assigned_secret, text)
    folded = text.lower()
    for one in _SECRET_TEXTS:
        if any(part in folded for part in one.parts):
            text = _compile_pattern(one.pattern).sub(one.replacement, text)
    return text


@cache
def _compile_pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _format_member(match: re.Match[str]) -> str:
    key, colon, value = match.groups()
    if not value or not is_secret_key(key):
        return match.group(0)
    return f'"{key}"{colon}"{MASK}"'


def _redact_assigned_secret(match: re.Match[str]) -> str:
    quote, name, sign, double, single = match.groups()
    if (double or single) == MASK or not is_secret_key(name):
        return match.group(0)
    around = '"' if double else "'"
    return f"{quote}{name}{quote}{sign}{around}{MASK}{around}"


def redact_value(value: object, key: str = "") -> object:
    """A copy of a JSON value in which every string that looks like a secret is `***`; other scalars stay."""
    if isinstance(value, dict):
        inner = key if is_secret_key(key) else ""
        return {name: redact_value(item, inner or _name_member(value, name)) for name, item in value.items()}
    if isinstance(value, list):
        return [redact_value(item, key) for item in value]
    if not isinstance(value, str) or not value:
        return value
    return MASK if key and is_secret_key(key) else redact_text(value)


def _name_member(of: dict[str, object], name: str) -> str:
    """Return the name that says whether a member is a secret: its own, or of a `value` the one that stands beside it."""
    beside = of.get("name") if name == "value" else None
    return beside if isinstance(beside, str) else name


def redact_read(subject: str, value: object) -> object:
    """Return what a condition read, without its secrets; `subject` is the alias, field or expression that it was read by."""
    words = _WORD.findall(subject)
    return redact_value(value, words[-1] if words else "")
