-- Begins a transaction in which an instance has two of its block's five tables.
BEGIN;
SELECT count(*) FROM edgebase.apply_config(:'shop') \g /dev/null
SELECT edgebase.create_instance('shop', 'a', ARRAY['orders']) ->> 'schema' AS home \gset
CREATE VIEW pg_temp.tables AS
SELECT nspname AS home, coalesce(string_agg(relname, ' ' ORDER BY relname COLLATE "C") FILTER (WHERE relkind = 'r'), '') AS names
FROM pg_namespace n LEFT JOIN pg_class c ON relnamespace = n.oid GROUP BY nspname;
