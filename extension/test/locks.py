#!/usr/bin/env python3
"""Is another tenant's object locked by a function that a sealed transaction may call?

    locks.py SOCKET_DIR PSQL      waits.sh starts the cluster for it

PostgreSQL has functions that open or lock what their argument names without asking for a right to
it, and keep the lock to the end of the transaction. Every function of the server that takes an oid, a
name or a text is called inside one instance with the objects of another one, in each kind that an
object has; then a superuser looks at what the connection holds. Whatever holds a lock is printed.
"""

import itertools
import json
import sys

from lib.session import Connection, literal

# An object of each kind in the schema of the tenant that is not entered.
OBJECTS = """
    SET client_min_messages = error;
    SET search_path = "tenant:victim";
    CREATE VIEW seen AS SELECT * FROM invoices;
    CREATE MATERIALIZED VIEW kept AS SELECT * FROM invoices;
    CREATE TABLE parted (a int) PARTITION BY HASH (a);
    CREATE TABLE part PARTITION OF parted FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    CREATE SEQUENCE numbers;
    CREATE TYPE pair AS (a int, b int);
    CREATE DOMAIN word AS text;
    CREATE FUNCTION counted() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM invoices; END;
    CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER fires BEFORE INSERT ON invoices FOR EACH ROW EXECUTE FUNCTION fired();
    CREATE RULE quiet AS ON DELETE TO seen DO INSTEAD NOTHING;
    CREATE STATISTICS paired ON a, (a + 1) FROM parted;
    ALTER TABLE invoices ADD CONSTRAINT checked CHECK (n > -1);
    RESET search_path"""
# Catalog and oid of each of them, of the schema, and of the tenant's role.
FOUND = """
    WITH home AS (SELECT oid FROM pg_namespace WHERE nspname = 'tenant:victim'), own AS (
        SELECT 'pg_class'::regclass::oid AS class, c.oid, relname::text AS name FROM pg_class c, home
            WHERE relnamespace = home.oid
        UNION ALL SELECT 'pg_type'::regclass, t.oid, typname FROM pg_type t, home
            WHERE typnamespace = home.oid AND typname IN ('pair', 'word', 'invoices')
        UNION ALL SELECT 'pg_proc'::regclass, p.oid, proname FROM pg_proc p, home WHERE pronamespace = home.oid
        UNION ALL SELECT 'pg_constraint'::regclass, c.oid, conname FROM pg_constraint c, home WHERE connamespace = home.oid
        UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid, stxname FROM pg_statistic_ext s, home WHERE stxnamespace = home.oid
        UNION ALL SELECT 'pg_namespace'::regclass, oid, 'tenant:victim' FROM home
        UNION ALL SELECT 'pg_authid'::regclass, oid, rolname FROM pg_authid WHERE rolname =
            (SELECT role FROM edgebase.instances WHERE key = 'tenant:victim'))
    SELECT json_agg(json_build_array(class::regclass, oid, name)) FROM (
        SELECT * FROM own
        UNION ALL SELECT 'pg_trigger'::regclass, t.oid, tgname FROM pg_trigger t JOIN own ON own.oid = tgrelid
        UNION ALL SELECT 'pg_rewrite'::regclass, r.oid, rulename FROM pg_rewrite r JOIN own ON own.oid = ev_class) AS o"""
# What other arguments are.
FILLERS = {
    "text": ["'x'"], "name": ["'invoices'"], "boolean": ["true"], "integer": ["1"], "bigint": ["1"],
    "smallint": ["1::smallint"], '"char"': ["'r'::\"char\""], "tid": ["'(0,1)'::tid"], "text[]": ["'{}'"],
    "oidvector": ["''::oidvector"], "refcursor": ["'c'::refcursor"], "jsonb": ["'{}'"], "json": ["'{}'"],
}
# Lock a sequence before they refuse it, beyond any savepoint; only a migration makes a sequence.
SEQUENCES = ("nextval", "currval", "setval")
# Calls in one transaction.
GROUP = 200
# What a text or name is taken to be, besides the role.
NAMED = ("invoices", "seen", "parted", "numbers", "counted", "pair", "tenant:victim")
# Types of references, and the catalog of what they can name; an oid names anything.
REFERENCES = {"oid": None, "regclass": "pg_class", "regtype": "pg_type", "regproc": "pg_proc",
              "regprocedure": "pg_proc", "regnamespace": "pg_namespace", "regrole": "pg_authid"}
ADDRESSED = """table, index, sequence, view, materialized view, foreign table, table column, type, domain, function,
    routine, schema, role, table constraint, domain constraint, trigger, rule, statistics object, default value, policy"""


def functions(root, kinds):
    """Names and argument types of every function that takes nothing else than those kinds."""
    known = ", ".join(literal(kind) for kind in kinds)
    code, rows = root.ask(f"""SELECT json_agg(json_build_array(format('%I.%I', nspname, proname), kinds) ORDER BY p.oid)
        FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace, LATERAL (
            SELECT coalesce(array_agg(format_type(t, NULL) ORDER BY o), '{{}}') AS kinds
            FROM unnest(p.proargtypes) WITH ORDINALITY AS u (t, o)) AS k
        WHERE prokind = 'f' AND nspname = 'pg_catalog' AND kinds <@ ARRAY[{known}]
          AND kinds && ARRAY['text', 'name', 'oid', 'regclass', 'regtype', 'regproc', 'regprocedure', 'regnamespace', 'regrole']""")
    assert code == "00000", rows
    return json.loads("".join(rows))


def calls(root, objects):
    """Every call to try: an object in one place that can name it, and fillers elsewhere."""
    kinds = [*FILLERS, *REFERENCES]
    for name, given in functions(root, kinds):
        if name.removeprefix("pg_catalog.") in SEQUENCES:
            continue
        for place, kind in enumerate(given):
            if kind not in (*REFERENCES, "text", "name"):
                continue
            for catalog, oid, label in objects:
                if REFERENCES.get(kind) not in (None, catalog):
                    continue
                if kind in REFERENCES:
                    spelled = [f"'{oid}'::{kind}"]
                elif label in NAMED or label.startswith("eb_"):
                    spelled = [literal(f'"tenant:victim"."{label}"'), literal(label)]
                else:
                    continue
                for text in spelled:
                    # Every other reference is the same object: catalog functions take a pair of them.
                    others = [FILLERS.get(k, [f"'{oid}'::{k}"])[0] for k in given]
                    yield f"SELECT {name}({', '.join(text if i == place else o for i, o in enumerate(others))})"
    for kind, (_, _, label) in itertools.product((k.strip() for k in ADDRESSED.split(",")), objects):
        for names, more in (([label], []), (["tenant:victim", label], []), (["tenant:victim", "invoices", label], []),
                            (["tenant:victim", "parted", "a"], []), ([f'"tenant:victim"."{label}"'], []),
                            ([f'"tenant:victim"."{label}"'], ["checked"]), (["tenant:victim"], [])):
            array = lambda texts: f"ARRAY[{', '.join(map(literal, texts))}]::text[]"
            yield f"SELECT pg_get_object_address({literal(kind)}, {array(names)}, {array(more)})"
    for view in ("pg_views", "pg_matviews", "pg_rules", "pg_indexes", "pg_sequences", "pg_stats", "pg_stats_ext",
                 "pg_stats_ext_exprs", "pg_tables", "pg_policies", "pg_publication_tables"):
        yield f"SELECT count(t::text) FROM {view} AS t"
    code, rows = root.ask("""SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = 'information_schema'::regnamespace""")
    assert code == "00000"
    yield from (f"SELECT count(t::text) FROM information_schema.{view} AS t" for view in rows)


def main():
    socket, psql = sys.argv[1:3]
    root, tenant = (Connection(psql, socket, user) for user in ("postgres", "proxy_login"))
    for statement in OBJECTS.split(";\n"):
        code, rows = root.ask(statement)
        assert code == "00000", (statement, rows)
    code, rows = root.ask(FOUND)
    assert code == "00000", rows
    objects = json.loads("".join(rows))
    tenant.process.stdin.write("\\set ON_ERROR_ROLLBACK on\n")
    pid = tenant.ask("SELECT pg_backend_pid()")[1][0]
    oids = ", ".join(str(oid) for _, oid, _ in objects)
    held = f"""SELECT DISTINCT mode FROM pg_locks WHERE pid = {pid} AND granted AND coalesce(relation, objid) IN ({oids})"""
    # Outside of the seal nothing is refused, so there is something to see.
    tenant.ask("BEGIN")
    tenant.ask("SELECT count(t::text) FROM pg_views AS t")
    assert root.ask(held)[1] == ["AccessShareLock"]
    tenant.ask("ROLLBACK")

    def modes(group):
        """What the connection holds after these calls; those that fail have changed nothing."""
        tenant.ask("BEGIN")
        tenant.ask("SELECT edgebase.enter('tenant', 'mallory')")
        tenant.ask("; ".join(group))
        held_now = root.ask(held)[1]
        tenant.ask("ROLLBACK")
        return held_now

    everything = list(calls(root, objects))
    groups = [everything[i:i + GROUP] for i in range(0, len(everything), GROUP)]
    holders = {}
    for call in (call for group in groups if modes(group) for call in group):
        if found := modes([call]):
            holders.setdefault(call if " FROM " in call else call.split("(")[0], (call, found))
    for call, found in holders.values():
        print(f"NOT OK - {' '.join(found)} on another tenant's object by {call}")
    if holders or len(everything) < 5000:
        sys.exit(1)
    print(f"ok - none of {len(everything)} calls leaves a lock on another tenant's object")


main()
