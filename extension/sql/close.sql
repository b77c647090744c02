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
