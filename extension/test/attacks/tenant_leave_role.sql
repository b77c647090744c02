-- run: login=proxy_login
-- The attacker was given SQL inside one instance (a sealed transaction), as POST /api/sql gives it.
-- It wants to become somebody else. Most statements are refused by the hook (EB008). The attacks
-- that a superuser's own functions help along get past it: PostgreSQL refuses as well (42501).

SELECT rolname AS victim FROM pg_roles
WHERE rolname LIKE 'eb\_%' AND has_schema_privilege(oid, 'tenant:victim', 'USAGE') \gset

\set attack 'RESET ROLE'
\set expect EB008
\ir ../lib/begin.sql
RESET ROLE;
\ir ../lib/verdict.sql

\set attack 'SET ROLE NONE'
\set expect EB008
\ir ../lib/begin.sql
SET ROLE NONE;
\ir ../lib/verdict.sql

\set attack 'SET ROLE to the victim''s role'
\set expect EB008
\ir ../lib/begin.sql
SET ROLE :"victim";
\ir ../lib/verdict.sql

\set attack 'SET LOCAL ROLE to the victim''s role'
\set expect EB008
\ir ../lib/begin.sql
SET LOCAL ROLE :"victim";
\ir ../lib/verdict.sql

\set attack 'SET ROLE edgebase_owner'
\set expect EB008
\ir ../lib/begin.sql
SET ROLE edgebase_owner;
\ir ../lib/verdict.sql

\set attack 'SET ROLE back to the login role'
\set expect EB008
\ir ../lib/begin.sql
SET ROLE proxy_login;
\ir ../lib/verdict.sql

\set attack 'SET SESSION AUTHORIZATION postgres'
\set expect EB008
\ir ../lib/begin.sql
SET SESSION AUTHORIZATION postgres;
\ir ../lib/verdict.sql

\set attack 'SET SESSION AUTHORIZATION DEFAULT'
\set expect EB008
\ir ../lib/begin.sql
SET SESSION AUTHORIZATION DEFAULT;
\ir ../lib/verdict.sql

\set attack 'RESET SESSION AUTHORIZATION'
\set expect EB008
\ir ../lib/begin.sql
RESET SESSION AUTHORIZATION;
\ir ../lib/verdict.sql

\set attack 'SET LOCAL SESSION AUTHORIZATION'
\set expect EB008
\ir ../lib/begin.sql
SET LOCAL SESSION AUTHORIZATION proxy_login;
\ir ../lib/verdict.sql

\set attack 'RESET ALL'
\set expect EB008
\ir ../lib/begin.sql
RESET ALL;
\ir ../lib/verdict.sql

\set attack 'DISCARD ALL'
\set expect EB008
\ir ../lib/begin.sql
DISCARD ALL;
\ir ../lib/verdict.sql

\set attack 'set_config of role'
\set expect EB008
\ir ../lib/begin.sql
SELECT set_config('role', 'none', false);
\ir ../lib/verdict.sql

\set attack 'set_config of session_authorization'
\set expect EB008
\ir ../lib/begin.sql
SELECT set_config('session_authorization', 'postgres', true);
\ir ../lib/verdict.sql

\set attack 'an alias of set_config made by a superuser'
\set expect EB008
\ir ../lib/begin.sql
SELECT public.backdoor('role', 'none', false);
\ir ../lib/verdict.sql

\set attack 'set_config through a set-returning place'
\set expect EB008
\ir ../lib/begin.sql
SELECT * FROM set_config('role', 'none', false);
\ir ../lib/verdict.sql

\set attack 'set_config hidden in a CASE that is never reached at run time'
\set expect EB008
\ir ../lib/begin.sql
SELECT CASE WHEN count(*) < 0 THEN set_config('role', 'none', false) END FROM invoices;
\ir ../lib/verdict.sql

\set attack 'set_config as a fold of constants'
\set expect EB008
\ir ../lib/begin.sql
SELECT * FROM invoices WHERE set_config('role', 'none', true) = 'none';
\ir ../lib/verdict.sql

\set attack 'UPDATE pg_settings, whose rule calls set_config'
\set expect 42501
\ir ../lib/begin.sql
UPDATE pg_settings SET setting = 'none' WHERE name = 'role';
\ir ../lib/verdict.sql

\set attack 'RESET ROLE inside DO'
\set expect EB008
\ir ../lib/begin.sql
DO $$BEGIN EXECUTE 'RESET ROLE'; END$$;
\ir ../lib/verdict.sql

\set attack 'SET ROLE inside nested DO'
\set expect EB008
\ir ../lib/begin.sql
DO $a$BEGIN EXECUTE 'DO $b$BEGIN SET ROLE NONE; END$b$'; END$a$;
\ir ../lib/verdict.sql

\set attack 'RESET ROLE as dynamic SQL of a function'
\set expect EB008
\ir ../lib/begin.sql
SELECT public.run('RESET ROLE');
\ir ../lib/verdict.sql

\set attack 'SET LOCAL ROLE as dynamic SQL of a function'
\set expect EB008
\ir ../lib/begin.sql
SELECT public.run('SET LOCAL ROLE NONE');
\ir ../lib/verdict.sql

\set attack 'RESET ROLE inside a function that catches the error and reads the victim'
\set expect 42501
\ir ../lib/begin.sql
SELECT public.run_caught('RESET ROLE', 'SELECT * FROM "tenant:victim".invoices');
\ir ../lib/verdict.sql

\set attack 'set_config inside a function that catches the error and reads the victim'
\set expect 42501
\ir ../lib/begin.sql
SELECT public.run_caught('SELECT set_config(''role'', ''none'', false)', 'SELECT * FROM "tenant:victim".invoices');
\ir ../lib/verdict.sql

\set attack 'a superuser''s function with SET role: refused by core'
\set expect 42501
\ir ../lib/begin.sql
SELECT public.as_postgres();
\ir ../lib/verdict.sql

\set attack 'a superuser''s function that sets role to the login role: refused by core'
\set expect 42501
\ir ../lib/begin.sql
SELECT public.as_login();
\ir ../lib/verdict.sql

\set attack 'a superuser''s function that sets role to none: refused by core'
\set expect 42501
\ir ../lib/begin.sql
SELECT public.as_none();
\ir ../lib/verdict.sql

\set attack 'a superuser''s function that sets session_authorization: refused by core'
\set expect 42501
\ir ../lib/begin.sql
SELECT public.as_session();
\ir ../lib/verdict.sql

\set attack 'RESET ROLE after a savepoint and its rollback'
\set expect EB008
\ir ../lib/begin.sql
SAVEPOINT s;
SELECT 1/0;
ROLLBACK TO s;
RESET ROLE;
\ir ../lib/verdict.sql

\set attack 'read the victim after ROLLBACK TO a savepoint inside the seal'
\set expect 42501
\ir ../lib/begin.sql
SAVEPOINT s;
SELECT 1/0;
ROLLBACK TO s;
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'read the victim after RELEASE of a savepoint inside the seal'
\set expect 42501
\ir ../lib/begin.sql
SAVEPOINT s;
RELEASE s;
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'a security-definer function gives the tenant back afterwards'
\set expect 00000
\ir ../lib/begin.sql
SELECT public.definer() \g /dev/null
SELECT 1 / (current_user ~ '^eb_')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'enter a second time'
\set expect 42501
\ir ../lib/begin.sql
SELECT edgebase.enter('tenant', 'victim');
\ir ../lib/verdict.sql

\set attack 'enter a second time by way of a security-definer function'
\set expect EB005
\ir ../lib/begin.sql
SELECT public.enter_as_definer();
\ir ../lib/verdict.sql

\set attack 'parallel workers carry the tenant'
\set expect 42501
\ir ../lib/begin.sql
SET LOCAL enable_indexscan = off;
SELECT count(*) FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'deferred triggers run as the tenant at COMMIT'
\set expect 00000
\ir ../lib/begin.sql
INSERT INTO invoices (id, n) VALUES ('deferred', 1);
COMMIT;
\ir ../lib/verdict.sql

\set attack 'a deferred trigger that would leave the role at COMMIT'
\set expect EB008
\ir ../lib/begin.sql
INSERT INTO invoices (id, note) VALUES ('leave', 'RESET ROLE');
COMMIT;
\ir ../lib/verdict.sql

\set attack 'a deferred trigger that would read the victim at COMMIT'
\set expect 42501
\ir ../lib/begin.sql
INSERT INTO invoices (id, note) VALUES ('leave', 'TABLE bait');
COMMIT;
\ir ../lib/verdict.sql

\set attack 'after a COMMIT that a deferred trigger made fail: the login role, which reads nothing'
\set expect 42501
SELECT * FROM "tenant:mallory".invoices;
\ir ../lib/verdict.sql
