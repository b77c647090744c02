"""Does an acknowledged write survive the loss of a PostgreSQL server, and do writes go on?

Three servers under Patroni and etcd, configured by examples/patroni/patroni.yml; one `edgebase
serve` that knows all three addresses; clients that write without a pause. The leader's processes
are killed, then the leader changes on request. After each, every record whose write was answered
with 201 is looked for. What the clients met is printed: how long no write succeeded, and the
statuses.

    python3 tests/availability/run.py        EDGEBASE_PG_BIN names the server's programs

Prints SKIPPED and ends with 0 where Patroni or etcd is not installed.
"""

import collections
import http.client
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = pathlib.Path(__file__).resolve().parent
NODES = ("node1", "node2", "node3")
WRITERS = 8
# Far beyond the lease of 20 seconds: only what never comes back is a failure.
PATIENCE_SECONDS = 150
# Written, or asked to try again.
EXPECTED = (201, 503, 504)
PASSWORD = "only for this run"
SERVICE_KEY = "only-for-this-run-a-service-key"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for held in sockets:
        held.bind(("127.0.0.1", 0))
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


class Processes:
    """Everything that was started, as a user that PostgreSQL accepts; all of it is killed at the end."""

    def __init__(self, folder):
        self.folder, self.started = folder, []
        self.account = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())

    def start(self, name, command):
        identity = {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
        log = open(self.folder / f"{name}.log", "ab")
        process = subprocess.Popen(
            [str(part) for part in command], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "HOME": str(self.folder)}, **(identity if os.geteuid() == 0 else {}))
        self.started.append(process)
        return process

    def stop(self):
        kill({process.pid for process in self.started} | set(map(postmaster, self.folder.glob("*-data"))))
        for process in self.started:
            process.wait()


def postmaster(data_directory):
    """Its server is no child of Patroni's; 0 where none was started."""
    try:
        return int((data_directory / "postmaster.pid").read_text().split()[0])
    except OSError:
        return 0


def kill(roots):
    """Ends processes and all that they started at once, as the loss of a host does: no server gets
    to say goodbye."""
    found = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if ancestor(pid, roots)]
    # Stopped first: what loses its parent could start others meanwhile.
    for end in (signal.SIGSTOP, signal.SIGKILL):
        for pid in found:
            try:
                os.kill(pid, end)
            except ProcessLookupError:
                pass


def ancestor(pid, roots):
    while pid > 1:
        if pid in roots:
            return True
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        pid = int(stat[stat.rindex(")") + 2 :].split()[1])
    return False


class Cluster:
    """Three servers, their agents and the store of who leads."""

    def __init__(self, processes, bin_directory):
        self.processes, self.folder = processes, processes.folder
        ports = free_ports(8)
        self.rest = dict(zip(NODES, ports[:3]))
        self.port = dict(zip(NODES, ports[3:6]))
        client, peer = ports[6:]
        processes.start("etcd", [
            "etcd", "--data-dir", self.folder / "etcd",
            "--listen-client-urls", f"http://127.0.0.1:{client}",
            "--advertise-client-urls", f"http://127.0.0.1:{client}",
            "--listen-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-cluster", f"default=http://127.0.0.1:{peer}"])
        template = (ROOT / "examples/patroni/patroni.yml").read_text()
        self.agents = {}
        for node in NODES:
            text = template
            for word, value in {
                "NODE_NAME": node, "NODE_ADDRESS": "127.0.0.1", "NODE_NETWORK": "127.0.0.1/32",
                "REST_PORT": self.rest[node], "PG_PORT": self.port[node],
                "ETCD_ADDRESS": "127.0.0.1", "ETCD_PORT": client,
                "DATA_DIRECTORY": self.folder / f"{node}-data", "BIN_DIRECTORY": bin_directory,
                "SOCKET_DIRECTORY": self.folder, "PASSWORD_FILE": self.folder / f"{node}.pgpass",
                "SUPERUSER_PASSWORD": PASSWORD, "REPLICATION_PASSWORD": PASSWORD,
            }.items():
                text = text.replace(word, str(value))
            (self.folder / f"{node}.yml").write_text(text)
            self.launch(node)
            if node == NODES[0]:
                self.until(lambda: self.leader() == node, "the first server leads")

    def launch(self, node):
        self.agents[node] = self.processes.start(
            node, ["patroni", self.folder / f"{node}.yml"])

    def members(self):
        for port in self.rest.values():
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/cluster")
                return {m["name"]: m for m in json.load(connection.getresponse())["members"]}
            except (OSError, ValueError, KeyError, http.client.HTTPException):
                continue
        return {}

    def leader(self):
        for name, member in self.members().items():
            if member["role"] == "leader" and member["state"] == "running":
                return name
        return None

    def whole(self):
        """All three run, and one of the standbys is synchronous."""
        members = self.members()
        roles = collections.Counter(m["role"] for m in members.values())
        running = all(m["state"] in ("running", "streaming") for m in members.values())
        return len(members) == len(NODES) and running and roles["leader"] == 1 and roles["sync_standby"] >= 1

    def until(self, condition, what):
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > end:
                raise SystemExit(f"NOT OK - {what}: not within {PATIENCE_SECONDS} s; {self.members()}")
            time.sleep(0.5)

    def address(self, user, *more):
        hosts = ",".join(f"127.0.0.1:{self.port[node]}" for node in NODES)
        settings = "&".join(("target_session_attrs=read-write", "connect_timeout=2") + more)
        return f"postgres://{user}:{PASSWORD.replace(' ', '%20')}@{hosts}/postgres?{settings}"


class Writers:
    """Clients that write without a pause, and remember what was acknowledged."""

    def __init__(self, port):
        self.port, self.ended = port, threading.Event()
        self.lock = threading.Lock()
        self.acknowledged, self.statuses = {}, collections.Counter()
        self.last, self.longest, self.refusal = time.monotonic(), 0.0, b""
        self.threads = [threading.Thread(target=self.write, args=(n,), daemon=True) for n in range(WRITERS)]
        for thread in self.threads:
            thread.start()

    def write(self, writer):
        connection, count = None, 0
        while not self.ended.is_set():
            count += 1
            tenant, record = f"u{count % 5}", f"w{writer}-{count}"
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                connection.request(
                    "POST", f"/api/db/user/{tenant}/tables/notes",
                    json.dumps({"id": record, "title": record}), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                body = answer.read()
                status = answer.status
                if status not in EXPECTED:
                    self.refusal = body
            except (OSError, http.client.HTTPException) as error:
                connection, status = None, type(error).__name__
            with self.lock:
                self.statuses[status] += 1
                if status == 201:
                    self.acknowledged[record] = tenant
                    now = time.monotonic()
                    self.longest = max(self.longest, now - self.last)
                    self.last = now
            if status != 201:
                time.sleep(0.2)

    def count(self):
        with self.lock:
            return len(self.acknowledged)

    def phase(self):
        """What was met since the last call."""
        with self.lock:
            met = (dict(self.statuses), self.longest)
            self.statuses.clear()
            self.longest, self.last = 0.0, time.monotonic()
        return met

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def missing(cluster, psql, writers):
    """Acknowledged records that the leader does not have."""
    have = set()
    for tenant in sorted(set(writers.acknowledged.values())):
        text = psql(f'SELECT id FROM "user:{tenant}".notes')
        have.update((record, tenant) for record in text.split())
    return [item for item in writers.acknowledged.items() if item not in have]


def main():
    if not (shutil.which("patroni") and shutil.which("etcd")):
        print("SKIPPED - high availability: Patroni and etcd are not installed")
        return
    bin_directory = os.environ["EDGEBASE_PG_BIN"]
    binary = os.environ.get("EDGEBASE_BIN") or ROOT / "target/release/edgebase"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="edgebase-availability-"))
    processes = Processes(folder)
    os.chown(folder, processes.account.pw_uid, processes.account.pw_gid)
    failures = []

    def check(name, held, seen=""):
        print(f"{'ok' if held else 'NOT OK'} - {name}{f' ({seen})' if seen else ''}", flush=True)
        if not held:
            failures.append(name)

    try:
        cluster = Cluster(processes, bin_directory)
        cluster.until(cluster.whole, "three servers run, one of them synchronous")

        def psql(text):
            done = subprocess.run(
                [f"{bin_directory}/psql", cluster.address("postgres"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", text],
                capture_output=True, text=True, timeout=PATIENCE_SECONDS)
            if done.returncode:
                raise SystemExit(f"NOT OK - psql: {done.stderr}")
            return done.stdout

        psql("CREATE EXTENSION edgebase")
        subprocess.run(
            [f"{bin_directory}/psql", cluster.address("postgres"), "-Xq", "-v", f"proxy_password={PASSWORD}",
             "-v", f"admin_password={PASSWORD}", "-f", ROOT / "sql/roles.sql"], check=True)
        config = HERE / "edgebase.config.ts"
        subprocess.run([binary, "apply", "--config", config, "--database-url",
                        cluster.address("edgebase_admin_login")], check=True, stdout=subprocess.DEVNULL)
        [port] = free_ports(1)
        server = subprocess.Popen(
            [binary, "serve", "--config", config, "--listen", f"127.0.0.1:{port}"],
            stdin=subprocess.DEVNULL, stdout=open(folder / "serve.log", "ab"), stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "EDGEBASE_DATABASE_URL": cluster.address("edgebase_proxy_login"),
                 "JWT_USER_SECRET": "only for this run, thirty-two bytes long", "SERVICE_KEY": SERVICE_KEY})
        processes.started.append(server)

        writers = Writers(port)
        cluster.until(lambda: writers.count() > 500 or writers.refusal, "writes succeed")
        if writers.refusal:
            raise SystemExit(f"NOT OK - writes succeed: {writers.refusal}")
        writers.phase()

        def outlive(name, act):
            """Lets writes go on around an event, then compares."""
            before = cluster.leader()
            act(before)
            cluster.until(lambda: cluster.leader() not in (None, before), f"{name}: another server leads")
            count = writers.count()
            cluster.until(lambda: writers.count() > count + 300, f"{name}: writes go on")
            statuses, gap = writers.phase()
            check(f"{name}: writes go on", True, f"no write succeeded for {gap:.1f} s, answers {statuses}")
            odd = {s for s in statuses if s not in EXPECTED}
            check(f"{name}: clients are told to try again", not odd, f"{odd}: {writers.refusal}" if odd else "")

        def lose(leader):
            kill({cluster.agents[leader].pid, postmaster(folder / f"{leader}-data")})
            cluster.agents[leader].wait()

        def switch(leader):
            subprocess.run(
                ["patronictl", "-c", folder / f"{leader}.yml", "switchover", "edgebase", "--master", leader, "--force"],
                check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        lost = cluster.leader()
        outlive("the leader is killed", lose)
        cluster.launch(lost)
        cluster.until(cluster.whole, "the server that was lost is a standby again")
        check("the server that was lost is a standby again", True)
        writers.phase()
        outlive("the leader changes on request", switch)
        writers.stop()
        lost_writes = missing(cluster, psql, writers)
        check("every acknowledged write is there", not lost_writes,
              f"{writers.count()} acknowledged, {len(lost_writes)} missing")
        cluster.until(cluster.whole, "three servers run at the end")
    except BaseException:
        for log in sorted(folder.glob("*.log")):
            print(f"---- {log.name}\n{log.read_text()[-3000:]}", file=sys.stderr)
        raise
    finally:
        processes.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
