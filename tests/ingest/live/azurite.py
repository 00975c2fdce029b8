"""Azurite, Microsoft's emulator of storage, over TLS on loopback."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nephoscope.ingest.live.tls import issue_self_signed

#: Where `make setup-dev` puts it.
PROGRAM = Path(sys.prefix) / "node" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
ACCOUNT = "nephotest"
KEY = base64.b64encode(b"no secret: the key of an emulator").decode()
_LISTENS = re.compile(r"successfully listens? on (\S+)|listening at (\S+)")


@dataclass(frozen=True)
class Azurite:
    """The blob endpoint of the account and the certificate to trust."""

    url: str
    authority: Path
    key: str = KEY


@contextmanager
def azurite(folder: Path) -> Iterator[Azurite]:
    assert PROGRAM.exists(), f"{PROGRAM} is missing: run make setup-dev"
    certificate, key, authority = issue_self_signed(folder / "tls", ("127.0.0.1",))
    process = subprocess.Popen(
        ["node", str(PROGRAM), "--blobHost", "127.0.0.1", "--blobPort", "0", "--location", str(folder / "blobs"),
         "--cert", str(certificate), "--key", str(key), "--oauth", "basic",
         "--disableTelemetry", "--skipApiVersionCheck", "--silent"],
        env={"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}", "PATH": "/usr/bin:/bin:/usr/local/bin"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield Azurite(f"{_address(process)}/{ACCOUNT}", authority)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def _address(process: subprocess.Popen[str]) -> str:
    said = []
    for line in process.stdout:
        said.append(line)
        if found := _LISTENS.search(line):
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return found[1] or found[2]
    raise AssertionError(f"Azurite did not start: {''.join(said)}")


class Token:
    """A credential as of azure-identity whose token has the claims that Azurite looks at."""

    def get_token(self, *scopes: str, **_):
        from azure.core.credentials import AccessToken

        now = int(time.time())
        claims = {
            "aud": "https://storage.azure.com",
            "iss": "https://sts.windows-ppe.net/x/",
            "nbf": now - 60,
            "iat": now,
            "exp": now + 3600,
        }
        parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
        token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + ".x"
        return AccessToken(token, now + 3600)
