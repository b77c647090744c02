-- Begins a transaction in which block f has a foreign key that cascades and a trigger that runs what a
-- row says, then enters one instance as a proxy and lets the cascade run :'statement'.
BEGIN;
SELECT edgebase.apply_config('{"databases": {"f": {"instance": true, "tables": {"p": {"schema": {"a": "string"}}, "c": {"schema": {"p": {"type": "string", "references": {"table": "p", "onDelete": "CASCADE"}}, "a": "text"}}}}}}') \g /dev/null
SELECT edgebase.create_instance('f', 'one') \g /dev/null
SELECT edgebase.apply_config(jsonb_set('{"databases": {"f": {"instance": true, "tables": {"p": {"schema": {"a": "string"}}, "c": {"schema": {"p": {"type": "string", "references": {"table": "p", "onDelete": "CASCADE"}}, "a": "text"}}}}}}',
    '{databases,f,tables,c,migrations}', jsonb_build_array(jsonb_build_object('version', 1, 'description', 'x', 'up', $up$
CREATE FUNCTION run() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN EXECUTE OLD.a; RETURN OLD; END $f$;
CREATE TRIGGER run BEFORE DELETE ON c FOR EACH ROW EXECUTE FUNCTION run()$up$)))) \g /dev/null
SELECT edgebase.migrate('f', 'one') \g /dev/null
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('f', 'one') \g /dev/null
INSERT INTO p (id, "createdAt", "updatedAt") VALUES ('p', now(), now());
INSERT INTO c (id, p, a, "createdAt", "updatedAt") VALUES ('c', 'p', :'statement', now(), now());
DELETE FROM p;
