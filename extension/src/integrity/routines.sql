-- Which of the extension's functions are not what the installation script makes? One row for each
-- finding.
--
-- $1: the functions of the script, as an array of objects.
WITH
wanted AS MATERIALIZED (
    SELECT r.*, to_regprocedure(r.signature)::oid AS oid
    FROM jsonb_to_recordset($1) AS r (signature text, "create" text, source text, definer boolean, volatility "char",
                                      parallel "char", strict boolean, settings text[])
),
finding (rank, number, what, object, problem, remedy, statements) AS (
    SELECT 8, 0, 'function', 'function ' || signature, 'it does not exist', NULL, ARRAY["create"]
    FROM wanted WHERE oid IS NULL
    UNION ALL
    SELECT 8, 0, 'function', 'function ' || w.signature, 'it is not as the extension makes it', NULL, ARRAY["create"]
    FROM wanted w JOIN pg_proc p ON p.oid = w.oid
    WHERE (p.prosrc, p.prosecdef, p.provolatile, p.proparallel, p.proisstrict)
          IS DISTINCT FROM (w.source, w.definer, w.volatility, w.parallel, w.strict)
       -- Names of settings are written as they were given, or as PostgreSQL has them.
       OR ARRAY(SELECT lower(split_part(c, '=', 1)) || substr(c, strpos(c, '=')) FROM unnest(p.proconfig) AS c ORDER BY 1)
          <> ARRAY(SELECT c FROM unnest(w.settings) AS c ORDER BY 1)
    UNION ALL
    SELECT 9, 0, 'function', 'function ' || w.signature, 'it does not belong to the extension', NULL,
           ARRAY[format('ALTER EXTENSION edgebase ADD ROUTINE %s', w.signature)]
    FROM wanted w JOIN pg_proc p ON p.oid = w.oid
    WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
)
SELECT coalesce(jsonb_agg(to_jsonb(f) ORDER BY rank, object, problem), '[]') FROM finding AS f
