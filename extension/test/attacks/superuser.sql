-- run: login=postgres
-- Nothing protects against a superuser who means harm. This one is careless: it grants, plants and
-- alters what it should not, and others make use of it.

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

\set attack 'a view in a tenant''s schema is not locked, nor what it reads'
\set expect EB008
BEGIN;
CREATE VIEW "tenant:mallory".others AS SELECT * FROM "tenant:victim".invoices;
SELECT role AS mallory FROM edgebase.instances WHERE key = 'tenant:mallory' \gset
GRANT ALL ON "tenant:mallory".others TO :"mallory";
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
LOCK TABLE others IN ACCESS EXCLUSIVE MODE;
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
SELECT 1 / (edgebase.repair() ->> 'grants_revoked' = '4')::int \g /dev/null
SELECT 1 / (NOT has_table_privilege('stranger', 'tenant.invoices', 'SELECT') AND NOT has_schema_privilege('stranger', 'tenant', 'USAGE') AND NOT has_any_column_privilege('proxy_login', 'firm.staff', 'SELECT') AND has_table_privilege('analyst_login', 'firm.staff', 'SELECT'))::int \g /dev/null
\ir ../lib/verdict.sql
