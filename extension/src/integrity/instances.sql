-- What is wrong with the roles, owners and privileges of instances? One row for each finding.
--
-- $1 and $2: the instances with numbers above the one and up to the other. $3: what the names of
-- instance roles begin with. $4: the attributes of an instance role. $5: what analysts read of
-- single-instance blocks, [[schema, table, [columns] or null for all], ...]. $6: what the comment on
-- a schema begins with that says which instance it is. $7: the same of one that was set aside.
--
-- Set by set and never instance by instance, so the cost is linear in the instances looked at. What
-- is in a schema is asked of pg_depend, which has an index for it; pg_class has none.
WITH
instance AS MATERIALIZED (
    SELECT i.number, i.namespace || CASE WHEN i.id = '' THEN '' ELSE ':' || i.id END AS key,
           i.schema_name, i.version, b.kind, $3 || i.number AS role_name, r.oid AS role,
           n.oid AS schema, n.nspowner, n.nspacl,
           r.rolsuper OR r.rolinherit OR r.rolcreaterole OR r.rolcreatedb OR r.rolcanlogin
               OR r.rolreplication OR r.rolbypassrls OR r.rolconnlimit <> 0 AS too_much
    FROM edgebase.instance i
    LEFT JOIN edgebase.block b ON b.namespace = i.namespace
    LEFT JOIN pg_namespace n ON n.nspname = i.schema_name::name
    LEFT JOIN pg_authid r ON r.rolname = ($3 || i.number)::name
    WHERE i.number > $1 AND i.number <= $2
),
shape AS MATERIALIZED (
    SELECT v.version, t ->> 'name' AS name, t -> 'fields' AS fields
    FROM edgebase.block_version v, json_array_elements(v.definition -> 'tables') AS t
    WHERE v.version IN (SELECT version FROM instance)
),
object AS MATERIALIZED (
    SELECT i.number, i.schema_name, i.version, i.role, i.role_name, d.classid, d.objid
    FROM instance i
    JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = i.schema
    WHERE d.classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_statistic_ext'::regclass)
      -- What an extension made there is the extension's.
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')
),
securable AS MATERIALIZED (
    SELECT i.number, 'SCHEMA' AS kind, format('%I', i.schema_name) AS name, i.schema_name, NULL::name AS relname,
           i.version, i.role, i.role_name, i.schema AS oid, i.nspowner AS owner, i.nspacl AS acl,
           'n'::"char" AS class, false AS linked, NULL::name AS serial_of
    FROM instance i WHERE i.schema IS NOT NULL
    UNION ALL
    SELECT o.number, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, format('%I.%I', o.schema_name, c.relname),
           o.schema_name, c.relname, o.version, o.role, o.role_name, c.oid, c.relowner, c.relacl,
           CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char",
           -- A column's own sequence changes its owner with the table.
           c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                                         AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')),
           CASE c.relkind WHEN 'S' THEN (SELECT t.relname FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
                                         WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
                                           AND d.deptype = 'a') END
    FROM object o JOIN pg_class c ON c.oid = o.objid
    WHERE o.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    -- A procedure is told from others of its name by its OUT arguments as well.
    SELECT o.number, CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
           CASE p.prokind WHEN 'p' THEN format('%I.%I(%s)', o.schema_name, p.proname, pg_get_function_identity_arguments(p.oid))
                ELSE p.oid::regprocedure::text END, o.schema_name, NULL, o.version, o.role, o.role_name,
           p.oid, p.proowner, p.proacl, 'f'::"char", false, NULL
    FROM object o JOIN pg_proc p ON p.oid = o.objid WHERE o.classid = 'pg_proc'::regclass
    UNION ALL
    SELECT o.number, 'TYPE', t.oid::regtype::text, o.schema_name, NULL, o.version, o.role, o.role_name,
           t.oid, t.typowner, t.typacl, 'T'::"char", false, NULL
    FROM object o JOIN pg_type t ON t.oid = o.objid WHERE o.classid = 'pg_type'::regclass
    UNION ALL
    SELECT o.number, 'STATISTICS', format('%I.%I', o.schema_name, s.stxname), o.schema_name, NULL, o.version, o.role, o.role_name,
           s.oid, s.stxowner, NULL, NULL, false, NULL
    FROM object o JOIN pg_statistic_ext s ON s.oid = o.objid WHERE o.classid = 'pg_statistic_ext'::regclass
),
-- Privileges are looked at when the owner is right: changing it rewrites them.
owned AS (
    SELECT * FROM securable WHERE owner = to_regrole('edgebase_owner') AND class IS NOT NULL
),
item (number, kind, name, part, grantee, role_name, privilege, grantable, by_owner, actual) AS (
    SELECT s.number, s.kind, s.name, '', a.grantee, NULL, a.privilege_type, a.is_grantable, a.grantor = s.owner, true
    FROM owned s, aclexplode(coalesce(s.acl, acldefault(s.class, s.owner))) AS a
    UNION ALL
    SELECT s.number, s.kind, s.name, format(' (%I)', t.attname), a.grantee, NULL, a.privilege_type, a.is_grantable, a.grantor = s.owner, true
    FROM owned s JOIN pg_attribute t ON t.attrelid = s.oid, aclexplode(t.attacl) AS a
    WHERE s.kind = 'TABLE' AND t.attacl IS NOT NULL AND NOT t.attisdropped
    UNION ALL
    SELECT s.number, s.kind, s.name, '', a.grantee, NULL, a.privilege_type, a.is_grantable, true, false
    FROM owned s, aclexplode(acldefault(s.class, s.owner)) AS a
    UNION ALL
    SELECT s.number, s.kind, s.name, '', s.role, s.role_name, 'USAGE', false, true, false
    FROM owned s WHERE s.kind = 'SCHEMA'
    UNION ALL
    SELECT s.number, s.kind, s.name, '', s.role, s.role_name, privilege, false, true, false
    FROM owned s JOIN shape h ON h.version = s.version AND h.name = s.relname::text,
         unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
    WHERE s.kind = 'TABLE'
    UNION ALL
    -- An insert takes the next number of a serial column as whoever inserts.
    SELECT s.number, s.kind, s.name, '', s.role, s.role_name, 'USAGE', false, true, false
    FROM owned s JOIN shape h ON h.version = s.version AND h.name = s.serial_of::text
    WHERE s.kind = 'SEQUENCE'
    UNION ALL
    -- Without a join, which the planner, who takes these sets for small, would make a nested loop.
    SELECT number, 'SCHEMA', format('%I', schema_name), '', to_regrole('edgebase_analyst'), 'edgebase_analyst', 'USAGE', false, true, false
    FROM instance WHERE schema IS NOT NULL AND nspowner = to_regrole('edgebase_owner') AND kind = 'single'
    UNION ALL
    SELECT s.number, s.kind, s.name, part, to_regrole('edgebase_analyst'), 'edgebase_analyst', 'SELECT', false, true, false
    FROM owned s JOIN jsonb_array_elements($5) AS e ON e ->> 0 = s.schema_name AND e ->> 1 = s.relname::text,
         LATERAL (SELECT '' WHERE e -> 2 = 'null'
                  UNION ALL
                  SELECT format(' (%I)', c) FROM jsonb_array_elements_text(CASE WHEN e -> 2 <> 'null' THEN e -> 2 ELSE '[]' END) AS c) AS parts (part)
    WHERE s.kind = 'TABLE'
),
compared AS (
    SELECT number, kind, name, part, grantee, max(role_name) AS role_name, privilege, grantable, by_owner,
           bool_or(actual) AS actual, bool_or(NOT actual) AS expected
    FROM item GROUP BY number, kind, name, part, grantee, privilege, grantable, by_owner
),
privileges AS (
    SELECT number, kind, name,
           CASE grantee WHEN 0 THEN 'PUBLIC' ELSE coalesce(max(role_name), format('%I', pg_get_userbyid(grantee))) END AS grantee,
           string_agg(privilege || part, ', ' ORDER BY privilege, part) FILTER (WHERE actual AND NOT expected) AS surplus,
           string_agg(privilege || part, ', ' ORDER BY privilege, part) FILTER (WHERE expected AND NOT actual) AS lacking,
           string_agg(privilege || part, ', ' ORDER BY privilege, part) FILTER (WHERE expected) AS expected
    FROM compared GROUP BY number, kind, name, grantee HAVING bool_or(actual <> expected)
),
membership AS (
    SELECT i.number, m.roleid, m.member, m.grantor FROM instance i JOIN pg_auth_members m ON m.roleid = i.role
    UNION
    SELECT i.number, m.roleid, m.member, m.grantor FROM instance i JOIN pg_auth_members m ON m.member = i.role
),
-- A schema that is not there under its name, and is under another: the role may use it.
renamed AS MATERIALIZED (
    SELECT i.number, n.oid, n.nspname
    FROM instance i
    JOIN pg_shdepend d ON d.refclassid = 'pg_authid'::regclass AND d.refobjid = i.role AND d.deptype = 'a'
     AND d.classid = 'pg_namespace'::regclass AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    JOIN pg_namespace n ON n.oid = d.objid AND n.nspowner = to_regrole('edgebase_owner')
    WHERE i.schema IS NULL AND NOT EXISTS (SELECT FROM edgebase.instance o WHERE o.schema_name = n.nspname::text)
),
-- A table that is in another schema and not in its own.
moved AS MATERIALIZED (
    SELECT i.number, i.schema_name, c.oid, c.relname, format('%I.%I', n.nspname, c.relname) AS name
    FROM instance i
    JOIN pg_shdepend d ON d.refclassid = 'pg_authid'::regclass AND d.refobjid = i.role AND d.deptype = 'a'
     AND d.classid = 'pg_class'::regclass AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    JOIN pg_class c ON c.oid = d.objid AND c.relnamespace <> i.schema AND c.relkind IN ('r', 'p')
     AND c.relowner = to_regrole('edgebase_owner')
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN shape h ON h.version = i.version AND h.name = c.relname::text
    WHERE NOT starts_with(coalesce(obj_description(n.oid, 'pg_namespace'), ''), $7)
      AND NOT EXISTS (SELECT FROM pg_class o WHERE o.relname = c.relname AND o.relnamespace = i.schema)
),
-- Where else a role is named: as an owner, in privileges, default privileges, policies.
holding AS (
    SELECT i.number, i.role_name,
           count(*) FILTER (WHERE d.deptype = 'o') AS owns, count(*) FILTER (WHERE d.deptype <> 'o') AS may
    FROM instance i
    JOIN pg_shdepend d ON d.refclassid = 'pg_authid'::regclass AND d.refobjid = i.role
    WHERE d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
      AND NOT (d.deptype = 'a' AND d.classid = 'pg_namespace'::regclass AND d.objid = i.schema)
      AND NOT (d.deptype = 'a' AND d.classid = 'pg_class'::regclass
               AND EXISTS (SELECT FROM pg_class c WHERE c.oid = d.objid AND c.relnamespace = i.schema))
      -- What says where something is now is left, until it is back.
      AND NOT (d.deptype = 'a' AND d.classid = 'pg_namespace'::regclass AND d.objid IN (SELECT oid FROM renamed))
      AND NOT (d.deptype = 'a' AND d.classid = 'pg_class'::regclass AND d.objid IN (SELECT oid FROM moved))
      AND NOT (d.deptype = 'a' AND d.classid = 'pg_class'::regclass
               AND EXISTS (SELECT FROM pg_class c JOIN renamed r ON r.oid = c.relnamespace WHERE c.oid = d.objid))
    GROUP BY i.number, i.role_name
),
finding (rank, number, what, object, problem, remedy, statements) AS (
    SELECT 1, number, 'role', key, format('its role %s does not exist', role_name), NULL,
           ARRAY[format('CREATE ROLE %I %s', role_name, $4)]
    FROM instance WHERE role IS NULL
    UNION ALL
    SELECT 2, number, 'role', key, format('its role %s has attributes that it must not have', role_name), NULL,
           ARRAY[format('ALTER ROLE %I %s', role_name, $4)]
    FROM instance WHERE too_much
    UNION ALL
    SELECT 3, number, 'membership', pg_get_userbyid(roleid)::text,
           format('it is granted to %s', pg_get_userbyid(member)), NULL,
           ARRAY[format('REVOKE %I FROM %I%s CASCADE', pg_get_userbyid(roleid), pg_get_userbyid(member),
               -- Before 16 whoever granted counts for nothing, and may be gone.
               CASE WHEN current_setting('server_version_num')::int >= 160000
                    THEN format(' GRANTED BY %I', pg_get_userbyid(grantor)) ELSE '' END)]
    FROM membership
    UNION ALL
    SELECT 4, number, 'holding', role_name,
           format('it owns %s objects, and is named by %s outside its instance', owns, may), NULL,
           ARRAY[format('REASSIGN OWNED BY %I TO edgebase_owner', role_name), format('DROP OWNED BY %I', role_name)]
    FROM holding
    UNION ALL
    SELECT 5, number, 'schema', key,
           format('its schema %I does not exist', schema_name) || CASE WHEN r.nspname IS NULL THEN '' ELSE format(': it is called %I', r.nspname) END,
           CASE WHEN r.nspname IS NULL THEN 'restore it from a backup, or remove the instance with edgebase.drop_instance'
                ELSE format('ALTER SCHEMA %I RENAME TO %I', r.nspname, schema_name) END, '{}'
    FROM instance LEFT JOIN renamed r USING (number) WHERE schema IS NULL
    UNION ALL
    SELECT 5, number, 'table', name, format('it was moved out of schema %I', schema_name),
           format('ALTER TABLE %s SET SCHEMA %I', name, schema_name), '{}'
    FROM moved
    UNION ALL
    -- The instance of a dynamic block may lack some, that of another has all.
    SELECT 5, i.number, 'table', format('%I.%I', i.schema_name, h.name), 'it does not exist',
           'restore it from a backup, or have it made empty by edgebase.ensure_tables', '{}'
    FROM instance i JOIN shape h ON h.version = i.version
    WHERE i.kind = 'single' AND i.schema IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_class c WHERE c.relname = h.name::name AND c.relnamespace = i.schema)
      AND NOT EXISTS (SELECT FROM moved m WHERE m.number = i.number AND m.relname = h.name::name)
    UNION ALL
    SELECT 5, number, 'block', key, 'its block is in no applied config', 'apply a config that has it', '{}'
    FROM instance WHERE kind IS NULL
    UNION ALL
    SELECT 6, number, 'owner', lower(kind) || ' ' || name,
           format('it belongs to %s and not to edgebase_owner', pg_get_userbyid(owner)), NULL,
           ARRAY[format('ALTER %s %s OWNER TO edgebase_owner', kind, name)]
    FROM securable WHERE owner IS DISTINCT FROM to_regrole('edgebase_owner') AND NOT linked
    UNION ALL
    SELECT 8, number, 'comment', format('schema %I', schema_name), format('it does not say that it is %s', key), NULL,
           ARRAY[format('COMMENT ON SCHEMA %I IS %L', schema_name, $6 || key)]
    FROM instance WHERE schema IS NOT NULL AND schema_name <> key
      AND obj_description(schema, 'pg_namespace') IS DISTINCT FROM $6 || key
    UNION ALL
    -- Requests and analysts see what policies let them, exports and relations fail.
    SELECT 9, number, 'row security', 'table ' || s.name, 'it has row security',
           format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY, if it is not meant', s.name), '{}'
    FROM securable s JOIN shape h ON h.version = s.version AND h.name = s.relname::text
    JOIN pg_class c ON c.oid = s.oid
    WHERE s.kind = 'TABLE' AND c.relrowsecurity
    UNION ALL
    -- A value is stored otherwise than it was sent, without an error.
    SELECT 9, number, 'column', 'table ' || s.name,
           format('its column %I is of type %s and changes what is stored in it', a.attname, format_type(a.atttypid, a.atttypmod)),
           format('ALTER TABLE %s ALTER COLUMN %I TYPE %s', s.name, a.attname,
                  CASE f.type WHEN 'number' THEN 'double precision' ELSE 'timestamptz(3)' END), '{}'
    FROM securable s JOIN shape h ON h.version = s.version AND h.name = s.relname::text,
         json_to_recordset(CASE json_typeof(h.fields) WHEN 'array' THEN h.fields ELSE '[]' END) AS f (name text, type text)
    JOIN pg_attribute a ON a.attname = f.name::name
    WHERE s.kind = 'TABLE' AND a.attrelid = s.oid AND NOT a.attisdropped
      AND CASE f.type WHEN 'number' THEN a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'float4'::regtype, 'money'::regtype)
                                         OR a.atttypid = 'numeric'::regtype AND a.atttypmod <> -1
                      WHEN 'datetime' THEN a.atttypid IN ('date'::regtype, 'time'::regtype, 'timetz'::regtype)
                                         OR a.atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype) AND a.atttypmod IN (0, 1, 2)
                      ELSE false END
    UNION ALL
    SELECT 7, number, 'privilege', lower(kind) || ' ' || name,
           concat_ws(' and ', grantee || ' has ' || surplus, grantee || ' lacks ' || lacking), NULL,
           CASE WHEN surplus IS NULL THEN '{}' ELSE ARRAY[format('REVOKE ALL ON %s %s FROM %s CASCADE', kind, name, grantee)] END
               || CASE WHEN expected IS NULL THEN '{}' ELSE ARRAY[format('GRANT %s ON %s %s TO %s', expected, kind, name, grantee)] END
    FROM privileges
)
SELECT coalesce(jsonb_agg(to_jsonb(f) ORDER BY rank, number, object, problem), '[]') FROM finding AS f
