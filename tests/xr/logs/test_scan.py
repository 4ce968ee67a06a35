"""Which hosts lost the server by a text, in whatever form its collector writes it; all of them SYNTHETIC."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from agent.remedy.notices.folder import bundled
from agent.xr.logs.scan import Findings, scan

NODE = "RP/0/RP0/CPU0:Feb 22 10:00:07.962 UTC: smartlicserver[127]: "
LOST = "%LICENSE-SMART_LIC-3-COMM_FAILED : Communications failure with the Cisco Smart Software Manager (CSSM) : x"
UTILITY = "%LICENSE-SMART_LIC-3-COMM_FAILED : Communications failure with the Cisco Smart License Utility (CSLU) : x"
BACK = "%LICENSE-SMART_LIC-5-COMM_RESTORED : Communications with Cisco licensing cloud restored"
XR = NODE + LOST
QUIET = "RP/0/RP0/CPU0:Feb 22 10:00:07.962 UTC: ifmgr[1]: %PKT_INFRA-LINK-3-UPDOWN : Interface up"
ISO = "2022-02-22T10:00:07.962Z"


def found(text: str | bytes) -> Findings:
    return scan(io.BytesIO(text.encode() if isinstance(text, str) else text), bundled().signatures)


def only(text: str) -> tuple[str, str | None]:
    """The one host of *text* with one message, and its time."""
    findings = found(text)
    [host] = findings.hosts.values()
    assert [*host.counts.values()] == [1]
    assert findings.understood == findings.lines
    return host.host, host.first.text if host.first else None


OBJECTS: dict[str, tuple[Any, str, str | None]] = {
    "rsyslog": ({"msg": XR, "rawmsg": f"<187>103: {XR}", "timereported": ISO, "hostname": "r1"}, "r1", ISO),
    "rsyslog, sender": ({"message": XR, "fromhost-ip": "10.0.0.1", "@timestamp": ISO}, "10.0.0.1", ISO),
    "syslog-ng": ({"PROGRAM": "", "MESSAGE": XR, "HOST_FROM": "relay", "HOST": "r1", "ISODATE": ISO}, "r1", ISO),
    "logstash": ({"@timestamp": ISO, "host": "r1", "message": XR, "type": "syslog"}, "r1", ISO),
    "logstash, ECS": ({"@timestamp": ISO, "host": {"ip": "10.0.0.1"}, "event": {"original": XR}}, "10.0.0.1", ISO),
    "logstash, syslog": ({"logsource": "r1", "host": "10.0.0.1", "message": XR, "timestamp": ISO}, "r1", ISO),
    "filebeat": (
        {
            "@timestamp": ISO,
            "agent": {"name": "collector"},
            "host": {"name": "collector"},
            "log": {"source": {"address": "10.0.0.1:41234"}},
            "message": XR,
        },
        "10.0.0.1",
        ISO,
    ),
    "elastic agent": (
        {"@timestamp": ISO, "observer": {"hostname": "r1"}, "host": {"name": "c"}, "message": XR},
        "r1",
        ISO,
    ),
    "elasticsearch": ({"_index": "x", "_source": {"@timestamp": ISO, "host": "r1", "message": XR}}, "r1", ISO),
    "GELF": (
        {"version": "1.1", "host": "r1", "short_message": XR, "full_message": XR, "timestamp": 1645524007.962},
        "r1",
        "2022-02-22T10:00:07.962000+00:00",
    ),
    "graylog": ({"source": "r1", "timestamp": ISO, "message": XR, "gl2_remote_ip": "10.0.0.1"}, "r1", ISO),
    "fluent bit": ({"date": 1645524007, "host": "r1", "ident": "", "message": XR}, "r1", "2022-02-22T10:00:07+00:00"),
    "vector": (
        {"host": "r1", "source_ip": "10.0.0.1", "source_type": "syslog", "timestamp": ISO, "message": LOST},
        "r1",
        ISO,
    ),
    "splunk": (
        {"result": {"_raw": XR, "_time": "2022-02-22 10:00:07.962 UTC", "host": "r1", "source": "udp:514"}},
        "r1",
        "2022-02-22 10:00:07.962 UTC",
    ),
    "splunk HEC": ({"time": "1645524007.962", "host": "r1", "event": XR}, "r1", "2022-02-22T10:00:07.962000+00:00"),
    "loki": ({"labels": {"host": "r1", "job": "syslog"}, "line": XR, "timestamp": ISO}, "r1", ISO),
    "journald": (
        {"__REALTIME_TIMESTAMP": "1645524007962123", "_HOSTNAME": "r1", "SYSLOG_IDENTIFIER": "x", "MESSAGE": XR},
        "r1",
        "2022-02-22T10:00:07.962123+00:00",
    ),
    "a header in the message": (
        {"host": "collector", "message": f"Feb 22 10:00:07 r1 103: {XR}"},
        "r1",
        "Feb 22 10:00:07",
    ),
    "a prefix in the message": ({"host": "collector", "message": f"<187>9: r1 {XR}", "time": ISO}, "r1", ISO),
    "an escaped PRI": ({"m": "\u003c187\u003e9: r1 " + XR, "event": "e", "time": ISO}, "r1", ISO),
    "an array": ([{"host": "r0", "message": "x", "time": ISO}, {"host": "r1", "message": XR, "time": ISO}], "r1", ISO),
}


@pytest.mark.parametrize("form", OBJECTS)
@pytest.mark.parametrize("separators", [None, (",", ":")], ids=["spaced", "compact"])
def test_objects_are_read_by_their_names(form: str, separators: tuple[str, str] | None) -> None:
    made, host, time = OBJECTS[form]
    assert only(json.dumps(made, separators=separators) + "\n") == (host, time)


@pytest.mark.parametrize(
    "before", ["2022-02-22T10:00:07+00:00\tsyslog.r\t", "Feb 22 10:00:07 collector app[1]: @cee: "]
)
def test_an_object_may_stand_behind_other_words(before: str) -> None:
    assert only(before + json.dumps({"host": "r1", "message": XR, "time": ISO}) + "\n") == ("r1", ISO)


def test_objects_of_an_array_in_lines() -> None:
    rows = [json.dumps({"host": f"r{place}", "message": XR, "time": ISO}) for place in range(3)]
    assert [*found("[" + ",\n".join(rows) + "]\n").hosts] == ["r0", "r1", "r2"]


ROWS = [
    (f'2022-02-22 10:00:07,r1,local7,err,"{XR}"', "r1", "2022-02-22 10:00:07"),
    (f'"Feb 22 10:00:07","r1","err","{XR}"', "r1", "Feb 22 10:00:07"),
    (f'r1,local7,3,{ISO},"{XR}"', "r1", ISO),
    (f"{ISO};local7;err;r1;{XR}", "r1", ISO),
    (f"{ISO}|local7|err|10.0.0.1|{XR}", "10.0.0.1", ISO),
    (f"1,{ISO},local7.err,7600,{XR}", "7600", ISO),
    (f"{ISO},10.0.0.9,local7,err,9: r1 {XR}", "r1", ISO),
    (f"17\t{ISO}\t{ISO}\t123\tr1\tLocal7\tError\tsmartlicserver\t{LOST}", "r1", ISO),
]


@pytest.mark.parametrize("row, host, time", ROWS)
def test_rows_without_names_are_read_by_what_stands_in_them(row: str, host: str, time: str) -> None:
    assert only(row + "\r\n") == (host, time)


@pytest.mark.parametrize(
    "names, row",
    [
        ("Timestamp,Facility,Hostname,Message", f'{ISO},local7,r1,"{XR}"'),
        ('"_raw","_time",host,source', f'"{XR}","{ISO}",r1,udp:514'),
        ("message;severity;device;time", f"{XR};err;r1;{ISO}"),
        ("id\thost\tdate\ttext", f"1\tr1\t{ISO}\t{XR}"),
    ],
)
def test_rows_are_read_by_the_names_of_their_columns(names: str, row: str) -> None:
    assert only(f"{names}\n{row}\n") == ("r1", ISO)


MNEMONICS = [
    ("%LICENSE-SMART_LIC-3-COMM_FAILED : x", True),
    ("%SMART_LIC-3-COMM_FAILED: x", True),
    ("SMART_LIC-3-COMM_FAILED:Communications failure", True),
    ("LICENSE-SMART_LIC-3-COMM_FAILED:x", True),
    ("SMART_LIC-3-AGENT_REG_FAILED :x", True),
    ("SECURITY-XR_SSL-3-CERT_VERIFY_ERR_2_PARAM:x", True),
    ("PKI-6-ERR_1_PARAM:Download failed, HTTP returned an error", True),
    ("PKI-6-ERR_1_PARAM:something else", False),
    ("SMART_LIC-6-AGENT_READY:Smart Agent for Licensing is initialized", False),
    ("show logging | include SMART_LIC-3-COMM_FAILED", False),
    ("XSMART_LIC-3-COMM_FAILED:x", False),
    ("%LICENSE-SMART_LIC-3-COMM_FAILED_NOT : x", False),
]


@pytest.mark.parametrize("said, is_loss", MNEMONICS)
def test_the_message_is_known_with_and_without_its_marks(said: str, is_loss: bool) -> None:
    assert bool(found(f"Feb 22 10:00:07 r1 103: {NODE}{said}\n").hosts) is is_loss
    assert bool(found(f"Feb 22 10:00:07 r1 103: {NODE.rstrip()}{said}\n").hosts) is is_loss


def line(second: int, host: str, said: str) -> str:
    return f"Feb 22 10:00:{second:02} {host} 103: {NODE}{said}\n"


def states(text: str) -> dict[str, bool]:
    return {name: host.recovered for name, host in found(text).hosts.items()}


def test_the_licence_utility_is_no_loss() -> None:
    findings = found(line(1, "r1", UTILITY) + line(2, "r2", LOST) + line(3, "r1", UTILITY))
    assert ([*findings.hosts], findings.utility) == (["r2"], 2)


def test_without_newlines_the_next_record_says_nothing_of_this_one() -> None:
    first, second = (f"<187>Feb 22 10:00:07 {host} 103: {NODE}{said}" for host, said in (("r1", LOST), ("r2", UTILITY)))
    assert [*found(first + second).hosts] == ["r1"]


@pytest.mark.parametrize("said", [BACK, "%SMART_LIC-6-AGENT_REG_SUCCESS : x", "SMART_LIC-6-AUTH_RENEW_SUCCESS:x"])
def test_a_server_that_was_reached_ends_the_loss(said: str) -> None:
    assert states(line(1, "r1", LOST) + line(2, "r1", said)) == {"r1": True}
    assert states(line(1, "r1", said) + line(2, "r1", LOST)) == {"r1": False}
    assert states(line(1, "r1", LOST) + line(2, "r1", said) + line(3, "r1", LOST)) == {"r1": False}
    assert states(line(1, "r1", LOST) + line(2, "r2", said)) == {"r1": False}
    assert states(line(2, "r2", said)) == {}


def test_where_times_can_be_compared_the_order_of_the_text_does_not_matter() -> None:
    lost, back = (f"2022-02-2{day}T10:00:00Z r1 1: {NODE}{said}\n" for day, said in ((2, LOST), (3, BACK)))
    assert states(back + lost) == states(lost + back) == {"r1": True}
    early = f"2022-02-21T10:00:00Z r1 1: {NODE}{BACK}\n"
    assert states(lost + early) == states(early + lost) == {"r1": False}
    newest_first = found(f"2022-02-24T10:00:00Z r1 1: {NODE}{BACK}\n" + back + lost).hosts["r1"]
    assert newest_first.restored is not None
    assert newest_first.restored.text == "2022-02-24T10:00:00Z"


def test_show_logging_of_one_device_ends_its_loss_and_that_of_several_does_not() -> None:
    head = "Syslog logging: enabled (0 messages dropped, 0 flushes, 0 overruns)\n\nLog Buffer (2097152 bytes):\n\n"
    lost, back = f"{NODE}{LOST}\n", f"{NODE}{BACK}\n"
    assert states(head + lost + back) == {"unknown": True}
    assert states(head + lost + head + back) == {"unknown": False}
    assert states(f"<187>1: {lost}<187>2: {back}") == {"unknown": False}  # as they came in: of any device


def test_a_record_counts_once_however_often_it_repeats_the_message() -> None:
    row = json.dumps({"host": "r1", "message": XR, "event": {"original": XR}, "time": ISO})
    assert found(f"{row}\n{row}\n").hosts["r1"].counts == {"SMART_LIC-3-COMM_FAILED": 2}
    assert found(line(1, "r1", f"{LOST} {LOST}") * 3).hosts["r1"].counts == {"SMART_LIC-3-COMM_FAILED": 3}


def test_lines_are_counted_and_blank_ones_are_none() -> None:
    text = f"\n\n{line(1, 'r1', LOST)}\r\n   \nsome other text\n{QUIET}\n\n{line(2, 'r2', BACK)}last words"
    findings = found(text)
    assert (findings.lines, findings.understood) == (5, 3)
    assert findings.first_line.startswith("Feb 22 10:00:01 r1")


@pytest.mark.parametrize(
    "text",
    [
        "# Title\n\nSome words about %SMART_LIC and more.\n- 103: a list\n",
        json.dumps({"device": "r1", "outcome": "unchanged", "elapsed_s": 0.2}) + "\n",
        "host,site\nr1,fra\n",
        "\x00\x01\x02\xff" * 1000,
        "hostname r1\ninterface MgmtEth0/RP0/CPU0/0\n ipv4 address 192.0.2.1 255.255.255.0\n!\n",
    ],
    ids=["markdown", "json of no log", "inventory", "binary", "configuration"],
)
def test_of_what_is_no_log_no_line_is_understood(text: str) -> None:
    findings = found(text)
    assert findings.lines
    assert not findings.understood


class Pieces(io.RawIOBase):
    """A stream that gives what it has in pieces of *size*, as a pipe does."""

    def __init__(self, text: bytes, size: int) -> None:
        self._text, self._size = io.BytesIO(text), size

    def read(self, size: int = -1) -> bytes:
        return self._text.read(self._size)


@pytest.mark.parametrize("size", [1, 7, 100, 4096])
@pytest.mark.parametrize("ending", ["\n", ""], ids=["lines", "octet counts"])
def test_the_pieces_in_which_a_text_comes_do_not_matter(size: int, ending: str) -> None:
    records = [f"<187>1 2022-02-2{day}T10:00:07Z r{day} a 1 - - {LOST}{ending}" for day in range(1, 9)]
    text = "".join(record if ending else f"{len(record)} {record}" for record in records).encode()
    stream: Any = Pieces(text, size)
    findings = scan(stream, bundled().signatures)
    assert [*findings.hosts] == [f"r{day}" for day in range(1, 9)]
    assert all(host.counts == {"SMART_LIC-3-COMM_FAILED": 1} for host in findings.hosts.values())
    assert (findings.lines, findings.understood) == ((8, 8) if ending else (1, 1))


def test_a_record_that_crosses_every_bound_counts_once() -> None:
    """Some megabytes without a newline, cut where they may."""
    record = f"<187>1 2022-02-22T10:00:07Z r1 a 1 - - {LOST} {'x' * 700}"
    text = f"{len(record)} {record}".encode() * 4000
    assert found(text).hosts["r1"].counts == {"SMART_LIC-3-COMM_FAILED": 4000}
