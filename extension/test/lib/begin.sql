BEGIN;
SELECT edgebase.enter('tenant', 'mallory') \g /dev/null
