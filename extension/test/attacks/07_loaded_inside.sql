-- The library may be loaded inside a function of somebody else's rights, where PostgreSQL does not
-- let settings change. Do the operator's limits count in that session all the same? Needs a
-- connection of its own.
\set VERBOSITY sqlstate
\set QUIET on
\pset tuples_only on
\pset format unaligned

\set attack 'enter inside a security-definer function, as the first call of a session'
\set expect EB005
SELECT public.enter_as_definer();
\ir ../lib/verdict.sql

\set attack 'the operator''s time limit counts although the library was loaded in there'
\set expect 00000
\ir ../lib/begin.sql
SELECT 1 / (current_setting('statement_timeout') = '2s')::int \g /dev/null
\ir ../lib/verdict.sql
