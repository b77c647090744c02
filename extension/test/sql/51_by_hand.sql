-- run: login=postgres
-- What does a change by hand in a tenant's schema do to those who read and delete it? A record by its
-- key, a relation and an export show the rows that a statement inside shows, or are refused. Run as a
-- superuser, who takes on the other roles.

SELECT edgebase.create_instance('tenant', 'hand') \g /dev/null
INSERT INTO "tenant:hand".invoices (id, n, note) VALUES ('h1', 0.1, 'one'), ('h2', 1e-7, 'two');
SELECT role FROM edgebase.instances WHERE key = 'tenant:hand' \gset
CREATE SCHEMA reports;
-- What a statement is refused with.
CREATE FUNCTION pg_temp.refused(sql text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE sql;
    RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END$$;

-- Row security.

\set attack 'an export under row security that its owner is bound by'
\set expect 42501
BEGIN;
ALTER TABLE "tenant:hand".invoices ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY one ON "tenant:hand".invoices USING (id = 'h1');
SELECT count(*) FROM edgebase.export_instance('tenant', 'hand');
\ir ../lib/verdict.sql

\set attack 'the same where the session has row_security on, and an administrator calls'
\set expect 42501
BEGIN;
ALTER TABLE "tenant:hand".invoices ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SET LOCAL row_security = on;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT count(*) FROM edgebase.export_instance('tenant', 'hand');
\ir ../lib/verdict.sql

\set attack 'an export under row security that its owner is not bound by has all rows'
\set expect 00000
BEGIN;
ALTER TABLE "tenant:hand".invoices ENABLE ROW LEVEL SECURITY;
SELECT 1 / (count(*) = 2)::int FROM edgebase.export_instance('tenant', 'hand') \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a receipt counts what row security would hide'
\set expect 00000
BEGIN;
ALTER TABLE "tenant:hand".invoices ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT 1 / (edgebase.drop_instance('tenant', 'hand') ->> 'rows' = '2')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a relation over a table with row security'
\set expect 42809
BEGIN;
ALTER TABLE "tenant:hand".invoices ENABLE ROW LEVEL SECURITY;
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT count(*) FROM tenant.invoices;
\ir ../lib/verdict.sql

-- Rows in other tables.

\set attack 'a table with heirs: relation and export have their rows, a record by its key is left to a statement'
\set expect 42809
BEGIN;
CREATE TABLE "tenant:hand".invoices_old (more text DEFAULT 'more') INHERITS ("tenant:hand".invoices);
INSERT INTO "tenant:hand".invoices_old (id, n, note) VALUES ('old', 3, 'three');
SELECT 1 / (count(*) = 3 AND sum(n) > 3 AND max(note) = 'two')::int FROM tenant.invoices WHERE instance_id = 'hand' \g /dev/null
SELECT 1 / (array_agg(id) = '{old}')::int FROM tenant.invoices WHERE instance_id = 'hand' AND n = 3 \g /dev/null
SELECT 1 / (count(*) = 3)::int FROM edgebase.export_instance('tenant', 'hand') \g /dev/null
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.read_record('tenant', 'hand', 'invoices', ARRAY['id'], 'old');
\ir ../lib/verdict.sql

\set attack 'a table that was made a partitioned one'
\set expect 42809
BEGIN;
ALTER TABLE "tenant:hand".invoices RENAME TO invoices_1;
CREATE TABLE "tenant:hand".invoices (LIKE "tenant:hand".invoices_1 INCLUDING DEFAULTS) PARTITION BY LIST (id);
ALTER TABLE "tenant:hand".invoices OWNER TO edgebase_owner;
ALTER TABLE "tenant:hand".invoices ATTACH PARTITION "tenant:hand".invoices_1 DEFAULT;
CREATE TABLE "tenant:hand".invoices_2 PARTITION OF "tenant:hand".invoices FOR VALUES IN ('p2') PARTITION BY LIST (id);
CREATE TABLE "tenant:hand".invoices_3 PARTITION OF "tenant:hand".invoices_2 DEFAULT;
INSERT INTO "tenant:hand".invoices (id, n) VALUES ('p2', 4);
SELECT 1 / (count(*) = 3 AND sum(n) > 4)::int FROM tenant.invoices WHERE instance_id = 'hand' \g /dev/null
SELECT 1 / (count(*) = 3)::int FROM edgebase.export_instance('tenant', 'hand') WHERE table_name = 'invoices' \g /dev/null
SAVEPOINT s;
SELECT edgebase.drop_instance('tenant', 'hand') AS receipt \gset
SELECT 1 / (:'receipt'::jsonb ->> 'rows' = '3' AND jsonb_path_query_array(:'receipt', '$.tables[*].name') = '["Weird \"T\"", "invoices"]'
    AND (:'receipt'::jsonb ->> 'bytes')::int > 8192)::int \g /dev/null
ROLLBACK TO s;
GRANT SELECT ON "tenant:hand".invoices TO :"role";
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.read_record('tenant', 'hand', 'invoices', ARRAY['id'], 'p2');
\ir ../lib/verdict.sql

\set attack 'a view in a table''s place, in a relation'
\set expect 42809
BEGIN;
ALTER TABLE "tenant:hand".invoices RENAME TO hidden;
CREATE VIEW "tenant:hand".invoices AS SELECT id, public.planted() AS note FROM "tenant:hand".hidden;
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT count(*) FROM tenant.invoices;
\ir ../lib/verdict.sql

-- Columns.

\set attack 'a domain over a column''s type, and a varchar, are read as what they are'
\set expect 00000
BEGIN;
CREATE DOMAIN reports.amount AS double precision;
ALTER TABLE "tenant:hand".invoices ALTER n TYPE reports.amount, DROP CONSTRAINT "invoices.note.max", ALTER note TYPE varchar(20);
SELECT 1 / (sum(n) > 0.1 AND string_agg(note, ' ' ORDER BY note) = 'one two')::int FROM tenant.invoices WHERE instance_id = 'hand' \g /dev/null
SELECT 1 / (array_agg(note) = '{one}')::int FROM tenant.invoices WHERE instance_id = 'hand' AND n = 0.1 AND note = 'one' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a record with a column of a domain is left to a statement'
\set expect 42809
BEGIN;
CREATE DOMAIN reports.amount AS double precision;
ALTER TABLE "tenant:hand".invoices ALTER n TYPE reports.amount;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT 1 / (edgebase.read_record('tenant', 'hand', 'invoices', ARRAY['note'], 'h1') = '{"note":"one"}')::int \g /dev/null
SELECT edgebase.read_record('tenant', 'hand', 'invoices', ARRAY['n'], 'nobody');
\ir ../lib/verdict.sql

\set attack 'a column of another type, in a relation'
\set expect 42809
BEGIN;
ALTER TABLE "tenant:hand".invoices ALTER n TYPE numeric;
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT sum(n) FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'a query that needs no such column has all rows'
\set expect 00000
BEGIN;
ALTER TABLE "tenant:hand".invoices ALTER n TYPE numeric;
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT 1 / (count(note) = 2)::int FROM tenant.invoices WHERE instance_id = 'hand' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a column that is gone, in a relation'
\set expect 42809
BEGIN;
ALTER TABLE "tenant:hand".invoices DROP COLUMN n;
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT sum(n) FROM tenant.invoices;
\ir ../lib/verdict.sql

-- A server without ICU has no such collation, and reads the key.
SELECT count(*) > 1 AS has_icu FROM pg_collation WHERE collprovider = 'i' \gset
\if :has_icu
\set collation 'provider = icu, locale = \'und-u-ks-level1\', deterministic = false'
\set refused 42809
\else
\set collation 'locale = \'C\''
\set refused 00000
\endif

\set attack 'a key whose collation takes different texts for equal is left to a statement'
\set expect :refused
BEGIN;
CREATE COLLATION reports.alike (:collation);
ALTER TABLE "tenant:hand".invoices ALTER id TYPE text COLLATE reports.alike;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.read_record('tenant', 'hand', 'invoices', ARRAY['id'], 'H1');
\ir ../lib/verdict.sql

-- PostgreSQL 18 has columns that are computed when they are read. Before, all are when they are written.
SELECT current_setting('server_version_num')::int >= 180000 AS has_virtual \gset
\if :has_virtual
\set computed VIRTUAL
\set refused 42809
\else
\set computed STORED
\set refused 00000
\endif

\set attack 'a column that is computed when it is read is left to a statement, one that is stored is read by its key'
\set expect :refused
BEGIN;
ALTER TABLE "tenant:hand".invoices DROP COLUMN note, ADD COLUMN note text GENERATED ALWAYS AS (id || '!') :computed;
SELECT 1 / (record ->> 'note' = 'h1!')::int FROM edgebase.export_instance('tenant', 'hand') WHERE record ->> 'id' = 'h1' \g /dev/null
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT 1 / (edgebase.read_record('tenant', 'hand', 'invoices', ARRAY['id'], 'h1') = '{"id":"h1"}')::int \g /dev/null
SELECT 1 / (edgebase.read_record('tenant', 'hand', 'invoices', ARRAY['note'], 'h1') = '{"note":"h1!"}')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a column that is computed when it is read, in a relation'
\set expect :refused
BEGIN;
ALTER TABLE "tenant:hand".invoices DROP COLUMN note, ADD COLUMN note text GENERATED ALWAYS AS (id || '!') :computed;
SELECT 1 / (count(n) = 2)::int FROM tenant.invoices WHERE instance_id = 'hand' \g /dev/null
SELECT 1 / (min(note) = 'h1!')::int FROM tenant.invoices WHERE instance_id = 'hand' \g /dev/null
\ir ../lib/verdict.sql

-- Settings.

\set attack 'settings that change how values are written change no export, record or relation'
\set expect 00000
BEGIN;
ALTER TABLE "tenant:hand".invoices ADD COLUMN b bytea DEFAULT '\x00ff', ADD COLUMN i interval DEFAULT '1 day 2 hours', ADD COLUMN f double precision[] DEFAULT '{0.1,1e-7}',
    ADD COLUMN m money DEFAULT 12.5, ADD COLUMN r daterange DEFAULT '[2026-01-02,2026-02-03)', ADD COLUMN k regclass DEFAULT 'pg_class', ADD COLUMN t timestamptz DEFAULT '2026-01-02 03:04:05+00';
SELECT jsonb_agg(record) AS plain FROM edgebase.export_instance('tenant', 'hand') \gset
SET LOCAL bytea_output = 'escape';
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL extra_float_digits = -10;
SET LOCAL intervalstyle = 'iso_8601';
SET LOCAL quote_all_identifiers = on;
SET LOCAL timezone = 'Asia/Kathmandu';
SELECT 1 / (jsonb_agg(record) = :'plain')::int FROM edgebase.export_instance('tenant', 'hand') \g /dev/null
SELECT 1 / (:'plain'::jsonb -> 0 ->> 'createdAt' ~ '\+00:00$' AND :'plain'::jsonb -> 1 ->> 'n' = '0.0000001' AND :'plain'::jsonb -> 0 -> 'f' ->> 0 = '0.1')::int \g /dev/null
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT 1 / (edgebase.read_record('tenant', 'hand', 'invoices', ARRAY['n'], 'h1') = '{"n":0.1}')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'numbers are written in full by their key, whatever the session asks for'
\set expect 00000
BEGIN;
INSERT INTO "tenant:hand".invoices (id, n) VALUES ('third', 1 / 3::double precision), ('most', 1.7976931348623157e308), ('least', 5e-324), ('minus', '-0'), ('none', 'NaN'), ('endless', '-Infinity');
SET LOCAL extra_float_digits = 3;
SELECT jsonb_object_agg(id, n::text) AS numbers FROM "tenant:hand".invoices \gset
SET LOCAL extra_float_digits = -15;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT 1 / bool_and(edgebase.read_record('tenant', 'hand', 'invoices', ARRAY['n'], key) IN ('{"n":' || value || '}', '{"n":"' || value || '"}'))::int
FROM jsonb_each_text(:'numbers') \g /dev/null
\ir ../lib/verdict.sql

\set attack 'settings that change what a text means change no config, and no default in a relation'
\set expect 00000
BEGIN;
SET LOCAL standard_conforming_strings = off;
SET LOCAL transform_null_equals = on;
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL timezone = 'Asia/Kathmandu';
SELECT edgebase.apply_config($c${"databases": {"meant": {"instance": true, "tables": {"t": {"schema": {
    "a": {"type": "string", "check": "a <> '\\' AND (a = NULL) IS NULL"}}}}}}}$c$) \g /dev/null
SELECT edgebase.create_instance('meant', 'one') \g /dev/null
SELECT edgebase.apply_config($c${"databases": {"meant": {"instance": true, "tables": {"t": {"schema": {
    "a": {"type": "string", "check": "a <> '\\' AND (a = NULL) IS NULL"},
    "d": {"type": "datetime", "default": "2026-03-02"}}}}}}}$c$) \g /dev/null
INSERT INTO "meant:one".t (id, a) VALUES ('1', 'x');
SELECT 1 / (d = '2026-03-02 00:00:00+00')::int FROM meant.t \g /dev/null
SELECT edgebase.migrate('meant', 'one') \g /dev/null
SELECT 1 / (d = '2026-03-02 00:00:00+00')::int FROM meant.t \g /dev/null
\ir ../lib/verdict.sql

-- What an operator puts into a tenant's schema, and what depends on it elsewhere.

\set attack 'an operator''s table in the schema is no part of an export, and goes with the instance, named'
\set expect 00000
BEGIN;
CREATE TABLE "tenant:hand"."a backup ""of"" it" AS SELECT * FROM "tenant:hand".invoices;
CREATE MATERIALIZED VIEW "tenant:hand".seen AS SELECT id FROM "tenant:hand".invoices WHERE id = 'h1';
CREATE VIEW "tenant:hand".shown AS SELECT * FROM "tenant:hand".seen;
CREATE FUNCTION "tenant:hand".f("tenant:hand".invoices) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT $1.id; END;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT 1 / (array_agg(DISTINCT table_name) = '{invoices}' AND count(*) = 2)::int FROM edgebase.export_instance('tenant', 'hand') \g /dev/null
SELECT edgebase.drop_instance('tenant', 'hand') AS receipt \gset
SELECT 1 / (jsonb_path_query_array(:'receipt', '$.tables[*].name') = '["Weird \"T\"", "a backup \"of\" it", "invoices", "seen"]'
    AND jsonb_path_query_array(:'receipt', '$.tables[*].rows') = '[0, 2, 2, 1]' AND :'receipt'::jsonb -> 'rows' = '5')::int \g /dev/null
SELECT 1 / (count(*) = 0)::int FROM pg_namespace WHERE nspname = 'tenant:hand' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a table of a migration without an id is exported'
\set expect 00000
BEGIN;
CREATE TABLE "tenant:hand".counters (name text, value int);
ALTER TABLE "tenant:hand".counters OWNER TO edgebase_owner;
INSERT INTO "tenant:hand".counters VALUES ('c', 1);
SELECT 1 / (count(*) = 1)::int FROM edgebase.export_instance('tenant', 'hand') WHERE table_name = 'counters' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a table of the block that was taken from its owner is not left out of an export'
\set expect 42501
BEGIN;
ALTER TABLE "tenant:hand".invoices OWNER TO stranger;
SELECT count(*) FROM edgebase.export_instance('tenant', 'hand');
\ir ../lib/verdict.sql

-- A schema that is not there.

\set attack 'whoever asks for an instance whose schema was renamed learns its name: creation, migration, export, new tables'
\set expect 00000
BEGIN;
ALTER SCHEMA "tenant:hand" RENAME TO "another ""name""";
SELECT string_agg(DISTINCT pg_temp.refused(format(sql, 'tenant', 'hand')), '; ') AS said FROM unnest(ARRAY[
    'SELECT edgebase.create_instance(%L, %L)', 'SELECT edgebase.migrate(%L, %L)', 'SELECT edgebase.try_migrate(%L, %L)',
    'SELECT edgebase.export_instance(%L, %L)', 'SELECT edgebase.ensure_tables(%L, %L, NULL)', 'SELECT edgebase.verify_version(%L, %L)']) AS sql \gset
SELECT 1 / (:'said' = '55000: the schema of instance "tenant:hand" was renamed: ALTER SCHEMA "another ""name""" RENAME TO "tenant:hand" gives it its name back')::int \g /dev/null
UPDATE edgebase.instance SET version = (SELECT version FROM edgebase.instance WHERE namespace = 'app') WHERE id = 'hand';
SELECT 1 / (pg_temp.refused($$SELECT edgebase.migrate('tenant', 'hand')$$) LIKE '55000: %RENAME TO%')::int \g /dev/null
SELECT 1 / (edgebase.try_migrate('tenant', 'hand') -> 'failed' ->> 'sqlstate' = '55000')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'an export of an instance whose schema was dropped'
\set expect 55000
BEGIN;
DROP SCHEMA "tenant:hand" CASCADE;
SELECT count(*) FROM edgebase.export_instance('tenant', 'hand');
\ir ../lib/verdict.sql

-- A table that is in another schema.

\set attack 'a table that was moved away is not made anew, nor left out: who asks for it learns where it is'
\set expect 00000
BEGIN;
ALTER TABLE "tenant:hand".invoices SET SCHEMA reports;
SELECT string_agg(DISTINCT pg_temp.refused(format(sql, 'tenant', 'hand')), '; ') AS said FROM unnest(ARRAY[
    'SELECT edgebase.export_instance(%L, %L)', 'SELECT edgebase.ensure_tables(%L, %L, NULL)', 'SELECT edgebase.has_table(%L, %L, ''invoices'')',
    'SELECT edgebase.drop_instance(%L, %L)', 'SELECT count(*) FROM tenant.invoices WHERE instance_id = %2$L']) AS sql \gset
SELECT 1 / (:'said' = '55000: table "reports"."invoices" was moved out of its instance: ALTER TABLE "reports"."invoices" SET SCHEMA "tenant:hand" puts it back')::int \g /dev/null
SAVEPOINT s;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.read_record('tenant', 'hand', 'invoices', ARRAY['id'], 'h1') \g /dev/null
\set code :SQLSTATE
ROLLBACK TO s;
SELECT 1 / (:'code' = '55000')::int \g /dev/null
ALTER TABLE reports.invoices SET SCHEMA "tenant:hand";
SELECT 1 / (count(*) = 2)::int FROM edgebase.export_instance('tenant', 'hand') \g /dev/null
\ir ../lib/verdict.sql

\set attack 'verify says which statement puts a table back that was moved away, also after a repair, and verify_version that it lacks'
\set expect 00000
BEGIN;
SELECT edgebase.repair() \g /dev/null
ALTER TABLE "tenant:hand".invoices SET SCHEMA reports;
ALTER TABLE app.posts SET SCHEMA reports;
SELECT edgebase.repair() \g /dev/null
SELECT 1 / (count(*) = 2)::int FROM edgebase.verify() WHERE object ~ 'invoices|posts' \g /dev/null
SELECT 1 / (edgebase.verify_version('tenant', 'hand') -> 'differences' = '["lacks table \"invoices\", which is \"reports\".\"invoices\""]')::int \g /dev/null
SELECT 1 / (edgebase.verify_version('app') -> 'differences' = '["lacks table \"posts\", which is \"reports\".\"posts\""]')::int \g /dev/null
SELECT remedy FROM edgebase.verify() WHERE what = 'table' AND object = 'reports.invoices' \gset
:remedy;
SELECT remedy FROM edgebase.verify() WHERE what = 'table' AND object = 'reports.posts' \gset
:remedy;
SELECT edgebase.repair() \g /dev/null
SELECT 1 / (NOT EXISTS (SELECT FROM edgebase.verify()))::int \g /dev/null
SELECT 1 / (edgebase.verify_version('tenant', 'hand') -> 'differences' = '[]' AND edgebase.verify_version('app') -> 'differences' = '[]')::int \g /dev/null
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'hand') \g /dev/null
SELECT 1 / (count(*) = 2)::int FROM invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'and which one gives a renamed schema its name back'
\set expect 00000
BEGIN;
SELECT edgebase.repair() \g /dev/null
ALTER SCHEMA "tenant:hand" RENAME TO "another ""name""";
SELECT edgebase.repair() \g /dev/null
SELECT 1 / (count(*) = 1 AND min(object) = 'tenant:hand')::int FROM edgebase.verify() \g /dev/null
SELECT remedy FROM edgebase.verify() WHERE what = 'schema' \gset
:remedy;
SELECT 1 / (NOT EXISTS (SELECT FROM edgebase.verify()))::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'verify tells a table that a single-instance block lacks, and one that is in no schema of an instance'
\set expect 00000
BEGIN;
SELECT edgebase.repair() \g /dev/null
DROP TABLE app.posts;
CREATE TABLE reports."Lost" (id text);
ALTER TABLE reports."Lost" OWNER TO edgebase_owner;
SELECT edgebase.repair() \g /dev/null
SELECT 1 / (string_agg(what || ' ' || object, ', ' ORDER BY what) = 'stray table reports."Lost", table app.posts')::int FROM edgebase.verify() \g /dev/null
SELECT 1 / (edgebase.verify_version('app') -> 'differences' = '["lacks table \"posts\""]')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'before what was set aside is dropped, verify names what depends on it'
\set expect 00000
BEGIN;
CREATE SCHEMA "hand restored" AUTHORIZATION edgebase_owner;
SELECT edgebase.restore_instance('tenant', 'hand', 'hand restored') \g /dev/null
SELECT 1 / (count(*) = 1 AND min(remedy) LIKE 'DROP SCHEMA "hand restored" CASCADE, or swap it back%')::int FROM edgebase.verify() WHERE concat(object, problem) ~ 'hand' \g /dev/null
SELECT 1 / (NOT edgebase.has_table('tenant', 'hand', 'invoices'))::int \g /dev/null
CREATE VIEW reports.all_invoices AS SELECT id FROM "hand restored".invoices;
SELECT 1 / (problem LIKE '%view reports.all_invoices depend on it' AND remedy NOT LIKE 'DROP %')::int FROM edgebase.verify() WHERE what = 'stray schema' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'the tables of an export, asked for by an administrator'
\set expect 42501
SET SESSION AUTHORIZATION admin_login;
SELECT edgebase.exported_tables('tenant', 'hand');
\ir ../lib/verdict.sql
RESET SESSION AUTHORIZATION;

\set attack 'a view elsewhere over the instance keeps it from being dropped'
\set expect 2BP01
BEGIN;
CREATE VIEW reports.all_invoices AS SELECT id FROM "tenant:hand".invoices;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.drop_instance('tenant', 'hand');
\ir ../lib/verdict.sql

\set attack 'and from being replaced by a restored one, whose rows it would not show'
\set expect 2BP01
BEGIN;
CREATE VIEW reports.all_invoices AS SELECT id FROM "tenant:hand".invoices;
CREATE SCHEMA "hand restored" AUTHORIZATION edgebase_owner;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.restore_instance('tenant', 'hand', 'hand restored');
\ir ../lib/verdict.sql

\set attack 'so do a foreign key, an heir, a partition and a column elsewhere'
\set expect 2BP01
BEGIN;
CREATE TABLE reports.refers (invoice text COLLATE "C" REFERENCES "tenant:hand".invoices);
SAVEPOINT s;
SELECT edgebase.drop_instance('tenant', 'hand') \g /dev/null
\set code :SQLSTATE
ROLLBACK TO s;
SELECT 1 / (:'code' = '2BP01')::int \g /dev/null
DROP TABLE reports.refers;
CREATE TABLE reports.heir () INHERITS ("tenant:hand".invoices);
SAVEPOINT s;
SELECT edgebase.drop_instance('tenant', 'hand') \g /dev/null
\set code :SQLSTATE
ROLLBACK TO s;
SELECT 1 / (:'code' = '2BP01')::int \g /dev/null
DROP TABLE reports.heir;
CREATE TABLE "tenant:hand".parts (id text) PARTITION BY LIST (id);
CREATE TABLE reports.part PARTITION OF "tenant:hand".parts DEFAULT;
SAVEPOINT s;
SELECT edgebase.drop_instance('tenant', 'hand') \g /dev/null
\set code :SQLSTATE
ROLLBACK TO s;
SELECT 1 / (:'code' = '2BP01')::int \g /dev/null
SELECT 1 / (to_regclass('reports.part') IS NOT NULL)::int \g /dev/null
DROP TABLE reports.part;
CREATE TABLE reports.typed (invoice "tenant:hand".invoices);
SELECT edgebase.drop_instance('tenant', 'hand');
\ir ../lib/verdict.sql

\set attack 'what is a part of the instance''s own does not: indexes, triggers, statistics, a publication'
\set expect 00000
BEGIN;
CREATE INDEX ON "tenant:hand".invoices (note, n);
CREATE STATISTICS reports.stats ON n, note FROM "tenant:hand".invoices;
CREATE FUNCTION reports.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER t AFTER INSERT ON "tenant:hand".invoices EXECUTE FUNCTION reports.f();
CREATE PUBLICATION told FOR TABLE "tenant:hand".invoices;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT 1 / (edgebase.drop_instance('tenant', 'hand') ->> 'rows' = '2')::int \g /dev/null
\ir ../lib/verdict.sql

SELECT edgebase.drop_instance('tenant', 'hand') \g /dev/null
DROP SCHEMA reports;
