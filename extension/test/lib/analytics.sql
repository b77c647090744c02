-- Begins a transaction in which there is something to hide from analysts: in a dynamic block, in a
-- single-instance block, a whole table, a whole block.
BEGIN;
SET LOCAL SESSION AUTHORIZATION admin_login;
SELECT count(*) FROM edgebase.apply_config('{"databases": {
    "tenant": {"instance": true, "tables": {
        "invoices": {"schema": {"n": "number", "note": {"type": "string", "max": 20}},
                     "indexes": [{"fields": ["n"]}], "fts": ["note"]},
        "Weird \"T\"": {"schema": {"a.b": "string", "c''d": {"type": "string", "enum": ["it''s"]}}}}},
    "firm": {"instance": true, "tables": {
        "staff": {"schema": {"name": "string", "secret": {"type": "string", "analytics": false}}},
        "keys": {"analytics": false, "schema": {"secret": "string"}}}},
    "dark": {"instance": true, "analytics": false, "tables": {"t": {"schema": {"secret": "string"}}}},
    "office": {"tables": {
        "staff": {"schema": {"name": "string", "secret": {"type": "string", "analytics": false}}},
        "keys": {"analytics": false, "schema": {"secret": "string"}}}},
    "vault": {"analytics": false, "tables": {"t": {"schema": {"secret": "string"}}}}}}') \g /dev/null
SELECT edgebase.create_instance('firm', id), edgebase.create_instance('dark', id) FROM unnest(ARRAY['a', 'b']) AS id \g /dev/null
SET LOCAL SESSION AUTHORIZATION postgres;
INSERT INTO "firm:a".staff (id, name, secret) VALUES ('1', 'Ada', 'planted-secret');
INSERT INTO "firm:b".staff (id, name, secret) VALUES ('2', 'Bob', 'planted-secret');
INSERT INTO "firm:a".keys (id, secret) VALUES ('1', 'planted-secret');
INSERT INTO "dark:a".t (id, secret) VALUES ('1', 'planted-secret');
INSERT INTO office.staff (id, name, secret) VALUES ('1', 'Ada', 'planted-secret');
INSERT INTO office.keys (id, secret) VALUES ('1', 'planted-secret');
INSERT INTO vault.t (id, secret) VALUES ('1', 'planted-secret');
