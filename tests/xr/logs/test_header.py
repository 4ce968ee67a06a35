"""Who sent a message, and when, by what stands before it; all lines SYNTHETIC, in the forms of the named programs."""

from __future__ import annotations

import pytest

from agent.xr.logs.header import header

T = "smartlicserver[127]: "
XR = f"RP/0/RP0/CPU0:Feb 22 10:00:07.962 UTC: {T}"
SHORT = "Feb 22 10:00:07"
ISO = "2022-02-22T10:00:07"

LINES = [
    # rsyslog
    ("traditional", f"{SHORT} r1 103: {XR}", "r1", SHORT),
    ("RFC 3339", f"{ISO}.962123+01:00 r1 103: {XR}", "r1", f"{ISO}.962123+01:00"),
    ("RFC 3339 without colon", f"{ISO}+0100 r1 103: {XR}", "r1", f"{ISO}+0100"),
    ("facility column", f"{SHORT} local7.err r1 103: {XR}", "r1", SHORT),
    ("facility in brackets", f"{ISO}.1Z <local7.err> pe1-fra 103: {XR}", "pe1-fra", f"{ISO}.1Z"),
    ("facility and severity", f"{ISO}Z local7 err r1 103: {XR}", "r1", f"{ISO}Z"),
    ("facility behind the host", f"{SHORT} r1 [local7.err] 103: {XR}", "r1", SHORT),
    ("with PRI", f"<187>{SHORT} r1 103: {XR}", "r1", SHORT),
    ("blank behind PRI", f"<187> {SHORT} r1 103: {XR}", "r1", SHORT),
    ("octet count", f"187 <187>{SHORT} r1 103: {XR}", "r1", SHORT),
    # syslog-ng
    ("ISO without zone", f"{ISO} r1 103: {XR}", "r1", ISO),
    ("ISO with blank and comma", f"2022-02-22 10:00:07,962 r1 103: {XR}", "r1", "2022-02-22 10:00:07,962"),
    ("full date", f"2022 {SHORT} r1 103: {XR}", "r1", f"2022 {SHORT}"),
    ("year behind the time", f"{SHORT} 2022 r1 103: {XR}", "r1", f"{SHORT} 2022"),
    ("year within the date", f"Feb 22 2022 10:00:07 r1 : 103: {XR}", "r1", "Feb 22 2022 10:00:07"),
    ("weekday", f"Tue {SHORT} 2022 r1 103: {XR}", "r1", f"Tue {SHORT} 2022"),
    ("chained hosts", f"{SHORT} r1/10.0.0.9 103: {XR}", "r1", SHORT),
    ("source and host", f"{SHORT} s_net@r1 103: {XR}", "r1", SHORT),
    # zones
    ("UTC", f"{SHORT}.962 UTC r1 103: {XR}", "r1", f"{SHORT}.962 UTC"),
    ("CET", f"{SHORT} CET r1 103: {XR}", "r1", f"{SHORT} CET"),
    ("a zone of one's own", f"{SHORT} MYZ r1 103: {XR}", "r1", f"{SHORT} MYZ"),
    ("offset apart", f"{SHORT} +01:00 r1 103: {XR}", "r1", f"{SHORT} +01:00"),
    ("GMT+1", f"{SHORT} GMT+1 r1 103: {XR}", "r1", f"{SHORT} GMT+1"),
    ("zone and year", f"Tue {SHORT} UTC 2022 r1 103: {XR}", "r1", f"Tue {SHORT} UTC 2022"),
    ("ISO and UTC", f"2022-02-22 10:00:07 UTC r1 103: {XR}", "r1", "2022-02-22 10:00:07 UTC"),
    # hosts
    ("like a zone", f"{SHORT} CORE 103: {XR}", "CORE", SHORT),
    ("like a zone, then node", f"{SHORT} CORE {XR}", "CORE", SHORT),
    ("like a zone, then process", f"{SHORT} CORE {T}", "CORE", SHORT),
    ("only digits", f"{SHORT} 7600 103: {XR}", "7600", SHORT),
    ("with colon", f"{SHORT} r1: {XR}", "r1", SHORT),
    ("in brackets", f"{SHORT} [192.0.2.1] 103: {XR}", "192.0.2.1", SHORT),
    ("IPv6", f"{SHORT} 2001:db8::1 103: {XR}", "2001:db8::1", SHORT),
    ("IPv6 in brackets with colon", f"{SHORT} [fe80::1]: 103: {XR}", "fe80::1", SHORT),
    ("with port", f"{ISO}Z 10.1.1.1:514 103: {XR}", "10.1.1.1", f"{ISO}Z"),
    ("domain", f"{SHORT} r1.example.com 103: {XR}", "r1.example.com", SHORT),
    ("before the time", f"10.0.0.1 {SHORT} 103: {XR}", "10.0.0.1", SHORT),
    ("as a field", f'time={ISO}Z level=err host=r1 msg="{XR}', "r1", None),
    # journald
    ("short", f"{SHORT} r1 {T}", "r1", SHORT),
    ("short-precise", f"{SHORT}.123456 r1 {T}", "r1", f"{SHORT}.123456"),
    ("short-iso", f"{ISO}+0100 r1 {T}", "r1", f"{ISO}+0100"),
    ("short-full", f"Tue 2022-02-22 10:00:07 UTC r1 {T}", "r1", "Tue 2022-02-22 10:00:07 UTC"),
    ("short-unix", f"1645524007.962123 r1 {T}", "r1", "1645524007.962123"),
    # RFC 5424
    ("with PRI", f"<187>1 {ISO}.962Z r1 smartlicserver 127 - - ", "r1", f"{ISO}.962Z"),
    ("without PRI", f"1 {ISO}.962Z r1 smartlicserver 127 - - ", "r1", f"{ISO}.962Z"),
    ("structured data", f'<187>1 {ISO}Z r1 a 1 m [x a="b \\] c"][y z="<1>"] \ufeff', "r1", f"{ISO}Z"),
    ("no time", "<187>1 - r1 app - - - ", "r1", None),
    ("a node is no host", f"<187>1 {ISO}Z RP/0/RP0/CPU0 smartlicserver 127 - - ", None, f"{ISO}Z"),
    ("nor behind a collector's time", f"{SHORT} RP/0/RP0/CPU0 {T}", None, SHORT),
    ("no host, but a prefix", f"<187>1 {ISO}Z - - - - - 94307: r1 {XR}", "r1", f"{ISO}Z"),
    # other dates
    ("hyphens", f"22-Feb-2022 10:00:07 r1 103: {XR}", "r1", "22-Feb-2022 10:00:07"),
    ("slashes", f"22/Feb/2022:10:00:07 +0000 r1 103: {XR}", "r1", "22/Feb/2022:10:00:07 +0000"),
    ("long month", f"February 22 10:00:07 r1 103: {XR}", "r1", "February 22 10:00:07"),
    ("basic ISO", f"20220222T100007Z r1 103: {XR}", "r1", "20220222T100007Z"),
    ("in brackets", f"[{ISO}Z] r1 103: {XR}", "r1", f"{ISO}Z"),
    ("half a day", f"02/22/2022 10:00:07 AM r1 103: {XR}", "r1", "02/22/2022 10:00:07 AM"),
    ("Kiwi", f"2022-02-22 10:00:07\tLocal7.Error\tr1\t103: {XR}", "r1", "2022-02-22 10:00:07"),
    # IOS XR itself
    ("prefix, no zone", f"<187>94307: r1 RP/0/RP0/CPU0:Jul  7 20:16:14.834 : {T}", "r1", "Jul  7 20:16:14.834"),
    ("prefix and zone", f"<187>94307: r1 LC/0/2/CPU0:Jul  7 20:16:14.834 CEST: {T}", "r1", "Jul  7 20:16:14.834 CEST"),
    ("prefix alone", f"r1 RP/0/RSP0/CPU0:Jul  7 20:16:14.834 : {T}", "r1", "Jul  7 20:16:14.834"),
    ("prefix behind a collector", f"{SHORT} 10.0.0.1 94307: r1 {XR}", "r1", SHORT),
    ("prefix and sequence", f"r1 103: {XR}", "r1", f"{SHORT}.962 UTC"),
    ("no prefix", f"<187>103: {XR}", None, f"{SHORT}.962 UTC"),
    ("console", XR, None, f"{SHORT}.962 UTC"),
    ("console without node", f"{SHORT}.962 UTC: {T}", None, f"{SHORT}.962 UTC"),
    ("clock not in step", f"{SHORT} r1 103: RP/0/RP0/CPU0:*{SHORT}.962 UTC: {T}", "r1", SHORT),
    ("with year", f"r1 RP/0/RP0/CPU0:2022 {SHORT}.962 UTC: {T}", "r1", f"2022 {SHORT}.962 UTC"),
    ("admin plane", f"{SHORT} r1 103: 0/RP0/ADMIN0:{SHORT}.962 UTC: {T}", "r1", SHORT),
    ("bsd format", f"<187>{SHORT} r1 {T}", "r1", SHORT),
    ("the program alone", f"{SHORT} smartlicserver: ", None, SHORT),
    # IOS XE
    ("origin", "<187>103: r1: Feb 22 10:00:07.962 UTC: ", "r1", "Feb 22 10:00:07.962 UTC"),
    ("own time behind the collector's", f"{SHORT} r1 103: *Feb 22 10:00:06.962: ", "r1", SHORT),
    ("own zone behind the collector's", f"{SHORT} r1 000104: .Feb 22 10:00:06.962 CET: ", "r1", SHORT),
    # relays
    ("two headers", f"Feb 22 10:00:08 relay {SHORT} r1 103: {XR}", "r1", "Feb 22 10:00:08"),
    ("PRI within", f"<187>Feb 22 10:00:08 relay <187>103: r1 {XR}", "r1", "Feb 22 10:00:08"),
    ("PRI within, no name", f"<187>Feb 22 10:00:08 r1 <187>103: {XR}", "r1", "Feb 22 10:00:08"),
    ("RFC 3164 in 5424", f"<13>1 {ISO}Z relay app - - - <187>{SHORT} r1 103: {XR}", "r1", f"{ISO}Z"),
    # what others put before a line
    ("grep", f"/var/log/r9.log:{SHORT} r1 103: {XR}", "r1", SHORT),
    ("grep with numbers", f"r9.log.1:17:<187>{SHORT} r1 103: {XR}", "r1", SHORT),
    ("a number alone", f"17:{SHORT} r1 103: {XR}", "r1", SHORT),
    ("a container's log", f"{ISO}.123456789Z {SHORT} r1 103: {XR}", "r1", f"{ISO}.123456789Z"),
    ("a container's log by CRI", f"{ISO}.1Z stdout F {SHORT} r1 103: {XR}", "r1", f"{ISO}.1Z"),
    ("logcli", f'{ISO}Z {{host="r1", job="syslog"}} {XR}', "r1", f"{ISO}Z"),
    ("CEF", f"{SHORT} relay CEF:0|Cisco|IOS XR|7.4|1|lost|3|dvchost=r1 msg=", "r1", SHORT),
    ("CEF without a device", f"{SHORT} r1 CEF:0|Cisco|IOS XR|7.4|1|lost|3|msg=", "r1", SHORT),
    # several records without newlines
    ("the last one counts", f"<187>{SHORT} r1 1: {XR}x<187>Feb 22 10:00:09 r2 2: {XR}", "r2", "Feb 22 10:00:09"),
    ("also where it has no name", f"<187>{SHORT} r1 1: {XR}x<187>103: {XR}", None, f"{SHORT}.962 UTC"),
    ("no record begins in a text", f"{SHORT} r1 103: {XR}text <12> more ", "r1", SHORT),
    ("nothing", "", None, None),
]


@pytest.mark.parametrize("record, host, time", [line[1:] for line in LINES], ids=[line[0] for line in LINES])
def test_host_and_time_are_told(record: str, host: str | None, time: str | None) -> None:
    found = header(record)
    assert (found.host, found.time.text if found.time else None) == (host, time)


@pytest.mark.parametrize(
    "one, other",
    [
        (f"{ISO}+01:00 r1 {XR}", f"{ISO}Z r1 {XR}"),
        (f"{SHORT} UTC 2022 r1 {XR}", "2022-02-22 11:00:08 +0100 r1 "),
        (f"{ISO},5 r1 {XR}", f"{ISO}.6 r1 {XR}"),
        (f"2022 {SHORT} r1 {XR}", "22-Feb-2022 10:00:08 r1 "),
        ("Feb 22 2022 11:00:07 AM r1 ", "Feb 22 2022 01:00:07 PM r1 "),
        ("1645524007 r1 ", "1645524007.5 r1 "),
    ],
)
def test_times_with_a_year_are_compared(one: str, other: str) -> None:
    first, second = header(one).time, header(other).time
    assert first is not None
    assert second is not None
    assert first.earlier(second)
    assert not second.earlier(first)


@pytest.mark.parametrize("shown", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_time_that_utc_does_not_have_is_told_as_written(shown: str) -> None:
    found = header(f"{shown} r1 {XR}")
    assert found.host == "r1"
    assert found.time is not None
    assert (found.time.text, found.time.moment) == (shown, None)


def test_times_that_cannot_be_compared_are_not() -> None:
    first, second = header(f"{SHORT} r1 ").time, header(f"{ISO}Z r1 ").time
    assert first is not None
    assert second is not None
    assert not first.earlier(second)
    assert not second.earlier(first)


@pytest.mark.parametrize("word", ["<", "[", "1 ", "r1: ", "\t", "<1>", "a/", '"', "Feb 22 ", "{"])
def test_a_long_record_costs_one_pass(word: str) -> None:
    """Nothing is asserted of time: with a pattern that goes back and forth, this would not end."""
    header(word * (65536 // len(word)))
