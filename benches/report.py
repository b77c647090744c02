"""How do the measurements read?"""

import row_rules


def table(head, lines):
    rule = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines]) + "\n"


def figure(value, form="{:.0f}"):
    return "" if value is None else form.format(value)


def cost(result):
    return result["proxy"] + result["postgres"]


def line(name, result, of=""):
    return [
        name, figure(result["rate"], "{:,.0f}"), of, figure(result["p50"], "{:.2f}"),
        figure(result["p99"], "{:.2f}"), figure(result["proxy"]), figure(result["postgres"]),
        figure(cost(result)), figure(result["spread"] * 100, "{:.0f} %"),
    ]


HEAD = ["case", "a second", "of ceiling", "p50 ms", "p99 ms", "proxy µs", "PostgreSQL µs", "µs in all", "spread"]


def singles(single, cases):
    lines = [
        line(f"pgbench, {name}", single[f"ceiling: {name}"], "1")
        for name in ("select", "insert")
    ]
    for name, _, ceiling in cases:
        of = ""
        if ceiling:
            of = figure(single[name]["rate"] / single[f"ceiling: {ceiling}"]["rate"], "{:.2f}")
        lines.append(line(name, single[name], of))
    return table(HEAD, lines)


def manys(many):
    lines = []
    for count, result in many.items():
        for name, key in (
            ("get, one of them", "hot"), ("get, all alike", "uniform"),
            ("first write, which creates", "created"), ("delete an instance", "dropped"),
        ):
            lines.append(line(f"{count:,} instances: {name}", result[key]))
    text = table(HEAD, lines)
    memory = [
        [f"{count:,}"] + [figure(n, "{:,.0f}") for n in result["memory"]] for count, result in many.items()
    ]
    return text + "\nMemory after the gets, in MB:\n\n" + table(
        ["instances", "proxy, resident", "largest backend, private", "all backends, private"], memory)


def verdicts(results):
    """The targets, each with what was measured."""
    lines = []

    def add(target, measured, met):
        lines.append([target, measured, "met" if met else "missed"])

    if single := results.get("single"):
        get = single["get by id"]
        share = lambda case, ceiling: single[case]["rate"] / single[f"ceiling: {ceiling}"]["rate"]
        of = share("get by id", "select")
        add("get: at least 0.40 of pgbench's select", f"{of:.2f}", of >= 0.40)
        add("get: at most 150 µs", f"{cost(get):.0f} µs", cost(get) <= 150)
        of = share("insert", "insert")
        add("insert: at least 0.40 of pgbench's", f"{of:.2f}", of >= 0.40)
        of = cost(single["get with a membership rule"]) / cost(get)
        add("membership rule: at most 2.2 times the plain get", f"{of:.2f}", of <= 2.2)
        of = cost(single["list 100, a rule on every row"]) / cost(single["list 100, no rule on rows"]) - 1
        add("rule over 100 rows: adds at most 15 %", f"{of * 100:.0f} %", of <= 0.15)
    for target in row_rules.targets(results["rows"]) if "rows" in results else []:
        add(*target)
    many = results.get("many") or {}
    for count, limit in ((10_000, 1.5), (100_000, 4.0)):
        if count in many and 1 in many:
            of = cost(many[count]["uniform"]) / cost(many[1]["hot"])
            add(f"{count:,} instances alike: at most {limit:g} times the hot get", f"{of:.2f}", of <= limit)
    if many:
        rates = [result["created"]["rate"] for result in many.values()]
        add("first writes: at least 250 a second", f"{min(rates):.0f}", min(rates) >= 250)
        of = max(rates) / min(rates)
        add("first writes: within 1.5 times at any number", f"{of:.2f}", of <= 1.5)
    if noisy := results.get("noisy"):
        alone = noisy["alone"]["p99"]
        for name, result in list(noisy.items())[1:]:
            of = result["p99"] / alone
            add(f"quiet tenant {name}: p99 at most 2 times", f"{of:.1f}", of <= 2)
    return table(["target", "measured", ""], lines)


def markdown(results, cases):
    parts = [
        "# Results\n",
        "Written by `make bench`; [docs/performance.md](../docs/performance.md) says how to read it. "
        "µs are processor time for each request, without the load generator's; spread is the distance "
        "between the fastest and the slowest round.\n",
        "\n".join(f"- {name}: {value}" for name, value in results["environment"].items()) + "\n",
        "## Targets\n\n" + verdicts(results),
    ]
    if "single" in results:
        parts.append("## One instance\n\n" + singles(results["single"], cases))
    if "rows" in results:
        parts.append("## Rules that look at rows\n\n" + table(
            HEAD, [line(name, result) for name, result in results["rows"].items()]))
    if "many" in results:
        parts.append("## Many instances\n\n" + manys(results["many"]))
        rest = results["idle"]
        proxy, largest, all_backends = rest["memory"]
        parts.append(
            f"Idle with all of them: {rest['proxy'] * 100:.1f} % of a core in the proxy, "
            f"{rest['postgres'] * 100:.1f} % in PostgreSQL; {proxy:.0f} MB resident in the proxy, "
            f"{all_backends:.0f} MB private in its backends.\n\n"
            f"A start of everything on this data took {results['cold start']:.1f} seconds.\n"
        )
    if "noisy" in results:
        lines = [[name, f"{r['p50']:.2f}", f"{r['p99']:.2f}"] for name, r in results["noisy"].items()]
        parts.append(
            "## A quiet tenant beside a noisy one\n\n100 gets a second by one client, in ms.\n\n"
            + table(["", "p50", "p99"], lines)
        )
    return "\n".join(parts)
