-- What is wrong with the extension's four roles, who is a proxy, the database as a whole, and roles that
-- belong to no instance? One row for each finding.
--
-- $1: what the names of instance roles begin with. $2: the attributes of the four roles. $3: the
-- most roles without an instance that are told.
WITH RECURSIVE
wanted (name) AS (
    VALUES ('edgebase_owner'), ('edgebase_proxy'), ('edgebase_admin'), ('edgebase_analyst')
),
own AS MATERIALIZED (
    SELECT w.name, r.* FROM wanted w LEFT JOIN pg_authid r ON r.rolname = w.name::name
),
here AS MATERIALIZED (
    SELECT oid, datname, datacl, datdba FROM pg_database WHERE datname = current_database()
),
membership AS (
    SELECT m.roleid, m.member, m.grantor FROM pg_auth_members m
    WHERE m.roleid = to_regrole('edgebase_owner') OR m.member IN (SELECT oid FROM own)
),
-- Who logs in as a proxy, and what else he is by that or otherwise. A member of edgebase_proxy that is
-- more than that can do outside a tenant's transaction what the seal keeps him from inside.
proxy (who) AS (
    SELECT member FROM pg_auth_members WHERE roleid = to_regrole('edgebase_proxy')
    UNION
    SELECT m.member FROM proxy JOIN pg_auth_members m ON m.roleid = proxy.who
),
reach (who, role) AS (
    SELECT who, who FROM proxy
    UNION
    SELECT r.who, m.roleid FROM reach r JOIN pg_auth_members m ON m.member = r.role
    -- What edgebase_proxy itself is a member of is told above.
    WHERE r.role <> to_regrole('edgebase_proxy')
),
-- Limits of tenants, and what switches triggers and foreign keys off or loads libraries, are set before
-- a transaction is entered.
parameter AS (
    SELECT p.parname, a.grantee FROM pg_parameter_acl p, aclexplode(p.paracl) AS a
    WHERE a.grantee IN (SELECT oid FROM own)
       OR (a.grantee = 0 OR a.grantee IN (SELECT who FROM proxy))
          AND (starts_with(p.parname, 'edgebase.') OR p.parname IN ('session_replication_role', 'allow_system_table_mods',
              'session_preload_libraries', 'local_preload_libraries', 'dynamic_library_path'))
    GROUP BY p.parname, a.grantee
),
-- Neither everybody nor our roles make temporary tables or schemas in the database, or anything in
-- the schema public, or lock the view of settings.
place (kind, name, privilege, grantee) AS (
    SELECT 'DATABASE', format('%I', datname), a.privilege_type, a.grantee
    FROM here, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS a
    WHERE a.privilege_type IN ('TEMPORARY', 'CREATE') AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM own))
    UNION ALL
    SELECT 'SCHEMA', 'public', a.privilege_type, a.grantee
    FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS a
    WHERE nspname = 'public' AND a.privilege_type = 'CREATE' AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM own))
    UNION ALL
    SELECT 'TABLE', 'pg_catalog.pg_settings', a.privilege_type, a.grantee
    FROM pg_class, aclexplode(relacl) AS a
    WHERE pg_class.oid = 'pg_catalog.pg_settings'::regclass AND a.privilege_type = 'UPDATE' AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM own))
),
-- Roles that look like an instance's, of this database without an instance or of one that is gone.
orphan AS MATERIALIZED (
    SELECT r.oid, r.rolname FROM pg_authid r
    LEFT JOIN edgebase.instance i ON r.rolname = ($1 || i.number)::name
    LEFT JOIN pg_database d ON d.oid::text = split_part(r.rolname::text, '_', 2)
    WHERE r.rolname ~ '^eb_[0-9]+_[0-9]+$' AND NOT r.rolcanlogin AND r.rolconnlimit = 0
      AND CASE WHEN starts_with(r.rolname::text, $1) THEN i.number IS NULL ELSE d.oid IS NULL END
    ORDER BY r.oid LIMIT $3
),
needed AS (
    SELECT o.oid, string_agg(DISTINCT d.datname::text, ', ') AS databases
    FROM orphan o JOIN pg_shdepend s ON s.refclassid = 'pg_authid'::regclass AND s.refobjid = o.oid
    JOIN pg_database d ON d.oid = s.dbid WHERE s.dbid <> (SELECT oid FROM here)
    GROUP BY o.oid
),
finding (rank, number, what, object, problem, remedy, statements) AS (
    SELECT 0, 0, 'role', name, 'it does not exist', NULL, ARRAY[format('CREATE ROLE %I %s', name, $2)]
    FROM own WHERE oid IS NULL
    UNION ALL
    SELECT 1, 0, 'role', name, 'it has attributes that it must not have', NULL, ARRAY[format('ALTER ROLE %I %s', name, $2)]
    FROM own WHERE rolsuper OR rolinherit OR rolcreaterole OR rolcreatedb OR rolcanlogin OR rolreplication OR rolbypassrls
    UNION ALL
    SELECT 2, 0, 'membership', pg_get_userbyid(roleid)::text, format('it is granted to %s', pg_get_userbyid(member)), NULL,
           ARRAY[format('REVOKE %I FROM %I%s CASCADE', pg_get_userbyid(roleid), pg_get_userbyid(member),
               CASE WHEN current_setting('server_version_num')::int >= 160000
                    THEN format(' GRANTED BY %I', pg_get_userbyid(grantor)) ELSE '' END)]
    FROM membership
    UNION ALL
    SELECT 3, 0, 'privilege', lower(kind) || ' ' || name,
           format('%s has %s', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee)::text END, privilege), NULL,
           ARRAY[format('REVOKE %s ON %s %s FROM %s CASCADE', privilege, kind, name,
               CASE grantee WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(grantee)) END)]
    FROM place
    UNION ALL
    SELECT 4, 0, 'default privileges', 'role edgebase_owner',
           format('new objects of kind "%s" would be granted %s', defaclobjtype, defaclacl), NULL,
           ARRAY(SELECT DISTINCT format('%s REVOKE ALL ON %s FROM %s CASCADE', prefix, objects, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(grantee)) END)
                 FROM aclexplode(d.defaclacl))
               -- What is set for the whole database stands instead of what PostgreSQL has.
               || ARRAY(SELECT format('%s GRANT %s ON %s TO %s', prefix, privilege_type, objects, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(grantee)) END)
                        FROM aclexplode(acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole)) WHERE d.defaclnamespace = 0)
    FROM pg_default_acl d,
         LATERAL (SELECT 'ALTER DEFAULT PRIVILEGES FOR ROLE edgebase_owner'
                             || CASE d.defaclnamespace WHEN 0 THEN '' ELSE ' IN SCHEMA ' || d.defaclnamespace::regnamespace END AS prefix,
                         CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES'
                             WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS objects) AS words
    WHERE defaclrole = to_regrole('edgebase_owner')
    UNION ALL
    SELECT 5, 0, 'privilege', 'parameter ' || parname,
           format('%s may set it', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee)::text END),
           CASE WHEN grantee IN (SELECT oid FROM own) THEN NULL ELSE
               format('REVOKE ALL ON PARAMETER %I FROM %s', parname, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(grantee)) END) END,
           CASE WHEN grantee IN (SELECT oid FROM own)
                THEN ARRAY[format('REVOKE ALL ON PARAMETER %I FROM %I CASCADE', parname, pg_get_userbyid(grantee))] ELSE '{}' END
    FROM parameter
    UNION ALL
    SELECT 15, 0, 'proxy', who::regrole::text, format('it is a member of edgebase_proxy and of %s', role::regrole),
           format('REVOKE %s FROM %s, or of the role through which it has it; or log the proxy in as another role', role::regrole, who::regrole), '{}'
    FROM reach WHERE role::regrole::name IN ('edgebase_owner', 'edgebase_admin', 'edgebase_analyst', 'pg_read_all_data',
        'pg_write_all_data', 'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program', 'pg_maintain')
    UNION ALL
    SELECT 15, 0, 'proxy', who::regrole::text, format('it is a member of edgebase_proxy and has%s', rights),
           format('ALTER ROLE %s NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION', who::regrole), '{}'
    FROM (SELECT r.oid AS who, concat(CASE WHEN rolsuper THEN ' SUPERUSER' END, CASE WHEN rolbypassrls THEN ' BYPASSRLS' END,
                                      CASE WHEN rolcreaterole THEN ' CREATEROLE' END, CASE WHEN rolreplication THEN ' REPLICATION' END) AS rights
          FROM proxy JOIN pg_authid r ON r.oid = proxy.who) AS attributes WHERE rights <> ''
    UNION ALL
    SELECT 15, 0, 'proxy', who::regrole::text, 'it is a member of edgebase_proxy and owns the database',
           format('ALTER DATABASE %I OWNER TO another role', datname), '{}'
    FROM proxy JOIN here ON datdba = who
    UNION ALL
    SELECT 16, 0, 'stray table', format('%I.%I', n.nspname, c.relname), 'it belongs to edgebase_owner and is in no schema of an instance',
           'ALTER TABLE ... SET SCHEMA, if it is an instance''s; else give it to another owner, or drop it', '{}'
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relowner = to_regrole('edgebase_owner') AND c.relkind IN ('r', 'p')
      AND n.nspowner <> to_regrole('edgebase_owner')
      AND NOT EXISTS (SELECT FROM edgebase.instance i WHERE i.schema_name = n.nspname::text)
      -- One that the role of an instance may use is told with the instance.
      AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) AS a JOIN pg_authid r ON r.oid = a.grantee
                      JOIN edgebase.instance i ON r.rolname = ($1 || i.number)::name)
    UNION ALL
    SELECT 20, 0, 'role', o.rolname::text, 'it belongs to no instance'
               || CASE WHEN n.databases IS NULL THEN '' ELSE format(', and objects of the databases %s name it', n.databases) END,
           CASE WHEN n.oid IS NOT NULL THEN format('connect to each of %s and run SELECT edgebase.repair(), then here', n.databases) END,
           CASE WHEN n.oid IS NOT NULL THEN '{}' ELSE
               CASE WHEN EXISTS (SELECT FROM pg_shdepend s WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = o.oid)
                    THEN ARRAY[format('REASSIGN OWNED BY %I TO edgebase_owner', o.rolname), format('DROP OWNED BY %I', o.rolname)] ELSE '{}' END
               || ARRAY[format('DROP ROLE %I', o.rolname)] END
    FROM orphan o LEFT JOIN needed n ON n.oid = o.oid
)
SELECT coalesce(jsonb_agg(to_jsonb(f) ORDER BY rank, object, problem), '[]') FROM finding AS f
