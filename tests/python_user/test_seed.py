"""Does the line of the page that the product is modelled on work for whoever calls it?

    const posts = await client.db('app').table('posts').getList();

The Rust test `seed` starts this against the page's first config, with drafts of several authors in
the table. It names the server by EDGEBASE_URL and one caller by EDGEBASE_TOKEN (empty for nobody)
and EDGEBASE_POSTS, the ids of the posts that this caller may see.
"""

import os

import pytest
from edgebase_admin import DbRef
from edgebase_core.generated.api_core import GeneratedDbApi
from edgebase_core.http_client import HttpClient

OWN = [post for post in os.environ["EDGEBASE_POSTS"].split(",") if post]


@pytest.fixture
def posts():
    token = os.environ["EDGEBASE_TOKEN"] or None
    http = HttpClient(os.environ["EDGEBASE_URL"], bearer_token=token)
    yield DbRef(GeneratedDbApi(http), "app").table("posts")
    http.close()


def test_the_line_lists_what_the_caller_may_see(posts):
    answer = posts.get_list()
    assert [post["id"] for post in answer.items] == OWN
    assert (answer.total, answer.has_more) == (len(OWN), False)


def test_count_and_search_agree_with_it(posts):
    assert posts.count() == len(OWN)
    assert [post["id"] for post in posts.search("Draft").get_list().items] == OWN


def test_pages_are_pages_of_it(posts):
    first = posts.limit(1).get_list()
    assert [post["id"] for post in first.items] == OWN[:1]
    assert first.has_more == (len(OWN) > 1)
    if first.has_more:
        rest = posts.limit(100).after(first.cursor).get_list()
        assert [post["id"] for post in rest.items] == OWN[1:]


def test_somebody_elses_draft_cannot_be_found_by_what_is_in_it(posts):
    for title in ("Draft of u1", "Draft of u2", "Draft of somebody"):
        found = posts.where("title", "==", title).get_list()
        assert {post["id"] for post in found.items} <= set(OWN)
        assert found.total == len(found.items) == posts.where("title", "==", title).count()
