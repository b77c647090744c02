-- Can a sealed transaction, or the login role outside of one, reach what is not the tenant's?
\set VERBOSITY sqlstate
\set QUIET on
\pset tuples_only on
\pset format unaligned

SELECT rolname AS victim FROM pg_roles
WHERE rolname LIKE 'eb\_%' AND has_schema_privilege(oid, 'tenant:victim', 'USAGE') \gset

\set attack 'SELECT from the victim''s table'
\set expect 42501
\ir ../lib/begin.sql
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'INSERT into the victim''s table'
\set expect 42501
\ir ../lib/begin.sql
INSERT INTO "tenant:victim".invoices (id) VALUES ('x');
\ir ../lib/verdict.sql

\set attack 'UPDATE the victim''s table'
\set expect 42501
\ir ../lib/begin.sql
UPDATE "tenant:victim".invoices SET n = 0;
\ir ../lib/verdict.sql

\set attack 'DELETE from the victim''s table'
\set expect 42501
\ir ../lib/begin.sql
DELETE FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'MERGE into the victim''s table'
\set expect 42501
\ir ../lib/begin.sql
MERGE INTO "tenant:victim".invoices v USING invoices i ON v.id = i.id WHEN MATCHED THEN DELETE;
\ir ../lib/verdict.sql

\set attack 'COPY out the victim''s table'
\set expect 42501
\ir ../lib/begin.sql
COPY "tenant:victim".invoices TO STDOUT;
\ir ../lib/verdict.sql

\set attack 'COPY a query over the victim''s table'
\set expect 42501
\ir ../lib/begin.sql
COPY (SELECT * FROM "tenant:victim".invoices) TO STDOUT;
\ir ../lib/verdict.sql

\set attack 'LOCK the victim''s table'
\set expect 42501
\ir ../lib/begin.sql
LOCK TABLE "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'EXPLAIN ANALYZE over the victim''s table'
\set expect 42501
\ir ../lib/begin.sql
EXPLAIN ANALYZE SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'a cursor over the victim''s table'
\set expect 42501
\ir ../lib/begin.sql
DECLARE c CURSOR FOR SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'TRUNCATE the victim''s table'
\set expect EB008
\ir ../lib/begin.sql
TRUNCATE "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'SELECT FOR UPDATE of the victim''s row by a subquery'
\set expect 42501
\ir ../lib/begin.sql
SELECT * FROM invoices WHERE EXISTS (SELECT FROM "tenant:victim".invoices FOR UPDATE);
\ir ../lib/verdict.sql

\set attack 'query_to_xml over the victim''s table'
\set expect 42501
\ir ../lib/begin.sql
SELECT query_to_xml('SELECT * FROM "tenant:victim".invoices', true, false, '');
\ir ../lib/verdict.sql

\set attack 'table_to_xml of the victim''s table'
\set expect 42501
\ir ../lib/begin.sql
SELECT table_to_xml('"tenant:victim".invoices'::regclass, true, false, '');
\ir ../lib/verdict.sql

\set attack 'ts_stat over the victim''s table'
\set expect 42501
\ir ../lib/begin.sql
SELECT * FROM ts_stat('SELECT to_tsvector(note) FROM "tenant:victim".invoices');
\ir ../lib/verdict.sql

\set attack 'statistics of the victim''s columns are not shown'
\set expect 00000
\ir ../lib/begin.sql
SELECT 1 / (count(*) = 0)::int FROM pg_stats WHERE schemaname = 'tenant:victim' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'pg_statistic itself'
\set expect 42501
\ir ../lib/begin.sql
SELECT * FROM pg_statistic;
\ir ../lib/verdict.sql

\set attack 'pg_authid'
\set expect 42501
\ir ../lib/begin.sql
SELECT * FROM pg_authid;
\ir ../lib/verdict.sql

\set attack 'the table of a single-instance block'
\set expect 42501
\ir ../lib/begin.sql
SELECT * FROM app.posts;
\ir ../lib/verdict.sql

\set attack 'the registry'
\set expect 42501
\ir ../lib/begin.sql
SELECT * FROM edgebase.instance;
\ir ../lib/verdict.sql

\set attack 'the view over the registry'
\set expect 42501
\ir ../lib/begin.sql
SELECT * FROM edgebase.instances;
\ir ../lib/verdict.sql

\set attack 'the audit'
\set expect 42501
\ir ../lib/begin.sql
SELECT * FROM edgebase.audit;
\ir ../lib/verdict.sql

\set attack 'edgebase.create_instance from inside'
\set expect 42501
\ir ../lib/begin.sql
SELECT edgebase.create_instance('tenant', 'new');
\ir ../lib/verdict.sql

\set attack 'edgebase.drop_instance from inside'
\set expect 42501
\ir ../lib/begin.sql
SELECT edgebase.drop_instance('tenant', 'victim');
\ir ../lib/verdict.sql

\set attack 'edgebase.migrate from inside'
\set expect 42501
\ir ../lib/begin.sql
SELECT edgebase.migrate('tenant', 'victim');
\ir ../lib/verdict.sql

\set attack 'edgebase.locate from inside'
\set expect 42501
\ir ../lib/begin.sql
SELECT edgebase.locate('tenant', 'victim');
\ir ../lib/verdict.sql

\set attack 'edgebase.list_instances from inside'
\set expect 42501
\ir ../lib/begin.sql
SELECT edgebase.list_instances('tenant', NULL, 10);
\ir ../lib/verdict.sql

\set attack 'edgebase.apply_config from inside'
\set expect 42501
\ir ../lib/begin.sql
SELECT edgebase.apply_config('{"databases": {}}');
\ir ../lib/verdict.sql

\set attack 'edgebase.export_instance from inside'
\set expect 42501
\ir ../lib/begin.sql
SELECT edgebase.export_instance('tenant', 'victim');
\ir ../lib/verdict.sql

\set attack 'edgebase.repair from inside'
\set expect 42501
\ir ../lib/begin.sql
SELECT edgebase.repair();
\ir ../lib/verdict.sql

\set attack 'pg_read_file'
\set expect 42501
\ir ../lib/begin.sql
SELECT pg_read_file('/etc/passwd');
\ir ../lib/verdict.sql

\set attack 'pg_ls_dir'
\set expect 42501
\ir ../lib/begin.sql
SELECT pg_ls_dir('.');
\ir ../lib/verdict.sql

\set attack 'pg_stat_file'
\set expect 42501
\ir ../lib/begin.sql
SELECT pg_stat_file('PG_VERSION');
\ir ../lib/verdict.sql

\set attack 'COPY to a file'
\set expect EB008
\ir ../lib/begin.sql
COPY invoices TO '/tmp/stolen';
\ir ../lib/verdict.sql

\set attack 'COPY from a file'
\set expect EB008
\ir ../lib/begin.sql
COPY invoices (id) FROM '/etc/passwd';
\ir ../lib/verdict.sql

\set attack 'COPY to a program'
\set expect EB008
\ir ../lib/begin.sql
COPY invoices TO PROGRAM 'cat';
\ir ../lib/verdict.sql

\set attack 'COPY from a program'
\set expect EB008
\ir ../lib/begin.sql
COPY invoices (id) FROM PROGRAM 'id';
\ir ../lib/verdict.sql

\set attack 'lo_create'
\set expect EB008
\ir ../lib/begin.sql
SELECT lo_create(0);
\ir ../lib/verdict.sql

\set attack 'lo_from_bytea, to pass data to the next tenant'
\set expect EB008
\ir ../lib/begin.sql
SELECT lo_from_bytea(4711, 'stolen');
\ir ../lib/verdict.sql

\set attack 'lo_get of what another left'
\set expect EB008
\ir ../lib/begin.sql
SELECT lo_get(4711);
\ir ../lib/verdict.sql

\set attack 'lo_import'
\set expect 42501
\ir ../lib/begin.sql
SELECT lo_import('/etc/passwd');
\ir ../lib/verdict.sql

\set attack 'lo_open'
\set expect EB008
\ir ../lib/begin.sql
SELECT lo_open(4711, 262144);
\ir ../lib/verdict.sql

\set attack 'pg_largeobject'
\set expect 42501
\ir ../lib/begin.sql
SELECT * FROM pg_largeobject;
\ir ../lib/verdict.sql

\set attack 'dblink to the own server'
\set expect EB008
\ir ../lib/begin.sql
SELECT * FROM public.dblink('dbname=postgres', 'SELECT 1') AS t(a int);
\ir ../lib/verdict.sql

\set attack 'dblink_connect'
\set expect EB008
\ir ../lib/begin.sql
SELECT public.dblink_connect('dbname=postgres');
\ir ../lib/verdict.sql

\set attack 'other sessions in pg_stat_activity'
\set expect EB008
\ir ../lib/begin.sql
SELECT query FROM pg_stat_activity;
\ir ../lib/verdict.sql

\set attack 'the activity of others'' tables'
\set expect EB008
\ir ../lib/begin.sql
SELECT n_tup_ins FROM pg_stat_all_tables;
\ir ../lib/verdict.sql

\set attack 'other sessions'' locks in pg_locks'
\set expect EB008
\ir ../lib/begin.sql
SELECT * FROM pg_locks;
\ir ../lib/verdict.sql

\set attack 'the connection''s prepared statements, which name other tenants'
\set expect EB008
\ir ../lib/begin.sql
SELECT * FROM pg_prepared_statements;
\ir ../lib/verdict.sql

\set attack 'pg_cursors'
\set expect EB008
\ir ../lib/begin.sql
SELECT * FROM pg_cursors;
\ir ../lib/verdict.sql

\set attack 'pg_cancel_backend'
\set expect EB008
\ir ../lib/begin.sql
SELECT pg_cancel_backend(pg_backend_pid());
\ir ../lib/verdict.sql

\set attack 'pg_terminate_backend'
\set expect EB008
\ir ../lib/begin.sql
SELECT pg_terminate_backend(pg_backend_pid());
\ir ../lib/verdict.sql

\set attack 'pg_logical_emit_message into the WAL'
\set expect EB008
\ir ../lib/begin.sql
SELECT pg_logical_emit_message(false, 'a', 'b');
\ir ../lib/verdict.sql

\set attack 'SET row_security'
\set expect EB008
\ir ../lib/begin.sql
SET LOCAL row_security = off;
\ir ../lib/verdict.sql

\set attack 'CREATE TABLE'
\set expect EB008
\ir ../lib/begin.sql
CREATE TABLE t (a int);
\ir ../lib/verdict.sql

\set attack 'CREATE TABLE AS'
\set expect EB008
\ir ../lib/begin.sql
CREATE TABLE t AS SELECT 1;
\ir ../lib/verdict.sql

\set attack 'SELECT INTO'
\set expect EB008
\ir ../lib/begin.sql
SELECT 1 AS a INTO t;
\ir ../lib/verdict.sql

\set attack 'EXPLAIN ANALYZE CREATE TABLE AS'
\set expect EB008
\ir ../lib/begin.sql
EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1 AS a;
\ir ../lib/verdict.sql

\set attack 'ALTER TABLE'
\set expect EB008
\ir ../lib/begin.sql
ALTER TABLE invoices ADD COLUMN x int;
\ir ../lib/verdict.sql

\set attack 'DROP TABLE'
\set expect EB008
\ir ../lib/begin.sql
DROP TABLE invoices;
\ir ../lib/verdict.sql

\set attack 'TRUNCATE of the own table'
\set expect EB008
\ir ../lib/begin.sql
TRUNCATE invoices;
\ir ../lib/verdict.sql

\set attack 'CREATE INDEX'
\set expect EB008
\ir ../lib/begin.sql
CREATE INDEX ON invoices (n);
\ir ../lib/verdict.sql

\set attack 'CREATE FUNCTION'
\set expect EB008
\ir ../lib/begin.sql
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
\ir ../lib/verdict.sql

\set attack 'CREATE TRIGGER'
\set expect EB008
\ir ../lib/begin.sql
CREATE TRIGGER t AFTER INSERT ON invoices EXECUTE FUNCTION public.whoami();
\ir ../lib/verdict.sql

\set attack 'CREATE EVENT TRIGGER'
\set expect EB008
\ir ../lib/begin.sql
CREATE EVENT TRIGGER t ON ddl_command_start EXECUTE FUNCTION public.whoami();
\ir ../lib/verdict.sql

\set attack 'CREATE VIEW'
\set expect EB008
\ir ../lib/begin.sql
CREATE VIEW v AS SELECT 1;
\ir ../lib/verdict.sql

\set attack 'CREATE RULE'
\set expect EB008
\ir ../lib/begin.sql
CREATE RULE r AS ON INSERT TO invoices DO NOTHING;
\ir ../lib/verdict.sql

\set attack 'CREATE POLICY'
\set expect EB008
\ir ../lib/begin.sql
CREATE POLICY p ON invoices;
\ir ../lib/verdict.sql

\set attack 'CREATE SCHEMA'
\set expect EB008
\ir ../lib/begin.sql
CREATE SCHEMA s;
\ir ../lib/verdict.sql

\set attack 'DROP SCHEMA of the victim'
\set expect EB008
\ir ../lib/begin.sql
DROP SCHEMA "tenant:victim" CASCADE;
\ir ../lib/verdict.sql

\set attack 'GRANT of the own table'
\set expect EB008
\ir ../lib/begin.sql
GRANT SELECT ON invoices TO PUBLIC;
\ir ../lib/verdict.sql

\set attack 'ALTER DEFAULT PRIVILEGES'
\set expect EB008
\ir ../lib/begin.sql
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
\ir ../lib/verdict.sql

\set attack 'CREATE ROLE'
\set expect EB008
\ir ../lib/begin.sql
CREATE ROLE r;
\ir ../lib/verdict.sql

\set attack 'ALTER ROLE of oneself'
\set expect EB008
\ir ../lib/begin.sql
ALTER ROLE CURRENT_USER LOGIN;
\ir ../lib/verdict.sql

\set attack 'ALTER ROLE SET'
\set expect EB008
\ir ../lib/begin.sql
ALTER ROLE CURRENT_USER SET search_path = public;
\ir ../lib/verdict.sql

\set attack 'GRANT of the victim''s role'
\set expect EB008
\ir ../lib/begin.sql
GRANT :"victim" TO CURRENT_USER;
\ir ../lib/verdict.sql

\set attack 'REASSIGN OWNED'
\set expect EB008
\ir ../lib/begin.sql
REASSIGN OWNED BY CURRENT_USER TO CURRENT_USER;
\ir ../lib/verdict.sql

\set attack 'ALTER SYSTEM'
\set expect EB008
\ir ../lib/begin.sql
ALTER SYSTEM SET work_mem = '1GB';
\ir ../lib/verdict.sql

\set attack 'CREATE EXTENSION'
\set expect EB008
\ir ../lib/begin.sql
CREATE EXTENSION dblink;
\ir ../lib/verdict.sql

\set attack 'CREATE OPERATOR'
\set expect EB008
\ir ../lib/begin.sql
CREATE OPERATOR = (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq);
\ir ../lib/verdict.sql

\set attack 'CREATE CAST'
\set expect EB008
\ir ../lib/begin.sql
CREATE CAST (text AS int) WITH INOUT;
\ir ../lib/verdict.sql

\set attack 'CREATE SERVER'
\set expect EB008
\ir ../lib/begin.sql
CREATE SERVER s FOREIGN DATA WRAPPER dblink_fdw;
\ir ../lib/verdict.sql

\set attack 'COMMENT'
\set expect EB008
\ir ../lib/begin.sql
COMMENT ON TABLE invoices IS 'x';
\ir ../lib/verdict.sql

\set attack 'CREATE TYPE'
\set expect EB008
\ir ../lib/begin.sql
CREATE TYPE t AS (a int);
\ir ../lib/verdict.sql

\set attack 'CREATE SEQUENCE'
\set expect EB008
\ir ../lib/begin.sql
CREATE SEQUENCE s;
\ir ../lib/verdict.sql

\set attack 'ANALYZE'
\set expect EB008
\ir ../lib/begin.sql
ANALYZE invoices;
\ir ../lib/verdict.sql

\set attack 'REINDEX'
\set expect EB008
\ir ../lib/begin.sql
REINDEX TABLE invoices;
\ir ../lib/verdict.sql

\set attack 'CLUSTER'
\set expect EB008
\ir ../lib/begin.sql
CLUSTER invoices;
\ir ../lib/verdict.sql

\set attack 'REFRESH MATERIALIZED VIEW'
\set expect EB008
\ir ../lib/begin.sql
REFRESH MATERIALIZED VIEW v;
\ir ../lib/verdict.sql

\set attack 'CREATE PUBLICATION'
\set expect EB008
\ir ../lib/begin.sql
CREATE PUBLICATION p;
\ir ../lib/verdict.sql

\set attack 'SECURITY LABEL'
\set expect EB008
\ir ../lib/begin.sql
SECURITY LABEL ON TABLE invoices IS 'x';
\ir ../lib/verdict.sql

\set attack 'CHECKPOINT'
\set expect EB008
\ir ../lib/begin.sql
CHECKPOINT;
\ir ../lib/verdict.sql

\set attack 'LOAD'
\set expect EB008
\ir ../lib/begin.sql
LOAD 'dblink';
\ir ../lib/verdict.sql

-- The login role by itself, outside of any seal.

\set attack 'login role: read a tenant''s table'
\set expect 42501
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'login role: read a single-instance block'
\set expect 42501
SELECT * FROM app.posts;
\ir ../lib/verdict.sql

\set attack 'login role: read the registry'
\set expect 42501
SELECT * FROM edgebase.instance;
\ir ../lib/verdict.sql

\set attack 'login role: read the instances view'
\set expect 42501
SELECT * FROM edgebase.instances;
\ir ../lib/verdict.sql

\set attack 'login role: apply a config'
\set expect 42501
SELECT edgebase.apply_config('{"databases": {}}');
\ir ../lib/verdict.sql

\set attack 'login role: apply a config by the function behind it'
\set expect 42501
SELECT edgebase.apply_config_json('{"databases": {}}', false);
\ir ../lib/verdict.sql

\set attack 'login role: SET ROLE to a tenant''s role'
\set expect 42501
SET ROLE :"victim";
\ir ../lib/verdict.sql

\set attack 'login role: SET ROLE edgebase_owner'
\set expect 42501
SET ROLE edgebase_owner;
\ir ../lib/verdict.sql

\set attack 'login role: make a temporary table'
\set expect 42501
CREATE TEMP TABLE t (a int);
\ir ../lib/verdict.sql

\set attack 'login role: make a schema'
\set expect 42501
CREATE SCHEMA s;
\ir ../lib/verdict.sql

\set attack 'login role: lift the time limit'
\set expect 42501
SET edgebase.statement_timeout = 0;
\ir ../lib/verdict.sql

\set attack 'login role: lift the memory limit'
\set expect 42501
SET edgebase.work_mem = 0;
\ir ../lib/verdict.sql

\set attack 'login role: drop the configured single-instance block'
\set expect 55006
SELECT edgebase.drop_instance('app');
\ir ../lib/verdict.sql

\set attack 'login role: create an instance of nothing'
\set expect EB001
SELECT edgebase.create_instance('nothing', 'x');
\ir ../lib/verdict.sql

\set attack 'login role: create an instance with a hostile id of 1,025 bytes'
\set expect EB004
SELECT edgebase.create_instance('tenant', repeat('x', 1025));
\ir ../lib/verdict.sql

\set attack 'login role: create an instance with a control character'
\set expect EB004
SELECT edgebase.create_instance('tenant', E'a\nb');
\ir ../lib/verdict.sql

\set attack 'login role: create an instance of a single-instance block with an id'
\set expect EB004
SELECT edgebase.create_instance('app', 'x');
\ir ../lib/verdict.sql
