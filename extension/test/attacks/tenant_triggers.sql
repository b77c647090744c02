-- run: login=postgres
-- The attacker is sealed into an instance whose config has a foreign key that cascades and a
-- trigger, and chooses by its rows what the trigger runs. A cascade runs as edgebase_owner.

\set attack 'a cascade that reads its own instance still may'
\set expect 00000
SELECT $a$SELECT count(*) FROM p$a$ AS statement \gset
\ir ../lib/cascade.sql
\ir ../lib/verdict.sql

\set attack 'a cascade reads another tenant'
\set expect EB009
SELECT $a$SELECT note FROM "tenant:victim".invoices$a$ AS statement \gset
\ir ../lib/cascade.sql
\ir ../lib/verdict.sql

\set attack 'a cascade deletes another tenant''s rows'
\set expect EB009
SELECT $a$DELETE FROM "tenant:victim".invoices$a$ AS statement \gset
\ir ../lib/cascade.sql
\ir ../lib/verdict.sql

\set attack 'a cascade exports another tenant'
\set expect EB008
SELECT $a$SELECT edgebase.export_instance('tenant', 'victim')$a$ AS statement \gset
\ir ../lib/cascade.sql
\ir ../lib/verdict.sql

\set attack 'a cascade changes a setting'
\set expect EB008
SELECT $a$SELECT set_config('timezone', 'Asia/Tokyo', false)$a$ AS statement \gset
\ir ../lib/cascade.sql
\ir ../lib/verdict.sql
