-- What if somebody planted objects where a tenant's statement might find them? Run with TEMP
-- granted to the login role, as a careless operator might.
\set VERBOSITY sqlstate
\set QUIET on
\pset tuples_only on
\pset format unaligned

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

-- Hostile names: each tenant sees its own schema and nothing else.

\set attack 'hostile id 1 enters its own schema and reads its own table'
\set expect 00000
BEGIN;
SELECT edgebase.enter('tenant', 'x"; DROP SCHEMA public; --') \g /dev/null
INSERT INTO "Weird ""T""" (id, "a.b", "c'd") VALUES ('1', '2', 'it''s');
SELECT 1 / (count(*) = 0)::int FROM invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'hostile id 1 cannot read the victim'
\set expect 42501
BEGIN;
SELECT edgebase.enter('tenant', 'x"; DROP SCHEMA public; --') \g /dev/null
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'hostile id 2 enters its own schema and reads its own table'
\set expect 00000
BEGIN;
SELECT edgebase.enter('tenant', '😀 Ω') \g /dev/null
INSERT INTO "Weird ""T""" (id, "a.b", "c'd") VALUES ('1', '2', 'it''s');
SELECT 1 / (count(*) = 0)::int FROM invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'hostile id 2 cannot read the victim'
\set expect 42501
BEGIN;
SELECT edgebase.enter('tenant', '😀 Ω') \g /dev/null
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'hostile id 3 enters its own schema and reads its own table'
\set expect 00000
BEGIN;
SELECT edgebase.enter('tenant', repeat('é', 511) || 'z') \g /dev/null
INSERT INTO "Weird ""T""" (id, "a.b", "c'd") VALUES ('1', '2', 'it''s');
SELECT 1 / (count(*) = 0)::int FROM invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'hostile id 3 cannot read the victim'
\set expect 42501
BEGIN;
SELECT edgebase.enter('tenant', repeat('é', 511) || 'z') \g /dev/null
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'hostile id 4 enters its own schema and reads its own table'
\set expect 00000
BEGIN;
SELECT edgebase.enter('tenant', 'pg_catalog') \g /dev/null
INSERT INTO "Weird ""T""" (id, "a.b", "c'd") VALUES ('1', '2', 'it''s');
SELECT 1 / (count(*) = 0)::int FROM invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'hostile id 4 cannot read the victim'
\set expect 42501
BEGIN;
SELECT edgebase.enter('tenant', 'pg_catalog') \g /dev/null
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'hostile id 5 enters its own schema and reads its own table'
\set expect 00000
BEGIN;
SELECT edgebase.enter('tenant', 'SELECT') \g /dev/null
INSERT INTO "Weird ""T""" (id, "a.b", "c'd") VALUES ('1', '2', 'it''s');
SELECT 1 / (count(*) = 0)::int FROM invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'hostile id 5 cannot read the victim'
\set expect 42501
BEGIN;
SELECT edgebase.enter('tenant', 'SELECT') \g /dev/null
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'a block called public lives in a schema of its own'
\set expect 00000
SELECT 1 / (edgebase.locate('public') = 'public:')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a block called pg_x lives in a schema of its own'
\set expect 00000
SELECT 1 / (edgebase.locate('pg_x') = ':pg_x')::int \g /dev/null
BEGIN;
SELECT edgebase.enter('pg_x') \g /dev/null
INSERT INTO "select" (id, "from") VALUES ('a', 'b');
\ir ../lib/verdict.sql

\set attack 'an enum value with a quote is enforced'
\set expect 23514
\ir ../lib/begin.sql
INSERT INTO "Weird ""T""" (id, "c'd") VALUES ('1', 'its');
\ir ../lib/verdict.sql

\set attack 'length is counted in UTF-16 units'
\set expect 23514
\ir ../lib/begin.sql
INSERT INTO invoices (id, note) VALUES ('long', repeat('😀', 11));
\ir ../lib/verdict.sql
