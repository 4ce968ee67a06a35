#!/usr/bin/env sh
# tenacity: the documented loop "for attempt in Retrying(...)" fails by KeyError where a later try is in another thread.
#
# Expected: the loop of a generator can be resumed by any thread, as Python allows of every generator that no two threads
#           run at once: each Retrying is used by one caller, and a try that failed is followed by the next.
# Seen:     begin() fills statistics that are kept for each thread; at the first failure in another thread those of that
#           one are empty, and iteration ends by KeyError: 'idle_for' in place of the next try. In one thread the same
#           generator ends well. So it is where a thread pool goes on with what waited for its next try.
# Exits with 1 where this has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tenacity==9.1.2
cat > "$folder/probe.py" <<'PROBE'
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

from tenacity import Retrying, stop_after_attempt


def steps():
    """Yields ahead of each try; the second one succeeds."""
    for attempt in Retrying(stop=stop_after_attempt(3), sleep=lambda seconds: None):
        number = attempt.retry_state.attempt_number
        yield number
        with attempt:
            if number == 1:
                raise ConnectionError


def taken(pools):
    """The numbers of the tries, each step taken in the next of the pools, and the error that ended them."""
    seen, tries = [], steps()
    for pool in pools:
        try:
            seen.append(pool.submit(next, tries, "end").result())
        except KeyError as error:
            return [*seen, repr(error)]
    return seen


print("tenacity", version("tenacity"))
with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
    same, apart = taken([one, one, one]), taken([one, other, other])
print("expected in one thread and in two:", [1, 2, "end"])
print("seen in one thread:", same)
print("seen in two:       ", apart)
sys.exit(same != [1, 2, "end"] or apart != [1, "KeyError('idle_for')"])
PROBE
"$folder/venv/bin/python" "$folder/probe.py"
