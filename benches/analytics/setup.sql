-- A block with one table of twenty rows for each instance, the same rows in one table, and a clock.
CREATE EXTENSION edgebase;
SELECT edgebase.apply_config('{"databases": {"many": {"instance": true, "tables": {"invoices": {"schema": {
    "status": "string", "total": "number", "paid": "boolean"}}}}}}');
CREATE SCHEMA bench;
CREATE TABLE bench.everything (tenant text COLLATE "C", id text COLLATE "C", "createdAt" timestamptz(3), "updatedAt" timestamptz(3),
    status text COLLATE "C", total double precision, paid boolean, PRIMARY KEY (tenant, id));

CREATE FUNCTION bench.make(first int, last int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN first..last LOOP
        PERFORM edgebase.create_instance('many', 't' || i);
        EXECUTE format('INSERT INTO %I.invoices (id, status, total, paid)
            SELECT ''i'' || g, (ARRAY[''open'', ''paid'', ''void''])[1 + g %% 3], g * %s, g %% 2 = 0 FROM generate_series(1, 20) g',
            edgebase.locate('many', 't' || i), i);
        INSERT INTO bench.everything SELECT 't' || i, 'i' || g, now(), now(), (ARRAY['open', 'paid', 'void'])[1 + g % 3], g * i, g % 2 = 0
        FROM generate_series(1, 20) g;
    END LOOP;
END$$;

-- Milliseconds of CPU that this backend has used.
CREATE FUNCTION bench.cpu() RETURNS numeric LANGUAGE sql AS $$SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::numeric / 1e6$$;
-- Its memory in MB, shared buffers not counted.
CREATE FUNCTION bench.memory() RETURNS numeric LANGUAGE sql AS $$
    SELECT round(sum(total_bytes) / 1e6, 1) FROM pg_backend_memory_contexts
$$;
-- What people write who have no relation.
CREATE FUNCTION bench.union_all() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('SELECT %L AS instance_id, * FROM %I.invoices', id, schema_name), ' UNION ALL ') FROM edgebase.instance WHERE namespace = 'many'
$$;
CREATE FUNCTION bench.source(what text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE what WHEN 'relation' THEN 'many.invoices' WHEN 'table' THEN 'bench.everything' ELSE '(' || bench.union_all() || ') AS u' END
$$;
