"""Which server do these tests talk to, and do they leave out a method of the SDK?

The one that whoever starts them names by EDGEBASE_URL and EDGEBASE_SERVICE_KEY; the Rust test
`sdk` does so on every run. Each test gets every table once in a single-instance block and once
in a new instance of a dynamic block.

Calls of the SDK's public database methods are noted. When the whole suite has run, one that was
not called on both kinds of block fails it, so that a method which a new version of the SDK brings
cannot go untested.
"""

import functools
import inspect
import os
import uuid

import pytest
from edgebase_admin import AdminClient, DbRef
from edgebase_core.generated.api_core import GeneratedDbApi
from edgebase_core.table import DocRef, OrBuilder, TableRef

# What the server does not have: live subscriptions, and broadcast, which is one of AdminClient.
NOT_SERVED = {
    "TableRef.on_snapshot",
    "DocRef.on_snapshot",
    "GeneratedDbApi.connect_database_subscription",
    "GeneratedDbApi.check_database_subscription_connection",
}
# GeneratedDbApi has the methods of the other services too.
OF_DATABASES = ("db_", "get_health", "get_schema", "connect_database", "check_database")

called = set()


def public_methods(cls):
    for name, method in inspect.getmembers(cls, inspect.isfunction):
        if not name.startswith("_") and (cls is not GeneratedDbApi or name.startswith(OF_DATABASES)):
            yield name, method


def note(cls, name, method):
    """The method, noting on which kind of block it is called."""

    @functools.wraps(method)
    def noting(self, *args, **kwargs):
        on = "" if cls not in (TableRef, DocRef) else " dynamic" if self._instance_id else " single"
        called.add(f"{cls.__name__}.{name}{on}")
        return method(self, *args, **kwargs)

    return noting


wanted = {"AdminClient.db", "AdminClient.sql"}
for cls in (TableRef, DocRef, OrBuilder, DbRef, GeneratedDbApi):
    for name, method in list(public_methods(cls)):
        label = f"{cls.__name__}.{name}"
        if label not in NOT_SERVED:
            kinds = (" single", " dynamic") if cls in (TableRef, DocRef) else ("",)
            wanted.update(label + kind for kind in kinds)
            setattr(cls, name, note(cls, name, method))
for name in ("db", "sql"):
    setattr(AdminClient, name, note(AdminClient, name, getattr(AdminClient, name)))


def pytest_sessionfinish(session, exitstatus):
    missing = sorted(wanted - called)
    if exitstatus == pytest.ExitCode.OK and missing:
        print("\ndatabase methods of the SDK that no test calls:", ", ".join(missing))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def admin():
    client = AdminClient(os.environ["EDGEBASE_URL"], service_key=os.environ["EDGEBASE_SERVICE_KEY"])
    yield client
    client.destroy()


@pytest.fixture(params=["single-instance", "dynamic"])
def db(request, admin):
    if request.param == "single-instance":
        return admin.db("shared")
    # This SDK does not percent-encode ids reliably, so only what needs none.
    return admin.db("workspace", f"ws-{uuid.uuid4()}")


@pytest.fixture
def mark():
    """A value that marks the rows of one test, for tables that tests share."""
    return str(uuid.uuid4())
