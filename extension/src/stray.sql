-- Which schemas look like an instance's, and are none's by the registry? An array of objects.
--
-- $1: the names to look at, null for all. $2: what the names of instance roles begin with.
--
-- edgebase_owner owns instances' schemas and nothing else. One of another role's looks like an
-- instance's when its name is a key of a block and it has a table of that block.
SELECT coalesce(jsonb_agg(jsonb_build_object(
           'schema', n.nspname, 'comment', comment, 'owner', pg_get_userbyid(n.nspowner), 'ours', ours,
           'other', other.key, 'home', other.schema_name, 'lost', coalesce(other.lost, false)) ORDER BY n.nspname), '[]')
FROM pg_namespace n
CROSS JOIN LATERAL obj_description(n.oid, 'pg_namespace') AS comment
CROSS JOIN LATERAL coalesce(n.nspowner = to_regrole('edgebase_owner'), false) AS ours
-- An instance that is elsewhere, whose role may use the schema.
LEFT JOIN LATERAL (
    SELECT i.namespace || CASE WHEN i.id = '' THEN '' ELSE ':' || i.id END AS key, i.schema_name,
           NOT EXISTS (SELECT FROM pg_namespace h WHERE h.nspname = i.schema_name::name) AS lost
    FROM aclexplode(n.nspacl) AS a
    JOIN pg_authid r ON r.oid = a.grantee
    JOIN edgebase.instance i ON i.number = CASE WHEN starts_with(r.rolname::text, $2)
                                                THEN substr(r.rolname::text, length($2) + 1)::bigint END
    LIMIT 1) AS other ON true
WHERE ($1 IS NULL OR n.nspname::text = ANY ($1))
  AND NOT EXISTS (SELECT FROM edgebase.instance i WHERE i.schema_name = n.nspname::text)
  AND NOT EXISTS (SELECT FROM edgebase.analytics a WHERE a.schema_name = n.nspname::text)
  AND (ours OR EXISTS (
      SELECT FROM edgebase.block b JOIN edgebase.block_version v USING (version), json_array_elements(v.definition -> 'tables') AS t
      JOIN pg_class c ON c.relname = (t ->> 'name')::name AND c.relnamespace = n.oid AND c.relkind IN ('r', 'p')
      WHERE CASE b.kind WHEN 'dynamic' THEN starts_with(n.nspname::text, b.namespace || ':')
                        ELSE n.nspname::text IN (b.namespace, b.namespace || ':') END))
