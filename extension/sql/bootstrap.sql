-- What does CREATE EXTENSION edgebase create?
--
-- Everything, in the order in which a DBA would ask: roles, registry, functions, views. Each
-- function is revoked from PUBLIC right below its definition and then granted to whom it is for.
--
-- Two things reach outside the schema edgebase, both at the very end: PUBLIC loses TEMP on this
-- database and CREATE on the schema public.

---------------------------------------------------------------------------------------------
-- Names, texts and what scripts say are Unicode: in another encoding some of them could not be
-- stored, and in SQL_ASCII none would be checked.
---------------------------------------------------------------------------------------------

DO $$
BEGIN
    IF pg_catalog.getdatabaseencoding() <> 'UTF8' THEN
        RAISE EXCEPTION 'edgebase needs a database in UTF8, and this one is in %', pg_catalog.getdatabaseencoding()
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Make another one: CREATE DATABASE ... TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C.UTF-8''. A dump restored into it is converted.';
    END IF;
END
$$;

---------------------------------------------------------------------------------------------
-- Roles. They belong to the cluster, so they may be there already, and DROP EXTENSION leaves
-- them. Nobody can log in as any of them; edgebase_proxy, edgebase_admin and edgebase_analyst
-- are granted to roles that can.
---------------------------------------------------------------------------------------------

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['edgebase_owner', 'edgebase_proxy', 'edgebase_admin', 'edgebase_analyst']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role) THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN NOINHERIT', role);
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles
               WHERE rolname IN ('edgebase_owner', 'edgebase_proxy', 'edgebase_admin', 'edgebase_analyst')
                 AND (rolsuper OR rolbypassrls OR rolcanlogin OR rolreplication OR rolcreaterole))
    THEN
        RAISE EXCEPTION 'one of the roles edgebase_owner, edgebase_proxy, edgebase_admin, edgebase_analyst has rights it must not have'
            USING HINT = 'They must be NOLOGIN NOSUPERUSER NOBYPASSRLS NOREPLICATION NOCREATEROLE.';
    END IF;
END
$$;

---------------------------------------------------------------------------------------------
-- Registry. Owned by the superuser who creates the extension and readable by nobody: the
-- functions read it as their definer. Not even edgebase_owner, as whom migrations run, may write
-- it. The library reads block, block_version and instance by column number: columns may only be
-- added at the end.
---------------------------------------------------------------------------------------------

CREATE SCHEMA edgebase;
REVOKE ALL ON SCHEMA edgebase FROM PUBLIC;
GRANT USAGE ON SCHEMA edgebase TO edgebase_owner, edgebase_proxy, edgebase_admin, edgebase_analyst;

CREATE TABLE edgebase.block (
    namespace   text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL CHECK (kind IN ('single', 'dynamic')),
    version     text COLLATE "C" NOT NULL,
    configured  boolean NOT NULL DEFAULT true,
    applied_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT block_pkey PRIMARY KEY (namespace)
);
COMMENT ON TABLE edgebase.block IS 'Database blocks; configured is false for those the last config no longer had';
REVOKE ALL ON TABLE edgebase.block FROM PUBLIC;

CREATE TABLE edgebase.block_version (
    version     text COLLATE "C" NOT NULL,
    namespace   text COLLATE "C" NOT NULL,
    definition  json NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT block_version_pkey PRIMARY KEY (version)
);
COMMENT ON TABLE edgebase.block_version IS 'Every shape a block has had, by the SHA-256 of its normalised form';
REVOKE ALL ON TABLE edgebase.block_version FROM PUBLIC;

CREATE SEQUENCE edgebase.instance_number;
REVOKE ALL ON SEQUENCE edgebase.instance_number FROM PUBLIC;

CREATE TABLE edgebase.instance (
    namespace   text COLLATE "C" NOT NULL,
    id          text COLLATE "C" NOT NULL,
    number      bigint NOT NULL DEFAULT pg_catalog.nextval('edgebase.instance_number'),
    schema_name text COLLATE "C" NOT NULL,
    version     text COLLATE "C" NOT NULL,
    state       text COLLATE "C" NOT NULL DEFAULT 'active' CHECK (state IN ('active')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    migrated_at timestamptz,
    failed_version text COLLATE "C",
    failed_at   timestamptz,
    failure     jsonb,
    CONSTRAINT instance_pkey PRIMARY KEY (namespace, id),
    CONSTRAINT instance_number_key UNIQUE (number),
    CONSTRAINT instance_schema_key UNIQUE (schema_name)
);
COMMENT ON TABLE edgebase.instance IS 'Instances; id is empty for that of a single-instance block';
COMMENT ON COLUMN edgebase.instance.failed_version IS 'The version that its last migration failed to reach';
ALTER SEQUENCE edgebase.instance_number OWNED BY edgebase.instance.number;
REVOKE ALL ON TABLE edgebase.instance FROM PUBLIC;

CREATE TABLE edgebase.audit_log (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    actor       text NOT NULL,
    action      text NOT NULL,
    namespace   text COLLATE "C" NOT NULL,
    id          text COLLATE "C",
    details     jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE edgebase.audit_log IS 'Append-only: who did what to which instance';
REVOKE ALL ON TABLE edgebase.audit_log FROM PUBLIC;

CREATE FUNCTION edgebase.refuse_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'edgebase.audit_log is append-only' USING ERRCODE = '42501';
END
$$;
REVOKE ALL ON FUNCTION edgebase.refuse_change() FROM PUBLIC;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON edgebase.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION edgebase.refuse_change();

SELECT pg_catalog.pg_extension_config_dump('edgebase.block', '');
SELECT pg_catalog.pg_extension_config_dump('edgebase.block_version', '');
SELECT pg_catalog.pg_extension_config_dump('edgebase.instance_number', '');
SELECT pg_catalog.pg_extension_config_dump('edgebase.instance', '');
SELECT pg_catalog.pg_extension_config_dump('edgebase.audit_log', '');
SELECT pg_catalog.pg_extension_config_dump('edgebase.audit_log_seq_seq', '');

-- After DROP EXTENSION and a new CREATE EXTENSION roles of the first life may be left. Their
-- numbers are not used again, or a new instance would come with an old one's rights.
SELECT pg_catalog.setval('edgebase.instance_number', last)
FROM (SELECT pg_catalog.max(pg_catalog.substring(r.rolname, '^eb_[0-9]+_([0-9]+)$')::bigint) AS last
      FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
      WHERE d.datname = pg_catalog.current_database()
        AND r.rolname LIKE 'eb\_' || d.oid || '\_%') AS roles
WHERE last IS NOT NULL;

---------------------------------------------------------------------------------------------
-- Functions of the data path, for proxies.
---------------------------------------------------------------------------------------------

-- Neither SECURITY DEFINER nor with a SET clause: both would undo the seal on return.
CREATE FUNCTION edgebase.enter(namespace text, id text DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'edgebase_enter';
REVOKE ALL ON FUNCTION edgebase.enter(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.enter(text, text) TO edgebase_proxy;
COMMENT ON FUNCTION edgebase.enter(text, text) IS 'Seals the rest of the transaction into one instance';

CREATE FUNCTION edgebase.enter_read_only(namespace text, id text DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'edgebase_enter_read_only';
REVOKE ALL ON FUNCTION edgebase.enter_read_only(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.enter_read_only(text, text) TO edgebase_proxy;
COMMENT ON FUNCTION edgebase.enter_read_only(text, text) IS 'Seals the rest of the transaction into one instance, unable to write';

-- Reads for the caller what the instance role may read; the transaction is not sealed.
CREATE FUNCTION edgebase.read_record(namespace text, id text, table_name text, columns text[], key text) RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'edgebase_read_record';
REVOKE ALL ON FUNCTION edgebase.read_record(text, text, text, text[], text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.read_record(text, text, text, text[], text) TO edgebase_proxy;
COMMENT ON FUNCTION edgebase.read_record(text, text, text, text[], text) IS 'One row of an instance by its id, as JSON text';

CREATE FUNCTION edgebase.locate(namespace text, id text DEFAULT NULL) RETURNS text
LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'edgebase_locate';
REVOKE ALL ON FUNCTION edgebase.locate(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.locate(text, text) TO edgebase_proxy, edgebase_admin, edgebase_analyst;
COMMENT ON FUNCTION edgebase.locate(text, text) IS 'The schema of an instance, or null where there is none';

CREATE FUNCTION edgebase.schema_of(namespace text, id text DEFAULT NULL) RETURNS text
LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'edgebase_locate';
REVOKE ALL ON FUNCTION edgebase.schema_of(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.schema_of(text, text) TO edgebase_proxy, edgebase_admin, edgebase_analyst;
COMMENT ON FUNCTION edgebase.schema_of(text, text) IS 'The same as edgebase.locate, under the name people look for';

CREATE FUNCTION edgebase.create_instance(namespace text, id text DEFAULT NULL) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_create_instance';
REVOKE ALL ON FUNCTION edgebase.create_instance(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.create_instance(text, text) TO edgebase_proxy, edgebase_admin;
COMMENT ON FUNCTION edgebase.create_instance(text, text) IS 'Creates an instance unless it is there';

CREATE FUNCTION edgebase.create_instance(namespace text, id text, tables text[]) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_create_instance_with';
REVOKE ALL ON FUNCTION edgebase.create_instance(text, text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.create_instance(text, text, text[]) TO edgebase_proxy, edgebase_admin;
COMMENT ON FUNCTION edgebase.create_instance(text, text, text[]) IS 'The same with some of its tables and those that they refer to';

CREATE FUNCTION edgebase.ensure_tables(namespace text, id text DEFAULT NULL, tables text[] DEFAULT NULL) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_ensure_tables';
REVOKE ALL ON FUNCTION edgebase.ensure_tables(text, text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.ensure_tables(text, text, text[]) TO edgebase_proxy, edgebase_admin;
COMMENT ON FUNCTION edgebase.ensure_tables(text, text, text[]) IS 'Makes tables that the instance has not got yet; null stands for all';

CREATE FUNCTION edgebase.has_table(namespace text, id text, table_name text) RETURNS boolean
LANGUAGE c STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'edgebase_has_table';
REVOKE ALL ON FUNCTION edgebase.has_table(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.has_table(text, text, text) TO edgebase_proxy, edgebase_admin;
COMMENT ON FUNCTION edgebase.has_table(text, text, text) IS 'Whether a table of the block has been made in the instance';

CREATE FUNCTION edgebase.drop_instance(namespace text, id text DEFAULT NULL) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_drop_instance';
REVOKE ALL ON FUNCTION edgebase.drop_instance(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.drop_instance(text, text) TO edgebase_proxy, edgebase_admin;
COMMENT ON FUNCTION edgebase.drop_instance(text, text) IS 'Deletes an instance and gives the receipt';

CREATE FUNCTION edgebase.drop_instance(namespace text, id text, caller text) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_drop_instance_for';
REVOKE ALL ON FUNCTION edgebase.drop_instance(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.drop_instance(text, text, text) TO edgebase_proxy, edgebase_admin;
COMMENT ON FUNCTION edgebase.drop_instance(text, text, text) IS 'Deletes an instance for somebody whom the receipt names';

CREATE FUNCTION edgebase.migrate(namespace text, id text DEFAULT NULL) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_migrate';
REVOKE ALL ON FUNCTION edgebase.migrate(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.migrate(text, text) TO edgebase_proxy, edgebase_admin;
COMMENT ON FUNCTION edgebase.migrate(text, text) IS 'Brings an instance to the shape of its block';

CREATE FUNCTION edgebase.list_instances(namespace text, after text, page integer)
RETURNS TABLE (id text, state text, current boolean, created_at timestamptz, migrated_at timestamptz)
LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT nullif(i.id, ''),
           CASE WHEN i.state <> 'active' OR i.version = b.version THEN i.state
                WHEN i.failed_version = b.version THEN 'failed'
                ELSE 'behind' END,
           i.version = b.version, i.created_at, i.migrated_at
    FROM edgebase.instance i JOIN edgebase.block b ON b.namespace = i.namespace
    WHERE i.namespace = list_instances.namespace
      AND i.id >= coalesce(after, '') AND i.id IS DISTINCT FROM after
    ORDER BY i.id
    LIMIT least(greatest(page, 0), 10000)
$$;
REVOKE ALL ON FUNCTION edgebase.list_instances(text, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.list_instances(text, text, integer) TO edgebase_proxy, edgebase_admin;
COMMENT ON FUNCTION edgebase.list_instances(text, text, integer) IS 'The instances of a block, a page at a time in the order of their ids';

CREATE FUNCTION edgebase.try_migrate(namespace text, id text DEFAULT NULL, retry boolean DEFAULT false) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_try_migrate';
REVOKE ALL ON FUNCTION edgebase.try_migrate(text, text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.try_migrate(text, text, boolean) TO edgebase_proxy, edgebase_admin;
COMMENT ON FUNCTION edgebase.try_migrate(text, text, boolean) IS 'The same, but a failure is noted and told instead of raised';

---------------------------------------------------------------------------------------------
-- Functions for operators.
---------------------------------------------------------------------------------------------

CREATE FUNCTION edgebase.apply_config_json(config jsonb, dry_run boolean) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_apply_config';
REVOKE ALL ON FUNCTION edgebase.apply_config_json(jsonb, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.apply_config_json(jsonb, boolean) TO edgebase_admin;

CREATE FUNCTION edgebase.apply_config(config jsonb, dry_run boolean DEFAULT false)
RETURNS TABLE (namespace text, table_name text, change text, destructive boolean, statement text,
               covered boolean, lock text, work text, guide jsonb)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM jsonb_to_recordset(edgebase.apply_config_json(config, dry_run))
        AS change(namespace text, table_name text, change text, destructive boolean, statement text,
                  covered boolean, lock text, work text, guide jsonb)
$$;
REVOKE ALL ON FUNCTION edgebase.apply_config(jsonb, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.apply_config(jsonb, boolean) TO edgebase_admin;
COMMENT ON FUNCTION edgebase.apply_config(jsonb, boolean) IS 'Registers the blocks of a config and tells what changed';

CREATE FUNCTION edgebase.migrate_behind(namespace text DEFAULT NULL, retry boolean DEFAULT false, after bigint DEFAULT 0) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_migrate_behind';
REVOKE ALL ON FUNCTION edgebase.migrate_behind(text, boolean, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.migrate_behind(text, boolean, bigint) TO edgebase_admin;
COMMENT ON FUNCTION edgebase.migrate_behind(text, boolean, bigint) IS 'Migrates the next instance that is behind and that nobody is busy with; null when there is none';

CREATE FUNCTION edgebase.import_instance(namespace text, id text, rows jsonb) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_import_instance';
REVOKE ALL ON FUNCTION edgebase.import_instance(text, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.import_instance(text, text, jsonb) TO edgebase_admin;
COMMENT ON FUNCTION edgebase.import_instance(text, text, jsonb) IS 'Fills a new or empty instance with exported rows';

-- What an export reads, locked: edgebase_owner reads no registry.
CREATE FUNCTION edgebase.exported_tables(namespace text, id text) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'edgebase_exported_tables';
REVOKE ALL ON FUNCTION edgebase.exported_tables(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.exported_tables(text, text) TO edgebase_owner;
COMMENT ON FUNCTION edgebase.exported_tables(text, text) IS 'Locks the tables of an instance that an export reads, and names those of its block';

-- Runs as edgebase_owner and not as a superuser: it evaluates whatever a migration has made of
-- the tenant's tables. STABLE gives all tables, and the list of them, one snapshot, which must see
-- them as they are: each plan is compared with what the snapshot had under its names. The settings
-- are those of blocks/src/settings.rs; what row security would hide is an error.
CREATE FUNCTION edgebase.export_instance(namespace text, id text DEFAULT NULL)
RETURNS TABLE (table_name text, record jsonb)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET bytea_output = hex
SET datestyle = 'ISO, YMD'
SET extra_float_digits = 1
SET intervalstyle = postgres
SET lc_monetary = 'C'
SET lc_numeric = 'C'
SET lc_time = 'C'
SET quote_all_identifiers = off
SET timezone = 'UTC'
SET xmlbinary = base64
AS $$
DECLARE
    found jsonb;
    qualified text;
    keyed boolean;
BEGIN
    IF edgebase.locate(namespace, id) IS NULL THEN
        RAISE EXCEPTION 'instance "%" does not exist', concat_ws(':', namespace, id)
            USING ERRCODE = 'EB002', HINT = 'Nothing to export.';
    END IF;
    found := edgebase.exported_tables(namespace, id);
    FOR table_name, qualified, keyed IN
        SELECT c.relname::text, format('%I.%I', n.nspname, c.relname),
               EXISTS (SELECT FROM pg_attribute a
                       WHERE a.attrelid = c.oid AND a.attname = 'id' AND NOT a.attisdropped)
        FROM pg_namespace n
        JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid
             AND d.classid = 'pg_class'::regclass AND d.deptype = 'n'
        JOIN pg_class c ON c.oid = d.objid
        WHERE n.nspname = (found ->> 'schema')::name
          AND (found -> 'tables' ? c.relname::text
               OR c.relkind IN ('r', 'p') AND c.relowner = to_regrole('edgebase_owner')
                  AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid))
        ORDER BY c.relname COLLATE "C"
    LOOP
        IF to_regclass(qualified) IS NULL THEN
            RAISE EXCEPTION 'table % was rewritten after the snapshot was taken', qualified
                USING ERRCODE = 'EB010',
                      HINT = 'Try again: the whole transaction, if its isolation level is above READ COMMITTED.';
        END IF;
        RETURN QUERY EXECUTE format('SELECT %L::text, to_jsonb(t) FROM %s AS t %s', table_name, qualified,
                                    CASE WHEN keyed THEN 'ORDER BY t.id' ELSE '' END);
    END LOOP;
END
$$;
ALTER FUNCTION edgebase.export_instance(text, text) OWNER TO edgebase_owner;
REVOKE ALL ON FUNCTION edgebase.export_instance(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.export_instance(text, text) TO edgebase_admin;
GRANT EXECUTE ON FUNCTION edgebase.locate(text, text) TO edgebase_owner;
COMMENT ON FUNCTION edgebase.export_instance(text, text) IS 'Every row of an instance, table by table, of one moment';

CREATE FUNCTION edgebase.repair() RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_repair';
REVOKE ALL ON FUNCTION edgebase.repair() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.repair() TO edgebase_admin;
COMMENT ON FUNCTION edgebase.repair() IS 'After a restore: makes roles and privileges what the registry says';

CREATE FUNCTION edgebase.repair_batch(after bigint DEFAULT 0, batch integer DEFAULT 500) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_repair_batch';
REVOKE ALL ON FUNCTION edgebase.repair_batch(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.repair_batch(bigint, integer) TO edgebase_admin;
COMMENT ON FUNCTION edgebase.repair_batch(bigint, integer) IS 'Repairs the next instances; last is where to go on, null at the end';

-- Neither SECURITY DEFINER nor with a SET clause, which a COMMIT inside does not go with.
CREATE PROCEDURE edgebase.repair_all(batch integer DEFAULT 500)
LANGUAGE plpgsql
AS $$
DECLARE
    done pg_catalog.jsonb;
    last pg_catalog.int8 := 0;
    instances pg_catalog.int8 := 0;
BEGIN
    LOOP
        done := edgebase.repair_batch(last, batch);
        COMMIT;
        instances := instances OPERATOR(pg_catalog.+) (done OPERATOR(pg_catalog.->>) 'instances')::pg_catalog.int8;
        last := (done OPERATOR(pg_catalog.->>) 'last')::pg_catalog.int8;
        EXIT WHEN last IS NULL;
        RAISE NOTICE '% instances looked at', instances;
    END LOOP;
END
$$;
REVOKE ALL ON PROCEDURE edgebase.repair_all(integer) FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE edgebase.repair_all(integer) TO edgebase_admin;
COMMENT ON PROCEDURE edgebase.repair_all(integer) IS 'Repairs everything, in a transaction for each batch of instances';

CREATE FUNCTION edgebase.verify_json() RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_verify';
REVOKE ALL ON FUNCTION edgebase.verify_json() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.verify_json() TO edgebase_admin;

CREATE FUNCTION edgebase.verify()
RETURNS TABLE (what text, object text, problem text, remedy text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM jsonb_to_recordset(edgebase.verify_json()) AS finding(what text, object text, problem text, remedy text)
$$;
REVOKE ALL ON FUNCTION edgebase.verify() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.verify() TO edgebase_admin;
COMMENT ON FUNCTION edgebase.verify() IS 'What is not as it should be, and what to do about it; changes nothing';

CREATE FUNCTION edgebase.adopt_json(batch integer) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_adopt';
REVOKE ALL ON FUNCTION edgebase.adopt_json(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.adopt_json(integer) TO edgebase_admin;

CREATE FUNCTION edgebase.adopt(batch integer DEFAULT 500)
RETURNS TABLE (schema text, key text, version text, adopted boolean, problem text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM jsonb_to_recordset(edgebase.adopt_json(batch))
        AS told(schema text, key text, version text, adopted boolean, problem text)
$$;
REVOKE ALL ON FUNCTION edgebase.adopt(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.adopt(integer) TO edgebase_admin;
COMMENT ON FUNCTION edgebase.adopt(integer) IS 'Enters schemas of instances that the registry does not know';

CREATE FUNCTION edgebase.restore_instance(namespace text, id text, from_schema text) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_restore_instance';
REVOKE ALL ON FUNCTION edgebase.restore_instance(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.restore_instance(text, text, text) TO edgebase_admin;
COMMENT ON FUNCTION edgebase.restore_instance(text, text, text) IS 'Puts a schema that was restored beside an instance in its place';

CREATE FUNCTION edgebase.verify_version(namespace text, id text DEFAULT NULL) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_verify_version';
REVOKE ALL ON FUNCTION edgebase.verify_version(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.verify_version(text, text) TO edgebase_admin;
COMMENT ON FUNCTION edgebase.verify_version(text, text) IS 'Corrects which version an instance is said to be at by its tables';

---------------------------------------------------------------------------------------------
-- Used by CHECK constraints of tenant tables, which are evaluated as whoever writes the row.
---------------------------------------------------------------------------------------------

CREATE FUNCTION edgebase.utf16_length(text) RETURNS integer
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'edgebase_utf16_length';
REVOKE ALL ON FUNCTION edgebase.utf16_length(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.utf16_length(text) TO PUBLIC;
COMMENT ON FUNCTION edgebase.utf16_length(text) IS 'Length in UTF-16 units, as JavaScript counts';

---------------------------------------------------------------------------------------------
-- Views. They read the registry with the rights of their owner. What instances take on disk is
-- joined, so that a query which does not ask for it looks at none of their files: in the list of
-- columns it would be worked out all the same, since sizes are volatile.
---------------------------------------------------------------------------------------------

CREATE VIEW edgebase.instances AS
SELECT i.namespace || CASE WHEN i.id = '' THEN '' ELSE ':' || i.id END AS key,
       i.namespace,
       nullif(i.id, '') AS id,
       i.schema_name AS schema,
       'eb_' || d.oid || '_' || i.number AS role,
       CASE WHEN i.state <> 'active' OR i.version = b.version THEN i.state
            WHEN i.failed_version = b.version THEN 'failed'
            ELSE 'behind' END AS state,
       i.version,
       i.version = b.version AS current,
       i.created_at,
       i.migrated_at,
       stored.size,
       stored.rows,
       CASE WHEN i.failed_version = b.version THEN i.failed_at END AS failed_at,
       CASE WHEN i.failed_version = b.version THEN i.failure END AS failure
FROM edgebase.instance i
JOIN edgebase.block b USING (namespace)
JOIN edgebase.block_version v ON v.version = i.version
JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
LEFT JOIN LATERAL
    (SELECT coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)), 0)::bigint AS size,
            coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint AS rows
     FROM pg_catalog.json_array_elements(v.definition -> 'tables') t
     JOIN pg_catalog.pg_namespace n ON n.nspname = i.schema_name
     CROSS JOIN LATERAL (SELECT c.oid, c.reltuples FROM pg_catalog.pg_class c
                         WHERE c.relname = (t ->> 'name') AND c.relnamespace = n.oid OFFSET 0) c)
    stored ON true;
REVOKE ALL ON TABLE edgebase.instances FROM PUBLIC;
GRANT SELECT ON TABLE edgebase.instances TO edgebase_admin;
COMMENT ON VIEW edgebase.instances IS 'Every instance; rows is the estimate of the last analyze';

CREATE VIEW edgebase.blocks AS
SELECT b.namespace, b.kind, b.version, b.configured, b.applied_at, v.definition -> 'tables' AS tables
FROM edgebase.block b JOIN edgebase.block_version v USING (version);
REVOKE ALL ON TABLE edgebase.blocks FROM PUBLIC;
GRANT SELECT ON TABLE edgebase.blocks TO edgebase_proxy, edgebase_admin, edgebase_analyst;
COMMENT ON VIEW edgebase.blocks IS 'Every block with the stored form of its tables';

CREATE VIEW edgebase.versions AS
SELECT v.namespace, v.version, v.version = b.version AS current, v.recorded_at
FROM edgebase.block_version v JOIN edgebase.block b USING (namespace);
REVOKE ALL ON TABLE edgebase.versions FROM PUBLIC;
GRANT SELECT ON TABLE edgebase.versions TO edgebase_proxy, edgebase_admin, edgebase_analyst;
COMMENT ON VIEW edgebase.versions IS 'Every version that a block has had';

CREATE VIEW edgebase.audit AS
SELECT seq, at, actor, action, namespace, id, details FROM edgebase.audit_log;
REVOKE ALL ON TABLE edgebase.audit FROM PUBLIC;
GRANT SELECT ON TABLE edgebase.audit TO edgebase_admin;
COMMENT ON VIEW edgebase.audit IS 'Who did what to which instance, oldest first by seq';

---------------------------------------------------------------------------------------------
-- DROP EXTENSION removes none of the schemas and roles of instances; this says so beforehand, and
-- refuses DROP OWNED and drops of other extensions that would take this one along. Where the library
-- is gone, ALTER EVENT TRIGGER edgebase_warn_of_drop DISABLE comes first.
---------------------------------------------------------------------------------------------

CREATE FUNCTION edgebase.warn_of_drop() RETURNS event_trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'edgebase_warn_of_drop';
REVOKE ALL ON FUNCTION edgebase.warn_of_drop() FROM PUBLIC;
COMMENT ON FUNCTION edgebase.warn_of_drop() IS 'Says what DROP EXTENSION edgebase leaves behind, and refuses what would take it along';

CREATE EVENT TRIGGER edgebase_warn_of_drop ON ddl_command_start WHEN TAG IN ('DROP EXTENSION', 'DROP OWNED')
    EXECUTE FUNCTION edgebase.warn_of_drop();

---------------------------------------------------------------------------------------------
-- Outside the schema edgebase. A tenant needs no temporary tables, what is planted in public
-- could be mistaken for something trusted, and nobody needs to lock a view of the catalog.
---------------------------------------------------------------------------------------------

DO $$
BEGIN
    EXECUTE pg_catalog.format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', pg_catalog.current_database());
    IF EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'public') THEN
        REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    END IF;
END
$$;
-- Who may update the view may lock it, and so make whoever reads it wait; SET does the same.
REVOKE UPDATE ON TABLE pg_catalog.pg_settings FROM PUBLIC;
