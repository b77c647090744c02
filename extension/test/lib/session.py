"""How do the random tests talk to the server? Each connection is a psql process: no driver is
needed, and a text reaches the server as it is. Invariant: one statement, one answer."""

import subprocess


class Lost(Exception):
    """The connection ended by itself."""


class Connection:
    """A psql process that answers one statement at a time with its rows and SQLSTATE."""

    def __init__(self, psql, socket, user):
        self.process = subprocess.Popen(
            [psql, "-X", "-q", "-A", "-t", "-h", socket, "-U", user, "-d", "postgres"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, encoding="utf-8", errors="replace", bufsize=1)

    def ask(self, sql):
        """The SQLSTATE of a statement, and the lines that it gave."""
        try:
            self.process.stdin.write(sql.replace("\n", " ") + "\n;\n\\echo :SQLSTATE end-of-answer\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Lost from None
        rows = []
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise Lost
            if line.rstrip().endswith("end-of-answer"):
                code = line.split()[-2]
                return code, [r for r in rows if not r.startswith(("ERROR", "HINT", "DETAIL", "LINE"))]
            if line.strip():
                rows.append(line.rstrip("\n"))


def literal(text):
    """The text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
