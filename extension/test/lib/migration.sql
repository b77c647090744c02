-- Begins a transaction in which block m is given a table and one row, and then :'up' as a migration.
BEGIN;
SELECT edgebase.apply_config('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}}}}}}') \g /dev/null
SELECT edgebase.import_instance('m', NULL, '[{"table_name": "t", "record": {"createdAt": "2026-01-01", "updatedAt": "2026-01-01", "id": "1"}}]') \g /dev/null
SELECT edgebase.apply_config(jsonb_set('{"databases": {"m": {"tables": {"t": {"schema": {"a": "string"}}}}}}',
    '{databases,m,tables,t,migrations}', jsonb_build_array(jsonb_build_object('version', 1, 'description', 'x', 'up', :'up')))) \g /dev/null
