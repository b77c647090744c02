-- run: login=proxy_login
-- The attacker was given SQL inside one instance (a sealed transaction), as POST /api/sql gives it.
-- It wants to make others wait: by a lock on what they read too.

\set attack 'LOCK of pg_settings'
\set expect EB008
\ir ../lib/begin.sql
LOCK TABLE pg_settings IN ACCESS EXCLUSIVE MODE;
\ir ../lib/verdict.sql

\set attack 'LOCK of pg_settings after its name was set right'
\set expect EB008
\ir ../lib/begin.sql
LOCK pg_catalog.pg_settings IN SHARE MODE NOWAIT;
\ir ../lib/verdict.sql

\set attack 'LOCK of a catalog in the mode that readers take'
\set expect EB008
\ir ../lib/begin.sql
LOCK TABLE pg_class IN ACCESS SHARE MODE;
\ir ../lib/verdict.sql

\set attack 'LOCK of a shared catalog'
\set expect EB008
\ir ../lib/begin.sql
LOCK TABLE pg_database IN ACCESS SHARE MODE;
\ir ../lib/verdict.sql

\set attack 'LOCK of a view of the information schema'
\set expect EB008
\ir ../lib/begin.sql
LOCK TABLE information_schema.tables IN ACCESS SHARE MODE;
\ir ../lib/verdict.sql

\set attack 'LOCK of a table that a careless superuser granted'
\set expect EB008
\ir ../lib/begin.sql
LOCK TABLE public.invoices IN ACCESS SHARE MODE;
\ir ../lib/verdict.sql

\set attack 'LOCK of the own table and of another one beside it'
\set expect EB008
\ir ../lib/begin.sql
LOCK TABLE invoices, pg_settings IN ACCESS EXCLUSIVE MODE;
\ir ../lib/verdict.sql

\set attack 'LOCK as dynamic SQL of a function'
\set expect EB008
\ir ../lib/begin.sql
SELECT public.run('LOCK TABLE pg_settings IN ACCESS EXCLUSIVE MODE');
\ir ../lib/verdict.sql

\set attack 'LOCK of a relation over all tenants'
\set expect 42501
\ir ../lib/begin.sql
LOCK TABLE tenant.invoices IN ACCESS SHARE MODE;
\ir ../lib/verdict.sql

\set attack 'LOCK of the own table is allowed, in the strongest mode'
\set expect 00000
\ir ../lib/begin.sql
LOCK TABLE invoices IN ACCESS EXCLUSIVE MODE;
\ir ../lib/verdict.sql

\set attack 'LOCK of a table that is not there says so'
\set expect 42P01
\ir ../lib/begin.sql
LOCK TABLE nothing;
\ir ../lib/verdict.sql

\set attack 'SELECT FOR UPDATE of a catalog''s rows'
\set expect 42501
\ir ../lib/begin.sql
SELECT FROM pg_class FOR UPDATE;
\ir ../lib/verdict.sql

\set attack 'SELECT FOR KEY SHARE of a catalog''s rows'
\set expect 42501
\ir ../lib/begin.sql
SELECT FROM pg_namespace FOR KEY SHARE;
\ir ../lib/verdict.sql

\set attack 'DELETE from a catalog'
\set expect 42501
\ir ../lib/begin.sql
DELETE FROM pg_class;
\ir ../lib/verdict.sql

\set attack 'UPDATE of pg_settings that changes no row'
\set expect 42501
\ir ../lib/begin.sql
UPDATE pg_settings SET setting = 'x' WHERE false;
\ir ../lib/verdict.sql

\set attack 'SET CONSTRAINTS of another tenant''s table'
\set expect 42501
\ir ../lib/begin.sql
SET CONSTRAINTS "tenant:victim".invoices_pkey DEFERRED;
\ir ../lib/verdict.sql

-- Functions that lock what their argument names, without asking for a right to it: whoever migrates or
-- deletes it would wait for the end of the transaction. locks.py tries every function of the server.

\set attack 'table_to_xmlschema of another tenant''s table'
\set expect EB008
\ir ../lib/begin.sql
SELECT table_to_xmlschema((SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'tenant:victim' AND relname = 'invoices'), true, true, '');
\ir ../lib/verdict.sql

\set attack 'pg_get_object_address of another tenant''s schema'
\set expect EB008
\ir ../lib/begin.sql
SELECT pg_get_object_address('schema', '{tenant:victim}', '{}');
\ir ../lib/verdict.sql

\set attack 'pg_get_object_address of another tenant''s role'
\set expect EB008
\ir ../lib/begin.sql
SELECT pg_get_object_address('role', ARRAY[rolname::text], '{}') FROM pg_roles WHERE rolname ~ '^eb_';
\ir ../lib/verdict.sql

\set attack 'pg_partition_tree of another tenant''s table'
\set expect EB008
\ir ../lib/begin.sql
SELECT pg_partition_tree((SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'tenant:victim' AND relname = 'invoices'));
\ir ../lib/verdict.sql

\set attack 'pg_views, which describes every view of the database'
\set expect EB008
\ir ../lib/begin.sql
SELECT count(definition) FROM pg_views;
\ir ../lib/verdict.sql

\set attack 'information_schema.views does likewise for those that may be read'
\set expect EB008
\ir ../lib/begin.sql
SELECT count(view_definition) FROM information_schema.views;
\ir ../lib/verdict.sql

\set attack 'pg_get_functiondef of a function of the extension'
\set expect EB008
\ir ../lib/begin.sql
SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'edgebase'::regnamespace;
\ir ../lib/verdict.sql
