#!/bin/sh
# asyncssh reads two lines of an OpenSSH client configuration in another way than ssh(1) does.
# Expected, as "ssh -G" says: "Host a,b" is one pattern with a comma in it, which fits neither a nor b (only Match takes
# lists with commas); UserKnownHostsFile takes tokens and environment variables (ssh_config(5), TOKENS).
# Seen (asyncssh 2.24.1): the block of "Host a,b" is applied to a, and the tokens of UserKnownHostsFile stay as they are, so that
# the files of known hosts are looked for under names that nothing has.
# So: read the configuration by other means, and give asyncssh what it says.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q asyncssh==2.24.1
cat > "$folder/config" <<'CONFIG'
Host r1.example,r2.example
  User someone
Host *
  UserKnownHostsFile /keys/%n ${XR_FOLDER}/known_hosts
CONFIG
cat > "$folder/show.py" <<'PY'
import subprocess, sys
import asyncssh

options = asyncssh.SSHClientConnectionOptions(config=[sys.argv[1]], host="r1.example", username=(), client_keys=None)
seen = options.username, options.config.get("UserKnownHostsFile")
plain = subprocess.run(["ssh", "-G", "-F", sys.argv[1], "r1.example"], capture_output=True, text=True, check=True).stdout.splitlines()
told = dict(line.split(" ", 1) for line in plain if " " in line)
print("asyncssh", asyncssh.__version__, seen)
print("ssh -G", told["user"], told["userknownhostsfile"])
as_found = seen == ("someone", ["/keys/%n", "${XR_FOLDER}/known_hosts"])
sys.exit(0 if as_found and told["user"] != "someone" and told["userknownhostsfile"] == "/keys/r1.example /xr/known_hosts" else 1)
PY
if XR_FOLDER=/xr "$folder/venv/bin/python" "$folder/show.py" "$folder/config"; then
    echo "as found: a comma in Host separates patterns, and UserKnownHostsFile keeps its tokens"
else
    echo "the behaviour has changed"
    exit 1
fi
