"""Names that are known, in one pattern: the longest first, however many and however they begin."""

from __future__ import annotations

from agent.recording.privacy.literals import Literals


def found(names: list[str], text: str) -> list[str]:
    literals = Literals()
    literals.add(names)
    return [text[start:end] for start, end in literals.spans(text)]


def test_of_names_with_a_common_beginning_the_longest_is_found() -> None:
    names = ["zq7pe1", "zq7pe12", "zq7px", "qqv"]
    assert found(names, "zq7pe12 zq7pe1-zq7px qqv qqvx") == ["zq7pe12", "zq7pe1", "zq7px", "qqv"]


def test_names_of_which_each_begins_the_next_are_found_to_any_depth() -> None:
    names = ["zq" + "7x" * length for length in range(1, 1200)]
    for wanted in (names[0], names[45], names[60], names[-1]):
        assert found(names, f"-{wanted}-") == [wanted]
