-- run: login=proxy_login temporary
-- The attacker was given the connection that a tenant's statement runs on next, and, by a careless
-- superuser, the right to make temporary objects. It plants them where the statement may find them.

CREATE TEMP TABLE invoices (id text, planted boolean);
INSERT INTO invoices VALUES ('planted', true);
CREATE FUNCTION pg_temp.helper() RETURNS text LANGUAGE sql AS $$SELECT 'planted'$$;
CREATE TEMP TABLE bait (id text);
PREPARE stale AS SELECT id FROM invoices;
EXECUTE stale \g /dev/null
DECLARE held CURSOR WITH HOLD FOR SELECT 1;

\set attack 'a temporary table of the same name does not shadow the tenant''s'
\set expect 00000
\ir ../lib/begin.sql
SELECT 1 / (min(id) <> 'planted')::int FROM invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'current_schema is the tenant''s'
\set expect 00000
\ir ../lib/begin.sql
SELECT 1 / (current_schema() = 'tenant:mallory')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'pg_temp is searched last'
\set expect 00000
\ir ../lib/begin.sql
SELECT 1 / ((current_schemas(true))[3] ~ '^pg_temp')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'the login role''s temporary table is not the tenant''s to read'
\set expect 42501
\ir ../lib/begin.sql
SELECT * FROM pg_temp.invoices;
\ir ../lib/verdict.sql

\set attack 'a temporary table that no tenant table hides is not readable either'
\set expect 42501
\ir ../lib/begin.sql
SELECT * FROM bait;
\ir ../lib/verdict.sql

\set attack 'a function in pg_temp is not found by its bare name'
\set expect 42883
\ir ../lib/begin.sql
SELECT helper();
\ir ../lib/verdict.sql

\set attack 'a statement prepared before is not executable by name'
\set expect EB008
\ir ../lib/begin.sql
EXECUTE stale;
\ir ../lib/verdict.sql

\set attack 'a table planted in public is not found'
\set expect 00000
\ir ../lib/begin.sql
SELECT 1 / (count(*) = 0)::int FROM information_schema.columns WHERE table_name = 'invoices' AND column_name = 'planted' AND table_schema = current_schema() \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a column of the planted table does not exist in the tenant''s'
\set expect 42703
\ir ../lib/begin.sql
SELECT planted FROM invoices;
\ir ../lib/verdict.sql

\set attack 'a function planted in public is not found'
\set expect 42883
\ir ../lib/begin.sql
SELECT planted();
\ir ../lib/verdict.sql

\set attack 'a planted function called by its full name runs as the tenant'
\set expect 00000
\ir ../lib/begin.sql
SELECT 1 / (public.planted() = 'planted' AND current_user ~ '^eb_')::int \g /dev/null
\ir ../lib/verdict.sql
