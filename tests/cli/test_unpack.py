"""assess --syslog reads what log rotation, archives and Windows leave, or names the form that it does not read."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli.main import program

LINE = (
    "Feb 22 10:00:07 r1 103: RP/0/RP0/CPU0:Feb 22 10:00:07.962 UTC: smartlicserver[127]: "
    "%LICENSE-SMART_LIC-3-COMM_FAILED : Communications failure with the Cisco Smart Software Manager (CSSM) : "
    "Fail to send out Call Home HTTP message\n"
)
TEXT = LINE.encode()


def zstandard(data: bytes) -> bytes:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    return zstd.compress(data)


def zipped(data: bytes, name: str = "log.txt", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.mkdir("folder")
        archive.writestr(name, data)
    return file.getvalue()


def tarred(data: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        member = tarfile.TarInfo("folder/log")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "gzip, two members": lambda data: gzip.compress(b"x\n") + gzip.compress(data),
    "bzip2": bz2.compress,
    "bzip2, two streams": lambda data: bz2.compress(b"x\n") + bz2.compress(data),
    "xz": lzma.compress,
    "zstandard": zstandard,
    "zstandard, two frames": lambda data: zstandard(b"x\n") + zstandard(data),
    "zip": zipped,
    "zip of gzip": lambda data: zipped(gzip.compress(data)),
    "zip by bzip2": lambda data: zipped(data, method=zipfile.ZIP_BZIP2),
    "tar": tarred,
    "tar.gz": lambda data: gzip.compress(tarred(data)),
    "tar.xz": lambda data: lzma.compress(tarred(data)),
    "tar.zst": lambda data: zstandard(tarred(data)),
    "tar of gzip": lambda data: tarred(gzip.compress(data)),
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "UTF-16, big end first": lambda data: b"\xfe\xff" + data.decode().encode("utf-16-be"),
    "UTF-32": lambda data: data.decode().encode("utf-32"),
    "UTF-8 with a mark": lambda data: data.decode().encode("utf-8-sig"),
    "UTF-16 in gzip": lambda data: gzip.compress(data.decode().encode("utf-16")),
}


def run(path: str, text: bytes | None = None) -> Any:
    words = ["assess", "--syslog", path, "--format", "json"]
    return CliRunner().invoke(program, words, input=text, catch_exceptions=False)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(tmp_path: Path, form: str) -> None:
    file = tmp_path / "log"
    file.write_bytes(FORMS[form](TEXT * 20))
    done = run(str(file))
    assert (done.exit_code, [row["host"] for row in json.loads(done.stdout)]) == (1, ["r1"])
    assert json.loads(done.stdout)[0]["signatures"] == {"SMART_LIC-3-COMM_FAILED": 20}
    assert "of 2" in done.stderr


@pytest.mark.parametrize("form", [form for form in FORMS if "zip of" not in form])
def test_every_form_is_read_from_standard_input(form: str) -> None:
    done = run("-", FORMS[form](TEXT))
    assert (done.exit_code, [row["host"] for row in json.loads(done.stdout)]) == (1, ["r1"])


@pytest.mark.parametrize(
    "data, said",
    [
        (b"\x04\x22\x4d\x18" + bytes(50), "lz4"),
        (b"\x1f\x9d\x90" + bytes(50), "compress"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(50), "7z"),
        (b"Rar!\x1a\x07\x00" + bytes(50), "rar"),
        (b"LPKSHHRH" + bytes(50), "journal of systemd"),
        (b"ElfFile\0" + bytes(50), "Windows event log"),
        (lzma.compress(TEXT, lzma.FORMAT_ALONE), "old form of lzma"),
        (gzip.compress(b"\x04\x22\x4d\x18" + bytes(50)), "lz4"),
        (gzip.compress(zipped(TEXT)), "zip archive is not read from a pipe or another archive"),
        (TEXT.decode().encode("utf-16-le"), "none of"),
        (b"", "no line"),
        (gzip.compress(b""), "no line"),
        (zipped(b""), "no line"),
        (b"\n \n\r\n", "no line"),
        (gzip.compress(TEXT)[:30], "damaged or cut off"),
        (zipped(TEXT)[:-30], "damaged or cut off"),
        (b"BZh9" + bytes(50), "damaged or cut off"),
        (b"\xfd7zXZ\0" + bytes(50), "damaged or cut off"),
        (b"\x28\xb5\x2f\xfd" + bytes([255] * 50), "damaged or cut off"),
        (b"first words\nof some other text\n", "the first is: first words"),
        (b"password hunter2\n", "the first is: password ***"),
        (b"a\x1b[2Jb\n", "a\\x1b[2Jb"),
    ],
    # Packed data has the time in it, and workers must agree on the names of tests.
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_read_is_named(tmp_path: Path, data: bytes, said: str) -> None:
    file = tmp_path / "log"
    file.write_bytes(data)
    done = run(str(file))
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert not done.stdout


def test_a_packed_form_that_is_not_read_does_not_hide_the_others(tmp_path: Path) -> None:
    file = tmp_path / "logs.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.log", TEXT)
        archive.writestr("b.lz4", b"\x04\x22\x4d\x18" + bytes(50))
        archive.writestr("c.log", TEXT.replace(b"r1", b"r3"))
    done = run(str(file))
    assert done.exit_code == 2
    assert "b.lz4" in done.stderr
    assert [row["host"] for row in json.loads(done.stdout)] == ["r1", "r3"]


def test_what_is_packed_for_ever_has_an_end(tmp_path: Path) -> None:
    data = TEXT
    for _ in range(9):
        data = gzip.compress(data)
    file = tmp_path / "log"
    file.write_bytes(data)
    assert "packed more than" in run(str(file)).stderr


def test_hosts_without_a_name_are_kept_apart_by_the_file_they_stand_in(tmp_path: Path) -> None:
    shown = LINE.partition("103: ")[2]
    back = shown.replace("-3-COMM_FAILED", "-5-COMM_RESTORED")
    file = tmp_path / "logs.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("r1.txt", shown)
        archive.writestr("r2.txt", shown + back)
    rows = {row["host"].partition(": ")[2]: row["state"] for row in json.loads(run(str(file)).stdout)}
    assert rows == {"r1.txt)": "lost", "r2.txt)": "recovered"}


def test_the_summary_says_what_was_understood_and_what_became_of_the_hosts(tmp_path: Path) -> None:
    back = LINE.replace("-3-COMM_FAILED", "-5-COMM_RESTORED").replace("r1", "r2")
    utility = LINE.replace("Smart Software Manager (CSSM)", "Smart License Utility (CSLU)").replace("r1", "r3")
    file = tmp_path / "log"
    file.write_text(LINE + LINE.replace("r1", "r2") + back + utility + "other words\n")
    done = CliRunner().invoke(program, ["assess", "--syslog", str(file)], catch_exceptions=False)
    assert done.exit_code == 1
    assert "4 of 5 lines understood" in done.stderr
    assert "1 host lost the server" in done.stderr
    assert "1 host recovered" in done.stderr
    assert "1 message about the Cisco Smart License Utility" in done.stderr
    assert "recovered at Feb 22 10:00:07" in done.stdout
    assert "r3" not in done.stdout


def test_hosts_that_recovered_are_no_failure(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text(LINE + LINE.replace("-3-COMM_FAILED", "-5-COMM_RESTORED"))
    done = run(str(file))
    assert (done.exit_code, json.loads(done.stdout)[0]["state"]) == (0, "recovered")
