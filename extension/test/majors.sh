#!/bin/sh
# Does the extension keep its promises on the other major versions of PostgreSQL too?
#
#   extension/test/majors.sh [MAJOR...]      those named, otherwise all but that of PG_CONFIG
#
# For each: fetch the server (scripts/servers), build (scripts/extension), attack (run.sh), upgrade,
# put under fire and attack at random for less time than elsewhere, and look who waits for whom; then
# pg_upgrade from the first to the last of them. A version that the package index does not offer is
# counted as skipped, by name; everything else that goes wrong is a failure.
set -eu
cd "$(dirname "$0")/../.."
. scripts/environment

if [ $# = 0 ]; then
    main=$(pg_major "${PG_CONFIG:-$(scripts/pg-config)}")
    for major in 15 16 17 18; do
        [ "$major" = "$main" ] || set -- "$@" "$major"
    done
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
scripts/servers "$@" >"$out/servers"

passed=0 failed=0 skipped=0 first="" last=""
counted() { # counted NAME COMMAND...: runs it and counts how it went
    name=$1
    shift
    if STEPS=600 SOAK_SECONDS=20 "$@" >"$out/log" 2>&1 </dev/null; then
        grep -v '^ok' "$out/log" || true
        echo "ok - $name"
        passed=$((passed + 1))
    else
        tail -n 60 "$out/log"
        echo "NOT OK - $name"
        failed=$((failed + 1))
    fi
}
while read -r major pg_config; do
    if [ "$pg_config" = - ]; then
        echo "SKIPPED - PostgreSQL $major: the package index offers no server for this machine"
        skipped=$((skipped + 1))
        continue
    fi
    PG_CONFIG=$pg_config scripts/extension
    for script in run upgrade databases under_fire waits repair recovery dba soak; do
        echo "==> $("$pg_config" --version): $script.sh"
        counted "PostgreSQL $major: $script.sh" "extension/test/$script.sh" "$pg_config"
    done
    first=${first:-$pg_config} last=$pg_config
done <"$out/servers"
if [ "$first" != "$last" ]; then
    echo "==> pg_upgrade.sh"
    counted "$("$first" --version) to $("$last" --version): pg_upgrade.sh" extension/test/pg_upgrade.sh "$first" "$last"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
