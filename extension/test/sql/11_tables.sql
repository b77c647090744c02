-- run: login=postgres
-- Tables that come after their instance: which are made, when, for whom, and what everything else
-- makes of those that are not there. Run as a superuser; each check prints its verdict.

\set shop '{"databases": {"shop": {"instance": true, "tables": {"items": {"schema": {"name": "string"}}, "orders": {"schema": {"item": {"type": "string", "references": "items"}}, "indexes": [{"fields": ["item"]}]}, "lines": {"schema": {"order": {"type": "string", "references": "orders"}}}, "we\\"ird 😀": {}, "log": {"schema": {"n": "number"}}}}}}'

\set attack 'an instance made with a table has it and what it refers to, and no more'
\set expect 00000
\ir ../lib/shop.sql
SELECT 1 / (names = 'items orders')::int FROM pg_temp.tables WHERE home = :'home' \g /dev/null
SELECT 1 / (count(*) = 1)::int FROM pg_constraint WHERE conrelid = '"shop:a".orders'::regclass AND contype = 'f' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'of several creators only the first says which tables there are'
\set expect 00000
\ir ../lib/shop.sql
SELECT 1 / (NOT (edgebase.create_instance('shop', 'a', ARRAY['log']) ->> 'created')::bool AND NOT (edgebase.create_instance('shop', 'a') ->> 'created')::bool)::int \g /dev/null
SELECT 1 / (names = 'items orders')::int FROM pg_temp.tables WHERE home = :'home' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'an instance can be made with no table at all'
\set expect 00000
\ir ../lib/shop.sql
SELECT edgebase.create_instance('shop', 'b', '{}') \g /dev/null
SELECT 1 / (names = '')::int FROM pg_temp.tables WHERE home = 'shop:b' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'no list of tables means all of them'
\set expect 00000
\ir ../lib/shop.sql
SELECT edgebase.create_instance('shop', 'b', NULL) \g /dev/null
SELECT 1 / (names = 'items lines log orders we"ird 😀')::int FROM pg_temp.tables WHERE home = 'shop:b' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'the instance of a single-instance block always has all of its tables'
\set expect 00000
\ir ../lib/shop.sql
UPDATE edgebase.block SET configured = false WHERE namespace = 'public'; SELECT edgebase.drop_instance('public') \g /dev/null
SELECT edgebase.create_instance('public', NULL, '{}') ->> 'schema' AS home \gset
SELECT 1 / (names = 't')::int FROM pg_temp.tables WHERE home = :'home' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'ensuring a table makes what lacks and says so, once'
\set expect 00000
\ir ../lib/shop.sql
SELECT 1 / (edgebase.ensure_tables('shop', 'a', ARRAY['lines', 'items']) = '{"schema": "shop:a", "created": ["lines"]}')::int \g /dev/null
SELECT 1 / (edgebase.ensure_tables('shop', 'a', ARRAY['lines', 'items']) = '{"schema": "shop:a", "created": []}')::int \g /dev/null
SELECT 1 / (names = 'items lines orders')::int FROM pg_temp.tables WHERE home = :'home' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'an instance whose tables came later is like one that was made whole, privileges included'
\set expect 00000
\ir ../lib/shop.sql
SELECT edgebase.ensure_tables('shop', 'a', ARRAY['lines']) \g /dev/null
SELECT edgebase.ensure_tables('shop', 'a', NULL) \g /dev/null
SELECT edgebase.create_instance('shop', 'whole') \g /dev/null
CREATE VIEW pg_temp.shape AS
SELECT home, replace(replace(part, home, 'HOME'), role, 'ROLE') AS part FROM (
    SELECT i.schema AS home, i.role, concat_ws(' ', c.relname, c.relkind, c.relowner::regrole, c.relacl, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)) AS part
    FROM edgebase.instances i JOIN pg_class c ON c.relnamespace = to_regnamespace(quote_ident(i.schema))
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0 LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE i.namespace = 'shop'
    UNION ALL SELECT i.schema, i.role, concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(k.oid))
    FROM edgebase.instances i JOIN pg_constraint k ON connamespace = to_regnamespace(quote_ident(i.schema)) WHERE i.namespace = 'shop'
    UNION ALL SELECT i.schema, i.role, indexdef FROM edgebase.instances i JOIN pg_indexes x ON x.schemaname = i.schema WHERE i.namespace = 'shop') AS p;
SELECT 1 / (count(*) > 40 AND count(DISTINCT part) * 2 = count(*))::int FROM pg_temp.shape WHERE home IN ('shop:a', 'shop:whole') \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a list of lists is a list'
\set expect 00000
\ir ../lib/shop.sql
SELECT 1 / (edgebase.ensure_tables('shop', 'a', ARRAY[['log'], ['lines']]) -> 'created' = '["lines", "log"]')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a table that the block does not have is refused'
\set expect 42P01
\ir ../lib/shop.sql
SELECT edgebase.ensure_tables('shop', 'a', ARRAY['log', 'nothing']);
\ir ../lib/verdict.sql

\set attack 'so it is for a new instance'
\set expect 42P01
\ir ../lib/shop.sql
SELECT edgebase.create_instance('shop', 'b', ARRAY['pg_class']);
\ir ../lib/verdict.sql

\set attack 'a null among the names is refused'
\set expect 22004
\ir ../lib/shop.sql
SELECT edgebase.ensure_tables('shop', 'a', ARRAY['log', NULL]);
\ir ../lib/verdict.sql

\set attack 'tables of an instance that is not there are not made'
\set expect EB002
\ir ../lib/shop.sql
SELECT edgebase.ensure_tables('shop', 'b', NULL);
\ir ../lib/verdict.sql

\set attack 'nor of a block that is not there'
\set expect EB001
\ir ../lib/shop.sql
SELECT edgebase.ensure_tables('shopping', 'b', NULL);
\ir ../lib/verdict.sql

\set attack 'nor without an id'
\set expect EB004
\ir ../lib/shop.sql
SELECT edgebase.ensure_tables('shop');
\ir ../lib/verdict.sql

\set attack 'a question about another blocks table is refused'
\set expect 42P01
\ir ../lib/shop.sql
SELECT edgebase.has_table('shop', 'a', 'invoices');
\ir ../lib/verdict.sql

\set attack 'a table is there or is not'
\set expect 00000
\ir ../lib/shop.sql
SELECT 1 / (edgebase.has_table('shop', 'a', 'orders') AND NOT edgebase.has_table('shop', 'a', 'we"ird 😀'))::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'tables of an instance that is behind are not made'
\set expect EB003
\ir ../lib/shop.sql
SELECT count(*) FROM edgebase.apply_config('{"databases": {"shop": {"instance": true, "tables": {"items": {"schema": {"name": "string", "price": "number"}}, "orders": {"schema": {"item": {"type": "string", "references": "items"}}, "indexes": [{"fields": ["item"]}]}, "lines": {"schema": {"order": {"type": "string", "references": "orders"}, "count": {"type": "number", "default": 1}}}, "we\"ird 😀": {}, "log": {"schema": {"n": "number", "at": "datetime"}}, "fresh": {"schema": {"n": "number"}}}}}}') \g /dev/null
SELECT edgebase.ensure_tables('shop', 'a', NULL);
\ir ../lib/verdict.sql

\set attack 'nor is it told which there are'
\set expect EB003
\ir ../lib/shop.sql
SELECT count(*) FROM edgebase.apply_config('{"databases": {"shop": {"instance": true, "tables": {"items": {"schema": {"name": "string", "price": "number"}}, "orders": {"schema": {"item": {"type": "string", "references": "items"}}, "indexes": [{"fields": ["item"]}]}, "lines": {"schema": {"order": {"type": "string", "references": "orders"}, "count": {"type": "number", "default": 1}}}, "we\"ird 😀": {}, "log": {"schema": {"n": "number", "at": "datetime"}}, "fresh": {"schema": {"n": "number"}}}}}}') \g /dev/null
SELECT edgebase.has_table('shop', 'a', 'log');
\ir ../lib/verdict.sql

\set attack 'a migration leaves out what is not there and makes no table that is new'
\set expect 00000
\ir ../lib/shop.sql
SELECT count(*) FROM edgebase.apply_config('{"databases": {"shop": {"instance": true, "tables": {"items": {"schema": {"name": "string", "price": "number"}}, "orders": {"schema": {"item": {"type": "string", "references": "items"}}, "indexes": [{"fields": ["item"]}]}, "lines": {"schema": {"order": {"type": "string", "references": "orders"}, "count": {"type": "number", "default": 1}}}, "we\"ird 😀": {}, "log": {"schema": {"n": "number", "at": "datetime"}}, "fresh": {"schema": {"n": "number"}}}}}}') \g /dev/null
SELECT edgebase.migrate('shop', 'a') \g /dev/null
SELECT 1 / (names = 'items orders')::int FROM pg_temp.tables WHERE home = :'home' \g /dev/null
SELECT 1 / (count(*) = 1)::int FROM pg_attribute WHERE attrelid = '"shop:a".items'::regclass AND attname = 'price' \g /dev/null
SELECT 1 / (details -> 'steps' = '["add_column items.price"]')::int FROM edgebase.audit WHERE namespace = 'shop' AND action = 'migrate' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'what it left out comes in its newest shape'
\set expect 00000
\ir ../lib/shop.sql
SELECT count(*) FROM edgebase.apply_config('{"databases": {"shop": {"instance": true, "tables": {"items": {"schema": {"name": "string", "price": "number"}}, "orders": {"schema": {"item": {"type": "string", "references": "items"}}, "indexes": [{"fields": ["item"]}]}, "lines": {"schema": {"order": {"type": "string", "references": "orders"}, "count": {"type": "number", "default": 1}}}, "we\"ird 😀": {}, "log": {"schema": {"n": "number", "at": "datetime"}}, "fresh": {"schema": {"n": "number"}}}}}}') \g /dev/null
SELECT edgebase.migrate('shop', 'a'), edgebase.ensure_tables('shop', 'a', NULL) \g /dev/null
SELECT edgebase.create_instance('shop', 'whole') \g /dev/null
CREATE VIEW pg_temp.shape AS
SELECT home, replace(replace(part, home, 'HOME'), role, 'ROLE') AS part FROM (
    SELECT i.schema AS home, i.role, concat_ws(' ', c.relname, c.relkind, c.relowner::regrole, c.relacl, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)) AS part
    FROM edgebase.instances i JOIN pg_class c ON c.relnamespace = to_regnamespace(quote_ident(i.schema))
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0 LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE i.namespace = 'shop'
    UNION ALL SELECT i.schema, i.role, concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(k.oid))
    FROM edgebase.instances i JOIN pg_constraint k ON connamespace = to_regnamespace(quote_ident(i.schema)) WHERE i.namespace = 'shop'
    UNION ALL SELECT i.schema, i.role, indexdef FROM edgebase.instances i JOIN pg_indexes x ON x.schemaname = i.schema WHERE i.namespace = 'shop') AS p;
SELECT 1 / (count(*) > 40 AND count(DISTINCT part) * 2 = count(*))::int FROM pg_temp.shape WHERE home IN ('shop:a', 'shop:whole') \g /dev/null
\ir ../lib/verdict.sql

\set attack 'one that has all tables goes on having all'
\set expect 00000
\ir ../lib/shop.sql
SELECT edgebase.ensure_tables('shop', 'a', NULL) \g /dev/null
SELECT count(*) FROM edgebase.apply_config('{"databases": {"shop": {"instance": true, "tables": {"items": {"schema": {"name": "string", "price": "number"}}, "orders": {"schema": {"item": {"type": "string", "references": "items"}}, "indexes": [{"fields": ["item"]}]}, "lines": {"schema": {"order": {"type": "string", "references": "orders"}, "count": {"type": "number", "default": 1}}}, "we\"ird 😀": {}, "log": {"schema": {"n": "number", "at": "datetime"}}, "fresh": {"schema": {"n": "number"}}}}}}') \g /dev/null
SELECT edgebase.migrate('shop', 'a') \g /dev/null
SELECT 1 / (names = 'fresh items lines log orders we"ird 😀')::int FROM pg_temp.tables WHERE home = :'home' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a reference that a table comes to have brings its target, and what that refers to'
\set expect 00000
\ir ../lib/shop.sql
SELECT count(*) FROM edgebase.apply_config('{"databases": {"shop": {"instance": true, "tables": {"items": {"schema": {"name": {"type": "string", "references": "log"}}}, "orders": {"schema": {"item": {"type": "string", "references": "items"}}, "indexes": [{"fields": ["item"]}]}, "lines": {"schema": {"order": {"type": "string", "references": "orders"}}}, "we\"ird 😀": {}, "log": {"schema": {"n": "number", "new": {"type": "string", "references": "fresh"}}}, "fresh": {"schema": {"n": "number"}}}}}}') \g /dev/null
SELECT edgebase.migrate('shop', 'a') \g /dev/null
SELECT 1 / (names = 'fresh items log orders')::int FROM pg_temp.tables WHERE home = :'home' \g /dev/null
SELECT 1 / (count(*) = 3)::int FROM pg_constraint WHERE connamespace = '"shop:a"'::regnamespace AND contype = 'f' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a hand-written migration finds every table that it names'
\set expect 00000
\ir ../lib/shop.sql
INSERT INTO "shop:a".items (id, name) VALUES ('i', 'x');
SELECT count(*) FROM edgebase.apply_config('{"databases": {"shop": {"instance": true, "tables": {"items": {"schema": {"name": "string"}}, "orders": {"schema": {"item": {"type": "string", "references": "items"}}, "indexes": [{"fields": ["item"]}]}, "lines": {"schema": {"order": {"type": "string", "references": "orders"}}}, "we\"ird 😀": {}, "log": {"schema": {"n": "number"}, "migrations": [{"version": 1, "description": "d", "up": "INSERT INTO log (id, n) SELECT id, length(name) FROM Items"}]}}}}}') \g /dev/null
SELECT edgebase.migrate('shop', 'a') \g /dev/null
SELECT 1 / (names = 'items log orders')::int FROM pg_temp.tables WHERE home = :'home' \g /dev/null
SELECT 1 / (n = 1)::int FROM "shop:a".log \g /dev/null
\ir ../lib/verdict.sql

\set attack 'one that puts names together finds all tables'
\set expect 00000
\ir ../lib/shop.sql
SELECT count(*) FROM edgebase.apply_config('{"databases": {"shop": {"instance": true, "tables": {"items": {"schema": {"name": "string"}}, "orders": {"schema": {"item": {"type": "string", "references": "items"}}, "indexes": [{"fields": ["item"]}]}, "lines": {"schema": {"order": {"type": "string", "references": "orders"}}}, "we\"ird 😀": {}, "log": {"schema": {"n": "number"}, "migrations": [{"version": 1, "description": "d", "up": "DO $$ BEGIN EXECUTE ''INSERT INTO li'' || ''nes (id) SELECT id FROM items''; END $$"}]}}}}}') \g /dev/null
SELECT edgebase.migrate('shop', 'a') \g /dev/null
SELECT 1 / (names = 'items lines log orders we"ird 😀')::int FROM pg_temp.tables WHERE home = :'home' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'one that is all about a table that is not there does not run, as it does not for a new instance'
\set expect 00000
\ir ../lib/shop.sql
SELECT count(*) FROM edgebase.apply_config('{"databases": {"shop": {"instance": true, "tables": {"items": {"schema": {"name": "string"}}, "orders": {"schema": {"item": {"type": "string", "references": "items"}}, "indexes": [{"fields": ["item"]}]}, "lines": {"schema": {"order": {"type": "string", "references": "orders"}}}, "we\"ird 😀": {}, "log": {"schema": {"n": "number"}, "migrations": [{"version": 1, "description": "d", "up": "SELECT 1/0 FROM log"}]}}}}}') \g /dev/null
SELECT edgebase.migrate('shop', 'a'), edgebase.create_instance('shop', 'b') \g /dev/null
SELECT 1 / (names = 'items orders')::int FROM pg_temp.tables WHERE home = :'home' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a relation over all instances reads those that have the table'
\set expect 00000
\ir ../lib/shop.sql
SELECT edgebase.create_instance('shop', 'b') \g /dev/null
INSERT INTO "shop:b".log (id, n) VALUES ('1', 7); INSERT INTO "shop:a".items (id) VALUES ('i'); INSERT INTO "shop:b".items (id) VALUES ('i');
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT 1 / (array_agg(instance_id) = '{b}' AND sum(n) = 7)::int FROM shop.log \g /dev/null
SELECT 1 / (count(*) = 2)::int FROM shop.items \g /dev/null
SELECT 1 / (count(*) = 0)::int FROM shop.log WHERE instance_id = 'a' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a table that is made later is in the relation from then on'
\set expect 00000
\ir ../lib/shop.sql
SELECT 1 / (count(*) = 0)::int FROM shop.log \g /dev/null
SELECT edgebase.ensure_tables('shop', 'a', ARRAY['log']) \g /dev/null
INSERT INTO "shop:a".log (id, n) VALUES ('1', 7);
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT 1 / (count(*) = 1)::int FROM shop.log WHERE instance_id = 'a' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'the view of instances works out sizes for nobody who does not ask for them'
\set expect 00000
\ir ../lib/shop.sql
DO $$
DECLARE
    asked text;
    plan json;
BEGIN
    FOREACH asked IN ARRAY ARRAY['count(*)', 'key, state, failure', 'size', 'rows'] LOOP
        EXECUTE format('EXPLAIN (FORMAT json) SELECT %s FROM edgebase.instances WHERE NOT current', asked) INTO plan;
        ASSERT (plan::text LIKE '%json_array_elements%') = (asked IN ('size', 'rows')), asked;
    END LOOP;
END $$;
\ir ../lib/verdict.sql

\set attack 'views, statistics and receipt are about the tables that are there'
\set expect 00000
\ir ../lib/shop.sql
INSERT INTO "shop:a".items (id) VALUES ('i');
SELECT 1 / (size > 0 AND state = 'active' AND current)::int FROM edgebase.instances WHERE key = 'shop:a' \g /dev/null
SELECT 1 / (size > 0)::int FROM edgebase.instance_stats WHERE key = 'shop:a' \g /dev/null
SELECT 1 / (r ->> 'rows' = '1' AND jsonb_path_query_array(r, '$.tables[*].name') = '["items", "orders"]')::int FROM edgebase.drop_instance('shop', 'a') AS r \g /dev/null
SELECT 1 / (count(*) = 0)::int FROM pg_namespace WHERE nspname = 'shop:a' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'an export has the rows that there are, and an import makes what it needs'
\set expect 00000
\ir ../lib/shop.sql
INSERT INTO "shop:a".items (id) VALUES ('i'); INSERT INTO "shop:a".orders (id, item) VALUES ('o', 'i');
SELECT jsonb_agg(to_jsonb(e)) AS rows FROM edgebase.export_instance('shop', 'a') AS e \gset
SELECT edgebase.create_instance('shop', 'b', ARRAY['log']), edgebase.import_instance('shop', 'b', :'rows') \g /dev/null
SELECT 1 / (names = 'items lines log orders we"ird 😀')::int FROM pg_temp.tables WHERE home = 'shop:b' \g /dev/null
SELECT 1 / (item = 'i')::int FROM "shop:b".orders \g /dev/null
\ir ../lib/verdict.sql

\set attack 'repair is content with tables that are not there, and gives back what those that are should have'
\set expect 00000
\ir ../lib/shop.sql
SELECT role AS theirs FROM edgebase.instances WHERE key = 'shop:a' \gset
REVOKE ALL ON "shop:a".items FROM :"theirs"; GRANT SELECT ON "shop:a".orders TO PUBLIC;
SELECT edgebase.repair() AS report \gset
SELECT 1 / (names = 'items orders')::int FROM pg_temp.tables WHERE home = :'home' \g /dev/null
SELECT 1 / ((:'report')::jsonb ->> 'grants_revoked' = '2' AND has_table_privilege(:'theirs', '"shop:a".items', 'INSERT') AND NOT has_table_privilege('stranger', '"shop:a".orders', 'SELECT'))::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'the proxy makes a table and its tenant writes into it'
\set expect 00000
\ir ../lib/shop.sql
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.ensure_tables('shop', 'a', ARRAY['log']) \g /dev/null
SELECT edgebase.enter('shop', 'a') \g /dev/null
INSERT INTO log (id, n) VALUES ('1', 1);
SELECT 1 / (count(*) = 1)::int FROM log \g /dev/null
\ir ../lib/verdict.sql

\set attack 'but not once it has entered'
\set expect 42501
\ir ../lib/shop.sql
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('shop', 'a') \g /dev/null
SELECT edgebase.ensure_tables('shop', 'a', ARRAY['log']);
\ir ../lib/verdict.sql

\set attack 'nor may a tenant ask which tables another has'
\set expect 42501
\ir ../lib/shop.sql
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SELECT edgebase.has_table('shop', 'a', 'log');
\ir ../lib/verdict.sql

\set attack 'a tenant makes no table itself'
\set expect EB008
\ir ../lib/shop.sql
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('shop', 'a') \g /dev/null
CREATE TABLE log (id text);
\ir ../lib/verdict.sql

\set attack 'analyst_login: make a table'
\set expect 42501
\ir ../lib/shop.sql
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT edgebase.ensure_tables('shop', 'a', NULL);
\ir ../lib/verdict.sql

\set attack 'stranger: make a table'
\set expect 42501
\ir ../lib/shop.sql
SET LOCAL SESSION AUTHORIZATION stranger;
SELECT edgebase.ensure_tables('shop', 'a', NULL);
\ir ../lib/verdict.sql

\set attack 'a table is not made where default privileges would open it'
\set expect 55000
\ir ../lib/shop.sql
ALTER DEFAULT PRIVILEGES FOR ROLE edgebase_owner GRANT SELECT ON TABLES TO PUBLIC;
SELECT edgebase.ensure_tables('shop', 'a', NULL);
\ir ../lib/verdict.sql

\set attack 'what an expression of the config does when its table is made, it does as the owner'
\set expect 00000
\ir ../lib/shop.sql
SELECT count(*) FROM edgebase.apply_config('{"databases": {"check": {"instance": true, "tables": {"t": {"schema": {"a": {"type": "string", "check": "a <> current_user"}}}}}}}') \g /dev/null
SELECT edgebase.create_instance('check', 'x', '{}'), edgebase.ensure_tables('check', 'x') \g /dev/null
SELECT 1 / (relowner = 'edgebase_owner'::regrole)::int FROM pg_class WHERE oid = '"check:x".t'::regclass \g /dev/null
\ir ../lib/verdict.sql
