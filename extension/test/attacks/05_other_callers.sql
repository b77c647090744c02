-- Who else may not enter, and what may the other roles not do? Run as a superuser, who takes on
-- each role in turn.
\set VERBOSITY sqlstate
\set QUIET on
\pset tuples_only on
\pset format unaligned

\set attack 'a superuser may not enter'
\set expect EB005
SELECT edgebase.enter('tenant', 'mallory');
\ir ../lib/verdict.sql

\set attack 'a superuser acting as a proxy by SET ROLE may not enter'
\set expect EB005
BEGIN;
SET LOCAL ROLE proxy_login;
SELECT edgebase.enter('tenant', 'mallory');
\ir ../lib/verdict.sql

\set attack 'admin_login: enter'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.enter('tenant', 'mallory');
\ir ../lib/verdict.sql

\set attack 'admin_login: read a tenant''s table'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'admin_login: change the audit through the view'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
UPDATE edgebase.audit SET actor = 'x';
\ir ../lib/verdict.sql

\set attack 'admin_login: delete from the audit through the view'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
DELETE FROM edgebase.audit;
\ir ../lib/verdict.sql

\set attack 'admin_login: insert into the audit'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
INSERT INTO edgebase.audit_log (actor, action, namespace) VALUES ('x', 'y', 'z');
\ir ../lib/verdict.sql

\set attack 'admin_login: change the registry'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
UPDATE edgebase.instance SET schema_name = 'tenant:victim';
\ir ../lib/verdict.sql

\set attack 'admin_login: SET ROLE edgebase_owner'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SET ROLE edgebase_owner;
\ir ../lib/verdict.sql

\set attack 'admin_login: a check that smuggles in a second statement'
\set expect 42601
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT * FROM edgebase.apply_config('{"databases": {"evil": {"tables": {"t": {"schema": {"a": {"type": "string", "check": "true)); DROP SCHEMA \"tenant:victim\" CASCADE; SELECT ((1"}}}}}}}');
\ir ../lib/verdict.sql

\set attack 'admin_login: a migration that rewrites the audit'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}, "migrations": [{"version": 1, "description": "x", "up": "DELETE FROM edgebase.audit_log"}]}}}}}');
\ir ../lib/verdict.sql

\set attack 'admin_login: a migration that rewrites the registry'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}, "migrations": [{"version": 1, "description": "x", "up": "UPDATE edgebase.instance SET schema_name = 1"}]}}}}}');
\ir ../lib/verdict.sql

\set attack 'admin_login: a migration that becomes a superuser'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}, "migrations": [{"version": 1, "description": "x", "up": "RESET ROLE; ALTER ROLE admin_login SUPERUSER"}]}}}}}');
\ir ../lib/verdict.sql

\set attack 'admin_login: a check that reads a file'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"evil": {"tables": {"t": {"schema": {"a": {"type": "string", "check": "pg_read_file(''/etc/passwd'') = a"}}, "migrations": []}}}}}') \g /dev/null
SELECT 1 FROM pg_read_file('/etc/passwd');
\ir ../lib/verdict.sql

\set attack 'admin_login: a destructive change without a migration'
\set expect EB007
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"app": {"tables": {"posts": {"schema": {}}}}}}');
\ir ../lib/verdict.sql

\set attack 'admin_login: a malformed config'
\set expect EB006
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"app": {"tables": {"posts": {"acess": {}}}}}}');
\ir ../lib/verdict.sql

\set attack 'analyst_login: enter'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.enter('tenant', 'mallory');
\ir ../lib/verdict.sql

\set attack 'analyst_login: read a tenant''s table directly'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'analyst_login: write a single-instance block'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION analyst_login;
INSERT INTO app.posts (id) VALUES ('x');
\ir ../lib/verdict.sql

\set attack 'analyst_login: read the audit'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM edgebase.audit;
\ir ../lib/verdict.sql

\set attack 'analyst_login: drop an instance'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.drop_instance('tenant', 'victim');
\ir ../lib/verdict.sql

\set attack 'analyst_login: reads a single-instance block'
\set expect 00000
BEGIN;
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM app.posts \g /dev/null
\ir ../lib/verdict.sql

\set attack 'stranger: use the schema edgebase'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION stranger;
SELECT edgebase.enter('tenant', 'mallory');
\ir ../lib/verdict.sql

\set attack 'stranger: read a tenant''s table'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION stranger;
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'stranger: make a temporary table'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION stranger;
CREATE TEMP TABLE t (a int);
\ir ../lib/verdict.sql

\set attack 'even a superuser''s UPDATE of the audit is refused by its trigger'
\set expect 42501
UPDATE edgebase.audit_log SET actor = 'x';
\ir ../lib/verdict.sql

\set attack 'even a superuser''s TRUNCATE of the audit'
\set expect 42501
TRUNCATE edgebase.audit_log;
\ir ../lib/verdict.sql

\set attack 'default privileges of edgebase_owner stop creation'
\set expect 55000
BEGIN;
ALTER DEFAULT PRIVILEGES FOR ROLE edgebase_owner GRANT SELECT ON TABLES TO PUBLIC;
SELECT edgebase.create_instance('tenant', 'leaky');
\ir ../lib/verdict.sql

\set attack 'a role of the tenant''s that was made a superuser is not entered'
\set expect EB005
BEGIN;
SELECT 'eb_' || oid || '_' || (SELECT number FROM edgebase.instance WHERE id = 'mallory') AS r FROM pg_database WHERE datname = current_database() \gset
ALTER ROLE :"r" BYPASSRLS;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory');
\ir ../lib/verdict.sql

\set attack 'an instance whose role is missing says so'
\set expect 55000
BEGIN;
SELECT 'eb_' || oid || '_' || (SELECT number FROM edgebase.instance WHERE id = 'mallory') AS r FROM pg_database WHERE datname = current_database() \gset
ALTER ROLE :"r" RENAME TO gone;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory');
\ir ../lib/verdict.sql

\set attack 'a role planted under the name of the next instance role is not taken over'
\set expect 42710
BEGIN;
SELECT format('eb_%s_%s', d.oid, n.last_value + 1) AS next FROM pg_database d, edgebase.instance_number n WHERE d.datname = current_database() \gset
CREATE ROLE :"next" LOGIN;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.create_instance('tenant', 'planted');
\ir ../lib/verdict.sql

\set attack 'a schema planted under an instance''s name is not taken over'
\set expect 00000
BEGIN;
CREATE SCHEMA "tenant:planted" AUTHORIZATION stranger;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT 1 / (edgebase.create_instance('tenant', 'planted') ->> 'schema' = 'tenant:planted:')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'with every name that its schema could have taken, an instance is not created'
\set expect 42P06
BEGIN;
CREATE SCHEMA "tenant:planted" AUTHORIZATION stranger;
CREATE SCHEMA "tenant:planted:" AUTHORIZATION stranger;
CREATE SCHEMA ":tenant:planted" AUTHORIZATION stranger;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.create_instance('tenant', 'planted');
\ir ../lib/verdict.sql

\set attack 'a policy that admits everybody opens nothing without a grant'
\set expect 42501
BEGIN;
ALTER TABLE "tenant:victim".invoices ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON "tenant:victim".invoices USING (true);
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql
