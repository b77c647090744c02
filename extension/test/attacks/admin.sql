-- run: login=postgres
-- The attacker was given edgebase_admin: it applies configs with expressions and migrations of its
-- own and manages instances. It wants what the operator's superuser has, and tenants' rows by
-- another way than a migration. A superuser takes on its role, so that each attack can be undone.

\set attack 'enter'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.enter('tenant', 'mallory');
\ir ../lib/verdict.sql

\set attack 'read a tenant''s table'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'change the audit through the view'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
UPDATE edgebase.audit SET actor = 'x';
\ir ../lib/verdict.sql

\set attack 'delete from the audit through the view'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
DELETE FROM edgebase.audit;
\ir ../lib/verdict.sql

\set attack 'insert into the audit'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
INSERT INTO edgebase.audit_log (actor, action, namespace) VALUES ('x', 'y', 'z');
\ir ../lib/verdict.sql

\set attack 'change the registry'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
UPDATE edgebase.instance SET schema_name = 'tenant:victim';
\ir ../lib/verdict.sql

\set attack 'SET ROLE edgebase_owner'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SET ROLE edgebase_owner;
\ir ../lib/verdict.sql

\set attack 'a check that smuggles in a second statement'
\set expect 42601
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT * FROM edgebase.apply_config('{"databases": {"evil": {"tables": {"t": {"schema": {"a": {"type": "string", "check": "true)); DROP SCHEMA \"tenant:victim\" CASCADE; SELECT ((1"}}}}}}}');
\ir ../lib/verdict.sql

\set attack 'a migration that rewrites the audit'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}, "migrations": [{"version": 1, "description": "x", "up": "DELETE FROM edgebase.audit_log"}]}}}}}');
\ir ../lib/verdict.sql

\set attack 'a migration that rewrites the registry'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}, "migrations": [{"version": 1, "description": "x", "up": "UPDATE edgebase.instance SET schema_name = 1"}]}}}}}');
\ir ../lib/verdict.sql

\set attack 'a migration that becomes a superuser'
\set expect EB009
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}, "migrations": [{"version": 1, "description": "x", "up": "RESET ROLE; ALTER ROLE admin_login SUPERUSER"}]}}}}}');
\ir ../lib/verdict.sql

\set attack 'a check that reads a file'
\set expect 42501
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"evil": {"tables": {"t": {"schema": {"a": {"type": "string", "check": "pg_read_file(''/etc/passwd'') = a"}}, "migrations": []}}}}}');
\ir ../lib/verdict.sql

\set attack 'a destructive change without a migration'
\set expect EB007
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"app": {"tables": {"posts": {"schema": {}}}}}}');
\ir ../lib/verdict.sql

\set attack 'a malformed config'
\set expect EB006
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"app": {"tables": {"posts": {"acess": {}}}}}}');
\ir ../lib/verdict.sql

\set attack 'edgebase_owner: reads a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION edgebase_owner;
SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'edgebase_owner: explains a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION edgebase_owner;
EXPLAIN SELECT * FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'reads a relation'
\set expect 00000
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT count(*) FROM tenant.invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'writes a relation'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION admin_login;
DELETE FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'a migration that opens a relation'
\set expect EB009
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"office": {"tables": {"staff": {"schema": {"name": "string", "secret": {"type": "string", "analytics": false}}, "migrations": [{"version": 1, "description": "x", "up": "GRANT USAGE ON SCHEMA firm TO PUBLIC; GRANT SELECT ON firm.staff TO PUBLIC; DO $x$BEGIN IF NOT has_table_privilege(''stranger'', ''firm.staff'', ''SELECT'') THEN RAISE insufficient_privilege; END IF; END$x$"}]}, "keys": {"schema": {"secret": "string"}}}}}}');
\ir ../lib/verdict.sql

\set attack 'a migration that shows a hidden column'
\set expect 42501
\ir ../lib/analytics.sql
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT edgebase.apply_config('{"databases": {"office": {"tables": {"staff": {"schema": {"name": "string", "secret": {"type": "string", "analytics": false}}, "migrations": [{"version": 1, "description": "x", "up": "ALTER FOREIGN TABLE firm.staff ADD COLUMN secret text"}]}, "keys": {"schema": {"secret": "string"}}}}}}');
\ir ../lib/verdict.sql
