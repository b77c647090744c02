-- run: login=admin_login
-- The attacker was given a login that is a member of edgebase_admin: it applies configs, and so has
-- SQL of its own run as edgebase_owner inside functions of the extension's owner, a superuser. It wants
-- to be a superuser, to leave something in the session or the server for whoever calls such a
-- function, or to open tenants' tables to others. The last attacks run as that superuser.

-- To become a superuser: an operator of the attacker's own is to be found by what runs as one.

\set attack 'a planted operator and a search_path that outlives the migration'
\set expect EB009
SELECT $up$
CREATE FUNCTION m.eq(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN
  IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) current_user)
  THEN EXECUTE 'ALTER ROLE admin_login SUPERUSER'; END IF; RETURN $1 OPERATOR(pg_catalog.=) $2; END $f$;
CREATE OPERATOR m.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = m.eq);
SET search_path = m, pg_catalog$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'CREATE OPERATOR'
\set expect EB009
SELECT $up$CREATE FUNCTION f(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true'; CREATE OPERATOR = (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = f)$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'CREATE CAST'
\set expect EB009
SELECT $up$CREATE TYPE e AS ENUM ('x'); CREATE FUNCTION f(e) RETURNS json LANGUAGE sql AS $f$SELECT '1'::json$f$; CREATE CAST (e AS json) WITH FUNCTION f(e)$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

-- To change the session or the transaction of whoever calls.

\set attack 'SET search_path'
\set expect EB009
SELECT $up$SET search_path = m, pg_catalog$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'SET LOCAL search_path'
\set expect EB009
SELECT $up$SET LOCAL search_path = m, pg_catalog$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'set_config'
\set expect EB009
SELECT $up$SELECT set_config('search_path', 'm, pg_catalog', false)$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'an update of pg_settings'
\set expect 42501
SELECT $up$UPDATE pg_settings SET setting = 'm, pg_catalog' WHERE name = 'search_path'$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'SET in a block'
\set expect EB009
SELECT $up$DO $d$ BEGIN SET search_path = m, pg_catalog; END $d$$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'SET in dynamic SQL of a function'
\set expect EB009
SELECT $up$CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN EXECUTE 'SET ' || 'search_path = m, pg_catalog'; END $f$; SELECT f()$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'SET in a procedure'
\set expect EB009
SELECT $up$CREATE PROCEDURE p() LANGUAGE plpgsql AS $f$ BEGIN SET search_path = m, pg_catalog; END $f$; CALL p()$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'SET in a trigger'
\set expect EB009
SELECT $up$CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN SET search_path = m, pg_catalog; RETURN NEW; END $f$; CREATE TRIGGER f BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f(); UPDATE t SET a = 'x'$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'SET in the function of an index'
\set expect EB009
SELECT $up$CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $f$ BEGIN PERFORM set_config('search_path', 'm', false); RETURN $1; END $f$; CREATE INDEX ON t (f(id))$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'RESET'
\set expect EB009
SELECT $up$RESET search_path$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'RESET ALL'
\set expect EB009
SELECT $up$RESET ALL$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'SET statement_timeout'
\set expect EB009
SELECT $up$SET statement_timeout = 0$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'SET TRANSACTION'
\set expect EB009
SELECT $up$SET TRANSACTION READ ONLY$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'COMMIT'
\set expect EB009
SELECT $up$COMMIT$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'COMMIT AND CHAIN'
\set expect EB009
SELECT $up$COMMIT AND CHAIN$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'ROLLBACK'
\set expect EB009
SELECT $up$ROLLBACK$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'BEGIN'
\set expect EB009
SELECT $up$BEGIN$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'SAVEPOINT'
\set expect EB009
SELECT $up$SAVEPOINT s$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'PREPARE TRANSACTION'
\set expect EB009
SELECT $up$PREPARE TRANSACTION 'x'$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'COPY to the client'
\set expect EB009
SELECT $up$COPY t TO STDOUT$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'COPY from the client'
\set expect EB009
SELECT $up$COPY t FROM STDIN$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'SET CONSTRAINTS'
\set expect EB009
SELECT $up$SET CONSTRAINTS ALL IMMEDIATE$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'setseed'
\set expect EB009
SELECT $up$SELECT setseed(0)$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a setting that only lasts for the transaction does not outlast the migration'
\set expect 00000
SELECT $up$SET LOCAL intervalstyle = 'iso_8601'; UPDATE t SET a = (interval '1 day')::text$up$ AS up \gset
\ir ../lib/migration.sql
SELECT 1 / (a = 'P1D' AND current_setting('intervalstyle') = 'postgres')::int FROM edgebase.export_instance('m'), jsonb_to_record(record) AS r(a text) \g /dev/null
\ir ../lib/verdict.sql

\set attack 'an advisory lock of the session'
\set expect EB009
SELECT $up$SELECT pg_advisory_lock(1)$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'an advisory lock of the transaction'
\set expect EB009
SELECT $up$SELECT pg_advisory_xact_lock(1)$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'NOTIFY'
\set expect EB009
SELECT $up$NOTIFY edgebase$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'pg_notify'
\set expect EB009
SELECT $up$SELECT pg_notify('edgebase', 'x')$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'LISTEN'
\set expect EB009
SELECT $up$LISTEN edgebase$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'PREPARE'
\set expect EB009
SELECT $up$PREPARE p AS SELECT 1$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a cursor'
\set expect EB009
SELECT $up$DECLARE c CURSOR FOR SELECT 1$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'LOCK'
\set expect EB009
SELECT $up$LOCK TABLE pg_catalog.pg_settings$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a large object'
\set expect EB009
SELECT $up$SELECT lo_create(0)$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'RESET ROLE'
\set expect EB009
SELECT $up$RESET ROLE$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a setting changed by a check of a table with rows'
\set expect EB009
BEGIN;
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.import_instance('m', NULL, '[{"table_name": "t", "record": {"createdAt": "2026-01-01", "updatedAt": "2026-01-01", "id": "1"}}]') \g /dev/null
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": {"type": "string", "check": "set_config(''search_path'', ''m'', false) = a"}}}}}}}');
\ir ../lib/verdict.sql

\set attack 'a setting changed by a check of a new table'
\set expect EB009
BEGIN;
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": {"type": "string", "check": "set_config(''search_path'', ''m'', false) = a"}}}}}}}');
\ir ../lib/verdict.sql

\set attack 'a setting changed by a trigger during an import'
\set expect EB009
BEGIN;
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}, "migrations": [{"version": 1, "description": "x", "up": "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN SET search_path = m; RETURN NEW; END $f$; CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()"}]}}}}}') \g /dev/null
SELECT edgebase.import_instance('m', NULL, '[{"table_name": "t", "record": {"createdAt": "2026-01-01", "updatedAt": "2026-01-01", "id": "1"}}]');
\ir ../lib/verdict.sql

-- To lend out the rights of edgebase_owner, or to change what is no part of an instance.

\set attack 'GRANT on a table of its own'
\set expect EB009
SELECT $up$GRANT SELECT ON t TO PUBLIC$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'GRANT on a tenant''s table'
\set expect EB009
SELECT $up$GRANT SELECT ON "tenant:victim".invoices TO stranger$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'GRANT of a role'
\set expect EB009
SELECT $up$GRANT edgebase_owner TO admin_login$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'ALTER DEFAULT PRIVILEGES'
\set expect EB009
SELECT $up$ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a function that is SECURITY DEFINER'
\set expect EB009
SELECT $up$CREATE FUNCTION f() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a function that becomes SECURITY DEFINER'
\set expect EB009
SELECT $up$CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION f() SECURITY DEFINER$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a rule'
\set expect EB009
SELECT $up$CREATE RULE r AS ON INSERT TO t DO ALSO DELETE FROM "tenant:victim".invoices$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a policy'
\set expect EB009
SELECT $up$CREATE POLICY p ON t USING (true)$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a setting of the role'
\set expect EB009
SELECT $up$ALTER ROLE edgebase_owner SET search_path = m$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'DROP SCHEMA'
\set expect EB009
SELECT $up$DROP SCHEMA "tenant:victim" CASCADE$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a table moved to another schema'
\set expect EB009
SELECT $up$ALTER TABLE t SET SCHEMA "tenant:victim"$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'an event trigger'
\set expect EB009
SELECT $up$CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'CREATE SCHEMA'
\set expect EB009
SELECT $up$CREATE SCHEMA other$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'COPY'
\set expect EB009
SELECT $up$COPY t TO '/tmp/t'$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

-- To reach another instance, as an author does who forgets which one a migration is for.

\set attack 'reading another instance''s table'
\set expect EB009
SELECT $up$SELECT * FROM "tenant:victim".invoices$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'writing another instance''s table'
\set expect EB009
SELECT $up$UPDATE "tenant:victim".invoices SET n = 0$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'altering another instance''s table'
\set expect EB009
SELECT $up$ALTER TABLE "tenant:victim".invoices ADD COLUMN x text$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'dropping another instance''s table'
\set expect EB009
SELECT $up$DROP TABLE "tenant:victim".invoices$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'referring to another instance''s table'
\set expect EB009
SELECT $up$ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES "tenant:victim".invoices ON DELETE CASCADE$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a child of another instance''s table'
\set expect EB009
SELECT $up$CREATE TABLE child () INHERITS ("tenant:victim".invoices)$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a view over another instance''s table'
\set expect EB009
SELECT $up$CREATE VIEW v AS SELECT * FROM "tenant:victim".invoices$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'another block''s table'
\set expect EB009
SELECT $up$SELECT * FROM app.posts$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'another instance''s table in dynamic SQL'
\set expect EB009
SELECT $up$DO $d$ BEGIN EXECUTE 'DELETE FROM "tenant:' || 'victim".invoices'; END $d$$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'another instance''s table by the search_path of a function'
\set expect 42P01
SELECT $up$CREATE FUNCTION f() RETURNS bigint LANGUAGE plpgsql SET search_path = "tenant:victim" AS $f$ BEGIN RETURN (SELECT count(*) FROM invoices); END $f$; SELECT f()$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

-- What a migration is for goes on working.

\set attack 'statements on the instance''s own objects'
\set expect 00000
SELECT $up$
CREATE TABLE kept (id text PRIMARY KEY, n serial); CREATE INDEX ON kept (n); INSERT INTO kept (id) SELECT id FROM t;
CREATE TABLE copied AS SELECT * FROM kept; ALTER TABLE copied ADD COLUMN x text DEFAULT 'x'; COMMENT ON COLUMN copied.x IS 'x';
CREATE SEQUENCE s; ALTER SEQUENCE s INCREMENT 2; CREATE TYPE e AS ENUM ('x'); ALTER TYPE e ADD VALUE 'y'; CREATE DOMAIN d AS text CHECK (VALUE <> '');
CREATE VIEW v AS SELECT count(*) FROM kept; CREATE MATERIALIZED VIEW mv AS SELECT 1 AS x; REFRESH MATERIALIZED VIEW mv;
CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE sql SET search_path = pg_catalog AS 'SELECT upper($1)'; ALTER FUNCTION f(text) STRICT; CREATE INDEX ON t (upper(a));
CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN NEW.a := 'by trigger'; RETURN NEW; END $f$;
CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION g(); ANALYZE t;
DO $d$ BEGIN BEGIN EXECUTE 'UPDATE t SET a = f(id)'; EXCEPTION WHEN unique_violation THEN NULL; END; END $d$;
TRUNCATE copied; ALTER TABLE copied RENAME TO renamed; ALTER TABLE renamed RENAME COLUMN x TO y; DROP TABLE renamed; DROP VIEW v; DELETE FROM kept$up$ AS up \gset
\ir ../lib/migration.sql
SELECT 1 / (record ->> 'a' = 'by trigger')::int FROM edgebase.export_instance('m') WHERE table_name = 't' \g /dev/null
\ir ../lib/verdict.sql

-- What the caller has deferred is the caller's.

\set attack 'a deferred trigger of one''s own does not run as the owner of instances'
\set expect 00000
BEGIN;
CREATE TABLE public.mine (id text);
CREATE FUNCTION public.who() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF current_user <> 'admin_login' THEN RAISE SQLSTATE 'ZZ001'; END IF; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER who AFTER INSERT ON public.mine DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.who();
INSERT INTO public.mine VALUES ('1');
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string", "b": "string"}}}}}}') \g /dev/null
\ir ../lib/verdict.sql

-- Configs that are no configs.

\set attack 'a config nested deeper than any can be'
\set expect EB006
SELECT edgebase.apply_config((repeat('[', 200) || repeat(']', 200))::jsonb);
\ir ../lib/verdict.sql

\set attack 'a number that no double holds'
\set expect EB006
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": {"type": "number", "min": 1e400}}}}}}}');
\ir ../lib/verdict.sql

\set attack 'an imported number that no double holds'
\set expect 22003
BEGIN;
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"n": "number"}}}}}}') \g /dev/null
SELECT edgebase.import_instance('m', NULL, '[{"table_name": "t", "record": {"createdAt": "2026-01-01", "updatedAt": "2026-01-01", "id": "1", "n": 1e400}}]');
\ir ../lib/verdict.sql

\set attack 'imported rows that are none'
\set expect 22023
BEGIN;
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"n": "number"}}}}}}') \g /dev/null
SELECT edgebase.import_instance('m', NULL, (repeat('[', 200) || repeat(']', 200))::jsonb);
\ir ../lib/verdict.sql

-- Names in privileged statements mean the catalogs even where a function's declaration has lost its
-- search_path, and the caller's has an operator of its own.

\connect - postgres

\set attack 'a planted operator for drop_instance'
\set expect 00000
BEGIN;
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.eq(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE 'ZZ001'; END $$;
CREATE OPERATOR evil.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.eq);
CREATE FUNCTION evil.eq(name, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE 'ZZ001'; END $$;
CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = text, FUNCTION = evil.eq);
ALTER FUNCTION edgebase.drop_instance(text, text) RESET ALL;
SET LOCAL search_path = evil, pg_catalog;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.drop_instance('tenant', 'victim') \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a planted operator for repair'
\set expect 00000
BEGIN;
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.eq(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE 'ZZ001'; END $$;
CREATE OPERATOR evil.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.eq);
CREATE FUNCTION evil.eq(name, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE 'ZZ001'; END $$;
CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = text, FUNCTION = evil.eq);
ALTER FUNCTION edgebase.repair() RESET ALL;
SET LOCAL search_path = evil, pg_catalog;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.repair() \g /dev/null
\ir ../lib/verdict.sql

-- To have what is outside the instance changed, or made where others look.

\set attack 'settings of the function that exports as edgebase_owner'
\set expect EB009
SELECT $up$ALTER FUNCTION edgebase.export_instance(text, text) SET search_path = m, pg_catalog$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'the function that exports made one of its caller'
\set expect EB009
SELECT $up$ALTER FUNCTION edgebase.export_instance(text, text) SECURITY INVOKER$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a call of the function that exports'
\set expect EB009
SELECT $up$SELECT edgebase.export_instance('tenant', 'victim')$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a table in another instance''s schema'
\set expect EB009
SELECT $up$CREATE TABLE "tenant:victim".planted (note text)$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a child of one''s own table in another instance''s schema'
\set expect EB009
SELECT $up$CREATE TABLE "tenant:victim".planted () INHERITS (m.t)$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a table from a query in another instance''s schema'
\set expect EB009
SELECT $up$CREATE TABLE "tenant:victim".planted AS SELECT 1 AS x$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a view in another instance''s schema'
\set expect EB009
SELECT $up$CREATE VIEW "tenant:victim".planted AS SELECT 1 AS x$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a sequence in another instance''s schema'
\set expect EB009
SELECT $up$CREATE SEQUENCE "tenant:victim".planted$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a type in another instance''s schema'
\set expect EB009
SELECT $up$CREATE TYPE "tenant:victim".planted AS ENUM ('x')$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a domain in another instance''s schema'
\set expect EB009
SELECT $up$CREATE DOMAIN "tenant:victim".planted AS text$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a function in another instance''s schema'
\set expect EB009
SELECT $up$CREATE FUNCTION "tenant:victim".planted() RETURNS int LANGUAGE sql AS $f$SELECT 1$f$$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a table in another instance''s schema, by a block'
\set expect EB009
SELECT $up$DO $d$ BEGIN EXECUTE 'CREATE TABLE "tenant:victim".planted (note text)'; END $d$$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

-- To be run by autovacuum, which has not loaded the library.

\set attack 'an index over a function of the config'
\set expect EB009
SELECT $up$CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE sql AS $f$SELECT $1$f$; CREATE INDEX ON t (f(a))$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a partial index with a function of the config'
\set expect EB009
SELECT $up$CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE sql AS $f$SELECT $1$f$; CREATE INDEX ON t (id) WHERE f(a) = 'x'$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'an index over a cast to a domain of the config'
\set expect EB009
SELECT $up$CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE sql AS $f$SELECT $1$f$; CREATE DOMAIN d AS text CHECK (f(VALUE) = VALUE); CREATE INDEX ON t ((a::d))$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'an exclusion constraint over a function of the config'
\set expect EB009
SELECT $up$CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE sql AS $f$SELECT $1$f$; ALTER TABLE t ADD EXCLUDE USING btree (f(a) WITH =)$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'statistics over a function of the config'
\set expect EB009
SELECT $up$CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE sql AS $f$SELECT $1$f$; CREATE STATISTICS s ON (f(a)) FROM t$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'an index over a function of PostgreSQL may be'
\set expect 00000
SELECT $up$CREATE INDEX ON t (lower(a))$up$ AS up \gset
\ir ../lib/migration.sql
\ir ../lib/verdict.sql

\set attack 'a view in a table''s place is no analyst''s to read, who would run what it calls'
\set expect 00000
SELECT $up$DROP TABLE t; CREATE VIEW t AS SELECT current_user::text AS id, now() AS "createdAt", now() AS "updatedAt", 'x'::text AS a$up$ AS up \gset
\ir ../lib/migration.sql
SELECT 1 / (NOT has_any_column_privilege('edgebase_analyst', 'm.t', 'SELECT'))::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a superuser''s session is as before, whatever the config that it applied'
\set expect 00000
BEGIN;
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}, "migrations": [{"version": 1, "description": "x", "up": "SET LOCAL datestyle = ''SQL, DMY''; SET LOCAL timezone = ''UTC+9''; SET LOCAL bytea_output = ''escape''"}]}}}}}') \g /dev/null
SELECT 1 / (current_setting('bytea_output') = 'hex' AND current_setting('datestyle') = 'ISO, MDY')::int \g /dev/null
\ir ../lib/verdict.sql
