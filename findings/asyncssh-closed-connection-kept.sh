#!/bin/sh
# asyncssh: a connection that was closed, and to which nothing refers any more, is not freed by that.
# Expected: with its last reference it goes, and with it its keys, ciphers and buffers, as a socket or a transport does.
# Seen (asyncssh 2.24.1): it keeps a bound method of its own (what takes the next bytes), so it refers to itself and
# waits for the garbage collector, on both sides. One that was open for long is among the oldest objects, which the
# collector looks at last: a client of thousands of servers, one after the other, keeps many of them for a long time.
# So: break the reference when a connection was lost, or collect now and then.
# Exits with 1 where this has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q asyncssh==2.24.1
cat > "$folder/count.py" <<'PY'
import asyncio
import gc
import sys
import weakref

import asyncssh

MANY = 20


async def main():
    key = asyncssh.generate_private_key("ssh-ed25519")
    listener = await asyncssh.listen("127.0.0.1", 0, server_factory=Open, server_host_keys=[key])
    left = []
    gc.collect()
    gc.disable()
    for _ in range(MANY):
        connection = await asyncssh.connect("127.0.0.1", listener.get_port(), username="a", known_hosts=None, config=None, client_keys=None)
        left.append(weakref.ref(connection))
        connection.close()
        await connection.wait_closed()
        del connection
    await asyncio.sleep(1)
    before = sum(one() is not None for one in left)
    gc.collect()
    after = sum(one() is not None for one in left)
    print(f"asyncssh {asyncssh.__version__}: of {MANY} closed connections {before} are there, {after} once garbage was collected")
    print(f"expected 0 and 0, seen before {MANY} and 0")
    return (before, after) == (MANY, 0)


class Open(asyncssh.SSHServer):
    def begin_auth(self, username):
        return False


sys.exit(0 if asyncio.run(main()) else 1)
PY
"$folder/venv/bin/python" "$folder/count.py"
