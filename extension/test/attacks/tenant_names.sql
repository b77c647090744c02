-- run: login=proxy_login
-- The attacker was given the choice of its instance's id, of a config's names and of the values it
-- writes. It wants one of them to be read as SQL, or as somebody else's.

\set attack 'hostile id 1 enters its own schema and reads its own table'
\set expect 00000
BEGIN;
SELECT edgebase.enter('tenant', 'x"; DROP SCHEMA public; --') \g /dev/null
INSERT INTO "Weird ""T""" (id, "a.b", "c'd") VALUES ('1', '2', 'it''s');
SELECT 1 / (count(*) = 0)::int FROM invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'hostile id 1 cannot read the victim'
\set expect 42501
BEGIN;
SELECT edgebase.enter('tenant', 'x"; DROP SCHEMA public; --') \g /dev/null
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'hostile id 2 enters its own schema and reads its own table'
\set expect 00000
BEGIN;
SELECT edgebase.enter('tenant', '😀 Ω') \g /dev/null
INSERT INTO "Weird ""T""" (id, "a.b", "c'd") VALUES ('1', '2', 'it''s');
SELECT 1 / (count(*) = 0)::int FROM invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'hostile id 2 cannot read the victim'
\set expect 42501
BEGIN;
SELECT edgebase.enter('tenant', '😀 Ω') \g /dev/null
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'hostile id 3 enters its own schema and reads its own table'
\set expect 00000
BEGIN;
SELECT edgebase.enter('tenant', repeat('é', 511) || 'z') \g /dev/null
INSERT INTO "Weird ""T""" (id, "a.b", "c'd") VALUES ('1', '2', 'it''s');
SELECT 1 / (count(*) = 0)::int FROM invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'hostile id 3 cannot read the victim'
\set expect 42501
BEGIN;
SELECT edgebase.enter('tenant', repeat('é', 511) || 'z') \g /dev/null
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'hostile id 4 enters its own schema and reads its own table'
\set expect 00000
BEGIN;
SELECT edgebase.enter('tenant', 'pg_catalog') \g /dev/null
INSERT INTO "Weird ""T""" (id, "a.b", "c'd") VALUES ('1', '2', 'it''s');
SELECT 1 / (count(*) = 0)::int FROM invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'hostile id 4 cannot read the victim'
\set expect 42501
BEGIN;
SELECT edgebase.enter('tenant', 'pg_catalog') \g /dev/null
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'hostile id 5 enters its own schema and reads its own table'
\set expect 00000
BEGIN;
SELECT edgebase.enter('tenant', 'SELECT') \g /dev/null
INSERT INTO "Weird ""T""" (id, "a.b", "c'd") VALUES ('1', '2', 'it''s');
SELECT 1 / (count(*) = 0)::int FROM invoices \g /dev/null
\ir ../lib/verdict.sql

\set attack 'hostile id 5 cannot read the victim'
\set expect 42501
BEGIN;
SELECT edgebase.enter('tenant', 'SELECT') \g /dev/null
SELECT * FROM "tenant:victim".invoices;
\ir ../lib/verdict.sql

\set attack 'a block called public lives in a schema of its own'
\set expect 00000
SELECT 1 / (edgebase.locate('public') = 'public:')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a block called pg_x lives in a schema of its own'
\set expect 00000
SELECT 1 / (edgebase.locate('pg_x') = ':pg_x')::int \g /dev/null
BEGIN;
SELECT edgebase.enter('pg_x') \g /dev/null
INSERT INTO "select" (id, "from") VALUES ('a', 'b');
\ir ../lib/verdict.sql

\set attack 'an enum value with a quote is enforced'
\set expect 23514
\ir ../lib/begin.sql
INSERT INTO "Weird ""T""" (id, "c'd") VALUES ('1', 'its');
\ir ../lib/verdict.sql

\set attack 'length is counted in UTF-16 units'
\set expect 23514
\ir ../lib/begin.sql
INSERT INTO invoices (id, note) VALUES ('long', repeat('😀', 11));
\ir ../lib/verdict.sql
