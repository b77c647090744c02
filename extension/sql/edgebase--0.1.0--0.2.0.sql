-- From 0.1.0 to 0.2.0: what bootstrap.sql has gained since, object by object.
--
-- Everything that bootstrap.sql gains goes here too, word for word, and a test compares a database
-- that came this way with a fresh one. Nothing here may depend on which of the two it was.

---------------------------------------------------------------------------------------------
-- DROP EXTENSION removes none of the schemas and roles of instances; this says so beforehand. Where
-- the library is gone, ALTER EVENT TRIGGER edgebase_warn_of_drop DISABLE comes first.
---------------------------------------------------------------------------------------------

CREATE FUNCTION edgebase.warn_of_drop() RETURNS event_trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'edgebase_warn_of_drop';
REVOKE ALL ON FUNCTION edgebase.warn_of_drop() FROM PUBLIC;
COMMENT ON FUNCTION edgebase.warn_of_drop() IS 'Says what DROP EXTENSION edgebase leaves behind';

CREATE EVENT TRIGGER edgebase_warn_of_drop ON ddl_command_start WHEN TAG IN ('DROP EXTENSION')
    EXECUTE FUNCTION edgebase.warn_of_drop();
