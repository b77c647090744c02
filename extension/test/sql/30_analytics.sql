-- run: login=postgres
-- Relations over all instances: kept in step with the config, and right while instances are behind,
-- gone or broken. Run as a superuser.

-- What the config says, before and after changes.
\set v1 '{"databases": {"w": {"instance": true, "tables": {"t": {"schema": {"a": "string", "n": "number"}}, "old": {"schema": {"a": "string"}}}}}}'
\set v2 '{"databases": {"w": {"instance": true, "tables": {"t": {"schema": {"a": "string", "n": "number", "d": {"type": "string", "default": "it''s \\\\ new"}, "k": {"type": "number", "default": 1.5}, "on": {"type": "boolean", "default": true}, "at": {"type": "datetime", "default": "2026-01-02T03:04:05Z"}, "j": {"type": "json", "default": {"x": ["😀"]}}, "plain": "string"}}, "old": {"schema": {"a": "string"}}, "new": {"schema": {"a": "string"}}}}}}'
\set v3 '{"databases": {"w": {"instance": true, "tables": {"t": {"schema": {"a": "string", "n": "string"}, "migrations": [{"version": 1, "description": "n as text", "up": "ALTER TABLE t ALTER COLUMN n TYPE text COLLATE \\"C\\" USING n::text || ''!''"}]}}}}}'

\set attack 'an instance that is behind reads as if it had migrated, and migrating changes nothing that is read'
\set expect 00000
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'v1') \g /dev/null
SELECT edgebase.create_instance('w', id) FROM unnest(ARRAY['one', 'two']) id \g /dev/null
INSERT INTO "w:one".t (id, a, n) VALUES ('1', 'x', 1), ('2', NULL, NULL);
INSERT INTO "w:two".t (id, a, n) VALUES ('1', 'y', 2);
SELECT count(*) FROM edgebase.apply_config(:'v2') \g /dev/null
SELECT edgebase.create_instance('w', 'three') \g /dev/null
INSERT INTO "w:three".t (id, a, n) VALUES ('1', 'z', 3);
SELECT string_agg((t.*)::text, '; ' ORDER BY instance_id, id) AS behind FROM w.t \gset
SELECT 1 / (count(*) = 4 AND bool_and(d = 'it''s \ new' AND k = 1.5 AND "on" AND at = '2026-01-02T03:04:05Z' AND j = '{"x": ["😀"]}' AND plain IS NULL))::int FROM w.t \g /dev/null
SELECT 1 / ((SELECT count(*) FROM w.t WHERE d = 'it''s \ new' AND k > 1 AND plain IS NULL) = 4 AND (SELECT count(*) FROM w.t WHERE d = 'other' OR plain = 'x') = 0)::int \g /dev/null
SELECT 1 / (count(*) = 0)::int FROM w.new \g /dev/null
SELECT edgebase.migrate('w', 'one'), edgebase.migrate('w', 'two') \g /dev/null
SELECT 1 / (string_agg((t.*)::text, '; ' ORDER BY instance_id, id) = :'behind')::int FROM w.t \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a field whose type changes reads as null where the instance has not migrated, and conditions on it hold nowhere'
\set expect 00000
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'v1') \g /dev/null
SELECT edgebase.create_instance('w', id) FROM unnest(ARRAY['one', 'two']) id \g /dev/null
INSERT INTO "w:one".t (id, a, n) SELECT i, 'x', i FROM generate_series(1, 2000) i;
INSERT INTO "w:two".t (id, a, n) VALUES ('1', 'y', 2);
SELECT count(*) FROM edgebase.apply_config(replace(:'v3', '"tables": {', '"tables": {"old": {"schema": {"a": "string"}}, ')::jsonb) \g /dev/null
SELECT edgebase.migrate('w', 'two') \g /dev/null
SELECT 1 / (count(*) = 2001 AND count(n) = 1 AND min(n) = '2!')::int FROM w.t \g /dev/null
SELECT 1 / ((SELECT count(*) FROM w.t WHERE n > '') = 1 AND (SELECT count(*) FROM w.t WHERE n IS NULL) = 2000 AND (SELECT count(*) FROM w.t WHERE n = '7') = 0)::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a table that goes takes its relation with it, a block that goes keeps its relations'
\set expect 00000
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'v1') \g /dev/null
SELECT count(*) FROM edgebase.apply_config('{"databases": {"w": {"instance": true, "tables": {"t": {"schema": {"a": "string", "n": "number"}, "migrations": [{"version": 1, "description": "old is not needed", "up": "SELECT 1 AS old"}]}}}}}') \g /dev/null
SELECT 1 / (to_regclass('w.old') IS NULL AND to_regclass('w.t') IS NOT NULL)::int \g /dev/null
SELECT count(*) FROM edgebase.apply_config('{"databases": {}}') \g /dev/null
SELECT 1 / (to_regclass('w.t') IS NOT NULL)::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a dry run makes no relation'
\set expect 42P01
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'v1', true) \g /dev/null
SELECT * FROM w.t;
\ir ../lib/verdict.sql

\set attack 'applying the same config again changes no relation'
\set expect 00000
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'v2') \g /dev/null
SELECT string_agg(xmin || ' ' || ctid, ',') AS before FROM (SELECT xmin::text, ctid::text FROM pg_class WHERE relnamespace = 'w'::regnamespace UNION ALL SELECT xmin::text, ctid::text FROM pg_attribute WHERE attrelid = 'w.t'::regclass) x \gset
SELECT count(*) FROM edgebase.apply_config(:'v2') \g /dev/null
SELECT 1 / (string_agg(xmin || ' ' || ctid, ',') = :'before')::int FROM (SELECT xmin::text, ctid::text FROM pg_class WHERE relnamespace = 'w'::regnamespace UNION ALL SELECT xmin::text, ctid::text FROM pg_attribute WHERE attrelid = 'w.t'::regclass) x \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a column that a view needs is not dropped behind its back'
\set expect 2BP01
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'v1') \g /dev/null
CREATE VIEW public.report AS SELECT instance_id, sum(n) FROM w.t GROUP BY 1;
SELECT count(*) FROM edgebase.apply_config(replace(:'v1', '"n": "number"', '"n": {"type": "number", "analytics": false}')::jsonb);
\ir ../lib/verdict.sql

\set attack 'a column that a view does not need is, and the view stays'
\set expect 00000
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'v1') \g /dev/null
CREATE VIEW public.report AS SELECT instance_id, count(a) FROM w.t GROUP BY 1;
SELECT count(*) FROM edgebase.apply_config(replace(:'v1', '"n": "number"', '"n": {"type": "number", "analytics": false}, "m": "number"')::jsonb) \g /dev/null
SELECT * FROM public.report \g /dev/null
SELECT 1 / (string_agg(attname, ' ' ORDER BY attnum) = 'instance_id id createdAt updatedAt a m')::int FROM pg_attribute WHERE attrelid = 'w.t'::regclass AND attnum > 0 AND NOT attisdropped \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a schema name that is somebody else''s or PostgreSQL''s own is left alone, and the registry says which is used instead'
\set expect 00000
BEGIN;
CREATE SCHEMA w;
SELECT count(*) FROM edgebase.apply_config(replace(:'v1', '{"w":', '{"pg_w": {"instance": true, "tables": {"t": {}}}, "information_schema": {"instance": true, "tables": {"t": {}}}, "Mixed \"Case\" 😀": {"instance": true, "tables": {"select": {"schema": {"from": "string", "tableoid ": "string"}}}}, "w":')::jsonb) \g /dev/null
SELECT edgebase.create_instance(n, 'i') FROM unnest(ARRAY['w', 'pg_w', 'information_schema', 'Mixed "Case" 😀']) n \g /dev/null
INSERT INTO "Mixed ""Case"" 😀:i"."select" (id, "from", "tableoid ") VALUES ('1', 'f', 'o');
SELECT 1 / ((SELECT count(*) FROM "w:".t) = 0 AND (SELECT count(*) FROM ":pg_w".t) = 0 AND (SELECT count(*) FROM "information_schema:".t) = 0)::int \g /dev/null
SELECT 1 / (count(*) = 1)::int FROM "Mixed ""Case"" 😀"."select" WHERE "from" = 'f' AND "tableoid " = 'o' \g /dev/null
SELECT 1 / (string_agg(schema_name, ' ' ORDER BY schema_name COLLATE "C") = ':pg_w Mixed "Case" 😀 information_schema: tenant w:')::int FROM edgebase.analytics WHERE schema_name IS NOT NULL \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a dynamic block that becomes single-instance gives its schema name to the instance, and back'
\set expect 00000
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'v1') \g /dev/null
SELECT count(*) FROM edgebase.apply_config(replace(:'v1', '"instance": true, ', '')::jsonb) \g /dev/null
SELECT 1 / (edgebase.locate('w') = 'w')::int \g /dev/null
INSERT INTO w.t (id) VALUES ('1');
SELECT count(*) FROM edgebase.apply_config('{"databases": {}}') \g /dev/null
SELECT edgebase.drop_instance('w') \g /dev/null
SELECT count(*) FROM edgebase.apply_config(:'v1') \g /dev/null
SELECT 1 / (count(*) = 0)::int FROM w.t \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a migration of an instance one of whose tables is in another schema fails, rather than make it anew'
\set expect 00000
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'v1') \g /dev/null
SELECT edgebase.create_instance('w', 'one') \g /dev/null
INSERT INTO "w:one".t (id) VALUES ('1');
CREATE SCHEMA away;
ALTER TABLE "w:one".t SET SCHEMA away;
SELECT count(*) FROM edgebase.apply_config(:'v2') \g /dev/null
SELECT 1 / (edgebase.try_migrate('w', 'one') -> 'failed' ->> 'sqlstate' = '55000')::int \g /dev/null
ALTER TABLE away.t SET SCHEMA "w:one";
SELECT 1 / (edgebase.try_migrate('w', 'one', true) ->> 'migrated' = 'true')::int \g /dev/null
SELECT 1 / (count(*) = 1)::int FROM w.t \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a table that a migration made into something else stops a query over it, by name'
\set expect 42809
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'v1') \g /dev/null
SELECT edgebase.create_instance('w', id) FROM unnest(ARRAY['one', 'three']) id \g /dev/null
INSERT INTO "w:one".t (id) VALUES ('1');
INSERT INTO "w:three".t (id) VALUES ('1');
ALTER TABLE "w:three".t RENAME TO kept;
CREATE VIEW "w:three".t AS SELECT * FROM "w:three".kept;
SELECT 1 / (string_agg(instance_id, ' ') = 'one')::int FROM w.t WHERE instance_id <> 'three' \g /dev/null
SELECT count(*) FROM w.t;
\ir ../lib/verdict.sql

\set attack 'so does an instance whose schema is gone or has another name: it is not left out'
\set expect 55000
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'v1') \g /dev/null
SELECT edgebase.create_instance('w', id) FROM unnest(ARRAY['one', 'two']) id \g /dev/null
INSERT INTO "w:one".t (id) VALUES ('1');
INSERT INTO "w:two".t (id) VALUES ('1');
ALTER SCHEMA "w:two" RENAME TO elsewhere;
SELECT 1 / (string_agg(instance_id, ' ') = 'one')::int FROM w.t WHERE instance_id <> 'two' \g /dev/null
SELECT count(*) FROM w.t;
\ir ../lib/verdict.sql

\set attack 'and one that has still to run a migration that gives another table the name'
\set expect EB003
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'v1') \g /dev/null
SELECT edgebase.create_instance('w', id) FROM unnest(ARRAY['one', 'two']) id \g /dev/null
INSERT INTO "w:one".old (id) VALUES ('1');
SELECT count(*) FROM edgebase.apply_config('{"databases": {"w": {"instance": true, "tables": {"t": {"schema": {"a": "string", "n": "number"}}, "renamed": {"schema": {"a": "string"}, "migrations": [{"version": 1, "description": "a better name", "up": "ALTER TABLE old RENAME TO renamed"}]}}}}}') \g /dev/null
SELECT edgebase.migrate('w', 'two') \g /dev/null
SELECT 1 / (count(*) = 0)::int FROM w.t \g /dev/null
SELECT 1 / (count(*) = 0)::int FROM w.renamed WHERE instance_id = 'two' \g /dev/null
SAVEPOINT s;
SELECT edgebase.migrate('w', 'one') \g /dev/null
SELECT 1 / (count(*) = 1)::int FROM w.renamed \g /dev/null
ROLLBACK TO s;
SELECT count(*) FROM w.renamed;
\ir ../lib/verdict.sql

\set attack 'columns in another order, dropped columns and columns of somebody''s own do not disturb'
\set expect 00000
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'v1') \g /dev/null
SELECT edgebase.create_instance('w', id) FROM unnest(ARRAY['one', 'two']) id \g /dev/null
ALTER TABLE "w:two".t DROP COLUMN a, ADD COLUMN stray int DEFAULT 7, ADD COLUMN a text COLLATE "C";
INSERT INTO "w:one".t (id, a, n) VALUES ('1', 'x', 1);
INSERT INTO "w:two".t (id, a, n) VALUES ('1', 'x', 1);
SELECT 1 / (count(*) = 2 AND count(DISTINCT (id, a, n)) = 1)::int FROM w.t WHERE a = 'x' AND n = 1 \g /dev/null
\ir ../lib/verdict.sql

\set attack 'one transaction sees its own writes and its own instances'
\set expect 00000
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'v1') \g /dev/null
SELECT edgebase.create_instance('w', 'one') \g /dev/null
INSERT INTO "w:one".t (id) VALUES ('1');
SAVEPOINT s;
SELECT edgebase.create_instance('w', 'two') \g /dev/null
INSERT INTO "w:two".t (id) VALUES ('1');
SELECT 1 / (count(*) = 2)::int FROM w.t \g /dev/null
ROLLBACK TO s;
SELECT 1 / (count(*) = 1)::int FROM w.t \g /dev/null
\ir ../lib/verdict.sql

\set attack 'emptying the caches every other instance changes no answer'
\set expect 00000
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'v1') \g /dev/null
SELECT edgebase.create_instance('w', 'i' || i) FROM generate_series(1, 7) i \g /dev/null
DO $$BEGIN FOR i IN 1..7 LOOP EXECUTE format('INSERT INTO "w:i%s".t (id, n, a) SELECT g, g, repeat(md5(g::text), 300) FROM generate_series(1, 50) g', i); END LOOP; END$$;
SELECT sum(hashtext(t::text)) AS whole FROM w.t \gset
SET LOCAL edgebase.analytics_cache = 1;
SELECT 1 / (sum(hashtext(t::text)) = :whole)::int FROM w.t \g /dev/null
SET LOCAL edgebase.analytics_cache = 2;
SELECT 1 / (sum(hashtext(a.a || b.n)) IS NOT NULL AND count(*) = 350)::int FROM w.t a JOIN w.t b USING (instance_id, id) \g /dev/null
\ir ../lib/verdict.sql

\set attack 'an exported instance, a receipt and the views are what they were without relations'
\set expect 00000
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'v1') \g /dev/null
SELECT edgebase.create_instance('w', 'one') \g /dev/null
INSERT INTO "w:one".t (id) VALUES ('1');
SELECT 1 / ((SELECT count(*) FROM edgebase.export_instance('w', 'one')) = 1 AND (SELECT rows FROM edgebase.instance_stats WHERE key = 'w:one') >= 0
    AND (SELECT size FROM edgebase.instance_stats WHERE key = 'w:one') > 0 AND edgebase.drop_instance('w', 'one') ->> 'rows' = '1')::int \g /dev/null
SELECT 1 / (count(*) = 0)::int FROM w.t \g /dev/null
\ir ../lib/verdict.sql
