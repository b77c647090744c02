-- What a careless superuser does to a database in a bad hour: :count statements drawn at random, the
-- same ones for the same :seed. Those that PostgreSQL refuses are not counted as damage.
SET client_min_messages = warning;
SELECT set_config('damage.seed', :'seed', false), set_config('damage.count', :'count', false) \g /dev/null
DO $$
DECLARE
    kinds text[] := ARRAY[
        'GRANT SELECT (%7$s) ON %1$s TO %2$s', 'GRANT UPDATE (%7$s), SELECT ON %1$s TO PUBLIC', 'GRANT ALL ON %1$s TO %2$s WITH GRANT OPTION',
        'GRANT SELECT ON %1$s TO dba WITH GRANT OPTION; SET LOCAL ROLE dba; GRANT SELECT ON %1$s TO %2$s; RESET ROLE',
        'GRANT ALL ON SCHEMA %3$s TO %2$s', 'GRANT CREATE ON SCHEMA %3$s TO PUBLIC', 'REVOKE ALL ON SCHEMA %3$s FROM edgebase_owner, %4$s',
        'REVOKE INSERT ON %1$s FROM edgebase_owner, %4$s', 'REVOKE ALL ON %1$s FROM %4$s', 'REVOKE SELECT ON %1$s FROM edgebase_analyst',
        'GRANT %4$s TO %2$s WITH ADMIN OPTION', 'GRANT %4$s TO %5$s', 'GRANT edgebase_owner TO %2$s', 'GRANT pg_read_all_data TO %4$s',
        'GRANT pg_write_all_data TO edgebase_owner', 'GRANT pg_read_all_data TO edgebase_proxy', 'GRANT edgebase_admin TO edgebase_proxy',
        'ALTER ROLE %4$s LOGIN PASSWORD ''x''', 'ALTER ROLE %4$s INHERIT CONNECTION LIMIT 5', 'ALTER ROLE %4$s SUPERUSER', 'ALTER ROLE %4$s BYPASSRLS CREATEDB CREATEROLE REPLICATION',
        'ALTER ROLE edgebase_owner LOGIN INHERIT', 'ALTER ROLE edgebase_proxy BYPASSRLS', 'ALTER ROLE edgebase_admin SUPERUSER',
        'REASSIGN OWNED BY edgebase_owner TO %2$s', 'REASSIGN OWNED BY edgebase_owner TO %4$s', 'ALTER TABLE %1$s OWNER TO %4$s', 'ALTER TABLE %1$s OWNER TO dba',
        'ALTER SCHEMA %3$s OWNER TO %5$s', 'REASSIGN OWNED BY edgebase_proxy TO dba; DROP OWNED BY edgebase_proxy', 'REASSIGN OWNED BY edgebase_admin TO dba; DROP OWNED BY edgebase_admin', 'REASSIGN OWNED BY edgebase_analyst TO dba; DROP OWNED BY edgebase_analyst', 'REASSIGN OWNED BY %4$s TO dba; DROP OWNED BY %4$s',
        'REASSIGN OWNED BY %4$s TO dba; DROP OWNED BY %4$s; DROP ROLE %4$s', 'REASSIGN OWNED BY edgebase_analyst TO dba; DROP OWNED BY edgebase_analyst; DROP ROLE edgebase_analyst; CREATE ROLE edgebase_analyst SUPERUSER; GRANT edgebase_analyst TO analyst_login',
        'ALTER FUNCTION %6$s OWNER TO %2$s', 'GRANT EXECUTE ON FUNCTION %6$s TO PUBLIC', 'REVOKE ALL ON FUNCTION %6$s FROM edgebase_proxy, edgebase_admin',
        'GRANT SELECT (schema_name), UPDATE (version) ON edgebase.instance TO %2$s', 'GRANT ALL ON edgebase.audit_log, edgebase.block TO PUBLIC', 'ALTER TABLE edgebase.instance OWNER TO %2$s',
        'ALTER SCHEMA edgebase OWNER TO dba', 'GRANT CREATE ON SCHEMA edgebase TO PUBLIC', 'GRANT ALL ON edgebase.instance_number TO %2$s', 'REVOKE ALL ON edgebase.blocks FROM edgebase_proxy',
        'GRANT USAGE ON FOREIGN SERVER edgebase_instances TO %2$s', 'ALTER SERVER edgebase_instances OWNER TO superdba', 'ALTER VIEW edgebase.audit OWNER TO dba',
        'ALTER DEFAULT PRIVILEGES FOR ROLE edgebase_owner GRANT SELECT ON TABLES TO %2$s', 'ALTER DEFAULT PRIVILEGES FOR ROLE edgebase_owner IN SCHEMA %3$s GRANT ALL ON TABLES TO PUBLIC',
        'ALTER DEFAULT PRIVILEGES FOR ROLE edgebase_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC', 'ALTER DEFAULT PRIVILEGES FOR ROLE dba GRANT SELECT ON TABLES TO %4$s',
        'SELECT setval(''edgebase.audit_log_seq_seq'', 1, false)', 'SELECT setval(''edgebase.instance_number'', 1)',
        'ALTER EVENT TRIGGER edgebase_warn_of_drop DISABLE', 'ALTER TABLE edgebase.audit_log DISABLE TRIGGER append_only',
        'GRANT CREATE, TEMPORARY ON DATABASE postgres TO %4$s, PUBLIC', 'GRANT CREATE, TEMPORARY ON DATABASE postgres TO edgebase_proxy, edgebase_owner', 'GRANT CREATE ON SCHEMA public TO PUBLIC, %4$s, edgebase_owner',
        'GRANT SET ON PARAMETER session_replication_role TO %4$s', 'GRANT UPDATE ON pg_catalog.pg_settings TO PUBLIC, edgebase_owner', 'GRANT SELECT ON public.invoices TO %4$s', 'GRANT EXECUTE ON FUNCTION public.run(text) TO %4$s',
        'CREATE TABLE %3$s.dba_copy AS SELECT 1 AS id; GRANT SELECT ON %3$s.dba_copy TO PUBLIC', 'CREATE FUNCTION %3$s.dba_f() RETURNS int SECURITY DEFINER LANGUAGE sql AS ''SELECT 1''',
        'CREATE VIEW %3$s.dba_view AS SELECT 1 AS id; GRANT SELECT ON %3$s.dba_view TO %4$s', 'CREATE SEQUENCE %3$s.dba_s; GRANT ALL ON SEQUENCE %3$s.dba_s TO PUBLIC',
        'CREATE ROLE %8$s NOLOGIN CONNECTION LIMIT 0; GRANT SELECT ON public.invoices TO %8$s',
        'GRANT ALL ON SCHEMA tenant TO PUBLIC', 'GRANT SELECT ON tenant.invoices TO %2$s', 'REVOKE ALL ON tenant.invoices FROM edgebase_admin', 'ALTER FOREIGN TABLE tenant.invoices OWNER TO dba',
        'ALTER SCHEMA tenant OWNER TO dba', 'DROP FOREIGN TABLE tenant.invoices', 'ALTER TABLE %1$s OWNER TO %5$s; REVOKE ALL ON %1$s FROM %5$s'];
    someone text[] := ARRAY['stranger', 'dba', 'superdba', 'proxy_login', 'admin_login', 'analyst_login', 'edgebase_proxy', 'edgebase_admin', 'edgebase_analyst'];
    roles text[] := ARRAY(SELECT role FROM edgebase.instances ORDER BY key);
    prefix text := (SELECT 'eb_' || oid || '_' FROM pg_database WHERE datname = current_database());
    statement text;
    t record;
    done int := 0;
BEGIN
    PERFORM setseed(current_setting('damage.seed')::int / 1000.0);
    FOR n IN 1 .. current_setting('damage.count')::int LOOP
        SELECT c.oid::regclass AS name, i.role, quote_ident(i.schema) AS home INTO t
        FROM edgebase.instances i JOIN pg_class c ON c.relnamespace = quote_ident(i.schema)::regnamespace AND c.relkind = 'r' AND c.relname !~ '^dba'
        ORDER BY md5(random()::text || i.key || c.relname) LIMIT 1;
        statement := format(kinds[1 + floor(random() * cardinality(kinds))::int],
            t.name, someone[1 + floor(random() * cardinality(someone))::int], t.home, t.role, roles[1 + floor(random() * cardinality(roles))::int],
            (SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'edgebase'::regnamespace AND prokind = 'f' ORDER BY md5(random()::text || proname) LIMIT 1),
            'id', prefix || 900000 + n);
        BEGIN
            EXECUTE statement;
            done := done + 1;
            RAISE WARNING 'done: %', statement;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'refused: %: %', statement, SQLERRM;
        END;
    END LOOP;
    IF done * 2 < current_setting('damage.count')::int THEN RAISE EXCEPTION 'only % statements did damage', done; END IF;
END$$;
