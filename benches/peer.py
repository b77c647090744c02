"""How is PocketBase, the peer, started with the same table, rows and rule?

The program comes from PyPI (requirements.txt). It runs on an empty folder of its own, and offers
what `measure.wrk` asks of a product: its address, a user's token and its processor time.
"""

import json
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from product import ROOT, TICK, stat

PROGRAM = ROOT / ".venv/bin/pocketbase"
PASSWORD = "only for this run"
START_SECONDS = 60


class PocketBase:
    """A running PocketBase with `rows` notes, all of which belong to the user of the token."""

    service_key = ""

    def __init__(self, rows):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="edgebase-bench-peer-"))
        data = ["--dir", self.folder / "data"]
        subprocess.run([PROGRAM, "superuser", "upsert", "bench@example.com", PASSWORD, *data],
                       check=True, capture_output=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self.url = f"http://{address}"
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--http", address, *data], stdin=subprocess.DEVNULL,
            stdout=open(self.folder / "log", "ab"), stderr=subprocess.STDOUT)
        try:
            self.wait()
            self.fill(rows)
        except BaseException:
            self.remove()
            raise

    def wait(self):
        for _ in range(START_SECONDS * 10):
            try:
                return self.call("GET", "/api/health")
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        raise SystemExit("PocketBase did not start:\n" + (self.folder / "log").read_text())

    def fill(self, rows):
        admin = self.sign_in("_superusers", "bench@example.com")
        self.call("POST", "/api/collections", {
            "name": "notes", "type": "base",
            "listRule": '@request.auth.id != "" && ownerId = @request.auth.id',
            "indexes": ["CREATE INDEX notes_owner ON notes (ownerId)"],
            "fields": [
                {"name": "title", "type": "text", "required": True},
                {"name": "body", "type": "text"},
                {"name": "ownerId", "type": "text"},
                {"name": "rank", "type": "number"},
                {"name": "done", "type": "bool"},
                {"name": "createdAt", "type": "autodate", "onCreate": True},
                {"name": "updatedAt", "type": "autodate", "onCreate": True, "onUpdate": True},
            ],
        }, admin)
        user = self.call("POST", "/api/collections/users/records", {
            "email": "u1@example.com", "password": PASSWORD, "passwordConfirm": PASSWORD}, admin)
        self.token = self.sign_in("users", "u1@example.com")
        for n in range(1, rows + 1):
            self.call("POST", "/api/collections/notes/records", {
                "title": f"note {n}", "body": "some text " * 8, "ownerId": user["id"], "rank": n,
                "done": n % 2 == 0}, admin)

    def sign_in(self, collection, identity):
        path = f"/api/collections/{collection}/auth-with-password"
        return self.call("POST", path, {"identity": identity, "password": PASSWORD})["token"]

    def call(self, method, path, body=None, token=None):
        request = urllib.request.Request(
            self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **({"Authorization": token} if token else {})})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def cpu(self):
        fields = stat(self.process.pid)
        return (int(fields[11]) + int(fields[12])) / TICK, 0.0

    def remove(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=START_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)
