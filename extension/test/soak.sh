#!/bin/sh
# Random attacks on a throwaway cluster, for an hour or for SOAK_SECONDS: see soak.py.
#
#   extension/test/soak.sh [PG_CONFIG]
#   SOAK_SECONDS=45 SEED=7 extension/test/soak.sh
#   VALGRIND=1 extension/test/soak.sh      what it finds ends the run
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/cluster.sh"
CONF="edgebase.statement_timeout = '300ms'
edgebase.retry_failed_after = 0"
if [ -n "${VALGRIND-}" ]; then
    program=$dir/postgres
    cp "$here/lib/valgrind.supp" "$dir"
    echo '#!/bin/sh' >"$program"
    echo "exec valgrind -q --trace-children=yes --suppressions=$dir/valgrind.supp $bin/postgres \"\$@\"" >>"$program"
    chmod +x "$program"
    CONF="edgebase.statement_timeout = '5s'"
else
    ulimit -d 1500000 # what a statement may take of memory
fi
start_cluster "$dir"
psql postgres -f "$here/lib/setup.sql" || exit 1
psql postgres -f "$here/lib/soak.sql" || exit 1
python3 "$here/soak.py" "$dir" "$bin/psql" "$dir/log" "${SOAK_SECONDS-3600}" ${SEED+"$SEED"}
