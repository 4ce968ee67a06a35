#!/bin/sh
# asyncssh: who works on this machine is looked up for each connection, whoever logs in.
# Expected: where the user, the keys and the host keys are given, and there is no configuration to read (config=None),
# nobody is asked for the local user's name; at most once in a process.
# Seen (asyncssh 2.24.1): getpass.getuser() for each connection. Where none of LOGNAME, USER, LNAME and USERNAME is set,
# as below systemd or in a container, that reads the passwd database each time, in a thread of the loop's default
# executor: where the database is LDAP's and slow, as many connections as that has threads wait for it, and so does
# whatever else the program gives to that executor. Where it has no entry for the user, no connection is made: connect()
# raises a ValueError about a name that nothing here needs.
# So: set one of these variables while connections are made.
# Exits with 1 where this has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q asyncssh==2.24.1
cat > "$folder/count.py" <<'PY'
import asyncio
import os
import pwd
import sys
import threading

import asyncssh

MANY = 10
GIVEN = dict(username="a", known_hosts=None, config=None, client_keys=None, agent_path=None, x509_trusted_certs=None)
asked, answer = [], pwd.getpwuid


def counted(number):
    asked.append(threading.current_thread().name)
    return answer(number)


def nobody(number):
    raise KeyError(f"uid not found: {number}")


class Open(asyncssh.SSHServer):
    def begin_auth(self, username):
        return False


async def connected(port):
    connection = await asyncssh.connect("127.0.0.1", port, **GIVEN)
    connection.close()
    await connection.wait_closed()


async def main():
    key = asyncssh.generate_private_key("ssh-ed25519")
    listener = await asyncssh.listen("127.0.0.1", 0, server_factory=Open, server_host_keys=[key])
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        os.environ.pop(name, None)
    pwd.getpwuid = counted
    for _ in range(MANY):
        await connected(listener.get_port())
    bare, threads = len(asked), {name.partition("_")[0] for name in asked}
    os.environ["LNAME"] = "somebody"
    for _ in range(MANY):
        await connected(listener.get_port())
    named = len(asked) - bare
    del os.environ["LNAME"]
    pwd.getpwuid = nobody
    try:
        await connected(listener.get_port())
        without = "connects"
    except Exception as error:
        without = f"{type(error).__name__}: {error}"
    print(f"asyncssh {asyncssh.__version__}: {bare} look-ups for {MANY} connections, {named} with a variable set")
    print(f"made in: {', '.join(sorted(threads))}")
    print(f"without a passwd entry: {without}")
    print(f"expected at most 1, 0 and connects; seen before {MANY}, 0 and a ValueError")
    return (bare, named, threads, without[:10]) == (MANY, 0, {"asyncio"}, "ValueError")


sys.exit(0 if asyncio.run(main()) else 1)
PY
"$folder/venv/bin/python" "$folder/count.py"
