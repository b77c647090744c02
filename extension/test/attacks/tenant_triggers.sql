-- run: login=postgres
-- The attacker is sealed into an instance whose config has a foreign key that cascades, and a
-- trigger, and chooses by its rows what the trigger runs. A cascade runs as edgebase_owner.

\set config '{"databases": {"f": {"instance": true, "tables": {"p": {"schema": {"a": "string"}}, "c": {"schema": {"p": {"type": "string", "references": {"table": "p", "onDelete": "CASCADE"}}, "a": "text"}}}}}}'
BEGIN;
SELECT edgebase.apply_config(:'config') \g /dev/null
SELECT edgebase.create_instance('f', 'one') \g /dev/null
SELECT edgebase.apply_config(jsonb_set(:'config', '{databases,f,tables,c,migrations}', jsonb_build_array(jsonb_build_object('version', 1, 'description', 'x', 'up', $up$
CREATE FUNCTION run() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN EXECUTE OLD.a; RETURN OLD; END $f$;
CREATE TRIGGER run BEFORE DELETE ON c FOR EACH ROW EXECUTE FUNCTION run()
$up$)))) \g /dev/null
COMMIT;
SELECT edgebase.migrate('f', 'one') \g /dev/null
SET SESSION AUTHORIZATION proxy_login;

\set attack 'a cascade that reads its own instance still may'
\set expect 00000
BEGIN;
SELECT edgebase.enter('f', 'one') \g /dev/null
INSERT INTO p (id, "createdAt", "updatedAt") VALUES ('p', now(), now());
INSERT INTO c (id, p, a, "createdAt", "updatedAt") VALUES ('c', 'p', $a$SELECT count(*) FROM p$a$, now(), now());
DELETE FROM p;
\ir ../lib/verdict.sql

\set attack 'a cascade reads another tenant'
\set expect EB009
BEGIN;
SELECT edgebase.enter('f', 'one') \g /dev/null
INSERT INTO p (id, "createdAt", "updatedAt") VALUES ('p', now(), now());
INSERT INTO c (id, p, a, "createdAt", "updatedAt") VALUES ('c', 'p', $a$SELECT note FROM "tenant:victim".invoices$a$, now(), now());
DELETE FROM p;
\ir ../lib/verdict.sql

\set attack 'a cascade deletes another tenant''s rows'
\set expect EB009
BEGIN;
SELECT edgebase.enter('f', 'one') \g /dev/null
INSERT INTO p (id, "createdAt", "updatedAt") VALUES ('p', now(), now());
INSERT INTO c (id, p, a, "createdAt", "updatedAt") VALUES ('c', 'p', $a$DELETE FROM "tenant:victim".invoices$a$, now(), now());
DELETE FROM p;
\ir ../lib/verdict.sql

\set attack 'a cascade exports another tenant'
\set expect EB008
BEGIN;
SELECT edgebase.enter('f', 'one') \g /dev/null
INSERT INTO p (id, "createdAt", "updatedAt") VALUES ('p', now(), now());
INSERT INTO c (id, p, a, "createdAt", "updatedAt") VALUES ('c', 'p', $a$SELECT edgebase.export_instance('tenant', 'victim')$a$, now(), now());
DELETE FROM p;
\ir ../lib/verdict.sql

\set attack 'a cascade changes a setting'
\set expect EB008
BEGIN;
SELECT edgebase.enter('f', 'one') \g /dev/null
INSERT INTO p (id, "createdAt", "updatedAt") VALUES ('p', now(), now());
INSERT INTO c (id, p, a, "createdAt", "updatedAt") VALUES ('c', 'p', $a$SELECT set_config('timezone', 'Asia/Tokyo', false)$a$, now(), now());
DELETE FROM p;
\ir ../lib/verdict.sql

-- Leaves the others what they count on.
RESET SESSION AUTHORIZATION;
SELECT edgebase.drop_instance('f', 'one') \g /dev/null
