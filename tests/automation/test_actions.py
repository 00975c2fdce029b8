"""Actions against real receivers: webhooks behind TLS, a mail server, programs, and what blocks addresses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from nephoscope.ingest.live.tls import issue_self_signed
from nephoscope.lake.lake import Lake
from nephoscope.state import State
from nephoscope.state.automation.automation_runs import RunStatus

pytestmark = pytest.mark.system

# --- webhooks -------------------------------------------------------------------------------------------------------


def hook(receiver: Any) -> dict[str, Any]:
    return {"actions": [{"action": "webhook", "url": receiver.url, "secret": "team"}]}


def allowed(receiver: Any) -> dict[str, Any]:
    return {"webhook": {"private": ["127.0.0.0/8", "::1/128"], "ca": receiver.ca}}


def test_a_webhook_is_signed_and_tried_again_under_the_same_id(
    receiver, engine, raise_alert, state: State
) -> None:
    state.credentials.put("response.team", "whsec_" + base64.b64encode(b"k" * 24).decode())
    receiver.answers = [503, 429]
    who = engine(hook(receiver), operator=allowed(receiver))
    raise_alert()
    seen = list(who.tick())
    assert [(one.status, one.attempts) for one in seen] == [(RunStatus.PENDING, 1)]
    due = seen[0].due
    assert list(who.tick(due - timedelta(seconds=1))) == []
    again = next(iter(who.tick(due)))
    done = next(iter(who.tick(again.due)))
    assert (done.status, done.attempts, done.detail) == (RunStatus.DONE, 3, "localhost returned 204")
    assert again.due - due >= timedelta(seconds=60)
    assert set(receiver.ids()) == {done.id}
    headers, body = receiver.got[-1]
    signed = hmac.new(
        b"k" * 24, f"{done.id}.{headers['webhook-timestamp']}.".encode() + body, hashlib.sha256
    ).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(signed).decode()
    assert json.loads(body)["data"]["Severity"] == "High"
    assert len({body for _, body in receiver.got}) == 1


@pytest.mark.parametrize(
    ("answers", "said"), [([404], "returned 404"), ([302], "returned 302"), ([500] * 20, "returned 500")]
)
def test_a_webhook_that_does_not_get_through_is_kept_and_can_be_sent_again(
    receiver, engine, raise_alert, state: State, answers: list[int], said: str
) -> None:
    state.credentials.put("response.team", "secret")
    receiver.answers = list(answers)
    who = engine(hook(receiver), operator=allowed(receiver))
    raise_alert()
    run = next(iter(who.tick()))
    while run.status is RunStatus.PENDING:
        run = next(iter(who.tick(run.due)))
    assert (run.status, said in run.detail) == (RunStatus.DEAD, True)
    assert state.automation_runs.list_newest("default", statuses=(RunStatus.DEAD,))[0].id == run.id
    receiver.answers = []
    who.retry(run.id, "kim", run.changed)
    assert next(iter(who.tick(run.changed))).status is RunStatus.DONE
    assert set(receiver.ids()) == {run.id}


def test_a_webhook_reaches_no_address_that_is_not_public(receiver, engine, raise_alert, state: State) -> None:
    state.credentials.put("response.team", "secret")
    who = engine(hook(receiver), operator={"webhook": {"ca": receiver.ca}})
    raise_alert()
    run = next(iter(who.tick()))
    assert (run.status, receiver.got) == (RunStatus.DEAD, [])
    assert "which is not public; allow it in operator.yaml (webhook.private)" in run.detail


def test_a_webhook_wants_a_certificate_that_is_trusted(receiver, engine, raise_alert, state: State) -> None:
    state.credentials.put("response.team", "secret")
    who = engine(hook(receiver), operator={"webhook": {"private": ["127.0.0.0/8", "::1/128"]}})
    raise_alert()
    run = next(iter(who.tick()))
    assert ("CERTIFICATE_VERIFY_FAILED" in run.detail, receiver.got) == (True, [])


@pytest.fixture
def hanging_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A name server that answers nothing until the test is over."""
    over = threading.Event()

    def hangs(*_: Any, **__: Any) -> list[Any]:
        over.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    yield
    over.set()


@pytest.mark.usefixtures("hanging_names")
def test_a_name_server_that_hangs_keeps_no_webhook_waiting(engine, raise_alert, state: State) -> None:
    state.credentials.put("response.team", "secret")
    hook = {"action": "webhook", "url": "https://hook.example/", "secret": "team", "seconds": 0.2}
    who = engine({"actions": [hook]})
    raise_alert()
    (run,) = who.tick()
    assert (run.status, run.detail) == (
        RunStatus.PENDING, "hook.example: its address was not resolved within 0.2 s",
    )  # fmt: skip


@pytest.mark.usefixtures("hanging_names")
def test_a_name_server_that_hangs_keeps_no_mail_waiting(
    engine, raise_alert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nephoscope.automation.actions.mail._SECONDS", 0.2)
    operator = {"mail": {"host": "mail.example", "port": 587, "sender": "soc@contoso.com"}}
    who = engine({"actions": [{"action": "mail", "to": ["kim@contoso.com"]}]}, operator=operator)
    raise_alert()
    (run,) = who.tick()
    assert (run.status, run.detail) == (
        RunStatus.PENDING, "mail.example: its address was not resolved within 0.2 s",
    )  # fmt: skip


# --- mail -----------------------------------------------------------------------------------------------------------


class Mailbox:
    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.refuse = ""

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.messages.append((envelope.rcpt_tos, envelope.content.decode()))
        return "250 OK"


@pytest.fixture(params=["starttls", "tls"])
def mail(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Mailbox, dict[str, Any]]]:
    certificate, key, authority = issue_self_signed(tmp_path / "mail", ("localhost", "127.0.0.1"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    box = Mailbox()

    def known(server, session, envelope, mechanism, data) -> AuthResult:
        good = (data.login, data.password) == (b"kim", b"word")
        return AuthResult(success=good, handled=good)

    settings: dict[str, Any] = {"authenticator": known, "auth_required": True}
    if request.param == "tls":
        settings |= {"ssl_context": context, "auth_require_tls": False}
    else:
        settings |= {"tls_context": context, "require_starttls": True}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port, **settings)
    controller.start()
    try:
        yield box, {"host": "localhost", "port": port, "security": request.param, "sender": "soc@contoso.com", "user": "kim",
                    "credential": "smtp", "ca": str(authority)}  # fmt: skip
    finally:
        controller.stop()


def letter(**settings: Any) -> dict[str, Any]:
    return {"actions": [{"action": "mail", "to": ["kim@contoso.com"], **settings}]}


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_mail_is_sent(mail, engine, raise_alert, state: State) -> None:
    box, server = mail
    state.credentials.put("response.smtp", "word")
    who = engine(letter(title="{{ title }}\r\nBcc: x@y.example"), operator={"mail": server})
    raise_alert()
    run = next(iter(who.tick()))
    assert (run.status, run.detail) == (RunStatus.DONE, "sent to kim@contoso.com")
    ((recipients, text),) = box.messages
    assert recipients == ["kim@contoso.com"]
    assert f"Message-ID: <{run.id}@nephoscope>" in text
    assert "Address=185.220.101.4" in text
    assert f"{run.kind} {run.subject} in the workspace" in text.replace("=\r\n", "")
    assert "\r\nReferences: <" in text
    head = text.partition("\r\n\r\n")[0]
    assert not [line for line in head.splitlines() if line.startswith("Bcc")]


@pytest.mark.parametrize(
    ("settings", "server", "secret", "refuse", "status", "said"),
    [
        ({}, {}, "other", "", "dead", "535"),
        ({}, {}, "word", "451 later", "pending", "rejected all recipients"),
        ({}, {}, "word", "550 no", "dead", "rejected all recipients"),
        ({}, {"ca": ""}, "word", "", "pending", "CERTIFICATE_VERIFY_FAILED"),
        ({}, {"recipients": ["*@fabrikam.com"]}, "word", "", "dead", "is not allowed in operator.yaml"),
        ({"text": "{{ ''.__class__.__mro__ }}"}, {}, "word", "", "dead", "the template cannot be rendered"),
        ({"text": "{% for"}, {}, "word", "", "dead", "the template cannot be rendered"),
    ],
)
@pytest.mark.parametrize("mail", ["starttls"], indirect=True)
def test_mail_that_does_not_go_out(
    mail,
    engine,
    raise_alert,
    state: State,
    settings,
    server,
    secret: str,
    refuse: str,
    status: str,
    said: str,
) -> None:
    box, known = mail
    box.refuse = refuse
    state.credentials.put("response.smtp", secret)
    who = engine(letter(**settings), operator={"mail": {**known, **server}})
    raise_alert()
    run = next(iter(who.tick()))
    assert (run.status.value, said in run.detail) == (status, True), run.detail
    assert box.messages == []


# --- commands -------------------------------------------------------------------------------------------------------


def command(code: str, **settings: Any) -> dict[str, Any]:
    return {"commands": {"c": {"run": [sys.executable, "-c", code], **settings}}}


RUN: dict[str, Any] = {"actions": [{"action": "command", "name": "c"}]}
SHOW = "import os,sys,json; print(sorted(os.environ), json.load(sys.stdin)['data']['Severity'], sys.argv[1:])"


@pytest.mark.parametrize(
    ("operator", "status", "said"),
    [
        (command(SHOW), "done", "High []"),
        (command("import sys; sys.exit(3)"), "dead", "c ended with 3"),
        (command("import sys; sys.exit(75)"), "pending", "c ended with 75"),
        (command("import time; time.sleep(600)", seconds=0.3), "pending", "c was stopped after 0.3 s"),
        (command("import os,time; os.fork() or time.sleep(600)", seconds=0.3), "pending", "c was stopped after 0.3 s"),
        (command("while True: print('x' * 1000)", output=5000), "dead", "its output exceeded 5,000 bytes"),
        ({}, "dead", "operator.yaml does not allow a command c"),
        ({"commands": {"c": {"run": ["sh"]}}}, "dead", "must have an absolute path"),
        ({"commands": {"c": {"run": ["/nowhere"]}}}, "dead", "/nowhere: No such file"),
        ({"commands": {"c": {"run": []}}}, "pending", "operator.yaml"),
    ],
)  # fmt: skip
def test_commands(
    engine, raise_alert, monkeypatch: pytest.MonkeyPatch, operator: dict[str, Any], status: str, said: str
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "hidden")
    who = engine(RUN, operator=operator)
    raise_alert()
    run = next(iter(who.tick()))
    assert (run.status.value, said in run.detail) == (status, True), run.detail
    assert "AZURE" not in run.detail


# --- block ----------------------------------------------------------------------------------------------------------

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/web"
IPS = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network/ipGroups/bad"
GUARD = {"block": {"management": ["203.0.113.0/24", "8.8.4.0/24"], "never": ["1.1.1.1"]}}
BAD = ("185.220.101.4", "10.0.0.4", "8.8.4.4", "1.1.1.1", "9.9.9.9", "2606:4700::1111", "168.63.129.16")


def block(**settings: Any) -> dict[str, Any]:
    return {"actions": [{"action": "block", "target": "nsg", "resource": GROUP, **settings}]}


@pytest.mark.parametrize(
    ("settings", "apply", "undo"),
    [
        ({}, "az network nsg rule create --subscription 11111111", "az network nsg rule delete --subscription 11111111"),
        ({"target": "firewall", "resource": IPS}, "--add ipAddresses 185.220.101.4", "grep -vxF -e 185.220.101.4"),
        ({"target": "nftables", "resource": ""}, "nft -f -", "nft delete table inet nephoscope_"),
    ],
)  # fmt: skip
def test_a_block_is_planned_approved_and_undone(
    engine, raise_alert, lake, settings, apply: str, undo: str
) -> None:
    lake.watchlists.save(
        "default", "KnownEgress", "Address", [{"Address": "9.9.9.0/24"}, {"Address": "our office"}]
    )
    who = engine(block(**settings), operator=GUARD)
    raise_alert("a1", *BAD)
    run = next(iter(who.tick()))
    six = {"2606:4700::1111": "an IP group accepts IPv4 addresses only"} if "--add" in apply else {}
    assert run.status is RunStatus.APPROVE
    assert run.plan["addresses"] == ["185.220.101.4", *(() if six else ("2606:4700::1111",))]
    assert {address: why.split(" (")[0] for address, why in run.plan["spared"]} == {
        **six,
        "10.0.0.4": "not a public address",
        "8.8.4.4": "the estate is run from it",
        "1.1.1.1": "operator.yaml excludes it",
        "9.9.9.9": "it is known egress",
        "168.63.129.16": "not a public address",
    }
    assert apply in run.plan["apply"]
    assert undo in run.plan["undo"]
    assert list(who.tick()) == []
    who.approve(run.id, "kim", run.changed)
    done = next(iter(who.tick(run.changed)))
    assert (done.status, done.detail, done.by) == (RunStatus.DONE, "approved by kim", "kim")
    assert done.until == run.changed + timedelta(hours=24)
    assert list(who.tick(done.until - timedelta(minutes=1))) == []
    over = next(iter(who.tick(done.until)))
    assert (over.status, undo in over.detail) == (RunStatus.UNDONE, True)


def test_a_block_that_nobody_approves_is_over(engine, raise_alert) -> None:
    who = engine(block(wait=1), operator=GUARD)
    raise_alert()
    run = next(iter(who.tick()))
    assert next(iter(who.tick(run.until))).status is RunStatus.EXPIRED


@pytest.mark.full
def test_a_block_can_be_denied_and_undone_early(engine, raise_alert) -> None:
    who = engine(block(), block(), operator=GUARD)
    raise_alert()
    first, second = list(who.tick())
    assert who.deny(first.id, "kim", first.changed).status is RunStatus.DENIED
    who.approve(second.id, "kim", second.changed)
    assert next(iter(who.tick(second.changed))).status is RunStatus.DONE
    assert who.undo(second.id, "jo", second.changed).status is RunStatus.PENDING
    undone = next(iter(who.tick(second.changed)))
    assert undone.detail.startswith("undone by jo: run: az network nsg rule delete")


def priorities(*runs: Any) -> list[int]:
    return [one.plan["template"]["resources"][0]["properties"]["priority"] for one in runs]


@pytest.mark.full
def test_plans_for_one_group_have_priorities_of_their_own(engine, raise_alert) -> None:
    outward = block(direction="Outbound")
    other = block(resource=GROUP.replace("/web", "/other"))
    who = engine(
        block(), block(resource=GROUP.upper().replace("/WEB", "/Web")), outward, other, operator=GUARD
    )
    raise_alert()
    first, second, third, fourth = list(who.tick())
    assert priorities(first, second, third, fourth) == [100, 101, 100, 100]
    who.deny(first.id, "kim", first.changed)
    who.approve(second.id, "kim", second.changed)
    assert next(iter(who.tick(second.changed))).status is RunStatus.DONE
    raise_alert("a2", "198.41.0.4")
    assert priorities(*(one for one in who.tick() if one.rule in ("rule 0", "rule 1"))) == [100, 102]


def test_a_priority_that_another_rule_took_since_the_plan_is_not_used(
    engine, raise_alert, state: State
) -> None:
    who = engine(block(), block(), operator=GUARD)
    raise_alert()
    first, second = list(who.tick())
    # as two workspaces that plan at the same moment would have it
    second.plan["template"]["resources"][0]["properties"]["priority"] = 100
    with state.transaction() as session:
        state.automation_runs.put(session, second)
    for one in (first, second):
        who.approve(one.id, "kim", one.changed)
    done, refused = list(who.tick(second.changed))
    assert (done.status, refused.status) == (RunStatus.DONE, RunStatus.DEAD)
    assert f"the priority 100 was taken by the plan of the run {first.id}" in refused.detail


@pytest.mark.full
def test_what_is_guarded_since_the_plan_is_not_blocked(engine, raise_alert) -> None:
    who = engine(block(), operator=GUARD)
    raise_alert()
    run = next(iter(who.tick()))
    who.approve(run.id, "kim", run.changed)
    engine(operator={"block": {"management": ["185.220.101.0/24"]}})
    ended = next(iter(who.tick(run.changed)))
    assert (ended.status, "the addresses that can be blocked changed" in ended.detail) == (
        RunStatus.DEAD,
        True,
    )


def test_an_approved_block_is_handed_to_its_command(engine, raise_alert) -> None:
    code = "import sys,json; given = json.load(sys.stdin); print(given['what'], given['by'], given['plan']['addresses'])"
    who = engine(block(apply="c"), operator={**GUARD, **command(code)})
    raise_alert()
    run = next(iter(who.tick()))
    who.approve(run.id, "kim", run.changed)
    done = next(iter(who.tick(run.changed)))
    assert "apply kim ['185.220.101.4']" in done.detail
    assert "undo kim ['185.220.101.4']" in next(iter(who.tick(done.until))).detail


@pytest.mark.parametrize(
    ("settings", "operator", "said"),
    [
        ({}, {}, "must list the management addresses"),
        ({"resource": "x"}, GUARD, "resource:"),
        ({"resource": IPS}, GUARD, "nsg requires microsoft.network/networksecuritygroups"),
    ],
)
def test_a_block_that_cannot_be_planned(engine, raise_alert, settings, operator, said: str) -> None:
    who = engine(block(**settings), operator=operator)
    raise_alert()
    run = next(iter(who.tick()))
    assert (run.status, said in run.detail) == (RunStatus.DEAD, True), run.detail


def test_an_ip_group_takes_no_ipv6(engine, raise_alert) -> None:
    who = engine(block(target="firewall", resource=IPS), operator=GUARD)
    raise_alert("a1", "2606:4700::1111")
    run = next(iter(who.tick()))
    said = "nothing to block: 2606:4700::1111: an IP group accepts IPv4 addresses only"
    assert (run.status, run.detail) == (RunStatus.DONE, said)


def test_nothing_is_planned_where_nothing_may_be_blocked(engine, raise_alert) -> None:
    who = engine(block(), operator=GUARD)
    raise_alert("a1", "10.0.0.4")
    run = next(iter(who.tick()))
    assert (run.status, run.detail) == (RunStatus.DONE, "nothing to block: 10.0.0.4: not a public address")


def test_nothing_is_blocked_while_the_estates_own_addresses_cannot_be_read(
    engine, raise_alert, lake: Lake
) -> None:
    log = lake.data / "estate" / "resources" / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020}.json").write_text("{")
    who = engine(block(), operator=GUARD)
    raise_alert()
    run = next(iter(who.tick()))
    assert run.status is RunStatus.PENDING
    assert "its own addresses are unknown" in run.detail
