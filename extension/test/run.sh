#!/bin/sh
# Runs the attacks, and every other SQL test, on a throwaway cluster with the installed extension.
#
#   extension/test/run.sh [PG_CONFIG]      all must hold
#   WEAKEN=grant extension/test/run.sh     one grant too many: must fail
#
# Exit status 0 when at least 60 attacks ran and every verdict is as the file states. Needs root
# (the cluster then runs as postgres) or a user that PostgreSQL accepts.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$("${1:-pg_config}" --bindir)
dir=$(mktemp -d /tmp/edgebase-test.XXXXXX)
as=""
if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; as="runuser -u postgres --"; fi
$as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --no-locale --no-sync >/dev/null
cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
fsync = off
max_prepared_transactions = 2
edgebase.statement_timeout = '2s'
CONF
$as "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w start >/dev/null
stop() { $as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"; }
trap stop EXIT

psql() { user=$1; shift; PGOPTIONS="${OPTIONS-}" "$bin/psql" -X -q -h "$dir" -U "$user" -d postgres "$@"; }

psql postgres -f "$here/lib/setup.sql"
case "${WEAKEN-}" in
    grant) psql postgres -c "GRANT USAGE ON SCHEMA \"tenant:victim\" TO PUBLIC; GRANT SELECT ON \"tenant:victim\".invoices TO PUBLIC" ;;
    "") ;;
    *) echo "unknown WEAKEN=$WEAKEN"; exit 2 ;;
esac

out="$dir/out"
: >"$out"
attack() { user=$1 file=$2; psql "$user" -f "$here/attacks/$file" >>"$out" 2>>"$dir/err" || true; }
attack proxy_login 01_leave_the_role.sql
attack proxy_login 02_reach_others.sql
attack proxy_login 03_leave_behind.sql
psql postgres -c "GRANT TEMPORARY ON DATABASE postgres TO proxy_login"
attack proxy_login 04_planted.sql
psql postgres -c "REVOKE TEMPORARY ON DATABASE postgres FROM proxy_login"
attack postgres 05_other_callers.sql

held=$(grep -c '^ok ' "$out" || true)
broken=$(grep -c '^NOT OK' "$out" || true)
stated=$(cat "$here"/attacks/*.sql | grep -c '^.ir ../lib/verdict.sql' || true)
grep '^NOT OK' "$out" || true
echo "$held attacks refused as stated, $broken not, $stated in the files"
[ -n "${SHOW-}" ] && cat "$out" "$dir/err"
[ "$broken" = 0 ] && [ "$held" = "$stated" ] && [ "$held" -ge 60 ]
