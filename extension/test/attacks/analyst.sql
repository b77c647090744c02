-- run: login=postgres
-- The attacker was given edgebase_analyst: it reads what the config does not hide of all instances,
-- and may create in the schema "public", as a careless superuser let everybody. It wants what is
-- hidden, or to write. A superuser takes on its role, so that each attack can be undone.

\set attack 'enter'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.enter('tenant', 'mallory');
\ir ../lib/verdict.sql

\set attack 'read a tenant''s table directly'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'write a single-instance block'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION analyst_login;
INSERT INTO app.posts (id) VALUES ('x');
\ir ../lib/verdict.sql

\set attack 'read the audit'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM edgebase.audit;
\ir ../lib/verdict.sql

\set attack 'drop an instance'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.drop_instance('tenant', 'victim');
\ir ../lib/verdict.sql

\set attack 'reads a single-instance block'
\set expect 00000
BEGIN;
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM app.posts \g /dev/null
\ir ../lib/verdict.sql

\set attack 'reads all tenants at once'
\set expect 00000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT 1 / (bool_or(instance_id = 'victim') AND bool_or(instance_id = 'mallory'))::int FROM tenant.invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'INSERT of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
INSERT INTO tenant.invoices (instance_id, id) VALUES ('victim', 'x');
\ir ../lib/verdict.sql

\set attack 'UPDATE of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
UPDATE tenant.invoices SET n = 0;
\ir ../lib/verdict.sql

\set attack 'DELETE of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
DELETE FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'TRUNCATE of a relation'
\set expect 0A000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
TRUNCATE tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'MERGE of a relation'
\set expect 0A000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
MERGE INTO tenant.invoices t USING (SELECT 1) s ON t.instance_id = 'victim' WHEN MATCHED THEN DELETE;
\ir ../lib/verdict.sql

\set attack 'SELECT FOR UPDATE of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM tenant.invoices FOR UPDATE;
\ir ../lib/verdict.sql

\set attack 'LOCK of a relation'
\set expect 42809
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
LOCK TABLE tenant.invoices IN ACCESS EXCLUSIVE MODE;
\ir ../lib/verdict.sql

\set attack 'COPY FROM of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
COPY tenant.invoices FROM PROGRAM 'true';
\ir ../lib/verdict.sql

\set attack 'ALTER: a column back of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
ALTER FOREIGN TABLE firm.staff ADD COLUMN secret text;
\ir ../lib/verdict.sql

\set attack 'ALTER: another field under a name of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
ALTER FOREIGN TABLE firm.staff ALTER COLUMN name OPTIONS (ADD field 'secret');
\ir ../lib/verdict.sql

\set attack 'ALTER: rename to a hidden table of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
ALTER FOREIGN TABLE firm.staff RENAME TO keys;
\ir ../lib/verdict.sql

\set attack 'DROP of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
DROP FOREIGN TABLE firm.staff;
\ir ../lib/verdict.sql

\set attack 'GRANT of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
GRANT SELECT ON tenant.invoices TO stranger WITH GRANT OPTION; DO $$BEGIN IF has_schema_privilege('stranger', 'tenant', 'USAGE') OR has_table_privilege('stranger', 'tenant.invoices', 'SELECT') THEN RETURN; END IF; RAISE insufficient_privilege; END$$;
\ir ../lib/verdict.sql

\set attack 'a table in the schema of relations'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
CREATE TABLE tenant.mine (a int);
\ir ../lib/verdict.sql

\set attack 'a foreign table of their own on the server'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
CREATE FOREIGN TABLE public.mine (instance_id text, id text, secret text) SERVER edgebase_instances;
\ir ../lib/verdict.sql

\set attack 'a server of their own'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
CREATE SERVER mine FOREIGN DATA WRAPPER edgebase_fdw;
\ir ../lib/verdict.sql

\set attack 'a user mapping'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
CREATE USER MAPPING FOR analyst_login SERVER edgebase_instances;
\ir ../lib/verdict.sql

\set attack 'IMPORT FOREIGN SCHEMA'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
IMPORT FOREIGN SCHEMA firm FROM SERVER edgebase_instances INTO public;
\ir ../lib/verdict.sql

\set attack 'the handler'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.analytics_handler();
\ir ../lib/verdict.sql

\set attack 'calls create_instance'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.create_instance('tenant', 'x');
\ir ../lib/verdict.sql

\set attack 'calls drop_instance'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.drop_instance('tenant', 'victim');
\ir ../lib/verdict.sql

\set attack 'calls migrate'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.migrate('tenant', 'victim');
\ir ../lib/verdict.sql

\set attack 'calls apply_config'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.apply_config('{}');
\ir ../lib/verdict.sql

\set attack 'calls export_instance'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.export_instance('tenant', 'victim');
\ir ../lib/verdict.sql

\set attack 'calls import_instance'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.import_instance('tenant', 'x', '[]');
\ir ../lib/verdict.sql

\set attack 'calls repair'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.repair();
\ir ../lib/verdict.sql

\set attack 'calls enter'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.enter('tenant', 'victim');
\ir ../lib/verdict.sql

\set attack 'reads edgebase.analytics'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM edgebase.analytics;
\ir ../lib/verdict.sql

\set attack 'reads edgebase.instance'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM edgebase.instance;
\ir ../lib/verdict.sql

\set attack 'reads edgebase.block'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM edgebase.block;
\ir ../lib/verdict.sql

\set attack 'reads edgebase.block_version'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM edgebase.block_version;
\ir ../lib/verdict.sql

\set attack 'reads edgebase.audit_log'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM edgebase.audit_log;
\ir ../lib/verdict.sql

\set attack 'reads edgebase.instances'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM edgebase.instances;
\ir ../lib/verdict.sql

\set attack 'reads edgebase.audit'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM edgebase.audit;
\ir ../lib/verdict.sql

\set attack 'a tenants table behind the relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM "firm:a".staff;
\ir ../lib/verdict.sql

\set attack 'a hidden column of a relation'
\set expect 42703
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT secret FROM firm.staff;
\ir ../lib/verdict.sql

\set attack 'a hidden column in the whole row'
\set expect 00000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT 1 / (count(*) = 2 AND bool_and(NOT to_jsonb(s) ? 'secret' AND s::text !~ 'planted'))::int FROM firm.staff s \g /dev/null
\ir ../lib/verdict.sql

\set attack 'the whole row handed to a function of theirs'
\set expect 00000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
CREATE FUNCTION public.peek(r firm.staff) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$BEGIN IF r::text ~ 'planted' THEN RAISE EXCEPTION 'seen'; END IF; RETURN true; END$$;
SELECT 1 / (count(*) = 2)::int FROM firm.staff s WHERE public.peek(s) \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a hidden table'
\set expect 42P01
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM firm.keys;
\ir ../lib/verdict.sql

\set attack 'a hidden block'
\set expect 42P01
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM dark.t;
\ir ../lib/verdict.sql

\set attack 'what is not hidden in a single-instance block'
\set expect 00000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT 1 / (count(*) = 1)::int FROM office.staff WHERE name = 'Ada' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a hidden column of a single-instance block'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT secret FROM office.staff;
\ir ../lib/verdict.sql

\set attack 'a hidden column of a single-instance block in the whole row'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT s FROM office.staff s;
\ir ../lib/verdict.sql

\set attack 'a hidden column of a single-instance block in a condition'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT id FROM office.staff WHERE secret LIKE 'p%';
\ir ../lib/verdict.sql

\set attack 'a hidden table of a single-instance block'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM office.keys;
\ir ../lib/verdict.sql

\set attack 'a hidden single-instance block'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM vault.t;
\ir ../lib/verdict.sql

\set attack 'hidden values do not come back with a migration'
\set expect 42501
\ir ../lib/analytics.sql
SELECT count(*) FROM edgebase.apply_config('{"databases": {"office": {"tables": {
    "staff": {"schema": {"name": "string", "secret": {"type": "string", "analytics": false}, "more": "string"}},
    "keys": {"analytics": false, "schema": {"secret": "string"}}}}}}') \g /dev/null
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT secret FROM office.staff;
\ir ../lib/verdict.sql

\set attack 'hidden values do not come back with repair()'
\set expect 42501
\ir ../lib/analytics.sql
SELECT edgebase.repair() \g /dev/null
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT secret FROM office.staff;
\ir ../lib/verdict.sql

\set attack 'hidden columns do not come back with repair()'
\set expect 42703
\ir ../lib/analytics.sql
SELECT edgebase.repair() \g /dev/null
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT secret FROM firm.staff;
\ir ../lib/verdict.sql

\set attack 'hiding a column later takes it away'
\set expect 42703
\ir ../lib/analytics.sql
SELECT version AS before FROM edgebase.blocks WHERE namespace = 'firm' \gset
SELECT count(*) FROM edgebase.apply_config('{"databases": {"firm": {"instance": true, "tables": {
    "staff": {"schema": {"name": {"type": "string", "analytics": false}, "secret": {"type": "string", "analytics": false}}},
    "keys": {"schema": {"secret": "string"}}}}}}') \g /dev/null
SELECT 1 / (version = :'before')::int FROM edgebase.blocks WHERE namespace = 'firm' \g /dev/null
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT name FROM firm.staff;
\ir ../lib/verdict.sql

\set attack 'EXPLAIN shows nothing of a hidden column'
\set expect 00000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
CREATE FUNCTION public.plan(q text) RETURNS SETOF text LANGUAGE plpgsql AS $$BEGIN RETURN QUERY EXECUTE 'EXPLAIN (ANALYZE, VERBOSE, TIMING off) ' || q; END$$;
SELECT 1 / (bool_or(p ~ 'Pushed Down') AND NOT bool_or(p ~ 'secret|planted'))::int FROM public.plan($$SELECT * FROM firm.staff WHERE instance_id = 'a' AND name > ''$$) p \g /dev/null
\ir ../lib/verdict.sql

\set attack 'reads edgebase.instance_stats'
\set expect 00000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT 1 / (count(*) > 5 AND bool_and(size >= 0) AND bool_or(last_write > now() - interval '1 day'))::int FROM edgebase.instance_stats \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a statement that runs for long is cancelled in time'
\set expect 57014
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SET LOCAL statement_timeout = '100ms';
SELECT count(*) FROM tenant.invoices a, generate_series(1, 1000000000) g;
\ir ../lib/verdict.sql

-- Instances that are behind, with values under a name that was hidden when they were written.

\set attack 'a hidden field that one version dropped and the next has again, visible, where the instance is still at the first'
\set expect 00000
\ir ../lib/analytics.sql
SELECT count(*) FROM edgebase.apply_config('{"databases": {"firm": {"instance": true, "tables": {
    "staff": {"schema": {"name": "string"}, "migrations": [{"version": 1, "description": "d", "up": "ALTER TABLE staff DROP COLUMN secret"}]}, "keys": {"analytics": false, "schema": {"secret": "string"}}}}}}') \g /dev/null
SELECT count(*) FROM edgebase.apply_config('{"databases": {"firm": {"instance": true, "tables": {
    "staff": {"schema": {"name": "string", "secret": "string"}, "migrations": [{"version": 1, "description": "d", "up": "ALTER TABLE staff DROP COLUMN secret"}]}, "keys": {"analytics": false, "schema": {"secret": "string"}}}}}}') \g /dev/null
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT 1 / (count(*) = 2 AND count(secret) = 0 AND bool_and(s::text !~ 'planted'))::int FROM firm.staff s \g /dev/null
SELECT 1 / (count(*) = 0)::int FROM firm.staff WHERE secret LIKE 'p%' OR secret = 'planted-secret' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a hidden field under whose name a migration puts another'
\set expect 00000
\ir ../lib/analytics.sql
SELECT count(*) FROM edgebase.apply_config('{"databases": {"firm": {"instance": true, "tables": {
    "staff": {"schema": {"other": {"type": "string", "analytics": false}, "secret": "string"}, "migrations": [{"version": 1, "description": "d", "up": "ALTER TABLE staff RENAME COLUMN secret TO other; ALTER TABLE staff RENAME COLUMN name TO secret"}]}, "keys": {"analytics": false, "schema": {"secret": "string"}}}}}}') \g /dev/null
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT 1 / (count(*) = 2 AND count(secret) = 0 AND bool_and(s::text !~ 'planted'))::int FROM firm.staff s \g /dev/null
SELECT 1 / (count(*) = 0)::int FROM firm.staff WHERE secret LIKE 'p%' OR secret = 'planted-secret' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a hidden field that becomes visible with a migration that empties it'
\set expect 00000
\ir ../lib/analytics.sql
SELECT count(*) FROM edgebase.apply_config('{"databases": {"firm": {"instance": true, "tables": {
    "staff": {"schema": {"name": "string", "secret": "string"}, "migrations": [{"version": 1, "description": "d", "up": "UPDATE staff SET secret = NULL"}]}, "keys": {"analytics": false, "schema": {"secret": "string"}}}}}}') \g /dev/null
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT 1 / (count(*) = 2 AND count(secret) = 0 AND bool_and(s::text !~ 'planted'))::int FROM firm.staff s \g /dev/null
SELECT 1 / (count(*) = 0)::int FROM firm.staff WHERE secret LIKE 'p%' OR secret = 'planted-secret' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a hidden table that one version dropped and the next has again, visible'
\set expect 00000
\ir ../lib/analytics.sql
SELECT count(*) FROM edgebase.apply_config('{"databases": {"firm": {"instance": true, "tables": {
    "staff": {"schema": {"name": "string", "secret": {"type": "string", "analytics": false}}, "migrations": [{"version": 1, "description": "d", "up": "DROP TABLE keys"}]}}}}}') \g /dev/null
SELECT count(*) FROM edgebase.apply_config('{"databases": {"firm": {"instance": true, "tables": {
    "staff": {"schema": {"name": "string", "secret": {"type": "string", "analytics": false}}, "migrations": [{"version": 1, "description": "d", "up": "DROP TABLE keys"}]}, "keys": {"schema": {"secret": "string"}}}}}}') \g /dev/null
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT 1 / (count(*) = 0)::int FROM firm.keys \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a hidden table that becomes visible with a migration that empties it'
\set expect 00000
\ir ../lib/analytics.sql
SELECT count(*) FROM edgebase.apply_config('{"databases": {"firm": {"instance": true, "tables": {
    "staff": {"schema": {"name": "string", "secret": {"type": "string", "analytics": false}}, "migrations": []}, "keys": {"schema": {"secret": "string"}, "migrations": [{"version": 1, "description": "d", "up": "DELETE FROM keys"}]}}}}}') \g /dev/null
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT 1 / (count(secret) = 0 AND count(*) = 1)::int FROM firm.keys \g /dev/null
\ir ../lib/verdict.sql

-- To make others wait.

\set attack 'LOCK of pg_settings, which everybody may update in a database without the extension'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION analyst_login;
LOCK TABLE pg_settings IN ACCESS EXCLUSIVE MODE;
\ir ../lib/verdict.sql

\set attack 'UPDATE of pg_settings'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION analyst_login;
UPDATE pg_settings SET setting = 'x' WHERE false;
\ir ../lib/verdict.sql

\set attack 'no relation of the catalogs is one that everybody may write to, and so lock'
\set expect 00000
BEGIN;
SELECT 1 / (count(*) = 0)::int FROM pg_class, aclexplode(relacl) AS a
WHERE relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND grantee = 0 AND privilege_type <> 'SELECT' \g /dev/null
\ir ../lib/verdict.sql
