"""How is the product started for a measurement, and what does it cost while it runs?

The real binary, `edgebase dev`, on an empty cluster of its own in a temporary folder. Costs are
read from /proc: processor time of the proxy and of every PostgreSQL process, those that ended
meanwhile included, and resident memory.
"""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")
START_SECONDS = 300


def token(secret, user, **claims):
    """A user token as the server takes it."""

    def part(value):
        text = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(text).rstrip(b"=")

    claims = {"sub": user, "iss": "edgebase:user", "exp": int(time.time()) + 86400, **claims}
    head = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    return (head + b"." + part(hmac.digest(secret.encode(), head, hashlib.sha256))).decode()


def stat(pid):
    """Fields of /proc/PID/stat after the name, or None when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def children(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


def memory(pid):
    """Resident and private memory in MB."""
    values = {}
    try:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, value = line.split(":")
            values[name] = int(value.split()[0]) / 1024
    except OSError:
        return 0.0, 0.0
    return values["Rss"], values["Private_Clean"] + values["Private_Dirty"]


class Product:
    """A running `edgebase dev`."""

    def __init__(self, binary, postgres_bin, settings):
        self.binary, self.postgres_bin = binary, postgres_bin
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="edgebase-bench-"))
        self.folder.chmod(0o755)
        self.process = None
        self.start()
        for name, value in settings.items():
            self.sql(f"ALTER SYSTEM SET {name} = '{value}'")
        self.stop()
        self.start()

    def start(self):
        """Starts, and returns how long it took to be ready."""
        environment = {k: v for k, v in os.environ.items() if k not in ("JWT_USER_SECRET", "SERVICE_KEY")}
        began = time.monotonic()
        self.process = subprocess.Popen(
            [self.binary, "dev", "--json", "--listen", "127.0.0.1:0", "--config",
             ROOT / "benches/edgebase.config.ts", "--data-dir", self.folder / "data"],
            stdout=subprocess.PIPE, stderr=open(self.folder / "log", "ab"), stdin=subprocess.DEVNULL,
            env={**environment, "EDGEBASE_PG_BIN": self.postgres_bin}, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the product did not start:\n" + (self.folder / "log").read_text())
        took = time.monotonic() - began
        ready = json.loads(line)
        self.url, self.admin_url = ready["url"], ready["adminUrl"]
        self.service_key = ready["serviceKey"]
        self.token = token(ready["jwtSecret"], "u1")
        self.pid = self.process.pid
        pidfile = self.folder / "data/postgres/postmaster.pid"
        lines = pidfile.read_text().splitlines()
        self.postmaster, self.port, self.socket = int(lines[0]), lines[3], lines[4]
        return took

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=START_SECONDS)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def tool(self, name):
        return pathlib.Path(self.postgres_bin) / name

    def sql(self, text):
        """The answer of psql, as the cluster's superuser."""
        done = subprocess.run([self.tool("psql"), self.admin_url, "-qXAtc", text], check=True,
                              capture_output=True, text=True, timeout=600)
        return done.stdout.strip()

    def scripts(self, texts):
        """Runs several scripts at the same time."""
        running = []
        for n, text in enumerate(texts):
            path = self.folder / f"script{n}.sql"
            path.write_text(text)
            running.append(subprocess.Popen(
                [self.tool("psql"), self.admin_url, "-qXAt", "-v", "ON_ERROR_STOP=1", "-f", path],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
        for process in running:
            _, errors = process.communicate(timeout=1200)
            if process.returncode:
                raise SystemExit(f"loading failed: {errors}")

    def cpu(self):
        """Processor seconds so far: of the proxy, and of PostgreSQL."""
        fields = stat(self.pid)
        proxy = (int(fields[11]) + int(fields[12])) / TICK
        # Ended children are in the postmaster's own account.
        fields = stat(self.postmaster)
        postgres = sum(int(fields[n]) for n in (11, 12, 13, 14))
        for child in children(self.postmaster):
            fields = stat(child)
            if fields:
                postgres += int(fields[11]) + int(fields[12])
        return proxy, postgres / TICK

    def memory(self):
        """MB: the proxy, the largest backend, all backends (private memory each)."""
        backends = []
        for child in children(self.postmaster):
            try:
                name = pathlib.Path(f"/proc/{child}/cmdline").read_text()
            except OSError:
                continue
            if " idle" in name or "[local]" in name or "127.0.0.1" in name:
                backends.append(memory(child)[1])
        return memory(self.pid)[0], max(backends, default=0.0), sum(backends)
