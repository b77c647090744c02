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
meanwhile() { # meanwhile USER SQL: what it gives, and its error
    psql postgres -c "BEGIN; ALTER TABLE \"many:rewritten\".t ALTER a TYPE text USING a || ''" -c "SELECT pg_sleep(1)" -c COMMIT >/dev/null &
    rewriting=$!
    sleep 0.4
    psql "$1" -At -v VERBOSITY=sqlstate -c "$2" 2>&1 | sed 's/^ERROR:  //' | tail -n 1
    wait "$rewriting"
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
