-- run: login=postgres
-- Do create, locate, migrate, drop, export, import and repair do what they say? Run as a superuser
-- who takes on the operator's role; each check prints its verdict.

\set attack 'creating twice creates once'
\set expect 00000
BEGIN;
SELECT 1 / ((edgebase.create_instance('tenant', 'new') ->> 'created')::bool)::int \g /dev/null
SELECT 1 / (NOT (edgebase.create_instance('tenant', 'new') ->> 'created')::bool)::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a created instance is rolled back with its transaction'
\set expect 00000
BEGIN;
SELECT edgebase.create_instance('tenant', 'undone') \g /dev/null
ROLLBACK;
BEGIN;
SELECT 1 / (edgebase.locate('tenant', 'undone') IS NULL AND NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'tenant:undone'))::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a created instance shows in the view with its role, current and active'
\set expect 00000
SELECT 1 / (count(*) = 1)::int FROM edgebase.instances WHERE key = 'tenant:mallory' AND current AND state = 'active' AND role IN (SELECT rolname FROM pg_roles) AND size > 0 \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a dropped instance leaves nothing but its receipt'
\set expect 00000
BEGIN;
SELECT edgebase.create_instance('tenant', 'leaver') ->> 'schema' AS home \gset
INSERT INTO :"home".invoices (id, note) VALUES ('a', 'planted'), ('b', 'planted');
SELECT role AS their_role FROM edgebase.instances WHERE key = 'tenant:leaver' \gset
SELECT edgebase.drop_instance('tenant', 'leaver') AS receipt \gset
SELECT 1 / (NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = :'home')
    AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'their_role')
    AND NOT EXISTS (SELECT FROM edgebase.instance WHERE id = 'leaver')
    AND (SELECT details FROM edgebase.audit WHERE action = 'drop' AND id = 'leaver') = (:'receipt')::jsonb
    AND (:'receipt')::jsonb ->> 'rows' = '2' AND length((:'receipt')::jsonb ->> 'digest') = 64
    AND (:'receipt')::jsonb -> 'tables' -> 1 ->> 'name' = 'invoices')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a receipt names whom the instance was dropped for, and the audit also who did it'
\set expect 00000
BEGIN;
SELECT edgebase.create_instance('tenant', 'leaver') \g /dev/null
SELECT edgebase.drop_instance('tenant', 'leaver', 'user "x"') AS receipt \gset
SELECT 1 / ((:'receipt')::jsonb ->> 'dropped_by' = 'user "x"'
    AND (SELECT details = (:'receipt')::jsonb AND actor = session_user FROM edgebase.audit WHERE action = 'drop' AND id = 'leaver'))::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'nobody is no name for a receipt'
\set expect 22023
BEGIN;
SELECT edgebase.create_instance('tenant', 'leaver') \g /dev/null
SELECT edgebase.drop_instance('tenant', 'leaver', '') \g /dev/null
\ir ../lib/verdict.sql

\set attack 'dropping twice says that it is gone'
\set expect EB002
BEGIN;
SELECT edgebase.create_instance('tenant', 'leaver') \g /dev/null
SELECT edgebase.drop_instance('tenant', 'leaver') \g /dev/null
SELECT edgebase.drop_instance('tenant', 'leaver') \g /dev/null
\ir ../lib/verdict.sql

\set attack 'instances are found, and no others for them, after the registry was rewritten'
\set expect 00000
SELECT edgebase.create_instance('tenant', name) FROM unnest(ARRAY['moved 1', 'moved 2', 'moved 3']) AS name \g /dev/null
SELECT edgebase.locate('tenant', 'moved 1') AS one, edgebase.locate('tenant', 'moved 2') AS two, edgebase.locate('tenant', 'moved 3') AS three \gset
SELECT edgebase.drop_instance('tenant', 'moved 1') \g /dev/null
VACUUM FULL edgebase.instance;
SELECT edgebase.locate('tenant', 'moved 1') IS NULL AND edgebase.locate('tenant', 'moved 2') = :'two'
    AND edgebase.locate('tenant', 'moved 3') = :'three' AS kept \gset
SELECT edgebase.drop_instance('tenant', name) FROM unnest(ARRAY['moved 2', 'moved 3']) AS name \g /dev/null
VACUUM FULL edgebase.instance;
SELECT 1 / ((:'kept')::bool AND edgebase.locate('tenant', 'moved 2') IS NULL AND edgebase.locate('tenant', 'moved 3') IS NULL)::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'an instance created again has another role'
\set expect 00000
BEGIN;
SELECT edgebase.create_instance('tenant', 'again') \g /dev/null
SELECT role AS first FROM edgebase.instances WHERE id = 'again' \gset
SELECT edgebase.drop_instance('tenant', 'again'), edgebase.create_instance('tenant', 'again') \g /dev/null
SELECT 1 / (role <> :'first')::int FROM edgebase.instances WHERE id = 'again' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a schema that somebody else made is left alone'
\set expect 00000
BEGIN;
CREATE SCHEMA "tenant:taken";
SELECT 1 / (edgebase.create_instance('tenant', 'taken') ->> 'schema' = 'tenant:taken:')::int \g /dev/null
\ir ../lib/verdict.sql

-- Migration: additive differences by themselves, losses only with a migration.
\set v2 '{"databases": {"tenant": {"instance": true, "tables": {"invoices": {"schema": {"n": "number", "note": {"type": "string", "max": 30}, "paid": {"type": "boolean", "required": true}, "tag": {"type": "string", "required": true, "default": "x", "unique": false}}, "indexes": [{"fields": ["n", "tag"]}], "fts": ["note", "tag"]}, "extra": {"schema": {"invoice": {"type": "string", "references": "invoices"}}}, "Weird \\"T\\"": {"schema": {"a.b": "string", "c''d": {"type": "string", "enum": ["it''s"]}}}}}}}'
-- The config above in a variable: psql keeps the doubled quotes of its own syntax single.
\set attack 'a dry run lists the steps and changes nothing'
\set expect 00000
BEGIN;
SELECT version AS before FROM edgebase.blocks WHERE namespace = 'tenant' \gset
SELECT 1 / (count(*) FILTER (WHERE change = 'add_column') = 2 AND count(*) FILTER (WHERE change = 'create_table') >= 1 AND count(*) FILTER (WHERE change = 'kept') = 4 AND NOT bool_or(destructive))::int FROM edgebase.apply_config(:'v2', true) \g /dev/null
SELECT 1 / (version = :'before')::int FROM edgebase.blocks WHERE namespace = 'tenant' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'what lifecycle functions set for themselves ends with them'
\set expect 00000
BEGIN;
SET LOCAL timezone = 'Asia/Kathmandu';
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL lock_timeout = '7s';
SET LOCAL search_path = public;
SELECT edgebase.create_instance('tenant', 'brief') \g /dev/null
SELECT edgebase.drop_instance('tenant', 'brief') \g /dev/null
SELECT edgebase.import_instance('tenant', 'brief', '[]') \g /dev/null
SELECT 1 / (current_setting('timezone') = 'Asia/Kathmandu' AND current_setting('datestyle') = 'SQL, DMY'
    AND current_setting('lock_timeout') = '7s' AND current_setting('search_path') = 'public')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'an instance that is behind is not entered'
\set expect EB003
BEGIN;
SELECT * FROM edgebase.apply_config(:'v2') \g /dev/null
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory');
\ir ../lib/verdict.sql

\set attack 'migrating brings the instance up and keeps its rows; the second time nothing is left to do'
\set expect 00000
BEGIN;
SELECT * FROM edgebase.apply_config(:'v2') \g /dev/null
SELECT 1 / ((edgebase.migrate('tenant', 'mallory') ->> 'migrated')::bool)::int \g /dev/null
SELECT 1 / (NOT (edgebase.migrate('tenant', 'mallory') ->> 'migrated')::bool)::int \g /dev/null
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SELECT 1 / (count(*) = 1)::int FROM invoices WHERE tag = 'x' AND paid IS NULL AND id = 'm1' \g /dev/null
INSERT INTO extra (id, invoice) VALUES ('e', 'm1');
\ir ../lib/verdict.sql

\set attack 'a migrated instance has the same shape as a new one'
\set expect 00000
BEGIN;
SELECT * FROM edgebase.apply_config(:'v2') \g /dev/null
SELECT edgebase.migrate('tenant', 'mallory'), edgebase.create_instance('tenant', 'fresh') \g /dev/null
CREATE TEMP VIEW shape AS
SELECT n.nspname, c.relname, format('%s %s %s', a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid)) AS part
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
UNION ALL SELECT n.nspname, conrelid::regclass::text, conname || ' ' || pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN pg_namespace n ON n.oid = connamespace WHERE contype <> 'n' AND conname <> 'whoami';
SELECT 1 / (count(*) = 0)::int FROM (
    (SELECT replace(part, 'tenant:mallory', 'tenant:fresh') FROM shape WHERE nspname = 'tenant:mallory' EXCEPT SELECT part FROM shape WHERE nspname = 'tenant:fresh')
    UNION ALL
    (SELECT part FROM shape WHERE nspname = 'tenant:fresh' EXCEPT SELECT replace(part, 'tenant:mallory', 'tenant:fresh') FROM shape WHERE nspname = 'tenant:mallory')) AS d \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a failing migration names its own error and leaves the instance as it was'
\set expect 22012
BEGIN;
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.create_instance('m', 'x') \g /dev/null
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"t": {"schema": {"a": "string", "b": "string"}, "migrations": [{"version": 1, "description": "bad", "up": "SELECT 1/0"}]}}}}}') \g /dev/null
SELECT edgebase.migrate('m', 'x');
\ir ../lib/verdict.sql

\set attack 'a failure that is noted instead of raised keeps its SQLSTATE and leaves the instance as it was'
\set expect 00000
BEGIN;
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.create_instance('m', 'x'), edgebase.create_instance('m', 'y') \g /dev/null
INSERT INTO "m:x".t (id, a) VALUES ('1', 'same'), ('2', 'same');
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"t": {"schema": {"b": "string", "a": {"type": "string", "unique": true}}}}}}}') \g /dev/null
SELECT 1 / (edgebase.try_migrate('m', 'x') #>> '{failed,sqlstate}' = '23505')::int \g /dev/null
SELECT 1 / (state = 'failed' AND NOT current AND failure ->> 'sqlstate' = '23505' AND failed_at IS NOT NULL)::int FROM edgebase.instances WHERE key = 'm:x' \g /dev/null
SELECT 1 / (count(*) = 0)::int FROM information_schema.columns WHERE table_schema = 'm:x' AND column_name = 'b' \g /dev/null
SELECT 1 / (count(*) = 1)::int FROM edgebase.audit WHERE action = 'migrate_failed' AND id = 'x' \g /dev/null
-- Told again without another try, which would succeed.
DELETE FROM "m:x".t WHERE id = '2';
SELECT 1 / (edgebase.try_migrate('m', 'x') #>> '{failed,sqlstate}' = '23505')::int \g /dev/null
-- The next in line is the other one; then there is none, unless failed ones count.
SELECT 1 / (edgebase.migrate_behind('m') @> '{"namespace": "m", "id": "y", "migrated": true}')::int \g /dev/null
SELECT 1 / (edgebase.migrate_behind('m') IS NULL)::int \g /dev/null
SELECT 1 / (edgebase.migrate_behind('m', true) @> '{"id": "x", "migrated": true}')::int \g /dev/null
SELECT 1 / (state = 'active' AND failure IS NULL)::int FROM edgebase.instances WHERE key = 'm:x' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a cancellation is no failure of the migration'
\set expect 57014
BEGIN;
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.create_instance('m', 'x') \g /dev/null
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"t": {"schema": {"a": "string"}, "migrations": [{"version": 1, "description": "slow", "up": "SELECT pg_sleep(30)"}]}}}}}') \g /dev/null
SET LOCAL statement_timeout = '200ms';
SELECT edgebase.try_migrate('m', 'x');
\ir ../lib/verdict.sql

\set attack 'a trigger that a migration''s changes would defer is refused, so none runs later as somebody else'
\set expect 42501
BEGIN;
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.create_instance('m', 'x') \g /dev/null
INSERT INTO "m:x".t (id) VALUES ('1');
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"t": {"schema": {"a": "string"}, "migrations": [{"version": 1, "description": "plant", "up": "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN UPDATE edgebase.instance SET version = ''0''; RETURN NULL; END $f$; CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f(); UPDATE t SET a = ''x''"}]}}}}}') \g /dev/null
SELECT edgebase.migrate('m', 'x');
\ir ../lib/verdict.sql

\set attack 'a table renamed by migration keeps its rows and has the names of a new one'
\set expect 00000
BEGIN;
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": {"type": "string", "unique": true}}}}}}}') \g /dev/null
INSERT INTO m.t (id, a) VALUES ('1', 'kept');
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"tables": {"r": {"schema": {"a": {"type": "string", "unique": true}}, "migrations": [{"version": 1, "description": "rename", "up": "ALTER TABLE t RENAME TO r"}]}}}}}') \g /dev/null
SELECT 1 / (count(*) = 1)::int FROM m.r WHERE a = 'kept' \g /dev/null
SELECT 1 / (array_agg(conname::text ORDER BY conname) = ARRAY['r.a.key', 'r.pkey'])::int FROM pg_constraint WHERE conrelid = 'm.r'::regclass AND contype <> 'n' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a block without instances may change in any way'
\set expect 00000
BEGIN;
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"u": {"schema": {"a": "number"}}}}}}') \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a dry run names lock and work, and the migration to write for a loss'
\set expect 00000
BEGIN;
SELECT 1 / (covered IS FALSE AND lock = 'ACCESS EXCLUSIVE' AND work = 'none' AND guide #>> '{migration,up}' = 'ALTER TABLE "invoices" DROP COLUMN "note"')::int
FROM edgebase.apply_config('{"databases": {"tenant": {"instance": true, "tables": {"invoices": {"schema": {"n": "number"}, "indexes": [{"fields": ["n"]}]}, "Weird \"T\"": {"schema": {"a.b": "string", "c''d": {"type": "string", "enum": ["it''s"]}}}}}}}', true)
WHERE change = 'drop_column' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'an error class of the author''s own passes through'
\set expect ZZ123
BEGIN;
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.create_instance('m', 'x') \g /dev/null
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"t": {"schema": {"a": "string", "b": "string"}, "migrations": [{"version": 1, "description": "bad", "up": "DO $x$BEGIN RAISE EXCEPTION USING ERRCODE = ''ZZ123''; END$x$"}]}}}}}') \g /dev/null
SELECT edgebase.migrate('m', 'x');
\ir ../lib/verdict.sql

\set attack 'a rename by migration keeps the values'
\set expect 00000
BEGIN;
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
INSERT INTO m.t (id, a) VALUES ('1', 'kept');
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"b": "string"}, "migrations": [{"version": 1, "description": "rename", "up": "ALTER TABLE t RENAME COLUMN a TO b"}]}}}}}') \g /dev/null
SELECT 1 / (count(*) = 1)::int FROM m.t WHERE b = 'kept' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a retype by migration converts the values'
\set expect 00000
BEGIN;
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": {"type": "string", "default": "7"}}}}}}}') \g /dev/null
INSERT INTO m.t (id) VALUES ('1');
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": {"type": "number", "default": 8}}, "migrations": [{"version": 1, "description": "numbers", "up": "ALTER TABLE t ALTER COLUMN a DROP DEFAULT, ALTER COLUMN a TYPE double precision USING a::double precision"}]}}}}}') \g /dev/null
INSERT INTO m.t (id) VALUES ('2');
SELECT 1 / (sum(a) = 15)::int FROM m.t \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a config whose check PostgreSQL refuses is refused when applied, not at the first tenant'
\set expect 42703
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"t": {"schema": {"a": {"type": "string", "check": "nosuch > 1"}}}}}}}');
\ir ../lib/verdict.sql

\set attack 'a config whose check calls what no request may is refused when applied'
\set expect EB009
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"t": {"schema": {"a": {"type": "string", "check": "a IS NULL OR set_config(''a.b'', a, false) IS NOT NULL"}}}}}}}');
\ir ../lib/verdict.sql

\set attack 'a config whose check locks is refused when applied'
\set expect EB009
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": {"type": "number", "check": "pg_try_advisory_xact_lock(a::bigint)"}}}}}}}');
\ir ../lib/verdict.sql

\set attack 'a config whose default does not meet its check is refused when applied'
\set expect EB006
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"Awkward \"T": {"schema": {"it''s": {"type": "number", "default": 5, "check": "\"it''s\" > 5"}}}}}}}');
\ir ../lib/verdict.sql

\set attack 'a check of other fields, or of none, does not refuse a default'
\set expect 00000
BEGIN;
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"t": {"schema": {"b": "number", "a": {"type": "number", "default": 5, "check": "a < b AND b IS NOT NULL"}, "c": {"type": "string", "check": "c IS NOT NULL"}, "d": {"type": "string", "default": "x", "check": "NULL"}, "e": {"type": "datetime", "default": "2024-01-01", "check": "e < now()"}, "f": {"type": "boolean", "default": true, "check": "f AND t IS NOT NULL"}}}}}}}') \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a default that its own field refuses is refused when applied'
\set expect EB006
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"instance": true, "tables": {"t": {"schema": {"a": {"type": "datetime", "default": "now"}}}}}}}');
\ir ../lib/verdict.sql

\set attack 'a refused config leaves an autocommit session usable'
\set expect 00000
SELECT 1 \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a datetime default means what it means over HTTP, however it is written'
\set expect 00000
BEGIN;
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": {"type": "datetime", "default": "Mon Nov 23 2026 10:00:00 GMT+0100 (Any Time)"}}}}}}}') \g /dev/null
INSERT INTO m.t (id) VALUES ('1');
SELECT 1 / (a = '2026-11-23T09:00:00Z')::int FROM m.t \g /dev/null
\ir ../lib/verdict.sql

\set attack 'references work in circles and to the own table'
\set expect 00000
BEGIN;
SELECT * FROM edgebase.apply_config('{"databases": {"m": {"tables": {"a": {"schema": {"b": {"type": "string", "references": "b"}, "parent": {"type": "string", "references": "a"}}}, "b": {"schema": {"a": {"type": "string", "references": "a(id)"}}}}}}}') \g /dev/null
INSERT INTO m.a (id) VALUES ('1');
INSERT INTO m.b (id, a) VALUES ('1', '1');
UPDATE m.a SET b = '1', parent = '1';
\ir ../lib/verdict.sql

\set attack 'an export imported under another id is equal row for row'
\set expect 00000
BEGIN;
INSERT INTO "tenant:victim".invoices (id, n, note) SELECT i::text, random() * 1e9, NULLIF('n' || i, 'n3') FROM generate_series(1, 50) i;
SELECT jsonb_agg(to_jsonb(e)) AS rows FROM edgebase.export_instance('tenant', 'victim') e \gset
SELECT edgebase.import_instance('tenant', 'copy', :'rows') ->> 'schema' AS home \gset
SELECT 1 / (count(*) = 0)::int FROM (SELECT * FROM "tenant:victim".invoices EXCEPT SELECT * FROM "tenant:copy".invoices) d \g /dev/null
SELECT 1 / ((SELECT count(*) FROM "tenant:victim".invoices) = (SELECT count(*) FROM "tenant:copy".invoices))::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'importing over rows is refused'
\set expect 22023
SELECT edgebase.import_instance('tenant', 'mallory', '[]');
\ir ../lib/verdict.sql

\set attack 'a record that could not be asked for is not imported'
\set expect 22023
SELECT edgebase.import_instance('tenant', 'shadowed', '[{"table_name": "invoices", "record": {"id": "count"}}]');
\ir ../lib/verdict.sql

\set attack 'a record without an id is not imported'
\set expect 22023
SELECT edgebase.import_instance('tenant', 'shadowed', '[{"table_name": "invoices", "record": {"id": "a b"}}]');
\ir ../lib/verdict.sql

\set attack 'a record nested as deep as over HTTP is imported'
\set expect 00000
BEGIN;
SELECT * FROM edgebase.apply_config('{"databases": {"deep": {"instance": true, "tables": {"loose": {}, "typed": {"schema": {"meta": "json"}}}}}}') \g /dev/null
SELECT jsonb_agg(r) AS rows FROM (VALUES
    (jsonb_build_object('table_name', 'loose', 'record', jsonb_build_object('id', 'a', 'createdAt', now(), 'updatedAt', now(), '_doc', jsonb_build_object('k', (repeat('[', 100) || '1' || repeat(']', 100))::jsonb)))),
    (jsonb_build_object('table_name', 'typed', 'record', jsonb_build_object('id', 'a', 'createdAt', now(), 'updatedAt', now(), 'meta', (repeat('[', 100) || repeat(']', 100))::jsonb)))) v(r) \gset
SELECT 1 / (edgebase.import_instance('deep', 'a', :'rows') ->> 'rows' = '2')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a document nested deeper is not imported'
\set expect 22023
BEGIN;
SELECT * FROM edgebase.apply_config('{"databases": {"deep": {"instance": true, "tables": {"loose": {}}}}}') \g /dev/null
SELECT edgebase.import_instance('deep', 'a', jsonb_build_array(jsonb_build_object('table_name', 'loose', 'record',
    jsonb_build_object('id', 'a', '_doc', jsonb_build_object('k', (repeat('[', 101) || repeat(']', 101))::jsonb))))) \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a field nested deeper is not imported'
\set expect 22023
BEGIN;
SELECT * FROM edgebase.apply_config('{"databases": {"deep": {"instance": true, "tables": {"typed": {"schema": {"meta": "json"}}}}}}') \g /dev/null
SELECT edgebase.import_instance('deep', 'a', jsonb_build_array(jsonb_build_object('table_name', 'typed', 'record',
    jsonb_build_object('id', 'a', 'meta', (repeat('[', 101) || repeat(']', 101))::jsonb)))) \g /dev/null
\ir ../lib/verdict.sql

\set attack 'exporting what does not exist'
\set expect EB002
SELECT * FROM edgebase.export_instance('tenant', 'nobody');
\ir ../lib/verdict.sql

\set attack 'repair takes back grants that nobody should have and makes missing roles'
\set expect 00000
BEGIN;
GRANT SELECT ON "tenant:victim".invoices TO PUBLIC, stranger;
GRANT ALL ON SCHEMA "tenant:victim" TO edgebase_proxy;
REVOKE DELETE ON "tenant:victim".invoices FROM PUBLIC;
SELECT role AS their_role FROM edgebase.instances WHERE key = 'tenant:mallory' \gset
DROP OWNED BY :"their_role";
DROP ROLE :"their_role";
SELECT edgebase.repair() AS report \gset
SELECT 1 / ((:'report')::jsonb ->> 'roles_created' = '1' AND (:'report')::jsonb ->> 'grants_revoked' = '4')::int \g /dev/null
SELECT 1 / (NOT has_table_privilege('stranger', '"tenant:victim".invoices', 'SELECT') AND NOT has_schema_privilege('edgebase_proxy', 'tenant:victim', 'USAGE'))::int \g /dev/null
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
UPDATE invoices SET n = 2 WHERE id = 'm1';
\ir ../lib/verdict.sql

\set attack 'a second repair has nothing to revoke'
\set expect 00000
BEGIN;
SELECT edgebase.repair() \g /dev/null
SELECT 1 / (edgebase.repair() ->> 'grants_revoked' = '0')::int \g /dev/null
\ir ../lib/verdict.sql
