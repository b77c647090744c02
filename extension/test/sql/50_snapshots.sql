-- run: login=postgres
-- Does whoever reads with an older snapshot than a table's last rewriting or exchange learn it, rather
-- than find it empty, or a part? Run as a superuser, who takes on the other roles; the other session is
-- a second psql that ends before the next line.
\setenv PGHOST :HOST
\setenv PGDATABASE postgres

SELECT edgebase.create_instance('tenant', 'snapshots') \g /dev/null
INSERT INTO "tenant:snapshots".invoices (id, n, note) SELECT 'r' || n, n, 'a row' FROM generate_series(1, 100) n;

\set attack 'an export whose table was rewritten since'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c 'ALTER TABLE "tenant:snapshots".invoices ALTER n TYPE double precision USING n + 0'
SELECT count(*) FROM edgebase.export_instance('tenant', 'snapshots');
\ir ../lib/verdict.sql

\set attack 'a statement inside, the same'
\set expect EB010
SET SESSION AUTHORIZATION proxy_login;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT edgebase.enter('tenant', 'snapshots') \g /dev/null
\! "$PSQL" -X -q -U postgres -c 'ALTER TABLE "tenant:snapshots".invoices ALTER n TYPE double precision USING n + 0'
SELECT count(*) FROM invoices;
\ir ../lib/verdict.sql

\set attack 'a function inside that reads with its caller''s snapshot, the same'
\set expect EB010
RESET SESSION AUTHORIZATION;
CREATE FUNCTION "tenant:snapshots".counted() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM invoices); END';
SET SESSION AUTHORIZATION proxy_login;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT edgebase.enter('tenant', 'snapshots') \g /dev/null
\! "$PSQL" -X -q -U postgres -c 'ALTER TABLE "tenant:snapshots".invoices ALTER n TYPE double precision USING n + 0'
SELECT counted();
\ir ../lib/verdict.sql

\set attack 'a record by its key, the same'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c 'ALTER TABLE "tenant:snapshots".invoices ALTER n TYPE double precision USING n + 0'
SELECT edgebase.read_record('tenant', 'snapshots', 'invoices', ARRAY['id'], 'r1');
\ir ../lib/verdict.sql

\set attack 'a relation over all instances, the same'
\set expect EB010
SET SESSION AUTHORIZATION analyst_login;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c 'ALTER TABLE "tenant:snapshots".invoices ALTER n TYPE double precision USING n + 0'
SELECT count(*) FROM tenant.invoices WHERE instance_id = 'snapshots';
\ir ../lib/verdict.sql

\set attack 'a relation that has been read in the transaction, then the same'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 / (count(*) = 100)::int FROM tenant.invoices WHERE instance_id = 'snapshots' \g /dev/null
\! "$PSQL" -X -q -U postgres -c 'ALTER TABLE "tenant:snapshots".invoices ALTER n TYPE double precision USING n + 0'
SELECT count(*) FROM tenant.invoices WHERE instance_id = 'snapshots';
\ir ../lib/verdict.sql

\set attack 'a cursor over a relation that comes to a table rewritten since'
\set expect EB010
BEGIN;
DECLARE c CURSOR FOR SELECT instance_id FROM tenant.invoices;
FETCH 1 FROM c \g /dev/null
\! "$PSQL" -X -q -U postgres -c 'ALTER TABLE "tenant:snapshots".invoices ALTER n TYPE double precision USING n + 0'
FETCH ALL FROM c;
\ir ../lib/verdict.sql
RESET SESSION AUTHORIZATION;

\set attack 'its own transaction rewrites what its cursor has still to read'
\set expect EB010
BEGIN;
DECLARE c CURSOR FOR SELECT instance_id FROM tenant.invoices;
FETCH 1 FROM c \g /dev/null
ALTER TABLE "tenant:snapshots".invoices ALTER n TYPE double precision USING n + 0;
FETCH ALL FROM c;
\ir ../lib/verdict.sql

\set attack 'what the own transaction has rewritten is read by the next statement'
\set expect 00000
BEGIN ISOLATION LEVEL REPEATABLE READ;
ALTER TABLE "tenant:snapshots".invoices ALTER n TYPE double precision USING n + 0;
SELECT 1 / (count(*) = 100)::int FROM tenant.invoices WHERE instance_id = 'snapshots' \g /dev/null
SELECT 1 / (count(*) = 100)::int FROM edgebase.export_instance('tenant', 'snapshots') \g /dev/null
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT 1 / (edgebase.read_record('tenant', 'snapshots', 'invoices', ARRAY['id'], 'r1') = '{"id":"r1"}')::int \g /dev/null
SELECT edgebase.enter('tenant', 'snapshots') \g /dev/null
SELECT 1 / (count(*) = 100)::int FROM invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a table that was truncated since, exported'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c 'BEGIN' -c 'CREATE TEMP TABLE kept AS SELECT * FROM "tenant:snapshots".invoices' -c 'TRUNCATE "tenant:snapshots".invoices' -c 'INSERT INTO "tenant:snapshots".invoices SELECT * FROM kept' -c COMMIT
SELECT count(*) FROM edgebase.export_instance('tenant', 'snapshots');
\ir ../lib/verdict.sql

\set attack 'a table that was truncated since, in a relation'
\set expect EB010
SET SESSION AUTHORIZATION analyst_login;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c 'BEGIN' -c 'CREATE TEMP TABLE kept AS SELECT * FROM "tenant:snapshots".invoices' -c 'TRUNCATE "tenant:snapshots".invoices' -c 'INSERT INTO "tenant:snapshots".invoices SELECT * FROM kept' -c COMMIT
SELECT count(*) FROM tenant.invoices;
\ir ../lib/verdict.sql
RESET SESSION AUTHORIZATION;

\set attack 'a table in whose place another was put'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c 'BEGIN' -c 'SET LOCAL search_path = "tenant:snapshots"' -c 'CREATE TABLE other (LIKE invoices INCLUDING ALL)' -c 'INSERT INTO other SELECT * FROM invoices' -c 'DROP TABLE invoices' -c 'ALTER TABLE other RENAME TO invoices' -c 'ALTER TABLE invoices OWNER TO edgebase_owner' -c COMMIT
SELECT count(*) FROM tenant.invoices WHERE instance_id = 'snapshots';
\ir ../lib/verdict.sql
SELECT edgebase.repair() \g /dev/null

\set attack 'what leaves the rows where they are is no matter: a column, a grant, an index, an analyze, a vacuum'
\set expect 00000
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c 'ALTER TABLE "tenant:snapshots".invoices ADD COLUMN late text' -c 'ALTER TABLE "tenant:snapshots".invoices DROP COLUMN late' -c 'GRANT SELECT ON "tenant:snapshots".invoices TO stranger' -c 'REVOKE SELECT ON "tenant:snapshots".invoices FROM stranger' -c 'CREATE INDEX tried ON "tenant:snapshots".invoices (note)' -c 'DROP INDEX "tenant:snapshots".tried' -c 'ANALYZE "tenant:snapshots".invoices' -c 'VACUUM "tenant:snapshots".invoices'
SELECT 1 / (count(*) = 100)::int FROM tenant.invoices WHERE instance_id = 'snapshots' \g /dev/null
SELECT 1 / (count(*) = 100)::int FROM edgebase.export_instance('tenant', 'snapshots') \g /dev/null
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'snapshots') \g /dev/null
SELECT 1 / (count(*) = 100)::int FROM invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'an instance that came since is not there, and one that went is gone'
\set expect 00000
SELECT edgebase.create_instance('tenant', 'goes') \g /dev/null
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) AS before FROM tenant.invoices \gset
\! "$PSQL" -X -q -At -U postgres -o /dev/null -c "SELECT edgebase.create_instance('tenant', 'comes'), edgebase.drop_instance('tenant', 'goes')"
SELECT 1 / (count(*) = :before)::int FROM tenant.invoices \g /dev/null
\ir ../lib/verdict.sql
SELECT edgebase.drop_instance('tenant', 'comes') \g /dev/null

\set attack 'an export of an instance that was dropped and made anew since'
\set expect EB010
SELECT edgebase.create_instance('tenant', 'twice') \g /dev/null
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -At -U postgres -o /dev/null -c "SELECT edgebase.drop_instance('tenant', 'twice')" -c "SELECT edgebase.create_instance('tenant', 'twice')"
SELECT count(*) FROM edgebase.export_instance('tenant', 'twice');
\ir ../lib/verdict.sql
SELECT edgebase.drop_instance('tenant', 'twice') \g /dev/null

-- Another table under the name, which the snapshot has seen with some of the rows only.
SELECT edgebase.create_instance('tenant', 'exchanged') \g /dev/null
SELECT role FROM edgebase.instances WHERE key = 'tenant:exchanged' \gset
SET search_path = "tenant:exchanged";
INSERT INTO invoices (id, n, note) SELECT 'r' || n, n, 'a row' FROM generate_series(1, 100) n;
CREATE TABLE other (LIKE invoices INCLUDING ALL);
INSERT INTO other SELECT * FROM invoices WHERE n <= 60;
ALTER TABLE other OWNER TO edgebase_owner;
GRANT SELECT ON other TO :role;
RESET search_path;
\setenv EXCHANGE 'SET search_path = "tenant:exchanged"; ALTER TABLE invoices RENAME TO between; ALTER TABLE other RENAME TO invoices; ALTER TABLE between RENAME TO other'

\set attack 'an export of a table that has changed names with another since'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c "$EXCHANGE"
SELECT count(*) FROM edgebase.export_instance('tenant', 'exchanged');
\ir ../lib/verdict.sql

\set attack 'a relation over such a table'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c "$EXCHANGE"
SELECT count(*) FROM tenant.invoices WHERE instance_id = 'exchanged';
\ir ../lib/verdict.sql

SET SESSION AUTHORIZATION proxy_login;
\set attack 'a statement inside that reads such a table'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT edgebase.enter('tenant', 'exchanged') \g /dev/null
\! "$PSQL" -X -q -U postgres -c "$EXCHANGE"
SELECT count(*) FROM invoices;
\ir ../lib/verdict.sql

\set attack 'a record of such a table'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c "$EXCHANGE"
SELECT edgebase.read_record('tenant', 'exchanged', 'invoices', ARRAY['id'], 'r1');
\ir ../lib/verdict.sql
RESET SESSION AUTHORIZATION;

\set attack 'a statement inside that reads a view put in the place of its table'
\set expect EB010
BEGIN;
ALTER TABLE "tenant:exchanged".invoices RENAME TO between;
CREATE VIEW "tenant:exchanged".invoices AS SELECT * FROM "tenant:exchanged".other;
GRANT SELECT ON "tenant:exchanged".invoices TO :role;
COMMIT;
\setenv UNDO 'SET search_path = "tenant:exchanged"; DROP VIEW invoices; ALTER TABLE between RENAME TO invoices'
\setenv REDO 'SET search_path = "tenant:exchanged"; ALTER TABLE invoices RENAME TO between; CREATE VIEW invoices AS SELECT * FROM other'
\! "$PSQL" -X -q -U postgres -c "$UNDO"
SET SESSION AUTHORIZATION proxy_login;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT edgebase.enter('tenant', 'exchanged') \g /dev/null
\! "$PSQL" -X -q -U postgres -c "$REDO; GRANT SELECT ON invoices TO PUBLIC"
SELECT count(*) FROM invoices;
\ir ../lib/verdict.sql
RESET SESSION AUTHORIZATION;
\! "$PSQL" -X -q -U postgres -c "$UNDO"

-- A table that is in another schema, or nowhere.
\setenv AWAY 'CREATE SCHEMA away; ALTER TABLE "tenant:exchanged".invoices SET SCHEMA away'
\setenv BACK 'ALTER TABLE away.invoices SET SCHEMA "tenant:exchanged"; DROP SCHEMA away'

\set attack 'an export of a table that was moved to another schema since'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c "$AWAY; ALTER TABLE away.invoices OWNER TO postgres"
SELECT count(*) FROM edgebase.export_instance('tenant', 'exchanged');
\ir ../lib/verdict.sql
\! "$PSQL" -X -q -U postgres -c "$BACK"
ALTER TABLE "tenant:exchanged".invoices OWNER TO edgebase_owner;

\set attack 'an export that says which table is missing, and how it comes back'
\set expect 55000
\! "$PSQL" -X -q -U postgres -c "$AWAY"
SELECT count(*) FROM edgebase.export_instance('tenant', 'exchanged');
\ir ../lib/verdict.sql
\! "$PSQL" -X -q -U postgres -c "$BACK"

\set attack 'a relation over such a table'
\set expect EB010
SET SESSION AUTHORIZATION analyst_login;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c "$AWAY"
SELECT count(*) FROM tenant.invoices;
\ir ../lib/verdict.sql
RESET SESSION AUTHORIZATION;
\! "$PSQL" -X -q -U postgres -c "$BACK"

\set attack 'a record of such a table'
\set expect EB010
SET SESSION AUTHORIZATION proxy_login;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c "$AWAY"
SELECT edgebase.read_record('tenant', 'exchanged', 'invoices', ARRAY['id'], 'r1');
\ir ../lib/verdict.sql
RESET SESSION AUTHORIZATION;
\! "$PSQL" -X -q -U postgres -c "$BACK"

-- What inherits.
SET search_path = "tenant:exchanged";
DROP TABLE other;
CREATE TABLE kid () INHERITS (invoices);
INSERT INTO kid (id, n) VALUES ('k1', 1), ('k2', 2);
RESET search_path;
SELECT edgebase.repair() \g /dev/null
\setenv LEAVE 'SET search_path = "tenant:exchanged"; ALTER TABLE kid NO INHERIT invoices'
\setenv JOIN 'SET search_path = "tenant:exchanged"; ALTER TABLE kid INHERIT invoices'

\set attack 'an export of a table that another has inherited from'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c "$LEAVE"
SELECT count(*) FROM edgebase.export_instance('tenant', 'exchanged');
\ir ../lib/verdict.sql

\set attack 'an export of a table that another inherits from by now'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c "$JOIN"
SELECT count(*) FROM edgebase.export_instance('tenant', 'exchanged');
\ir ../lib/verdict.sql

\set attack 'a relation over a table that another has inherited from'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c "$LEAVE; ANALYZE invoices"
SELECT count(*) FROM tenant.invoices WHERE instance_id = 'exchanged';
\ir ../lib/verdict.sql

\set attack 'a statement inside, the same'
\set expect EB010
\! "$PSQL" -X -q -U postgres -c "$JOIN"
SET SESSION AUTHORIZATION proxy_login;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT edgebase.enter('tenant', 'exchanged') \g /dev/null
\! "$PSQL" -X -q -U postgres -c "$LEAVE"
SELECT count(*) FROM invoices;
\ir ../lib/verdict.sql
RESET SESSION AUTHORIZATION;

\set attack 'a table that came since and inherits has no rows that the snapshot sees'
\set expect 00000
\! "$PSQL" -X -q -U postgres -c "$JOIN"
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -U postgres -c 'CREATE TABLE "tenant:exchanged".late () INHERITS ("tenant:exchanged".invoices)' -c 'ALTER TABLE "tenant:exchanged".late OWNER TO edgebase_owner' -c 'INSERT INTO "tenant:exchanged".late (id) VALUES ($$late$$)'
SELECT 1 / (count(*) = 102)::int FROM tenant.invoices WHERE instance_id = 'exchanged' \g /dev/null
SELECT 1 / (count(*) = 102)::int FROM edgebase.export_instance('tenant', 'exchanged') \g /dev/null
\ir ../lib/verdict.sql
DROP TABLE "tenant:exchanged".kid, "tenant:exchanged".late;
ANALYZE "tenant:exchanged".invoices;

-- Another schema under the name: one with a table that the snapshot has seen, and one without any.
CREATE SCHEMA beside AUTHORIZATION edgebase_owner;
\setenv RESTORE 'SELECT edgebase.restore_instance($$tenant$$, $$exchanged$$, $$beside$$)'

\set attack 'an export of an instance that was restored since'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -o /dev/null -U postgres -c "$RESTORE"
SELECT count(*) FROM edgebase.export_instance('tenant', 'exchanged');
\ir ../lib/verdict.sql

\set attack 'a relation over one that was restored since, with a table that it had not'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -o /dev/null -U postgres -c "$RESTORE"
SELECT count(*) FROM tenant.invoices;
\ir ../lib/verdict.sql

\set attack 'a relation over one that was restored since, without a table that it had'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -o /dev/null -U postgres -c "$RESTORE"
SELECT count(*) FROM tenant.invoices;
\ir ../lib/verdict.sql

SET SESSION AUTHORIZATION proxy_login;
\set attack 'a record of one that was restored since'
\set expect EB010
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -o /dev/null -U postgres -c "$RESTORE"
SELECT edgebase.read_record('tenant', 'exchanged', 'invoices', ARRAY['id'], 'r1');
\ir ../lib/verdict.sql

\set attack 'a statement inside one that was restored before it was entered'
\set expect EB010
\! "$PSQL" -X -q -o /dev/null -U postgres -c "$RESTORE"
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
\! "$PSQL" -X -q -o /dev/null -U postgres -c "$RESTORE"
SELECT edgebase.enter('tenant', 'exchanged') \g /dev/null
SELECT count(*) FROM invoices;
\ir ../lib/verdict.sql
RESET SESSION AUTHORIZATION;

\set attack 'once it is restored, everything is read'
\set expect 00000
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 / (count(*) = 100)::int FROM tenant.invoices WHERE instance_id = 'exchanged' \g /dev/null
SELECT 1 / (count(*) = 100)::int FROM edgebase.export_instance('tenant', 'exchanged') \g /dev/null
\ir ../lib/verdict.sql
DROP SCHEMA beside CASCADE;
SELECT edgebase.drop_instance('tenant', 'exchanged') \g /dev/null

\set attack 'a deletion that would count the rows of an old snapshot'
\set expect 25000
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT edgebase.drop_instance('tenant', 'snapshots');
\ir ../lib/verdict.sql

\set attack 'a migration that would change the rows of an old snapshot'
\set expect 25000
BEGIN;
SET LOCAL default_transaction_isolation = 'repeatable read';
UPDATE edgebase.instance SET version = (SELECT version FROM edgebase.instance WHERE namespace = 'app') WHERE id = 'snapshots';
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT edgebase.migrate('tenant', 'snapshots');
\ir ../lib/verdict.sql
UPDATE edgebase.instance SET version = (SELECT version FROM edgebase.block WHERE namespace = 'tenant') WHERE id = 'snapshots';
SELECT edgebase.drop_instance('tenant', 'snapshots') \g /dev/null
