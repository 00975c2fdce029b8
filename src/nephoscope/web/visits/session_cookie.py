"""The cookie of a session, and addresses that lead nowhere else."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from nephoscope.access.authenticator import SESSION

COOKIE = "__Host-nephoscope"


def redirect_signed_in(secret: str, next_: str) -> Response:
    """To the page that was wanted, with the secret of a session."""
    answer = RedirectResponse(next_, 303)
    set_cookie(answer, COOKIE, secret, int(SESSION.total_seconds()))
    return answer


def set_cookie(answer: Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie that no script reads, that goes over TLS alone, and that no other site's form brings along."""
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")


def delete_cookie(answer: Response, name: str) -> None:
    """Take a cookie away."""
    answer.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")


def sanitize_local_address(address: str) -> str:
    """An address of this site, '/' for every other: nobody is led elsewhere."""
    inside = address.startswith("/") and not address.startswith(("//", "/\\"))
    # browsers take tabs and line ends out of an address: `/<tab>/elsewhere` would lead there
    return address if inside and all(one > " " for one in address) else "/"
