"""Tables and lists give their routers in order, or are refused whole, with the line."""

from __future__ import annotations

import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

import agent
from agent.fleet.inventory import textfile
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.source import load
from agent.fleet.inventory.target import Target
from agent.fleet.window.windows import windows
from agent.fleet.window.zone import Zone
from agent.model.errors import InputError
from agent.model.method import Method

HEADER = (
    "name,host,port,ssh_port,username,password,key,key_passphrase,jump,login_timeout,legacy_ssh,platform,trustpoint,"
    "method,window,tz,groups,site\n"
)


def table(folder: Path, text: str | bytes) -> str:
    path = folder / "routers.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def listed(text: str) -> list[Target]:
    return load("-", stdin=BytesIO(text.encode()))


def test_every_column_of_a_table_is_read(tmp_path: Path) -> None:
    row = (
        "r1,192.0.2.1,8300,2222,me,env:X,keys/r1,file:secret,b.example,45,yes,iosxr,OWN,file,22:00-04:00,UTC,"
        "core; edge,London\n"
    )
    (target,) = load(table(tmp_path, HEADER + row))
    assert target == Target(
        "r1",
        "192.0.2.1",
        port=8300,
        ssh_port=2222,
        username="me",
        password=Reference.parse("env:X"),
        key_file=tmp_path / "keys" / "r1",
        key_passphrase=Reference.parse(f"file:{tmp_path}/secret"),
        jump="b.example",
        login_timeout=45.0,
        legacy_ssh=True,
        platform="iosxr",
        trustpoint="OWN",
        method=Method.FILE,
        window=windows(("22:00-04:00",)),
        tz=Zone("UTC"),
        groups=("core", "edge"),
        data={"site": "London"},
    )


def test_tables_that_were_put_together_are_refused_where_the_second_begins(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"routers\.csv, line 3: the header once more"):
        load(table(tmp_path, "name, host\nr1,192.0.2.1\nname,host\nr2,192.0.2.2\n"))


def test_groups_with_commas_are_no_group_of_that_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 2: groups: commas among groups") as raised:
        load(table(tmp_path, 'host,groups\nr1,"core,edge"\n'))
    assert raised.value.hint == "separate groups by ;"


def test_empty_fields_and_lines_say_nothing(tmp_path: Path) -> None:
    text = "\ufeffname,host,port,site\r\n\r\nr2, ,,\r\n , ,,\r\n,r1.example,830,x\r\n"
    assert load(table(tmp_path, text)) == [
        Target("r2", "r2"),
        Target("r1.example", "r1.example", port=830, data={"site": "x"}),
    ]


@pytest.mark.parametrize(
    "column", ["site", "role", "region", "rack", "model", "vendor", "serial", "tags", "os", "notes"]
)
def test_other_columns_are_data(tmp_path: Path, column: str) -> None:
    (target,) = load(table(tmp_path, f"name,{column}\nr1,x\n"))
    assert target.data == {column: "x"}


@pytest.mark.parametrize(
    "column, meant",
    [
        ("prot", "port"),
        ("Port", "port"),
        ("group", "groups"),
        ("trust-point", "trustpoint"),
        ("ssh port", "ssh_port"),
        ("hostname", "host"),
        ("mgmt_ip", "host"),
        ("user", "username"),
        ("netconf_port", "port"),
        ("password_env", "password"),
        ("jump_host", "jump"),
    ],
)
def test_a_column_that_looks_like_one_of_ours_is_not_taken_for_data(tmp_path: Path, column: str, meant: str) -> None:
    with pytest.raises(agent.InputError) as error:
        load(table(tmp_path, f"name,{column}\nr1,1\n"))
    assert error.value.message == f"{tmp_path}/routers.csv, line 1: the column {column!r} is unknown"
    assert (error.value.hint or "").startswith(f"did you mean {meant}?")


@pytest.mark.parametrize(
    "text, line, device, said",
    [
        ("name,host\nr1,a\nr2\n", 3, None, "1 fields where the header has 2"),
        ("name,host\nr1,a,b\n", 2, None, "3 fields where the header has 2"),
        ("name,site,site\nr1,a,b\n", 1, None, "column 3 of the header has the name of column 2"),
        ("name,,site\nr1,a,b\n", 1, None, "column 2 of the header has no name"),
        ("r1,192.0.2.1\n", 1, None, "the header has neither name nor host"),
        ("name;host\nr1;a\n", 1, None, "the header has one field"),
        ("name,site\n,x\n", 2, None, "neither name nor host is given"),
        ('name,site\nr1,"x\n', 2, None, "no valid CSV"),
        ("name,port\nr1,83O\n", 2, "r1", "port: 83O is no port in 1..65535"),
        ("name,port\nr1,hunter2\n", 2, "r1", "port: this is no port in 1..65535"),
        ("name,method\nr1,magic\n", 2, "r1", "method: this is no method"),
        ("name,legacy_ssh\nr1,perhaps\n", 2, "r1", "legacy_ssh: this is neither true nor false"),
        ("name,login_timeout\nr1,soon\n", 2, "r1", "login_timeout: this is no number of seconds above 0"),
        ("name,password\nr1,hunter2\n", 2, "r1", "password: a secret is given as a reference, never by itself"),
        ("name,host\nr1,a b\n", 2, "r1", "host: 'a b' is no host name or address"),
        ("name,username\nr1,a\x1bb\n", 2, "r1", "username: the value has control characters"),
        ("name,site\nr1,\x1b[2J\n", 2, "r1", "site: the value has control characters"),
        ('name,site\nr1,"a\nb"\nr1,c\n', 4, "r1", "the name is there already, on line 3"),
        ("name,host\nr1,a\nr2,A\n", 3, "r2", "r1 has the same address, A port 830"),
    ],
)
def test_what_a_table_cannot_have_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int, device: str | None, said: str
) -> None:
    with pytest.raises(agent.InputError) as error:
        load(table(tmp_path, text))
    assert error.value.message.startswith(f"{tmp_path}/routers.csv, line {line}: ")
    assert said in error.value.message
    assert error.value.device == device
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("text", ["", "name,host\n"])
def test_a_table_without_routers_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(agent.InputError, match="has no router"):
        load(table(tmp_path, text))


def test_a_table_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(agent.InputError, match="no UTF-8 text"):
        load(table(tmp_path, "name,host\nr1,a\n".encode("utf-16")))


def test_a_list_has_one_router_a_line(tmp_path: Path) -> None:
    text = "# London\n\nr1.example   # core\r\nme@192.0.2.1:8300\n  2001:db8::1\n[2001:db8::2]:831\n[2001:db8::3]\n"
    expected = [
        Target("r1.example", "r1.example"),
        Target("192.0.2.1:8300", "192.0.2.1", port=8300, username="me"),
        Target("2001:db8::1", "2001:db8::1"),
        Target("[2001:db8::2]:831", "2001:db8::2", port=831),
        Target("[2001:db8::3]", "2001:db8::3"),
    ]
    assert listed(text) == expected
    (tmp_path / "routers.txt").write_bytes(text.encode())
    assert load(str(tmp_path / "routers.txt")) == expected


@pytest.mark.parametrize(
    "text, said",
    [
        ("a\nb:0\n", "line 2: 0 is no port in 1..65535"),
        ("a\nb c\n", "line 2: 'b c' is no host name or address"),
        ("a\n@b\n", "line 2: there is no user before the @"),
        ("a\n[::1\n", "line 2: '[::1' is no [user@]host[:port]"),
        ("a\n[::1]830\n", "line 2: '[::1]830' is no [user@]host[:port]"),
        ("a\n-b\n", "line 2: '-b' is no host name or address"),
        ("a\nb\x1b\n", "line 2: a host has control characters"),
        ("a\nb\na\n", "line 3: the name is there already, on line 1"),
        ("a\na:830\n", "line 2: a has the same address, a port 830"),
        ("a\nme@a\n", "line 2: the name is there already, on line 1"),
        ("# none\n", "standard input has no router"),
        ("a\0\n", "standard input is no text"),
    ],
)
def test_what_a_list_cannot_have_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(agent.InputError) as error:
        listed(text)
    assert "standard input" in error.value.message
    assert said in error.value.message


def test_a_line_that_begins_with_a_hash_is_a_comment_where_a_row_might_begin(tmp_path: Path) -> None:
    text = (
        '# routers of London\n  # with one quote: "\nname,host,site\n'
        'r1,192.0.2.1,"a\n#b"\r\n#r2,192.0.2.2,x\n\n #r3\nr4,192.0.2.4,#c\n# end'
    )
    assert load(table(tmp_path, text)) == [
        Target("r1", "192.0.2.1", data={"site": "a\n#b"}),
        Target("r4", "192.0.2.4", data={"site": "#c"}),
    ]


def test_lines_are_counted_with_the_comments(tmp_path: Path) -> None:
    text = '# one\nname,site\n# three\nr1,"a\n# five"\n# six\nr1,b\n'
    with pytest.raises(agent.InputError) as error:
        load(table(tmp_path, text))
    assert error.value.message == f"{tmp_path}/routers.csv, line 7: the name is there already, on line 5"


@pytest.mark.parametrize("mark", ["#", ";", "!", "//"])
@pytest.mark.parametrize("text", ['name\nr1\n"#r2"\n', "host,name\n192.0.2.1,r1\n192.0.2.2,#r2\n"])
def test_a_router_whose_name_looks_like_a_comment_is_refused_by_its_line(tmp_path: Path, text: str, mark: str) -> None:
    with pytest.raises(agent.InputError) as error:
        load(table(tmp_path, text.replace("#", mark)))
    said = f"line 3: the name '{mark}r2' begins with {mark}, as a comment does"
    assert error.value.message == f"{tmp_path}/routers.csv, {said}"


def test_a_row_with_one_field_of_a_hash_alone_is_a_comment(tmp_path: Path) -> None:
    assert [one.name for one in load(table(tmp_path, "name\n#\nr1\n"))] == ["r1"]


def test_user_and_port_in_the_host_count_as_if_they_stood_beside_it(tmp_path: Path) -> None:
    rows = "r1,ops@192.0.2.1:8300,,\nr2,[2001:db8::2]:831,831,\n,ops@r3,,ops\n,ssh://ops@r4:832/,,\n"
    assert load(table(tmp_path, f"name,host,port,username\n{rows}")) == [
        Target("r1", "192.0.2.1", port=8300, username="ops"),
        Target("r2", "2001:db8::2", port=831),
        Target("r3", "r3", username="ops"),
        Target("r4:832", "r4", port=832, username="ops"),
    ]


@pytest.mark.parametrize(
    "row, said",
    [
        ("r1,192.0.2.1:830,831,", "host: the port in the host is another than the one beside it"),
        ("r1,me@192.0.2.1,,ops", "host: the username in the host is another than the one beside it"),
        ("r1:830,,831,", "the port in the host is another than the one beside it"),
    ],
)
def test_two_ports_or_users_of_one_router_are_refused(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(agent.InputError) as error:
        load(table(tmp_path, f"name,host,port,username\n{row}\n"))
    assert error.value.message == f"{tmp_path}/routers.csv, line 2: {said}"


def test_a_first_row_that_is_no_header_is_refused_without_its_secrets(tmp_path: Path) -> None:
    with pytest.raises(agent.InputError) as error:
        load(table(tmp_path, "r1,192.0.2.1,hunter2,hunter2\n"))
    assert "hunter2" not in f"{error.value.message} {error.value.hint}"


def test_a_list_takes_urls_of_ssh(tmp_path: Path) -> None:
    assert listed("ssh://ops@192.0.2.1:8300/\nssh://[2001:db8::1]\n") == [
        Target("192.0.2.1:8300", "192.0.2.1", port=8300, username="ops"),
        Target("2001:db8::1", "2001:db8::1"),
    ]


def test_standard_input_is_read_within_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textfile, "LARGEST", 64)
    with pytest.raises(agent.InputError, match="standard input is larger than"):
        listed("#" * 65)


@pytest.mark.parametrize("closed", [True, False])
def test_a_list_on_a_standard_input_that_is_closed_or_was_never_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    stdin = TextIOWrapper(BytesIO(b"r1\n"))
    stdin.close()
    monkeypatch.setattr(sys, "stdin", stdin if closed else None)
    with pytest.raises(InputError, match="-: standard input is closed"):
        load("-")
