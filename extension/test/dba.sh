#!/bin/sh
# Is what a DBA did seen by verify(), is it taken back by repair() where that is for it to do, and does
# no tenant come to harm? Default privileges, a standby, renamed and restored schemas, the registry's
# tables and functions, who is a proxy.
#
#   extension/test/dba.sh [PG_CONFIG]
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/cluster.sh"
installed=$("${1:-pg_config}" --sharedir)/extension
sudo=
[ -w "$installed" ] || sudo=sudo
trap 'stop; $sudo rm -f $placed' EXIT
placed=
for script in "$here"/versions/edgebase--0.1.0.*; do
    [ -e "$installed/${script##*/}" ] && continue
    placed="$placed $installed/${script##*/}"
    $sudo cp "$script" "$installed/"
done
start_cluster "$dir"
in_db() { database=$1 user=$2; shift 2; "$bin/psql" -X -q -h "${host:-$dir}" -U "$user" -d "$database" -At "$@" 2>&1; }
value() { in_db postgres postgres -c "$1"; }
code() { in_db "$1" "$2" -v VERBOSITY=sqlstate -c "$3" | sed -n 's/.*ERROR:  //p'; }
told() { value "SELECT string_agg(what || ' ' || object || ': ' || problem, E'\n' ORDER BY 1) FROM edgebase.verify()"; }
config='{"databases": {"app": {"tables": {"posts": {"schema": {"title": "string", "n": "number"}}}}, "user": {"instance": true, "tables": {"notes": {"schema": {"title": {"type": "string", "max": 300}, "n": "number", "at": "datetime", "data": "json"}}}}}}'
apply() { echo "SELECT count(*) FROM edgebase.apply_config(:'config')" | in_db "$1" postgres -v config="$config" >/dev/null; }

# Default privileges of whoever installs the extension.
value "CREATE ROLE stranger LOGIN; CREATE ROLE \"odd \"\"role\"\"\" LOGIN; CREATE ROLE edgebase_analyst NOLOGIN NOINHERIT"
value "CREATE DATABASE open"
value "CREATE DATABASE older"
for database in open older; do
    [ "$database" = older ] && in_db older postgres -c "CREATE EXTENSION edgebase VERSION '0.1.0'"
    for grantee in stranger '"odd ""role"""' PUBLIC; do
        for objects in "ALL ON FUNCTIONS" "ALL ON SCHEMAS" "ALL ON TABLES" "ALL ON SEQUENCES" "ALL ON TYPES"; do
            in_db "$database" postgres -c "ALTER DEFAULT PRIVILEGES GRANT $objects TO $grantee"
        done
    done
    in_db "$database" postgres -c "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO edgebase_analyst WITH GRANT OPTION" >/dev/null
done
in_db open postgres -c "CREATE EXTENSION edgebase"
is "an older version's objects are not taken for the library's" "$(code older postgres "SELECT edgebase.repair()") $(in_db older postgres -c "SELECT edgebase.repair()" | grep -c "^HINT:.*ALTER EXTENSION edgebase UPDATE")" "55000 1"
in_db older postgres -c "ALTER EXTENSION edgebase UPDATE"
for database in open older; do
    apply "$database"
    in_db "$database" postgres -c "SELECT edgebase.create_instance('user', 'a')" -c "INSERT INTO \"user:a\".notes (id, title) VALUES ('1', 'of a')" >/dev/null
    for role in stranger 'odd "role"'; do
        for attempt in "SELECT edgebase.export_instance('user', 'a')" "SELECT edgebase.drop_instance('user', 'a')" "SELECT key FROM edgebase.instances" "SELECT title FROM \"user\".notes"; do
            is "$database: default privileges give $role nothing: $attempt" "$(code "$database" "$role" "$attempt")" 42501
        done
    done
    is "$database: nor analysts more than theirs" "$(in_db "$database" postgres -c "SELECT has_function_privilege('edgebase_analyst', 'edgebase.drop_instance(text, text)', 'EXECUTE') OR has_table_privilege('edgebase_analyst', 'edgebase.instances', 'SELECT')")" f
    is "$database: nothing is left to verify" "$(in_db "$database" postgres -c "SELECT object, problem FROM edgebase.verify()")" ""
    # A relation that a later config makes.
    more=$(echo "$config" | sed 's/"notes":/"more": {}, "notes":/')
    echo "SELECT count(*) FROM edgebase.apply_config(:'config')" | in_db "$database" postgres -v config="$more" >/dev/null
    is "$database: nor of a later relation" "$(in_db "$database" postgres -c "SELECT object, problem FROM edgebase.verify()"; in_db "$database" postgres -c "SELECT has_table_privilege('stranger', '\"user\".more', 'SELECT')")" f
    in_db "$database" postgres -c "GRANT EXECUTE ON FUNCTION edgebase.export_instance(text, text) TO stranger"
    is "$database: what is granted later is told" "$(in_db "$database" postgres -c "SELECT problem FROM edgebase.verify()")" "stranger has EXECUTE"
done
value "DROP DATABASE open WITH (FORCE)"
is "of a role that another database names nothing is said that is not so" "$(in_db older postgres -c "SELECT count(*) FILTER (WHERE problem LIKE '%databases%'), count(*) > 0 FROM edgebase.verify() WHERE what = 'role'")" "0|t"
value "DROP DATABASE older WITH (FORCE)"

value "CREATE EXTENSION edgebase; CREATE ROLE proxy_login LOGIN IN ROLE edgebase_proxy; CREATE ROLE admin_login LOGIN IN ROLE edgebase_admin; CREATE ROLE dba"
value "SELECT edgebase.repair()" >/dev/null
apply postgres
value "SELECT edgebase.create_instance('user', id) FROM unnest('{a,b,c}'::text[]) AS id" >/dev/null
echo "SELECT format('INSERT INTO %I.notes (id, title) VALUES (''1'', %L)', schema_name, id) FROM edgebase.instance WHERE namespace = 'user' \\gexec" | in_db postgres postgres
is "nothing is wrong with a new database" "$(told)" ""

# A renamed schema is no other instance's.
value 'ALTER SCHEMA "user:c" RENAME TO "user:mallory"'
is "a renamed schema is told of" "$(value "SELECT what, object, problem, remedy FROM edgebase.verify()")" 'schema|user:c|its schema "user:c" does not exist: it is called "user:mallory"|ALTER SCHEMA "user:mallory" RENAME TO "user:c"'
for attempt in "" "SELECT edgebase.repair()"; do
    value "$attempt" >/dev/null
    is "it is not adopted as another's, $attempt" "$(value "SELECT adopted, problem FROM edgebase.adopt()")" 'f|it is the schema of instance user:c, renamed: ALTER SCHEMA "user:mallory" RENAME TO "user:c"'
    is "nor is another made in its place, $attempt" "$(code postgres proxy_login "SELECT edgebase.create_instance('user', 'mallory')")" 55000
done
value 'ALTER SCHEMA "user:mallory" RENAME TO "user:c"'
is "it has its name back" "$(told)" ""
is "and is served" "$(in_db postgres proxy_login -c "BEGIN; SELECT edgebase.enter('user', 'c')" -c "SELECT title FROM notes" | tail -n 1)" c

# A schema that came back from a dump under another owner.
"$bin/pg_dump" -h "$dir" -U postgres -n '"user:b"' --no-owner --no-privileges postgres >"$dir/of_b.sql"
value "SELECT edgebase.drop_instance('user', 'b') ->> 'rows'" >/dev/null
in_db postgres postgres -f "$dir/of_b.sql" >/dev/null
is "no second instance is made where a schema of that key is" "$(code postgres proxy_login "SELECT edgebase.create_instance('user', 'b')")" 55000
is "it is told of" "$(told)" 'stray schema "user:b": it looks like an instance'\''s and belongs to postgres'
remedy=$(value "SELECT split_part(remedy, ';', 1) FROM edgebase.verify()")
value "$remedy"
is "what verify says makes it an instance again" "$(value "SELECT adopted FROM edgebase.adopt()") $(told) $(in_db postgres proxy_login -c "BEGIN; SELECT edgebase.enter('user', 'b')" -c "SELECT title FROM notes" | tail -n 1)" "t  b"
value 'CREATE SCHEMA "user:unrelated"; CREATE TABLE "user:unrelated".other (id int)'
is "a schema of another role that has no such table is left alone" "$(value "SELECT edgebase.create_instance('user', 'unrelated') ->> 'schema'") $(told)" "user:unrelated: "
value "SELECT edgebase.drop_instance('user', 'unrelated')" >/dev/null

value "SELECT edgebase.create_instance('user', 'gone')" >/dev/null
value 'DROP SCHEMA "user:gone" CASCADE' >/dev/null
is "a schema that is gone is told of" "$(told)" 'schema user:gone: its schema "user:gone" does not exist'
value "SELECT edgebase.drop_instance('user', 'gone')" >/dev/null

# A receipt names tables that are partitions of a table elsewhere.
value 'CREATE TABLE public.history (LIKE "user:b".notes) PARTITION BY LIST (title); ALTER TABLE public.history ATTACH PARTITION "user:b".notes DEFAULT'
value 'CREATE TABLE "user:b".parted (id int) PARTITION BY LIST (id); CREATE TABLE "user:b".part PARTITION OF "user:b".parted DEFAULT; INSERT INTO "user:b".parted VALUES (1), (2)'
is "a receipt names partitions of a table elsewhere, and others once" "$(value "SELECT e ->> 'rows', e -> 'tables' -> 0 ->> 'name', e -> 'tables' -> 1 ->> 'name', jsonb_array_length(e -> 'tables') FROM edgebase.drop_instance('user', 'b') AS e")" "3|notes|parted|2"

# What privileges do not show: the registry's tables and the extension's functions.
broken() { # broken STATEMENT: verify tells of it, and repair mends it
    value "SET client_min_messages = error; $1" | grep ERROR
    [ -n "$(told)" ] || not_ok "verify does not see: $1"
    value "SELECT edgebase.repair()" | grep ERROR
    is "repaired: $1" "$(told)" ""
}
value "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint WHERE connamespace = 'edgebase'::regnamespace AND contype IN ('p', 'u', 'c') AND conname <> 'instance_pkey' ORDER BY 1" >"$dir/breaks"
value "ALTER TABLE edgebase.instance DROP CONSTRAINT instance_pkey CASCADE" >/dev/null
is "the key of instances does not go at all" "$(value "SELECT count(*) FROM pg_constraint WHERE conname = 'instance_pkey'")" 1
[ "$(wc -l <"$dir/breaks")" -ge 9 ] || not_ok "only $(wc -l <"$dir/breaks") constraints"
cat >>"$dir/breaks" <<'BREAKS'
DROP TRIGGER append_only ON edgebase.audit_log
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE ON edgebase.audit_log FOR EACH STATEMENT EXECUTE FUNCTION edgebase.refuse_change()
CREATE OR REPLACE FUNCTION edgebase.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN NULL; END'
ALTER TABLE edgebase.audit_log DISABLE TRIGGER ALL
CREATE RULE r AS ON INSERT TO edgebase.audit_log DO INSTEAD NOTHING
CREATE RULE r AS ON DELETE TO edgebase.instance DO INSTEAD NOTHING
ALTER TABLE edgebase.instance ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
ALTER TABLE edgebase.block ALTER COLUMN configured DROP DEFAULT
ALTER TABLE edgebase.instance ALTER COLUMN created_at SET DEFAULT '2000-01-01'
ALTER TABLE edgebase.instance ALTER COLUMN number DROP DEFAULT
ALTER TABLE edgebase.audit_log ALTER COLUMN actor DROP NOT NULL
ALTER TABLE edgebase.audit_log SET UNLOGGED
ALTER FUNCTION edgebase.repair_batch(bigint, integer) SECURITY INVOKER
ALTER FUNCTION edgebase.enter(text, text) SET search_path = public
ALTER FUNCTION edgebase.export_instance(text, text) RESET row_security
ALTER FUNCTION edgebase.locate(text, text) VOLATILE
ALTER EXTENSION edgebase DROP FUNCTION edgebase.schema_of(text, text); DROP FUNCTION edgebase.schema_of(text, text)
ALTER EXTENSION edgebase DROP FUNCTION edgebase.verify_version(text, text)
GRANT SET ON PARAMETER edgebase.statement_timeout TO edgebase_proxy
CREATE PROCEDURE "user:a".twice(IN a int, OUT b text) LANGUAGE plpgsql AS 'BEGIN b := a; END'; CREATE PROCEDURE "user:a".twice(IN a int, IN b text) LANGUAGE plpgsql AS 'BEGIN END'; CREATE FUNCTION "user:a".once(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE AGGREGATE "user:a".sums(int) (SFUNC = int4pl, STYPE = int)
ALTER TABLE "user:a".notes ADD COLUMN seq bigserial
BREAKS
while IFS= read -r statement; do broken "$statement"; done <"$dir/breaks"
is "a serial column takes inserts after that" "$(in_db postgres proxy_login -c "BEGIN; SELECT edgebase.enter('user', 'a')" -c "INSERT INTO notes (id) VALUES ('2') RETURNING seq" | tail -n 1)" 2
value "ALTER DATABASE postgres SET quote_all_identifiers = on"
is "a setting of the database finds nothing wrong" "$(told)" ""
value "ALTER DATABASE postgres RESET quote_all_identifiers"

# What is for a person to decide is told.
only_told() { # only_told STATEMENT UNDO WORDS
    value "SET client_min_messages = error; $1" | grep ERROR
    value "SELECT edgebase.repair()" >/dev/null
    case "$(told)" in *"$3"*) ok "told: $1" ;; *) not_ok "$1: verify tells [$(told)]" ;; esac
    value "$2"
    is "and no more after: $2" "$(told)" ""
}
only_told "GRANT pg_read_all_data TO proxy_login" "REVOKE pg_read_all_data FROM proxy_login" "proxy proxy_login: it is a member of edgebase_proxy and of pg_read_all_data"
only_told "CREATE ROLE between; GRANT edgebase_admin TO between; GRANT between TO proxy_login" "DROP ROLE between" "proxy proxy_login: it is a member of edgebase_proxy and of edgebase_admin"
only_told "CREATE ROLE pool; GRANT edgebase_proxy TO pool; CREATE ROLE below LOGIN IN ROLE pool, pg_write_all_data" "DROP ROLE below, pool" "proxy below: it is a member of edgebase_proxy and of pg_write_all_data"
only_told "ALTER ROLE proxy_login BYPASSRLS CREATEROLE" "ALTER ROLE proxy_login NOBYPASSRLS NOCREATEROLE" "proxy proxy_login: it is a member of edgebase_proxy and has BYPASSRLS CREATEROLE"
only_told "ALTER DATABASE postgres OWNER TO proxy_login" "ALTER DATABASE postgres OWNER TO postgres" "owns the database"
only_told "GRANT SET ON PARAMETER session_replication_role TO proxy_login" "REVOKE SET ON PARAMETER session_replication_role FROM proxy_login" "parameter session_replication_role: proxy_login may set it"
only_told "GRANT SET ON PARAMETER edgebase.lock_timeout TO PUBLIC" "REVOKE SET ON PARAMETER edgebase.lock_timeout FROM PUBLIC" "parameter edgebase.lock_timeout: PUBLIC may set it"
only_told "ALTER TABLE app.posts ENABLE ROW LEVEL SECURITY" "ALTER TABLE app.posts DISABLE ROW LEVEL SECURITY" "row security table app.posts"
only_told "ALTER TABLE \"user:a\".notes ALTER n TYPE integer" "ALTER TABLE \"user:a\".notes ALTER n TYPE double precision" "its column n is of type integer"
only_told "ALTER TABLE \"user:a\".notes ALTER at TYPE date" "ALTER TABLE \"user:a\".notes ALTER at TYPE timestamptz(3)" "its column at is of type date"
only_told "CREATE TABLE public.heir () INHERITS (edgebase.block)" "DROP TABLE public.heir" "public.heir inherits from it"
only_told "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER mine BEFORE DELETE ON edgebase.instance FOR EACH ROW EXECUTE FUNCTION public.f()" "DROP TRIGGER mine ON edgebase.instance" "it has a trigger too many, mine"

# One tenant as JSON, and back, as docs/operations.md says.
value "UPDATE \"user:a\".notes SET title = E'a\\nb\\\\c\"q\\tü\\\\n', data = '{\"k\": \"\\\\n\\\\\\\\\"}' WHERE id = '1'"
value 'ALTER TABLE "user:a".notes DROP COLUMN seq'
value "INSERT INTO \"user:a\".notes (id, title, n) VALUES ('2', 'two', 0.1)"
before=$(value "SELECT edgebase.export_instance('user', 'a')")
for part in "a tenant as JSON" "a tenant from JSON"; do
    sed -n "/^<!-- $part -->/,/^\`\`\`\$/p" "$here/../../docs/operations.md" | grep -v '^<!--\|^```' | sed 's/ -d app/ -d postgres/g; s/alice/a/g' >"$dir/procedure"
    [ "$(wc -l <"$dir/procedure")" -ge 1 ] || not_ok "'$part' is not in docs/operations.md"
    (cd "$dir" && PGHOST=$dir PGUSER=postgres PATH="$bin:$PATH" sh -e procedure) >"$dir/done" 2>&1 || { not_ok "$part"; cat "$dir/done"; }
    [ "$part" = "a tenant as JSON" ] || continue
    is "every line of it is JSON" "$(python3 -c "import json, sys; print(sum('record' in json.loads(line) for line in open(sys.argv[1], encoding='utf-8', newline='\n')))" "$dir/a.jsonl" 2>&1 | tail -n 1)" 2
    value "UPDATE \"user:a\".notes SET title = 'spoilt'"
done
is "what was exported comes back as it was" "$(value "SELECT edgebase.export_instance('user', 'a')")" "$before"
is "and nothing is left to verify" "$(told)" ""

# A standby reads, and says that it cannot write.
standby=$dir/standby
mkdir "$standby" && [ -z "$as" ] || chown postgres "$standby"
$as "$bin/pg_basebackup" -h "$dir" -U postgres -D "$standby/data" -R -c fast
sed "s|^unix_socket_directories.*|unix_socket_directories = '$standby'|" "$standby/data/postgresql.conf" >"$dir/conf" && cat "$dir/conf" >"$standby/data/postgresql.conf"
$as "$bin/pg_ctl" -D "$standby/data" -l "$standby/log" -w start >/dev/null
followed() { # the standby has what the primary has
    host=$dir lsn=$(value "SELECT pg_current_wal_lsn()")
    host=$standby
    for _ in $(seq 120); do
        [ "$(value "SELECT pg_last_wal_replay_lsn() >= '$lsn'")" = t ] && return
        sleep 0.5
    done
    not_ok "the standby does not follow"
}
host=$standby
is "it is a standby" "$(value "SELECT pg_is_in_recovery()")" t
is "verify works there" "$(told)" ""
host=$dir
value 'GRANT SELECT (title) ON "user:a".notes TO stranger'
followed
is "and sees what is wrong" "$(told)" 'privilege table "user:a".notes: stranger has SELECT (title)'
is "so does an export" "$(in_db postgres admin_login -c "SELECT count(*) FROM edgebase.export_instance('user', 'a')")" 2
is "and reading a tenant" "$(in_db postgres proxy_login -c "SELECT edgebase.read_record('user', 'a', 'notes', ARRAY['id'], '1')" -c "BEGIN; SELECT edgebase.enter('user', 'a')" -c "SELECT count(*) FROM notes" | tr -s '\n' ' ')" '{"id":"1"} 2 '
for attempt in "edgebase.create_instance('user', 'new')" "edgebase.create_instance('user', 'new', '{notes}')" "edgebase.ensure_tables('user', 'a')" "edgebase.drop_instance('user', 'a')" "edgebase.drop_instance('user', 'a', 'me')" "edgebase.migrate('user', 'a')" "edgebase.try_migrate('user', 'a')" "edgebase.migrate_behind()" "edgebase.apply_config('$config')" "edgebase.apply_config('$config', true)" "edgebase.import_instance('user', 'a', '[]')" "edgebase.repair()" "edgebase.repair_batch()" "edgebase.adopt()" "edgebase.restore_instance('user', 'a', 'x')" "edgebase.verify_version('user', 'a')"; do
    is "a standby refuses $attempt" "$(code postgres postgres "SELECT $attempt")" 25006
done
host=$dir
is "and so does a read-only transaction" "$(code postgres postgres "BEGIN READ ONLY; SELECT edgebase.create_instance('user', 'new')")" 25006

[ $failed = 0 ] || { echo "$failed failed"; exit 1; }
