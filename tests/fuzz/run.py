"""One fuzz target: ``python -m tests.fuzz.run TARGET FOLDER [libFuzzer's options]``.

The corpus is only read. What is new to it is kept in FOLDER, and so is an input that crashes, as ``crash-…``. Without
atheris it says so and fails.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
USUAL = ("-max_len=4096", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0")


def main(target: str, folder: Path, *options: str) -> None:
    """Run until libFuzzer's options say that it is enough, or an input crashes; does not return."""
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed: pip install -e '.[dev]' brings it, on Linux on x86-64 only")
    with atheris.instrument_imports(include=["agent"]):
        from tests.fuzz.readers import TARGETS

    def test_one_input(data: bytes) -> None:
        for reader in TARGETS[target]:
            reader(data)

    folder.mkdir(parents=True, exist_ok=True)
    words = (f"-dict={HERE / 'words.dict'}", f"-artifact_prefix={folder}/", *USUAL, *options)
    atheris.Setup([sys.argv[0], *words, str(folder), str(HERE / "corpus" / target)], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
