#!/bin/sh
# Would the attacks notice? Builds the extension with one safeguard taken out at a time, in a copy
# of the sources, and demands that the attacks then fail. Installs the weakened builds, so give it
# a PostgreSQL that nobody uses, such as a private copy of the installation.
#
#   extension/test/weakened.sh PRIVATE_PG_CONFIG        all of them, half a minute each
#   ONLY=pg_temp extension/test/weakened.sh PRIVATE_PG_CONFIG
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$root/scripts/environment"
pg_config=$1
copy=$(mktemp -d /tmp/edgebase-weakened.XXXXXX)
trap 'rm -rf "$copy"' EXIT
unnoticed=0
# Its own, or cargo would take a weakened library for the real one.
export CARGO_TARGET_DIR="$root/target/weakened"

weaken() { # weaken NAME FILE SED
    case "$1" in *"${ONLY-}"*) ;; *) return 0 ;; esac
    rm -rf "$copy"/*
    cp -r "$root/Cargo.toml" "$root/Cargo.lock" "$root/rust-toolchain.toml" "$root/blocks" "$root/extension" "$root/scripts" "$copy"
    sed -i 's/^members = .*/members = ["blocks", "extension"]/; s/^default-members = .*/default-members = ["blocks"]/' "$copy/Cargo.toml"
    sed -i "$3" "$copy/extension/src/$2"
    if cmp -s "$copy/extension/src/$2" "$root/extension/src/$2"; then
        echo "NOT OK - $1: the safeguard is not where this script looks for it"; unnoticed=1; return
    fi
    PG_CONFIG="$pg_config" CI="" "$copy/scripts/extension" >"$copy/build.log" 2>&1 ||
        { tail -n 30 "$copy/build.log"; exit 1; }
    # A run that neither ends nor has anything to say so far has noticed nothing.
    status=0
    ONLY="" timeout -k 10 900 "$here/run.sh" "$pg_config" >"$copy/run.log" 2>&1 || status=$?
    noticed=$(grep -c '^NOT OK' "$copy/run.log") || true
    if [ "$status" = 0 ] || [ "$noticed" = 0 ]; then
        echo "NOT OK - $1: no attack noticed (status $status)"; unnoticed=1
        tail -n 5 "$copy/run.log"
    else
        echo "ok - $1: $noticed attacks noticed, the first: $(grep '^NOT OK' "$copy/run.log" | head -1)"
    fi
}

weaken "core is not told to refuse SET ROLE" seal.rs 's/context: outer.context | LOCAL_CHANGE/context: outer.context/'
weaken "the role is not switched at all" seal.rs 's/\(Identity { user: role, .*\)\.assume();/let _ = \1;/'
weaken "the login role is not restored at commit" seal.rs 's/seal\.outer\.assume();/let _ = seal;/'
weaken "pg_temp is not named in search_path" enter.rs 's/{}, pg_temp/{}/'
weaken "no hook sees statements" fence/hooks.rs 's/pg_sys::ProcessUtility_hook = Some(on_utility);//'
weaken "no hook sees functions" fence/hooks.rs 's/pg_sys::object_access_hook = Some(on_access);//'
weaken "whatever a tenant may update, it may lock" guard.rs 's/Statement::Lock { own } => \*own/Statement::Lock { .. } => true/'
weaken "a procedure may commit inside the seal" guard.rs 's/Statement::Call { atomic } => \*atomic/Statement::Call { .. } => true/'
weaken "what an instance that is behind has under a name is shown" analytics/scan.rs 's/match version == self.version/match true/'
weaken "the caller is not checked" enter.rs 's/^    check_caller()?;//'
weaken "limits are not set" enter.rs 's/(ceiling != 0 \&\& !is_stricter)/(false \&\& !is_stricter)/'
weaken "the instance's version is not compared" enter.rs 's/if instance.version != block.version/if false/'
weaken "rights on the schema are not looked at for a record" record.rs 's/if !may_use(schema, role)/if false/'
weaken "rights on the table are not looked at for a record" record.rs 's/!= ACLCHECK_OK {/== 99 {/'
weaken "row security is not looked at for a record" shape.rs 's/self.form().relrowsecurity.then_some/false.then_some/'
weaken "views are records too" shape.rs 's/if !self.is_table() \&\& !self.is_partitioned()/if false/'
weaken "a table that was rewritten since the snapshot is read" fence/history.rs 's/Some(_) => Since::Rewritten/Some(_) => Since::Changed/'
weaken "plans are not looked at before they run" fence/hooks.rs 's/pg_sys::ExecutorStart_hook = Some(on_start);//'
weaken "what depends on an instance elsewhere is not looked for" lifecycle.rs 's/deletion::refuse_dependants(\&key, schema)?;/let _ = schema;/'
weaken "settings are defined as whoever loads the library" fence/exports.rs 's/identity::unrestricted(guc::define)/guc::define()/'
weaken "default privileges are not looked at" instance.rs 's/if found.is_some()/if false/'
weaken "the statements of a config are not confined" fence/hooks.rs 's/confine::binds() \&\& !confine::allows/false \&\& !confine::allows/'
weaken "the functions that a config calls are not confined" verdicts.rs 's/} else if confine::binds() {/} else if false {/'
weaken "settings that a config made are not undone" fence/session.rs 's/AtEOXact_GUC(false, self.level)/AtEOXact_GUC(true, self.level)/'
weaken "privileged statements have no search_path of their own" spi.rs 's/if !confine::binds() {/if false {/'
weaken "a config finds other instances" confine.rs 's/schema == home ||/true ||/'
weaken "a config may make objects anywhere" fence/hooks.rs 's/callback(confine::check_created);//'
weaken "a config may alter the extension's objects" fence/hooks.rs 's/callback(|| confine::check_altered(class, object));//'
weaken "a config may index its own functions" confine.rs 's/{ check_index(object) } else/{ Ok(()) } else/'
weaken "a cascade under the seal is not bound to the instance" confine.rs 's/HOME.get().or_else(seal::home)/HOME.get()/'
exit $unnoticed
