-- run: login=postgres
-- The attacker was given a login role of the database and nothing else. A superuser takes on its
-- role, so that each attack can be undone.

\set attack 'use the schema edgebase'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION stranger;
SELECT edgebase.enter('tenant', 'mallory');
\ir ../lib/verdict.sql

\set attack 'read a tenant''s table'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION stranger;
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'make a temporary table'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION stranger;
CREATE TEMP TABLE t (a int);
\ir ../lib/verdict.sql

\set attack 'reads a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION stranger;
SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'explains a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION stranger;
EXPLAIN SELECT * FROM tenant.invoices;
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
