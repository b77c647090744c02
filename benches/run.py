"""What does a request cost, and does it stay that way with many tenants?

    make bench          everything, under half an hour; writes benches/RESULTS.md
    make bench-smoke    the same path in miniature, to see that it works; writes nothing

Both start the product that `make build extension` made. Every case is answered in full: a single
refused request ends the run.
"""

import argparse
import datetime
import os
import pathlib
import subprocess
import sys
import time

import measure
import report
import row_rules
from product import ROOT, Product

# Requests of one instance, in the order in which they are reported: name, what wrk sends, the
# ceiling that it is held against, and how many requests of that one it is worth.
CASES = [
    ("get by id", "get", "select"),
    ("get with a membership rule", "member", "select"),
    ("list 20 of 100, with total", "list", None),
    ("filtered list", "filter", None),
    ("list 100, no rule on rows", "unruled", None),
    ("list 100, a rule on every row", "ruled", None),
    ("insert", "insert", "insert"),
    ("patch, a rule on the row", "patch", "insert"),
    ("batch of 100 inserts", "batch", None),
    ("raw SQL", "sql", None),
]

CEILINGS = {
    "select": """\\set id random(1, 100)
SELECT id, "createdAt", "updatedAt", title, body, "ownerId", rank, done FROM ceiling.notes WHERE id = :id;
""",
    "insert": """\\set n random(1, 9223372036854775807)
INSERT INTO ceiling.fresh (id, title, body, "ownerId", rank, done)
VALUES (:n, 'a title', 'some text of a note', 'u1', 5, false)
RETURNING id, "createdAt", "updatedAt", title, body, "ownerId", rank, done;
""",
}

COLUMNS = """id text COLLATE "C" PRIMARY KEY, "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
"updatedAt" timestamptz(3) NOT NULL DEFAULT now(), title text COLLATE "C" NOT NULL,
body text COLLATE "C", "ownerId" text COLLATE "C", rank double precision, done boolean"""


def rows(table, first, last):
    return (
        f"INSERT INTO {table} (id, title, body, \"ownerId\", rank, done) SELECT 'n' || n, 'note ' || n, "
        f"repeat('some text ', 8), 'u1', n, n % 2 = 0 FROM generate_series({first}, {last}) n;"
    )


def prepare(product):
    """The instance that single cases use, one with a member, one that is large, the ceilings."""
    product.sql(
        f"CREATE SCHEMA ceiling; CREATE TABLE ceiling.notes ({COLUMNS});"
        f"CREATE TABLE ceiling.fresh ({COLUMNS});"
        "INSERT INTO ceiling.notes (id, title, body, \"ownerId\", rank, done) SELECT n, 'note ' || n,"
        "repeat('some text ', 8), 'u1', n, n % 2 = 0 FROM generate_series(1, 100) n;"
    )
    for key in ("'space', 'i0'", "'space', 'i900000'", "'workspace', 'w1'"):
        product.sql(f"SELECT edgebase.create_instance({key})")
    product.sql(
        rows('"space:i0".notes', 1, 100) + rows('"space:i0".open', 1, 100)
        + rows('"workspace:w1".notes', 1, 100)
        + "INSERT INTO \"workspace:w1\".members (id, role) VALUES ('u1', 'editor');"
        + rows('"space:i900000".open', 1, 100_000)
    )
    product.sql("VACUUM ANALYZE")


def populate(product, first, last):
    """Makes instances by SQL, each with a record, a few in a transaction; fsync is off meanwhile."""
    if last <= first:
        return
    product.sql("ALTER SYSTEM SET fsync = off")
    product.sql("SELECT pg_reload_conf()")
    writers = 2 * (os.cpu_count() or 1)
    texts = [[] for _ in range(writers)]
    for n in range(first, last):
        text = texts[n % writers]
        text.append(
            f"SELECT edgebase.create_instance('space', 'i{n}');"
            f"INSERT INTO \"space:i{n}\".notes (id, title, \"ownerId\", rank) VALUES ('n1', 'note', 'u1', 1);"
        )
    scripts = []
    for text in texts:
        groups = [text[i : i + 8] for i in range(0, len(text), 8)]
        scripts.append("\n".join("BEGIN;" + "\n".join(group) + "COMMIT;" for group in groups))
    product.scripts(scripts)
    product.sql("ALTER SYSTEM RESET fsync")
    product.sql("SELECT pg_reload_conf()")
    product.sql("CHECKPOINT")


def single(product, options):
    """Cases on one instance and their ceilings, in turn, round by round."""
    taken = {}
    for _ in range(options.rounds):
        for name, script in CEILINGS.items():
            result = measure.pgbench(product, script, seconds=options.seconds)
            taken.setdefault(f"ceiling: {name}", []).append(result)
        for name, kind, _ in CASES:
            os.environ["BENCH_ROWS"] = "100"
            measure.wrk(product, kind, seconds=options.warmup)
            taken.setdefault(name, []).append(measure.wrk(product, kind, seconds=options.seconds))
        # What was inserted would make later rounds' tables another case.
        product.sql("DELETE FROM \"space:i0\".open WHERE id !~ '^n[0-9]+$'; TRUNCATE ceiling.fresh")
        product.sql('VACUUM ANALYZE "space:i0".open, "space:i0".notes')
    return {name: measure.median(rounds) for name, rounds in taken.items()}


def many(product, count, options, fresh):
    """Gets with that many instances, hot and uniform; what the memory comes to; creation and
    deletion beside them."""
    os.environ["BENCH_ROWS"] = "1"
    hot, uniform = [], []
    # Every connection has to have met its instances before the cost is that of a warm server.
    warm = min(options.longest, max(options.warmup, count / 150))
    measure.wrk(product, "get", instances=count, seconds=warm)
    for _ in range(options.rounds):
        hot.append(measure.wrk(product, "get", seconds=options.seconds))
        uniform.append(measure.wrk(product, "get", instances=count, seconds=options.seconds))
    memory = product.memory()
    created, dropped = [], []
    for _ in range(options.rounds):
        first = next(fresh)
        created.append(measure.wrk(product, "create", first=first, seconds=options.seconds))
        # wrk tries its script before it sends anything, and what was asked for last may not have
        # been made when it stopped.
        made = created[-1]["requests"] - 2 * measure.CONNECTIONS
        dropped.append(
            measure.deletions(product, first + measure.CONNECTIONS, max(1, min(made, options.deletions)))
        )
    median = measure.median
    return {
        "hot": median(hot),
        "uniform": median(uniform),
        "created": median(created),
        "dropped": median(dropped),
        "memory": memory,
    }


def noisy(product, options):
    """A quiet tenant, alone and beside one that scans, and beside one that floods."""
    path = "/api/db/space/i0/tables/notes/n1"
    seconds = options.seconds * 2
    result = {}
    for name, work in (
        ("alone", None),
        ("beside 16 connections of heavy scans", ("scan", 1, 900_000, 16)),
        ("beside 16 connections of gets at full speed", ("get", 1, 1, 16)),
        ("beside 160 connections of gets at full speed", ("get", 1, 1, 160)),
    ):
        os.environ["BENCH_ROWS"] = "1"
        other = measure.beside(product, work) if work else None
        try:
            time.sleep(1)
            result[name] = measure.paced(product, path, 100, seconds)
        finally:
            if other:
                other.terminate()
                other.wait()
        time.sleep(1)
    return result


def idle(product, seconds):
    time.sleep(2)
    before = product.cpu()
    time.sleep(seconds)
    after = product.cpu()
    return {
        "proxy": (after[0] - before[0]) / seconds,
        "postgres": (after[1] - before[1]) / seconds,
        "memory": product.memory(),
    }


def environment(product, options):
    run = lambda *command: subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout.strip()
    cpu = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    total = int(open("/proc/meminfo").readline().split()[1]) / 1024 / 1024
    dirty = " with uncommitted changes" if run("git", "status", "--porcelain", "--untracked-files=no") else ""
    return {
        "machine": f"{os.cpu_count()} cores ({cpu}), {total:.0f} GB, Linux {os.uname().release}",
        "commit": run("git", "rev-parse", "--short", "HEAD") + dirty,
        "date": datetime.date.today().isoformat(),
        "PostgreSQL": product.sql("SHOW server_version") + ", "
        + ", ".join(f"{n} {product.sql('SHOW ' + n)}" for n in ("shared_buffers", "fsync", "synchronous_commit")),
        "method": f"{measure.CONNECTIONS} connections, median of {options.rounds} rounds of "
        f"{options.seconds:g} seconds, load generator on the same machine",
        "load average at the start": open("/proc/loadavg").read().split()[0],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="in miniature, writing nothing")
    parser.add_argument("--counts", help="instances to measure with, e.g. 1,100,10000")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--only", choices=["single", "rows", "many", "noisy"], help="one part, printed")
    options = parser.parse_args()
    options.counts = [int(n) for n in (options.counts or ("1,20" if options.smoke else "1,100,10000,100000")).split(",")]
    options.rounds = options.rounds or (1 if options.smoke else 3)
    options.seconds = options.seconds or (1 if options.smoke else 5)
    options.warmup, options.longest = (1, 1) if options.smoke else (2, 60)
    options.large_rows = 20_000 if options.smoke else 1_000_000
    options.deletions = 20 if options.smoke else 200

    binary = os.environ.get("EDGEBASE_BIN") or ROOT / "target/release/edgebase"
    postgres_bin = os.environ["EDGEBASE_PG_BIN"]
    began = time.monotonic()
    say = lambda text: print(f"[{time.monotonic() - began:5.0f} s] {text}", file=sys.stderr, flush=True)
    # What the operations guide says of a server this size.
    buffers = "128MB" if options.smoke else "1GB"
    product = Product(binary, postgres_bin, {"shared_buffers": buffers})
    try:
        results = {"environment": environment(product, options)}
        prepare(product)
        if options.only in (None, "single"):
            say("one instance")
            results["single"] = single(product, options)
        if options.only in (None, "rows"):
            say("rules on rows")
            os.environ["BENCH_ROWS"] = "100"
            results["rows"] = row_rules.measured(product, options)
        if options.only in (None, "noisy"):
            say("noisy neighbours")
            results["noisy"] = noisy(product, options)
        if options.only in (None, "many"):
            results["many"] = {}
            fresh = iter(range(10_000_000, 1_000_000_000, 1_000_000))
            have = 1
            for count in options.counts:
                say(f"making {count} instances")
                populate(product, have, count)
                have = max(have, count)
                say(f"measuring with {count}")
                results["many"][count] = many(product, count, options, fresh)
            say("idle, and a cold start")
            results["idle"] = idle(product, 2 if options.smoke else 20)
            product.stop()
            results["cold start"] = product.start()
        say("done")
    finally:
        product.remove()
    text = report.markdown(results, CASES)
    if options.smoke or options.only:
        print(text)
    else:
        pathlib.Path(ROOT / "benches/RESULTS.md").write_text(text)
        say("written to benches/RESULTS.md")


if __name__ == "__main__":
    main()
