-- run: login=proxy_login
-- The attacker was given SQL inside one instance (a sealed transaction), as POST /api/sql gives it.
-- It wants to change what exists: objects, roles, privileges, the server.

SELECT rolname AS victim FROM pg_roles
WHERE rolname LIKE 'eb\_%' AND has_schema_privilege(oid, 'tenant:victim', 'USAGE') \gset

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
