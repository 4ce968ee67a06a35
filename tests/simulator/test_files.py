"""Files over SFTP, shared with the CLI and the rpcs, and what goes wrong with them; judged by paramiko."""

from __future__ import annotations

import hashlib

import paramiko
import pytest

from agent.simulator import Device
from tests.simulator.peer import netconf, rpc, screen, ssh
from tests.support import Lab
from tests.web import served

DATA = bytes(range(256)) * 400
_MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()


def put(lab: Lab, device: Device, path: str = "/misc/disk1/x.pem", data: bytes = DATA) -> None:
    with ssh(lab, device) as client, client.open_sftp() as sftp, sftp.open(path, "wx") as file:
        file.write(data)


def test_a_file_arrives_whole_and_is_the_same_for_sftp_and_the_cli(lab: Lab) -> None:
    device = lab.add()
    put(lab, device)
    assert device.files == {"/misc/disk1/x.pem": DATA}
    with ssh(lab, device) as client, client.open_sftp() as sftp:
        assert sftp.stat("/misc/disk1/x.pem").st_size == len(DATA)
        assert sftp.listdir("/misc/disk1") == ["x.pem"]
        with sftp.open("harddisk:/x.pem") as file:
            assert file.read() == DATA
    with screen(lab, device) as cli:
        for name in ("/harddisk:/x.pem", "harddisk:/x.pem", "/misc/disk1/x.pem"):
            assert _MD5 in cli.send(f"show md5 file {name}")
        assert "No such file" in cli.send("show md5 file /disk0:/x.pem")


def test_a_file_that_is_there_is_not_written_over_where_that_was_forbidden(lab: Lab) -> None:
    device = lab.add()
    put(lab, device)
    with pytest.raises(OSError, match="exists"):
        put(lab, device, data=b"other")
    with pytest.raises(FileNotFoundError):
        put(lab, device, "/nowhere/x.pem")
    assert device.files == {"/misc/disk1/x.pem": DATA}


def test_the_cli_copies_and_removes(lab: Lab) -> None:
    device = lab.add()
    put(lab, device)
    with screen(lab, device) as cli:
        assert "cannot" not in cli.send("run cp /harddisk:/x.pem /tmp")
        assert device.files["/tmp/x.pem"] == DATA
        assert "cannot copy" in cli.send("run cp /harddisk:/other /tmp")
        cli.send("run rm -f /tmp/x.pem")
        assert "cannot" not in cli.send("run rm -f /tmp/x.pem")
    assert list(device.files) == ["/misc/disk1/x.pem"]


@pytest.mark.parametrize("reaches", [True, False])
def test_the_copy_rpc_reaches_tmp_or_not(lab: Lab, reaches: bool) -> None:
    device = lab.add(release="7.2.1", copy_reaches_tmp=reaches)
    put(lab, device)
    body = rpc(
        "shellutil-copy-act",
        "copy",
        sourcename="x.pem",
        destinationname="x.pem",
        sourcefilesystem="harddisk:",
        destinationfilesystem="/tmp",
    )
    with netconf(lab, device) as connected:
        if reaches:
            assert "bytes copied" in connected.dispatch(body).xml
        else:
            with pytest.raises(Exception, match="Invalid file system"):
                connected.dispatch(body)
    assert ("/tmp/x.pem" in device.files) is reaches


def test_without_sftp_there_is_no_such_subsystem(lab: Lab) -> None:
    with ssh(lab, lab.add(sftp=False)) as client, pytest.raises(paramiko.SSHException):
        client.open_sftp()


def test_a_full_disk_takes_a_part_and_says_so(lab: Lab) -> None:
    device = lab.add(file_faults=("full",))
    with pytest.raises(OSError, match="No space left"):
        put(lab, device, data=b"x" * 100)
    assert device.files == {"/misc/disk1/x.pem": b"x" * 50}


def test_writing_may_be_denied(lab: Lab) -> None:
    device = lab.add(file_faults=("denied",))
    with pytest.raises(PermissionError):
        put(lab, device)
    assert not device.files


def test_a_file_may_arrive_damaged(lab: Lab) -> None:
    device = lab.add(file_faults=("corrupt",))
    put(lab, device)
    stored = device.files["/misc/disk1/x.pem"]
    assert len(stored) == len(DATA)
    assert stored != DATA


def test_a_file_may_vanish_when_it_is_wanted(lab: Lab) -> None:
    device = lab.add(file_faults=("vanish",))
    put(lab, device)
    with ssh(lab, device) as client, client.open_sftp() as sftp, sftp.open("/misc/disk1/x.pem") as file:
        assert file.read() == DATA
    with screen(lab, device) as cli:
        assert "No such file" in cli.send("run cp /misc/disk1/x.pem /tmp")
    assert not device.files


def test_a_file_may_be_impossible_to_remove(lab: Lab) -> None:
    device = lab.add(file_faults=("stuck",))
    put(lab, device)
    with ssh(lab, device) as client, client.open_sftp() as sftp, pytest.raises(PermissionError):
        sftp.remove("/misc/disk1/x.pem")
    device.disk.faults.clear()
    with ssh(lab, device) as client, client.open_sftp() as sftp:
        sftp.remove("/misc/disk1/x.pem")
    assert not device.files


def test_the_connection_may_end_in_the_middle_of_a_write(lab: Lab) -> None:
    device = lab.add(file_faults=("drop",))
    with pytest.raises(paramiko.SSHException, match="dropped"):
        put(lab, device)


def test_a_reload_empties_tmp_only(lab: Lab) -> None:
    device = lab.add()
    device.files.update({"/tmp/a": b"a", "/misc/disk1/b": b"b"})
    device.reload()
    assert list(device.files) == ["/misc/disk1/b"]


def test_the_models_list_a_folder_and_delete_from_it(lab: Lab) -> None:
    device = lab.add(release="25.2.1")
    put(lab, device)
    names = "<nodes><node><dir-paths><dir-path><name>harddisk:</name></dir-path></dir-paths></node></nodes>"
    folder = f'<dir xmlns="http://cisco.com/ns/yang/Cisco-IOS-XR-shellutil-dir-oper">{names}</dir>'
    with netconf(lab, device) as connected:
        found = connected.get(("subtree", folder)).xml
        assert f"<size>{len(DATA)}</size><name>x.pem</name>" in found
        assert found.count("<dir-path>") == 1, "the folder that was named"
        gone = rpc("shellutil-delete-act", "delete", name="harddisk:/x.pem")
        assert "successful" in connected.dispatch(gone).xml
        with pytest.raises(Exception, match="No such file"):
            connected.dispatch(gone)
    assert not device.files


@pytest.mark.parametrize(
    "vrf, server, name, said",
    [
        (None, "http:", "//{}", None),
        ("MGMT", "http:", "//{}", None),
        (None, "http://{}", "", None),
        ("NONE", "http:", "//{}", "VRF NONE is not configured"),
        (None, "ftp:", "//{}", "fetches http:// only"),
    ],
)
def test_the_copy_rpc_fetches_from_a_server(
    lab: Lab, vrf: str | None, server: str, name: str, said: str | None
) -> None:
    device = lab.add(release="25.2.1", vrfs=("MGMT",))
    with served(DATA) as url, netconf(lab, device) as connected:
        place = url.partition("//")[2]
        host, _, file = place.partition("/")
        body = rpc(
            "shellutil-copy-act",
            "copy",
            sourcename=name.format(place) or file,
            destinationname="x.pem",
            sourcefilesystem=server.format(host),
            destinationfilesystem="harddisk:",
            **({"vrf": vrf} if vrf else {}),
        )
        if said is None:
            assert f"{len(DATA)} bytes copied" in connected.dispatch(body).xml
        else:
            with pytest.raises(Exception, match=said):
                connected.dispatch(body)
    assert device.files == ({} if said else {"/misc/disk1/x.pem": DATA})


def test_a_device_that_does_not_announce_them_has_none_of_these_models(lab: Lab) -> None:
    device = lab.add(release="7.3.2", platform="asr9k-x64")
    with netconf(lab, device) as connected:
        folder = '<dir xmlns="http://cisco.com/ns/yang/Cisco-IOS-XR-shellutil-dir-oper"/>'
        assert "dir-path" not in connected.get(("subtree", folder)).xml
    old = lab.add(release="6.5.3", platform="ncs5500")
    with netconf(lab, old) as connected, pytest.raises(Exception, match="unknown-namespace"):
        connected.dispatch(rpc("shellutil-delete-act", "delete", name="harddisk:/x.pem"))


def test_the_cli_lists_a_folder_and_a_file(lab: Lab) -> None:
    device = lab.add()
    put(lab, device)
    with screen(lab, device) as cli:
        assert f"{len(DATA)} Nov 29 08:00 x.pem" in cli.send("dir harddisk:")
        assert "bytes total" in cli.send("dir disk0:")
        assert f"{len(DATA)} Nov" in cli.send("run ls -l /misc/disk1/x.pem")
        assert "No such file" in cli.send("run ls -l /tmp/x.pem")
