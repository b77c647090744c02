#!/usr/bin/env python3
"""Does the seal hold where a transaction is neither begun nor ended by a statement?

    pipeline.py SOCKET_DIR      run.sh starts the cluster for it

The proxy sends `edgebase.enter` and its statements with a single Sync of the extended protocol, which
makes one transaction of them without a transaction block: there a procedure may commit and go on.
psql cannot send this before PostgreSQL 18, so the messages are written here (manual, "Message
Formats"). Invariant: each attack prints one verdict.
"""

import os
import socket
import struct
import sys

ENTER = "SELECT edgebase.enter('tenant', 'mallory')"
# What is tried, what is sent with one Sync, and the SQLSTATE or, where all of it runs, the last value.
# From PostgreSQL 18 on, what follows the first statement is in an implicit block, in which no procedure
# can commit: it is refused before the seal has to.
ATTACKS = [
    ("statements with one Sync run inside the instance", [ENTER, "SELECT current_user ~ '^eb_'"], "t"),
    ("a procedure that commits leaves the seal", [ENTER, "CALL public.commits()", "SELECT current_user"], "EB008 or 2D000"),
    ("a procedure that commits before the instance is entered",
     ["CALL public.commits()", ENTER, "SELECT current_user ~ '^eb_'"], "t"),
    ("a procedure behind BEGIN cannot commit", ["BEGIN", ENTER, "CALL public.commits()"], "2D000"),
    ("a block that commits leaves the seal", [ENTER, "DO $$BEGIN COMMIT; END$$", "SELECT current_user"], "EB008"),
    ("COMMIT ends the seal, and what follows is the login role's", [ENTER, "COMMIT", "SELECT current_user"], "proxy_login"),
    ("COMMIT and what follows reads no tenant", [ENTER, "COMMIT", 'TABLE "tenant:victim".invoices'], "42501"),
    ("COMMIT AND CHAIN", [ENTER, "COMMIT AND CHAIN", "SELECT current_user"], "EB008"),
    ("BEGIN makes a transaction of it, which stays sealed", [ENTER, "BEGIN", "RESET ROLE"], "EB008"),
]


class Session:
    """A connection of the login role, message by message."""

    def __init__(self, folder):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(os.path.join(folder, ".s.PGSQL.5432"))
        self.stream = self.socket.makefile("rb")
        start = struct.pack("!i", 196608) + b"user\0proxy_login\0database\0postgres\0\0"
        self.socket.sendall(struct.pack("!i", len(start) + 4) + start)
        self.answer()

    def run(self, statements):
        """The SQLSTATE of the first that fails, else the last value that came."""
        out = b""
        for sql in statements:
            out += message(b"P", b"\0" + sql.encode() + b"\0\0\0") + message(b"B", b"\0\0" + b"\0" * 6)
            out += message(b"E", b"\0" + b"\0" * 4)
        self.socket.sendall(out + message(b"S", b""))
        return self.answer()

    def answer(self):
        """Reads until the server is ready for more."""
        code = value = ""
        while True:
            kind, length = struct.unpack("!ci", self.stream.read(5))
            body = self.stream.read(length - 4)
            if kind == b"E" and not code:
                fields = dict((field[:1], field[1:]) for field in body.split(b"\0"))
                code = fields[b"C"].decode()
            elif kind == b"D":
                size = struct.unpack("!i", body[2:6])[0]
                value = body[6:6 + size].decode() if size >= 0 else ""
            elif kind == b"Z":
                return code or value


def message(kind, body):
    """A message of the frontend."""
    return kind + struct.pack("!i", len(body) + 4) + body


def main():
    for name, statements, expected in ATTACKS:
        session = Session(sys.argv[1])
        try:
            got = session.run(statements)
        except (OSError, struct.error):
            got = "nothing: the connection was lost"
        print(f"ok {got} - {name}" if got in expected.split(" or ") else f"NOT OK expected {expected} got {got} - {name}")
        session.socket.close()


main()
