#!/bin/sh
# Random attacks on a throwaway cluster, for an hour or for SOAK_SECONDS: see soak.py.
#
#   extension/test/soak.sh [PG_CONFIG]
#   SOAK_SECONDS=45 SEED=7 extension/test/soak.sh
#   VALGRIND=1 extension/test/soak.sh      what it finds ends the run
#   SANITIZER=address extension/test/soak.sh PRIVATE_PG_CONFIG      likewise
#
# With SANITIZER the extension is compiled for AddressSanitizer, in a folder of its own, and installed
# for the time of the run: give it a PostgreSQL that nobody uses. The runtime is that of the compiler,
# which has it for programs; as a library it is loaded into the server before everything else.
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
elif [ "${SANITIZER-}" = address ]; then
    runtime=$dir/runtime.so
    target=$(rustc -vV | sed -n "s/^host: //p")
    cp "$(rustc --print sysroot)/lib/rustlib/$target"/lib/librustc-*_rt.asan.a "$dir/runtime.a" || exit 1
    # What only a program may have.
    ar d "$dir/runtime.a" asan_preinit.cpp.o
    cc -shared -o "$runtime" -Wl,--whole-archive "$dir/runtime.a" -Wl,--no-whole-archive \
        -lpthread -ldl -lm -lrt || exit 1
    library=$("${1:-pg_config}" --pkglibdir)/edgebase.so
    (
        cd "$here/../.." && . scripts/environment && cd extension || exit 1
        export PG_CONFIG="${1:-pg_config}" CARGO_TARGET_DIR="$PWD/../target/sanitizer"
        export RUSTC_WORKSPACE_WRAPPER="$here/lib/sanitized-rustc"
        cargo build --release -p edgebase --lib --no-default-features --features "pg$major"
    ) || exit 1
    cp "$library" "$dir/edgebase.so" && cp "$here/../../target/sanitizer/release/libedgebase.so" "$library" || exit 1
    trap 'cp "$dir/edgebase.so" "$library"; stop' EXIT
    # The server leaves what it allocates to the end of the process, and its stack depth is its own.
    export ASAN_OPTIONS="detect_leaks=0:detect_stack_use_after_return=0"
    program=$dir/postgres
    printf '#!/bin/sh\nLD_PRELOAD=%s exec %s/postgres "$@"\n' "$runtime" "$bin" >"$program"
    chmod +x "$program"
    CONF="edgebase.statement_timeout = '5s'"
else
    ulimit -d 1500000 # what a statement may take of memory
fi
start_cluster "$dir"
psql postgres -f "$here/lib/setup.sql" || exit 1
psql postgres -f "$here/lib/soak.sql" || exit 1
python3 "$here/soak.py" "$dir" "$bin/psql" "$dir/log" "${SOAK_SECONDS-3600}" ${SEED+"$SEED"}
