-- What is wrong with the owners and privileges of the extension's own objects? One row for each
-- finding.
--
-- $1: what the installation script grants, [[kind, object, grantee, privilege], ...]. $2: whose
-- the script makes objects that are not the extension owner's, [[routine, role], ...].
WITH
extension AS MATERIALIZED (
    SELECT e.oid, e.extowner, o.rolsuper AS sound,
           CASE WHEN o.rolsuper THEN e.extowner ELSE current_user::regrole::oid END AS owner
    FROM pg_extension e JOIN pg_authid o ON o.oid = e.extowner WHERE e.extname = 'edgebase'
),
member AS MATERIALIZED (
    SELECT d.classid, d.objid, e.owner FROM extension e
    JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
),
granted AS MATERIALIZED (
    SELECT CASE WHEN g ->> 0 IN ('FUNCTION', 'PROCEDURE') THEN 'ROUTINE' ELSE g ->> 0 END AS kind,
           CASE WHEN g ->> 0 IN ('FUNCTION', 'PROCEDURE') THEN to_regprocedure(g ->> 1)::oid
                WHEN g ->> 0 = 'SCHEMA' THEN to_regnamespace(g ->> 1)::oid ELSE to_regclass(g ->> 1)::oid END AS oid,
           CASE g ->> 2 WHEN 'PUBLIC' THEN 0 ELSE to_regrole(g ->> 2)::oid END AS grantee,
           g ->> 2 AS role_name, g ->> 3 AS privilege
    FROM jsonb_array_elements($1) AS g
),
lent AS MATERIALIZED (
    SELECT to_regprocedure(o ->> 0)::oid AS oid, to_regrole(o ->> 1)::oid AS owner FROM jsonb_array_elements($2) AS o
),
securable AS MATERIALIZED (
    SELECT 'ROUTINE' AS kind, p.oid::regprocedure::text AS name, p.oid, p.proowner AS owner,
           coalesce(l.owner, m.owner) AS rightful, p.proacl AS acl, 'f'::"char" AS class, false AS linked
    FROM member m JOIN pg_proc p ON p.oid = m.objid LEFT JOIN lent l ON l.oid = p.oid
    WHERE m.classid = 'pg_proc'::regclass
    UNION ALL
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass::text, c.oid, c.relowner, m.owner, c.relacl,
           CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char",
           c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                                         AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
    FROM member m JOIN pg_class c ON c.oid = m.objid WHERE m.classid = 'pg_class'::regclass
    UNION ALL
    SELECT 'SCHEMA', n.nspname::text, n.oid, n.nspowner, m.owner, n.nspacl, 'n', false
    FROM member m JOIN pg_namespace n ON n.oid = m.objid WHERE m.classid = 'pg_namespace'::regclass
    UNION ALL
    SELECT 'FOREIGN DATA WRAPPER', w.fdwname::text, w.oid, w.fdwowner, m.owner, w.fdwacl, 'F', false
    FROM member m JOIN pg_foreign_data_wrapper w ON w.oid = m.objid WHERE m.classid = 'pg_foreign_data_wrapper'::regclass
    UNION ALL
    SELECT 'FOREIGN SERVER', s.srvname::text, s.oid, s.srvowner, m.owner, s.srvacl, 'S', false
    FROM member m JOIN pg_foreign_server s ON s.oid = m.objid WHERE m.classid = 'pg_foreign_server'::regclass
    UNION ALL
    SELECT 'EVENT TRIGGER', t.evtname::text, t.oid, t.evtowner, m.owner, NULL, NULL, false
    FROM member m JOIN pg_event_trigger t ON t.oid = m.objid WHERE m.classid = 'pg_event_trigger'::regclass
),
owned AS (
    SELECT * FROM securable WHERE owner = rightful AND class IS NOT NULL
),
item (kind, name, part, grantee, role_name, privilege, grantable, by_owner, actual) AS (
    SELECT s.kind, s.name, '', a.grantee, NULL, a.privilege_type, a.is_grantable, a.grantor = s.owner, true
    FROM owned s, aclexplode(coalesce(s.acl, acldefault(s.class, s.owner))) AS a
    UNION ALL
    SELECT s.kind, s.name, format(' (%I)', t.attname), a.grantee, NULL, a.privilege_type, a.is_grantable, a.grantor = s.owner, true
    FROM owned s JOIN pg_attribute t ON t.attrelid = s.oid, aclexplode(t.attacl) AS a
    WHERE s.kind = 'TABLE' AND t.attacl IS NOT NULL AND NOT t.attisdropped
    UNION ALL
    -- Of an object's own defaults the script revokes what PUBLIC has.
    SELECT s.kind, s.name, '', a.grantee, NULL, a.privilege_type, a.is_grantable, true, false
    FROM owned s, aclexplode(acldefault(s.class, s.owner)) AS a WHERE a.grantee <> 0
    UNION ALL
    SELECT s.kind, s.name, '', g.grantee, g.role_name, g.privilege, false, true, false
    FROM owned s JOIN granted g ON g.kind = s.kind AND g.oid = s.oid
),
compared AS (
    SELECT kind, name, part, grantee, max(role_name) AS role_name, privilege, grantable, by_owner,
           bool_or(actual) AS actual, bool_or(NOT actual) AS expected
    FROM item GROUP BY kind, name, part, grantee, privilege, grantable, by_owner
),
privileges AS (
    SELECT kind, name,
           CASE grantee WHEN 0 THEN 'PUBLIC' ELSE coalesce(max(role_name), format('%I', pg_get_userbyid(grantee))) END AS grantee,
           string_agg(privilege || part, ', ' ORDER BY privilege, part) FILTER (WHERE actual AND NOT expected) AS surplus,
           string_agg(privilege || part, ', ' ORDER BY privilege, part) FILTER (WHERE expected AND NOT actual) AS lacking,
           string_agg(privilege || part, ', ' ORDER BY privilege, part) FILTER (WHERE expected) AS expected
    FROM compared GROUP BY kind, name, grantee HAVING bool_or(actual <> expected)
),
finding (rank, number, what, object, problem, remedy, statements) AS (
    -- ALTER EXTENSION has no OWNER TO.
    SELECT 10, 0, 'owner', 'extension edgebase', format('it belongs to %s, who is no superuser', pg_get_userbyid(extowner)), NULL,
           ARRAY[format('DELETE FROM pg_shdepend WHERE classid = ''pg_extension''::regclass AND objid = %s AND deptype = ''o'' AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())', oid),
                 format('INSERT INTO pg_shdepend (dbid, classid, objid, objsubid, refclassid, refobjid, deptype) SELECT d.oid, ''pg_extension''::regclass, %s, 0, ''pg_authid''::regclass, %s, ''o'' FROM pg_database d WHERE datname = current_database() AND %s >= 16384', oid, owner, owner),
                 format('UPDATE pg_extension SET extowner = %s WHERE oid = %s', owner, oid)]
    FROM extension WHERE NOT sound
    UNION ALL
    SELECT 11, 0, 'owner', lower(kind) || ' ' || name,
           format('it belongs to %s and not to %s', pg_get_userbyid(owner), pg_get_userbyid(rightful)), NULL,
           ARRAY[format('ALTER %s %s OWNER TO %I', CASE kind WHEN 'FOREIGN SERVER' THEN 'SERVER' ELSE kind END, name, pg_get_userbyid(rightful))]
    FROM securable WHERE owner <> rightful AND NOT linked
    UNION ALL
    SELECT 12, 0, 'privilege', lower(kind) || ' ' || name,
           concat_ws(' and ', grantee || ' has ' || surplus, grantee || ' lacks ' || lacking), NULL,
           CASE WHEN surplus IS NULL THEN '{}' ELSE ARRAY[format('REVOKE ALL ON %s %s FROM %s CASCADE', kind, name, grantee)] END
               || CASE WHEN expected IS NULL THEN '{}' ELSE ARRAY[format('GRANT %s ON %s %s TO %s', expected, kind, name, grantee)] END
    FROM privileges
    UNION ALL
    SELECT 13, 0, 'trigger', 'event trigger ' || evtname, 'it is disabled', NULL,
           ARRAY[format('ALTER EVENT TRIGGER %I ENABLE', evtname)]
    FROM member m JOIN pg_event_trigger t ON t.oid = m.objid
    WHERE m.classid = 'pg_event_trigger'::regclass AND t.evtenabled <> 'O'
    UNION ALL
    SELECT 13, 0, 'trigger', 'table edgebase.audit_log', 'its trigger append_only is disabled', NULL,
           ARRAY['ALTER TABLE edgebase.audit_log ENABLE TRIGGER append_only']
    FROM pg_trigger WHERE tgrelid = to_regclass('edgebase.audit_log') AND tgname = 'append_only' AND tgenabled <> 'O'
    UNION ALL
    SELECT 14, 0, 'sequence', 'sequence edgebase.audit_log_seq_seq', format('it is behind its table, which has %s', last), NULL,
           ARRAY['SELECT setval(''edgebase.audit_log_seq_seq'', greatest(s.last_value, (SELECT max(seq) FROM edgebase.audit_log))) FROM edgebase.audit_log_seq_seq s']
    FROM edgebase.audit_log_seq_seq s, (SELECT max(seq) AS last FROM edgebase.audit_log) AS t
    WHERE last > s.last_value OR (last = s.last_value AND NOT s.is_called)
    UNION ALL
    SELECT 14, 0, 'sequence', 'sequence edgebase.instance_number', format('it is behind its table, which has %s', last), NULL,
           ARRAY['SELECT setval(''edgebase.instance_number'', greatest(s.last_value, (SELECT max(number) FROM edgebase.instance))) FROM edgebase.instance_number s']
    FROM edgebase.instance_number s, (SELECT max(number) AS last FROM edgebase.instance) AS t
    WHERE last > s.last_value OR (last = s.last_value AND NOT s.is_called)
)
SELECT coalesce(jsonb_agg(to_jsonb(f) ORDER BY rank, object, problem), '[]') FROM finding AS f
