-- What has been done to the tables of the registry that no privilege shows? One row for each finding.
--
-- Their constraints, NOT NULL and defaults are those of the installation script; only the extension's
-- trigger is on them, and no rule or row security. What may have been put there on purpose is told and
-- not taken away.
WITH
place (relation) AS (
    VALUES ('block'), ('block_version'), ('instance'), ('audit_log'), ('analytics')
),
registry AS MATERIALIZED (
    SELECT relation, c.oid, c.relrowsecurity OR c.relforcerowsecurity AS secured, c.relpersistence
    FROM place JOIN pg_class c ON c.oid = to_regclass('edgebase.' || relation) AND c.relkind = 'r'
),
wanted (relation, name, definition) AS (
    VALUES ('block', 'block_pkey', 'PRIMARY KEY (namespace)'),
           ('block', 'block_kind_check', 'CHECK (kind IN (''single'', ''dynamic''))'),
           ('block_version', 'block_version_pkey', 'PRIMARY KEY (version)'),
           ('instance', 'instance_pkey', 'PRIMARY KEY (namespace, id)'),
           ('instance', 'instance_number_key', 'UNIQUE (number)'),
           ('instance', 'instance_schema_key', 'UNIQUE (schema_name)'),
           ('instance', 'instance_state_check', 'CHECK (state IN (''active''))'),
           ('audit_log', 'audit_log_pkey', 'PRIMARY KEY (seq)'),
           ('analytics', 'analytics_pkey', 'PRIMARY KEY (namespace)'),
           ('analytics', 'analytics_schema_key', 'UNIQUE (schema_name)')
),
required (relation, columns) AS (
    VALUES ('block', '{namespace,kind,version,configured,applied_at}'::text[]),
           ('block_version', '{version,namespace,definition,recorded_at}'),
           ('instance', '{namespace,id,number,schema_name,version,state,created_at}'),
           ('audit_log', '{seq,at,actor,action,namespace,details}'),
           ('analytics', '{namespace,definition}')
),
preset (relation, name, value) AS (
    VALUES ('block', 'configured', 'true'), ('block', 'applied_at', 'now()'),
           ('block_version', 'recorded_at', 'now()'),
           ('instance', 'number', 'nextval(''edgebase.instance_number''::regclass)'),
           ('instance', 'state', '''active''::text'), ('instance', 'created_at', 'now()'),
           ('audit_log', 'at', 'clock_timestamp()'), ('audit_log', 'details', '''{}''::jsonb')
),
finding (rank, number, what, object, problem, remedy, statements) AS (
    SELECT 5, 0, 'constraint', 'table edgebase.' || relation, format('it has not got the constraint %s', name), NULL,
           ARRAY[format('ALTER TABLE edgebase.%I ADD CONSTRAINT %I %s', relation, name, definition)]
    FROM registry JOIN wanted USING (relation)
    WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = registry.oid AND conname = wanted.name::name)
    UNION ALL
    SELECT 5, 0, 'constraint', 'table edgebase.' || relation, format('its constraint %s is not validated', name), NULL,
           ARRAY[format('ALTER TABLE edgebase.%I VALIDATE CONSTRAINT %I', relation, name)]
    FROM registry JOIN wanted USING (relation) JOIN pg_constraint ON conrelid = registry.oid AND conname = wanted.name::name
    WHERE NOT convalidated
    UNION ALL
    SELECT 5, 0, 'column', format('table edgebase.%s', relation), format('its column %s takes nulls', column_name), NULL,
           ARRAY[format('ALTER TABLE edgebase.%I ALTER COLUMN %I SET NOT NULL', relation, column_name)]
    FROM registry JOIN required USING (relation), unnest(columns) AS column_name
    JOIN pg_attribute a ON a.attname = column_name::name
    WHERE a.attrelid = registry.oid AND NOT a.attnotnull AND NOT a.attisdropped
    UNION ALL
    SELECT 5, 0, 'column', format('table edgebase.%s', relation), format('its column %s has another default', name), NULL,
           ARRAY[format('ALTER TABLE edgebase.%I ALTER COLUMN %I SET DEFAULT %s', relation, name, value)]
    FROM registry JOIN preset USING (relation) JOIN pg_attribute a ON a.attrelid = registry.oid AND a.attname = name::name
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM value
    UNION ALL
    SELECT 6, 0, 'trigger', 'table edgebase.audit_log', 'it has not got its trigger append_only', NULL,
           ARRAY['CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON edgebase.audit_log FOR EACH STATEMENT EXECUTE FUNCTION edgebase.refuse_change()']
    FROM registry WHERE relation = 'audit_log'
      -- BEFORE, DELETE, UPDATE, TRUNCATE, for the statement, and unconditional.
      AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = registry.oid AND t.tgname = 'append_only'
                      AND t.tgtype = 2 + 8 + 16 + 32 AND t.tgqual IS NULL AND t.tgattr = ''
                      AND t.tgfoid = to_regprocedure('edgebase.refuse_change()'))
    UNION ALL
    SELECT 6, 0, 'row security', 'table edgebase.' || relation, 'it has row security', NULL,
           ARRAY[format('ALTER TABLE edgebase.%I DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', relation)]
    FROM registry WHERE secured
    UNION ALL
    SELECT 6, 0, 'rule', 'table edgebase.' || relation, format('it has the rule %s', rulename), NULL,
           ARRAY[format('DROP RULE %I ON edgebase.%I', rulename, relation)]
    FROM registry JOIN pg_rewrite ON ev_class = registry.oid
    UNION ALL
    SELECT 6, 0, 'table', 'table edgebase.' || relation, 'a crash would empty it: it is not logged', NULL,
           ARRAY[format('ALTER TABLE edgebase.%I SET LOGGED', relation)]
    FROM registry WHERE relpersistence <> 'p'
    UNION ALL
    SELECT 7, 0, 'constraint', 'table edgebase.' || relation, format('it has a constraint too many, %s', conname),
           format('ALTER TABLE edgebase.%I DROP CONSTRAINT %I', relation, conname), '{}'
    FROM registry JOIN pg_constraint ON conrelid = registry.oid
    WHERE contype <> 'n' AND NOT EXISTS (SELECT FROM wanted w WHERE w.relation = registry.relation AND w.name = conname::text)
      -- Of a foreign key elsewhere that refers to it there is a part here.
      AND conparentid = 0
    UNION ALL
    SELECT 7, 0, 'trigger', 'table edgebase.' || relation, format('it has a trigger too many, %s', tgname),
           format('DROP TRIGGER %I ON edgebase.%I, if it is not needed', tgname, relation), '{}'
    FROM registry JOIN pg_trigger ON tgrelid = registry.oid
    WHERE NOT tgisinternal AND NOT (relation = 'audit_log' AND tgname = 'append_only')
    UNION ALL
    SELECT 7, 0, 'table', 'table edgebase.' || relation, format('%s inherits from it', inhrelid::regclass),
           format('ALTER TABLE %s NO INHERIT edgebase.%I', inhrelid::regclass, relation), '{}'
    FROM registry JOIN pg_inherits ON inhparent = registry.oid
)
SELECT coalesce(jsonb_agg(to_jsonb(f) ORDER BY rank, object, problem), '[]') FROM finding AS f
