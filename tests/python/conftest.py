"""Which server do these tests talk to?

The one that whoever starts them names by EDGEBASE_URL and EDGEBASE_SERVICE_KEY; the Rust test
`sdk` does so on every run. Each test gets every table once in a single-instance block and once
in a new instance of a dynamic block.
"""

import os
import uuid

import pytest
from edgebase_admin import AdminClient


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
