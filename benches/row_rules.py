"""What does a `read` rule that looks at rows cost?

Each case runs beside what it is held against, in turn, round by round: the same request under a
rule that looks at no row, PocketBase with the same rule, and over many rows the statements that a
person would write by hand.
"""

import measure
from peer import PocketBase

OWNED_ROWS = 1_000
PAGE = 20

COLUMNS = 'id, "createdAt", "updatedAt", title, body, "ownerId", rank, done'
BY_HAND_COUNT = """SELECT count(*) FROM ceiling.large WHERE "ownerId" = 'u1';
"""
BY_HAND_LIST = f"""SELECT {COLUMNS} FROM ceiling.large WHERE "ownerId" = 'u1' ORDER BY id LIMIT {PAGE};
SELECT count(*) FROM ceiling.large WHERE "ownerId" = 'u1';
"""


def prepare(product, rows):
    """A table of that many rows, of which the caller owns a thousand, evenly spread."""
    every = max(1, rows // OWNED_ROWS)
    product.sql("SELECT edgebase.create_instance('space', 'big')")
    product.sql(
        "INSERT INTO \"space:big\".large (id, title, body, \"ownerId\", rank, done) SELECT 'n' || n, "
        "'note ' || n, repeat('some text ', 8), "
        f"CASE WHEN n % {every} = 0 THEN 'u1' ELSE 'u' || (2 + n % 1000) END, n, n % 2 = 0 "
        f"FROM generate_series(1, {rows}) n"
    )
    product.sql('VACUUM ANALYZE "space:big".large')
    # pgbench takes a colon in a name for a variable of its own.
    product.sql('CREATE VIEW ceiling.large AS SELECT * FROM "space:big".large')


def measured(product, options):
    """Medians by name: what is measured and what it is held against."""
    prepare(product, options.large_rows)
    other = PocketBase(100)
    try:
        runs = {
            "list 20 of 100 with total, no rule on rows": lambda s: measure.wrk(product, "openlist", seconds=s),
            "list 20 of 100 with total, owner rule": lambda s: measure.wrk(product, "list", seconds=s),
            "PocketBase, the same list and rule": lambda s: measure.wrk(other, "peer", seconds=s),
            "PATCH, no rule on rows": lambda s: measure.wrk(product, "openpatch", seconds=s),
            "PATCH, owner rule": lambda s: measure.wrk(product, "patch", seconds=s),
            "count of the caller's 1,000, by hand": lambda s: measure.pgbench(product, BY_HAND_COUNT, seconds=s),
            "count of the caller's 1,000, owner rule": lambda s: measure.wrk(product, "largecount", seconds=s),
            "list with total of the caller's 1,000, by hand": lambda s: measure.pgbench(product, BY_HAND_LIST, seconds=s),
            "list with total of the caller's 1,000, owner rule": lambda s: measure.wrk(product, "largelist", seconds=s),
        }
        taken = {}
        for _ in range(options.rounds):
            for name, run in runs.items():
                run(options.warmup)
                taken.setdefault(name, []).append(run(options.seconds))
            product.sql('VACUUM ANALYZE "space:i0".open, "space:i0".notes')
    finally:
        other.remove()
    return {name: measure.median(rounds) for name, rounds in taken.items()}


def targets(result):
    """Each target, what was measured, and whether it is met."""
    cost = lambda name: result[name]["proxy"] + result[name]["postgres"]
    ratio = lambda name, of: cost(name) / cost(of)
    # By hand there is no HTTP: what the query costs is compared where both run.
    query = lambda name: result[name + ", owner rule"]["postgres"] / result[name + ", by hand"]["postgres"]
    lists = ratio("list 20 of 100 with total, owner rule", "list 20 of 100 with total, no rule on rows")
    peer = (result["list 20 of 100 with total, owner rule"]["rate"]
            / result["PocketBase, the same list and rule"]["rate"])
    patch = ratio("PATCH, owner rule", "PATCH, no rule on rows")
    count = query("count of the caller's 1,000")
    large = query("list with total of the caller's 1,000")
    return [
        ("list with total, owner rule: at most 1.3 times no rule", f"{lists:.2f}", lists <= 1.3),
        ("the same beside PocketBase: at least 3 times its throughput", f"{peer:.1f}", peer >= 3),
        ("PATCH, owner rule: at most 1.3 times no rule", f"{patch:.2f}", patch <= 1.3),
        ("count over many rows, owner rule: at most 2 times by hand, in PostgreSQL", f"{count:.2f}", count <= 2),
        ("list over many rows, owner rule: at most 2 times by hand, in PostgreSQL", f"{large:.2f}", large <= 2),
    ]
