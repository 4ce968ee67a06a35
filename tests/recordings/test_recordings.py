"""The corpus: what was recorded once is understood in the same way for ever.

A recording is added by ``python -m scripts.recordings add FILE``; see docs/recordings.md.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.model.errors import InputError
from agent.recording.events import How
from agent.recording.reading import Recording, read
from agent.simulator import platforms, releases
from scripts.recordings import corpus
from scripts.recordings.__main__ import main
from scripts.recordings.simulated import MADE, ON_SIMULATOR, make, recorded, states
from scripts.recordings.structure import elements, fields
from tests.scripted import VERSION_FILTER, Script, get, label

NAMES = corpus.names()
DIFFERENCES = corpus.FOLDER / "simulator-lacks.json"
"""By recording: the elements and fields that it has and no simulated device of its release."""
_LARGEST = 64 * 1024


def kept(name: str) -> Any:
    return json.loads(corpus.expected(name).read_text())


@cache
def begun(name: str) -> Recording:
    return read(corpus.recording(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_is_understood_as_ever(name: str) -> None:
    assert corpus.replayed(corpus.recording(name)) == kept(name), f"python -m scripts.recordings expect {name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_says_where_it_is_from_is_whole_and_small(name: str) -> None:
    found = begun(name)
    assert found.begin.source
    assert found.end is not None
    assert (found.end.how, found.cut_off) == (How.FINISHED, None)
    assert corpus.recording(name).stat().st_size < _LARGEST
    assert all(not said["unanswered"] for said in kept(name).values())


def test_every_release_line_that_a_device_was_captured_of_is_there() -> None:
    def line(release: str) -> str:
        return ".".join(release.split(".")[:2])

    there = {line(found.end.release or "") for found in map(begun, NAMES) if found.end is not None}
    assert {line(release) for release, _ in platforms()} <= there
    families = {platform.partition("-")[0] for _, platform in platforms()}
    assert {one.platform.partition("-")[0] for one in MADE.values()} >= families - {"ncs", "xrvr"}


def test_nothing_lies_about_in_the_folder() -> None:
    files = {path.name for path in corpus.FOLDER.iterdir() if path.is_file()}
    own = {Path(__file__).name, "__init__.py", DIFFERENCES.name}
    assert files - own == {path.name for name in NAMES for path in (corpus.recording(name), corpus.expected(name))}


# --- the simulator -------------------------------------------------------------------------------------------------


def others() -> list[str]:
    """Those that are not made on the simulator, of releases that it has."""
    return [
        name
        for name in NAMES
        if not begun(name).begin.source.startswith(ON_SIMULATOR)
        and (end := begun(name).end) is not None
        and end.release in releases()
    ]


@cache
def simulated(release: str, platform: str | None) -> tuple[frozenset[str], frozenset[str]]:
    """All elements, and all fields of show, that a simulated device of *release* has in some state."""
    built: set[str] = set()
    shown: set[str] = set()
    for persona in states(release, platform):
        made = recorded(persona)
        built |= elements(made)
    for name in NAMES:
        if (end := begun(name).end) is not None and begun(name).begin.source.startswith(ON_SIMULATOR) and end.release:
            shown |= fields(kept(name)["show"]["says"])
    return frozenset(built), frozenset(shown)


def lacks(name: str) -> list[str]:
    """What the recording has and the simulator has not."""
    found = begun(name)
    assert found.end is not None
    assert found.end.release is not None
    platform = MADE[name].platform if name in MADE else None
    built, shown = simulated(found.end.release, platform)
    return sorted((elements(found) - built) | (fields(kept(name)["show"]["says"]) - shown))


def test_the_simulator_says_what_recordings_of_the_same_release_say_but_for_what_is_listed() -> None:
    assert {name: found for name in others() if (found := lacks(name))} == json.loads(DIFFERENCES.read_text())


# --- one more ------------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus of this test's own."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    monkeypatch.setattr(corpus, "FOLDER", folder)
    return folder


def test_a_recording_is_added_by_one_command(tmp_path: Path, elsewhere: Path) -> None:
    path = tmp_path / "r7.rec"
    Script().netconf((get(VERSION_FILTER), label("7.3.2"))).write(path, release="7.3.2")
    words = ["add", str(path), "--name", "one", "--source", "a router in a cellar"]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert sorted(one.name for one in elsewhere.iterdir()) == ["one.json", "one.rec"]
    assert begun("one").begin.source == "a router in a cellar"
    assert kept("one")["show"]["says"]["release"] == "7.3.2"
    assert corpus.replayed(corpus.recording("one")) == kept("one")
    with pytest.raises(InputError, match="there already"):
        CliRunner().invoke(main, words, catch_exceptions=False)


@pytest.mark.parametrize(
    "said, words, why",
    [({}, (), "where it is from"), ({"sanitised": False}, ("--source", "x"), "nothing in it was replaced")],
)
def test_what_is_not_for_everybody_s_eyes_is_not_added(
    tmp_path: Path, elsewhere: Path, said: dict[str, Any], words: tuple[str, ...], why: str
) -> None:
    path = tmp_path / "r"
    Script().netconf().write(path, **said)
    with pytest.raises(InputError, match=why):
        CliRunner().invoke(main, ["add", str(path), *words], catch_exceptions=False)
    assert not list(elsewhere.iterdir())


def test_what_is_made_on_the_simulator_can_be_made_again(elsewhere: Path) -> None:
    name = next(iter(MADE))
    make(name)
    corpus.expect(name)
    again = kept(name)
    assert again["assess"]["says"]["verdict"] == "affected"
    assert corpus.recording(name).parent == elsewhere
    with pytest.raises(InputError, match="not made on the simulator"):
        make("nobody")
