#!/bin/sh
# How do time and memory of a query over all instances grow with their number, against a UNION ALL over
# as many schemas, against the plan of one, and against one table with a tenant column?
#
#   benches/analytics/run.sh [PG_CONFIG] [COUNT ...]     default: 100 1000 10000
#
# On a throwaway cluster with the installed extension. Times are those of the backend's CPU
# (/proc/self/schedstat, so Linux), because a busy machine changes the clock's and not these; each is
# the least of several runs. A UNION ALL as people write it is tried up to 1,000 branches, since planning
# it grows with their square and worse; written as a balanced tree it is tried at any number, and so
# is a table that all others inherit from. Prints a table in Markdown, then what it costs to poll
# edgebase.instance_stats.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
pg_config=${1:-pg_config}
[ $# -gt 0 ] && shift
counts=${*:-100 1000 10000}
# For UNION ALL, which locks every table and parses into a deep tree; the relation needs neither.
CONF="max_locks_per_transaction = 1000
max_stack_depth = 7MB
shared_buffers = 512MB
autovacuum = off
jit = off"
set -- "$pg_config"
. "$here/../../extension/test/lib/cluster.sh"
start_cluster "$dir"
psql postgres -v ON_ERROR_STOP=1 -f "$here/setup.sql" >/dev/null

made=0 adopted=0
full() { psql postgres -At -v count="$count" -v what="$1" -v label="$2" -f "$here/full.sql"; }
echo "| instances | | planning ms | first run ms | later runs ms | memory MB |"
echo "|---|---|---|---|---|---|"
for count in $counts; do
    for from in $(seq $((made + 1)) 10 "$count"); do
        echo "SELECT bench.make($from, least($from + 9, $count));"
    done | psql postgres -At >/dev/null
    made=$count
    psql postgres -At -c "ANALYZE bench.everything" -c "CHECKPOINT"
    for from in $(seq $((adopted + 1)) 10 "$count"); do
        echo "SELECT bench.adopt($from, least($from + 9, $count));"
    done | psql postgres -At >/dev/null
    adopted=$count
    full relation relation
    [ "$count" -gt 1000 ] || full union "UNION ALL"
    full balanced "UNION ALL, balanced"
    full parent "inheritance"
    full table "one table"
    psql postgres -At -v count="$count" -f "$here/one.sql"
    psql postgres -At -v count="$count" -f "$here/stats.sql"
done
