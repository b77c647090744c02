#!/bin/sh
# What happens to instances when many create, when requests run during a drop, in thousands of
# random steps, when a backend or the server is killed at any step, and when a dump is restored into
# a fresh cluster?
#
#   extension/test/under_fire.sh [PG_CONFIG]
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/cluster.sh"
start_cluster "$dir"
psql postgres -f "$here/lib/setup.sql" || exit 1

value() { psql postgres -At -c "$1"; }
# The state of an instance in one word: all of it there, nothing of it there, or something between.
state() {
    value "SELECT CASE
        WHEN registry AND schema AND role AND tables = 2 THEN 'whole'
        WHEN NOT registry AND NOT schema AND roles = instances THEN 'nothing'
        ELSE 'between' END
    FROM (SELECT EXISTS (SELECT FROM edgebase.instance WHERE namespace = 'tenant' AND id = '$1') AS registry,
        EXISTS (SELECT FROM pg_namespace WHERE nspname = 'tenant:$1') AS schema,
        EXISTS (SELECT FROM edgebase.instances i JOIN pg_roles r ON rolname = role WHERE key = 'tenant:$1') AS role,
        (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'tenant:$1' AND relkind = 'r') AS tables,
        (SELECT count(*) FROM pg_roles WHERE rolname ~ '^eb_') AS roles,
        (SELECT count(*) FROM edgebase.instance) AS instances) AS s"
}

# Statements that keep their transaction open until a condition about other sessions holds.
until_true() {
    cat <<SQL
SET application_name = 'holding';
DO \$\$BEGIN
    FOR n IN 1..600 LOOP
        PERFORM pg_stat_clear_snapshot();
        EXIT WHEN EXISTS ($1);
        PERFORM pg_sleep(0.05);
    END LOOP;
END\$\$
SQL
}
queued="SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
migrates="SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%try_migrate%'"
# Waits for a session that has got so far.
until_holding() {
    until [ "$(value "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holding'")" = 1 ]; do sleep 0.1; done
}

# Fifty creators of one id.
for i in $(seq 50); do
    psql proxy_login -At -c "SELECT edgebase.create_instance('tenant', 'crowd') ->> 'created'" >"$dir/crowd.$i" 2>&1 &
done
wait
is "of 50 creators one creates" "$(cat "$dir"/crowd.* | grep -c '^true$')" 1
is "of 50 creators 49 find it made" "$(cat "$dir"/crowd.* | grep -c '^false$')" 49
is "what they made is whole" "$(state crowd)" whole

# Migrating while a request runs: bounded wait, nothing changed. Dropping: gone for good.
psql proxy_login -c "BEGIN; SELECT edgebase.enter('tenant', 'crowd');
    INSERT INTO invoices (id) VALUES ('held')" -c "SELECT pg_sleep(1.8)" -c "COMMIT" >/dev/null 2>&1 &
sleep 0.5
code=$(psql admin_login -At -v VERBOSITY=sqlstate -c "SELECT edgebase.import_instance('tenant', 'crowd', '[]')" 2>&1 | sed 's/.*ERROR:  //')
is "an import waits a bounded time for a running request" "$code" 55P03
is "and leaves the instance whole" "$(state crowd)" whole
wait
for i in $(seq 8); do
    ( for n in $(seq 30); do
        psql proxy_login -v VERBOSITY=sqlstate -c "BEGIN; SELECT edgebase.enter('tenant', 'crowd');
            INSERT INTO invoices (id) VALUES ('r-$i-$n'); COMMIT" 2>&1 | grep -o 'ERROR:.*'
    done ) >"$dir/runner.$i" &
done
sleep 0.6
rows=$(psql proxy_login -At -c "SELECT edgebase.drop_instance('tenant', 'crowd') ->> 'rows'")
wait
is "requests during and after a drop see only that it is gone" "$(cat "$dir"/runner.* | sort -u)" "ERROR:  EB002"
is "nothing is left of it" "$(state crowd)" nothing
[ "${rows:-0}" -ge 1 ] && ok "the receipt counts the rows written until then ($rows)" || not_ok "receipt rows: $rows"

# Repairing and migrating change the same privileges, so one waits for the other.
psql postgres <<'SQL'
SET SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"beside": {"instance": true, "tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.create_instance('beside', 'x') \g /dev/null
SELECT edgebase.apply_config('{"databases": {"beside": {"instance": true, "tables": {"t": {"schema": {"a": "string", "b": "string"}}}}}}') \g /dev/null
SQL
psql postgres -c "BEGIN; SELECT edgebase.repair(); $(until_true "$queued"); COMMIT" >/dev/null &
until_holding
migrated=$(OPTIONS="-c edgebase.ddl_lock_timeout=20s" value "SELECT edgebase.try_migrate('beside', 'x') ->> 'migrated'")
wait
is "a migration beside a repair waits for it" "$migrated" true
# A grant by hand waits for nobody. From PostgreSQL 18 on it shares its table, as a request that reads
# it does, so the migration comes after it; before, both change the table's entry of the catalog.
psql postgres <<'SQL'
SET SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"beside": {"instance": true, "tables": {"t": {"schema": {"a": "string", "b": "string", "c": "string"}}}}}}') \g /dev/null
SQL
if [ "$major" -ge 18 ]; then granting=$(until_true "$migrates"); else granting=$(until_true "$queued"); fi
psql postgres -c "BEGIN; GRANT SELECT ON \"beside:x\".t TO stranger; $granting; SELECT pg_sleep(0.5); COMMIT" >/dev/null &
until_holding
code=$(OPTIONS="-c edgebase.ddl_lock_timeout=20s" psql postgres -At -v VERBOSITY=sqlstate -c "SELECT edgebase.try_migrate('beside', 'x') ->> 'migrated'" 2>&1 | sed 's/.*ERROR:  //')
wait
after=$(value "SELECT state FROM edgebase.instances WHERE key = 'beside:x'")
if [ "$major" -ge 18 ]; then
    is "a migration beside a grant by hand waits for it" "$code" true
    is "and brings the instance up" "$after" active
else
    is "a migration that a grant by hand interferes with is told to come again" "$code" 55P03
    is "and is not noted as a failure" "$after" behind
fi
psql postgres -c "SELECT edgebase.drop_instance('beside', 'x')" >/dev/null

# Thousands of random steps over several connections against a model.
if command -v python3 >/dev/null 2>&1; then
    psql postgres -c "ALTER ROLE proxy_login SET edgebase.ddl_lock_timeout = '200ms'"
    python3 "$here/interleave.py" "$dir" "$bin/psql" "${STEPS-3000}" || failed=$((failed + 1))
    psql postgres -c "ALTER ROLE proxy_login RESET ALL"
    psql postgres -c "SELECT edgebase.drop_instance(namespace, id) FROM edgebase.instance WHERE namespace = 'prop'" >/dev/null
else
    echo "skipped - random interleavings: no python3"
fi

# Killing the backend at every step: an event trigger kills it after the n-th DDL command, and a
# trigger on the audit at the very end.
psql postgres <<'SQL'
CREATE SEQUENCE public.step;
CREATE TABLE public.deadly (at int);
INSERT INTO public.deadly VALUES (-1);
CREATE FUNCTION public.maybe_die() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF nextval('public.step') = (SELECT at FROM public.deadly) THEN
        EXECUTE format('COPY (SELECT 1) TO PROGRAM ''kill -9 %s''', pg_backend_pid());
        PERFORM pg_sleep(10);
    END IF;
END$$;
CREATE FUNCTION public.on_ddl() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN PERFORM public.maybe_die(); END$$;
CREATE FUNCTION public.on_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN PERFORM public.maybe_die(); RETURN NEW; END$$;
CREATE EVENT TRIGGER die ON ddl_command_end EXECUTE FUNCTION public.on_ddl();
CREATE TRIGGER die BEFORE INSERT ON edgebase.audit_log FOR EACH ROW EXECUTE FUNCTION public.on_row();
CREATE CONSTRAINT TRIGGER die_late AFTER INSERT ON edgebase.audit_log DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.on_row();
SQL
ready() { for _ in $(seq 100); do psql postgres -c "SELECT 1" >/dev/null 2>&1 && return; sleep 0.1; done; }
# A backend's end is seen by its client before the server sees it and restarts itself.
crashes() { grep -c 'terminated; reinitializing' "$dir/log"; }
restarted() { # restarted CRASHES: once there has been another one
    for _ in $(seq 100); do [ "$(crashes)" -gt "$1" ] && break; sleep 0.1; done
    ready
}
# at_every_step NAME STATEMENT BEFORE AFTER: kills at step 1, 2, ... until the statement survives.
at_every_step() {
    n=0
    while :; do
        n=$((n + 1))
        psql postgres -c "UPDATE public.deadly SET at = $n" -c "SELECT setval('public.step', 1, false)" >/dev/null
        crashes=$(crashes)
        if psql proxy_login -At -c "$2" >/dev/null 2>&1; then break; fi
        restarted "$crashes"
        psql postgres -c "UPDATE public.deadly SET at = -1" >/dev/null
        found=$($5)
        [ "$found" = "$3" ] || not_ok "$1, killed at step $n: expected $3, found $found"
        [ $n -lt 40 ] || break
    done
    psql postgres -c "UPDATE public.deadly SET at = -1" >/dev/null
    found=$($5)
    if [ $n -gt 1 ] && [ "$found" = "$4" ]; then
        ok "$1: killed at each of $((n - 1)) steps it left '$3', then finished as '$4'"
    else
        not_ok "$1: $((n - 1)) steps, then '$found'"
    fi
}
ghost() { state ghost; }
version() { value "SELECT CASE WHEN current THEN 'current' ELSE 'behind' END FROM edgebase.instances WHERE key = 'tenant:ghost'"; }
at_every_step create "SELECT edgebase.create_instance('tenant', 'ghost')" nothing whole ghost
psql postgres -c "INSERT INTO \"tenant:ghost\".invoices (id, note) VALUES ('g', 'grep-me-5d1f')"
config=$(value "SELECT jsonb_build_object('blocks', jsonb_agg(jsonb_build_object('namespace', namespace, 'kind', kind, 'tables',
    CASE WHEN namespace = 'tenant' THEN jsonb_set(tables::jsonb, '{0,fields,2}', '{\"name\": \"extra\", \"type\": \"string\", \"unique\": true}') ELSE tables::jsonb END))) FROM edgebase.blocks")
psql admin_login -v c="$config" >/dev/null <<'SQL'
SELECT * FROM edgebase.apply_config(:'c');
SQL
at_every_step migrate "SELECT edgebase.migrate('tenant', 'ghost')" behind current version
at_every_step drop "SELECT edgebase.drop_instance('tenant', 'ghost')" whole nothing ghost

# The same with the whole server.
for what in create drop; do
    psql postgres <<'SQL'
CREATE OR REPLACE FUNCTION public.maybe_die() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF nextval('public.step') = (SELECT at FROM public.deadly) THEN
        EXECUTE 'COPY (SELECT 1) TO PROGRAM ''kill -9 $(head -1 postmaster.pid)''';
        PERFORM pg_sleep(10);
    END IF;
END$$;
UPDATE public.deadly SET at = 2;
SELECT setval('public.step', 1, false) \g /dev/null
SQL
    psql proxy_login -c "SELECT edgebase.${what}_instance('tenant', 'fallen')" >/dev/null 2>&1
    sleep 0.5
    # The killed postmaster leaves its pid file; its children notice and go by themselves.
    rm -f "$dir/data/postmaster.pid" "$dir"/.s.PGSQL.*
    sleep 0.5
    start_cluster "$dir"
    if [ $what = create ]; then want=nothing; then_=whole; else want=whole; then_=nothing; fi
    is "$what, the server killed: nothing half done" "$(state fallen)" $want
    psql postgres -c "UPDATE public.deadly SET at = -1" >/dev/null
    psql proxy_login -c "SELECT edgebase.${what}_instance('tenant', 'fallen')" >/dev/null
    is "$what, the server killed: the next call finishes" "$(state fallen)" $then_
done
psql postgres -c "DROP EVENT TRIGGER die; DROP TRIGGER die ON edgebase.audit_log; DROP TRIGGER die_late ON edgebase.audit_log"

# A dump after a drop holds nothing of the tenant's.
"$bin/pg_dump" -h "$dir" -U postgres -f "$dir/plain.sql" postgres
is "a dump after the drop holds nothing the tenant wrote" "$(grep -c 'grep-me-5d1f' "$dir/plain.sql")" 0
is "while it does hold the others' rows" "$([ "$(grep -c planted-secret "$dir/plain.sql")" -gt 0 ] && echo yes)" yes

psql proxy_login -c "SELECT edgebase.migrate('tenant', 'victim')" >/dev/null

# Restored into a fresh cluster, where the instance roles do not exist.
psql postgres -c "DROP FUNCTION public.on_ddl(), public.on_row() CASCADE" >/dev/null
"$bin/pg_dump" -h "$dir" -U postgres -Fc -f "$dir/dump" postgres
start_cluster "$dir/second"
"$bin/psql" -X -q -h "$dir/second" -U postgres -d postgres -c "CREATE ROLE proxy_login LOGIN; CREATE ROLE stranger; CREATE ROLE filler" -c "CREATE DATABASE restored"
"$bin/pg_restore" -h "$dir/second" -U postgres -d restored "$dir/dump" >"$dir/restore.log" 2>&1
second() { user=$1; shift; "$bin/psql" -X -q -h "$dir/second" -U "$user" -d restored "$@"; }
second postgres -c "GRANT edgebase_proxy TO proxy_login"
enter="BEGIN; SELECT edgebase.enter('tenant', 'victim'); SELECT 'seen ' || id FROM invoices WHERE id = 'v1'; COMMIT"
code=$(second proxy_login -At -v VERBOSITY=sqlstate -c "$enter" 2>&1 | sed -n 's/.*ERROR:  //p' | head -1)
is "before repair nothing can be entered" "$code" 55000
second postgres -c "SELECT edgebase.repair()" >/dev/null
is "after repair the instance is there with its rows" "$(second proxy_login -At -c "$enter" | grep -c 'seen v1')" 1
is "and another can be made" "$(second proxy_login -At -c "SELECT edgebase.create_instance('tenant', 'later') ->> 'created'")" true
is "and every instance has its role" "$(second postgres -At -c "SELECT count(*) FROM edgebase.instances WHERE role NOT IN (SELECT rolname FROM pg_roles)")" 0
is "and the audit came along" "$(second postgres -At -c "SELECT count(*) > 10 FROM edgebase.audit")" t

# The extension dropped: it says what stays. Made anew, it takes over what has the shape of its config
# (recovery.sh) and nothing else; and what the documentation says to do about it does it.
is "dropping the extension is refused while tenants depend on it" \
    "$(second postgres -v VERBOSITY=sqlstate -c "DROP EXTENSION edgebase" 2>&1 | sed -n 's/.*ERROR:  //p')" 2BP01
left=$(second postgres -At -c "SELECT format('%s schemas and %s roles', (SELECT count(*) FROM edgebase.instances),
    (SELECT count(*) FROM pg_roles, pg_database d WHERE datname = current_database() AND starts_with(rolname, 'eb_' || d.oid || '_')))")
second postgres -c "CREATE EXTENSION pg_trgm" >/dev/null 2>&1 || second postgres -c "CREATE EXTENSION vector" >/dev/null 2>&1
is "dropping another extension says nothing of it" "$(second postgres -c "DROP EXTENSION IF EXISTS pg_trgm, vector" 2>&1 | grep -c edgebase)" 0
second postgres -c "DROP EXTENSION edgebase CASCADE" >"$dir/dropped" 2>&1
is "dropping it warns of what it leaves" "$(sed -n 's/^WARNING:  dropping edgebase leaves \(.*\) of instances behind$/\1/p' "$dir/dropped")" "$left"
is "and says what to do" "$(grep -c '^HINT:  .*edgebase.drop_instance.* first' "$dir/dropped")" 1
second postgres -c "CREATE EXTENSION edgebase"
second postgres -c "SELECT edgebase.apply_config('{\"databases\": {\"tenant\": {\"instance\": true, \"tables\": {\"invoices\": {}}}}}')" >/dev/null
code=$(second postgres -v VERBOSITY=sqlstate -c "SELECT edgebase.create_instance('tenant', 'victim')" 2>&1 | sed -n 's/.*ERROR:  //p')
is "a new life makes no second instance beside an old schema" "$code" 55000
is "nor does it adopt what has another shape" "$(second postgres -At -c "SELECT count(*) FILTER (WHERE adopted), count(*) > 0 FROM edgebase.adopt()")" "0|t"
second postgres -c "SET client_min_messages = error" -c "DROP EXTENSION edgebase CASCADE"
sed -n '/^<!-- what is left -->/,/^```$/s/^\(SELECT .*gexec\)$/\1/p' "$here/../../docs/sql.md" >"$dir/removal.sql"
second postgres -v ON_ERROR_STOP=1 -c "SET client_min_messages = warning" -f "$dir/removal.sql" >/dev/null
is "what docs/sql.md says to run then removes every schema and role that was left" "$(second postgres -At -c "
    SELECT (SELECT count(*) FROM pg_namespace WHERE nspowner = 'edgebase_owner'::regrole)
         + (SELECT count(*) FROM pg_roles, pg_database d WHERE datname = current_database() AND starts_with(rolname, 'eb_' || d.oid || '_'))")" 0
second postgres -c "CREATE EXTENSION edgebase"
is "where nothing is left, a notice says so" "$(second postgres -c "DROP EXTENSION edgebase" 2>&1 | grep -c '^NOTICE:  dropping edgebase leaves 0 schemas and 0 roles')" 1

[ $failed = 0 ] || { echo "$failed failed"; [ -n "${SHOW-}" ] && tail -n 50 "$dir/restore.log"; exit 1; }
