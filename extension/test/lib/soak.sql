-- What the soak runs against besides setup.sql: something to hide from analysts, a role to be made
-- powerful, limits of time. Nobody but superusers creates anything outside of instances.
\set ON_ERROR_STOP on
CREATE ROLE low LOGIN;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
ALTER ROLE admin_login SET statement_timeout = '5s';
ALTER ROLE analyst_login SET statement_timeout = '300ms';
SET SESSION AUTHORIZATION admin_login;
SELECT count(*) FROM edgebase.apply_config('{"databases": {
    "firm": {"instance": true, "tables": {
        "staff": {"schema": {"name": "string", "secret": {"type": "string", "analytics": false}}},
        "keys": {"analytics": false, "schema": {"secret": "string"}}}},
    "office": {"tables": {
        "staff": {"schema": {"name": "string", "secret": {"type": "string", "analytics": false}}},
        "keys": {"analytics": false, "schema": {"secret": "string"}}}}}}') \g /dev/null
SELECT edgebase.create_instance('firm', id) FROM unnest(ARRAY['a', 'b']) AS id \g /dev/null
RESET SESSION AUTHORIZATION;
INSERT INTO "firm:a".staff (id, name, secret) VALUES ('1', 'Ada', 'hidden-secret');
INSERT INTO "firm:b".staff (id, name, secret) VALUES ('2', 'Bob', 'hidden-secret');
INSERT INTO "firm:a".keys (id, secret) VALUES ('1', 'hidden-secret');
INSERT INTO office.staff (id, name, secret) VALUES ('1', 'Ada', 'hidden-secret');
INSERT INTO office.keys (id, secret) VALUES ('1', 'hidden-secret');
