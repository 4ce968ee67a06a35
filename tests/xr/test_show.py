"""What the CLI prints, read into the models' types; what was not printed is None.

The samples are SYNTHETIC: made after the lines in Cisco's documents and the facts they give, not captured.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.certificate import Evidence
from agent.model.state import AuthorizationState, EnrollmentKind, RegistrationState, TransportType, lists
from agent.xr.cli import show

ANCHOR = TrustAnchor.bundled()

PRINTED = """
  Serial Number  : 0A:01:42:80:00:00:01:45:23:C8:44:B5:00:00:00:02
  Subject:
        CN=IdenTrust Commercial Root CA 1,O=IdenTrust,C=US
  Issued By      :
        CN=IdenTrust Commercial Root CA 1,O=IdenTrust,C=US
  Validity Start : 18:12:23 UTC Thu Jan 16 2014
  Validity End   : 18:12:23 UTC Mon Jan 16 2034
  SHA1 Fingerprint:
        DF717EAA4AD94EC9558499602D48DE5FBCF03A25
"""
OTHER = PRINTED.replace("IdenTrust Commercial Root CA 1", "QuoVadis Root CA 2").replace("DF71", "0000")


def test_the_certificate_that_the_dialog_prints_is_the_anchor() -> None:
    shown = show.printed_certificate(f"{PRINTED}\nDo you accept this certificate? [yes/no]: ")
    assert shown is not None
    assert shown.proves(ANCHOR) is Evidence.CONSOLE
    assert (shown.serial, shown.sha1) == (ANCHOR.serial, ANCHOR.sha1)
    assert (shown.not_before, shown.not_after) == (ANCHOR.not_before, ANCHOR.not_after)
    assert shown.subject is not None
    assert shown.subject.same(ANCHOR.subject)


@pytest.mark.parametrize(
    "text",
    [
        "",
        PRINTED.rsplit("SHA1", 1)[0],
        f"{PRINTED}\nCA certificate\n{OTHER}",
    ],
    ids=["nothing", "no fingerprint", "two certificates"],
)
def test_too_little_or_too_much_is_no_certificate_to_accept(text: str) -> None:
    assert show.printed_certificate(text) is None


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_the_trustpoint_that_is_asked_for_is_the_one_that_is_read(ends: str) -> None:
    rule = "=" * 50
    text = (
        f"Trustpoint       : other\n{rule}\nCA certificate\n{OTHER}\n"
        f"Trustpoint       : Trustpool\n{rule}\nCA certificate\n{PRINTED}\nRouter certificate\n{OTHER}"
    ).replace("\n", ends)
    shown = show.certificates(text, "Trustpool")
    assert shown is not None
    assert shown.proves(ANCHOR) is Evidence.CONSOLE
    another = show.certificates(text, "other")
    assert another is not None
    assert another.proves(ANCHOR) is None
    assert show.certificates(text, "third") is None


def test_the_trustpool_is_read_with_its_headings() -> None:
    text = f"Trustpool: Built-In\n{'=' * 40}\nCA certificate\n{OTHER}\nTrustpool: Downloaded\nCA certificate\n{PRINTED}"
    entries = show.trustpool(text)
    assert [entry.origin for entry in entries] == ["Built-In", "Downloaded"]
    assert [entry.certificate.proves(ANCHOR) for entry in entries] == [None, Evidence.CONSOLE]
    assert show.trustpool("") == ()


@pytest.mark.parametrize("heading", ["Trustpoint       : Trustpool", "Trustpoint: Trustpool", "trustpoint :Trustpool"])
def test_what_the_trustpool_lists_as_a_trustpoints_is_told_from_its_own(heading: str) -> None:
    text = f"Trustpool: Built-In\n{'=' * 40}\nCA certificate\n{OTHER}\n{heading}\n{'=' * 40}\nCA certificate\n{PRINTED}"
    first, second, last = show.trustpool(f"{text}\nTrustpool: Downloaded\nCA certificate\n{OTHER}")
    assert (first.origin, first.trustpoint) == ("Built-In", None)
    assert (second.origin, second.trustpoint) == (None, "Trustpool")
    assert (last.origin, last.trustpoint) == ("Downloaded", None)
    assert (lists([second], ANCHOR), lists([second], ANCHOR, own=True)) == (True, False)


def test_a_trustpoint_that_is_named_among_the_fields_of_a_certificate_begins_no_other() -> None:
    text = PRINTED.replace("  Issued By", "  Trustpoint     : Other\n  Issued By")
    (entry,) = show.trustpool(f"Trustpool: Downloaded\nCA certificate\n{text}")
    assert (entry.origin, entry.trustpoint) == ("Downloaded", None)
    assert entry.certificate.proves(ANCHOR) is Evidence.CONSOLE


STATUS = """
Smart Licensing is ENABLED

Registration:
  Status: REGISTERED
  Smart Account: Example
  Virtual Account: Simulated

License Authorization:
  Status: OUT OF COMPLIANCE on Feb 22 10:00:07 2022 UTC
  Last Communication Attempt: FAILED on Feb 22 10:00:07 2022 UTC
    Failure reason: Fail to send out Call Home HTTP message
  Next Communication Attempt: Feb 22 11:00:07 2022 UTC
  Communication Deadline: May 23 10:00:07 2022 UTC

Transport:
  Type: Callhome
"""


def test_licensing_is_read_from_its_sections() -> None:
    seen = show.licensing(STATUS)
    assert seen is not None
    assert seen.registration is RegistrationState.COMPLETE
    assert seen.authorization is AuthorizationState.OUT_OF_COMPLIANCE
    assert seen.last_comm_success is False
    assert seen.last_comm_time is not None
    assert seen.last_comm_time.moment == datetime(2022, 2, 22, 10, 0, 7, tzinfo=UTC)
    assert seen.deadline is not None
    assert seen.fail_message == "Fail to send out Call Home HTTP message"
    assert seen.transport is TransportType.CALLHOME
    assert (seen.smart_account, seen.url) == ("Example", None)


def test_an_unregistered_device_whose_evaluation_ended() -> None:
    seen = show.licensing(
        "Registration:\n  Status: UNREGISTERED\nLicense Authorization: \n"
        "  Status: EVAL EXPIRED on Oct 12 2018 21:21:27 UTC\n"
    )
    assert seen is not None
    assert seen.registration is RegistrationState.NOT_REGISTERED
    assert seen.authorization is AuthorizationState.EVAL_EXPIRED
    assert seen.last_comm_success is None
    assert seen.transport is None


def test_a_word_that_is_not_known_is_not_guessed() -> None:
    seen = show.licensing("Registration:\n  Status: SOMETHING NEW\n")
    assert seen is not None
    assert seen.registration is None
    assert show.licensing("% Invalid input detected") is None


@pytest.mark.parametrize(
    "text, release",
    [
        ("Cisco IOS XR Software, Version 6.6.3[Default]\nCopyright (c) 2013 by Cisco", "6.6.3"),
        ("Cisco IOS XR Software, Version 7.3.2\n", "7.3.2"),
        ("Cisco IOS XR Software, Version 24.2.1 LNT\n Label : 24.2.1", "24.2.1"),
        ("Cisco IOS XR Software, Version 7.5.2.10I\n", "7.5.2.10I"),
        ("Version : 7.5.2.10I\n", "7.5.2.10I"),
        ("% Invalid input detected", None),
    ],
)
def test_the_release(text: str, release: str | None) -> None:
    found = show.version(text)
    assert (found.release if found else None) == release


def test_the_fixes_stand_in_the_names_of_packages() -> None:
    text = "disk0:asr9k-px-6.1.4.CSCvx00476-1.0.0\nncs5500-infra-2.0.0.1-r661.CSCvx87275"
    assert show.fixes(text) == {"CSCvx00476", "CSCvx87275"}


CONFIG = """
crypto ca trustpoint other
 enrollment url http://ca.example
!
crypto ca trustpoint Trustpool
 crl optional
 enrollment url terminal
!
hostname r1
"""


def test_the_configuration_of_one_trustpoint() -> None:
    found = show.trustpoint_config(CONFIG, "Trustpool")
    assert found is not None
    assert found.enrollment.kind is EnrollmentKind.TERMINAL
    other = show.trustpoint_config(CONFIG, "other")
    assert other is not None
    assert other.enrollment.url == "http://ca.example"
    assert show.trustpoint_config(CONFIG, "trustpool") is None


@pytest.mark.parametrize(
    "text, moment",
    [
        ("10:00:07.962 UTC Tue Feb 22 2022", datetime(2022, 2, 22, 10, 0, 7, tzinfo=UTC)),
        ("Tue Feb 22 10:00:06.000 UTC\n*10:00:07 GMT Tue Feb 22 2022", datetime(2022, 2, 22, 10, 0, 7, tzinfo=UTC)),
        ("10:00:07.962 CET Tue Feb 22 2022", None),
        ("", None),
    ],
)
def test_the_clock_is_read_only_where_its_zone_is_certain(text: str, moment: datetime | None) -> None:
    found = show.clock(text)
    assert (found.replace(microsecond=0) if found else None) == moment


SERIAL = "0A:01:42:80:00:00:01:45:23:C8:44:B5:00:00:00:02"


@pytest.mark.parametrize(
    "serial",
    [
        SERIAL.removeprefix("0"),
        SERIAL.replace(":", "").removeprefix("0"),
        "A:1:42:80:0:0:1:45:23:C8:44:B5:0:0:0:2",
        f"0x{SERIAL.replace(':', '').lower()}",
        SERIAL.replace(":", " "),
        f"00:{SERIAL}",
        SERIAL.replace(":", "-"),
        f"{SERIAL[:24]}\n        {SERIAL[24:]}",
    ],
)
def test_a_serial_number_is_the_same_however_its_zeros_are_printed(serial: str) -> None:
    shown = show.printed_certificate(PRINTED.replace(SERIAL, serial))
    assert shown is not None
    assert (shown.serial, shown.proves(ANCHOR)) == (ANCHOR.serial, Evidence.CONSOLE)


FIELDS_BETWEEN = [
    "  CRL Distribution Point\n        http://validation.example/root.crl\n",
    "  CRL Distribution Point :\n        http://validation.example/root.crl\n",
    "CRL Distribution Point\n        http://validation.example/root.crl\n        http://second.example/root.crl\n",
    "  Key usage:\n        Certificate Sign, CRL Sign\n",
    "  Associated Trustpoint\n        Trustpool\n",
    "drbg_instantiate failed\n",
    "\n",
]


@pytest.mark.parametrize("line", FIELDS_BETWEEN)
@pytest.mark.parametrize("fingerprint", [True, False])
def test_lines_between_the_fields_cost_none_of_them(line: str, fingerprint: bool) -> None:
    whole = PRINTED if fingerprint else PRINTED.rsplit("  SHA1", 1)[0]
    lines = whole.splitlines(keepends=True)
    ends = [number for number in range(1, len(lines) + 1) if number == len(lines) or ":" in lines[number]]
    wanted = show.certificates(f"CA certificate\n{whole}", "Trustpool")
    for end in ends:
        text = "".join([*lines[:end], line, *lines[end:]])
        assert show.certificates(f"CA certificate\n{text}", "Trustpool") == wanted


def test_noise_within_a_field_costs_nothing() -> None:
    text = PRINTED.replace("CA 1,", "CA 1,\ndrbg_instantiate failed\n        ")
    text = text.replace("Subject:\n", "Subject:\nsome noise\n").replace("Fingerprint:\n", "Fingerprint:\nnoise\n")
    shown, wanted = show.printed_certificate(text), show.printed_certificate(PRINTED)
    assert shown is not None
    assert wanted is not None
    assert shown.subject is not None
    assert shown.subject.same(ANCHOR.subject)
    assert (shown.sha1, shown.issuer, shown.not_after) == (wanted.sha1, wanted.issuer, wanted.not_after)


@pytest.mark.parametrize("enrollment", ["url http://ca.example", "url terminal", "terminal", "local"])
@pytest.mark.parametrize("other", ["retry count 10", "retry period 2", "retry", "autoenroll 80"])
@pytest.mark.parametrize("first", [True, False])
def test_what_else_there_is_to_enrollment_leaves_it_as_it_is(enrollment: str, other: str, first: bool) -> None:
    lines = [f" enrollment {enrollment}", f" enrollment {other}"]
    text = "\n".join(["crypto ca trustpoint Trustpool", *(lines[::-1] if first else lines), "!"])
    plain = show.trustpoint_config(f"crypto ca trustpoint Trustpool\n enrollment {enrollment}\n!\n", "Trustpool")
    found = show.trustpoint_config(text, "Trustpool")
    assert plain is not None
    assert found is not None
    assert found.enrollment == plain.enrollment
    assert found.enrollment.kind is not EnrollmentKind.NONE


def test_noise_within_a_trustpoint_ends_it_not() -> None:
    text = CONFIG.replace(" crl optional\n", " crl optional\ndrbg_instantiate failed\n")
    found = show.trustpoint_config(text, "Trustpool")
    assert found is not None
    assert found.enrollment.kind is EnrollmentKind.TERMINAL
    other = show.trustpoint_config(text, "other")
    assert other is not None
    assert other.enrollment.url == "http://ca.example"


def test_without_marks_a_line_at_the_margin_ends_a_trustpoint() -> None:
    text = "crypto ca trustpoint Trustpool\n crl optional\ninterface x\n enrollment terminal\n"
    found = show.trustpoint_config(text, "Trustpool")
    assert found is not None
    assert found.enrollment.kind is EnrollmentKind.NONE


@given(st.text(max_size=400))
def test_whatever_is_printed_nothing_is_made_up(text: str) -> None:
    for entry in show.trustpool(text):
        assert entry.certificate.subject or entry.certificate.sha1
    printed = show.printed_certificate(text)
    assert printed is None or printed.sha1
    show.licensing(text)
    show.version(text)
    show.trustpoint_config(text, "Trustpool")
    show.clock(text)
