#!/bin/sh
# Runs the attacks, and every other SQL test, on a throwaway cluster with the installed extension.
#
#   extension/test/run.sh [PG_CONFIG]
#   CONF="shared_preload_libraries = 'edgebase'" extension/test/run.sh
#
# Exit status 0 when at least 60 attacks ran, every verdict is as the file states, and attacks notice
# one grant too many (weakened.sh does the same with builds that lack a safeguard). Needs root (the
# cluster then runs as postgres) or a user that PostgreSQL accepts.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/cluster.sh"
start_cluster "$dir"

psql postgres -f "$here/lib/setup.sql"
out="$dir/out"
: >"$out"
run() { user=$1 file=$2; psql "$user" -f "$here/$file" >>"$out" 2>>"$dir/err" || true; }
attack() { run "$1" "attacks/$2"; }
attack proxy_login 01_leave_the_role.sql
attack proxy_login 02_reach_others.sql
attack proxy_login 03_leave_behind.sql
# Once more with every query that may run in parallel workers forced to.
if [ "$major" -ge 16 ]; then force=debug_parallel_query; else force=force_parallel_mode; fi
OPTIONS="-c $force=on" attack proxy_login 02_reach_others.sql
attack proxy_login 06_before_the_library.sql
attack proxy_login 07_loaded_inside.sql
psql postgres -c "GRANT TEMPORARY ON DATABASE postgres TO proxy_login"
attack proxy_login 04_planted.sql
psql postgres -c "REVOKE TEMPORARY ON DATABASE postgres FROM proxy_login"
attack postgres 05_other_callers.sql
attack postgres 07_analytics.sql
run postgres sql/10_lifecycle.sql
run postgres sql/11_tables.sql
run postgres sql/20_privileges.sql
run postgres sql/30_analytics.sql
run postgres sql/31_analytics_differential.sql
run postgres sql/40_records.sql

held=$(grep -c '^ok ' "$out" || true)
broken=$(grep -c '^NOT OK' "$out" || true)
stated=$(cat "$here"/attacks/*.sql "$here"/attacks/02_*.sql "$here"/sql/*.sql | grep -c '^.ir ../lib/verdict.sql' || true)
grep '^NOT OK' "$out" || true
echo "$held verdicts as stated, $broken not, $stated in the files"
[ -n "${SHOW-}" ] && cat "$out" "$dir/err"

: >"$out"
psql postgres -c 'GRANT USAGE ON SCHEMA "tenant:victim" TO PUBLIC; GRANT SELECT ON "tenant:victim".invoices TO PUBLIC'
attack proxy_login 02_reach_others.sql
noticed=$(grep -c '^NOT OK' "$out" || true)
echo "$noticed attacks notice one grant too many"
[ "$broken" = 0 ] && [ "$held" = "$stated" ] && [ "$held" -ge 60 ] && [ "$noticed" -ge 5 ]
