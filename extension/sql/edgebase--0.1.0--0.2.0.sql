-- From 0.1.0 to 0.2.0: what bootstrap.sql has gained since, object by object.
--
-- Everything that bootstrap.sql gains goes here too, word for word, and a test compares a database
-- that came this way with a fresh one. Nothing here may depend on which of the two it was.

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
-- Analytics: one relation for each table of a dynamic block, over all its instances. The relations
-- are foreign tables that apply_config makes in a schema named after the block; nobody but
-- superusers may make others, because nobody has USAGE on the server.
---------------------------------------------------------------------------------------------

-- The library reads this table by column number, as it does the registry's others.
CREATE TABLE edgebase.analytics (
    namespace   text COLLATE "C" NOT NULL,
    schema_name text COLLATE "C",
    definition  json NOT NULL,
    CONSTRAINT analytics_pkey PRIMARY KEY (namespace),
    CONSTRAINT analytics_schema_key UNIQUE (schema_name)
);
COMMENT ON TABLE edgebase.analytics IS 'What analysts see of each block, and the schema of its relations';
REVOKE ALL ON TABLE edgebase.analytics FROM PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('edgebase.analytics', '');

CREATE FUNCTION edgebase.analytics_handler() RETURNS fdw_handler
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'edgebase_analytics_handler';
REVOKE ALL ON FUNCTION edgebase.analytics_handler() FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER edgebase_fdw HANDLER edgebase.analytics_handler NO VALIDATOR;
REVOKE ALL ON FOREIGN DATA WRAPPER edgebase_fdw FROM PUBLIC;
COMMENT ON FOREIGN DATA WRAPPER edgebase_fdw IS 'Reads the same table of every instance of a block';

CREATE SERVER edgebase_instances FOREIGN DATA WRAPPER edgebase_fdw;
REVOKE ALL ON FOREIGN SERVER edgebase_instances FROM PUBLIC;
COMMENT ON SERVER edgebase_instances IS 'The instances of this database';

-- What the file system knows of a relation's main file, without opening the relation: neither
-- locks nor the caches grow with the number of instances looked at.
CREATE FUNCTION edgebase.file_size(relation oid) RETURNS bigint
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'edgebase_file_size';
REVOKE ALL ON FUNCTION edgebase.file_size(oid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.file_size(oid) TO edgebase_admin, edgebase_analyst;
COMMENT ON FUNCTION edgebase.file_size(oid) IS 'Bytes of a relation''s main file, 0 where there is none';

CREATE FUNCTION edgebase.file_written(relation oid) RETURNS timestamptz
LANGUAGE c VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'edgebase_file_written';
REVOKE ALL ON FUNCTION edgebase.file_written(oid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.file_written(oid) TO edgebase_admin, edgebase_analyst;
COMMENT ON FUNCTION edgebase.file_written(oid) IS 'When the server last wrote a relation''s main file';

-- One pass over pg_class, whatever the number of instances; a condition on the instance comes first.
CREATE VIEW edgebase.instance_stats AS
SELECT i.namespace || CASE WHEN i.id = '' THEN '' ELSE ':' || i.id END AS key,
       i.namespace,
       nullif(i.id, '') AS id,
       i.schema_name AS schema,
       coalesce(pg_catalog.sum(edgebase.file_size(c.oid) + edgebase.file_size(c.reltoastrelid)), 0)::bigint AS size,
       coalesce(pg_catalog.sum(pg_catalog.pg_stat_get_live_tuples(c.oid))
                    FILTER (WHERE c.relkind = 'r'), 0)::bigint AS rows,
       coalesce(pg_catalog.sum(pg_catalog.pg_stat_get_tuples_inserted(c.oid)
                               + pg_catalog.pg_stat_get_tuples_updated(c.oid)
                               + pg_catalog.pg_stat_get_tuples_deleted(c.oid))
                    FILTER (WHERE c.relkind = 'r'), 0)::bigint AS writes,
       pg_catalog.max(edgebase.file_written(c.oid)) FILTER (WHERE c.relkind = 'r') AS last_write
FROM edgebase.instance i
LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = i.schema_name
LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'i')
GROUP BY i.namespace, i.id;
REVOKE ALL ON TABLE edgebase.instance_stats FROM PUBLIC;
GRANT SELECT ON TABLE edgebase.instance_stats TO edgebase_admin, edgebase_analyst;
COMMENT ON VIEW edgebase.instance_stats IS 'Size, rows and last write of every instance, cheap enough to poll';

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

ALTER TABLE edgebase.instance
    ADD COLUMN failed_version text COLLATE "C",
    ADD COLUMN failed_at timestamptz,
    ADD COLUMN failure jsonb;
COMMENT ON COLUMN edgebase.instance.failed_version IS 'The version that its last migration failed to reach';

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

DROP FUNCTION edgebase.apply_config(jsonb, boolean);

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

CREATE FUNCTION edgebase.drop_instance(namespace text, id text, caller text) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_drop_instance_for';
REVOKE ALL ON FUNCTION edgebase.drop_instance(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.drop_instance(text, text, text) TO edgebase_proxy, edgebase_admin;
COMMENT ON FUNCTION edgebase.drop_instance(text, text, text) IS 'Deletes an instance for somebody whom the receipt names';

CREATE FUNCTION edgebase.migrate_behind(namespace text DEFAULT NULL, retry boolean DEFAULT false, after bigint DEFAULT 0) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_migrate_behind';
REVOKE ALL ON FUNCTION edgebase.migrate_behind(text, boolean, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edgebase.migrate_behind(text, boolean, bigint) TO edgebase_admin;
COMMENT ON FUNCTION edgebase.migrate_behind(text, boolean, bigint) IS 'Migrates the next instance that is behind and that nobody is busy with; null when there is none';

DROP VIEW edgebase.instances;

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

CREATE VIEW edgebase.versions AS
SELECT v.namespace, v.version, v.version = b.version AS current, v.recorded_at
FROM edgebase.block_version v JOIN edgebase.block b USING (namespace);
REVOKE ALL ON TABLE edgebase.versions FROM PUBLIC;
GRANT SELECT ON TABLE edgebase.versions TO edgebase_proxy, edgebase_admin, edgebase_analyst;
COMMENT ON VIEW edgebase.versions IS 'Every version that a block has had';

-- Who may update the view may lock it, and so make whoever reads it wait; SET does the same.
REVOKE UPDATE ON TABLE pg_catalog.pg_settings FROM PUBLIC;

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
CREATE OR REPLACE FUNCTION edgebase.export_instance(namespace text, id text DEFAULT NULL)
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
-- Where the extension is registered. 0.1.0 was in the schema that search_path began with, public
-- as a rule, and DROP SCHEMA public CASCADE took it along. pg_catalog cannot be dropped, and the
-- schema edgebase, which belongs to the extension, not without it.
---------------------------------------------------------------------------------------------

DELETE FROM pg_catalog.pg_depend
WHERE classid = 'pg_catalog.pg_extension'::pg_catalog.regclass
  AND objid = (SELECT oid FROM pg_catalog.pg_extension WHERE extname = 'edgebase')
  AND refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass;
UPDATE pg_catalog.pg_extension SET extnamespace = 'pg_catalog'::pg_catalog.regnamespace WHERE extname = 'edgebase';

---------------------------------------------------------------------------------------------
-- Last of all, in every script: default privileges of whoever installs the extension have been granted
-- on every object above. What is granted there and no more is left.
---------------------------------------------------------------------------------------------

CREATE FUNCTION edgebase.close_extension() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS 'MODULE_PATHNAME', 'edgebase_close_extension';
REVOKE ALL ON FUNCTION edgebase.close_extension() FROM PUBLIC;
COMMENT ON FUNCTION edgebase.close_extension() IS 'Takes back what default privileges granted on the extension''s objects';

SELECT edgebase.close_extension();
