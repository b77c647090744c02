#!/usr/bin/env python3
"""Do random interleavings of create, enter, write, migrate, drop and configure agree with a model?

Several connections of the proxy's login role and one of an operator take random steps, holding
transactions open across each other's steps. A model of a dozen lines says what each step must
answer and what each instance must hold; every disagreement ends the run with the steps that led
there. Standard library only: each connection is a psql process.

    interleave.py SOCKET_DIR PSQL [STEPS] [SEED]

The cluster needs the extension, the roles of lib/setup.sql, and edgebase.ddl_lock_timeout short.
"""

import json
import random
import sys

from lib.session import Connection, literal

IDS = ["a", 'q"uote', "😀", "SELECT", "x" * 255]
SHAPES = [
    {"n": "number"},
    {"n": "number", "note": "string"},
    {"n": "number", "note": {"type": "string", "max": 9}, "tag": {"type": "string", "default": "t"}},
]


class Proxy(Connection):
    """A connection of the proxy's login role, and what its open transaction has done."""

    def __init__(self, psql, socket):
        super().__init__(psql, socket, "proxy_login")
        self.inside = None  # the instance that it has entered
        self.pending = []  # the rows that it has inserted


class Run:
    def __init__(self, socket, psql, seed):
        self.random = random.Random(seed)
        self.psql, self.socket = psql, socket
        self.proxies = [Proxy(psql, socket) for _ in range(4)]
        self.admin = Connection(psql, socket, "admin_login")
        self.root = Connection(psql, socket, "postgres")
        # The model: the block's shape, and each instance's shape and committed rows.
        self.shape = None
        self.instances = {}
        self.steps = []
        self.seen = {}
        self.row = 0
        self.begin_anew()

    def begin_anew(self):
        """Back to the first shape and no instance, so that migrations happen again."""
        for proxy in self.proxies:
            if proxy.inside is not None:
                self.leave(proxy)
        code, _ = self.root.ask("SELECT edgebase.drop_instance(namespace, id) FROM edgebase.instance WHERE namespace = 'prop'")
        self.expect("clear", code, "00000")
        self.root.ask("DELETE FROM edgebase.block WHERE namespace = 'prop'")
        self.instances, self.shape = {}, None
        self.configure(0)

    def expect(self, what, got, wanted):
        self.steps.append(f"{what} -> {got}")
        code = got[0] if isinstance(got, tuple) else got
        kind = " ".join(what.split()[: 2 if "held" in what else 1]) + (f" {code}" if len(code) == 5 else "")
        self.seen[kind] = self.seen.get(kind, 0) + 1
        if got != wanted:
            print("\n".join(self.steps[-25:]))
            raise SystemExit(f"NOT OK - {what}: the model says {wanted!r}, the database {got!r}")

    def held(self, id):
        return any(p.inside == id for p in self.proxies)

    def configure(self, shape):
        config = {"databases": {"prop": {"instance": True, "tables": {"t": {"schema": SHAPES[shape]}}}}}
        code, _ = self.admin.ask(f"SELECT count(*) FROM edgebase.apply_config({literal(json.dumps(config))})")
        loses = self.shape is not None and shape < self.shape and bool(self.instances)
        self.expect(f"configure {shape}", code, "EB007" if loses else "00000")
        if not loses:
            self.shape = shape

    def create(self, proxy, id):
        code, rows = proxy.ask(f"SELECT edgebase.create_instance('prop', {literal(id)}) ->> 'created'")
        self.expect(f"create {id[:9]}", (code, rows), ("00000", ["false" if id in self.instances else "true"]))
        self.instances.setdefault(id, {"shape": self.shape, "rows": set()})

    def drop(self, proxy, id):
        if self.held(id) and self.random.random() < 0.8:
            return  # it waits, so not too often
        code, rows = proxy.ask(f"SELECT edgebase.drop_instance('prop', {literal(id)}) ->> 'rows'")
        if id not in self.instances:
            wanted = ("EB002", [])
        else:
            wanted = ("00000", [str(len(self.instances.pop(id)["rows"]))])
        self.expect(f"drop {'held ' if self.held(id) else ''}{id[:9]}", (code, rows), wanted)
        for n, other in enumerate(self.proxies):
            if other.inside == id:  # an open transaction that does nothing ends with its connection
                other.process.kill()
                self.proxies[n] = Proxy(self.psql, self.socket)

    def migrate(self, proxy, id):
        code, rows = proxy.ask(f"SELECT edgebase.migrate('prop', {literal(id)}) ->> 'migrated'")
        instance = self.instances.get(id)
        if instance is None:
            wanted = ("EB002", [])
        elif instance["shape"] == self.shape:
            wanted = ("00000", ["false"])
        elif self.held(id):
            wanted = ("55P03", [])
        else:
            instance["shape"] = self.shape
            wanted = ("00000", ["true"])
        self.expect(f"migrate {id[:9]}", (code, rows), wanted)

    def enter(self, proxy, id):
        proxy.ask("BEGIN")
        code, _ = proxy.ask(f"SELECT edgebase.enter('prop', {literal(id)})")
        instance = self.instances.get(id)
        wanted = "EB002" if instance is None else "00000" if instance["shape"] == self.shape else "EB003"
        self.expect(f"enter {id[:9]}", code, wanted)
        if code == "00000":
            proxy.inside, proxy.pending = id, []
        else:
            proxy.ask("ROLLBACK")

    def write(self, proxy):
        self.row += 1
        code, _ = proxy.ask(f"INSERT INTO t (id, n) VALUES ('r{self.row}', {self.row})")
        self.expect(f"write {proxy.inside[:9]}", code, "00000")
        proxy.pending.append(f"r{self.row}")

    def read(self, proxy):
        code, rows = proxy.ask("SELECT id FROM t ORDER BY id")
        wanted = sorted(self.instances[proxy.inside]["rows"] | set(proxy.pending))
        self.expect(f"read {proxy.inside[:9]}", (code, sorted(rows)), ("00000", wanted))

    def escape(self, proxy):
        code, _ = proxy.ask("SAVEPOINT s")
        other = self.random.choice(["RESET ROLE", "SELECT * FROM edgebase.instance", "SET timezone = 'UTC'"])
        code, _ = proxy.ask(other)
        proxy.ask("ROLLBACK TO s")
        proxy.ask("RELEASE s")
        self.expect("escape", "refused" if code in ("EB008", "42501") else code, "refused")

    def leave(self, proxy):
        end = self.random.choice(["COMMIT", "ROLLBACK"])
        code, _ = proxy.ask(end)
        self.expect(f"{end} {proxy.inside[:9]}", code, "00000")
        if end == "COMMIT":
            self.instances[proxy.inside]["rows"] |= set(proxy.pending)
        proxy.inside, proxy.pending = None, []
        code, rows = proxy.ask("SELECT current_user")
        self.expect("outside", rows, ["proxy_login"])

    def step(self):
        proxy = self.random.choice(self.proxies)
        id = self.random.choice(IDS)
        if proxy.inside is not None:
            self.random.choice([self.write, self.write, self.read, self.escape, self.leave])(proxy)
        elif self.random.random() < 0.03:
            self.configure(self.random.randrange(len(SHAPES)))
        else:
            actions = [self.create, self.create, self.enter, self.enter, self.enter, self.migrate, self.drop]
            self.random.choice(actions)(proxy, id)

    def check_catalog(self):
        code, rows = self.root.ask("SELECT string_agg(id, '|' ORDER BY id COLLATE \"C\") FROM edgebase.instance WHERE namespace = 'prop'")
        wanted = "|".join(sorted(self.instances, key=lambda i: i.encode()))
        self.expect("registry", "".join(rows), wanted)
        code, rows = self.root.ask("""SELECT (SELECT count(*) FROM pg_namespace WHERE nspowner = 'edgebase_owner'::regrole)
            = (SELECT count(*) FROM edgebase.instance) AND (SELECT count(*) FROM pg_roles WHERE rolname ~ '^eb_') = (SELECT count(*) FROM edgebase.instance)""")
        self.expect("schemas and roles", rows, ["t"])


def main():
    socket, psql = sys.argv[1:3]
    steps = int(sys.argv[3]) if len(sys.argv) > 3 else 3000
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 30)
    print(f"seed {seed}", flush=True)
    run = Run(socket, psql, seed)
    for n in range(steps):
        run.step()
        if n % 100 == 0:
            run.check_catalog()
        if n % 250 == 249:
            run.begin_anew()
    run.check_catalog()
    print(f"ok - {len(run.steps)} answers as the model says: "
          + ", ".join(f"{n} {kind}" for kind, n in sorted(run.seen.items())))


main()
