-- run: login=proxy_login
-- The attacker was given SQL inside one instance (a sealed transaction), as POST /api/sql gives it.
-- It wants to leave something on the pooled connection, or in the server, for the next tenant or
-- the proxy to stumble over.

\set attack 'LISTEN'
\set expect EB008
\ir ../lib/begin.sql
LISTEN secrets;
\ir ../lib/verdict.sql

\set attack 'UNLISTEN'
\set expect EB008
\ir ../lib/begin.sql
UNLISTEN *;
\ir ../lib/verdict.sql

\set attack 'NOTIFY'
\set expect EB008
\ir ../lib/begin.sql
NOTIFY secrets, 'x';
\ir ../lib/verdict.sql

\set attack 'pg_notify'
\set expect EB008
\ir ../lib/begin.sql
SELECT pg_notify('secrets', 'x');
\ir ../lib/verdict.sql

\set attack 'LISTEN inside DO'
\set expect EB008
\ir ../lib/begin.sql
DO $$BEGIN EXECUTE 'LISTEN secrets'; END$$;
\ir ../lib/verdict.sql

\set attack 'PREPARE'
\set expect EB008
\ir ../lib/begin.sql
PREPARE p AS SELECT 1;
\ir ../lib/verdict.sql

\set attack 'EXECUTE'
\set expect EB008
\ir ../lib/begin.sql
EXECUTE p;
\ir ../lib/verdict.sql

\set attack 'EXPLAIN EXECUTE'
\set expect EB008
\ir ../lib/begin.sql
EXPLAIN ANALYZE EXECUTE p;
\ir ../lib/verdict.sql

\set attack 'DEALLOCATE ALL, which breaks the proxy'
\set expect EB008
\ir ../lib/begin.sql
DEALLOCATE ALL;
\ir ../lib/verdict.sql

\set attack 'a cursor WITH HOLD'
\set expect EB008
\ir ../lib/begin.sql
DECLARE c CURSOR WITH HOLD FOR SELECT 1;
\ir ../lib/verdict.sql

\set attack 'DISCARD PLANS'
\set expect EB008
\ir ../lib/begin.sql
DISCARD PLANS;
\ir ../lib/verdict.sql

\set attack 'DISCARD TEMP'
\set expect EB008
\ir ../lib/begin.sql
DISCARD TEMP;
\ir ../lib/verdict.sql

\set attack 'CREATE TEMP TABLE'
\set expect EB008
\ir ../lib/begin.sql
CREATE TEMP TABLE invoices (id text);
\ir ../lib/verdict.sql

\set attack 'CREATE TABLE in pg_temp'
\set expect EB008
\ir ../lib/begin.sql
CREATE TABLE pg_temp.invoices (id text);
\ir ../lib/verdict.sql

\set attack 'SELECT INTO TEMP'
\set expect EB008
\ir ../lib/begin.sql
SELECT 1 AS a INTO TEMP t;
\ir ../lib/verdict.sql

\set attack 'EXPLAIN ANALYZE CREATE TEMP TABLE AS'
\set expect EB008
\ir ../lib/begin.sql
EXPLAIN ANALYZE CREATE TEMP TABLE t AS SELECT 1 AS a;
\ir ../lib/verdict.sql

\set attack 'a temporary view'
\set expect EB008
\ir ../lib/begin.sql
CREATE TEMP VIEW v AS SELECT 1;
\ir ../lib/verdict.sql

\set attack 'a function in pg_temp'
\set expect EB008
\ir ../lib/begin.sql
CREATE FUNCTION pg_temp.lower(text) RETURNS text LANGUAGE sql AS 'SELECT 1::text';
\ir ../lib/verdict.sql

\set attack 'SET without LOCAL'
\set expect EB008
\ir ../lib/begin.sql
SET timezone = 'UTC';
\ir ../lib/verdict.sql

\set attack 'SET SESSION'
\set expect EB008
\ir ../lib/begin.sql
SET SESSION extra_float_digits = 0;
\ir ../lib/verdict.sql

\set attack 'RESET of one setting'
\set expect EB008
\ir ../lib/begin.sql
RESET timezone;
\ir ../lib/verdict.sql

\set attack 'SET SESSION CHARACTERISTICS'
\set expect EB008
\ir ../lib/begin.sql
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;
\ir ../lib/verdict.sql

\set attack 'a write after enter_read_only'
\set expect 25006
BEGIN;
SELECT edgebase.enter_read_only('tenant', 'mallory') \g /dev/null
INSERT INTO invoices (id) VALUES ('read-only');
\ir ../lib/verdict.sql

\set attack 'SET TRANSACTION READ WRITE after enter_read_only'
\set expect 25001
BEGIN;
SELECT edgebase.enter_read_only('tenant', 'mallory') \g /dev/null
SET TRANSACTION READ WRITE;
\ir ../lib/verdict.sql

\set attack 'SET LOCAL transaction_read_only after enter_read_only, in a savepoint'
\set expect 25001
BEGIN;
SELECT edgebase.enter_read_only('tenant', 'mallory') \g /dev/null
SAVEPOINT s;
SET LOCAL transaction_read_only = off;
\ir ../lib/verdict.sql

\set attack 'the transaction after enter_read_only writes again'
\set expect 00000
BEGIN;
SELECT edgebase.enter_read_only('tenant', 'mallory') \g /dev/null
COMMIT;
\ir ../lib/begin.sql
UPDATE invoices SET id = id WHERE false;
\ir ../lib/verdict.sql

\set attack 'set_config for the session'
\set expect EB008
\ir ../lib/begin.sql
SELECT set_config('timezone', 'UTC', false);
\ir ../lib/verdict.sql

\set attack 'SET statement_timeout upward'
\set expect EB008
\ir ../lib/begin.sql
SET statement_timeout = 0;
\ir ../lib/verdict.sql

\set attack 'SET LOCAL statement_timeout upward'
\set expect EB008
\ir ../lib/begin.sql
SET LOCAL statement_timeout = 0;
\ir ../lib/verdict.sql

\set attack 'SET LOCAL lock_timeout'
\set expect EB008
\ir ../lib/begin.sql
SET LOCAL lock_timeout = 0;
\ir ../lib/verdict.sql

\set attack 'SET LOCAL idle_in_transaction_session_timeout'
\set expect EB008
\ir ../lib/begin.sql
SET LOCAL idle_in_transaction_session_timeout = 0;
\ir ../lib/verdict.sql

\set attack 'SET LOCAL work_mem'
\set expect EB008
\ir ../lib/begin.sql
SET LOCAL work_mem = '10GB';
\ir ../lib/verdict.sql

\set attack 'SET LOCAL search_path'
\set expect EB008
\ir ../lib/begin.sql
SET LOCAL search_path = public;
\ir ../lib/verdict.sql

\set attack 'SET LOCAL of our own setting'
\set expect EB008
\ir ../lib/begin.sql
SET LOCAL edgebase.statement_timeout = 0;
\ir ../lib/verdict.sql

\set attack 'SET LOCAL session_replication_role'
\set expect EB008
\ir ../lib/begin.sql
SET LOCAL session_replication_role = replica;
\ir ../lib/verdict.sql

\set attack 'SET LOCAL synchronous_commit'
\set expect EB008
\ir ../lib/begin.sql
SET LOCAL synchronous_commit = off;
\ir ../lib/verdict.sql

\set attack 'SET LOCAL local_preload_libraries'
\set expect EB008
\ir ../lib/begin.sql
SET LOCAL local_preload_libraries = 'x';
\ir ../lib/verdict.sql

\set attack 'a session advisory lock'
\set expect EB008
\ir ../lib/begin.sql
SELECT pg_advisory_lock(1);
\ir ../lib/verdict.sql

\set attack 'a shared session advisory lock'
\set expect EB008
\ir ../lib/begin.sql
SELECT pg_advisory_lock_shared(1);
\ir ../lib/verdict.sql

\set attack 'trying a session advisory lock'
\set expect EB008
\ir ../lib/begin.sql
SELECT pg_try_advisory_lock(1);
\ir ../lib/verdict.sql

\set attack 'a transaction advisory lock, which would meet another tenant''s'
\set expect EB008
\ir ../lib/begin.sql
SELECT pg_advisory_xact_lock(1);
\ir ../lib/verdict.sql

\set attack 'trying a two-key advisory lock'
\set expect EB008
\ir ../lib/begin.sql
SELECT pg_try_advisory_xact_lock(1, 2);
\ir ../lib/verdict.sql

\set attack 'releasing the proxy''s advisory locks'
\set expect EB008
\ir ../lib/begin.sql
SELECT pg_advisory_unlock_all();
\ir ../lib/verdict.sql

\set attack 'PREPARE TRANSACTION'
\set expect EB008
\ir ../lib/begin.sql
PREPARE TRANSACTION 'x';
\ir ../lib/verdict.sql

\set attack 'COMMIT PREPARED'
\set expect EB008
\ir ../lib/begin.sql
COMMIT PREPARED 'x';
\ir ../lib/verdict.sql

\set attack 'COMMIT AND CHAIN'
\set expect EB008
\ir ../lib/begin.sql
COMMIT AND CHAIN;
\ir ../lib/verdict.sql

\set attack 'ROLLBACK AND CHAIN'
\set expect EB008
\ir ../lib/begin.sql
ROLLBACK AND CHAIN;
\ir ../lib/verdict.sql

\set attack 'COMMIT inside DO'
\set expect EB008
\ir ../lib/begin.sql
DO $$BEGIN COMMIT; END$$;
\ir ../lib/verdict.sql

\set attack 'ROLLBACK inside DO'
\set expect EB008
\ir ../lib/begin.sql
DO $$BEGIN ROLLBACK; END$$;
\ir ../lib/verdict.sql

\set attack 'COMMIT inside a procedure'
\set expect 2D000
\ir ../lib/begin.sql
CALL public.commits();
\ir ../lib/verdict.sql

\set attack 'LISTEN as dynamic SQL of a function'
\set expect EB008
\ir ../lib/begin.sql
SELECT public.run('LISTEN secrets');
\ir ../lib/verdict.sql

\set attack 'a code block that catches its cancellation to outlive its time limit'
\set expect EB008
\ir ../lib/begin.sql
DO $$BEGIN FOR twice IN 1..2 LOOP BEGIN PERFORM pg_sleep(9); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END$$;
\ir ../lib/verdict.sql

\set attack 'pg_export_snapshot'
\set expect EB008
\ir ../lib/begin.sql
SELECT pg_export_snapshot();
\ir ../lib/verdict.sql

\set attack 'setseed, to foretell the next tenant''s random()'
\set expect EB008
\ir ../lib/begin.sql
SELECT setseed(0.5);
\ir ../lib/verdict.sql

\set attack 'pg_copy_logical_replication_slot'
\set expect EB008
\ir ../lib/begin.sql
SELECT pg_copy_logical_replication_slot('a', 'b');
\ir ../lib/verdict.sql

\set attack 'pg_stat_reset'
\set expect 42501
\ir ../lib/begin.sql
SELECT pg_stat_reset();
\ir ../lib/verdict.sql

\set attack 'nextval of the registry''s sequence'
\set expect 42501
\ir ../lib/begin.sql
SELECT nextval('edgebase.instance_number');
\ir ../lib/verdict.sql

\set attack 'VACUUM'
\set expect EB008
\ir ../lib/begin.sql
VACUUM invoices;
\ir ../lib/verdict.sql

\set attack 'a time limit that ends a query'
\set expect 57014
\ir ../lib/begin.sql
SELECT pg_sleep(30);
\ir ../lib/verdict.sql

-- What ends with the transaction is allowed, and does end.
BEGIN;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SET LOCAL timezone = 'Pacific/Kiritimati';
DECLARE c CURSOR FOR SELECT 1;
COMMIT;

\set attack 'the next transaction does not see SET LOCAL'
\set expect 00000
\ir ../lib/begin.sql
SELECT 1 / (current_setting('timezone') <> 'Pacific/Kiritimati')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'the next transaction does not see the cursor'
\set expect 34000
\ir ../lib/begin.sql
FETCH c;
\ir ../lib/verdict.sql

\set attack 'the next transaction has no time limit of the tenant''s'
\set expect 00000
SELECT 1 / (current_setting('statement_timeout') = '0')::int \g /dev/null
\ir ../lib/verdict.sql
