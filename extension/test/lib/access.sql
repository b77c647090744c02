-- Who may do what, who belongs to whom, and whose is what? One line for each role of ours, each
-- membership, and each owner and privilege of what instances and relations consist of, in an order
-- that depends on nothing else. What a DBA made beside (dba_...) is looked at for its owner alone.
WITH
home AS (
    SELECT oid, nspname, nspowner, nspacl FROM pg_namespace
    WHERE nspname IN (SELECT schema_name FROM edgebase.instance UNION SELECT schema_name FROM edgebase.analytics)
),
acl (object, owner, acl) AS (
    SELECT 'schema ' || nspname, nspowner, coalesce(nspacl, acldefault('n', nspowner)) FROM home
    UNION ALL SELECT c.oid::regclass::text, relowner, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
        FROM home h JOIN pg_class c ON c.relnamespace = h.oid AND relkind IN ('r', 'v', 'm', 'f', 'S', 'p')
    UNION ALL SELECT c.oid::regclass || '.' || attname, relowner, attacl
        FROM home h JOIN pg_class c ON c.relnamespace = h.oid JOIN pg_attribute a ON attrelid = c.oid WHERE attacl <> '{}'
    UNION ALL SELECT p.oid::regprocedure::text, proowner, coalesce(proacl, acldefault('f', proowner)) FROM home h JOIN pg_proc p ON pronamespace = h.oid
    UNION ALL SELECT 'database', datdba, coalesce(datacl, acldefault('d', datdba)) FROM pg_database WHERE datname = current_database()
    UNION ALL SELECT 'schema public', nspowner, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace WHERE nspname = 'public'
),
line (text) AS (
    SELECT format('%s belongs to %s', object, owner::regrole) FROM acl
    UNION ALL SELECT format('%s: %s has %s by %s %s', object, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
        privilege_type, grantor::regrole, is_grantable) FROM acl, aclexplode(acl) AS a
    UNION ALL SELECT format('%s is %s', rolname, to_jsonb(r) - 'oid' - 'rolname' - 'rolpassword')
        FROM pg_roles r WHERE rolname ~ '^(eb_|edgebase_)'
    UNION ALL SELECT format('%s is in %s', member::regrole, roleid::regrole) FROM pg_auth_members
        WHERE roleid::regrole::text ~ '^(eb_|edgebase_)' OR member::regrole::text ~ '^(eb_|edgebase_)'
    UNION ALL SELECT format('by default %s %s %s', defaclrole::regrole, defaclobjtype, defaclacl) FROM pg_default_acl
    UNION ALL SELECT format('%s is named in %s', refobjid::regrole, pg_describe_object(classid, objid, objsubid)) FROM pg_shdepend d
        WHERE refclassid = 'pg_authid'::regclass AND refobjid::regrole::text LIKE 'eb\_%'
          AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    UNION ALL SELECT format('the audit counts on %s', last_value >= (SELECT coalesce(max(seq), 0) FROM edgebase.audit_log)) FROM edgebase.audit_log_seq_seq
)
SELECT text FROM line ORDER BY text COLLATE "C";
