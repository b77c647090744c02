#!/bin/sh
# Who waits for whom, and for how long? Readers that have entered no instance (an analyst, a backup)
# hold up no tenant, and a tenant does not hold up its own deletion.
#
#   extension/test/waits.sh [PG_CONFIG]
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/cluster.sh"
start_cluster "$dir"
psql postgres -f "$here/lib/setup.sql" || exit 1

code_of() { psql "$1" -At -v VERBOSITY=sqlstate -c "$2" 2>&1 | sed -n 's/^ERROR:  //p'; }
# Two single-instance blocks and a dynamic one.
config() { # config FIELDS
    for block in '"shared": {' '"other": {' '"many": {"instance": true, '; do
        echo "$block\"tables\": {\"t\": {\"schema\": {$1}}}}"
    done | paste -sd, | sed 's/.*/{"databases": {&}}/'
}
before=$(config '"a": "string"')
after=$(config '"a": "string", "b": "string"')
apply="SELECT count(*) FROM edgebase.apply_config("
psql admin_login -At -c "$apply'$before')" -c "SELECT edgebase.create_instance('many', 'one')" >/dev/null

# What requests meet while READER's transaction is open and WORK is tried: nothing that takes longer
# than their patience.
under() { # under NAME READER READS USER WORK CODE
    psql "$2" -c "BEGIN; $3" -c "SELECT pg_sleep(4)" -c COMMIT >/dev/null 2>&1 &
    reader=$!
    sleep 0.5
    ( code_of "$4" "$5" >"$dir/code"; touch "$dir/done" ) &
    rm -f "$dir/done"
    requests=0
    : >"$dir/stalled"
    while [ ! -e "$dir/done" ]; do
        for enter in "'shared'" "'other'" "'many', 'one'"; do
            OPTIONS="-c lock_timeout=250 -c statement_timeout=1000" psql proxy_login -v VERBOSITY=sqlstate \
                -c "BEGIN; SELECT edgebase.enter($enter); UPDATE t SET a = 'x'; COMMIT" 2>>"$dir/stalled" >/dev/null
        done
        OPTIONS="-c lock_timeout=250 -c statement_timeout=1000" psql proxy_login -v VERBOSITY=sqlstate \
            -c "SELECT edgebase.create_instance('many', 'new$requests')" 2>>"$dir/stalled" >/dev/null
        requests=$((requests + 1))
    done
    is "$1: it gives up after its time" "$(cat "$dir/code")" "$6"
    is "$1: no request meanwhile had to wait for it" "$(sort "$dir/stalled" | uniq -c | tr '\n' ' ')" ""
    [ "$requests" -ge 2 ] && ok "$1: of which there were $requests times four" || not_ok "$1: only $requests requests"
    wait "$reader"
}
under "a config under an analyst's open query of a single-instance block" analyst_login \
    "SELECT count(*) FROM shared.t" admin_login "$apply'$after')" 55P03
under "a config under an analyst's open query over all instances" analyst_login \
    "SELECT count(*) FROM many.t" admin_login "$apply'$after')" 55P03
under "a config under both" analyst_login \
    "SELECT count(*) FROM other.t; SELECT count(*) FROM many.t" admin_login "$apply'$after')" 55P03
under "a deletion under a backup" postgres \
    "LOCK TABLE \"many:one\".t IN ACCESS SHARE MODE" proxy_login "SELECT edgebase.drop_instance('many', 'one')" 55P03
is "once nobody reads, the config is applied" "$(code_of admin_login "$apply'$after')")" ""
psql postgres -c "BEGIN; LOCK TABLE \"many:one\".t IN ACCESS SHARE MODE" -c "SELECT pg_sleep(3)" >/dev/null &
sleep 0.5
is "a migration under a backup gives up after its time" "$(code_of proxy_login "SELECT edgebase.migrate('many', 'one')")" 55P03
wait
is "and then succeeds" "$(psql proxy_login -At -c "SELECT edgebase.migrate('many', 'one') ->> 'migrated'")" true

# Whoever waits for a table that is being rewritten does not take it for empty.
psql proxy_login -c "SELECT edgebase.create_instance('many', 'rewritten')" >/dev/null
psql postgres -c "INSERT INTO \"many:rewritten\".t (id, a) SELECT n, 'x' FROM generate_series(1, 100) n"
during() { # during WORK USER SQL: what it gives, and its error, while a superuser's WORK is not committed
    psql postgres -c "BEGIN; $1" -c "SELECT pg_sleep(1)" -c COMMIT >/dev/null 2>&1 &
    working=$!
    sleep 0.4
    psql "$2" -At -v VERBOSITY=sqlstate -c "$3" 2>&1 | sed 's/^ERROR:  //' | tail -n 1
    wait "$working"
}
meanwhile() { # meanwhile USER SQL
    during "ALTER TABLE \"many:rewritten\".t ALTER a TYPE text USING a || ''" "$@"
}
is "an export that waits for a table to be rewritten fails" \
    "$(meanwhile admin_login "SELECT count(*) FROM edgebase.export_instance('many', 'rewritten')")" EB010
is "a query over all instances that waits for one fails" \
    "$(meanwhile analyst_login "SELECT count(*) FROM many.t WHERE instance_id = 'rewritten'")" EB010
is "a statement inside that waits for one sees its rows" \
    "$(meanwhile proxy_login "BEGIN; SELECT edgebase.enter('many', 'rewritten'); SELECT count(*) FROM t; COMMIT")" 100
is "a record of one that is waited for is there" \
    "$(meanwhile proxy_login "SELECT edgebase.read_record('many', 'rewritten', 't', ARRAY['id', 'a'], '7')")" '{"id":"7","a":"x"}'
is "a deletion that waits for one counts its rows" \
    "$(meanwhile admin_login "SELECT edgebase.drop_instance('many', 'rewritten') ->> 'rows'")" 100

# Nor the table, or a part of it, for another one that was put in its place meanwhile.
psql proxy_login -c "SELECT edgebase.create_instance('many', 'replaced')" >/dev/null
psql postgres -c "INSERT INTO \"many:replaced\".t (id, a) SELECT n, 'x' FROM generate_series(1, 100) n"
count="SELECT count(*) FROM t" record='{"id":"7","a":"x"}'
# What each reader finds who waits for WORK. BEFORE is done before each; RECORD is what a record is then.
four_ways() { # four_ways NAME WORK BEFORE [RECORD]
    for reader in export relation inside record; do
        psql postgres -c "$3" >/dev/null 2>&1
        case $reader in
            export) is "an export that waits for $1 fails" \
                "$(during "$2" admin_login "SELECT count(*) FROM edgebase.export_instance('many', 'replaced')")" EB010 ;;
            relation) is "a query over all instances that waits for $1 fails" \
                "$(during "$2" analyst_login "SELECT count(*) FROM many.t")" EB010 ;;
            inside) is "a statement inside that waits for $1 sees all rows" \
                "$(during "$2" proxy_login "BEGIN; SELECT edgebase.enter('many', 'replaced'); $count; COMMIT")" 100 ;;
            record) is "a record that waits for $1 is the one by now" \
                "$(during "$2" proxy_login "SELECT edgebase.read_record('many', 'replaced', 't', ARRAY['id', 'a'], '7')")" "${4-$record}" ;;
        esac
    done
}
role=$(psql postgres -At -c "SELECT role FROM edgebase.instances WHERE key = 'many:replaced'")
path='SET search_path = "many:replaced"'
part="$path; DROP TABLE IF EXISTS old; CREATE TABLE new (LIKE t INCLUDING ALL); INSERT INTO new SELECT * FROM t WHERE id::int <= 60; ALTER TABLE new OWNER TO edgebase_owner; GRANT SELECT ON new TO $role"
four_ways "a table that changes names with another" \
    "$path; LOCK TABLE t; UPDATE t SET a = 'stale' WHERE id::int <= 60; INSERT INTO new SELECT * FROM t WHERE id::int > 60; ALTER TABLE t RENAME TO old; ALTER TABLE new RENAME TO t" "$part"
four_ways "a table that is made anew" \
    "$path; CREATE TABLE new (LIKE t INCLUDING ALL); INSERT INTO new SELECT * FROM t; DROP TABLE t; ALTER TABLE new RENAME TO t; ALTER TABLE t OWNER TO edgebase_owner; GRANT SELECT ON t TO $role" "$path; DROP TABLE IF EXISTS old"
four_ways "a table that takes over what inherits" \
    "$path; LOCK TABLE t; ALTER TABLE kid NO INHERIT t; INSERT INTO t SELECT * FROM kid; DROP TABLE kid" \
    "$path; CREATE TABLE kid () INHERITS (t); INSERT INTO kid SELECT * FROM t WHERE id::int <= 40; DELETE FROM ONLY t WHERE id::int <= 40; ALTER TABLE kid OWNER TO edgebase_owner" 42809
four_ways "a table that is restored" "SELECT edgebase.restore_instance('many', 'replaced', 'beside')" \
    "DROP SCHEMA IF EXISTS beside CASCADE; CREATE SCHEMA beside AUTHORIZATION edgebase_owner; SET ROLE edgebase_owner; CREATE TABLE beside.t (LIKE \"many:replaced\".t INCLUDING ALL); ALTER TABLE beside.t RENAME CONSTRAINT t_pkey TO \"t.pkey\"; INSERT INTO beside.t SELECT * FROM \"many:replaced\".t"
psql postgres -c "DROP SCHEMA beside CASCADE" 2>/dev/null
is "a table that is moved away meanwhile fails a query over all instances" \
    "$(during 'CREATE SCHEMA away; ALTER TABLE "many:replaced".t SET SCHEMA away' analyst_login "SELECT count(*) FROM many.t")" EB010
psql postgres -c 'ALTER TABLE away.t SET SCHEMA "many:replaced"; DROP SCHEMA away'
is "and an export" "$(during 'CREATE SCHEMA away; ALTER TABLE "many:replaced".t SET SCHEMA away; ALTER TABLE away.t OWNER TO postgres' \
    admin_login "SELECT count(*) FROM edgebase.export_instance('many', 'replaced')")" EB010
psql postgres -c 'ALTER TABLE away.t SET SCHEMA "many:replaced"; DROP SCHEMA away; ALTER TABLE "many:replaced".t OWNER TO edgebase_owner'
# A migration may do that, too.
rebuilt=$(echo "$after" | sed 's|"many": {"instance": true, "tables": {"t": {|&"migrations": [{"version": 2, "description": "rebuild", "up": "CREATE TABLE u (LIKE t INCLUDING ALL); INSERT INTO u SELECT * FROM t; DROP TABLE t; ALTER TABLE u RENAME TO t"}], |')
psql admin_login -At -c "$apply'$rebuilt')" >/dev/null
psql admin_login -At -c "SELECT edgebase.migrate('many', 'one')" >/dev/null
is "a query over all instances, one of which has still to run a migration that renames the table, fails" \
    "$(code_of analyst_login "SELECT count(*) FROM many.t")" EB003
is "the others can be read" "$(psql analyst_login -At -c "SELECT count(*) FROM many.t WHERE instance_id = 'one'")" 0
is "a query over all instances that waits for a migration to rebuild the table fails" \
    "$(during "SELECT edgebase.migrate('many', 'replaced')" analyst_login "SELECT count(*) FROM many.t WHERE instance_id = 'replaced'")" EB010
is "and then finds all rows" "$(psql analyst_login -At -c "SELECT count(*) FROM many.t WHERE instance_id = 'replaced'")" 100

# A tenant that keeps its instance busy, in every way that it has, is deleted within the time.
busy() { # busy NAME ID SQL...: the session's error, if any, is in $dir/ID
    name=$1 id=$2
    shift 2
    psql proxy_login -c "SELECT edgebase.create_instance('many', '$id')" >/dev/null
    for i in 1 2 3; do
        { for sql in "BEGIN; SELECT edgebase.enter('many', '$id')" "$@"; do echo "$sql;"; done
            sleep 6; } | psql proxy_login -v VERBOSITY=sqlstate >/dev/null 2>"$dir/$id.$i" &
    done
    psql proxy_login -v VERBOSITY=sqlstate -c "BEGIN; SELECT edgebase.enter('many', 'one')" \
        -c "SELECT pg_sleep(1.8)" -c COMMIT >/dev/null 2>"$dir/$id.other" &
    other=$!
    sleep 0.6
    is "$name: its deletion succeeds at once" "$(code_of proxy_login "SELECT edgebase.drop_instance('many', '$id')")" ""
    is "$name: it is gone" "$(code_of proxy_login "SELECT edgebase.enter('many', '$id')")" EB002
    wait "$other"
    is "$name: another tenant's statement went on" "$(cat "$dir/$id.other")" ""
}
busy "a tenant with long statements" sleeper "SELECT pg_sleep(1.9)" "SELECT pg_sleep(1.9)"
is "their statements were cancelled" "$(grep -l 57014 "$dir"/sleeper.[123] | wc -l)" 3
busy "a tenant with open transactions" idler "SELECT 1"

python3 "$here/locks.py" "$dir" "$bin/psql" >"$dir/locks" 2>&1 || failed=$((failed + 1))
cat "$dir/locks"

# A dump of all tenants while they come and go, as docs/operations.md has it.
( n=0
while [ ! -e "$dir/dumped" ]; do
    n=$((n + 1))
    psql proxy_login -c "SELECT edgebase.create_instance('many', 'churn$n')" >/dev/null 2>&1
    psql proxy_login -c "SELECT edgebase.drop_instance('many', 'churn$n')" >/dev/null 2>&1
done ) &
churn=$!
sleep 1
for n in 1 2 3; do
    psql postgres -v ON_ERROR_STOP=1 -c 'BEGIN; LOCK TABLE edgebase.instance IN SHARE MODE' \
        -c "\\! $bin/pg_dump -h $dir -U postgres -d postgres -f $dir/dump$n; echo \$? >$dir/dumped$n" -c COMMIT
    is "dump $n of a database whose tenants come and go succeeds" "$(cat "$dir/dumped$n")" 0
done
touch "$dir/dumped"
wait "$churn"
is "and has a tenant" "$(grep -c '^CREATE TABLE "many:one".t ' "$dir/dump1")" 1
is "tenants come and go again" "$(code_of proxy_login "SELECT edgebase.create_instance('many', 'afterwards')")" ""
exit $failed
