"""Read registry credentials from the files that docker, podman and others write at `login`.

Source: the configuration file of Docker's command line, containers-auth.json(5). Helpers are programs; none is started here.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from nephoscope.collect.images.errors import ImageError

_MOST = 1_048_576


class _Login(msgspec.Struct, frozen=True):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""


class _Logins(msgspec.Struct, frozen=True):
    auths: dict[str, _Login] = {}


@dataclass(frozen=True, slots=True)
class RegistryCredential:
    """A name and a password, or a token to exchange; never printed."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.username or self.identity_token)


def list_login_files() -> list[Path]:
    """Return the files that hold logins, the first that has a registry counts."""
    home = Path(os.environ.get("HOME", "/nonexistent"))
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    named = os.environ.get("REGISTRY_AUTH_FILE", "")
    files = [Path(named)] if named else []
    files += [Path(runtime) / "containers/auth.json"] if runtime else []
    files.append(home / ".config/containers/auth.json")
    files.append(Path(os.environ.get("DOCKER_CONFIG", str(home / ".docker"))) / "config.json")
    return files


def find_credential(host: str, files: list[Path] | None = None) -> RegistryCredential:
    """Return the login for a registry, an empty one where there is none; raises ImageError for a file that cannot be read."""
    for path in list_login_files() if files is None else files:
        if path.is_file():
            logins = _read_logins(path)
            for name in _list_spellings(host):
                if name in logins:
                    return _build_credential(logins[name], path, name)
    return RegistryCredential()


def _read_logins(path: Path) -> dict[str, _Login]:
    try:
        content = path.read_bytes()
        if len(content) > _MOST:
            raise ImageError(f"{path} has more than {_MOST} bytes")
        return msgspec.json.decode(content, type=_Logins).auths
    except (OSError, msgspec.DecodeError) as error:
        raise ImageError(f"the credentials in {path} cannot be read: {error}") from error


def _list_spellings(host: str) -> list[str]:
    names = [host, f"https://{host}", f"https://{host}/", f"http://{host}"]
    return [*names, "https://index.docker.io/v1/", "index.docker.io"] if host == "docker.io" else names


def _build_credential(login: _Login, path: Path, name: str) -> RegistryCredential:
    if login.identitytoken:
        return RegistryCredential(identity_token=login.identitytoken)
    if login.username:
        return RegistryCredential(login.username, login.password)
    try:
        username, _, password = base64.b64decode(login.auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ImageError(f"the credential for {name} in {path} cannot be read: log in again") from error
    return RegistryCredential(username, password)
