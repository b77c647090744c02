#!/usr/bin/env python3
"""Does every claim of docs/security-model.md name what would notice if it broke?

    extension/test/claims.py               checks the document
    extension/test/claims.py --self-test   shows that the check fails where it has to

The table of claims has a row for each paragraph in bold of the sections that promise something.
Its last column names tests: a file, or `file#name` for one attack or test in it. Invariant: each
row names at least one, each named one exists and holds at least one test, each promising paragraph
has a row, each row a paragraph, and no file of attacks is left that no claim names.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/security-model.md"
PROMISES = ("## What is guaranteed, and by what", "## Who a caller is")
TABLE = "## The claims and their tests"
ATTACKS = ("extension/test/attacks/*.sql", "tests/attacks/*.rs")


def section(text, heading):
    """The lines below a heading, up to the next one."""
    match = re.search(rf"^{re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.M | re.S)
    return match.group(1) if match else ""


def rows(text):
    """The cells of each row of the table of claims."""
    lines = [line for line in section(text, TABLE).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def promised(text):
    """What the paragraphs that promise something are called."""
    names = re.findall(r"^\*\*(.+?)\*\*", "".join(section(text, h) for h in PROMISES), re.M)
    return [name.rstrip(".") for name in names]


def tests_in(path):
    """The names of the tests in a file, and the text in which a name may stand otherwise."""
    text = path.read_text()
    if path.suffix == ".sql":
        found = re.findall(r"^\\set attack '((?:[^']|'')*)'$", text, re.M)
        return [name.replace("''", "'") for name in found]
    if path.suffix == ".rs":
        return re.findall(r"#\[(?:\w+::)*test\b[^\]]*\]\s*(?:async )?fn (\w+)", text)
    if path.suffix == ".sh":
        return re.findall(r'^\s*(?:is|weaken|check) "([^"]*)"', text, re.M)
    if path.suffix == ".py":
        return re.findall(r"^def (\w+)", text, re.M)
    return []


def locate(name):
    """The file of that name: of the repository, or of the extension's tests."""
    for folder in (ROOT, ROOT / "extension/test"):
        if (folder / name).is_file():
            return folder / name
    return None


def mistakes(text):
    """What is wrong with the document, one sentence each."""
    found, named, table = [], set(), rows(text)
    if not table:
        return [f"there is no table below '{TABLE}'"]
    for cells in table:
        if len(cells) != 3:
            found.append(f"this row has not three cells: {' | '.join(cells)}")
            continue
        claim, _, tests = cells
        references = re.findall(r"`([^`]+)`", tests)
        if not references:
            found.append(f"the claim '{claim}' names no attack or test")
        for reference in references:
            name, _, test = reference.partition("#")
            path = locate(name)
            if path is None:
                found.append(f"the claim '{claim}' names {name}, which does not exist")
                continue
            named.add(path)
            inside = tests_in(path)
            if not inside:
                found.append(f"the claim '{claim}' names {name}, which holds no test")
            elif test and test not in inside:
                found.append(f"the claim '{claim}' names '{test}', which is not in {name}")
    claims, paragraphs = [cells[0] for cells in table], promised(text)
    found += [f"the promise '{p}' is not in the table" for p in paragraphs if p not in claims]
    found += [f"the claim '{c}' has no paragraph" for c in claims if c not in paragraphs]
    for pattern in ATTACKS:
        for path in sorted(ROOT.glob(pattern)):
            if tests_in(path) and path not in named:
                found.append(f"no claim names {path.relative_to(ROOT)}")
    return found


def self_test(text):
    """Whether the check notices each way in which the document may come to be wrong."""
    lines = section(text, TABLE).splitlines()
    row = next(line for line in lines[::-1] if line.startswith("|") and "#" in line)
    claim = row.split("|")[1].strip()
    file, _, test = re.search(r"`([^`]+#[^`]+)`", row).group(1).partition("#")
    cells = row.split("|")
    only = next(p for p in sorted(ROOT.glob(ATTACKS[0])) if text.count(p.name) == 1)
    changed = {
        f"the claim '{claim}' names no attack or test": (row, "|".join([*cells[:3], "  ", ""])),
        f"the claim '{claim}' names gone.sql, which does not exist": (file + "#", "gone.sql#"),
        f"the claim '{claim}' names 'gone', which is not in {file}": (f"#{test}", "#gone"),
        f"the promise '{claim}' is not in the table": (row, ""),
        f"the claim '{claim}' has no paragraph": (f"**{claim}", f"**Not {claim}"),
        f"no claim names {only.relative_to(ROOT)}": (f"`attacks/{only.name}`", ""),
        f"there is no table below '{TABLE}'": (TABLE, "## Else"),
    }
    status = 0
    for expected, (before, after) in changed.items():
        noticed = before in text and expected in mistakes(text.replace(before, after))
        print(f"{'ok' if noticed else 'NOT OK'} - noticed: {expected}")
        status |= not noticed
    return status


def main():
    """Prints a verdict; the exit status is 1 when something is wrong."""
    text = DOCUMENT.read_text()
    if sys.argv[1:] == ["--self-test"]:
        return self_test(text)
    found = mistakes(text)
    for mistake in found:
        print(f"NOT OK - docs/security-model.md: {mistake}")
    if not found:
        print(f"ok - each of {len(rows(text))} claims of docs/security-model.md has its tests")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
