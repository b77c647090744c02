-- The library is loaded at the first call. Can a login role set a limit before that, when the
-- setting is still an unknown name that anybody may set? Needs a connection of its own.
\set VERBOSITY sqlstate
\set QUIET on
\pset tuples_only on
\pset format unaligned
SET client_min_messages = error;
SET edgebase.statement_timeout = 0;
SET edgebase.lock_timeout = '1h';

\set attack 'a time limit lifted before the library was loaded does not count'
\set expect 00000
\ir ../lib/begin.sql
SELECT 1 / (current_setting('statement_timeout') = '2s')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a lock limit lifted before the library was loaded does not count'
\set expect 00000
\ir ../lib/begin.sql
SELECT 1 / (current_setting('lock_timeout') = '10s')::int \g /dev/null
\ir ../lib/verdict.sql

\set attack 'a stricter limit of the session stands'
\set expect 00000
SET statement_timeout = '1s';
\ir ../lib/begin.sql
SELECT 1 / (current_setting('statement_timeout') = '1s')::int \g /dev/null
\ir ../lib/verdict.sql
RESET statement_timeout;

\set attack 'a misspelt setting of ours is refused'
\set expect 42602
SET edgebase.statment_timeout = 0;
\ir ../lib/verdict.sql
