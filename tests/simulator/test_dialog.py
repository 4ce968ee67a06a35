"""``crypto ca authenticate``: each variant of its questions, and each way in which it goes wrong."""

from __future__ import annotations

from typing import Any

import pytest

from agent.model.pki.anchor import TrustAnchor
from tests.model.test_anchor import make_pem
from tests.simulator.peer import Screen, screen
from tests.support import Lab

ANCHOR = TrustAnchor.bundled()
PASTE, QUESTION = r"by itself", r"(?:yes/no|y/n)\]: "


@pytest.fixture(scope="session")
def other() -> TrustAnchor:
    """A CA that is not the anchor."""
    return TrustAnchor.from_pem(make_pem("Somebody Else"))


def begin(cli: Screen, pattern: str = PASTE) -> str:
    return cli.send("crypto ca authenticate Trustpool", pattern)


def paste(cli: Screen, pem: str = ANCHOR.pem, pattern: str = QUESTION) -> str:
    cli.type(pem)
    return cli.send("quit", pattern)


@pytest.mark.parametrize("answer, installed", [("yes", True), ("no", False)])
def test_the_plain_dialog_prints_the_certificate_and_installs_it_on_yes(lab: Lab, answer: str, installed: bool) -> None:
    device = lab.add(enrollment="terminal")
    with screen(lab, device) as cli:
        begin(cli)
        printed = paste(cli)
        for part in (
            "Serial Number  : 0A:01:42:80:00:00:01:45:23:C8:44:B5:00:00:00:02",
            "CN=IdenTrust Commercial Root CA 1,O=IdenTrust,C=US",
            "Validity Start : 18:12:23 UTC Thu Jan 16 2014",
            "Validity End   : 18:12:23 UTC Mon Jan 16 2034",
            "DF717EAA4AD94EC9558499602D48DE5FBCF03A25",
            "Do you accept this certificate? [yes/no]",
        ):
            assert part in printed
        cli.send(answer)
    assert device.answers == [answer]
    assert device.state.certificates == ({"Trustpool": ANCHOR.pem} if installed else {})


def test_a_blank_line_ends_the_paste_as_well(lab: Lab) -> None:
    device = lab.add(enrollment="terminal")
    with screen(lab, device) as cli:
        begin(cli)
        cli.type(ANCHOR.pem)
        cli.send("", QUESTION)
        cli.send("yes")
    assert device.state.certificates


def test_one_may_be_asked_first_whether_one_is_sure(lab: Lab) -> None:
    device = lab.add(enrollment="terminal", dialog="confirm")
    with screen(lab, device) as cli:
        assert "Are you sure you want to do this?" in begin(cli, QUESTION)
        cli.send("yes", PASTE)
        paste(cli)
        cli.send("yes")
    assert device.answers == ["yes", "yes"]
    assert device.state.certificates


def test_one_may_be_asked_at_the_end_whether_one_is_sure(lab: Lab) -> None:
    device = lab.add(enrollment="terminal", dialog="late")
    with screen(lab, device) as cli:
        begin(cli)
        paste(cli)
        assert "Are you sure" in cli.send("yes", QUESTION)
        assert not device.state.certificates
        cli.send("yes")
    assert device.state.certificates


def test_one_may_be_asked_whether_to_replace_what_is_there(lab: Lab) -> None:
    device = lab.add(certificate=ANCHOR.pem, dialog="already")
    with screen(lab, device) as cli:
        assert "already exists" in begin(cli, QUESTION)
        cli.send("no")
        begin(cli, QUESTION)
        cli.send("yes", PASTE)
        paste(cli)
        cli.send("yes")
    assert device.answers == ["no", "yes", "yes"]
    assert device.state.authenticates == 1


def test_one_may_be_asked_what_no_guide_mentions(lab: Lab) -> None:
    device = lab.add(enrollment="terminal", dialog="unknown")
    with screen(lab, device) as cli:
        begin(cli)
        assert "nvram" in paste(cli)
        assert "Do you accept" in cli.send("y", QUESTION)
        cli.send("yes")
    assert device.answers == ["y", "yes"]
    assert device.state.certificates


def test_an_answer_that_is_none_is_asked_for_again(lab: Lab) -> None:
    device = lab.add(enrollment="terminal")
    with screen(lab, device) as cli:
        begin(cli)
        paste(cli)
        assert "Please answer" in cli.send("perhaps", QUESTION)
        cli.send("no")
    assert device.answers == ["perhaps", "no"]


def test_another_certificate_may_be_shown(lab: Lab, other: TrustAnchor) -> None:
    device = lab.add(enrollment="terminal", dialog_shows=other.pem)
    with screen(lab, device) as cli:
        begin(cli)
        printed = paste(cli)
        assert other.sha1 in printed
        assert ANCHOR.sha1 not in printed
        cli.send("no")
    assert not device.state.certificates


@pytest.mark.parametrize("shown", ["0" * 40, ""])
def test_another_fingerprint_or_none_may_be_shown(lab: Lab, shown: str) -> None:
    device = lab.add(enrollment="terminal", dialog_fingerprint=shown)
    with screen(lab, device) as cli:
        begin(cli)
        printed = paste(cli)
        assert "IdenTrust" in printed
        assert ANCHOR.sha1 not in printed
        assert ("Fingerprint" in printed) is bool(shown)
        assert shown in printed


def test_older_releases_print_certificates_in_another_way(lab: Lab) -> None:
    device = lab.add(enrollment="terminal", print_style="attributes")
    with screen(lab, device) as cli:
        begin(cli)
        printed = paste(cli)
    assert "Certificate has the following attributes:\n  Fingerprint: DF 71 7E" in printed
    assert "Serial number  : 0A:01" in printed


@pytest.mark.parametrize("how", ["drop", "error", "hang"])
@pytest.mark.parametrize("when", ["begin", "pasted", "accepted", "installed"])
def test_the_dialog_breaks_as_it_is_told_to(lab: Lab, how: str, when: str) -> None:
    device = lab.add(enrollment="terminal", dialog_breaks=(how, when))
    ends: tuple[type[Exception], ...] = (TimeoutError,) if how == "hang" else (EOFError, OSError)

    def last(cli: Screen, line: str) -> None:
        if how == "error":
            assert "% Operation failed" in cli.send(line)
            return
        cli._channel.settimeout(0.3 if how == "hang" else 10)
        with pytest.raises(ends):
            cli.send(line)

    with screen(lab, device) as cli:
        if when == "begin":
            last(cli, "crypto ca authenticate Trustpool")
        else:
            begin(cli)
            cli.type(ANCHOR.pem)
            if when == "pasted":
                last(cli, "quit")
            else:
                cli.send("quit", QUESTION)
                last(cli, "yes")
    assert bool(device.state.certificates) is (when == "installed")


@pytest.mark.parametrize(
    "settings, said",
    [
        ({}, "% Trustpoint not found"),
        ({"enrollment": "local", "release": "25.2.1"}, "% Enrollment is neither"),
    ],
)
def test_the_dialog_does_not_begin_without_its_enrollment(lab: Lab, settings: dict[str, Any], said: str) -> None:
    with screen(lab, lab.add(**settings)) as cli:
        assert said in begin(cli, r"CPU0:\S+#")


def test_what_is_no_certificate_is_refused(lab: Lab) -> None:
    device = lab.add(enrollment="terminal")
    with screen(lab, device) as cli:
        begin(cli)
        assert "% Failed to parse" in paste(cli, "nonsense\n", r"CPU0:\S+#")
    assert not device.answers


def test_ctrl_c_leaves_the_dialog(lab: Lab) -> None:
    device = lab.add(enrollment="terminal")
    with screen(lab, device) as cli:
        begin(cli)
        cli.type("\x03")
        cli.until()
        assert "UTC" in cli.send("show clock")
    assert not device.state.certificates
