-- What are the tables $2 of the schema $1 made of? Run with a search_path of that schema alone, so
-- every operator is named: none that the schema holds can be meant.
WITH relation AS (
    SELECT c.oid, c.relname FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE n.nspname OPERATOR(pg_catalog.=) $1 AND c.relname::pg_catalog.text OPERATOR(pg_catalog.=) ANY ($2)
)
SELECT coalesce(pg_catalog.jsonb_agg(line), '[]') FROM (
    SELECT pg_catalog.format('column %I.%I %s %s %s %s', r.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
               l.collname, pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attgenerated)
    FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) r.oid
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid OPERATOR(pg_catalog.=) a.attrelid AND d.adnum OPERATOR(pg_catalog.=) a.attnum
    LEFT JOIN pg_catalog.pg_collation l ON l.oid OPERATOR(pg_catalog.=) a.attcollation
    WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
    UNION ALL
    SELECT pg_catalog.format('constraint %I.%I %s', r.relname, c.conname, pg_catalog.pg_get_constraintdef(c.oid))
    FROM relation r JOIN pg_catalog.pg_constraint c ON c.conrelid OPERATOR(pg_catalog.=) r.oid
    WHERE c.contype OPERATOR(pg_catalog.<>) 'n'::pg_catalog."char"
    UNION ALL
    SELECT pg_catalog.format('index %s', pg_catalog.pg_get_indexdef(i.indexrelid, 0, true))
    FROM relation r JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) r.oid
) AS lines (line)
