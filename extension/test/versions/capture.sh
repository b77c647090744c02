#!/bin/sh
# What does a database hold after a life under the installed version? Prints what
# `data-VERSION.sql` beside this keeps of it, for upgrade.sh to start from. Run at each release,
# together with copying bootstrap.sql to edgebase--VERSION.sql, and never again for that version.
#
#   extension/test/versions/capture.sh [PG_CONFIG] >extension/test/versions/data-VERSION.sql
#
# In the result `@eb@` stands for the beginning of the instance roles' names, which holds the oid of
# the database.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/cluster.sh"
start_cluster "$dir"
psql postgres -v ON_ERROR_STOP=1 -v config="$(cat "$here/config.json")" >&2 <<'SQL'
CREATE EXTENSION edgebase;
CREATE ROLE proxy_login LOGIN IN ROLE edgebase_proxy;
CREATE ROLE admin_login LOGIN IN ROLE edgebase_admin;

-- First as the config was before a column, an enum value, a limit and a migration were added.
SELECT (:'config'::jsonb)
    #- '{databases,app,tables,posts,schema,more}'
    #- '{databases,room,tables,notes,schema,extra}'
    #- '{databases,room,tables,notes,migrations}'
    #- '{databases,room,tables,"Weird \"T\"",schema,c''d,enum,1}'
    AS former \gset
SELECT jsonb_set(:'former', '{databases,app,tables,posts,schema,title,max}', '80') AS former \gset
SET SESSION AUTHORIZATION admin_login;
SELECT * FROM edgebase.apply_config(:'former') \g /dev/null
SELECT edgebase.create_instance('room', id) FROM unnest(ARRAY['plain', 'Mixed Case', 'it''s',
    'x"; DROP SCHEMA public; --', '😀 Ω', repeat('é', 127) || 'z', 'pg_catalog', 'public', 'SELECT', '%',
    'behind', 'gone']) AS id \g /dev/null
RESET SESSION AUTHORIZATION;
INSERT INTO app.posts (id, title) VALUES ('me', 'app');
INSERT INTO "public:".t (id, a) VALUES ('me', 'public');
INSERT INTO ":pg_x"."select" (id, "from") VALUES ('me', 'pg_x');
SELECT format('INSERT INTO %1$I.notes (id, text, n, at, data, ok) VALUES (''me'', %2$L, 1.5, ''2026-01-02 03:04:05.678Z'', ''{"k": [1, "Ω"]}'', true);
               INSERT INTO %1$I.notes (id, parent) VALUES (''child'', ''me'');
               INSERT INTO %1$I."Weird ""T""" (id, "a.b", "c''d") VALUES (''me'', ''dot'', ''it''''s'');
               INSERT INTO %1$I.log (id, _doc) VALUES (''me'', ''{"any": 1}'');',
    schema_name, id) FROM edgebase.instance WHERE namespace = 'room' \gexec

-- Then as it is. One instance has not followed yet, one is gone.
SET SESSION AUTHORIZATION admin_login;
SELECT * FROM edgebase.apply_config(:'config') \g /dev/null
SELECT edgebase.migrate('room', id) FROM edgebase.instances WHERE namespace = 'room' AND id <> 'behind' \g /dev/null
SELECT edgebase.drop_instance('room', 'gone') \g /dev/null
SQL
oid=$(psql postgres -At -c "SELECT oid FROM pg_database WHERE datname = 'postgres'")
psql postgres -At -c "SELECT format('CREATE ROLE @eb@%s NOLOGIN NOINHERIT CONNECTION LIMIT 0;', number)
    FROM edgebase.instance ORDER BY number"
"$bin/pg_dump" -h "$dir" -U postgres postgres |
    sed -e '/^\\\(un\)\?restrict/d' -e '/^CREATE EXTENSION/d' -e '/^COMMENT ON EXTENSION/d' -e '/^--/d' \
        -e "s/eb_${oid}_/@eb@/g" | cat -s
