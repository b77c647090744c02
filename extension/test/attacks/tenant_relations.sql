-- run: login=postgres
-- The attacker was given SQL inside one instance (a sealed transaction), as POST /api/sql gives it.
-- It wants to read the relations over all instances, which are for analysts, also where a careless
-- superuser or analyst granted them. A superuser makes the grants, so that each can be undone.

\set attack 'reads a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'explains a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
EXPLAIN SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'reads edgebase.instance_stats'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SELECT * FROM edgebase.instance_stats;
\ir ../lib/verdict.sql

\set attack 'asks for the size of anothers file'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SELECT edgebase.file_size('"tenant:victim".invoices'::regclass);
\ir ../lib/verdict.sql

\set attack 'a relation that was granted to everybody'
\set expect EB008
\ir ../lib/analytics.sql
GRANT USAGE ON SCHEMA tenant TO PUBLIC;
GRANT SELECT ON tenant.invoices TO PUBLIC;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'a view of an analysts that was granted to everybody'
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

\set attack 'a plan made before the seal'
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

\set attack 'a cursor opened before the seal'
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
