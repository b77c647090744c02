-- run: login=proxy_login parallel
-- The attacker was given SQL inside one instance (a sealed transaction), as POST /api/sql gives it.
-- It wants to read or write what is not its own, with statements that it may run.

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
