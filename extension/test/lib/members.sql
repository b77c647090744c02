-- What does the extension consist of in this database? One line for every property of everything
-- that belongs to it, in an order that depends on nothing but the lines, so that two databases with
-- the same extension print the same. What this does not know how to describe is a line that
-- begins with "NOT COMPARED".
WITH
member AS MATERIALIZED (
    SELECT d.classid, d.objid, i.type, i.identity
    FROM pg_extension e
    JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e',
    pg_identify_object(d.classid, d.objid, 0) AS i
    WHERE e.extname = 'edgebase'
),
relation AS MATERIALIZED (
    SELECT c.*, m.identity FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
),
acl AS (
    SELECT identity, acl, privileges FROM (
        SELECT m.identity, 'function' AS kind, coalesce(p.proacl, acldefault('f', p.proowner)) AS acl
            FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
        UNION ALL SELECT identity, 'relation', coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)) FROM relation
        UNION ALL SELECT r.identity || '.' || a.attname, 'column', a.attacl
            FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid WHERE a.attacl IS NOT NULL
        UNION ALL SELECT m.identity, 'schema', coalesce(n.nspacl, acldefault('n', n.nspowner))
            FROM member m JOIN pg_namespace n ON m.classid = 'pg_namespace'::regclass AND n.oid = m.objid
        UNION ALL SELECT m.identity, 'type', coalesce(t.typacl, acldefault('T', t.typowner))
            FROM member m JOIN pg_type t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
        UNION ALL SELECT m.identity, 'foreign-data wrapper', coalesce(w.fdwacl, acldefault('F', w.fdwowner))
            FROM member m JOIN pg_foreign_data_wrapper w ON m.classid = 'pg_foreign_data_wrapper'::regclass AND w.oid = m.objid
        UNION ALL SELECT m.identity, 'server', coalesce(s.srvacl, acldefault('S', s.srvowner))
            FROM member m JOIN pg_foreign_server s ON m.classid = 'pg_foreign_server'::regclass AND s.oid = m.objid
        -- What pg_dump takes for granted of an extension's objects.
        UNION ALL SELECT m.identity || coalesce('.' || a.attname, ''), 'initial', i.initprivs
            FROM member m JOIN pg_init_privs i ON i.classoid = m.classid AND i.objoid = m.objid
            LEFT JOIN pg_attribute a ON i.objsubid <> 0 AND i.classoid = 'pg_class'::regclass AND a.attrelid = i.objoid AND a.attnum = i.objsubid
        -- And outside of it.
        UNION ALL SELECT 'schema public', 'outside', coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace WHERE nspname = 'public'
        UNION ALL SELECT 'pg_settings', 'outside', relacl FROM pg_class WHERE oid = 'pg_catalog.pg_settings'::regclass
        UNION ALL SELECT 'this database', 'outside', coalesce(datacl, acldefault('d', datdba)) FROM pg_database WHERE datname = current_database()
    ) AS every (identity, kind, acl), LATERAL (
        SELECT kind || ' privileges ' || coalesce(string_agg(concat_ws(' ', privilege_type, 'to',
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END, 'by', grantor::regrole,
            CASE WHEN is_grantable THEN 'with grant option' END), ', '
            ORDER BY grantee::regrole::text COLLATE "C", privilege_type, grantor::regrole::text COLLATE "C"), 'none') AS privileges
        FROM aclexplode(acl)
    ) AS listed
),
line (text) AS (
    SELECT format('extension version %s schema %s owner %s relocatable %s comment %s', extversion,
        extnamespace::regnamespace, extowner::regrole, extrelocatable, obj_description(oid, 'pg_extension'))
        FROM pg_extension WHERE extname = 'edgebase'
    UNION ALL SELECT format('dumped %s where %s', pg_describe_object('pg_class'::regclass, c, 0), nullif(w, ''))
        FROM pg_extension, unnest(extconfig, extcondition) AS u (c, w) WHERE extname = 'edgebase'
    UNION ALL SELECT format('%s %s comment %s', type, identity, obj_description(objid, classid::regclass::name)) FROM member
    UNION ALL SELECT format('%s %s', identity, privileges) FROM acl
    UNION ALL SELECT format('NOT COMPARED %s %s', type, identity) FROM member WHERE classid NOT IN (
        'pg_class'::regclass, 'pg_proc'::regclass, 'pg_namespace'::regclass, 'pg_type'::regclass,
        'pg_foreign_data_wrapper'::regclass, 'pg_foreign_server'::regclass, 'pg_event_trigger'::regclass)

    UNION ALL SELECT format('%s owner %s definition %s', m.identity, p.proowner::regrole,
        CASE WHEN p.prokind IN ('f', 'p', 'w') THEN pg_get_functiondef(p.oid) ELSE to_jsonb(p)::text END)
        FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid

    UNION ALL SELECT format('%s is %s owner %s persistence %s options %s row security %s %s identity %s', identity,
        relkind, relowner::regrole, relpersistence, reloptions, relrowsecurity, relforcerowsecurity, relreplident) FROM relation
    UNION ALL SELECT format('%s reads %s', identity, pg_get_viewdef(oid)) FROM relation WHERE relkind IN ('v', 'm')
    UNION ALL SELECT format('%s foreign from %s options %s', r.identity, s.srvname, f.ftoptions)
        FROM relation r JOIN pg_foreign_table f ON f.ftrelid = r.oid JOIN pg_foreign_server s ON s.oid = f.ftserver
    UNION ALL SELECT format('%s counts %s from %s by %s between %s and %s cache %s cycle %s for %s', r.identity, s.seqtypid::regtype,
        s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
        (SELECT string_agg(pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid), ', ') FROM pg_depend d
         WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.refobjsubid > 0))
        FROM relation r JOIN pg_sequence s ON s.seqrelid = r.oid
    UNION ALL SELECT format('%s column %s %s', r.identity, a.attnum, CASE WHEN a.attisdropped THEN 'was dropped' ELSE
        format('"%s" %s collation %s not null %s default %s identity "%s" generated "%s" storage %s options %s comment %s', a.attname,
            format_type(a.atttypid, a.atttypmod), nullif(a.attcollation, 0)::regcollation, a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
            a.attidentity, a.attgenerated, a.attstorage, ARRAY(SELECT o FROM unnest(a.attoptions || a.attfdwoptions) o
            WHERE o !~ '^pg_attver='), col_description(r.oid, a.attnum)) END) -- a number that some servers count changes by
        FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    UNION ALL SELECT format('%s constraint %s %s validated %s comment %s', r.identity, c.conname, pg_get_constraintdef(c.oid),
        c.convalidated, obj_description(c.oid, 'pg_constraint'))
        FROM relation r JOIN pg_constraint c ON c.conrelid = r.oid
    UNION ALL SELECT format('%s index %s valid %s identity %s comment %s', r.identity, pg_get_indexdef(i.indexrelid), i.indisvalid,
        i.indisreplident, obj_description(i.indexrelid, 'pg_class'))
        FROM relation r JOIN pg_index i ON i.indrelid = r.oid
    UNION ALL SELECT format('%s trigger %s enabled %s comment %s', r.identity, pg_get_triggerdef(t.oid), t.tgenabled, obj_description(t.oid, 'pg_trigger'))
        FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
    UNION ALL SELECT format('%s rule %s enabled %s', r.identity, pg_get_ruledef(w.oid), w.ev_enabled)
        FROM relation r JOIN pg_rewrite w ON w.ev_class = r.oid
    UNION ALL SELECT format('%s policy %s %s %s to %s using %s check %s', r.identity, p.polname, p.polcmd, p.polpermissive,
        p.polroles::regrole[], pg_get_expr(p.polqual, r.oid), pg_get_expr(p.polwithcheck, r.oid))
        FROM relation r JOIN pg_policy p ON p.polrelid = r.oid

    UNION ALL SELECT format('%s owner %s', m.identity, n.nspowner::regrole)
        FROM member m JOIN pg_namespace n ON m.classid = 'pg_namespace'::regclass AND n.oid = m.objid
    UNION ALL SELECT format('%s owner %s is %s of %s default %s not null %s labels %s constraints %s', m.identity, t.typowner::regrole, t.typtype,
        nullif(t.typbasetype, 0)::regtype, t.typdefault, t.typnotnull,
        (SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
        (SELECT array_agg(conname || pg_get_constraintdef(c.oid) ORDER BY conname) FROM pg_constraint c WHERE contypid = t.oid))
        FROM member m JOIN pg_type t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
    UNION ALL SELECT format('%s owner %s handler %s validator %s options %s', m.identity, w.fdwowner::regrole,
        w.fdwhandler::regproc, w.fdwvalidator::regproc, w.fdwoptions)
        FROM member m JOIN pg_foreign_data_wrapper w ON m.classid = 'pg_foreign_data_wrapper'::regclass AND w.oid = m.objid
    UNION ALL SELECT format('%s owner %s wrapper %s type %s version %s options %s', m.identity, s.srvowner::regrole,
        w.fdwname, s.srvtype, s.srvversion, s.srvoptions)
        FROM member m JOIN pg_foreign_server s ON m.classid = 'pg_foreign_server'::regclass AND s.oid = m.objid
        JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
    UNION ALL SELECT format('%s owner %s on %s when %s calls %s enabled %s', m.identity, t.evtowner::regrole, t.evtevent, t.evttags,
        t.evtfoid::regprocedure, t.evtenabled)
        FROM member m JOIN pg_event_trigger t ON m.classid = 'pg_event_trigger'::regclass AND t.oid = m.objid
    UNION ALL SELECT format('default privileges of %s in %s on %s: %s', defaclrole::regrole, nullif(defaclnamespace, 0)::regnamespace,
        defaclobjtype, defaclacl) FROM pg_default_acl
)
SELECT replace(text, E'\n', '\n') FROM line ORDER BY text COLLATE "C";
