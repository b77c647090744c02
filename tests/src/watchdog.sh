# What stops a product when its test process is gone?
#
# $1: pid of `edgebase dev`, $2: folder of everything it keeps. Waits until the other end of
# standard input is closed, which the kernel does however the test process ends; then the
# product is stopped, by force if it hangs, its database too should it survive, and the folder
# is removed. A pid counts only while its command line still names the folder.

ours() {
    tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -qF -- "$2"
}

gone() {
    tries=$3
    while ours "$1" "$2"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.05
    done
}

trap '' INT TERM HUP
read -r _
if ours "$1" "$2"; then
    kill -TERM "$1"
    gone "$1" "$2" 400 || kill -KILL "$1"
fi
for file in "$2"/data/postgres/postmaster.pid; do
    postmaster=$(head -n 1 "$file" 2>/dev/null) || continue
    gone "$postmaster" "$2" 100 || kill -QUIT "$postmaster"
    gone "$postmaster" "$2" 100 || kill -KILL "$postmaster"
done
[ -n "$EDGEBASE_TESTS_KEEP" ] || rm -rf "$2"
