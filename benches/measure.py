"""How is one case measured?

A case runs for some seconds under wrk, or under pgbench where it is a ceiling, with a short run
before it that warms caches. What comes back is requests a second, latencies, and processor time
for each request on either side. Several rounds are taken in turn, and the median stands.
"""

import concurrent.futures
import http.client
import json
import os
import re
import statistics
import subprocess
import time
import urllib.parse

CONNECTIONS = 16


def wrk(product, kind, instances=1, first=0, connections=CONNECTIONS, seconds=5.0):
    environment = {**os.environ, "BENCH_TOKEN": product.token, "BENCH_SERVICE_KEY": product.service_key}
    script = os.path.join(os.path.dirname(__file__), "load.lua")
    # wrk takes whole seconds.
    before, began = product.cpu(), time.monotonic()
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "--timeout", "30s",
         "-s", script, product.url, "--", kind, str(instances), str(first)],
        env=environment, capture_output=True, text=True, timeout=seconds + 120)
    after = product.cpu()
    if done.returncode:
        raise SystemExit(f"wrk failed: {done.stderr}{done.stdout}")
    result = json.loads(done.stdout.strip().splitlines()[-1])
    if result["refused"] or result["broken"] or not result["requests"]:
        raise SystemExit(f"{kind}: not every request was answered: {result}")
    return costs(result["requests"], result["seconds"], result["p50"], result["p99"], before, after)


def pgbench(product, script, connections=CONNECTIONS, seconds=5.0):
    path = product.folder / "pgbench.sql"
    path.write_text(script)
    # Over the Unix socket, as the proxy is.
    admin = urllib.parse.urlsplit(product.admin_url)
    before = product.cpu()
    done = subprocess.run(
        [product.tool("pgbench"), "-h", product.socket, "-p", product.port, "-U", admin.username, "-n", "-M", "prepared", "-c", str(connections), "-j", "1", "-T",
         str(max(1, round(seconds))), "-f", path, admin.path[1:]],
        env={**os.environ, "PGPASSWORD": admin.password},
        capture_output=True, text=True, timeout=seconds + 120)
    after = product.cpu()
    if done.returncode or "tps = " not in done.stdout:
        raise SystemExit(f"pgbench failed: {done.stderr}{done.stdout}")
    number = lambda pattern: float(re.search(pattern, done.stdout)[1])
    requests = int(number(r"actually processed: (\d+)"))
    rate = number(r"tps = ([\d.]+)")
    latency = number(r"latency average = ([\d.]+)")
    return costs(requests, requests / rate, latency, None, before, after)


def costs(requests, seconds, p50, p99, before, after):
    return {
        "requests": requests,
        "rate": requests / seconds,
        "p50": p50,
        "p99": p99,
        "proxy": (after[0] - before[0]) / requests * 1e6,
        "postgres": (after[1] - before[1]) / requests * 1e6,
    }


def median(rounds):
    values = lambda key: [r[key] for r in rounds if r.get(key) is not None]
    result = {key: statistics.median(values(key)) if values(key) else None for key in rounds[0]}
    rates = values("rate")
    result["spread"] = (max(rates) - min(rates)) / result["rate"] if result["rate"] else 0.0
    return result


def deletions(product, first, count, connections=4):
    """Deletes the instances from `first` on, each connection every so many of them."""
    parts = urllib.parse.urlsplit(product.url)
    headers = {"X-EdgeBase-Service-Key": product.service_key}

    def work(offset):
        connection, latencies = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60), []
        for n in range(first + offset, first + count, connections):
            began = time.monotonic()
            connection.request("DELETE", f"/api/db/space/i{n}", headers=headers)
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                raise SystemExit(f"a deletion was answered {response.status}")
            latencies.append((time.monotonic() - began) * 1000)
        return latencies

    before, began = product.cpu(), time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        latencies = sorted(sum(pool.map(work, range(connections)), []))
    seconds, after = time.monotonic() - began, product.cpu()
    at = lambda share: latencies[min(len(latencies) - 1, int(len(latencies) * share))]
    return costs(len(latencies), seconds, at(0.5), at(0.99), before, after)


def paced(product, path, per_second, seconds):
    """Latencies in ms of one client that asks at a steady pace, late answers counted from when
    they were due."""
    parts = urllib.parse.urlsplit(product.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    headers = {"Authorization": f"Bearer {product.token}"}
    latencies, began = [], time.monotonic()
    for n in range(int(per_second * seconds)):
        due = began + n / per_second
        time.sleep(max(0.0, due - time.monotonic()))
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise SystemExit(f"the quiet tenant was answered {response.status}")
        latencies.append((time.monotonic() - due) * 1000)
    latencies.sort()
    at = lambda share: latencies[min(len(latencies) - 1, int(len(latencies) * share))]
    return {"p50": at(0.5), "p99": at(0.99)}


def beside(product, work):
    """Runs wrk in the background while `work` runs."""
    environment = {**os.environ, "BENCH_TOKEN": product.token, "BENCH_SERVICE_KEY": product.service_key}
    script = os.path.join(os.path.dirname(__file__), "load.lua")
    kind, instances, first, connections = work
    return subprocess.Popen(
        ["wrk", "-t1", f"-c{connections}", "-d600s", "--timeout", "30s", "-s", script, product.url,
         "--", kind, str(instances), str(first)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
