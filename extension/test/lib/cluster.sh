# A throwaway cluster on a Unix socket, and verdicts; read with `.`. Sets bin, dir, major, failed;
# defines start_cluster (with $program for postgres), stop, psql, ok, not_ok, is.
bin=$("${1:-pg_config}" --bindir)
major=$("$bin/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
dir=$(mktemp -d /tmp/edgebase-test.XXXXXX)
as=""
if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; as="runuser -u postgres --"; fi

start_cluster() { # start_cluster DIR: makes it if need be
    if [ ! -d "$1/data" ]; then
        mkdir -p "$1" && [ -z "$as" ] || chown postgres "$1"
        $as "$bin/initdb" -D "$1/data" -U postgres -A trust -E UTF8 --no-locale --no-sync >/dev/null
        cat >>"$1/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$1'
fsync = off
max_prepared_transactions = 2
max_connections = 120
edgebase.statement_timeout = '2s'
edgebase.ddl_lock_timeout = '1s'
restart_after_crash = on
${CONF-}
CONF
    fi
    $as "$bin/pg_ctl" ${program:+-p "$program"} -D "$1/data" -l "$1/log" -w start >/dev/null
}
stop() {
    for data in "$dir"/data "$dir"/*/data; do
        [ -d "$data" ] && $as "$bin/pg_ctl" -D "$data" -m immediate stop >/dev/null 2>&1
    done
    rm -rf "$dir"
}
trap stop EXIT

export PSQL="$bin/psql"
psql() { user=$1; shift; PGOPTIONS="${OPTIONS-}" "$bin/psql" -X -q -h "${host:-$dir}" -U "$user" -d postgres "$@"; }

failed=0
ok() { echo "ok - $1"; }
not_ok() { echo "NOT OK - $1"; failed=$((failed + 1)); }
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1: expected '$3', got '$2'"; fi; }
