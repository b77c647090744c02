#!/bin/sh
# Do tenants survive the loss of the registry, a copy of the database beside it, and a restore?
#
#   extension/test/recovery.sh [PG_CONFIG]
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/cluster.sh"
start_cluster "$dir"
in_db() { database=$1 user=$2; shift 2; "$bin/psql" -X -q -h "$dir" -U "$user" -d "$database" -At "$@" 2>&1; }
value() { in_db postgres postgres -c "$1"; }
code() { in_db "$1" "$2" -v VERBOSITY=sqlstate -c "$3" | sed -n 's/.*ERROR:  //p'; }
is "a superuser makes the extension" "$(value "CREATE EXTENSION edgebase")" ""
value "CREATE ROLE proxy_login LOGIN IN ROLE edgebase_proxy; CREATE ROLE admin_login LOGIN IN ROLE edgebase_admin" >/dev/null
table='"schema": {"title": {"type": "string", "max": 300}, "n": "number"}, "indexes": [{"fields": ["n"]}]'
first='{"databases": {"app": {"tables": {"posts": {'$table'}}}, "public": {"tables": {"t": {}}}, "user": {"instance": true, "tables": {"notes": {'$table'}, "links": {"schema": {"note": {"type": "string", "references": "notes"}}}}}}}'
second=$(echo "$first" | sed 's/"n": "number"/"n": "number", "body": {"type": "string", "default": "none"}/g')
apply() { in_db "$1" admin_login -v config="$2" -c "" >/dev/null; echo "SELECT count(*) FROM edgebase.apply_config(:'config')" | in_db "$1" admin_login -v config="$2" >/dev/null; }
apply postgres "$first"
ids="'a', 'o''dd \"id\" 😀', repeat('é', 200) || 'z', 'sparse', 'behind'"
value "SELECT edgebase.create_instance('user', id) FROM unnest(ARRAY[$ids]) id WHERE id <> 'sparse'" >/dev/null
value "SELECT edgebase.create_instance('user', 'sparse', ARRAY['notes'])" >/dev/null
echo "SELECT format('INSERT INTO %I.notes (id, title) VALUES (''x'', %L)', schema_name, id) FROM edgebase.instance WHERE namespace = 'user' \\gexec
INSERT INTO app.posts (id, title) VALUES ('p', 'of app'); INSERT INTO \"public:\".t (id) VALUES ('t')" | in_db postgres postgres

# What there is, and that each tenant finds its own.
everything() {
    in_db "$1" postgres -c "SELECT key, schema, current FROM edgebase.instances ORDER BY key"
    in_db "$1" postgres -c "SELECT key FROM edgebase.instances WHERE namespace = 'user'" | while read -r key; do
        echo "BEGIN; SELECT edgebase.enter('user', :'id') \\g /dev/null
            SELECT title = :'id' FROM notes; COMMIT" | in_db "$1" proxy_login -v id="${key#user:}" | grep -v 'behind the conf\|aborted'
    done
}
everything postgres >"$dir/before"
is "the tenants are there" "$(grep -c '^t$' "$dir/before") $(grep -c '|t$' "$dir/before")" "5 7"

# What does not take the registry along.
is "the extension is in no schema that can be dropped" "$(value "SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'edgebase'")" pg_catalog
value "DROP SCHEMA public CASCADE" >/dev/null
is "dropping public takes nothing along" "$(everything postgres | diff "$dir/before" -)" ""
for attack in "DROP SCHEMA edgebase CASCADE" "DROP TABLE edgebase.instance CASCADE" "DROP EXTENSION plpgsql CASCADE" "DROP OWNED BY edgebase_owner CASCADE"; do
    is "refused: $attack" "$(code postgres postgres "$attack")" 2BP01
done
value "CREATE ROLE dba SUPERUSER LOGIN" && value "CREATE DATABASE of_dba"
in_db of_dba dba -c "CREATE EXTENSION edgebase"
is "refused: DROP OWNED BY the extension's owner" "$(code of_dba postgres "DROP OWNED BY dba CASCADE")" 2BP01
is "DROP OWNED BY another role is not" "$(code of_dba postgres "DROP OWNED BY proxy_login")" ""
value "DROP DATABASE of_dba" >/dev/null
"$bin/pg_dump" -h "$dir" -U postgres -Fc -f "$dir/dump" postgres

# A dump restored where there is no public.
value "CREATE DATABASE fresh" >/dev/null
in_db fresh postgres -c "DROP SCHEMA public"
"$bin/pg_restore" -h "$dir" -U postgres -d fresh "$dir/dump" >"$dir/restored" 2>&1
in_db fresh postgres -c "CALL edgebase.repair_all()" >/dev/null
is "a dump is restored where there is no public" "$(everything fresh | diff "$dir/before" -; cat "$dir/restored")" ""
is "and has nothing to verify" "$(in_db fresh postgres -c "SELECT * FROM edgebase.verify()")" ""

# The registry lost.
in_db fresh postgres -c "SET client_min_messages = error" -c "DROP EXTENSION edgebase CASCADE" -c "CREATE EXTENSION edgebase"
apply fresh "$first"
is "applying the config finds the instance of a single-instance block" "$(in_db fresh postgres -c "SELECT title FROM app.posts JOIN edgebase.instances ON schema = 'app' WHERE key = 'app'")" "of app"
is "no second instance is made where a schema is" "$(in_db fresh proxy_login -v VERBOSITY=sqlstate -c "SELECT edgebase.create_instance('user', 'a')")" "ERROR:  55000"
is "whatever its name" "$(code fresh proxy_login "SELECT edgebase.create_instance('user', repeat('é', 200) || 'z')")" 55000
is "another one is" "$(in_db fresh proxy_login -c "SELECT edgebase.create_instance('user', 'other') ->> 'created'" -c "SELECT edgebase.drop_instance('user', 'other') ->> 'rows'" | tr '\n' ' ')" "true 0 "
is "verify tells of them" "$(in_db fresh postgres -c "SELECT count(*) FROM edgebase.verify() WHERE what = 'stray schema' AND remedy LIKE '%adopt%'")" 5
in_db fresh postgres -c "CREATE SCHEMA \"user:not one of ours\"; CREATE SCHEMA \"user:other shape\" AUTHORIZATION edgebase_owner; CREATE TABLE \"user:other shape\".notes (id int)"
is "only an administrator adopts" "$(code fresh proxy_login "SELECT edgebase.adopt()")" 42501
is "a few at a time" "$(in_db fresh admin_login -c "SELECT count(*) FROM edgebase.adopt(2) WHERE adopted")" 2
is "adopting takes them all, and says of others why not" \
    "$(in_db fresh admin_login -c "SELECT adopted, count(*), count(*) FILTER (WHERE problem LIKE '%shape of no version%') FROM edgebase.adopt() GROUP BY 1 ORDER BY 1" | tr '\n' ' ')" "f|1|1 t|3|0 "
is "each tenant has its rows" "$(everything fresh | diff "$dir/before" -)" ""
is "length checks are there again" "$(code fresh postgres "INSERT INTO \"user:a\".notes (id, title) VALUES ('long', repeat('x', 301))")" 23514
in_db fresh postgres -c "DROP SCHEMA \"user:other shape\" CASCADE"
in_db fresh postgres -c "SELECT edgebase.repair()" >/dev/null
is "after repair there is nothing to verify" "$(in_db fresh postgres -c "SELECT * FROM edgebase.verify()")" ""

# A copy in the same cluster.
value "CREATE DATABASE staging TEMPLATE postgres" >/dev/null
value "SELECT edgebase.create_instance('user', 'new')" >/dev/null
is "a copy keeps no instance of the original" "$(value "SELECT edgebase.drop_instance('user', 'behind') ->> 'rows'")" 1
is "the role that the copy names is told" "$(value "SELECT count(*) FROM edgebase.verify() WHERE problem LIKE '%databases%staging%'")" 1
in_db staging postgres -c "SELECT edgebase.repair()" >/dev/null
is "the copy is whole once it is repaired" "$(everything staging | diff "$dir/before" -)" ""
value "SELECT edgebase.repair()" >/dev/null
is "then the original drops the role" "$(value "SELECT * FROM edgebase.verify()")" ""
value "DROP DATABASE staging" >/dev/null
is "roles of a database that is gone are told" "$(value "SELECT count(*) FROM edgebase.verify() WHERE problem LIKE '%no instance%'")" 7
value "CALL edgebase.repair_all(2)" >/dev/null
is "and dropped" "$(value "SELECT count(*) FROM pg_roles r WHERE rolname ~ '^eb_' AND split_part(rolname, '_', 2) NOT IN (SELECT oid::text FROM pg_database)")" 0

# One tenant back, as docs/operations.md says: from a dump of an older version.
apply postgres "$second"
value "SELECT edgebase.migrate('user', 'a')" >/dev/null
value "UPDATE \"user:a\".notes SET title = 'spoilt'" >/dev/null
sed -n '/^<!-- one tenant back -->/,/^```$/p' "$here/../../docs/operations.md" | grep -v '^<!--\|^```' | sed 's/ -d app/ -d postgres/g; s/user:alice/user:a/g; s/'"'alice'"'/'"'a'"'/g; s/app\.dump/dump/' >"$dir/procedure"
[ "$(wc -l <"$dir/procedure")" -ge 8 ] || not_ok "the procedure is not in docs/operations.md"
(cd "$dir" && PGHOST=$dir PGUSER=postgres PATH="$bin:$PATH" EDGEBASE=: sh -e procedure) >"$dir/log" 2>&1 || { not_ok "the documented procedure"; cat "$dir/log"; }
is "the tenant has what the dump had" "$(value "SELECT title FROM \"user:a\".notes")" a
is "the registry knows its version" "$(value "SELECT state FROM edgebase.instances WHERE key = 'user:a'")" behind
is "and it is migrated when it is used" "$(in_db postgres proxy_login -c "SELECT edgebase.migrate('user', 'a') ->> 'migrated'" -c "BEGIN; SELECT edgebase.enter('user', 'a')" -c "SELECT body FROM notes" | tr -s '\n' ' ')" "true none "
is "the audit tells" "$(value "SELECT count(*) FROM edgebase.audit WHERE action = 'restore' AND id = 'a'")" 1
is "and nothing is left to verify" "$(value "SELECT * FROM edgebase.verify()")" ""
# Swapped and swapped back; and what may not be had in this way.
value "CREATE SCHEMA mine; CREATE SCHEMA \"wrong shape\" AUTHORIZATION edgebase_owner; CREATE TABLE \"wrong shape\".notes (id int)" >/dev/null
for from in mine "user:sparse" "wrong shape" nowhere; do
    is "not from the schema $from" "$(code postgres admin_login "SELECT edgebase.restore_instance('user', 'a', '$from')")" 22023
done
value "DROP SCHEMA \"wrong shape\" CASCADE" >/dev/null
value "CREATE SCHEMA beside AUTHORIZATION edgebase_owner" >/dev/null
is "a schema without tables is an instance that has none yet" "$(in_db postgres admin_login -c "SELECT edgebase.restore_instance('user', 'a', 'beside') ->> 'set_aside'")" beside
is "what was set aside is told" "$(value "SELECT count(*) FROM edgebase.verify() WHERE remedy LIKE '%swap it back%'")" 1
is "and not adopted" "$(value "SELECT count(*) FROM edgebase.adopt()")" 0
value "SELECT edgebase.restore_instance('user', 'a', 'beside')" >/dev/null
is "swapped back it is what it was" "$(in_db postgres proxy_login -c "BEGIN; SELECT edgebase.enter('user', 'a')" -c "SELECT title FROM notes" | tail -n 1)" a
# From an export: in one transaction.
value "CREATE TABLE mine.saved AS SELECT * FROM edgebase.export_instance('user', 'a')" >/dev/null
value "UPDATE \"user:a\".notes SET title = 'spoilt again'" >/dev/null
is "a tenant comes back from an export in one transaction" "$(echo "BEGIN; SELECT edgebase.drop_instance('user', 'a') \\g /dev/null
SELECT edgebase.import_instance('user', 'a', (SELECT jsonb_agg(to_jsonb(s)) FROM mine.saved s)) ->> 'rows'; COMMIT" | in_db postgres postgres; value "SELECT title FROM \"user:a\".notes")" "1
a"
# The registry's word and the tables.
value "UPDATE edgebase.instance i SET version = b.version FROM edgebase.block b WHERE b.namespace = i.namespace AND id = 'sparse'" >/dev/null
is "a version that the tables do not have is corrected" "$(in_db postgres admin_login -c "SELECT edgebase.verify_version('user', 'sparse') ->> 'corrected'" -c "SELECT state FROM edgebase.instances WHERE key = 'user:sparse'" | tr '\n' ' ')" "true behind "
is "and stays" "$(in_db postgres admin_login -c "SELECT edgebase.verify_version('user', 'sparse') ->> 'corrected'" -c "SELECT edgebase.migrate('user', 'sparse') ->> 'migrated'" -c "SELECT edgebase.verify_version('user', 'sparse') ->> 'corrected'" | tr '\n' ' ')" "false true false "
value "CREATE INDEX by_hand ON \"user:sparse\".notes (title); CREATE TABLE \"user:sparse\".notes_backup AS SELECT 1 AS id" >/dev/null
is "what a DBA adds does not matter" "$(value "SELECT edgebase.verify_version('user', 'sparse') -> 'differences'")" "[]"
value "ALTER TABLE \"user:sparse\".notes ALTER title TYPE varchar" >/dev/null
is "tables of no version are told" "$(value "SELECT edgebase.verify_version('user', 'sparse') ->> 'differences' LIKE '%lacks column notes.title text%'")" t
is "the proxy may not" "$(code postgres proxy_login "SELECT edgebase.verify_version('user', 'sparse')")" 42501

[ $failed = 0 ] || { echo "$failed failed"; exit 1; }
