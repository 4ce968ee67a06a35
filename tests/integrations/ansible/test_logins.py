"""What the processes of one run know together of a credential."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.fleet.run.credential import Credential
from agent.fleet.run.logins import Attempt, Judged
from agent.integrations.ansible.logins import SharedLogins
from agent.model.device import Secret
from agent.model.errors import InputError, LoginWithheld

OPS = (Credential("ops", b"digest"),)
ACCEPTED, REFUSED = Judged(router=True), Judged(router=False)


def begun(logins: SharedLogins, router: str = "r1") -> Attempt:
    attempt = logins.begin(OPS, router)
    assert attempt is not None
    return attempt


def test_an_unproven_credential_is_tried_by_one_login_at_a_time_and_a_proven_one_by_all(tmp_path: Path) -> None:
    here, there = SharedLogins(tmp_path), SharedLogins(tmp_path)
    first = begun(here)
    assert there.begin(OPS, "r2") is None
    other = there.begin((Credential("noc"),), "r2")
    assert other is not None
    other.end(ACCEPTED)
    first.end(ACCEPTED)
    for attempt in [begun(there, f"r{number}") for number in range(9)]:
        attempt.end(ACCEPTED)


def test_at_the_limit_it_is_withheld_with_the_routers_that_refused_it(tmp_path: Path) -> None:
    for name in ("r1", "r2", "r3"):
        begun(SharedLogins(tmp_path), name).end(REFUSED)
    with pytest.raises(LoginWithheld, match="as ops was refused 3 times without a success in between, by r1, r2, r3"):
        SharedLogins(tmp_path).begin(OPS, "r4")
    assert SharedLogins(tmp_path).begin(OPS, "r1", accepted=True) is not None
    begun(SharedLogins(tmp_path, limit=4), "r4").end(ACCEPTED)


def test_one_refusal_is_called_one(tmp_path: Path) -> None:
    begun(SharedLogins(tmp_path, limit=1)).end(REFUSED)
    with pytest.raises(LoginWithheld, match="was refused 1 time without a success in between, by r1"):
        SharedLogins(tmp_path, limit=1).begin(OPS, "r2")


def test_a_success_forgets_the_refusals_and_what_says_nothing_counts_as_none(tmp_path: Path) -> None:
    logins = SharedLogins(tmp_path)
    for judged in (REFUSED, REFUSED, ACCEPTED, REFUSED, Judged(), REFUSED):
        begun(logins).end(judged)
    begun(logins).end(ACCEPTED)


def test_a_limit_that_is_none_opens_no_file_for_each_of_it(tmp_path: Path) -> None:
    begun(SharedLogins(tmp_path, limit=10**9)).end(REFUSED)
    assert len(list((tmp_path / "xr-agent-logins").iterdir())) < 1000


def test_after_a_refusal_no_more_are_under_way_than_could_be_refused(tmp_path: Path) -> None:
    logins = SharedLogins(tmp_path)
    begun(logins).end(ACCEPTED)
    begun(logins).end(REFUSED)
    under_way = [begun(logins, "r2"), begun(logins, "r3")]
    assert logins.begin(OPS, "r4") is None
    for attempt in under_way:
        attempt.end(REFUSED)
    with pytest.raises(LoginWithheld):
        logins.begin(OPS, "r4")


def test_a_router_that_is_slow_to_answer_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    now = 1000.0
    logins = SharedLogins(tmp_path, clock=lambda: now)
    under_way = [begun(logins)]
    assert logins.begin(OPS, "r2") is None
    now += 10
    under_way.append(begun(logins, "r2"))
    assert logins.begin(OPS, "r3") is None
    for attempt in under_way:
        attempt.end(Judged())


def test_a_login_of_a_process_that_died_is_under_way_no_more(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from agent.fleet.run.credential import Credential\n"
        "from agent.integrations.ansible.logins import SharedLogins\n"
        "assert SharedLogins(Path(sys.argv[1])).begin((Credential('ops', b'digest'),), 'r1')\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    begun(SharedLogins(tmp_path)).end(ACCEPTED)


def test_processes_of_a_run_tell_a_secret_alike_and_those_of_another_do_not(tmp_path: Path) -> None:
    digests = {SharedLogins(tmp_path).digest(Secret("s3cr3t")) for _ in range(2)}
    (tmp_path / "other").mkdir()
    assert len(digests) == 1
    assert SharedLogins(tmp_path / "other").digest(Secret("s3cr3t")) not in digests
    assert not any(b"s3cr3t" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert (tmp_path / "xr-agent-logins").stat().st_mode & 0o077 == 0


def test_a_push_that_outlives_its_run_is_seen_through_and_begins_no_further_login(tmp_path: Path) -> None:
    logins = SharedLogins(tmp_path)
    under_way = begun(logins)
    shutil.rmtree(tmp_path)
    again = logins.begin(OPS, "r1", accepted=True)
    assert again is not None
    again.end(ACCEPTED)
    under_way.end(ACCEPTED)
    with pytest.raises(LoginWithheld, match="the run has ended"):
        logins.begin(OPS, "r2")


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="xr-agent-logins: No such file or directory"):
        SharedLogins(tmp_path / "gone")


@pytest.fixture
def tiny_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("tiny_turns")
def test_all_who_begin_at_once_share_one_key(tmp_path: Path) -> None:
    start = threading.Barrier(8)

    def key(folder: Path) -> bytes:
        start.wait()
        return SharedLogins(folder).key

    with ThreadPoolExecutor(8) as pool:
        for number in range(50):
            folder = tmp_path / str(number)
            folder.mkdir()
            assert len(set(pool.map(key, [folder] * 8))) == 1
            assert [path.name for path in (folder / "xr-agent-logins").iterdir()] == ["key"]


@pytest.mark.usefixtures("tiny_turns")
def test_many_at_once_are_never_refused_more_often_than_the_limit(tmp_path: Path) -> None:
    refusals: list[str] = []
    start = threading.Barrier(8)

    def login(name: str) -> None:
        start.wait()
        logins = SharedLogins(tmp_path)
        try:
            while (attempt := logins.begin(OPS, name)) is None:
                pass
        except LoginWithheld:
            return
        refusals.append(name)
        attempt.end(REFUSED)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(login, [f"r{number}" for number in range(8)]))
    assert len(refusals) == 3
