#!/bin/sh
# Does repair() bring verify() to no rows, whatever was done before, at any number of instances?
#
#   extension/test/repair.sh [PG_CONFIG]
#   SEED=7 extension/test/repair.sh        that round of random damage alone
#
# Each round does damage at random and repairs it; afterwards owners, privileges, roles and
# memberships have to be what they were, and the privilege matrix has to hold.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/cluster.sh"
start_cluster "$dir"
value() { psql postgres -At -c "$1"; }

psql postgres -f "$here/lib/setup.sql" >/dev/null
psql postgres -c "CREATE ROLE dba" -c "CREATE ROLE superdba LOGIN SUPERUSER" -c "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
# Initial privileges are what pg_dump compares with: a role that is dropped and made again is none of them.
access() {
    psql postgres -At -f "$here/lib/access.sql" | grep -v '\.dba_'
    psql postgres -At -f "$here/lib/members.sql" | grep -v ' initial privileges '
}
is "a database that nothing was done to has nothing to verify" "$(value "SELECT * FROM edgebase.verify()")" ""
access >"$dir/before"
[ "$(wc -l <"$dir/before")" -ge 300 ] || not_ok "only $(wc -l <"$dir/before") lines to compare"
value "SELECT edgebase.repair()" >/dev/null
access | diff "$dir/before" - >"$dir/differences" || { not_ok "repair changes what nothing is wrong with"; cat "$dir/differences"; }

# The table of the matrix, without what takes each grant away in turn.
sed -e '/^-- Every grant taken away in turn/,$d' -e "s|^.ir ../lib/|\\\\i $here/lib/|" "$here/sql/20_privileges.sql" >"$dir/matrix.sql"
verdicts=$(grep -c 'lib/verdict.sql' "$dir/matrix.sql")
for seed in ${SEED-1 2 3 4 5 6 7 8}; do
    psql postgres -v seed="$seed" -v count=25 -f "$here/lib/damage.sql" >"$dir/damage" 2>&1
    found=$(value "SELECT count(*) FROM edgebase.verify()")
    if [ "$((seed % 2))" = 0 ]; then how="SELECT edgebase.repair()"; else how="CALL edgebase.repair_all(3)"; fi
    [ "${found:-0}" -ge 5 ] || not_ok "seed $seed: verify sees $found things wrong"
    psql postgres -c "$how" >"$dir/repaired" 2>&1 || { not_ok "seed $seed: $how"; cat "$dir/repaired"; }
    is "seed $seed: after $how there is nothing to verify" "$(value "SELECT * FROM edgebase.verify()")" ""
    if access | diff "$dir/before" - >"$dir/differences"; then
        ok "seed $seed: owners, privileges, roles and memberships are what they were ($found found)"
    else
        not_ok "seed $seed: owners or privileges are not what they were"
        cat "$dir/differences" "$dir/damage"
    fi
    # As setup.sql has it, which the matrix expects.
    value "GRANT CREATE ON SCHEMA public TO PUBLIC"
    psql postgres -At -v VERBOSITY=sqlstate -f "$dir/matrix.sql" >"$dir/matrix" 2>&1
    is "seed $seed: the privilege matrix holds" "$(grep '^NOT OK' "$dir/matrix") $(grep -c '^ok' "$dir/matrix")" " $verdicts"
    value "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
done

# The extension's owner is no superuser any more.
in_second() { user=$1; shift; "$bin/psql" -X -q -h "$dir" -U "$user" -d second -At "$@"; }
psql postgres -c "CREATE DATABASE second"
in_second superdba -c "CREATE EXTENSION edgebase" -c "SELECT count(*) FROM edgebase.apply_config('{\"databases\": {\"r\": {\"instance\": true, \"tables\": {\"t\": {}}}}}')" \
    -c "SELECT edgebase.create_instance('r', 'x') ->> 'created'" >/dev/null
psql postgres -c "ALTER ROLE superdba NOSUPERUSER"
code=$(in_second admin_login -v VERBOSITY=sqlstate -c "SELECT edgebase.repair()" 2>&1 | sed -n 's/.*ERROR:  //p')
is "an administrator cannot repair what its owner may not do" "$code" 42501
found=$(in_second postgres -c "SELECT count(*) FROM edgebase.verify()")
[ "${found:-0}" -ge 20 ] || not_ok "verify does not see that the extension's owner is no superuser: $found"
in_second postgres -c "SELECT edgebase.repair()" >/dev/null
is "a superuser takes the extension over" "$(in_second postgres -c "SELECT extowner::regrole FROM pg_extension WHERE extname = 'edgebase'" -c "SELECT * FROM edgebase.verify()")" postgres
is "and everything of it" "$(in_second postgres -f "$here/lib/members.sql" | grep -v ' initial privileges ' | grep -c 'owner superdba\|by superdba')" 0
is "the role that had it can go" "$(in_second postgres -c "DROP OWNED BY superdba" -c "SELECT count(*) FROM pg_extension WHERE extname = 'edgebase'")" 1
is "and tenants are served" "$(in_second postgres -c "SELECT edgebase.create_instance('r', 'y') ->> 'created'")" true

# More instances than the locks of one transaction.
host="$dir/many" CONF="max_connections = 20
max_locks_per_transaction = 10"
start_cluster "$dir/many"
psql postgres -c "CREATE EXTENSION edgebase" -c "SELECT count(*) FROM edgebase.apply_config('{\"databases\": {\"r\": {\"instance\": true, \"tables\": {\"t\": {}}}}}')" >/dev/null
value "DO \$\$ BEGIN FOR i IN 1 .. 300 LOOP PERFORM edgebase.create_instance('r', i::text); COMMIT; END LOOP; END \$\$"
value "CREATE DATABASE copy TEMPLATE postgres"
in_copy() { "$bin/psql" -X -q -h "$dir/many" -U postgres -d copy -At "$@" 2>&1; }
is "verify sees what a copy of the database lacks" "$(in_copy -c "SELECT count(*) FROM edgebase.verify() WHERE what = 'role'")" 300
is "repair says so when there is too much for one transaction" "$(in_copy -v VERBOSITY=sqlstate -c "SELECT edgebase.repair()" | sed 's/.*ERROR:  //')" 54000
in_copy -c "SELECT edgebase.repair_batch(0, 100)" >/dev/null
is "a batch repairs its instances and no others" "$(in_copy -c "SELECT count(*) FROM edgebase.verify() WHERE what = 'role'")" 200
in_copy -c "CALL edgebase.repair_all(60)" | grep -v NOTICE
is "batch by batch there is no bound" "$(in_copy -c "SELECT * FROM edgebase.verify()")" ""
is "and the original notices nothing" "$(value "SELECT * FROM edgebase.verify()")" ""

[ $failed = 0 ] || { echo "$failed failed"; exit 1; }
