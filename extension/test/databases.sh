#!/bin/sh
# Which databases does the extension accept, is one as closed as the next, and what is said of one
# that was changed? Encodings, a database made from a template that has the extension, a schema under
# another name, the script that makes the login roles.
#
#   extension/test/databases.sh [PG_CONFIG]
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/cluster.sh"
start_cluster "$dir"

in_db() { database=$1 user=$2; shift 2; psql "$user" -d "$database" -At "$@"; }
value() { in_db "$1" postgres -c "$2" 2>&1; }
code_of() { in_db "$1" "$2" -v VERBOSITY=sqlstate -c "$3" 2>&1 | sed -n 's/^ERROR:  //p'; }

# Text of every script and every name has to fit.
for encoding in LATIN1 SQL_ASCII EUC_JP; do
    value postgres "CREATE DATABASE \"$encoding\" TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'"
    is "a database in $encoding is refused" "$(code_of "$encoding" postgres "CREATE EXTENSION edgebase")" 0A000
    hint=$(value "$encoding" "CREATE EXTENSION edgebase" | grep -c "^HINT:.*ENCODING 'UTF8'")
    is "and the hint says how to make one that is not" "$hint" 1
    is "nothing is left of the attempt in $encoding" "$(value "$encoding" "SELECT count(*) FROM pg_namespace WHERE nspname = 'edgebase'")" 0
done
# The privileges of a database do not come with its template.
value template1 "CREATE EXTENSION edgebase" >/dev/null
value postgres "CREATE ROLE admin_login LOGIN IN ROLE edgebase_admin; CREATE ROLE stranger LOGIN"
value postgres "CREATE DATABASE \"from \"\"template\"\"\""
temp="SELECT has_database_privilege('stranger', current_database(), 'TEMP')"
is "a database made from a template lets everybody make temporary tables" "$(value 'from "template"' "$temp")" t
in_db 'from "template"' admin_login -c "SELECT count(*) FROM edgebase.apply_config('{\"databases\": {}}', true)" >/dev/null
is "a dry run changes nothing of that" "$(value 'from "template"' "$temp")" t
in_db 'from "template"' admin_login -c "SELECT count(*) FROM edgebase.apply_config('{\"databases\": {}}')" >/dev/null
is "until a config is applied" "$(value 'from "template"' "$temp")" f
value postgres "CREATE DATABASE repaired" >/dev/null
value repaired "SELECT edgebase.repair()" >/dev/null
is "or it is repaired" "$(value repaired "$temp")" f

# A schema that somebody renamed is not lost, and what is said of it works as it stands.
value postgres "CREATE EXTENSION edgebase; CREATE ROLE proxy_login LOGIN IN ROLE edgebase_proxy"
in_db postgres admin_login -c "SELECT count(*) FROM edgebase.apply_config('{\"databases\": {\"many\": {\"instance\": true, \"tables\": {\"t\": {}}}}}')" \
    -c "SELECT edgebase.create_instance('many', 'a')" >/dev/null
value postgres "INSERT INTO \"many:a\".t (id) VALUES ('row'); ALTER SCHEMA \"many:a\" RENAME TO \"Old \"\"name\"\"\""
is "a renamed schema is not entered" "$(code_of postgres proxy_login "BEGIN; SELECT edgebase.enter('many', 'a')")" 55000
refusal=$(in_db postgres proxy_login -c "SELECT edgebase.drop_instance('many', 'a')" 2>&1)
is "nor deleted" "$(echo "$refusal" | grep -c "^ERROR:  the schema of instance \"many:a\" was renamed")" 1
value postgres "$(echo "$refusal" | sed -n 's/.*\(ALTER SCHEMA .*\) gives it its name back/\1/p')"
is "the statement that the refusal names gives it its name back" "$(value postgres "SELECT id FROM \"many:a\".t")" row
is "and it is deleted whole" "$(in_db postgres proxy_login -c "SELECT edgebase.drop_instance('many', 'a') ->> 'rows'")" 1
is "of a schema that is gone the rest is deleted" "$(
    in_db postgres proxy_login -c "SELECT edgebase.create_instance('many', 'b')" >/dev/null
    value postgres 'DROP SCHEMA "many:b" CASCADE' >/dev/null
    in_db postgres proxy_login -c "SELECT edgebase.drop_instance('many', 'b') ->> 'rows'")" 0

# What an operator looks at: an instance, its events, and a proxy that may do too much.
value postgres "CREATE ROLE too_much LOGIN SUPERUSER IN ROLE edgebase_proxy" >/dev/null
in_db postgres admin_login -c "SELECT edgebase.create_instance('many', 'seen')" >/dev/null
health=$(in_db postgres admin_login -v ON_ERROR_STOP=1 -f "$here/../../sql/health.sql" 2>&1; echo "status $?")
is "sql/health.sql runs as an administrator" "$(echo "$health" | tail -n 1)" "status 0"
is "it shows instances by block" "$(echo "$health" | grep -c '^many|active|1|')" 1
is "and their events" "$(echo "$health" | grep -c '|created|many|seen|\||create|many|seen|')" 1
is "and every proxy, with what it may" "$(echo "$health" | grep -E '^[a-z_]+\|[tf]\|[tf]$' | tr '\n' ' ')" \
    "proxy_login|f|f too_much|t|f "
value postgres "DROP ROLE too_much" >/dev/null

# The script that makes the login roles: twice, and with another password, and beside a role that has too much.
roles() { # roles DATABASE PROXY_PASSWORD
    in_db "$1" postgres -v proxy_password="$2" -v admin_password=a -f "$here/../../sql/roles.sql" 2>&1
}
is "the login roles are made" "$(roles template1 "it's")" ""
password="SELECT rolpassword FROM pg_authid WHERE rolname = 'edgebase_proxy_login'"
first=$(value postgres "$password")
is "a second time nothing fails" "$(roles template1 "it's")" ""
is "another database of the server needs them only once" "$(roles repaired other)" ""
[ "$first" != "$(value postgres "$password")" ] && ok "the last password counts" || not_ok "the password is the first one"
value postgres "ALTER ROLE edgebase_proxy_login CREATEROLE BYPASSRLS"
roles template1 p
is "and they have no right too many" "$(value postgres "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls OR NOT rolinherit OR NOT rolcanlogin FROM pg_roles WHERE rolname = 'edgebase_proxy_login'")" f
is "each is a member of one group" "$(value postgres "SELECT string_agg(member::regrole || ' ' || roleid::regrole, ',' ORDER BY 1) FROM pg_auth_members WHERE member::regrole::text LIKE 'edgebase%login'" | tr ',' '\n' | sort | tr '\n' ',')" \
    "edgebase_admin_login edgebase_admin,edgebase_proxy_login edgebase_proxy,"
exit $failed
