-- Can an analyst do more than read what analysts may see, and can anybody else read a relation over
-- all tenants? Run as a superuser, who takes on each role in turn.
\set VERBOSITY sqlstate
\set QUIET on
\pset tuples_only on
\pset format unaligned

\set attack 'analyst_login: reads all tenants at once'
\set expect 00000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT 1 / (bool_or(instance_id = 'victim') AND bool_or(instance_id = 'mallory'))::int FROM tenant.invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'analyst_login: INSERT of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
INSERT INTO tenant.invoices (instance_id, id) VALUES ('victim', 'x');
\ir ../lib/verdict.sql

\set attack 'analyst_login: UPDATE of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
UPDATE tenant.invoices SET n = 0;
\ir ../lib/verdict.sql

\set attack 'analyst_login: DELETE of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
DELETE FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'analyst_login: TRUNCATE of a relation'
\set expect 0A000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
TRUNCATE tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'analyst_login: MERGE of a relation'
\set expect 0A000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
MERGE INTO tenant.invoices t USING (SELECT 1) s ON t.instance_id = 'victim' WHEN MATCHED THEN DELETE;
\ir ../lib/verdict.sql

\set attack 'analyst_login: SELECT FOR UPDATE of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM tenant.invoices FOR UPDATE;
\ir ../lib/verdict.sql

\set attack 'analyst_login: LOCK of a relation'
\set expect 42809
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
LOCK TABLE tenant.invoices IN ACCESS EXCLUSIVE MODE;
\ir ../lib/verdict.sql

\set attack 'analyst_login: COPY FROM of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
COPY tenant.invoices FROM PROGRAM 'true';
\ir ../lib/verdict.sql

\set attack 'analyst_login: ALTER: a column back of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
ALTER FOREIGN TABLE firm.staff ADD COLUMN secret text;
\ir ../lib/verdict.sql

\set attack 'analyst_login: ALTER: another field under a name of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
ALTER FOREIGN TABLE firm.staff ALTER COLUMN name OPTIONS (ADD field 'secret');
\ir ../lib/verdict.sql

\set attack 'analyst_login: ALTER: rename to a hidden table of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
ALTER FOREIGN TABLE firm.staff RENAME TO keys;
\ir ../lib/verdict.sql

\set attack 'analyst_login: DROP of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
DROP FOREIGN TABLE firm.staff;
\ir ../lib/verdict.sql

\set attack 'analyst_login: GRANT of a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
GRANT SELECT ON tenant.invoices TO stranger WITH GRANT OPTION; DO $$BEGIN IF has_schema_privilege('stranger', 'tenant', 'USAGE') OR has_table_privilege('stranger', 'tenant.invoices', 'SELECT') THEN RETURN; END IF; RAISE insufficient_privilege; END$$;
\ir ../lib/verdict.sql

\set attack 'analyst_login: a table in the schema of relations'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
CREATE TABLE tenant.mine (a int);
\ir ../lib/verdict.sql

\set attack 'analyst_login: a foreign table of their own on the server'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
CREATE FOREIGN TABLE public.mine (instance_id text, id text, secret text) SERVER edgebase_instances;
\ir ../lib/verdict.sql

\set attack 'analyst_login: a server of their own'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
CREATE SERVER mine FOREIGN DATA WRAPPER edgebase_fdw;
\ir ../lib/verdict.sql

\set attack 'analyst_login: a user mapping'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
CREATE USER MAPPING FOR analyst_login SERVER edgebase_instances;
\ir ../lib/verdict.sql

\set attack 'analyst_login: IMPORT FOREIGN SCHEMA'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
IMPORT FOREIGN SCHEMA firm FROM SERVER edgebase_instances INTO public;
\ir ../lib/verdict.sql

\set attack 'analyst_login: the handler'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.analytics_handler();
\ir ../lib/verdict.sql

\set attack 'analyst_login: calls create_instance'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.create_instance('tenant', 'x');
\ir ../lib/verdict.sql

\set attack 'analyst_login: calls drop_instance'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.drop_instance('tenant', 'victim');
\ir ../lib/verdict.sql

\set attack 'analyst_login: calls migrate'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.migrate('tenant', 'victim');
\ir ../lib/verdict.sql

\set attack 'analyst_login: calls apply_config'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.apply_config('{}');
\ir ../lib/verdict.sql

\set attack 'analyst_login: calls export_instance'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.export_instance('tenant', 'victim');
\ir ../lib/verdict.sql

\set attack 'analyst_login: calls import_instance'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.import_instance('tenant', 'x', '[]');
\ir ../lib/verdict.sql

\set attack 'analyst_login: calls repair'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.repair();
\ir ../lib/verdict.sql

\set attack 'analyst_login: calls enter'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.enter('tenant', 'victim');
\ir ../lib/verdict.sql

\set attack 'analyst_login: reads edgebase.analytics'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM edgebase.analytics;
\ir ../lib/verdict.sql

\set attack 'analyst_login: reads edgebase.instance'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM edgebase.instance;
\ir ../lib/verdict.sql

\set attack 'analyst_login: reads edgebase.block'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM edgebase.block;
\ir ../lib/verdict.sql

\set attack 'analyst_login: reads edgebase.block_version'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM edgebase.block_version;
\ir ../lib/verdict.sql

\set attack 'analyst_login: reads edgebase.audit_log'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM edgebase.audit_log;
\ir ../lib/verdict.sql

\set attack 'analyst_login: reads edgebase.instances'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM edgebase.instances;
\ir ../lib/verdict.sql

\set attack 'analyst_login: reads edgebase.audit'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM edgebase.audit;
\ir ../lib/verdict.sql

\set attack 'analyst_login: a tenants table behind the relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM "firm:a".staff;
\ir ../lib/verdict.sql

\set attack 'analyst_login: a hidden column of a relation'
\set expect 42703
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT secret FROM firm.staff;
\ir ../lib/verdict.sql

\set attack 'analyst_login: a hidden column in the whole row'
\set expect 00000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT 1 / (count(*) = 2 AND bool_and(NOT to_jsonb(s) ? 'secret' AND s::text !~ 'planted'))::int FROM firm.staff s \g /dev/null
\ir ../lib/verdict.sql

\set attack 'analyst_login: the whole row handed to a function of theirs'
\set expect 00000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
CREATE FUNCTION public.peek(r firm.staff) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$BEGIN IF r::text ~ 'planted' THEN RAISE EXCEPTION 'seen'; END IF; RETURN true; END$$;
SELECT 1 / (count(*) = 2)::int FROM firm.staff s WHERE public.peek(s) \g /dev/null
\ir ../lib/verdict.sql

\set attack 'analyst_login: a hidden table'
\set expect 42P01
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM firm.keys;
\ir ../lib/verdict.sql

\set attack 'analyst_login: a hidden block'
\set expect 42P01
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM dark.t;
\ir ../lib/verdict.sql

\set attack 'analyst_login: what is not hidden in a single-instance block'
\set expect 00000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT 1 / (count(*) = 1)::int FROM office.staff WHERE name = 'Ada' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'analyst_login: a hidden column of a single-instance block'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT secret FROM office.staff;
\ir ../lib/verdict.sql

\set attack 'analyst_login: a hidden column of a single-instance block in the whole row'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT s FROM office.staff s;
\ir ../lib/verdict.sql

\set attack 'analyst_login: a hidden column of a single-instance block in a condition'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT id FROM office.staff WHERE secret LIKE 'p%';
\ir ../lib/verdict.sql

\set attack 'analyst_login: a hidden table of a single-instance block'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM office.keys;
\ir ../lib/verdict.sql

\set attack 'analyst_login: a hidden single-instance block'
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

\set attack 'a function in a predicate behind a security barrier sees no row that it may not'
\set expect 00000
\ir ../lib/analytics.sql
CREATE VIEW public.mallorys WITH (security_barrier) AS SELECT * FROM tenant.invoices WHERE length(instance_id) = 7;
GRANT SELECT ON public.mallorys TO stranger;
CREATE FUNCTION public.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$BEGIN IF $1 IN ('planted-secret', 'victim') THEN RAISE EXCEPTION 'seen'; END IF; RETURN true; END$$;
SET LOCAL SESSION AUTHORIZATION stranger;
SELECT 1 / (count(*) >= 1)::int FROM public.mallorys WHERE public.leak(note) AND public.leak(instance_id) \g /dev/null
\ir ../lib/verdict.sql

\set attack 'stranger: reads a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION stranger;
SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'stranger: explains a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION stranger;
EXPLAIN SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'proxy_login: reads a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'proxy_login: explains a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION proxy_login;
EXPLAIN SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'edgebase_owner: reads a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION edgebase_owner;
SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'edgebase_owner: explains a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION edgebase_owner;
EXPLAIN SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'admin_login: reads a relation'
\set expect 00000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT count(*) FROM tenant.invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'admin_login: writes a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION admin_login;
DELETE FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'admin_login: a migration that opens a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"office": {"tables": {"staff": {"schema": {"name": "string", "secret": {"type": "string", "analytics": false}}, "migrations": [{"version": 1, "description": "x", "up": "GRANT USAGE ON SCHEMA firm TO PUBLIC; GRANT SELECT ON firm.staff TO PUBLIC; DO $x$BEGIN IF NOT has_table_privilege(''stranger'', ''firm.staff'', ''SELECT'') THEN RAISE insufficient_privilege; END IF; END$x$"}]}, "keys": {"schema": {"secret": "string"}}}}}}');
\ir ../lib/verdict.sql

\set attack 'admin_login: a migration that shows a hidden column'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"office": {"tables": {"staff": {"schema": {"name": "string", "secret": {"type": "string", "analytics": false}}, "migrations": [{"version": 1, "description": "x", "up": "ALTER FOREIGN TABLE firm.staff ADD COLUMN secret text"}]}, "keys": {"schema": {"secret": "string"}}}}}}');
\ir ../lib/verdict.sql

\set attack 'a tenant: reads a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'a tenant: explains a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
EXPLAIN SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'a tenant: reads edgebase.instance_stats'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SELECT * FROM edgebase.instance_stats;
\ir ../lib/verdict.sql

\set attack 'a tenant: asks for the size of anothers file'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SELECT edgebase.file_size('"tenant:victim".invoices'::regclass);
\ir ../lib/verdict.sql

\set attack 'a tenant: a relation that was granted to everybody'
\set expect EB008
\ir ../lib/analytics.sql
GRANT USAGE ON SCHEMA tenant TO PUBLIC;
GRANT SELECT ON tenant.invoices TO PUBLIC;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'a tenant: a view of an analysts that was granted to everybody'
\set expect EB008
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
CREATE VIEW public.careless AS SELECT * FROM tenant.invoices;
GRANT SELECT ON public.careless TO PUBLIC;
SET LOCAL SESSION AUTHORIZATION postgres;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SELECT * FROM public.careless;
\ir ../lib/verdict.sql

\set attack 'a tenant: a plan made before the seal'
\set expect EB008
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
CREATE VIEW public.careless AS SELECT * FROM tenant.invoices;
GRANT SELECT ON public.careless TO PUBLIC;
SET LOCAL SESSION AUTHORIZATION postgres;
SET LOCAL SESSION AUTHORIZATION proxy_login;
PREPARE q AS SELECT * FROM public.careless;
EXPLAIN EXECUTE q \g /dev/null
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SELECT * FROM public.run('EXECUTE q');
\ir ../lib/verdict.sql

\set attack 'a tenant: a cursor opened before the seal'
\set expect EB008
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
CREATE VIEW public.careless AS SELECT * FROM tenant.invoices;
GRANT SELECT ON public.careless TO PUBLIC;
SET LOCAL SESSION AUTHORIZATION postgres;
SET LOCAL SESSION AUTHORIZATION proxy_login;
DECLARE c CURSOR FOR SELECT * FROM public.careless;
FETCH 1 FROM c \g /dev/null
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
FETCH ALL FROM c;
\ir ../lib/verdict.sql

\set attack 'even a superuser cannot write through a relation'
\set expect 0A000
\ir ../lib/analytics.sql
INSERT INTO tenant.invoices (instance_id, id) VALUES ('victim', 'x');
\ir ../lib/verdict.sql

\set attack 'even a superuser cannot update through a relation'
\set expect 0A000
\ir ../lib/analytics.sql
UPDATE tenant.invoices SET n = 1;
\ir ../lib/verdict.sql

\set attack 'even a superuser cannot COPY into a relation'
\set expect 0A000
\ir ../lib/analytics.sql
COPY tenant.invoices FROM PROGRAM 'echo';
\ir ../lib/verdict.sql

\set attack 'a foreign table that the registry does not know reads nothing'
\set expect 42809
\ir ../lib/analytics.sql
CREATE FOREIGN TABLE public.mine (instance_id text, id text, secret text) SERVER edgebase_instances;
SELECT * FROM public.mine;
\ir ../lib/verdict.sql

\set attack 'a foreign table without the first column of relations reads nothing'
\set expect 42809
\ir ../lib/analytics.sql
CREATE FOREIGN TABLE firm.keys (id text, secret text) SERVER edgebase_instances;
SELECT * FROM firm.keys;
\ir ../lib/verdict.sql

\set attack 'default privileges of the extensions owner open no relation'
\set expect 42501
\ir ../lib/analytics.sql
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC, stranger;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO PUBLIC, stranger;
SELECT count(*) FROM edgebase.apply_config('{"databases": {"fresh": {"instance": true, "tables": {"t": {}}}}}') \g /dev/null
GRANT USAGE ON SCHEMA fresh TO stranger;
SET LOCAL SESSION AUTHORIZATION stranger;
SELECT * FROM fresh.t;
\ir ../lib/verdict.sql

\set attack 'repair takes back what somebody granted on relations'
\set expect 00000
\ir ../lib/analytics.sql
GRANT USAGE ON SCHEMA tenant TO PUBLIC;
GRANT SELECT ON tenant.invoices TO stranger;
GRANT SELECT (name) ON firm.staff TO proxy_login;
REVOKE SELECT ON firm.staff FROM edgebase_analyst;
SELECT 1 / (edgebase.repair() ->> 'grants_revoked' = '3')::int \g /dev/null
SELECT 1 / (NOT has_table_privilege('stranger', 'tenant.invoices', 'SELECT') AND NOT has_schema_privilege('stranger', 'tenant', 'USAGE') AND NOT has_any_column_privilege('proxy_login', 'firm.staff', 'SELECT') AND has_table_privilege('analyst_login', 'firm.staff', 'SELECT'))::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'analyst_login: reads edgebase.instance_stats'
\set expect 00000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT 1 / (count(*) > 5 AND bool_and(size >= 0) AND bool_or(last_write > now() - interval '1 day'))::int FROM edgebase.instance_stats \g /dev/null
\ir ../lib/verdict.sql

\set attack 'analyst_login: a statement that runs for long is cancelled in time'
\set expect 57014
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SET LOCAL statement_timeout = '100ms';
SELECT count(*) FROM tenant.invoices a, generate_series(1, 1000000000) g;
\ir ../lib/verdict.sql
