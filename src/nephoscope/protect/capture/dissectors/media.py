"""Bodies by their media type, as HTTP, mail and HTTP/2 carry them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope.protect.capture.packet import Packet

#: Media type -> protocol.
TYPES = {
    "application/json": "json",
    "application/json-rpc": "json",
    "application/jsonrequest": "json",
    "application/x-www-form-urlencoded": "urlencoded-form",
    "application/javascript": "data-text-lines",
    "application/x-javascript": "data-text-lines",
    "application/ecmascript": "data-text-lines",
    "application/x-ns-proxy-autoconfig": "data-text-lines",
    "application/x-sh": "data-text-lines",
    "application/x-csh": "data-text-lines",
    "message/http": "data-text-lines",
    "application/xml": "xml",
    "application/soap+xml": "xml",
    "application/rss+xml": "xml",
    "application/xml-dtd": "xml",
    "application/vnd.wap.xhtml+xml": "xml",
    "application/xhtml+xml": "xml",
    "application/rdf+xml": "xml",
    "application/atom+xml": "xml",
    "application/smil": "xml",
    "application/mathml+xml": "xml",
    "application/wsdl+xml": "xml",
    "application/x-crd+xml": "xml",
    "application/dialog-info+xml": "xml",
    "text/xml": "xml",
    "text/vnd.wap.wml": "xml",
    "image/svg+xml": "xml",
    "image/png": "png",
    "image/gif": "image-gif",
    "image/jpeg": "image-jfif",
    "image/jpg": "image-jfif",
    "application/ocsp-request": "ocsp",
    "application/ocsp-response": "ocsp",
    "application/pkix-crl": "x509af",
    "application/pkix-cert": "x509af",
    "application/x-x509-ca-cert": "x509af",
    "application/sdp": "sdp",
    "application/dns-message": "dns",
    "application/dns-udpwireformat": "dns",
    "application/grpc": "grpc",
    "application/msgpack": "msgpack",
    "application/ipp": "ipp",
    "video/mp4": "mp4",
    "text/event-stream": "data-text-lines",
    "application/timestamp-query": "pkixtsp",
    "application/timestamp-reply": "pkixtsp",
    "application/pkcs7-mime": "cms",
    "application/pkcs7-signature": "cms",
    "application/x-pkcs7-signature": "cms",
    "message/rfc822": "imf",
    "application/vnd.google.safebrowsing-update": "data-text-lines",
}
#: How bodies of a type begin; others are not what their type says.
_MAGIC = {"png": (b"\x89PNG",), "image-gif": (b"GIF8",), "image-jfif": (b"\xff\xd8",), "zip": (b"PK",)}
_BOUNDARY = re.compile(rb'boundary="?([^";\s]{1,200})"?', re.IGNORECASE)
#: Parts of one body, and bodies inside of each other.
MOST_PARTS = 1000


def call_media(content_type: bytes, body: bytes, packet: Packet) -> None:
    """Note the protocol of a body; `content_type` is the header's value, empty where there is none."""
    kind = content_type.partition(b";")[0].strip().lower().decode("latin-1")
    if not kind:
        packet.call_data(body)
        return
    name = TYPES.get(kind, "")
    if kind == "application/octet-stream":
        packet.call_data(body)
    elif kind.startswith("multipart/"):
        dissect_multipart(content_type, body, packet)
    elif name == "dns":
        packet.call("dns", body)
    elif name in _MAGIC and not body.startswith(_MAGIC[name]):
        packet.add("media")
    elif name == "imf":
        packet.call("imf", body)
    elif name:
        packet.add(name)
    elif kind.endswith("+xml"):
        packet.add("xml")
    elif kind.endswith("+json"):
        packet.add("json")
    elif kind.startswith("text/"):
        packet.add("data-text-lines")
        if body.lstrip()[:5].lower() == b"<?xml":
            packet.add("xml")
    else:
        packet.add("media")


def dissect_multipart(content_type: bytes, body: bytes, packet: Packet) -> None:
    """A body of several parts, each with its own type."""
    packet.add("mime_multipart")
    found = _BOUNDARY.search(content_type)
    if found is None or packet.depth > 8:
        return
    for part in body.split(b"--" + found[1])[1:MOST_PARTS]:
        if part.startswith(b"--"):
            break
        head, _, inner = part.lstrip(b"\r\n").partition(b"\r\n\r\n")
        if not inner.strip():
            continue
        kind = re.search(rb"(?im)^content-type:\s*([^\r\n]+(?:\r\n[ \t][^\r\n]+)*)", head)
        packet.depth += 1
        if kind:
            call_media(kind[1], inner, packet)
        else:
            packet.add("data-text-lines" if b"multipart/form-data" not in content_type.lower() else "data")
        packet.depth -= 1
