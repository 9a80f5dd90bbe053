"""What a small fxpd takes: `make footprint` runs this on the programs of the profile `appliance`.

    footprint.py PROGRAM...

The first program is held to the targets below, and the exit status is 1 when it misses one; those
behind it are only measured beside it. The size is that beside the system's OpenSSL. The memory is what
/proc/PID/smaps has, once the server is at rest:

  Rss      all pages that this process has in memory at that moment, as ps(1) shows it. The target is
           held against this. A server at rest has let go of code and constants: the kernel has them in
           its page cache, for others if need be, and they come back 64 KiB at a time as they are used.
  own      those but for the ones of the system's shared libraries that nobody has written to: they are
           there once for all programs.
  Pss      all of them, where a page that n processes have counts as an n-th.
"""

import ftplib
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

MIB = 1 << 20
MAX_SIZE = 3 * MIB
MAX_REST = 6 * MIB

LOGINS_AT_ONCE = 8
SESSIONS = 100
# What of smaps is added up.
KINDS = ["Rss", "Pss", "Anonymous"]
# Memory to hash passwords in is kept some seconds for the next login.
SETTLE_S = 20


class Server:
    """A server on loopback with one account, its password hashed by argon2."""

    def __init__(self, program, home):
        self.home = pathlib.Path(home)
        for name in ["cert.pem", "key.pem", "passwd"]:
            (self.home / name).unlink(missing_ok=True)
        (self.home / "ann").mkdir(exist_ok=True)
        (self.home / "ann" / "file").write_bytes(os.urandom(8 * MIB))
        passwd, cert, key = (str(self.home / name) for name in ["passwd", "cert.pem", "key.pem"])
        run = lambda *words, **more: subprocess.run([program, *words], check=True, **more)
        run("cert", "--cert", cert, "--key", key, "--name", "localhost",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run("passwd", "add", "ann", "-f", passwd, "--home", str(self.home / "ann"),
            "--stdin", input=b"pw\n")
        config = self.home / "fxpd.conf"
        config.write_text(
            f"listen = ['127.0.0.1:0']\ncertificate = '{cert}'\nkey = '{key}'\n"
            f"users = '{passwd}'\nstate_directory = '{self.home}/state'\n"
            f"max_sessions_per_address = 500\n"
            f"max_sessions_per_account = 500\nidle_timeout_s = 600\n")
        self.process = subprocess.Popen(
            [program, "-c", str(config)], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "listening on " in line:
                self.port = int(line.rsplit(":", 1)[1])
            if line.rstrip().endswith("serving"):
                break
        else:
            sys.exit("the server does not start")
        # Nobody reads on: the log must not fill the pipe.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def log_in(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        ftp = ftplib.FTP_TLS(context=context, timeout=60)
        ftp.connect("127.0.0.1", self.port)
        ftp.login("ann", "pw")
        ftp.prot_p()
        return ftp

    def memory(self):
        """The bytes of each kind."""
        found = dict.fromkeys(["own", *KINDS], 0)
        is_library = False
        for line in pathlib.Path(f"/proc/{self.process.pid}/smaps").read_text().splitlines():
            name, *rest = line.split()
            if not name.endswith(":"):
                # ADDRESSES RIGHTS OFFSET DEVICE INODE PATH
                is_library = ".so" in os.path.basename(rest[-1])
            elif name[:-1] in KINDS:
                found[name[:-1]] += int(rest[0]) * 1024
            if name == ("Private_Dirty:" if is_library else "Rss:"):
                found["own"] += int(rest[0]) * 1024
        return found

    def threads(self):
        """The names of its threads, but for such as end meanwhile."""
        names = []
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                names.append((task / "comm").read_text().strip())
            except (FileNotFoundError, ProcessLookupError):
                pass
        return names

    def settled(self, sessions=0):
        """Its memory once all but so many sessions have ended and given back what they had."""
        deadline = time.monotonic() + SETTLE_S
        before = None
        while time.monotonic() < deadline:
            threads = self.threads()
            now = self.memory()
            waits_for_rest = "rest" in threads or "work areas" in threads
            if now == before and threads.count("session") == sessions and not waits_for_rest:
                return now
            before = now
            time.sleep(0.2)
        sys.exit(f"the server does not come to rest: {threads}")

    def after_logins(self):
        """At rest again after a crowd has logged in at once and moved a file each way."""
        def client():
            ftp = self.log_in()
            ftp.retrbinary("RETR file", lambda block: None)
            with open(self.home / "ann" / "file", "rb") as file:
                ftp.storbinary(f"STOR {threading.get_ident()}", file)
            ftp.quit()
        clients = [threading.Thread(target=client) for _ in range(LOGINS_AT_ONCE)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        return self.settled()

    def with_sessions(self, count):
        """While so many clients that have logged in say nothing."""
        clients = [self.log_in() for _ in range(count)]
        memory = self.settled(count)
        for client in clients:
            client.quit()
        return memory

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def told(memory):
    of = {kind: memory[kind] / MIB for kind in memory}
    return f"Rss {of['Rss']:5.2f} MiB, own {of['own']:5.2f}, Pss {of['Pss']:5.2f}"


def measure(program):
    """Its size, and the most memory that it had at rest."""
    size = os.stat(program).st_size
    print(f"{program}\n  size, stripped                {size / MIB:5.2f} MiB ({size} bytes)")
    with tempfile.TemporaryDirectory() as home:
        server = Server(program, home)
        rest = server.settled()
        print(f"  at rest, after the start      {told(rest)}")
        again = server.after_logins()
        print(f"  at rest, after {LOGINS_AT_ONCE} logins       {told(again)}")
        crowd = server.with_sessions(SESSIONS)
        each = (crowd["Anonymous"] - again["Anonymous"]) / SESSIONS / 1024
        print(f"  with {SESSIONS} idle sessions        {told(crowd)}: {each:.1f} KiB each")
        later = server.settled()
        print(f"  at rest, after those          {told(later)}")
        server.end()
    return size, max(memory["Rss"] for memory in [rest, again, later])


def main(programs):
    if not programs:
        sys.exit(__doc__)
    is_met = True
    size, rest = measure(programs[0])
    for other in programs[1:]:
        measure(other)
    for what, found, most in [("size", size, MAX_SIZE), ("memory at rest, Rss", rest, MAX_REST)]:
        verdict = "met" if found <= most else "MISSED"
        is_met = is_met and found <= most
        print(f"target of {what}, {most // MIB} MiB: {verdict} ({found / MIB:.2f} MiB)")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
