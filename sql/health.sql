-- Is everything as it should be?
--
-- Reads only. Run as a member of edgebase_admin:  psql -d app -f sql/health.sql

\echo 'Instances by block and state'
SELECT namespace, state, count(*), pg_size_pretty(sum(size)) AS size
  FROM edgebase.instances
 GROUP BY namespace, state
 ORDER BY namespace, state;

\echo 'Instances not at their block''s version (they are brought up at their next use)'
SELECT namespace, count(*)
  FROM edgebase.instances
 WHERE NOT current
 GROUP BY namespace;

\echo 'The last twenty lifecycle events'
SELECT * FROM edgebase.audit ORDER BY 1 DESC LIMIT 20;

-- A superuser is a member of every role; one is listed here only where it was granted this one.
\echo 'Roles that can log in and are proxies; none of them may be a superuser'
SELECT r.rolname, r.rolsuper, r.rolbypassrls
  FROM pg_roles r
 WHERE r.rolcanlogin
   AND CASE WHEN r.rolsuper
            THEN EXISTS (SELECT FROM pg_auth_members m
                          WHERE m.member = r.oid AND m.roleid = 'edgebase_proxy'::regrole)
            ELSE pg_has_role(r.oid, 'edgebase_proxy', 'MEMBER')
       END
 ORDER BY 1;
