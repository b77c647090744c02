#!/usr/bin/env python3
"""Does anything change that must not, whatever a tenant, an operator or an analyst tries?

    soak.py SOCKET_DIR PSQL LOG SECONDS [SEED]      soak.sh starts the cluster for it

Each step is random SQL of one attacker (lib/grammar.py): a sealed transaction, a config with
migrations and what makes them run, or a query over all instances. After each the invariants are
looked at by a superuser, and what the attacker's connection has kept by itself. The first that is
broken ends the run with the seed, the step and what was said; the same seed says the same again.
With SOAK_UNKEPT=1 in the environment a connection may keep what it likes: where that is known to be
broken, a run goes on to what else is.
"""

import json
import os
import random
import sys
import time

from lib.grammar import ARGUMENTS, Analyst, Operator, Tenant
from lib.session import Connection, Lost, literal

OURS = "nspname IN ('yard', 'play', 'play:one')"  # the operator's own to change
INVARIANTS = {
    "what roles may do": """SELECT r::text FROM pg_authid r WHERE rolname !~ '^eb_'
        UNION ALL SELECT rolname FROM pg_authid WHERE rolname ~ '^eb_' AND (rolsuper OR rolcanlogin
            OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls OR rolinherit)""",
    "who is a member of what": "SELECT m::text FROM pg_auth_members m",
    "settings of roles and databases": "SELECT s::text FROM pg_db_role_setting s",
    "settings of the server": """SELECT name || setting FROM pg_file_settings
        UNION ALL SELECT name || setting || source FROM pg_settings
            WHERE name NOT LIKE 'transaction%' AND (name NOT LIKE '%.%' OR name LIKE 'edgebase.%')""",
    "grants": f"""SELECT n.oid || n.nspowner::text || n.nspacl::text FROM pg_namespace n WHERE NOT {OURS} AND nspname !~ '^pg_(toast_)?temp'
        UNION ALL SELECT c.oid || c.relowner::text || coalesce(relacl::text, '') FROM pg_class c JOIN pg_namespace n
            ON n.oid = relnamespace WHERE NOT {OURS} AND nspname !~ '^pg_(toast|temp)'
        UNION ALL SELECT p.oid || proowner::text || prosecdef || coalesce(proacl::text, '') || coalesce(proconfig::text, '')
            FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE NOT {OURS}
        UNION ALL SELECT a.attrelid || a.attname || a.attacl::text FROM pg_attribute a
            JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE attacl IS NOT NULL AND NOT {OURS}
        UNION ALL SELECT datname || coalesce(datacl::text, '') FROM pg_database
        UNION ALL SELECT d::text FROM pg_default_acl d UNION ALL SELECT l::text FROM pg_largeobject_metadata l
        UNION ALL SELECT p::text FROM pg_parameter_acl p UNION ALL SELECT s::text FROM pg_foreign_server s""",
    "extensions, event triggers, languages": """SELECT e::text FROM pg_extension e
        UNION ALL SELECT t::text FROM pg_event_trigger t UNION ALL SELECT l::text FROM pg_language l""",
    "rows of other tenants": """SELECT t::text FROM "tenant:victim".invoices t UNION ALL SELECT t::text FROM app.posts t
        UNION ALL SELECT t::text FROM office.staff t UNION ALL SELECT t::text FROM "firm:a".staff t
        UNION ALL SELECT t::text FROM "firm:b".staff t""",
    "the registry of other tenants": """SELECT namespace || id || number || schema_name FROM edgebase.instance
            WHERE namespace NOT IN ('yard', 'play')
        UNION ALL SELECT b.namespace || version FROM edgebase.block b WHERE namespace NOT IN ('yard', 'play')
        UNION ALL SELECT a::text FROM edgebase.analytics a WHERE namespace NOT IN ('yard', 'play')""",
    "the audit of before": "SELECT a::text FROM edgebase.audit_log a WHERE seq <= {seq}",
    "the server": "SELECT pg_postmaster_start_time()::text",
}
# What a connection keeps of a transaction that is over.
KEPT = """SELECT json_build_array(current_user, session_user,
    (SELECT md5(string_agg(name || '=' || setting, ',' ORDER BY name)) FROM pg_settings
     WHERE name NOT LIKE 'transaction%' AND name NOT IN ('seed', 'in_hot_standby')
       AND (name NOT LIKE '%.%' OR name LIKE 'edgebase.%')),
    (SELECT count(*) FROM pg_listening_channels()), (SELECT count(*) FROM pg_prepared_statements),
    (SELECT count(*) FROM pg_cursors WHERE name <> ''), pg_my_temp_schema(),
    (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype IN ('advisory', 'object')))"""
# Functions whose effect on a session of one's own is meant to stay. An analyst is not sealed and may
# call them; inside the seal they are refused, so the tenant's grammar has them.
OWN_SESSION = tuple(f"pg_catalog.{name}" for name in (
    "pg_advisory_", "pg_try_advisory_", "lo_", "set_config", "pg_notify", "pg_terminate_backend", "pg_cancel_backend"))
# What must not be shown to whom. An operator may export every instance.
SECRETS = {"proxy_login": ("planted-secret", "hidden-secret"), "analyst_login": ("hidden-secret",)}
CRASHES = ("terminated by signal", "PANIC:", "TRAP:", "was terminated", "AddressSanitizer", "Invalid read", "Invalid write")


class Soak:
    """The attackers, their connections, and what has to stay as it is."""

    def __init__(self, socket, psql, log, seed):
        self.random, self.seed, self.log = random.Random(seed), seed, open(log, errors="replace")
        self.connections = {u: Connection(psql, socket, u) for u in ("postgres", "proxy_login", "admin_login", "analyst_login")}
        self.root = self.connections["postgres"]
        functions = self.functions()
        self.tenant = Tenant(self.random, functions)
        self.analyst = Analyst(self.random, [f for f in functions if not f[0].startswith(OWN_SESSION)])
        self.operator, self.versions = Operator(self.random), {}
        self.steps, self.said, self.seen = 0, [], {}
        self.root.ask("LISTEN soak")
        self.anew()
        # The library is loaded in each before anything is compared.
        for user in ("postgres", "proxy_login", "admin_login"):
            self.ask(user, "SELECT edgebase.locate('tenant', 'victim')")
        self.ask("analyst_login", "SELECT count(*) FROM firm.staff")
        self.seq = self.root.ask("SELECT max(seq) FROM edgebase.audit_log")[1][0]
        self.before, self.lines = self.digests(), {name: self.lines_of(name) for name in INVARIANTS}
        self.kept = {user: self.keeps(user) for user in self.connections}

    def functions(self):
        """Every function of the server that takes what the grammar has values of."""
        kinds = ", ".join(literal(kind) for kind in ARGUMENTS)
        code, rows = self.root.ask(f"""SELECT json_agg(json_build_array(format('%I.%I', nspname, proname), kinds) ORDER BY p.oid)
            FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace, LATERAL (SELECT coalesce(array_agg(format_type(t, NULL) ORDER BY o), '{{}}') AS kinds
                FROM unnest(p.proargtypes) WITH ORDINALITY AS u (t, o)) AS k
            WHERE prokind = 'f' AND nspname IN ('pg_catalog', 'public') AND kinds <@ ARRAY[{kinds}]
              AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)""")
        assert code == "00000", rows
        return json.loads("".join(rows))

    def fail(self, what):
        print("\n".join(self.said[-40:]))
        print(f"NOT OK - step {self.steps}: {what}")
        print(f"the same again: SEED={self.seed} extension/test/soak.sh")
        raise SystemExit(1)

    def ask(self, user, sql):
        self.said.append(f"{user}: {sql}")
        del self.said[:-60]
        try:
            code, rows = self.connections[user].ask(sql)
        except Lost:
            self.fail(f"the connection of {user} was lost")
        self.said.append(f"    -> {code}")
        key = f"{user} {code}"
        self.seen[key] = self.seen.get(key, 0) + 1
        if any(secret in row for row in rows for secret in SECRETS.get(user, ())):
            self.fail(f"{user} was shown what is not its to see: {rows[:3]}")
        return code, rows

    def digests(self):
        parts = [f"{literal(name)}, (SELECT md5(string_agg(x, '|' ORDER BY x)) FROM ({sql.replace('{seq}', self.seq)}) AS q (x))"
                 for name, sql in INVARIANTS.items()]
        code, rows = self.root.ask(f"SELECT json_build_object({', '.join(parts)})")
        if code != "00000" or any("Asynchronous notification" in row for row in rows):
            self.fail(f"a superuser is told: {code} {rows}")
        return json.loads(rows[0])

    def lines_of(self, name):
        """What an invariant's digest is over."""
        _, rows = self.root.ask(f"SELECT json_agg(x) FROM ({INVARIANTS[name].replace('{seq}', self.seq)}) AS q (x)")
        return set(json.loads("".join(rows)) or [])

    def keeps(self, user):
        """What a connection has kept. Its own limit of time may end the question on a busy machine."""
        for _ in range(20):
            answer = self.connections[user].ask(KEPT)
            if answer[0] != "57014":
                break
        return answer

    def look(self, user):
        """Whether everything is as it was."""
        now = self.digests()
        for name, digest in self.before.items():
            if now[name] != digest:
                changes = sorted(self.lines_of(name) ^ self.lines[name])
                self.fail(f"changed: {name}: {changes[:20]}")
        try:
            kept = self.keeps(user)
        except Lost:
            self.fail(f"the connection of {user} was lost")
        if kept != self.kept[user] and not os.environ.get("SOAK_UNKEPT"):
            _, settings = self.connections[user].ask(
                "SELECT json_object_agg(name, setting) FROM pg_settings WHERE source = 'session'")
            self.fail(f"the connection of {user} has kept {kept}, it had {self.kept[user]}: {settings}")
        for line in self.log:
            if any(crash in line for crash in CRASHES):
                self.fail(f"the log says: {line.strip()}")

    def seal(self):
        """A tenant's transaction."""
        self.ask("proxy_login", "BEGIN")
        enter = self.random.choice(["enter", "enter", "enter_read_only"])
        self.ask("proxy_login", f"SELECT edgebase.{enter}('tenant', 'mallory')")
        for _ in range(self.random.randint(1, 8)):
            self.ask("proxy_login", "SAVEPOINT before")
            code, _ = self.ask("proxy_login", self.tenant.statement())
            if code != "00000":
                self.ask("proxy_login", "ROLLBACK TO before")
        self.ask("proxy_login", self.random.choice(["COMMIT", "ROLLBACK"]))
        self.look("proxy_login")

    def configure(self):
        """A config, and whatever makes its migrations, checks and triggers run."""
        versions = dict(self.versions)
        config = self.operator.config(versions)
        code, _ = self.ask("admin_login", f"SELECT count(*) FROM edgebase.apply_config({literal(json.dumps(config))}, {self.random.choice(['false', 'false', 'false', 'true'])})")
        if code == "00000":
            self.versions = {n: b["tables"]["t"]["migrations"] for n, b in config["databases"].items()}
        self.look("admin_login")
        for _ in range(self.random.randint(0, 3)):
            user, sql = self.random.choice([
                ("admin_login", "SELECT edgebase.create_instance('play', 'one')"),
                ("admin_login", "SELECT edgebase.migrate('play', 'one')"),
                ("admin_login", "SELECT edgebase.try_migrate('play', 'one', true)"),
                ("admin_login", "SELECT edgebase.migrate_behind()"),
                ("admin_login", "SELECT edgebase.repair()"),
                ("admin_login", "SELECT count(*) FROM edgebase.export_instance('play', 'one')"),
                ("admin_login", "SELECT count(*) FROM edgebase.export_instance('yard')"),
                ("admin_login", """SELECT edgebase.import_instance('play', 'one', '[{"table": "t", "record": {"id": "i", "a": "x"}}]')"""),
                ("admin_login", "SELECT count(*), max(size) FROM edgebase.instances"),
                ("admin_login", "SELECT edgebase.drop_instance('play', 'one')"),
                ("proxy_login", "SELECT edgebase.enter('yard'), 1"),
                ("proxy_login", "BEGIN; SELECT edgebase.enter('yard'); INSERT INTO t (id, a) VALUES (gen_random_uuid(), 'x'); SELECT * FROM t; COMMIT"),
                ("proxy_login", "BEGIN; SELECT edgebase.enter('play', 'one'); INSERT INTO t (id, a) VALUES (gen_random_uuid(), 'x'); UPDATE t SET a = 'z'; COMMIT"),
                ("proxy_login", "SELECT edgebase.read_record('yard', NULL, 't', ARRAY['id', 'a'], 'm')"),
                ("analyst_login", "SELECT * FROM play.t"),
                ("analyst_login", "SELECT * FROM yard.t"),
            ])
            self.ask(user, sql)
            if user == "proxy_login":
                self.ask(user, "ROLLBACK")
            self.look(user)
        if self.random.random() < 0.15:
            self.anew()

    def anew(self):
        """The operator's blocks as if they had never been."""
        self.versions = {}
        for sql in ("SELECT edgebase.drop_instance(namespace, nullif(id, '')) FROM edgebase.instance WHERE namespace IN ('play', 'yard')",
                    "DELETE FROM edgebase.analytics WHERE namespace IN ('play', 'yard')",
                    "DELETE FROM edgebase.block_version WHERE namespace IN ('play', 'yard')",
                    "DELETE FROM edgebase.block WHERE namespace IN ('play', 'yard')",
                    "DROP SCHEMA IF EXISTS play, yard CASCADE"):
            self.root.ask("UPDATE edgebase.block SET configured = false WHERE namespace = 'yard'")
            self.ask("postgres", sql)

    def ask_analyst(self):
        """A few queries of an analyst."""
        self.ask("analyst_login", "BEGIN")
        for _ in range(self.random.randint(1, 4)):
            self.ask("analyst_login", "SAVEPOINT s")
            code, _ = self.ask("analyst_login", self.analyst.statement())
            if code != "00000":
                self.ask("analyst_login", "ROLLBACK TO s")
        self.ask("analyst_login", "ROLLBACK")
        self.look("analyst_login")

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.steps += 1
            self.random.choice([self.seal, self.seal, self.configure, self.configure, self.ask_analyst])()
        refused = sum(n for key, n in self.seen.items() if not key.endswith("00000"))
        print(f"ok - {self.steps} steps, {sum(self.seen.values())} statements, {refused} of them refused, "
              f"changed nothing that is not their attacker's (seed {self.seed})")
        for key, n in sorted(self.seen.items(), key=lambda item: -item[1])[:24]:
            print(f"    {n} {key}")


def main():
    socket, psql, log, seconds = sys.argv[1:5]
    seed = int(sys.argv[5]) if len(sys.argv) > 5 else random.SystemRandom().randrange(1 << 30)
    print(f"seed {seed}", flush=True)
    Soak(socket, psql, log, seed).run(float(seconds))


main()
