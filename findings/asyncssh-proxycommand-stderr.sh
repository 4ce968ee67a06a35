#!/bin/sh
# asyncssh reads what a ProxyCommand writes to its stderr as if the server had sent it.
# Expected, as with ssh(1): stderr is the user's, and only stdout carries the connection; a command that says something
# while it works, such as "ssh -W" with a warning, harms nothing.
# Seen (asyncssh 2.24.1): a line on stderr during the key exchange ends the connection with an error.
# So: give the command a shell that sends its stderr elsewhere.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q asyncssh==2.24.1
cat > "$folder/relay.py" <<'PY'
import os, select, socket, sys

peer, said = socket.create_connection(("127.0.0.1", int(sys.argv[1]))), len(sys.argv) < 3
while True:
    ready, _, _ = select.select([0, peer], [], [])
    if 0 in ready:
        data = os.read(0, 65536)
        if not data:
            break
        peer.sendall(data)
    if peer in ready:
        data = peer.recv(65536)
        if not data:
            break
        os.write(1, data)
        if not said and data.startswith(b"SSH-2.0-"):
            said = True
            os.write(2, b"relay: connected\n" * 10)
PY
cat > "$folder/show.py" <<'PY'
import asyncio, sys, asyncssh

class Server(asyncssh.SSHServer):
    def begin_auth(self, username):
        return False

async def main():
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(Server, "127.0.0.1", 0, server_host_keys=[key])
    seen = {}
    for name, more in (("silent", []), ("with stderr", ["talk"])):
        command = [sys.executable, sys.argv[1], str(server.get_port()), *more]
        try:
            async with asyncssh.connect("127.0.0.1", proxy_command=command, known_hosts=None, config=None, username="u"):
                seen[name] = "connected"
        except (asyncssh.Error, OSError) as error:
            seen[name] = type(error).__name__
    print("asyncssh", asyncssh.__version__, seen)
    return seen == {"silent": "connected", "with stderr": seen["with stderr"]} and seen["with stderr"] != "connected"

sys.exit(0 if asyncio.run(main()) else 1)
PY
if "$folder/venv/bin/python" "$folder/show.py" "$folder/relay.py" 2>/dev/null; then
    echo "as found: stderr of a ProxyCommand ends the connection"
else
    echo "the behaviour has changed"
    exit 1
fi
