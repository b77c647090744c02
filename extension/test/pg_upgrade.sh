#!/bin/sh
# Are the tenants of a cluster that pg_upgrade has brought to another major version as they were?
#
#   extension/test/pg_upgrade.sh OLD_PG_CONFIG NEW_PG_CONFIG
#
# Both servers have the extension installed. What is compared is the registry, every tenant's rows, and
# what each role may do in each schema and table.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/cluster.sh"
old=$bin new=$("$2" --bindir)
new_major=$("$new/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')

start_cluster "$dir"
psql postgres -f "$here/lib/setup.sql" >/dev/null || exit 1
psql proxy_login -c "SELECT edgebase.drop_instance('tenant', 'SELECT')" >/dev/null
psql postgres -c "SELECT edgebase.repair()" >/dev/null # of what the careless superuser of setup.sql did

state() {
    psql postgres -At <<'SQL'
SELECT 'instance', key, schema, role, state, version, current, created_at FROM edgebase.instances ORDER BY key;
SELECT 'audit', count(*), max(seq), md5(string_agg(audit::text, '' ORDER BY seq)) FROM edgebase.audit;
SELECT 'role', rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolbypassrls
FROM pg_roles WHERE rolname ~ '^(eb_|edgebase_)' ORDER BY rolname COLLATE "C";
SELECT 'member', member::regrole, roleid::regrole, admin_option FROM pg_auth_members
WHERE roleid::regrole::text ~ '^(eb_|edgebase_)' ORDER BY 2, 3;
SELECT 'schema', nspname, rolname FROM pg_namespace, pg_roles
WHERE has_schema_privilege(pg_roles.oid, pg_namespace.oid, 'USAGE') AND NOT rolsuper
  AND nspname !~ '^(pg_|information_schema)' AND rolname !~ '^pg_' ORDER BY nspname COLLATE "C", rolname COLLATE "C";
SELECT 'table', c.oid::regclass, rolname, privilege FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace,
    pg_roles, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
WHERE relkind IN ('r', 'v', 'f', 'p') AND has_table_privilege(pg_roles.oid, c.oid, privilege) AND NOT rolsuper
  AND nspname !~ '^(pg_|information_schema)' AND rolname !~ '^pg_'
ORDER BY nspname COLLATE "C", relname COLLATE "C", rolname COLLATE "C", privilege COLLATE "C";
SELECT format('SELECT %L, to_jsonb(t) FROM %s AS t ORDER BY id', c.oid::regclass, c.oid::regclass)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspowner = 'edgebase_owner'::regrole AND relkind = 'r'
ORDER BY nspname COLLATE "C", relname COLLATE "C" \gexec
SQL
}
state >"$dir/before" 2>&1
[ "$(grep -c 'planted-secret' "$dir/before")" -ge 2 ] && [ "$(grep -c '^table' "$dir/before")" -ge 30 ] ||
    not_ok "there is too little to compare: $(wc -l <"$dir/before") lines"

$as "$old/pg_ctl" -D "$dir/data" -m fast -w stop >/dev/null
$as mkdir "$dir/new" "$dir/work"
checksums=
[ "$new_major" -lt 18 ] || checksums=--no-data-checksums
$as "$new/initdb" -D "$dir/new/data" -U postgres -A trust -E UTF8 --no-locale --no-sync $checksums >/dev/null
cp "$dir/data/postgresql.conf" "$dir/conf"
(cd "$dir/work" && $as "$new/pg_upgrade" -b "$old" -B "$new" -d "$dir/data" -D "$dir/new/data" -U postgres -s "$dir" >"$dir/log.upgrade" 2>&1)
is "pg_upgrade from $major to $new_major succeeds" $? 0
sed -n '/^listen_addresses = ..$/,$p' "$dir/conf" >>"$dir/new/data/postgresql.conf"
bin=$new
$as "$bin/pg_ctl" -D "$dir/new/data" -l "$dir/log" -w start >/dev/null || { tail -n 40 "$dir/log.upgrade" "$dir/log"; exit 1; }
state >"$dir/after" 2>&1
is "tenants, rows and rights are as they were" "$(diff "$dir/before" "$dir/after" | head -n 20)" ""
# A privilege on a view of PostgreSQL's own does not come along.
is "what is to be repaired is the server's own view" \
    "$(psql postgres -At -c "SELECT * FROM edgebase.verify()" | grep -vc 'pg_catalog.pg_settings|PUBLIC has UPDATE')" 0
psql postgres -c "SELECT edgebase.repair()" >/dev/null
is "and then there is nothing more" "$(psql postgres -At -c "SELECT * FROM edgebase.verify()")" ""
is "a tenant is entered" "$(psql proxy_login -At -c "BEGIN; SELECT edgebase.enter('tenant', 'victim')" -c "SELECT id FROM invoices" -c COMMIT | tr -d '\n')" v1
is "and another one refused inside" "$(psql proxy_login -v VERBOSITY=sqlstate -c "BEGIN; SELECT edgebase.enter('tenant', 'mallory')" -c 'SELECT FROM "tenant:victim".invoices' 2>&1 | sed -n 's/^ERROR:  //p')" 42501
is "a new one gets a role of its own" "$(psql proxy_login -At -c "SELECT edgebase.create_instance('tenant', 'later') ->> 'created'")" true
is "and goes" "$(psql proxy_login -At -c "SELECT edgebase.drop_instance('tenant', 'later') ->> 'rows'")" 0
exit $failed
