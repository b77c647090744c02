#!/bin/sh
# Runs the attacks, and every other SQL test, on a throwaway cluster with the installed extension.
#
#   extension/test/run.sh [PG_CONFIG]
#   CONF="shared_preload_libraries = 'edgebase'" extension/test/run.sh
#   ONLY=tenant_locks extension/test/run.sh      those files alone whose names contain it
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
stated=0
if [ "$major" -ge 16 ]; then force=debug_parallel_query; else force=force_parallel_mode; fi

# Runs a file and counts the verdicts that it states. psql fails when its connection is lost, as an
# attack may bring about; the verdicts that are then missing fail the run below.
attempt() { # attempt FILE LOGIN
    psql "$2" -At -v VERBOSITY=sqlstate -f "$1" >>"$out" 2>>"$dir/err" || true
    stated=$((stated + $(grep -c '^.ir ../lib/verdict.sql' "$1")))
}
# Every file says in its first line how to run it: "-- run: login=ROLE", then, where it applies,
# "parallel" (once more with every query that may run in parallel workers forced to) and
# "temporary" (the role may make temporary objects).
run() {
    line=$(sed -n '1s/^-- run: //p' "$1")
    login="" parallel="" temporary=""
    for word in $line; do
        case "$word" in
            login=?*) login=${word#login=} ;;
            parallel | temporary) eval "$word=1" ;;
            *) echo "$1: its first line asks for '$word', which is unknown" >&2; exit 2 ;;
        esac
    done
    [ -n "$login" ] || { echo "$1: its first line is not '-- run: login=ROLE'" >&2; exit 2; }
    [ -z "$temporary" ] || psql postgres -c "GRANT TEMPORARY ON DATABASE postgres TO $login"
    attempt "$1" "$login"
    if [ -n "$parallel" ]; then OPTIONS="-c $force=on"; attempt "$1" "$login"; OPTIONS=""; fi
    [ -z "$temporary" ] || psql postgres -c "REVOKE TEMPORARY ON DATABASE postgres FROM $login"
}
for file in "$here"/attacks/*.sql "$here"/sql/*.sql; do
    case "$file" in *"${ONLY-}"*) run "$file" ;; esac
done

case pipeline in *"${ONLY-}"*)
    # Should the script end early, its missing verdicts fail the run below.
    python3 "$here/pipeline.py" "$dir" >>"$out" 2>>"$dir/err" || true
    stated=$((stated + $(grep -c '^    ("' "$here/pipeline.py"))) ;;
esac

held=$(grep -c '^ok ' "$out" || true)
broken=$(grep -c '^NOT OK' "$out" || true)
grep '^NOT OK' "$out" || true
echo "$held verdicts as stated, $broken not, $stated in the files"
[ -n "${SHOW-}" ] && cat "$out" "$dir/err"
whole=false
[ "$broken" = 0 ] && [ "$held" = "$stated" ] && whole=true
if [ -n "${ONLY-}" ]; then $whole; exit; fi

: >"$out"
psql postgres -c 'GRANT USAGE ON SCHEMA "tenant:victim" TO PUBLIC; GRANT SELECT ON "tenant:victim".invoices TO PUBLIC'
run "$here/attacks/tenant_reach_others.sql"
noticed=$(grep -c '^NOT OK' "$out" || true)
echo "$noticed attacks notice one grant too many"
$whole && [ "$held" -ge 60 ] && [ "$noticed" -ge 5 ]
