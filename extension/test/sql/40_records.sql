-- run: login=postgres
-- Does edgebase.read_record read what a statement inside the instance would read, and refuse what
-- that would be refused? Run as a superuser, who takes on the proxy's login role.

INSERT INTO kinds.every (id, "createdAt", "Mixed ""Case""", n, b, d, j) VALUES
    ('null', '2026-01-02 03:04:05.678+00', NULL, NULL, NULL, NULL, NULL),
    ('', '2026-01-02 03:04:05+05', '', 0, false, '1970-01-01 00:00:00+00', 'null'),
    ('plain', now(), 'text', 1.5, true, '2026-02-28 23:59:59.999+00', '{"b": 1, "a": [1, 2.50, "x"]}'),
    (E'sp"ecial \\ / \' 😀', now(), E'\x01\x1f\x7f \b\f\n\r\t " \\ / é 😀 \u2028', -0.1, true, '0044-03-15 12:00:00+00 BC', '"\"\\ \t"'),
    ('large', now(), repeat('é"', 5000), 1e308, false, '9999-12-31 23:59:59.999+00', to_jsonb(repeat('x', 100000))),
    ('small', now(), 'x', 5e-324, false, '12026-01-01 00:00:00+00', '1e-7'),
    ('long', now(), 'x', 123456789012345680000, false, 'infinity', '123456789012345678901234567890'),
    ('nan', now(), 'x', 'NaN', NULL, '-infinity', '[]'),
    ('infinite', now(), 'x', '-Infinity', NULL, NULL, '{}'),
    (repeat('😀', 50), now(), 'x', '-0', NULL, NULL, 'true');
INSERT INTO kinds.every (id, "Mixed ""Case""") SELECT 'n' || n, repeat(md5(n::text), 100) FROM generate_series(1, 500) n;
CREATE TEMP TABLE expected AS
SELECT r.id, row_to_json(r.*)::text AS record FROM (
    SELECT t.j, t.id, to_char(t."createdAt" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "createdAt",
           t."Mixed ""Case""", t.n, t.b,
           CASE t.d WHEN '0044-03-15 12:00:00+00 BC' THEN '-000043-03-15T12:00:00.000Z'
                    WHEN '12026-01-01 00:00:00+00' THEN '+012026-01-01T00:00:00.000Z'
                    WHEN 'infinity' THEN 'infinity' WHEN '-infinity' THEN '-infinity'
                    ELSE to_char(t.d AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END AS d
    FROM kinds.every t) r;
GRANT SELECT ON expected TO PUBLIC;

\set attack 'every kind of value, by key, is what a statement inside shows'
\set expect 00000
SET SESSION AUTHORIZATION proxy_login;
SELECT 1 / (count(*) = 510)::int FROM expected
WHERE record = edgebase.read_record('kinds', NULL, 'every',
    ARRAY['j', 'id', 'createdAt', 'Mixed "Case"', 'n', 'b', 'd'], id) \g /dev/null
\ir ../lib/verdict.sql

\set attack 'the same in another time zone and date style'
\set expect 00000
SET timezone = 'Asia/Kathmandu';
SET datestyle = 'SQL, DMY';
SELECT 1 / (count(*) = 510)::int FROM expected
WHERE record = edgebase.read_record('kinds', NULL, 'every',
    ARRAY['j', 'id', 'createdAt', 'Mixed "Case"', 'n', 'b', 'd'], id) \g /dev/null
\ir ../lib/verdict.sql
RESET timezone;
RESET datestyle;

\set attack 'an id that no row has gives null, and so does one that only looks alike'
\set expect 00000
SELECT 1 / (count(edgebase.read_record('kinds', NULL, 'every', ARRAY['id'], id)) = 0)::int
FROM unnest(ARRAY['nobody', 'NULL', 'plain ', 'plai', '%', repeat('x', 10000)]) id \g /dev/null
\ir ../lib/verdict.sql

\set attack 'no columns make an empty record'
\set expect 00000
SELECT 1 / (edgebase.read_record('kinds', NULL, 'every', ARRAY[]::text[], 'plain') = '{}')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a row of an instance with a hostile id'
\set expect 00000
SELECT 1 / (edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['id', 'note'], 'm1') = '{"id":"m1","note":"mine"}')::int \g /dev/null
SELECT edgebase.read_record('tenant', 'x"; DROP SCHEMA public; --', 'Weird "T"', ARRAY['a.b', 'c''d'], 'x') \g /dev/null
\ir ../lib/verdict.sql

\set attack 'the transaction stays the login role''s, with its limits'
\set expect 42501
BEGIN;
SET LOCAL lock_timeout = 0;
SELECT edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['id'], 'm1') \g /dev/null
SELECT 1 / (current_setting('lock_timeout') = '0' AND current_user = 'proxy_login')::int \g /dev/null
SELECT * FROM "tenant:mallory".invoices;
\ir ../lib/verdict.sql

\set attack 'several instances in one transaction'
\set expect 00000
BEGIN;
SELECT edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['id'], 'm1') \g /dev/null
SELECT edgebase.read_record('tenant', 'victim', 'invoices', ARRAY['id'], 'v1') \g /dev/null
\ir ../lib/verdict.sql

\set attack 'from inside a sealed transaction'
\set expect 42501
\ir ../lib/begin.sql
SELECT edgebase.read_record('tenant', 'victim', 'invoices', ARRAY['id'], 'v1');
\ir ../lib/verdict.sql

\set attack 'from inside a security-definer function'
\set expect EB005
RESET SESSION AUTHORIZATION;
CREATE FUNCTION public.read_as_definer() RETURNS text LANGUAGE sql SECURITY DEFINER AS
$$SELECT edgebase.read_record('tenant', 'victim', 'invoices', ARRAY['id'], 'v1')$$;
SET SESSION AUTHORIZATION proxy_login;
SELECT public.read_as_definer();
\ir ../lib/verdict.sql

\set attack 'a table of the registry'
\set expect 42P01
SELECT edgebase.read_record('tenant', 'mallory', 'edgebase.instance', ARRAY['id'], 'm1');
\ir ../lib/verdict.sql

\set attack 'another schema''s table by its qualified name'
\set expect 42P01
SELECT edgebase.read_record('tenant', 'mallory', '"tenant:victim".invoices', ARRAY['id'], 'v1');
\ir ../lib/verdict.sql

\set attack 'a table of the search path'
\set expect 42P01
SELECT edgebase.read_record('tenant', 'mallory', 'pg_class', ARRAY['oid'], '1');
\ir ../lib/verdict.sql

\set attack 'a system column'
\set expect 42703
SELECT edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['xmin'], 'm1');
\ir ../lib/verdict.sql

\set attack 'a column that is not there'
\set expect 42703
SELECT edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['N'], 'm1');
\ir ../lib/verdict.sql

\set attack 'the name of an index'
\set expect 42501
SELECT edgebase.read_record('tenant', 'mallory', 'invoices.pkey', ARRAY['id'], 'm1');
\ir ../lib/verdict.sql

\set attack 'null among the columns'
\set expect 22004
SELECT edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['id', NULL], 'm1');
\ir ../lib/verdict.sql

\set attack 'null as the key'
\set expect 22004
SELECT edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['id'], NULL);
\ir ../lib/verdict.sql

\set attack 'an instance that does not exist'
\set expect EB002
SELECT edgebase.read_record('tenant', 'nobody', 'invoices', ARRAY['id'], 'm1');
\ir ../lib/verdict.sql

\set attack 'a block that does not exist'
\set expect EB001
SELECT edgebase.read_record('nothing', 'nobody', 'invoices', ARRAY['id'], 'm1');
\ir ../lib/verdict.sql
RESET SESSION AUTHORIZATION;

\set attack 'a superuser'
\set expect EB005
SELECT edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['id'], 'm1');
\ir ../lib/verdict.sql

\set attack 'an admin'
\set expect 42501
SET SESSION AUTHORIZATION admin_login;
SELECT edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['id'], 'm1');
\ir ../lib/verdict.sql
RESET SESSION AUTHORIZATION;

-- What a superuser has done by hand.
SELECT role FROM edgebase.instances WHERE key = 'tenant:mallory' \gset

\set attack 'a table that the instance role may not select from'
\set expect 42501
BEGIN;
REVOKE SELECT ON "tenant:mallory".invoices FROM :"role";
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['id'], 'm1');
\ir ../lib/verdict.sql

\set attack 'a schema that the instance role may not use'
\set expect 42501
BEGIN;
REVOKE USAGE ON SCHEMA "tenant:mallory" FROM :"role";
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['id'], 'm1');
\ir ../lib/verdict.sql

\set attack 'a view in the tenant''s schema, whose functions would run'
\set expect 42809
BEGIN;
CREATE VIEW "tenant:mallory".planted AS SELECT id, public.planted() AS secret FROM "tenant:mallory".invoices;
GRANT SELECT ON "tenant:mallory".planted TO :"role";
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.read_record('tenant', 'mallory', 'planted', ARRAY['secret'], 'm1');
\ir ../lib/verdict.sql

\set attack 'a table with row security'
\set expect 42809
BEGIN;
ALTER TABLE "tenant:mallory".invoices ENABLE ROW LEVEL SECURITY;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['id'], 'm1');
\ir ../lib/verdict.sql

\set attack 'a column of a type that no field has'
\set expect 42809
BEGIN;
ALTER TABLE "tenant:mallory".invoices ADD COLUMN place point DEFAULT '(1,2)';
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['place'], 'm1');
\ir ../lib/verdict.sql

\set attack 'columns added and dropped since the row was written'
\set expect 00000
BEGIN;
ALTER TABLE "tenant:mallory".invoices DROP COLUMN n, ADD COLUMN late text DEFAULT 'as before', ADD COLUMN n double precision;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT 1 / (edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['n', 'late', 'note'], 'm1')
    = '{"n":null,"late":"as before","note":"mine"}')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'without its primary key, or with one in another collation, a row is found all the same'
\set expect 00000
BEGIN;
ALTER TABLE "tenant:mallory".invoices DROP CONSTRAINT "invoices.pkey";
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT 1 / (edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['id'], 'm1') = '{"id":"m1"}')::int \g /dev/null
SET LOCAL SESSION AUTHORIZATION postgres;
ALTER TABLE "tenant:mallory".invoices ALTER COLUMN id TYPE text COLLATE "POSIX", ADD PRIMARY KEY (id);
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT 1 / (edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['id'], 'm1') = '{"id":"m1"}')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a key of another type'
\set expect 42809
BEGIN;
ALTER TABLE "tenant:mallory".invoices ALTER COLUMN id TYPE bytea USING id::bytea;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['note'], 'm1');
\ir ../lib/verdict.sql

\set attack 'an instance behind its block'
\set expect EB003
BEGIN;
UPDATE edgebase.instance SET version = (SELECT version FROM edgebase.instance WHERE namespace = 'app') WHERE id = 'mallory';
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['id'], 'm1');
\ir ../lib/verdict.sql

\set attack 'an instance role that has become a superuser'
\set expect EB005
BEGIN;
ALTER ROLE :"role" SUPERUSER;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.read_record('tenant', 'mallory', 'invoices', ARRAY['id'], 'm1');
\ir ../lib/verdict.sql
