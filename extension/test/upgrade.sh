#!/bin/sh
# Is a database that came from an older version the same as a fresh one, and do its tenants live on?
#
#   extension/test/upgrade.sh [PG_CONFIG]
#
# versions/ keeps of every released version its install script and what a database of it contained
# (versions/capture.sh makes both at a release). The scripts lie beside the installed ones while
# this runs. The last part changes the upgraded database in many ways, one at a time, and demands
# that the comparison sees each: one that cannot fail would prove nothing.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/cluster.sh"
installed=$("${1:-pg_config}" --sharedir)/extension
sudo=
[ -w "$installed" ] || sudo=sudo
trap 'stop; $sudo rm -f $placed' EXIT
placed=
for script in "$here"/versions/edgebase--*.sql "$here"/versions/edgebase--*.control; do
    [ -e "$installed/${script##*/}" ] && continue
    placed="$placed $installed/${script##*/}"
    $sudo cp "$script" "$installed/"
done

in_db() { database=$1 user=$2; shift 2; psql "$user" -d "$database" -At "$@"; }
value() { in_db "$1" postgres -c "$2"; }
members() { in_db "$1" postgres -v ON_ERROR_STOP=1 -f "$here/lib/members.sql"; }
sqlstate() { sed -n 's/^ERROR:  //p'; }

for script in "$here"/../sql/edgebase--*--*.sql; do
    cmp -s "$script" "$installed/${script##*/}" || not_ok "${script##*/} is not installed as it is in the tree"
done
is "nothing else of sql/ is installed" "$(ls "$installed" | grep -c '^bootstrap')" 0
version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" "$installed/edgebase.control")
for name in $(sed -n 's/^INSTALL="\(.*\)"/\1/p' "$here/../../scripts/extension"); do
    cat "$here/../sql/$name.sql"
done | cmp -s - "$installed/edgebase--$version.sql" || not_ok "edgebase--$version.sql is not what the tree has"
# A package holds, below its root, the same files in the same places.
libraries=$("${1:-pg_config}" --pkglibdir)
PG_CONFIG="${1:-pg_config}" DESTDIR="$dir/package" "$here/../../scripts/extension" 2>/dev/null ||
    not_ok "scripts/extension makes no package"
is "a package holds what is installed" \
    "$(cd "$dir/package" && find . -type f | LC_ALL=C sort | while read -r file; do
        cmp -s "$file" "/$file" && echo "${file##*/}"; done | tr '\n' ' ')" \
    "edgebase.so $(cd "$here/../sql" && ls edgebase--*--*.sql | tr '\n' ' ')edgebase--$version.sql edgebase.control "

start_cluster "$dir"
newest=$(value postgres "SELECT default_version FROM pg_available_extensions WHERE name = 'edgebase'")
value postgres "CREATE DATABASE fresh" && value fresh "CREATE EXTENSION edgebase" || exit 1
value fresh "CREATE ROLE proxy_login LOGIN IN ROLE edgebase_proxy; CREATE ROLE admin_login LOGIN IN ROLE edgebase_admin"
members fresh >"$dir/fresh"
is "every kind of object that belongs to the extension can be compared" "$(grep '^NOT COMPARED' "$dir/fresh")" ""
[ "$(wc -l <"$dir/fresh")" -ge 100 ] || not_ok "only $(wc -l <"$dir/fresh") properties found"

# What a tenant of the captured database finds in its instance: one word each, see capture.sh.
everything() {
    in_db "$1" postgres >"$dir/everything.sql" <<'SQL'
SELECT format($$
BEGIN;
SELECT edgebase.enter('room', %L) \g /dev/null
SELECT concat_ws(' ', m.text = %1$L, m.n, m.ok, m.data, m.extra, m.at AT TIME ZONE 'UTC', c.parent,
    (SELECT "a.b" || "c'd" FROM "Weird ""T"""), (SELECT _doc FROM log)) FROM notes m, notes c WHERE m.id = 'me' AND c.id = 'child';
INSERT INTO notes (id, text, n) VALUES ('later', 'later', %2$s);
SELECT count(*) FROM "room:plain".notes;
ROLLBACK;$$, id, number) FROM edgebase.instances JOIN edgebase.instance USING (namespace, id)
WHERE namespace = 'room' AND id <> 'plain' AND current;
SQL
    in_db "$1" proxy_login -v VERBOSITY=sqlstate -f "$dir/everything.sql" 2>&1 | sed 's/^psql:[^ ]* //' | sort | uniq -c | sed 's/^ *//'
}
# An instance's tables and rights as a whole, in words that do not say which instance it is.
shape() {
    in_db "$1" postgres -v key="$2" <<'SQL'
SELECT quote_ident(schema) AS home, role AS own FROM edgebase.instances WHERE key = :'key' \gset
SELECT text FROM (SELECT replace(replace(line, :'home', 'HOME'), :'own', 'ROLE') AS text FROM (
    SELECT format('%s %s %s %s', c.oid::regclass, c.relkind, c.relowner::regrole, c.reloptions) FROM pg_class c WHERE c.relnamespace = :'home'::regnamespace
    UNION ALL SELECT format('%s may %s %s', a.grantee::regrole, a.privilege_type, c.oid::regclass)
        FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a WHERE c.relnamespace = :'home'::regnamespace AND c.relkind = 'r'
    UNION ALL SELECT format('%s may %s', a.grantee::regrole, a.privilege_type) FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.oid = :'home'::regnamespace
    UNION ALL SELECT format('%s %s %s %s %s %s', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, nullif(a.attcollation, 0)::regcollation, pg_get_expr(d.adbin, d.adrelid))
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE c.relnamespace = :'home'::regnamespace AND c.relkind = 'r'
    UNION ALL SELECT format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = :'home'::regnamespace
    UNION ALL SELECT indexdef FROM pg_indexes WHERE quote_ident(schemaname) = :'home'
) AS lines (line)) AS neutral ORDER BY text COLLATE "C";
SQL
}

for script in "$here"/versions/edgebase--*.sql; do
    old=${script##*--} old=${old%.sql}
    [ "$old" = "$newest" ] && continue
    db="from $old"
    value postgres "CREATE DATABASE \"$db\"" && value "$db" "CREATE EXTENSION edgebase VERSION '$old'" || exit 1
    prefix=eb_$(value postgres "SELECT oid FROM pg_database WHERE datname = '$db'")_
    sed "s/@eb@/$prefix/g" "$here/versions/data-$old.sql" | in_db "$db" postgres -v ON_ERROR_STOP=1 >/dev/null || exit 1
    rooms=$(value "$db" "SELECT count(*) FROM edgebase.instance WHERE namespace = 'room'")

    is "$old: it is registered where it was then" "$(value "$db" "SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'edgebase'")" public

    # Between the installation of the files and the update, proxies go on.
    expected="$((rooms - 2)) ERROR:  42501
$((rooms - 2)) t 2.5 t {\"k\": [1, \"Ω\"]} new 2026-01-02 03:04:05.678 me dotit's {\"any\": 1}"
    is "$old: before the update the new library serves its tenants" "$(everything "$db")" "$expected"

    value "$db" "ALTER EXTENSION edgebase UPDATE" || not_ok "$old: the update fails"
    is "$old: the update leads to $newest" "$(value "$db" "SELECT extversion FROM pg_extension WHERE extname = 'edgebase'")" "$newest"
    members "$db" >"$dir/upgraded"
    if diff "$dir/fresh" "$dir/upgraded" >"$dir/differences"; then
        ok "$old: upgraded, the extension is the fresh one in all of $(wc -l <"$dir/fresh") properties"
    else
        not_ok "$old: an upgraded extension (>) differs from a fresh one (<)"
        cat "$dir/differences"
    fi

    is "$old: its tenants find what they left, write, and reach nobody else" "$(everything "$db")" "$expected"
    is "$old: one that was behind still is" \
        "$(in_db "$db" proxy_login -v VERBOSITY=sqlstate -c "SELECT edgebase.enter('room', 'behind')" 2>&1 | sqlstate)" EB003
    is "$old: and can be brought up" "$(in_db "$db" proxy_login -c "SELECT edgebase.migrate('room', 'behind') ->> 'migrated'")" true
    is "$old: all of them are served then" "$(everything "$db" | tail -n 1 | cut -d' ' -f1)" "$((rooms - 1))"
    # What this version makes differently is brought up like any change of a config, block by block.
    changes=$(in_db "$db" admin_login -v config="$(cat "$here/versions/config.json")" <<'SQL'
SELECT concat_ws(' ', change, namespace, table_name) FROM edgebase.apply_config(:'config') ORDER BY namespace COLLATE "C", table_name, change;
SQL
)
    is "$old: applying the same config changes what this version makes differently, and nothing else" \
        "$changes" "$(cat "$here/versions/changes-$old.txt")"
    value "$db" "SELECT edgebase.migrate(namespace, id) FROM edgebase.instances WHERE NOT current" >/dev/null
    is "$old: every instance follows" "$(value "$db" "SELECT count(*) FROM edgebase.instances WHERE NOT current")" 0
    is "$old: and is served then" "$(everything "$db" | tail -n 1 | cut -d' ' -f1)" "$((rooms - 1))"
    is "$old: the audit is all there" "$(value "$db" "SELECT string_agg(action, ' ' ORDER BY seq) FROM edgebase.audit WHERE id = 'gone'")" "create migrate drop"
    # Schemas whose name is not their key did not say so then.
    is "$old: there is nothing to repair but comments" \
        "$(value "$db" "SELECT edgebase.repair() - 'schemas_missing'")" '{"mended": 3, "roles_created": 0, "roles_dropped": 0, "grants_revoked": 0}'
    in_db "$db" proxy_login -c "SELECT edgebase.create_instance('room', 'made')" >/dev/null
    shape "$db" room:made >"$dir/made"
    [ "$(wc -l <"$dir/made")" -ge 40 ] || not_ok "$old: only $(wc -l <"$dir/made") properties of a new instance found"
    for key in room:plain room:behind "room:x\"; DROP SCHEMA public; --"; do
        shape "$db" "$key" >"$dir/kept"
        is "$old: $key has the tables and rights of an instance made now" "$(diff "$dir/made" "$dir/kept")" ""
    done
    is "$old: a copy is equal row for row" "$(value "$db" "
        SELECT edgebase.import_instance('room', 'copy', (SELECT jsonb_agg(to_jsonb(e)) FROM edgebase.export_instance('room', 'behind') e)) ->> 'rows'")" 4
    is "$old: an instance can be dropped" "$(in_db "$db" proxy_login -c "SELECT edgebase.drop_instance('room', 'behind') ->> 'rows'")" 4

    # Every change is seen.
    members "$db" >"$dir/upgraded"
    while IFS= read -r change; do
        { echo "BEGIN; $change;"; cat "$here/lib/members.sql"; } >"$dir/change.sql"
        if ! in_db "$db" postgres -v ON_ERROR_STOP=1 -f "$dir/change.sql" >"$dir/changed" 2>"$dir/err"; then
            not_ok "$old: $change: $(cat "$dir/err")"
        elif cmp -s "$dir/upgraded" "$dir/changed"; then
            not_ok "$old: the comparison does not see: $change"
        else
            ok "$old: the comparison sees: $change"
        fi
    done <<'CHANGES'
ALTER EXTENSION edgebase DROP FUNCTION edgebase.schema_of(text, text); DROP FUNCTION edgebase.schema_of(text, text)
ALTER EXTENSION edgebase DROP VIEW edgebase.audit
CREATE FUNCTION edgebase.more() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER EXTENSION edgebase ADD FUNCTION edgebase.more()
CREATE CAST (edgebase.block AS text) WITH INOUT; ALTER EXTENSION edgebase ADD CAST (edgebase.block AS text)
CREATE OR REPLACE FUNCTION edgebase.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN NULL; END'
CREATE OR REPLACE FUNCTION edgebase.locate(namespace text, id text DEFAULT '') RETURNS text LANGUAGE c STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '$libdir/edgebase', 'edgebase_locate'
ALTER FUNCTION edgebase.enter(text, text) STABLE
ALTER FUNCTION edgebase.migrate(text, text) RESET search_path
ALTER FUNCTION edgebase.repair() SECURITY INVOKER
ALTER FUNCTION edgebase.repair() OWNER TO edgebase_owner
GRANT EXECUTE ON FUNCTION edgebase.enter(text, text) TO PUBLIC
GRANT EXECUTE ON FUNCTION edgebase.enter(text, text) TO edgebase_proxy WITH GRANT OPTION
REVOKE EXECUTE ON FUNCTION edgebase.migrate(text, text) FROM edgebase_proxy
GRANT SELECT (namespace) ON edgebase.instance TO edgebase_proxy
REVOKE SELECT ON edgebase.blocks FROM edgebase_analyst
REVOKE USAGE ON SCHEMA edgebase FROM edgebase_analyst
ALTER SCHEMA edgebase OWNER TO edgebase_owner
ALTER TABLE edgebase.audit_log OWNER TO edgebase_owner
ALTER TABLE edgebase.instance ADD COLUMN more text
ALTER TABLE edgebase.analytics DROP COLUMN definition; ALTER TABLE edgebase.analytics ADD COLUMN definition json NOT NULL DEFAULT '{}'; ALTER TABLE edgebase.analytics ALTER COLUMN definition DROP DEFAULT
ALTER TABLE edgebase.instance ALTER COLUMN version DROP NOT NULL
ALTER TABLE edgebase.instance ALTER COLUMN created_at DROP DEFAULT
ALTER TABLE edgebase.instance RENAME COLUMN created_at TO made_at
ALTER TABLE edgebase.instance ENABLE ROW LEVEL SECURITY
ALTER TABLE edgebase.instance SET (fillfactor = 50)
ALTER TABLE edgebase.block DROP CONSTRAINT block_kind_check
ALTER TABLE edgebase.block ADD CONSTRAINT more CHECK (true) NOT VALID
ALTER TABLE edgebase.audit_log DISABLE TRIGGER append_only
DROP TRIGGER append_only ON edgebase.audit_log
CREATE INDEX more ON edgebase.instance (created_at)
CREATE RULE more AS ON DELETE TO edgebase.audit_log DO INSTEAD NOTHING
CREATE POLICY more ON edgebase.instance USING (true)
ALTER SEQUENCE edgebase.instance_number INCREMENT 2
ALTER SEQUENCE edgebase.instance_number OWNED BY NONE
CREATE OR REPLACE VIEW edgebase.audit AS SELECT seq, at, actor, action, namespace, id, details FROM edgebase.audit_log WHERE true
ALTER VIEW edgebase.audit SET (security_invoker = true)
COMMENT ON VIEW edgebase.audit IS NULL
COMMENT ON COLUMN edgebase.audit_log.actor IS 'more'
COMMENT ON EXTENSION edgebase IS 'more'
SET LOCAL allow_system_table_mods = on; UPDATE pg_extension SET extcondition[1] = 'WHERE false' WHERE extname = 'edgebase'
SET LOCAL allow_system_table_mods = on; DELETE FROM pg_init_privs WHERE objoid = 'edgebase.blocks'::regclass
ALTER EVENT TRIGGER edgebase_warn_of_drop DISABLE
ALTER DEFAULT PRIVILEGES FOR ROLE edgebase_owner GRANT SELECT ON TABLES TO PUBLIC
GRANT CREATE ON SCHEMA public TO PUBLIC
GRANT TEMPORARY ON DATABASE "from 0.1.0" TO PUBLIC
GRANT UPDATE ON pg_catalog.pg_settings TO PUBLIC
CHANGES
done

[ $failed = 0 ] || { echo "$failed failed"; exit 1; }
