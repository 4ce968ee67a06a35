"""Nothing a device says may act on a terminal, and no secret in its data may show."""

from __future__ import annotations

import pytest

from agent.model.masking.redact import masked
from agent.model.masking.text import neutralise, without_secrets


@pytest.mark.parametrize("code", [*range(0x20), 0x7F, *range(0x80, 0xA0), 0x202E, 0x2066, 0x2028, 0xD800])
def test_a_control_character_is_spelled_out(code: int) -> None:
    safe = neutralise(f"a{chr(code)}b")
    assert chr(code) not in safe
    assert safe.startswith("a\\")
    assert safe.isprintable()


def test_an_escape_sequence_stays_readable() -> None:
    assert neutralise("CN=\x1b]0;owned\x07root\x1b[2J") == "CN=\\x1b]0;owned\\x07root\\x1b[2J"


def test_line_feeds_stay_only_where_asked_for() -> None:
    assert neutralise("a\nb") == "a\\x0ab"
    assert neutralise("a\nb\x1b", lines=True) == "a\nb\\x1b"


def test_other_scripts_are_left_alone() -> None:
    assert neutralise("Zürich 東京 — ok") == "Zürich 東京 — ok"


@pytest.mark.parametrize(
    "text, shown",
    [
        ("http://ops:hunter2@ca.example/root.pem", "http://ops:***@ca.example/root.pem"),
        ("enrollment url sftp://ops:p%40ss@192.0.2.1/x", "enrollment url sftp://ops:***@192.0.2.1/x"),
        ("http://ops:p@ss@192.0.2.1/x", "http://ops:***@192.0.2.1/x"),
        ("http://ops:p/ss@192.0.2.1/x", "http://ops:***@192.0.2.1/x"),
        ("http://ops:12345@192.0.2.1/x", "http://ops:***@192.0.2.1/x"),
        ("ops:hunter2@proxy.example:8080", "ops:***@proxy.example:8080"),
        ("https://tools.cisco.com:443/its", "https://tools.cisco.com:443/its"),
        ("http://tools.cisco.com:80/a@b", "http://tools.cisco.com:80/a@b"),
        ("https://[2001:db8::1]:443/a@b", "https://[2001:db8::1]:443/a@b"),
        ("ops@ca.example", "ops@ca.example"),
        ("http://ca/x?token=Zq7&a=1 b", "http://ca/x?token=***&a=1 b"),
        ("'http://u:p@ca/x?a=1;api_key=Zq7'", "'http://u:***@ca/x?a=1;api_key=***'"),
        ("http://ca/x?token_file=a&page=2", "http://ca/x?token_file=a&page=2"),
        ("what?token=Zq7", "what?token=Zq7"),
    ],
)
def test_a_password_in_a_url_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_a_megabyte_of_letters_is_masked_in_one_pass() -> None:
    # Started at each letter of a would-be scheme, the search took a quarter of an hour: a device could hang the run.
    letters = "a" * 1_000_000
    assert masked(f"{letters} http://ops:hunter2@ca {letters}").count("hunter2") == 0


def test_secret_leaves_are_masked_at_any_depth() -> None:
    tree = {
        "trustpoint": [
            {
                "name": "Trustpool",
                "sftp-password": {"password": "094F471A1A0A", "@xmlns": "urn:x"},
                "vrf": "mgmt",
                "c:challenge-password": {"#text": "13061E010803"},
                "enrollment": {"url": "http://a:b@c/"},
                "skip-challenge-password": True,
            }
        ],
    }
    assert without_secrets(tree) == {
        "trustpoint": [
            {
                "name": "Trustpool",
                "sftp-password": {"password": "***", "@xmlns": "urn:x"},
                "vrf": "mgmt",
                "c:challenge-password": {"#text": "***"},
                "enrollment": {"url": "http://a:***@c/"},
                "skip-challenge-password": True,
            }
        ],
    }


def test_configuration_as_text_inside_a_leaf_shows_no_secret_either() -> None:
    text = "username ops\n secret 10 $6$abc\n!\ntacacs-server host 192.0.2.1\n key 7 0822455D0A16\n!\n"
    assert without_secrets({"cli": text}) == {
        "cli": "username ops\n secret ***\n!\ntacacs-server host 192.0.2.1\n key ***\n!\n"
    }
