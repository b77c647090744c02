-- Which questions can be asked of all instances at once? Examples to copy from, over the config of
-- examples/saas: a dynamic block `workspace` with invoices and documents, and a single-instance block
-- `directory` with the members of each workspace.
--
--   psql "$ANALYST_URL" -f sql/analytics-examples.sql
--
-- as a member of edgebase_analyst. The materialized view at the end needs a schema to live in, which
-- the administrator makes once:
--
--   CREATE SCHEMA reports AUTHORIZATION your_analyst;

\echo == Revenue per tenant
SELECT instance_id, sum(amount) AS revenue, count(*) AS invoices
FROM workspace.invoices
WHERE status = 'paid'
GROUP BY instance_id
ORDER BY revenue DESC;

\echo == The ten largest tenants and their share of the whole
SELECT instance_id, revenue, round((100 * revenue / sum(revenue) OVER ())::numeric, 1) AS percent
FROM (SELECT instance_id, sum(amount) AS revenue FROM workspace.invoices WHERE status = 'paid' GROUP BY instance_id) AS tenant
ORDER BY revenue DESC
LIMIT 10;

\echo == One tenant: only its table is read
SELECT date_trunc('month', "createdAt") AS month, sum(amount) AS revenue
FROM workspace.invoices
WHERE instance_id = 'acme'
GROUP BY month
ORDER BY month;

\echo == What EXPLAIN says of it
EXPLAIN (COSTS off) SELECT * FROM workspace.invoices WHERE instance_id = 'acme' AND number = '2026-001';

\echo == Tenants without a single document
SELECT id AS instance_id
FROM edgebase.instance_stats
WHERE namespace = 'workspace'
EXCEPT
SELECT instance_id FROM workspace.documents;

\echo == Median and 95th percentile of an invoice, per tenant and over all
SELECT coalesce(instance_id, 'all') AS instance_id,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) AS median,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY amount) AS p95
FROM workspace.invoices
GROUP BY GROUPING SETS ((instance_id), ())
ORDER BY workspace.invoices.instance_id NULLS LAST;

\echo == Cohorts: by the month of their first document, how many tenants wrote one in each month since
WITH active AS (
    SELECT DISTINCT instance_id, date_trunc('month', "createdAt") AS month FROM workspace.documents
), cohort AS (
    SELECT instance_id, min(month) AS started FROM active GROUP BY instance_id
)
SELECT started, extract(year FROM age(month, started)) * 12 + extract(month FROM age(month, started)) AS months_later, count(*) AS tenants
FROM active JOIN cohort USING (instance_id)
GROUP BY started, months_later
ORDER BY started, months_later;

\echo == Joined with a single-instance block: revenue per member
SELECT i.instance_id, i.revenue, m.members, i.revenue / nullif(m.members, 0) AS per_member
FROM (SELECT instance_id, sum(amount) AS revenue FROM workspace.invoices WHERE status = 'paid' GROUP BY instance_id) AS i
LEFT JOIN (SELECT split_part(id, ':', 2) AS workspace, count(*) FILTER (WHERE active) AS members
           FROM directory.workspace_members GROUP BY workspace) AS m ON m.workspace = i.instance_id
ORDER BY per_member DESC NULLS LAST;

\echo == For a few tenants that another table names: only theirs are read
SELECT d.instance_id, count(*) AS documents
FROM (SELECT DISTINCT split_part(id, ':', 2) AS workspace FROM directory.workspace_members WHERE role = 'owner') AS owned
JOIN workspace.documents d ON d.instance_id = owned.workspace
GROUP BY d.instance_id;

\echo == Size, rows and last write of every tenant, cheap enough to poll
SELECT key, pg_size_pretty(size) AS size, rows, writes, last_write
FROM edgebase.instance_stats
ORDER BY instance_stats.size DESC
LIMIT 10;

\echo == A report that is kept and refreshed
CREATE MATERIALIZED VIEW IF NOT EXISTS reports.revenue AS
SELECT instance_id, date_trunc('day', "createdAt") AS day, status, sum(amount) AS amount, count(*) AS invoices
FROM workspace.invoices
GROUP BY instance_id, day, status;
-- On a schedule, by cron: psql "$ANALYST_URL" -c 'REFRESH MATERIALIZED VIEW reports.revenue'
-- or inside the server, by pg_cron:
--   SELECT cron.schedule('0 * * * *', 'REFRESH MATERIALIZED VIEW reports.revenue');
-- CONCURRENTLY, so that readers do not wait, needs a unique index and, since it works in a temporary
-- table, GRANT TEMPORARY ON DATABASE ... TO your_analyst.
REFRESH MATERIALIZED VIEW reports.revenue;
SELECT status, sum(amount) FROM reports.revenue GROUP BY status ORDER BY status;
