"""Which random SQL do the attackers of the soak try?

A tenant inside the seal, an operator by the expressions and migrations of configs, an analyst. The
grammars know the ways out that are known for PostgreSQL and put their pieces together anew.
Invariant: what they give depends on the given random source alone. Nothing ends the tenant's
transaction, names another tenant in a migration (whose author is trusted with tables), or holds
a backslash or a colon that psql would read.
"""

from lib.session import literal

OTHERS = ['"tenant:victim".invoices', "app.posts", "edgebase.instance", "edgebase.audit_log",
          "edgebase.block", "edgebase.instances", "tenant.invoices", "firm.staff", "pg_authid",
          "pg_statistic", "pg_largeobject", "public.invoices", '"firm:a".staff']
CATALOGS = ["pg_class", "pg_settings", "pg_roles", "pg_namespace", "pg_stat_activity", "pg_locks",
            "pg_stats", "pg_proc", "pg_db_role_setting", "pg_database", "pg_stat_user_tables",
            "information_schema.tables", "pg_prepared_statements", "pg_user_mappings"]
OWN = ["invoices", '"Weird ""T"""']
ROLES = ["postgres", "none", "proxy_login", "edgebase_owner", "edgebase_admin", "low", "victim_role",
         "session_user", "current_user", "pg_read_all_data"]
SETTINGS = ["search_path", "role", "session_authorization", "statement_timeout", "work_mem",
            "row_security", "session_replication_role", "timezone", "datestyle", "lock_timeout",
            "local_preload_libraries", "edgebase.statement_timeout", "transaction_read_only",
            "default_transaction_read_only", "check_function_bodies", "standard_conforming_strings",
            "plan_cache_mode", "client_min_messages", "temp_tablespaces", "jit", "seed"]
VALUES = ["'none'", "'postgres'", "public", "0", "'1GB'", "on", "off", "DEFAULT", "'UTC'",
          "'tenant:victim'", "yard", "'yard, pg_catalog'", "replica"]
ARGUMENTS = {
    "text": ["'x'", "'postgres'", "'role'", "'pg_authid'", "'SELECT 1'", "'/etc/passwd'", "NULL",
             "'SELECT note FROM \"tenant\"'", "repeat('x', 1000)", "current_user::text"],
    "boolean": ["true", "false", "NULL"],
    "oid": ["'pg_authid'::regclass::oid", "0", "1", "16384", "'postgres'::regrole::oid"],
    "regclass": ["'pg_authid'::regclass", "'invoices'::regclass", "'pg_settings'::regclass"],
    "integer": ["0", "-1", "1", "2147483647", "pg_backend_pid()"],
    "bigint": ["0", "-1", "42", "9223372036854775807"],
    "smallint": ["0::smallint", "1::smallint"],
    "name": ["'postgres'::name", "'public'::name"],
    "double precision": ["0.5", "'NaN'", "1e300"],
    "numeric": ["0", "1e100", "'NaN'"],
    "jsonb": ["'{}'", "'[1, {\"a\": null}]'", "'null'"],
    "json": ["'{}'", "'[]'"],
    "bytea": ["'x'::bytea"],
    "interval": ["'1 day'::interval"],
    "timestamp with time zone": ["now()", "'infinity'"],
    "text[]": ["ARRAY['a', 'b']", "'{}'"],
    "anyelement": ["1", "'x'::text"],
    "xml": ["'<a/>'::xml"],
    '"char"': ["'r'::\"char\""],
    "tsvector": ["'a'::tsvector"],
    "tsquery": ["'a'::tsquery"],
    "refcursor": ["'c'::refcursor"],
    "uuid": ["'00000000-0000-0000-0000-000000000000'::uuid"],
}


class Tenant:
    """Statements of a sealed transaction. `functions` are names and argument types."""

    def __init__(self, random, functions):
        self.random, self.functions = random, functions

    def one(self, choices):
        return self.random.choice(choices)

    def value(self, kind, depth=0):
        if depth < 2 and self.random.random() < 0.15:
            return self.call(depth + 1)
        cast = kind.replace("[]", "") in ARGUMENTS or kind in ARGUMENTS
        return self.one(ARGUMENTS[kind]) if kind in ARGUMENTS else "NULL" if not cast else "'{}'"

    def call(self, depth=0):
        name, kinds = self.one(self.functions)
        return f"{name}({', '.join(self.value(kind, depth) for kind in kinds)})"

    def table(self):
        return self.one(self.one([OWN, OWN, CATALOGS, OTHERS]))

    def condition(self, depth=0):
        if depth > 2:
            return "true"
        return self.one([
            lambda: f"{self.call()} IS NOT NULL",
            lambda: f"EXISTS (SELECT FROM {self.table()} WHERE {self.condition(depth + 1)})",
            lambda: f"NOT ({self.condition(depth + 1)}) OR {self.condition(depth + 1)}",
            lambda: f"id = {literal(self.one(['m1', 'v1', 'x']))}",
            lambda: f"(SELECT count(*) FROM {self.table()}) > 0",
        ])()

    def select(self):
        source = ", ".join(self.table() + f" AS t{i}" for i in range(self.random.randint(1, 2)))
        lock = self.one(["", "", "", " FOR UPDATE", " FOR SHARE"])
        what = self.one(["t0.*", "count(*)", "t0", "to_jsonb(t0)", self.call(), "1"])
        lead = self.one(["", "", "", f"WITH w AS (SELECT {self.call()} AS x) "])
        return f"{lead}SELECT {what} FROM {source} WHERE {self.condition()} LIMIT 20{lock}"

    def write(self):
        table = self.one([self.one(OWN), self.one(OWN), self.one(OTHERS), "pg_settings"])
        return self.one([
            f"INSERT INTO {table} (id) VALUES ({literal(self.one(['a', 'leave', 'x']))})",
            f"INSERT INTO {table} (id, note) VALUES ('leave', {literal(self.one(['RESET ROLE', 'TABLE bait']))})",
            f"UPDATE {table} SET id = id WHERE {self.condition()}",
            f"UPDATE pg_settings SET setting = {self.one(VALUES)} WHERE name = {literal(self.one(SETTINGS))}",
            f"DELETE FROM {table} WHERE {self.condition()}",
            f"MERGE INTO {table} t USING invoices i ON t.id = i.id WHEN MATCHED THEN DELETE",
            f"WITH gone AS (DELETE FROM {table} RETURNING *) SELECT * FROM gone",
        ])

    def utility(self):
        one, table = self.one, self.table()
        role, setting, value = one(ROLES), one(SETTINGS), one(VALUES)
        return one([
            f"SET ROLE {role}", f"SET LOCAL ROLE {role}", f"SET SESSION AUTHORIZATION {role}",
            "RESET ROLE", "RESET ALL", "DISCARD ALL", "RESET SESSION AUTHORIZATION",
            f"SET {setting} = {value}", f"SET LOCAL {setting} = {value}", f"RESET {setting}",
            f"SELECT set_config({literal(setting)}, {literal(value.strip(chr(39)))}, {one(['true', 'false'])})",
            f"LOCK TABLE {table} IN {one(['ACCESS EXCLUSIVE', 'SHARE', 'ACCESS SHARE'])} MODE",
            f"COPY {table} TO STDOUT", f"COPY {table} TO PROGRAM 'true'", f"COPY {table} FROM '/etc/passwd'",
            f"PREPARE p AS SELECT * FROM {table}", "EXECUTE p", "DEALLOCATE ALL", "LISTEN soak",
            "NOTIFY soak", "SELECT pg_notify('soak', 'x')", "UNLISTEN *",
            f"DECLARE c{self.random.randint(1, 9)} CURSOR {one(['', 'WITH HOLD '])}FOR SELECT * FROM {table}",
            "FETCH ALL FROM c1", "CLOSE ALL", f"EXPLAIN ANALYZE SELECT * FROM {table}",
            f"EXPLAIN ANALYZE CREATE TABLE stolen AS SELECT * FROM {table}",
            f"CREATE {one(['', 'TEMP ', 'UNLOGGED '])}TABLE made (a int)", "CREATE VIEW made AS SELECT 1",
            "CREATE FUNCTION made() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE SCHEMA made",
            f"CREATE ROLE made IN ROLE {role}", f"GRANT {role} TO low", f"GRANT ALL ON {table} TO PUBLIC",
            f"ALTER ROLE {role} SUPERUSER", f"ALTER ROLE {role} SET {setting} = {value}",
            f"ALTER TABLE {table} OWNER TO low", f"DROP TABLE {table}", f"TRUNCATE {table}",
            f"ALTER SYSTEM SET {setting} = {value}", "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC",
            "CREATE EXTENSION dblink", "LOAD 'dblink'", "CHECKPOINT", f"VACUUM {table}", f"ANALYZE {table}",
            f"CREATE TRIGGER t AFTER INSERT ON {table} EXECUTE FUNCTION public.whoami()",
            f"DO $$BEGIN EXECUTE 'RESET ROLE'; PERFORM * FROM {table}; END$$",
            f"SELECT public.run({literal(one(['RESET ROLE', 'LISTEN soak', 'SET role = none', 'COMMIT']))})",
            f"SELECT public.run_caught('RESET ROLE', 'SELECT * FROM {table}')",
            "SELECT public.as_postgres()", "SELECT public.definer()", "CALL public.commits()",
            "SELECT public.enter_as_definer()", "SELECT edgebase.enter('tenant', 'victim')",
            "SELECT edgebase.drop_instance('tenant', 'victim')", "SELECT edgebase.repair()",
            "SELECT edgebase.read_record('tenant', 'victim', 'invoices', ARRAY['note'], 'v1')",
            "PREPARE TRANSACTION 'soak'", "COMMIT AND CHAIN", "SET CONSTRAINTS ALL IMMEDIATE",
            "SET TRANSACTION READ ONLY", "SELECT pg_advisory_lock(1)", "SELECT lo_create(0)",
            f"COMMENT ON TABLE {table} IS 'x'", f"SECURITY LABEL ON TABLE {table} IS 'x'",
            "SAVEPOINT s", "ROLLBACK TO s", "RELEASE s", "SELECT 1/0",
        ])

    def statement(self):
        return self.one([self.select, self.select, self.write, self.utility, self.utility,
                         lambda: f"SELECT {self.call()}", lambda: f"SELECT * FROM {self.call()} AS f LIMIT 5"])()


# What a planted function does where it finds itself a superuser. Otherwise it does nothing, so
# whatever it changes was changed by somebody else's rights.
PAYLOADS = ["ALTER ROLE low SUPERUSER", "GRANT edgebase_owner TO low", "CREATE ROLE planted SUPERUSER",
            "UPDATE edgebase.instance SET schema_name = schema_name || 'x' WHERE id = 'victim'",
            "GRANT SELECT ON edgebase.audit_log TO PUBLIC", "ALTER DATABASE postgres SET jit = on"]
TYPES = {"bigint": "bigint", "text": "text", "oid": "oid", "integer": "int4", "name": "name", "boolean": "bool",
         '"char"': "char"}
OPERATORS = ["=", "<>", ">", "<", "||", "~"]
CALLED = [("count", "bigint"), ("coalesce", "text"), ("format", "text"), ("now", ""), ("to_jsonb", "text"),
          ("current_database", ""), ("lower", "text"), ("max", "bigint"), ("nextval", "regclass"),
          ("jsonb_agg", "text"), ("pg_get_userbyid", "oid"), ("clock_timestamp", "")]


class Operator:
    """Configs of an operator, for the single-instance block `yard` and the dynamic one `play`."""

    def __init__(self, random):
        self.random, self.made = random, 0

    def one(self, choices):
        return self.random.choice(choices)

    def body(self, result):
        return (f"BEGIN IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) current_user) "
                f"THEN EXECUTE {literal(self.one(PAYLOADS))}; END IF; {result}; END")

    def trap(self, home):
        """A function under another's name, or behind an operator, that waits for a superuser."""
        self.made += 1
        name, kind = f"f{self.made}", self.one(list(TYPES))
        if self.random.random() < 0.25:
            name, given = self.one(CALLED)
            return (f"CREATE OR REPLACE FUNCTION {home}.{name}({given}) RETURNS text LANGUAGE plpgsql AS "
                    f"$f$ {self.body('RETURN NULL')} $f$")
        operator = self.one(OPERATORS + ["=", "="])
        result = "text" if operator == "||" else "boolean"
        given = "RETURN $1 OPERATOR(pg_catalog.=) $2" if operator == "=" else "RETURN NULL"
        return (f"CREATE FUNCTION {home}.{name}({kind}, {kind}) RETURNS {result} LANGUAGE plpgsql AS "
                f"$f$ {self.body(given)} $f$; CREATE OPERATOR {home}.{operator} "
                f"(LEFTARG = {kind}, RIGHTARG = {kind}, FUNCTION = {home}.{name})")

    def setting(self, home):
        setting, value = self.one(SETTINGS), self.one(VALUES)
        path = f"{home}, pg_catalog"
        return self.one([
            f"SET search_path = {path}", f"SET search_path = {path}",
            f"SELECT set_config('search_path', {literal(path)}, {self.one(['true', 'false'])})",
            f"SET LOCAL search_path = {path}", f"SET {setting} = {value}", f"SET LOCAL {setting} = {value}",
            f"RESET {setting}", "RESET ALL", f"SET ROLE {self.one(ROLES)}", "RESET ROLE",
            f"DO $$BEGIN EXECUTE 'SET search_path = {path}'; END$$",
            f"DO $$BEGIN PERFORM set_config('search_path', {literal(path)}, false); END$$",
            f"ALTER ROLE edgebase_owner SET search_path = {path}",
            f"CREATE FUNCTION {home}.s{self.made}() RETURNS text LANGUAGE sql AS "
            f"$s$ SELECT set_config('search_path', {literal(path)}, false) $s$; SELECT {home}.s{self.made}()",
        ])

    def leftover(self, home):
        return self.one([
            "LISTEN soak", "NOTIFY soak", "SELECT pg_notify('soak', 'x')", "SELECT pg_advisory_lock(7)",
            "SELECT pg_advisory_xact_lock(7)", "PREPARE left AS SELECT 1", "CREATE TEMP TABLE left (a int)",
            "DECLARE left CURSOR WITH HOLD FOR SELECT 1", "SELECT lo_create(0)", "COMMIT", "ROLLBACK",
            "DO $$BEGIN COMMIT; END$$", "SET CONSTRAINTS ALL DEFERRED", "SELECT setseed(0.5)",
            "ALTER ROLE low SUPERUSER", "GRANT edgebase_owner TO low", "ALTER SYSTEM SET jit = on",
            "CREATE EXTENSION dblink", "DELETE FROM edgebase.audit_log", "COPY t TO PROGRAM 'true'",
            "UPDATE edgebase.instance SET schema_name = 'x'", f"ALTER SCHEMA {home} OWNER TO low",
            "CREATE EVENT TRIGGER planted ON ddl_command_end EXECUTE FUNCTION public.whoami()",
            "LOCK TABLE pg_class", "DROP EXTENSION edgebase CASCADE", "DISCARD ALL", "LOAD 'dblink'",
        ])

    def change(self, home):
        """What a migration may do with its own tables, with traps where others come across them."""
        self.made += 1
        name = f"g{self.made}"
        trigger = (f"CREATE FUNCTION {home}.{name}() RETURNS trigger LANGUAGE plpgsql AS "
                   f"$f$ {self.body('RETURN NEW')} $f$")
        stable = (f"CREATE FUNCTION {home}.{name}() RETURNS text LANGUAGE plpgsql IMMUTABLE AS "
                  f"$f$ {self.body(f'RETURN {chr(39)}x{chr(39)}')} $f$")
        return self.one([
            f"{trigger}; CREATE TRIGGER {name} {self.one(['BEFORE', 'AFTER'])} INSERT OR UPDATE ON t "
            f"FOR EACH ROW EXECUTE FUNCTION {home}.{name}()",
            f"{trigger}; CREATE CONSTRAINT TRIGGER {name} AFTER INSERT OR UPDATE ON t DEFERRABLE INITIALLY "
            f"DEFERRED FOR EACH ROW EXECUTE FUNCTION {home}.{name}(); UPDATE t SET a = a",
            f"{stable}; ALTER TABLE t ADD COLUMN {name} text DEFAULT {home}.{name}()",
            f"{stable}; CREATE INDEX {name} ON t (({home}.{name}()))",
            f"{stable}; ALTER TABLE t ADD CHECK ({home}.{name}() IS NOT NULL)",
            f"{stable}; CREATE VIEW {home}.v{name} AS SELECT {home}.{name}() AS x, * FROM t",
            f"CREATE RULE {name} AS ON INSERT TO t DO ALSO SELECT set_config('search_path', {literal(home)}, false)",
            "INSERT INTO t (id, a) VALUES ('m', 'x') ON CONFLICT DO NOTHING", "UPDATE t SET a = 'y'",
            "GRANT ALL ON t TO PUBLIC", "GRANT ALL ON t TO low", "SELECT 1",
        ])

    def up(self, home):
        pieces = [self.trap] * 3 + [self.setting] * 3 + [self.change] * 2 + [self.leftover]
        chosen = [self.one(pieces) for _ in range(self.random.randint(1, 5))]
        # Traps first: what comes after them in the same migration may already spring them.
        chosen.sort(key=lambda piece: piece != self.trap)
        return "; ".join(piece(home) for piece in chosen)

    def check(self, home):
        return self.one(["a <> 'z'", f"{home}.f{self.made}(a, a)", "a = 'x' OR true", "(SELECT true)",
                         "set_config('search_path', 'yard', false) IS NOT NULL", "current_user <> ''",
                         "pg_notify('soak', a) IS NULL", "true)); DROP SCHEMA app CASCADE; SELECT ((true"])

    def config(self, versions):
        """A config whose migrations so far are `versions`, by block; a new one may be added."""
        blocks = {}
        for home in ("yard", "play"):
            list_ = versions.setdefault(home, [])
            if self.random.random() < 0.7:
                up = self.up('yard' if home == 'yard' else '"play:one"')
                list_ = list_ + [{"version": len(list_) + 1, "description": "soak", "up": up}]
            fields = {"a": "string"}
            if self.random.random() < 0.2:
                fields["a"] = {"type": "string", "check": self.check(home)}
            if self.random.random() < 0.3:
                fields["b"] = self.one(["number", {"type": "string", "default": "x"}])
            block = {"tables": {"t": {"schema": fields, "migrations": list_}}}
            if home == "play":
                block["instance"] = True
            blocks[home] = block
        return {"databases": blocks}


class Analyst:
    """Queries of an analyst."""

    def __init__(self, random, functions):
        self.tenant, self.random = Tenant(random, functions), random

    def statement(self):
        one = self.random.choice
        table = one(["tenant.invoices", "firm.staff", "firm.keys", "app.posts", "office.staff", "office.keys",
                     '"firm:a".staff', "edgebase.instance", "edgebase.instance_stats", "edgebase.analytics"])
        column = one(["*", "t", "to_jsonb(t)", "secret", "name", "instance_id", "count(*)", "max(id)"])
        where = one(["true", "instance_id = 'a'", "id > ''", "secret LIKE 'h%'", "instance_id LIKE '%'",
                     self.tenant.condition()])
        return one([
            f"SELECT {column} FROM {table} t WHERE {where} LIMIT 50",
            f"SELECT {column} FROM {table} t WHERE {where} LIMIT 50",
            f"SELECT a.* FROM {table} a JOIN {table} b USING (id) WHERE {where.replace('id', 'a.id')} LIMIT 9",
            f"EXPLAIN (ANALYZE, VERBOSE) SELECT {column} FROM {table} t WHERE {where}",
            f"UPDATE {table} SET id = 'x'", f"DELETE FROM {table}", f"LOCK TABLE {table}",
            f"GRANT SELECT ON {table} TO low", f"COPY {table} TO STDOUT", f"DROP FOREIGN TABLE {table}",
            f"ALTER FOREIGN TABLE {table} ADD COLUMN secret text", f"IMPORT FOREIGN SCHEMA firm FROM SERVER edgebase_instances INTO public",
            "SELECT edgebase.enter('tenant', 'victim')", f"SET ROLE {one(ROLES)}", "SELECT edgebase.repair()",
            f"SELECT {self.tenant.call()}", "SELECT edgebase.export_instance('firm', 'a')",
        ])
