"""What the CLI prints of file systems, row by row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.model.check import FileSystem
from agent.xr.filesystems import of_text
from tests.properties.conftest import steady

SHOWN = """\
File Systems:

     Size(b)      Free(b)        Type  Flags  Prefixes
  3997155328   3996975104  flash-disk     rw  disk0: compactflash:
 37854306304  36956061696    harddisk     rw  harddisk:
           -            -     network     rw  qsm/dev/fs/tftp: ftp: rcp:
"""  # SYNTHETIC, in the form of Cisco's command reference


def test_show_filesystem_is_read_row_by_row() -> None:
    assert of_text(SHOWN) == (
        FileSystem(("disk0:", "compactflash:"), 3997155328, 3996975104),
        FileSystem(("harddisk:",), 37854306304, 36956061696),
        FileSystem(("qsm/dev/fs/tftp:", "ftp:", "rcp:")),
    )


def test_of_two_nodes_with_the_same_name_the_fuller_comes_first() -> None:
    rows = "100 50 harddisk rw harddisk:\n100 7 harddisk rw harddisk:\n100 - harddisk rw harddisk:\n"
    assert [one.free for one in of_text(rows) or ()] == [7, 50, None]


def test_without_a_row_nothing_is_shown() -> None:
    assert of_text("File Systems:\n\n     Size(b)      Free(b)        Type  Flags  Prefixes\n") is None


@steady
@given(
    st.text(st.characters(codec="utf-8"), max_size=400)
    | st.lists(st.sampled_from(SHOWN.split(" ")), max_size=60).map(" ".join)
)
def test_any_text_is_rows_or_none(text: str) -> None:
    for one in of_text(text) or ():
        assert one.prefixes
        assert all(value is None or value >= 0 for value in (one.size, one.free))
