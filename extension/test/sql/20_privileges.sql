-- run: login=postgres
-- Who may do what? For every object of the extension and of an instance, and every kind of role,
-- the privileges as PostgreSQL itself reports them, compared with this table. Then one grant at a
-- time is taken away, to show what vanishes and that nothing else does.

SELECT role AS instance FROM edgebase.instances WHERE key = 'tenant:mallory' \gset
SELECT role AS single FROM edgebase.instances WHERE key = 'app' \gset
CREATE TEMP TABLE actor (name text, role text);
INSERT INTO actor VALUES ('owner', 'edgebase_owner'), ('proxy', 'proxy_login'), ('admin', 'admin_login'),
    ('analyst', 'analyst_login'), ('instance', :'instance'), ('single', :'single'), ('stranger', 'stranger');

CREATE TEMP TABLE expected (object text, kind text, granted text);
INSERT INTO expected VALUES
    ('edgebase', 'schema', 'admin:USAGE analyst:USAGE owner:USAGE proxy:USAGE'),
    ('public', 'schema', 'admin:CREATE admin:USAGE analyst:CREATE analyst:USAGE instance:CREATE instance:USAGE owner:CREATE owner:USAGE proxy:CREATE proxy:USAGE single:CREATE single:USAGE stranger:CREATE stranger:USAGE'),
    ('tenant:mallory', 'schema', 'instance:USAGE owner:CREATE owner:USAGE'),
    ('tenant:victim', 'schema', 'owner:CREATE owner:USAGE'),
    ('app', 'schema', 'analyst:USAGE owner:CREATE owner:USAGE single:USAGE'),
    ('edgebase.block', 'table', ''),
    ('edgebase.block_version', 'table', ''),
    ('edgebase.instance', 'table', ''),
    ('edgebase.audit_log', 'table', ''),
    ('edgebase.analytics', 'table', ''),
    ('edgebase.instance_stats', 'table', 'admin:SELECT analyst:SELECT'),
    ('tenant', 'schema', 'admin:USAGE analyst:USAGE'),
    ('tenant.invoices', 'table', 'admin:SELECT analyst:SELECT'),
    ('edgebase_instances', 'server', ''),
    ('edgebase_fdw', 'wrapper', ''),
    ('edgebase.instances', 'table', 'admin:SELECT'),
    ('edgebase.blocks', 'table', 'admin:SELECT analyst:SELECT proxy:SELECT'),
    ('edgebase.versions', 'table', 'admin:SELECT analyst:SELECT proxy:SELECT'),
    ('edgebase.audit', 'table', 'admin:SELECT'),
    ('"tenant:mallory".invoices', 'table', 'instance:DELETE instance:INSERT instance:SELECT instance:UPDATE owner:ALL'),
    ('"tenant:victim".invoices', 'table', 'owner:ALL'),
    ('app.posts', 'table', 'analyst:SELECT owner:ALL single:DELETE single:INSERT single:SELECT single:UPDATE'),
    ('edgebase.instance_number', 'sequence', ''),
    ('edgebase.audit_log_seq_seq', 'sequence', ''),
    ('edgebase.enter(text,text)', 'function', 'proxy:EXECUTE'),
    ('edgebase.enter_read_only(text,text)', 'function', 'proxy:EXECUTE'),
    ('edgebase.read_record(text,text,text,text[],text)', 'function', 'proxy:EXECUTE'),
    ('edgebase.locate(text,text)', 'function', 'admin:EXECUTE analyst:EXECUTE owner:EXECUTE proxy:EXECUTE'),
    ('edgebase.schema_of(text,text)', 'function', 'admin:EXECUTE analyst:EXECUTE proxy:EXECUTE'),
    ('edgebase.list_instances(text,text,integer)', 'function', 'admin:EXECUTE proxy:EXECUTE'),
    ('edgebase.create_instance(text,text)', 'function', 'admin:EXECUTE proxy:EXECUTE'),
    ('edgebase.create_instance(text,text,text[])', 'function', 'admin:EXECUTE proxy:EXECUTE'),
    ('edgebase.ensure_tables(text,text,text[])', 'function', 'admin:EXECUTE proxy:EXECUTE'),
    ('edgebase.has_table(text,text,text)', 'function', 'admin:EXECUTE proxy:EXECUTE'),
    ('edgebase.drop_instance(text,text)', 'function', 'admin:EXECUTE proxy:EXECUTE'),
    ('edgebase.drop_instance(text,text,text)', 'function', 'admin:EXECUTE proxy:EXECUTE'),
    ('edgebase.migrate(text,text)', 'function', 'admin:EXECUTE proxy:EXECUTE'),
    ('edgebase.try_migrate(text,text,boolean)', 'function', 'admin:EXECUTE proxy:EXECUTE'),
    ('edgebase.migrate_behind(text,boolean,bigint)', 'function', 'admin:EXECUTE'),
    ('edgebase.apply_config(jsonb,boolean)', 'function', 'admin:EXECUTE'),
    ('edgebase.apply_config_json(jsonb,boolean)', 'function', 'admin:EXECUTE'),
    ('edgebase.export_instance(text,text)', 'function', 'admin:EXECUTE owner:EXECUTE'),
    ('edgebase.exported_tables(text,text)', 'function', 'owner:EXECUTE'),
    ('edgebase.import_instance(text,text,jsonb)', 'function', 'admin:EXECUTE'),
    ('edgebase.repair()', 'function', 'admin:EXECUTE'),
    ('edgebase.repair_batch(bigint,integer)', 'function', 'admin:EXECUTE'),
    ('edgebase.repair_all(integer)', 'procedure', 'admin:EXECUTE'),
    ('edgebase.verify_json()', 'function', 'admin:EXECUTE'),
    ('edgebase.verify()', 'function', 'admin:EXECUTE'),
    ('edgebase.adopt_json(integer)', 'function', 'admin:EXECUTE'),
    ('edgebase.adopt(integer)', 'function', 'admin:EXECUTE'),
    ('edgebase.restore_instance(text,text,text)', 'function', 'admin:EXECUTE'),
    ('edgebase.verify_version(text,text)', 'function', 'admin:EXECUTE'),
    ('edgebase.analytics_handler()', 'function', ''),
    ('edgebase.file_size(oid)', 'function', 'admin:EXECUTE analyst:EXECUTE'),
    ('edgebase.file_written(oid)', 'function', 'admin:EXECUTE analyst:EXECUTE'),
    ('edgebase.refuse_change()', 'function', ''),
    ('edgebase.warn_of_drop()', 'function', ''),
    ('edgebase.close_extension()', 'function', ''),
    ('edgebase.utf16_length(text)', 'function', 'admin:EXECUTE analyst:EXECUTE instance:EXECUTE owner:EXECUTE proxy:EXECUTE single:EXECUTE stranger:EXECUTE'),
    ('postgres', 'database', 'admin:CONNECT analyst:CONNECT instance:CONNECT owner:CONNECT proxy:CONNECT single:CONNECT stranger:CONNECT');

CREATE FUNCTION pg_temp.has(kind text, role text, object text, privilege text) RETURNS boolean LANGUAGE sql AS $$
    SELECT CASE kind
        WHEN 'schema' THEN has_schema_privilege(role, object, privilege)
        WHEN 'table' THEN has_table_privilege(role, object, privilege)
        WHEN 'sequence' THEN has_sequence_privilege(role, object, privilege)
        WHEN 'function' THEN has_function_privilege(role, object, privilege)
        WHEN 'procedure' THEN has_function_privilege(role, object, privilege)
        WHEN 'server' THEN has_server_privilege(role, object, privilege)
        WHEN 'wrapper' THEN has_foreign_data_wrapper_privilege(role, object, privilege)
        WHEN 'database' THEN has_database_privilege(role, object, privilege) END
$$;
CREATE TEMP VIEW found AS
SELECT e.object, e.kind, e.granted, coalesce(string_agg(DISTINCT word, ' ' ORDER BY word), '') AS actual
FROM expected e
LEFT JOIN LATERAL (
    SELECT a.name || ':' || CASE WHEN e.kind = 'table' AND a.name = 'owner' THEN 'ALL' ELSE p END AS word
    FROM actor a, unnest(CASE e.kind
        WHEN 'schema' THEN ARRAY['USAGE', 'CREATE'] WHEN 'function' THEN ARRAY['EXECUTE'] WHEN 'procedure' THEN ARRAY['EXECUTE']
        WHEN 'sequence' THEN ARRAY['USAGE', 'SELECT', 'UPDATE'] WHEN 'database' THEN ARRAY['CONNECT', 'CREATE', 'TEMP']
        WHEN 'server' THEN ARRAY['USAGE'] WHEN 'wrapper' THEN ARRAY['USAGE']
        ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'] END) AS p
    WHERE pg_temp.has(e.kind, a.role, e.object, p)) AS w ON true
GROUP BY 1, 2, 3;

\set attack 'privileges are exactly those of the table'
\set expect 00000
SELECT format('%s: expected "%s", found "%s"', object, granted, actual) FROM found WHERE granted <> actual;
SELECT 1 / (count(*) = 0)::int FROM found WHERE granted <> actual \g /dev/null
\ir ../lib/verdict.sql

\set attack 'the table names every object of the extension'
\set expect 00000
SELECT 1 / (count(*) = 0)::int FROM (
    SELECT p.oid::regprocedure::text FROM pg_proc p WHERE pronamespace = 'edgebase'::regnamespace
    UNION ALL SELECT c.oid::regclass::text FROM pg_class c WHERE relnamespace = 'edgebase'::regnamespace AND relkind IN ('r', 'v', 'S')
    EXCEPT SELECT object FROM expected) AS missing \g /dev/null
\ir ../lib/verdict.sql

\set attack 'no role is a member of an instance role or of edgebase_owner'
\set expect 00000
SELECT 1 / (count(*) = 0)::int FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid WHERE r.rolname ~ '^eb_' OR r.rolname = 'edgebase_owner' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'instance roles are members of nothing and can do nothing else'
\set expect 00000
SELECT 1 / (count(*) = 0)::int FROM pg_roles r WHERE r.rolname ~ '^eb_' AND (rolcanlogin OR rolsuper OR rolinherit OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls OR EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid)) \g /dev/null
\ir ../lib/verdict.sql

\set attack 'the login role of the proxy is not a superuser and bypasses nothing'
\set expect 00000
SELECT 1 / (NOT rolsuper AND NOT rolbypassrls AND NOT rolcreaterole AND NOT rolreplication)::int FROM pg_roles WHERE rolname = 'proxy_login' \g /dev/null
\ir ../lib/verdict.sql

\set attack 'every function is either not SECURITY DEFINER or has a fixed search_path'
\set expect 00000
SELECT 1 / (count(*) = 0)::int FROM pg_proc WHERE pronamespace = 'edgebase'::regnamespace AND prosecdef AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false) \g /dev/null
\ir ../lib/verdict.sql

-- Every grant taken away in turn: what it gave vanishes for the roles it was made to, and nothing
-- else does, for anybody, anywhere.
CREATE TEMP TABLE member AS SELECT name, unnest(ARRAY[role, CASE name WHEN 'proxy' THEN 'edgebase_proxy'
    WHEN 'admin' THEN 'edgebase_admin' WHEN 'analyst' THEN 'edgebase_analyst' END]) AS grantee FROM actor;
CREATE TEMP VIEW grants AS
SELECT e.object, e.kind, g.grantee::regrole::text AS grantee, g.privilege_type AS privilege
FROM expected e, LATERAL aclexplode(CASE e.kind
    WHEN 'schema' THEN (SELECT nspacl FROM pg_namespace WHERE nspname = e.object)
    WHEN 'function' THEN (SELECT proacl FROM pg_proc WHERE oid = to_regprocedure(e.object))
    WHEN 'procedure' THEN (SELECT proacl FROM pg_proc WHERE oid = to_regprocedure(e.object))
    WHEN 'database' THEN (SELECT datacl FROM pg_database WHERE datname = e.object)
    ELSE (SELECT relacl FROM pg_class WHERE oid = to_regclass(e.object)) END) AS g
WHERE g.grantee::regrole::text IN (SELECT grantee FROM member) AND NOT (e.kind = 'table' AND g.grantee::regrole::text = 'edgebase_owner');
CREATE TEMP VIEW word AS SELECT kind, object, unnest(string_to_array(nullif(actual, ''), ' ')) AS word FROM found;
CREATE TEMP TABLE before AS SELECT * FROM word;

\set attack 'each grant carries what the table says and nothing else'
\set expect 00000
DO $$
DECLARE
    g record;
    gone text;
    wanted text;
    done int := 0;
BEGIN
    FOR g IN SELECT * FROM grants LOOP
        BEGIN
            EXECUTE format('REVOKE %s ON %s %s FROM %I', g.privilege, g.kind,
                CASE WHEN g.kind IN ('schema', 'database') THEN quote_ident(g.object) ELSE g.object END, g.grantee);
            SELECT string_agg(concat_ws(' ', kind, object, word), ', ' ORDER BY kind, object, word) INTO gone
            FROM (SELECT * FROM before EXCEPT SELECT * FROM word) AS d;
            SELECT string_agg(concat_ws(' ', g.kind, g.object, name || ':' || g.privilege), ', ' ORDER BY name) INTO wanted
            FROM member WHERE grantee = g.grantee;
            IF gone IS DISTINCT FROM wanted OR EXISTS (SELECT * FROM word EXCEPT SELECT * FROM before) THEN
                RAISE EXCEPTION 'without %: "%" vanished instead of "%"', g, gone, wanted;
            END IF;
            RAISE EXCEPTION USING ERRCODE = 'ZZ000'; -- put it back
        EXCEPTION WHEN SQLSTATE 'ZZ000' THEN done := done + 1;
        END;
    END LOOP;
    IF done < 35 THEN RAISE EXCEPTION 'only % grants found', done; END IF;
END$$;
\ir ../lib/verdict.sql

-- And in practice: what can no longer be done.
\set attack 'without SELECT: reading vanishes'
\set expect 42501
BEGIN;
REVOKE SELECT ON "tenant:mallory".invoices FROM :"instance";
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SELECT * FROM invoices;
\ir ../lib/verdict.sql
\set attack 'without SELECT: inserting stays'
\set expect 00000
BEGIN;
REVOKE SELECT ON "tenant:mallory".invoices FROM :"instance";
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
INSERT INTO invoices (id) VALUES ('p');
\ir ../lib/verdict.sql
\set attack 'without INSERT: inserting vanishes'
\set expect 42501
BEGIN;
REVOKE INSERT ON "tenant:mallory".invoices FROM :"instance";
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
INSERT INTO invoices (id) VALUES ('p');
\ir ../lib/verdict.sql
\set attack 'without UPDATE: updating vanishes'
\set expect 42501
BEGIN;
REVOKE UPDATE ON "tenant:mallory".invoices FROM :"instance";
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
UPDATE invoices SET n = 1;
\ir ../lib/verdict.sql
\set attack 'without DELETE: deleting vanishes'
\set expect 42501
BEGIN;
REVOKE DELETE ON "tenant:mallory".invoices FROM :"instance";
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
DELETE FROM invoices;
\ir ../lib/verdict.sql
\set attack 'without USAGE on its schema: the tables are not even found'
\set expect 42P01
BEGIN;
REVOKE USAGE ON SCHEMA "tenant:mallory" FROM :"instance";
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
SELECT * FROM invoices;
\ir ../lib/verdict.sql
\set attack 'without membership in edgebase_proxy: enter vanishes'
\set expect 42501
BEGIN;
REVOKE edgebase_proxy FROM proxy_login;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory');
\ir ../lib/verdict.sql
\set attack 'EXECUTE on enter alone is not enough'
\set expect EB005
BEGIN;
GRANT USAGE ON SCHEMA edgebase TO stranger;
GRANT EXECUTE ON FUNCTION edgebase.enter(text, text) TO stranger;
SET LOCAL SESSION AUTHORIZATION stranger;
SELECT edgebase.enter('tenant', 'mallory');
\ir ../lib/verdict.sql
\set attack 'without EXECUTE on utf16_length: writing a length-checked field vanishes'
\set expect 42501
BEGIN;
REVOKE EXECUTE ON FUNCTION edgebase.utf16_length(text) FROM PUBLIC;
SET LOCAL SESSION AUTHORIZATION proxy_login;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
INSERT INTO invoices (id, note) VALUES ('p', 'x');
\ir ../lib/verdict.sql
\set attack 'without SELECT for analysts: reading a single-instance block vanishes for them'
\set expect 42501
BEGIN;
REVOKE SELECT ON app.posts FROM edgebase_analyst;
SET LOCAL SESSION AUTHORIZATION analyst_login;
SELECT * FROM app.posts;
\ir ../lib/verdict.sql
