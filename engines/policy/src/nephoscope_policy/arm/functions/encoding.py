"""Functions on base64, data URIs and URIs."""

from __future__ import annotations

import base64 as codec
import binascii
import re
from urllib.parse import quote, unquote_to_bytes, urlsplit

from nephoscope_policy.arm import arguments as given
from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.function import declare_function
from nephoscope_policy.arm.value import Value, find_key, limit_text, parse_value

_DATA_URI = re.compile(r"data:(?P<media>[^,]*?)(?P<base64>;base64)?,(?P<data>.*)", re.DOTALL | re.IGNORECASE)
_CHARSET = re.compile(r";\s*charset=\"?([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_CODECS = {"utf8": "utf-8", "utf-8": "utf-8", "us-ascii": "ascii", "ascii": "ascii", "utf-16": "utf-16-le"}


@declare_function("base64(inputString)")
def base64(arguments: list[object]) -> Value:
    """Give the base64 of the UTF-8 of a string."""
    return limit_text(codec.b64encode(_encode_utf8(given.get_text(arguments, 0))).decode("ascii"))


@declare_function("base64ToString(base64Value)")
def base64_to_string(arguments: list[object]) -> Value:
    """Decode base64 of UTF-8."""
    return _decode_text(_decode_base64(given.get_text(arguments, 0)), "utf-8")


@declare_function("base64ToJson(base64Value)")
def base64_to_json(arguments: list[object]) -> Value:
    """Decode base64 of JSON."""
    return parse_value(_decode_text(_decode_base64(given.get_text(arguments, 0)), "utf-8"))


@declare_function("dataUri(stringToConvert)")
def data_uri(arguments: list[object]) -> Value:
    """Wrap a string into a data URI of plain text."""
    return limit_text(
        "data:text/plain;charset=utf8;base64,"
        + codec.b64encode(_encode_utf8(given.get_text(arguments, 0))).decode("ascii")
    )


@declare_function("dataUriToString(dataUriToConvert)")
def data_uri_to_string(arguments: list[object]) -> Value:
    """Unwrap a data URI, base64 or percent-encoded, in UTF-8, UTF-16 or ASCII."""
    match = _DATA_URI.fullmatch(given.get_text(arguments, 0))
    if match is None:
        raise FunctionError("the argument is not a data URI (data:[type][;base64],content)")
    raw = _decode_base64(match["data"]) if match["base64"] else unquote_to_bytes(match["data"])
    charset = _CHARSET.search(match["media"])
    name = charset[1].lower() if charset else "utf-8"
    if name not in _CODECS:
        raise FunctionError(f"the character set {name} is not supported")
    return _decode_text(raw, _CODECS[name])


@declare_function("uriComponent(stringToEncode)")
def uri_component(arguments: list[object]) -> Value:
    """Percent-encode all but letters, digits and -_.~ as UTF-8."""
    return limit_text(quote(_encode_utf8(given.get_text(arguments, 0)), safe=""))


@declare_function("uriComponentToString(uriEncodedString)")
def uri_component_to_string(arguments: list[object]) -> Value:
    """Decode percent-encoding; what is no valid escape stays as it is."""
    return _decode_text(unquote_to_bytes(given.get_text(arguments, 0)), "utf-8")


@declare_function("uri(baseUri, relativeUri)")
def uri(arguments: list[object]) -> Value:
    """Join two parts of a URI with one slash; a base path that does not end with a slash loses its last segment."""
    base, relative = given.get_text(arguments, 0), given.get_text(arguments, 1)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", relative):
        return relative
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]+", base)
    if scheme is None:
        raise FunctionError(f"{base[:80]!r} is not an absolute URI")
    folder = base[: max(base.rfind("/") + 1, scheme.end())]
    return limit_text(folder.rstrip("/") + "/" + relative.lstrip("/"))


@declare_function("parseUri(stringToParse)")
def parse_uri(arguments: list[object]) -> Value:
    """Take an absolute URI apart: scheme, host, port (where one is written), path, query."""
    content = given.get_text(arguments, 0)
    try:
        parts = urlsplit(content)
        port = parts.port
    except ValueError as error:
        raise FunctionError(f"{content[:80]!r} is not a URI: {error}") from error
    if not parts.scheme or not parts.hostname:
        raise FunctionError(f"{content[:80]!r} is not an absolute URI")
    result: dict[str, Value] = {"scheme": parts.scheme, "host": parts.hostname}
    if port is not None:
        result["port"] = port
    return result | {"path": parts.path or "/", "query": f"?{parts.query}" if parts.query else ""}


@declare_function("buildUri(uriComponents)")
def build_uri(arguments: list[object]) -> Value:
    """Put a URI together from an object with scheme, host, port, path and query."""
    parts = given.get_object(arguments, 0)
    scheme, host = _read_uri_part(parts, "scheme"), _read_uri_part(parts, "host")
    if not scheme or not host:
        raise FunctionError("the object needs a scheme and a host")
    path, query = _read_uri_part(parts, "path"), _read_uri_part(parts, "query")
    port = _read_uri_part(parts, "port")
    slash = "/" if not path.startswith("/") else ""
    mark = "?" if query and not query.startswith("?") else ""
    return limit_text(f"{scheme}://{host}{':' + port if port else ''}{slash}{path}{mark}{query}")


def _read_uri_part(parts: dict[str, Value], name: str) -> str:
    own = find_key(parts, name)
    value = None if own is None else parts[own]
    if value is None or isinstance(value, str):
        return value or ""
    if name == "port" and type(value) is int and 0 <= value <= 65_535:
        return "" if value == 0 else str(value)
    raise FunctionError(f"{name} must be {'a port number' if name == 'port' else 'a string'}")


def _encode_utf8(content: str) -> bytes:
    try:
        return content.encode("utf-8")
    except UnicodeEncodeError as error:
        raise FunctionError("the string has half of a surrogate pair") from error


def _decode_base64(content: str) -> bytes:
    try:
        return codec.b64decode(re.sub(r"[ \t\r\n]", "", content).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise FunctionError(f"not base64: {error}") from error


def _decode_text(raw: bytes, name: str) -> str:
    try:
        return raw.decode(name)
    except UnicodeDecodeError as error:
        raise FunctionError(f"the decoded bytes are not {name} text") from error
