"""Secrets that stand in files: every rule finds its own kind at its place, and made up ones and binaries are passed over."""

from __future__ import annotations

import pytest

from nephoscope.collect.secrets import secrets_in_files
from nephoscope.collect.secrets.secret_rules import load_secret_rules
from nephoscope.collect.secrets.secrets_in_files import SecretScan, find_secrets, measure_entropy

LETTERS = "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zC0fR" * 8
HEX = "3f9a1c7e5b2d8046" * 16
#: A secret of each rule, put together here so that none stands in this file.
SAMPLES = {
    "aws-access-key-id": "AKIA" + "Q7W3E5R2T8Y6U4I1",
    "aws-secret-access-key": "aws_secret_key = " + LETTERS[:40],
    "azure-storage-account-key": "AccountKey=" + LETTERS[:86] + "==",
    "azure-entra-client-secret": "s=" + "aB3" + "8Q~" + LETTERS[:34],
    "azure-container-registry-key": "p=" + LETTERS[:52] + "JQQJ" + "99" + LETTERS[:18] + "AZCR" + "aB3d",
    "azure-service-key": "k=" + LETTERS[:52] + "JQQJ" + "99" + LETTERS[:18] + "AbCd" + "aB3d",
    "azure-app-configuration-connection": "Endpoint=https://x.azconfig.io;Id=ab;Secret=" + LETTERS[:43] + "=",
    "azure-devops-token": "t=" + LETTERS[:76] + "AZDO" + "aB3d",
    "azure-shared-access-signature": "https://x/y?sv=2023-01-03&sp=r&sig=" + LETTERS[:43] + "%3D",
    "azure-service-bus-connection": "SharedAccessKey=" + LETTERS[:43] + "=",
    "google-service-account": '{"type": "service_' + 'account"}',
    "google-api-key": "k=AIza" + LETTERS[:35],
    "google-oauth-client-secret": "GOCSPX-" + LETTERS[:28],
    "alibaba-access-key-id": "LTAI" + LETTERS[:20],
    "alibaba-secret-key": "alibaba_secret = '" + LETTERS[:30] + "'",
    "digitalocean-token": "dop_v1_" + HEX[:64],
    "heroku-api-key": "heroku_key: 01234567-89ab-cdef-" + "0123-456789abcdef",
    "fastly-api-token": "fastly_token = '" + LETTERS[:32] + "'",
    "databricks-token": "dapi" + HEX[:32],
    "planetscale-token": "pscale_tkn_" + LETTERS[:43],
    "pulumi-access-token": "pul-" + HEX[:40],
    "hashicorp-terraform-token": LETTERS[:14] + ".atlasv1." + LETTERS[:64],
    "hashicorp-vault-token": "hvs." + LETTERS[:95],
    "docker-hub-token": "dckr_pat_" + LETTERS[:27],
    "docker-configuration-in-manifest": ".dockerconfigjson: eyJ" + LETTERS[:40],
    "docker-registry-credentials": '{"auths": {"x": {"auth": "' + LETTERS[:20] + '"}}}',
    "github-token": "ghp_" + LETTERS[:36],
    "github-fine-grained-token": "github_pat_" + LETTERS[:82],
    "github-oauth-token": "gho_" + LETTERS[:36],
    "github-app-token": "ghs_" + LETTERS[:36],
    "github-refresh-token": "ghr_" + LETTERS[:36],
    "gitlab-token": "glpat-" + LETTERS[:20],
    "npm-access-token": "npm_" + LETTERS[:36],
    "npm-registry-credentials": "//r.test/:_authToken=" + LETTERS[:36],
    "pypi-upload-token": "pypi-AgE" + LETTERS[:80],
    "rubygems-api-token": "rubygems_" + HEX[:48],
    "crates-io-token": "cio" + LETTERS[:32],
    "clojars-api-token": "CLOJARS_" + LETTERS[:60],
    "private-packagist-token": "packagist_uut_" + HEX[:68],
    "hugging-face-token": "hf_" + LETTERS[:34],
    "slack-token": "xoxb-" + "1234567890-" + LETTERS[:24],
    "slack-webhook": "https://hooks.slack.com/services/"
    + "T"
    + LETTERS[:8]
    + "/B"
    + LETTERS[:8]
    + "/"
    + LETTERS[:26],
    "teams-webhook": "https://abc.webhook.office.com/webhookb2/"
    + HEX[:73]
    + "/IncomingWebhook/"
    + HEX[:32]
    + "/"
    + HEX[:36],
    "discord-token": "discord_token = '" + HEX[:64] + "'",
    "atlassian-api-token": "jira_token = '" + LETTERS[:24] + "'",
    "linear-api-key": "lin_api_" + LETTERS[:40],
    "postman-api-token": "PMAK-" + HEX[:24] + "-" + HEX[:34],
    "sonar-token": "sqp_" + HEX[:40],
    "sentry-token": "sntryu_" + HEX[:64],
    "dynatrace-api-token": "dt0c01." + LETTERS[:24] + "." + LETTERS[:64],
    "grafana-token": "glsa_" + LETTERS[:32] + "_" + HEX[:8],
    "new-relic-key": "NRAK-" + LETTERS[:27],
    "figma-token": "figd_" + LETTERS[:40],
    "doppler-api-token": "dp.pt." + LETTERS[:43],
    "frameio-token": "fio-u-" + LETTERS[:64],
    "maven-settings-password": "<password> hunter2 </password>",
    "maven-settings-passphrase": "<passphrase>hunter2</passphrase>",
    "maven-master-password": "<master>hunter2</master>",
    "stripe-secret-key": "sk_" + "live_" + LETTERS[:24],
    "stripe-publishable-key": "pk_" + "live_" + LETTERS[:24],
    "flutterwave-key": "FLWSECK_TEST-" + HEX[:12],
    "square-token": "sq0atp-" + LETTERS[:22],
    "shopify-token": "shpat_" + HEX[:32],
    "sendgrid-api-key": "SG." + LETTERS[:22] + "." + LETTERS[:43],
    "sendinblue-api-key": "xkeysib-" + HEX[:64] + "-" + LETTERS[:16],
    "mailgun-token": "mailgun_key = 'key-" + HEX[:32] + "'",
    "mailchimp-api-key": "mailchimp = '" + HEX[:32] + "-us12'",
    "twilio-api-key": "k: SK" + HEX[:32],
    "telegram-bot-token": "123456789:AA" + LETTERS[:33],
    "facebook-access-token": "EAACEdEose0cBA" + LETTERS[:40],
    "twitter-token": "twitter_token = '" + HEX[:40] + "'",
    "linkedin-client-secret": "linkedin_secret = '" + LETTERS[:16] + "'",
    "dropbox-token": "dropbox_token = '" + LETTERS[:15] + "'",
    "openai-api-key": "sk-proj-" + LETTERS[:30] + "T3Blbk" + "FJ" + LETTERS[:30],
    "anthropic-api-key": "sk-ant-" + "api03-" + LETTERS[:93],
    "adobe-client-secret": "p8e-" + LETTERS[:32],
    "age-secret-key": "AGE-SECRET-KEY-1"
    + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" * 1
    + "QPZRY9X8GF2TVDW0S3JN54KHCE",
    "easypost-api-token": "EZAK" + LETTERS[:54],
    "duffel-api-token": "duffel_live_" + LETTERS[:43],
    "lob-api-key": "lob_key = 'live_" + HEX[:35] + "'",
    "shippo-api-token": "shippo_live_" + HEX[:40],
    "typeform-api-token": "tfp_" + LETTERS[:59],
    "private-key": "-----BEGIN "
    + "PRIVATE KEY-----\n"
    + LETTERS[:64]
    + "\n"
    + LETTERS[:20]
    + "\n-----END PRIVATE KEY-----",
    "putty-private-key": "PuTTY-User-Key-"
    + "File-3: x\nPrivate-Lines: 2\n"
    + LETTERS[:64]
    + "\nPrivate-MAC: 1",
    "json-web-token": "eyJ" + LETTERS[:30] + ".eyJ" + LETTERS[:30] + "." + LETTERS[:30],
    "password-in-url": "postgres://app:" + LETTERS[:12] + "@db.test/x",
    "shadow-password-hash": "root:$6$" + LETTERS[:40] + ":19000:0:99999:7:::",
    "generic-assigned-secret": 'my_secret = "' + LETTERS[:32] + '"',
    "settings-file-secret": "DB_PASSWORD=" + LETTERS[:12],
    "connection-string-password": "Server=tcp:a;User ID=b;Password=" + LETTERS[:12] + ";",
}
PLACES = {
    "docker-registry-credentials": "root/.docker/config.json",
    "npm-registry-credentials": "root/.npmrc",
    "maven-settings-password": "root/.m2/settings.xml",
    "maven-settings-passphrase": "root/.m2/settings.xml",
    "maven-master-password": "root/.m2/settings-security.xml",
    "shadow-password-hash": "etc/shadow",
    "settings-file-secret": "srv/app.env",
}


def find(text: str, path: str = "srv/app.env") -> SecretScan:
    return find_secrets(path, text.encode())


def test_every_rule_has_a_sample() -> None:
    assert {rule.rule.id for rule in load_secret_rules()} == set(SAMPLES)


@pytest.mark.parametrize("rule", SAMPLES)
def test_a_rule_finds_its_kind_and_keeps_no_value(rule: str) -> None:
    scan = find(f"first line\n{SAMPLES[rule]}\nlast line\n", PLACES.get(rule, "srv/app.env"))
    assert rule in {place.rule for place in scan.places}
    lines = {(place.first_line, place.last_line) for place in scan.places if place.rule == rule}
    first = {"private-key": (3, 4), "putty-private-key": (4, 4)}.get(rule, (2, 2))
    assert lines == {first}
    assert LETTERS[:16] not in repr(scan)
    assert HEX[:16] not in repr(scan)


def test_places_and_values_that_are_no_secrets_are_passed_over() -> None:
    token = SAMPLES["github-token"]
    assert find(token, "app/settings.py").places
    for path in (
        "usr/share/doc/x",
        "app/example.env",
        "app/node_modules/x/a.js",
        "README.md",
        "app/tests/a.py",
    ):
        assert not find(token, path).places, path
    assert find_secrets("app/tests/a.py", token.encode(), in_tests=True).places
    assert not find("AKIA" + "IOSFODNN7" + "EXAMPLE").places
    assert not find_secrets("a.bin", b"\0" + token.encode()).places
    assert not find('token = "aaaaaaaaaaaaaaaaaaaaaaaa"\npassword = "${PASSWORD_OF_THE_APP}"\n').places


def test_a_general_rule_gives_way() -> None:
    scan = find(f'github_token = "{SAMPLES["github-token"]}"\n')
    assert [place.rule for place in scan.places] == ["github-token"]


def test_an_incomplete_scan_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find("x").is_complete
    with monkeypatch.context() as patch:
        patch.setattr(secrets_in_files, "MAX_SIZE", 100)
        assert not find("x" * 101).is_complete
    many = find((SAMPLES["github-token"] + "\n") * 2_000)
    assert not many.is_complete
    assert len(many.places) == 1_000


def test_entropy() -> None:
    assert measure_entropy("") == 0
    assert measure_entropy("aaaa") == 0
    assert measure_entropy("abcd") == pytest.approx(2)
