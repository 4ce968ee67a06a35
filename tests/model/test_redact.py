"""No secret shows in redacted text: not where secrets stand, and a known one nowhere, however it is written."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from lxml import etree

from agent.model.device import Secret
from agent.model.masking.redact import Redactor, names_a_secret, spelled

SECRET = "p<a>s&'s\"é\\w0rd-Zq7"
KNOWN = Redactor([Secret(SECRET)])


def _by_lxml() -> str:
    element = etree.Element("x", note=SECRET)
    element.text = SECRET
    return etree.tostring(element).decode()


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        escape(SECRET),
        escape(SECRET, {'"': "&quot;", "'": "&#39;"}),
        escape(SECRET, {'"': "&#x22;", "'": "&apos;", "é": "&#xE9;"}),
        _by_lxml(),
        json.dumps(SECRET),
        repr(SECRET),
        repr(SECRET.encode()),
        quote(SECRET, safe=""),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        f"password {SECRET}",
        f"http://u:{SECRET}@h/",
    ],
)
@pytest.mark.parametrize("way", [KNOWN.known, KNOWN.text, KNOWN.xml])
def test_a_known_secret_is_hidden_however_it_is_written(written: str, way: object) -> None:
    assert callable(way)
    shown = way(f"<error-message>bad value {written} here</error-message>")
    assert "Zq7" not in shown
    assert base64.b64encode(SECRET.encode()).decode()[:8] not in shown
    assert "***" in shown
    assert shown.startswith("<error-message>bad value ")


def test_a_secret_that_looks_like_a_url_is_hidden_whole() -> None:
    assert Redactor([Secret("http://u:p@h/?key=Zq7")]).text("got http://u:p@h/?key=Zq7 there") == "got *** there"


def test_a_secret_that_is_part_of_a_tag_does_not_open_the_element_around_another() -> None:
    shown = Redactor([Secret("id")]).xml("<id-token>MDEw</id-token>")
    assert "MDEw" not in shown


def test_the_known_secret_is_also_found_without_the_blanks_around_it() -> None:
    assert Redactor([Secret(" two words ")]).text("[two words]") == "[***]"


def test_without_secrets_all_the_rest_stays() -> None:
    text = "<rpc><get><trustpoint-name>Trustpool</trustpoint-name><rsa-key-pair>ours</rsa-key-pair></get></rpc>"
    assert Redactor().xml(text) == text


@pytest.mark.parametrize(
    "content, shown",
    [
        ("<id-token>MDEw</id-token>", "<id-token>***</id-token>"),
        ("<n:id-token xmlns:n='urn:x'>MDEw</n:id-token >", "<n:id-token xmlns:n='urn:x'>***</n:id-token >"),
        (
            "<password><encrypted>0822</encrypted></password>",
            "<password><encrypted>***</encrypted></password>",
        ),
        ("<key><seven>0822</seven></key>", "<key><seven>***</seven></key>"),
        ("<key-string>0822</key-string>", "<key-string>***</key-string>"),
        ("<challenge-password>\n0822</challenge-password>", "<challenge-password>***</challenge-password>"),
        ("<secret><![CDATA[a<b>]]></secret>", "<secret>***</secret>"),
        ("<secret><!-- 0822 --></secret>", "<secret>***</secret>"),
        ("<secret><secret>1</secret>2</secret>3", "<secret><secret>***</secret>***</secret>3"),
        ("<secret><x>1</secret>2", "<secret><x>***</secret>2"),
        ("<secret></x>1</secret>2", "<secret></x>***</secret>2"),
        ("<password/>2", "<password/>2"),
        ('<user password="0822" name="ops">x</user>', '<user password="***" name="ops">x</user>'),
        ('<secret value="0822"/>x', '<secret value="***"/>x'),
        ("<user name='a>b' token='1'>x</user>", "<user name='a>b' token='***'>x</user>"),
        ("<url>http://ops:0822@h/x</url>", "<url>http://ops:***@h/x</url>"),
        ('<a href="http://ops:0822@h/x"/>', '<a href="http://ops:***@h/x"/>'),
        ("<server-address>ops:0822@proxy</server-address>", "<server-address>ops:***@proxy</server-address>"),
        ("<cli>username ops\n password 7 0822\n!\n</cli>", "<cli>username ops\n password ***\n!\n</cli>"),
        ("<error-message>id token MDEw is unknown</error-message>", "<error-message>id token ***</error-message>"),
    ],
)
def test_what_stands_where_secrets_stand_is_hidden(content: str, shown: str) -> None:
    assert Redactor().xml(f"<data>{content}</data>") == f"<data>{shown}</data>"


def test_an_element_that_does_not_end_hides_all_that_follows() -> None:
    assert Redactor().xml("<data><secret>0822<b>0822</data>0822") == "<data><secret>***<b>***</data>***"


@pytest.mark.parametrize(
    "line, shown",
    [
        (" secret 10 $6$abc", " secret ***"),
        (" password 7 0822", " password ***"),
        (" key 7 0822", " key ***"),
        (" key hex-encrypted 0822", " key ***"),
        ("  key-string password 0822", "  key-string ***"),
        ("snmp-server community public RO", "snmp-server community ***"),
        ("license smart register idtoken MDEw force", "license smart register idtoken ***"),
        ("http client proxy ops:0822@proxy port 8080", "http client proxy ops:***@proxy port 8080"),
        ("crypto ca trustpoint Trustpool", "crypto ca trustpoint Trustpool"),
        ("key chain ours", "key chain ours"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\nbnNz\n-----END OPENSSH PRIVATE KEY-----",
            "-----BEGIN OPENSSH PRIVATE KEY-----***-----END OPENSSH PRIVATE KEY-----",
        ),
    ],
)
def test_configuration_lines_hide_their_secrets(line: str, shown: str) -> None:
    assert Redactor().text(f"a\n{line}\nb") == f"a\n{shown}\nb"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "password",
            "enablePassword",
            "enable_passwd",
            "pwd",
            "rootPwd",
            "key-passphrase",
            "client-secret",
            "Secrets",
        ),
        *(
            "token",
            "api_token",
            "apikey",
            "apiKey",
            "api_key",
            "private key",
            "privateKey",
            "enable_key",
            "key",
            "keys",
        ),
        *("snmp_community", "communities", "credentials", "ssh_creds", "psk", "wifiPsk", "pre-shared", "preshared-key"),
        *("key-string", "x:password", "auth-key", "isis.key"),
        *("pass", "ssh_pass", "ansible_become_pass", "enablePass", "enable-pw", "pswd"),
    ],
)
def test_a_name_of_a_secret_is_known_as_one(name: str) -> None:
    assert names_a_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "site",
            "keyboard",
            "monkey",
            "turkey",
            "keychain",
            "key-chain",
            "passive",
            "compass",
            "bypass",
            "pass-count",
            "hostname",
            "tags",
        ),
        *("password_env", "password_file", "key_passphrase_env", "register_token_file", "pin_count", "credit"),
    ],
)
def test_other_names_are_none_of_a_secret(name: str) -> None:
    assert not names_a_secret(name)


def test_hostile_text_costs_one_pass() -> None:
    """Each of these would take minutes where a pattern looked back; the test run's own time-out is the judge."""
    for piece in ('<a "', "<password>", "://a:", "<a b", "a=b:", "&#0", "<!--", "password ", "'a:"):
        assert KNOWN.xml(piece * 50_000)
    assert KNOWN.xml(f"<a {'b' * 500_000}>")
    assert KNOWN.text(f"password{' ' * 500_000}").startswith("password")


def test_nothing_that_a_terminal_obeys_is_left() -> None:
    assert spelled("a\x1b[2J\r\n\x9b\u202e\ud800", lines=True) == "a\\x1b[2J\\x0d\n\\x9b\\u202e\\ud800"
    assert spelled("a\n") == "a\\x0a"
