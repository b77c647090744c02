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
-- What people write who have no relation: one branch for each instance, each nested in the next.
CREATE FUNCTION bench.union_all() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('SELECT %L AS instance_id, * FROM %I.invoices', id, schema_name), ' UNION ALL ') FROM edgebase.instance WHERE namespace = 'many'
$$;
-- The same as a balanced tree, which is as deep as the logarithm of the branches, with branches that
-- are planned by themselves (OFFSET 0): merging each into the whole is what grows with the square.
CREATE FUNCTION bench.balanced() RETURNS text LANGUAGE plpgsql AS $$
DECLARE parts text[];
BEGIN
    SELECT array_agg(format('(SELECT %L AS instance_id, * FROM %I.invoices OFFSET 0)', id, schema_name)) INTO parts
    FROM edgebase.instance WHERE namespace = 'many';
    WHILE cardinality(parts) > 1 LOOP
        SELECT array_agg(coalesce('(' || parts[i] || ' UNION ALL ' || parts[i + 1] || ')', parts[i]) ORDER BY i) INTO parts
        FROM generate_series(1, cardinality(parts), 2) AS i;
    END LOOP;
    RETURN parts[1];
END$$;
-- A table that all instances' tables inherit from: the plan of a UNION ALL without its parsing.
CREATE TABLE bench.parent (id text COLLATE "C" NOT NULL, "createdAt" timestamptz(3) NOT NULL, "updatedAt" timestamptz(3) NOT NULL,
    status text COLLATE "C", total double precision, paid boolean);
CREATE FUNCTION bench.adopt(first int, last int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN first..last LOOP
        EXECUTE format('ALTER TABLE %I.invoices INHERIT bench.parent', edgebase.locate('many', 't' || i));
    END LOOP;
END$$;
CREATE FUNCTION bench.source(what text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE what WHEN 'relation' THEN 'many.invoices' WHEN 'table' THEN 'bench.everything' WHEN 'parent' THEN 'bench.parent'
        WHEN 'balanced' THEN '(' || bench.balanced() || ') AS u' ELSE '(' || bench.union_all() || ') AS u' END
$$;
