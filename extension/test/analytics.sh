#!/bin/sh
# What do analysts see while instances are created, migrated and dropped under their scans, how soon
# does a scan end that is cancelled, do the examples and the drivers of BI tools work, and what is
# there after dump and restore and after an upgrade?
#
#   extension/test/analytics.sh [PG_CONFIG]
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/cluster.sh"
# Ten locks are enough, whatever the number of instances. A driver that BI tools use needs TCP.
PGPORT=$((20000 + $$ % 20000))
export PGPORT
CONF="max_locks_per_transaction = 10
port = $PGPORT
listen_addresses = '127.0.0.1'"
start_cluster "$dir"
psql postgres -f "$here/lib/setup.sql" || exit 1

failed=0
ok() { echo "ok - $1"; }
not_ok() { echo "NOT OK - $1"; failed=$((failed + 1)); }
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1: expected '$3', got '$2'"; fi; }
value() { psql postgres -At -c "$1"; }
config() { # config FIELDS: applies it
    psql admin_login -At -c "SELECT count(*) FROM edgebase.apply_config('{\"databases\": {\"w\": {\"instance\": true, \"tables\": {\"t\": {\"schema\": {$1}, \"indexes\": [{\"fields\": [\"n\"]}]}}}}}')" >/dev/null
}
create() { # create FROM TO: instances of three rows each
    for i in $(seq "$1" 10 "$2"); do
        echo "SELECT edgebase.create_instance('w', 'i' || i) FROM generate_series($i, least($i + 9, $2)) i;"
    done | psql admin_login -At >/dev/null
    psql postgres -c "DO \$\$BEGIN FOR i IN $1..$2 LOOP EXECUTE format('INSERT INTO %I.t (id, n) SELECT g, g FROM generate_series(1, 3) g', edgebase.locate('w', 'i' || i)); END LOOP; END\$\$"
}
config '"n": "number"'
create 1 120
config '"n": "number", "extra": {"type": "string", "default": "x"}'

# Analysts count while others create, drop and migrate. What nobody touches is always there, an
# instance is there with its three rows or not at all, and nothing fails.
touch "$dir/running"
for analyst in 1 2 3; do
    ( while [ -e "$dir/running" ]; do
        psql analyst_login -At -c "SELECT count(*) FILTER (WHERE instance_id IN ('i1', 'i2', 'i50')) = 9, bool_and(c = 3 OR new) FROM (
            SELECT instance_id, c, instance_id LIKE 'new%' AS new, count(*) OVER () FROM (SELECT instance_id, count(*) AS c, sum(n) AS s, max(\"extra\") FROM w.t GROUP BY 1) g) x, generate_series(1, 3)" \
            -c "SELECT 1 FROM w.t WHERE n = 2 AND instance_id = ANY (ARRAY['i70', 'i1', 'new3']) HAVING count(*) < 1" 2>&1
    done ) >"$dir/analyst.$analyst" &
done
for i in $(seq 51 120); do echo "SELECT edgebase.drop_instance('w', 'i$i');"; done | psql proxy_login >"$dir/drops" 2>&1 &
drops=$!
for i in $(seq 1 50); do echo "SELECT edgebase.migrate('w', 'i$i');"; done | psql proxy_login >"$dir/migrations" 2>&1 &
migrations=$!
for i in $(seq 1 40); do echo "SELECT edgebase.create_instance('w', 'new$i');"; done | psql proxy_login >"$dir/creations" 2>&1 &
creations=$!
wait $drops $migrations $creations
rm "$dir/running"
wait
scans=$(cat "$dir"/analyst.* | wc -l)
is "scans under creations, drops and migrations see each instance whole or not at all" "$(cat "$dir"/analyst.* | sort -u)" "t|t"
[ "$scans" -gt 10 ] && ok "of which there were $scans" || not_ok "only $scans scans"
is "the drops under the scans worked" "$(grep -c dropped_at "$dir/drops")" 70
is "the migrations under the scans worked" "$(grep -c '"migrated": true' "$dir/migrations")" 50
is "the creations under the scans worked" "$(grep -c '"created": true' "$dir/creations")" 40
is "afterwards the relation has what is there" "$(value "SELECT count(DISTINCT instance_id) FROM w.t")" 50

# One snapshot: what is created after it is not seen, what is dropped is skipped.
psql analyst_login -At -c "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM w.t" -c "SELECT pg_sleep(1.5)" -c "SELECT count(*) FROM w.t" -c COMMIT >"$dir/snapshot" &
sleep 0.5
create 200 205
psql proxy_login -c "SELECT edgebase.drop_instance('w', 'i3')" >/dev/null
wait
is "a snapshot does not see what comes after it, and skips what is gone" "$(grep -v '^$' "$dir/snapshot" | tr '\n' ' ')" "150 147 "

# A scan waits for a migration and then sees the instance.
psql postgres -c "BEGIN; LOCK TABLE \"w:i2\".t IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1); COMMIT" >/dev/null &
sleep 0.3
is "an instance that is locked is waited for and not left out" "$(psql analyst_login -At -c "SELECT count(*) FROM w.t WHERE instance_id = 'i2'")" 3
wait

# Locks: one tenant at a time.
is "a scan holds the lock of one instance at a time" "$(psql analyst_login -At -c "BEGIN; DECLARE c CURSOR FOR SELECT * FROM w.t; MOVE 100 IN c;
    SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace WHERE l.pid = pg_backend_pid() AND nspname LIKE 'w:%' AND relkind = 'r';
    MOVE ALL IN c; SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace WHERE l.pid = pg_backend_pid() AND nspname LIKE 'w:%'; COMMIT" | tr '\n' ' ')" "1 0 "

# Cancel, by the user and by the time limit. The conditions make each row slow, then each instance,
# then none at all.
for query in "SELECT count(*) FROM w.t a, w.t b, w.t c, w.t d WHERE a.n + b.n + c.n + d.n < 0" \
    "SELECT count(*) FROM w.t, generate_series(1, 1000000) g WHERE instance_id LIKE 'nobody' || g" \
    "SELECT count(*) FROM w.t WHERE pg_sleep(0.1 + length(instance_id)) IS NULL"; do
    is "a time limit ends: $query" "$(psql analyst_login -At -v VERBOSITY=sqlstate -c "SET statement_timeout = '200ms'" -c "$query" 2>&1 | sed 's/.*ERROR:  //')" 57014
    PGAPPNAME=victim psql analyst_login -At -v VERBOSITY=sqlstate -c "$query" >"$dir/cancelled" 2>&1 &
    running=$!
    for _ in $(seq 50); do
        [ "$(value "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE application_name = 'victim' AND state = 'active' AND query LIKE 'SELECT%'")" = 1 ] && break
        sleep 0.1
    done
    wait $running
    is "so does cancelling" "$(sed 's/.*ERROR:  //' "$dir/cancelled")" 57014
done

# The examples run as they are, and so do the drivers that BI tools are made with.
psql postgres -c "CREATE SCHEMA reports AUTHORIZATION analyst_login" \
    -c "SELECT edgebase.apply_config('{\"databases\": {
        \"directory\": {\"tables\": {\"workspace_members\": {\"schema\": {\"active\": {\"type\": \"boolean\", \"default\": true}, \"role\": {\"type\": \"string\", \"default\": \"member\"}}}}},
        \"workspace\": {\"instance\": true, \"tables\": {
            \"documents\": {\"schema\": {\"title\": \"string\", \"body\": \"text\", \"authorId\": \"string\"}},
            \"invoices\": {\"schema\": {\"number\": {\"type\": \"string\", \"required\": true, \"unique\": true}, \"amount\": {\"type\": \"number\", \"required\": true}, \"status\": {\"type\": \"string\", \"default\": \"open\"}, \"secret\": {\"type\": \"string\", \"analytics\": false}}}}}}}')" \
    -c "SELECT edgebase.create_instance('workspace', id) FROM unnest(ARRAY['acme', 'globex', '😀']) AS id" >/dev/null
psql postgres <<'SQL'
INSERT INTO "workspace:acme".invoices (id, number, amount, status) VALUES ('1', '2026-001', 10, 'paid'), ('2', '2026-002', 20, 'paid'), ('3', '2026-003', 30, 'open');
INSERT INTO "workspace:globex".invoices (id, number, amount, status) VALUES ('1', '1', 500, 'paid'), ('2', '2', 5, 'void'), ('3', '3', 7, 'open');
INSERT INTO "workspace:😀".invoices (id, number, amount, status) VALUES ('1', 'é', 1, 'open'), ('2', 'f', 2, 'paid');
INSERT INTO "workspace:acme".documents (id, title, "createdAt") VALUES ('1', 'a', '2026-01-05'), ('2', 'b', '2026-03-05');
INSERT INTO directory.workspace_members (id, role) VALUES ('u1:acme', 'owner'), ('u2:acme', 'member'), ('u3:globex', 'member');
SQL
psql analyst_login -At -v ON_ERROR_STOP=1 -f "$here/../../sql/analytics-examples.sql" >"$dir/examples" 2>&1
is "every example runs as an analyst" "$?" 0
is "with the revenue per tenant" "$(sed -n '/^== Revenue per tenant/,/^== The ten/p' "$dir/examples" | grep '|' | tr '\n' ' ')" "globex|500|1 acme|30|2 😀|2|1 "
is "and the report that is kept" "$(tail -3 "$dir/examples" | tr '\n' ' ')" "open|38 paid|532 void|5 "
python=${EDGEBASE_PYTHON-$here/../../.venv/bin/python}
if "$python" -c 'import psycopg' 2>/dev/null; then
    is "psycopg reads relations" "$("$python" "$here/drivers/driver.py" "postgresql://analyst_login@127.0.0.1:$PGPORT/postgres" 2>&1)" ok
else
    echo "skipped - psycopg: no Python that has it"
fi
jar=${PGJDBC_JAR-/usr/share/java/postgresql.jar}
if command -v java >/dev/null 2>&1 && [ -f "$jar" ]; then
    is "JDBC reads relations" "$(java -cp "$jar" "$here/drivers/Jdbc.java" "jdbc:postgresql://127.0.0.1:$PGPORT/postgres?user=analyst_login" 2>&1)" ok
else
    echo "skipped - JDBC: no java, or no driver at $jar (libpostgresql-jdbc-java)"
fi

# After a restore into a fresh cluster.
"$bin/pg_dump" -h "$dir" -U postgres -Fc -f "$dir/dump" postgres
CONF="port = $PGPORT"
start_cluster "$dir/second"
second() { user=$1; shift; "$bin/psql" -X -q -h "$dir/second" -U "$user" -d restored "$@"; }
"$bin/psql" -X -q -h "$dir/second" -U postgres -d postgres -c "CREATE DATABASE restored"
"$bin/pg_restore" -h "$dir/second" -U postgres -d restored "$dir/dump" >"$dir/restore.log" 2>&1
second postgres -c "SELECT edgebase.repair()" -c "CREATE ROLE analyst_login LOGIN IN ROLE edgebase_analyst" >/dev/null
is "a restored database has its relations" "$(second analyst_login -At -c "SELECT count(*), count(DISTINCT instance_id) FROM w.t")" \
    "$(psql analyst_login -At -c "SELECT count(*), count(DISTINCT instance_id) FROM w.t")"
second postgres -c "DROP FOREIGN TABLE w.t" -c "DROP SCHEMA tenant CASCADE" >/dev/null 2>&1
second postgres -c "SELECT edgebase.repair()" >/dev/null
is "repair makes relations that are lost" "$(second analyst_login -At -c "SELECT count(DISTINCT instance_id) FROM w.t" -c "SELECT count(*) > 0 FROM tenant.invoices" | tr '\n' ' ')" "55 t "

# From 0.1.0, which had no relations.
if [ -n "$as" ] || [ -w "$("${1:-pg_config}" --sharedir)/extension" ]; then
    cp "$here/versions/edgebase--0.1.0.sql" "$("${1:-pg_config}" --sharedir)/extension/"
    "$bin/psql" -X -q -h "$dir" -U postgres -d postgres -c "CREATE DATABASE old"
    old() { user=$1; shift; "$bin/psql" -X -q -h "$dir" -U "$user" -d old "$@"; }
    old postgres -c "CREATE EXTENSION edgebase VERSION '0.1.0'" 2>"$dir/old.err"
    if old postgres -At -c "ALTER EXTENSION edgebase UPDATE TO '0.2.0'" >>"$dir/old.err" 2>&1; then
        old postgres -c "SELECT edgebase.apply_config('{\"databases\": {\"w\": {\"instance\": true, \"tables\": {\"t\": {}}}}}')" -c "SELECT edgebase.create_instance('w', 'x')" \
            -c "INSERT INTO \"w:x\".t (id) VALUES ('1')" -c "DROP SCHEMA w CASCADE" -c "DELETE FROM edgebase.analytics" >/dev/null 2>&1
        old postgres -c "SELECT edgebase.repair()" >/dev/null
        is "repair makes the relations of a database that comes from 0.1.0" "$(old analyst_login -At -c "SELECT instance_id FROM w.t")" x
    else
        not_ok "the upgrade from 0.1.0: $(cat "$dir/old.err")"
    fi
    rm -f "$("${1:-pg_config}" --sharedir)/extension/edgebase--0.1.0.sql"
fi

[ $failed = 0 ] || { echo "$failed failed"; exit 1; }
