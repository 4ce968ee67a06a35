#!/usr/bin/env bash
# ansible.netcommon.netconf: of the four variables that its documentation has for the password two are never used.
#
# Expected: the option password is ansible_password, ansible_ssh_pass, ansible_ssh_password or ansible_netconf_password, as
#           "ansible-doc -t connection ansible.netcommon.netconf" says, the last of them first, as of every plugin's options.
# Seen:     the login takes what ansible-core itself makes of ansible_ssh_pass and ansible_password. With one of the others no
#           password is tried at all; beside ansible_password they change nothing, so that is what is tried.
# So: what is logged in with where several are set is what netcommon logs in with; the other two count where they are alone.
# Exits with 1 where this has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check ansible==12.3.0 ncclient==0.7.1 paramiko==4.0.0
cat > "$work/try.py" <<'PYTHON'
import json
import os
import socket
import subprocess
import sys
import threading
from importlib.metadata import version
from pathlib import Path

import paramiko

HOME = Path(sys.argv[1])
TRIED = (
    ({"ansible_password": "one"}, ["one"], ["one"]),
    ({"ansible_ssh_pass": "two"}, ["two"], ["two"]),
    ({"ansible_ssh_password": "three"}, ["three"], []),
    ({"ansible_netconf_password": "four"}, ["four"], []),
    ({"ansible_password": "one", "ansible_netconf_password": "four"}, ["four"], ["one"]),
)
passwords = []


class Server(paramiko.ServerInterface):
    """An SSH server that refuses every login."""

    def get_allowed_auths(self, username):
        return "password"

    def check_auth_password(self, username, password):
        passwords.append(password)
        return paramiko.AUTH_FAILED


def serve(listener, key):
    while True:
        transport = paramiko.Transport(listener.accept()[0])
        transport.add_server_key(key)
        transport.start_server(server=Server(), event=threading.Event())


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listener, paramiko.ECDSAKey.generate()), daemon=True).start()
env = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "SSH_"))}
env |= {"HOME": str(HOME), "LC_ALL": "C.UTF-8", "ANSIBLE_HOST_KEY_CHECKING": "false"}
bin = Path(sys.executable).parent
told = subprocess.run([bin / "ansible-galaxy", "collection", "list", "ansible.netcommon"], env=env, capture_output=True, text=True)
print("ansible.netcommon", told.stdout.split()[-1], "ansible-core", version("ansible-core"), "ncclient", version("ncclient"))
doc = subprocess.run([bin / "ansible-doc", "-t", "connection", "--json", "ansible.netcommon.netconf"], env=env, capture_output=True, text=True)
said = json.loads(doc.stdout)["ansible.netcommon.netconf"]["doc"]["options"]["password"]["vars"]
print("documented for the password:", *(one["name"] for one in said))
changed = False
for number, (variables, expected, before) in enumerate(TRIED):
    passwords.clear()
    host = {"ansible_host": "127.0.0.1", "ansible_port": listener.getsockname()[1], "ansible_user": f"ops{number}", **variables}
    host |= {"ansible_connection": "ansible.netcommon.netconf", "ansible_network_os": "default"}
    (HOME / "hosts.json").write_text(json.dumps({"all": {"hosts": {"r1": host}}}))
    run = [bin / "ansible", "-i", HOME / "hosts.json", "r1", "-m", "ansible.netcommon.netconf_get"]
    done = subprocess.run(run, env=env, capture_output=True, text=True, timeout=120)
    seen = list(dict.fromkeys(passwords))
    print(", ".join(variables), f"- expected {expected}, seen {seen}")
    if "--verbose" in sys.argv:
        print(done.stdout, done.stderr)
    changed = changed or seen != before
sys.exit("the behaviour has changed" if changed else 0)
PYTHON
"$work/venv/bin/python" "$work/try.py" "$work" "$@"
