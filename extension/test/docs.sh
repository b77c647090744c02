#!/bin/sh
# Is every SQLSTATE that the code raises in the table of docs/sql.md, and the other way round? And
# every function and view? And is unsafe code only where docs/security-model.md says it is?
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
in_code() {
    sed -n 's/.* = "\(EB[0-9]*\)".*/\1/p' "$root/blocks/src/sqlstate.rs"
    sed -n '/pub fn sqlstate/,/^    }/s/.*=> "\([0-9A-Z]\{5\}\)".*/\1/p' "$root/extension/src/error.rs"
    sed -n "s/.*ERRCODE = '\(EB[0-9]*\)'.*/\1/p" "$root/extension/sql/bootstrap.sql" "$root/extension/sql/analytics.sql"
}
in_docs() { sed -n '/^## SQLSTATEs/,/^## Dump/s/^| `\([0-9A-Z]\{5\}\)`.*/\1/p' "$root/docs/sql.md"; }
status=0
check() { # check WHAT CODE DOCS
    if [ "$2" = "$3" ]; then echo "ok - $1"; else
        echo "NOT OK - $1: in the code [$2], in the docs [$3]"; status=1
    fi
}
check "docs/sql.md lists the SQLSTATEs of the code" "$(in_code | sort -u | tr '\n' ' ')" "$(in_docs | sort -u | tr '\n' ' ')"
for name in $(sed -n 's/^CREATE \(FUNCTION\|VIEW\) edgebase\.\([a-z0-9_]*\).*/\2/p' "$root/extension/sql/bootstrap.sql" "$root/extension/sql/analytics.sql"); do
    case $name in refuse_change | warn_of_drop | close_extension | apply_config_json | verify_json | adopt_json | analytics_handler | exported_tables) continue ;; esac # not for callers
    grep -q "\`$name\`\|\`$name(\|### \`$name\|$name(" "$root/docs/sql.md" || { echo "NOT OK - docs/sql.md does not mention $name"; status=1; }
done
for name in $(sed -n 's/.*c"\(edgebase\.[a-z_]*\)".*/\1/p' "$root/extension/src/guc.rs"); do
    grep -q "\`$name\`" "$root/docs/sql.md" || { echo "NOT OK - docs/sql.md does not mention $name"; status=1; }
done
outside=$(grep -rlE '\bunsafe\b|allow\(unsafe_code\)' "$root/extension/src" --include='*.rs' | sed "s|^$root/extension/||" | grep -v '^src/fence/' | tr '\n' ' ')
allowed=$(grep -c 'allow(unsafe_code)' "$root/extension/src/lib.rs") # that of the fence
denied=$(grep -c '^#!\[deny(unsafe_code)\]' "$root/extension/src/lib.rs")
check "unsafe code is in extension/src/fence alone" "$outside$allowed $denied" "src/lib.rs 1 1"
exit $status
