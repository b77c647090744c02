-- run: login=proxy_login
-- The attacker was given the proxy's login role, as whoever takes the proxy over has it: it may enter
-- every instance, one in a transaction. It wants more: two at once, a table without entering, no
-- limits, or what only the operator may do.

SELECT rolname AS victim FROM pg_roles
WHERE rolname LIKE 'eb\_%' AND has_schema_privilege(oid, 'tenant:victim', 'USAGE') \gset

-- The library is loaded at the first call. Can a limit be set before that, when the setting is
-- still an unknown name that anybody may set?

\connect
SET client_min_messages = error;
SET edgebase.statement_timeout = 0;
SET edgebase.lock_timeout = '1h';

\set attack 'a time limit lifted before the library was loaded does not count'
\set expect 00000
\ir ../lib/begin.sql
SELECT 1 / (current_setting('statement_timeout') = '2s')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a lock limit lifted before the library was loaded does not count'
\set expect 00000
\ir ../lib/begin.sql
SELECT 1 / (current_setting('lock_timeout') = '10s')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a stricter limit of the session stands'
\set expect 00000
SET statement_timeout = '1s';
\ir ../lib/begin.sql
SELECT 1 / (current_setting('statement_timeout') = '1s')::int \g /dev/null
\ir ../lib/verdict.sql

RESET statement_timeout;

\set attack 'a misspelt setting of ours is refused'
\set expect 42602
SET edgebase.statment_timeout = 0;
\ir ../lib/verdict.sql

-- The library may be loaded inside a function of somebody else's rights, where PostgreSQL does not
-- let settings change. Do the operator's limits count in that session all the same?

\connect

\set attack 'enter inside a security-definer function, as the first call of a session'
\set expect EB005
SELECT public.enter_as_definer();
\ir ../lib/verdict.sql

\set attack 'the operator''s time limit counts although the library was loaded in there'
\set expect 00000
\ir ../lib/begin.sql
SELECT 1 / (current_setting('statement_timeout') = '2s')::int \g /dev/null
\ir ../lib/verdict.sql

-- Outside of any instance.

\set attack 'read a tenant''s table'
\set expect 42501
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'read a single-instance block'
\set expect 42501
SELECT * FROM app.posts;
\ir ../lib/verdict.sql

\set attack 'read the registry'
\set expect 42501
SELECT * FROM edgebase.instance;
\ir ../lib/verdict.sql

\set attack 'read the instances view'
\set expect 42501
SELECT * FROM edgebase.instances;
\ir ../lib/verdict.sql

\set attack 'apply a config'
\set expect 42501
SELECT edgebase.apply_config('{"databases": {}}');
\ir ../lib/verdict.sql

\set attack 'apply a config by the function behind it'
\set expect 42501
SELECT edgebase.apply_config_json('{"databases": {}}', false);
\ir ../lib/verdict.sql

\set attack 'SET ROLE to a tenant''s role'
\set expect 42501
SET ROLE :"victim";
\ir ../lib/verdict.sql

\set attack 'SET ROLE edgebase_owner'
\set expect 42501
SET ROLE edgebase_owner;
\ir ../lib/verdict.sql

\set attack 'make a temporary table'
\set expect 42501
CREATE TEMP TABLE t (a int);
\ir ../lib/verdict.sql

\set attack 'make a schema'
\set expect 42501
CREATE SCHEMA s;
\ir ../lib/verdict.sql

\set attack 'lift the time limit'
\set expect 42501
SET edgebase.statement_timeout = 0;
\ir ../lib/verdict.sql

\set attack 'lift the memory limit'
\set expect 42501
SET edgebase.work_mem = 0;
\ir ../lib/verdict.sql

\set attack 'drop the configured single-instance block'
\set expect 55006
SELECT edgebase.drop_instance('app');
\ir ../lib/verdict.sql

\set attack 'create an instance of nothing'
\set expect EB001
SELECT edgebase.create_instance('nothing', 'x');
\ir ../lib/verdict.sql

\set attack 'create an instance with a hostile id of 1,025 bytes'
\set expect EB004
SELECT edgebase.create_instance('tenant', repeat('x', 1025));
\ir ../lib/verdict.sql

\set attack 'create an instance with a control character'
\set expect EB004
SELECT edgebase.create_instance('tenant', E'a\nb');
\ir ../lib/verdict.sql

\set attack 'create an instance of a single-instance block with an id'
\set expect EB004
SELECT edgebase.create_instance('app', 'x');
\ir ../lib/verdict.sql

\set attack 'reads a relation'
\set expect 42501
SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'explains a relation'
\set expect 42501
EXPLAIN SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

-- Entering.

\set attack 'roll back to before the seal: back to the login role, which reads nothing'
\set expect 42501
BEGIN;
SAVEPOINT s;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
ROLLBACK TO s;
SELECT * FROM "tenant:mallory".invoices;
\ir ../lib/verdict.sql

\set attack 'roll back to before the seal, then enter once more: one tenant at a time'
\set expect 42501
BEGIN;
SAVEPOINT s;
SELECT edgebase.enter('tenant', 'victim') \g /dev/null
ROLLBACK TO s;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'a cursor of a tenant entered before a rollback is not there for the next one'
\set expect 34000
BEGIN;
SAVEPOINT s;
SELECT edgebase.enter('tenant', 'victim') \g /dev/null
DECLARE c CURSOR FOR SELECT * FROM invoices;
ROLLBACK TO s;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
FETCH ALL FROM c;
\ir ../lib/verdict.sql

\set attack 'enter in a released savepoint, then LISTEN: still sealed'
\set expect EB008
BEGIN;
SAVEPOINT s;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
RELEASE s;
LISTEN x;
\ir ../lib/verdict.sql

\set attack 'enter inside a security-definer function'
\set expect EB005
BEGIN;
SELECT public.enter_as_definer();
\ir ../lib/verdict.sql

\set attack 'enter inside a function with a SET clause'
\set expect EB005
BEGIN;
SELECT public.enter_with_set();
\ir ../lib/verdict.sql

\set attack 'enter through a plain function seals as well'
\set expect EB008
BEGIN;
SELECT public.enter_plain() \g /dev/null
RESET ROLE;
\ir ../lib/verdict.sql

\set attack 'enter and read the victim in one statement'
\set expect 42501
BEGIN;
SELECT edgebase.enter('tenant', 'mallory'), n FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'enter an instance that does not exist'
\set expect EB002
SELECT edgebase.enter('tenant', 'nobody');
\ir ../lib/verdict.sql

\set attack 'enter a block that does not exist'
\set expect EB001
SELECT edgebase.enter('nothing', 'mallory');
\ir ../lib/verdict.sql

\set attack 'enter with SQL in the id'
\set expect EB002
SELECT edgebase.enter('tenant', 'mallory"; RESET ROLE; --');
\ir ../lib/verdict.sql

\set attack 'enter with a colon in the id'
\set expect EB004
SELECT edgebase.enter('tenant', 'mallory:x');
\ir ../lib/verdict.sql

\set attack 'enter a dynamic block without an id'
\set expect EB004
SELECT edgebase.enter('tenant');
\ir ../lib/verdict.sql

\set attack 'enter with a null namespace'
\set expect 22004
SELECT edgebase.enter(NULL, 'mallory');
\ir ../lib/verdict.sql

\set attack 'enter with a blank id'
\set expect EB004
SELECT edgebase.enter('tenant', ' ');
\ir ../lib/verdict.sql

-- After the transaction the connection is the login role's again, whatever the end was.
BEGIN;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
COMMIT;

\set attack 'after COMMIT: the login role, which reads nothing'
\set expect 42501
SELECT * FROM "tenant:mallory".invoices;
\ir ../lib/verdict.sql

\set attack 'after COMMIT: current_user and search_path are the login role''s'
\set expect 00000
SELECT 1 / (current_user = 'proxy_login' AND current_setting('search_path') !~ 'tenant')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'after ROLLBACK: the same'
\set expect 00000
\ir ../lib/begin.sql
ROLLBACK;
SELECT 1 / (current_user = 'proxy_login' AND current_setting('search_path') !~ 'tenant')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'after an error in autocommit: the same'
\set expect 00000
SELECT edgebase.enter('tenant', 'mallory'), 1/0;
SELECT 1 / (current_user = 'proxy_login' AND current_setting('search_path') !~ 'tenant')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'COMMIT inside DO after enter: the login role again'
\set expect 42501
DO $$BEGIN
    PERFORM edgebase.enter('tenant', 'mallory');
    COMMIT;
    PERFORM * FROM "tenant:mallory".invoices;
END$$;
\ir ../lib/verdict.sql

\set attack 'enter one tenant after the other inside DO: never both'
\set expect 42501
DO $$BEGIN
    PERFORM edgebase.enter('tenant', 'victim');
    COMMIT;
    PERFORM edgebase.enter('tenant', 'mallory');
    PERFORM * FROM "tenant:victim".invoices;
END$$;
\ir ../lib/verdict.sql
