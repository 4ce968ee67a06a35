#!/bin/sh
# netconfd (Debian 2.13-1) answers cancel-commit with ok and takes nothing back while its own session holds the lock of
# running; the commit on trial is then permanent. RFC 6241 section 8.4.4.1: "Cancels an ongoing confirmed commit." Where
# running is not locked, the same rpc takes the commit back. Neither edit nor lock needs anything but a valid rpc.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q netconfd=2.13-1 libyuma2=2.13-1 libyuma-base=2.13-1 >apt.log 2>&1 || { cat apt.log; exit 2; }
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH="$(dirname "$(find "$folder/root" -name 'libyumancx.so*' | head -1)")"
cat >demo.yang <<'Y'
module demo { namespace "urn:demo"; prefix d; revision 2026-01-01; container top { leaf name { type string; } } }
Y
cat >check.py <<'P'
import os, pathlib, subprocess, sys, time

root, folder = pathlib.Path("root").resolve(), pathlib.Path().resolve()
sock = folder / "sock"
modules = f"{folder}:{root}/usr/share/yuma/modules"
os.environ.update(YUMA_HOME=f"{folder}/yuma", SSH_CONNECTION="127.0.0.1 1 127.0.0.1 830", USER="demo")
(folder / "yuma" / "data").mkdir(parents=True)
words = [f"{root}/usr/sbin/netconfd", f"--yuma-home={folder}/yuma", f"--modpath={modules}", "--module=demo",
         f"--ncxserver-sockname={sock}", "--target=candidate", "--access-control=off", "--no-startup", "--superuser=demo"]
RPC = 'xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"'
EDIT = '<config><top xmlns="urn:demo"><name>trial</name></top></config>'
TRIAL = "<confirmed/><confirm-timeout>60</confirm-timeout><persist>p</persist>"


def seen(lock: bool) -> tuple[str, bool]:
    """The answer to cancel-commit, and whether running has the edit afterwards."""
    sock.unlink(missing_ok=True)
    server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not sock.exists() and server.poll() is None:
        time.sleep(0.05)
    client = subprocess.Popen([f"{root}/usr/sbin/netconf-subsystem", f"--ncxserver-sockname=830@{sock}"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read(end: bytes) -> str:
        got = b""
        while end not in got:
            byte = os.read(client.stdout.fileno(), 1)
            if not byte:
                raise SystemExit(f"the session ended: {got!r}")
            got += byte
        return got[: -len(end)].decode()

    def call(body: str) -> str:
        rpc = f"<rpc {RPC}>{body}</rpc>".encode()
        client.stdin.write(b"\n#%d\n%b\n##\n" % (len(rpc), rpc))
        client.stdin.flush()
        return read(b"\n##\n")

    try:
        client.stdin.write(b'<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>'
                           b"urn:ietf:params:netconf:base:1.1</capability></capabilities></hello>]]>]]>")
        client.stdin.flush()
        read(b"]]>]]>")
        time.sleep(0.5)
        steps = ["<lock><target><running/></target></lock>"] if lock else []
        steps += [f"<edit-config><target><candidate/></target>{EDIT}</edit-config>", f"<commit>{TRIAL}</commit>"]
        for step in steps:
            if "<ok/>" not in (said := call(step)):
                raise SystemExit(f"{step}: {said}")
        answer = "ok" if "<ok/>" in call("<cancel-commit><persist-id>p</persist-id></cancel-commit>") else "rpc-error"
        return answer, "trial" in call("<get-config><source><running/></source></get-config>")
    finally:
        client.kill()
        server.kill()
        server.wait()


free, locked = seen(lock=False), seen(lock=True)
print("netconfd 2.13-1; cancel-commit's answer, and whether running still has the edit")
print(f"running not locked: expected ('ok', False), seen {free}")
print(f"running locked by the same session: expected ('ok', False), seen {locked}")
sys.exit(free != ("ok", False) or locked != ("ok", True))
P
timeout 60 python3 check.py
