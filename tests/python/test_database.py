"""Does every database method of the official Python SDK work on both kinds of block?

Not here, because the server does not have them yet: `broadcast` and `on_snapshot`.
"""

import os

import pytest
from edgebase_admin import AdminClient, create_admin_client
from edgebase_core.errors import EdgeBaseError
from edgebase_core.field_ops import FieldOps, delete_field, increment


def views(result):
    return [item["views"] for item in result.items]


@pytest.fixture
def posts(db):
    return db.table("posts")


@pytest.fixture
def twelve(posts, mark):
    """Twelve posts with views 0 to 11, as a query for them."""
    rows = [
        {"mark": mark, "title": f"post {n:02}", "views": n, "published": n % 2 == 0}
        for n in range(12)
    ]
    assert len(posts.insert_many(rows)) == 12
    return posts.where("mark", "==", mark)


def test_insert_and_get(posts, mark):
    record = {
        "mark": mark,
        "title": "Häuser 😀",
        "views": 3,
        "published": True,
        "publishedAt": "2026-11-23T10:00:00.000Z",
        "meta": {"tags": ["a", 1, None]},
    }
    made = posts.insert(record)
    assert {key: made[key] for key in record} == record
    assert made["body"] is None
    assert isinstance(made["views"], int)
    assert posts.get_one(made["id"]) == made
    assert posts.doc(made["id"]).get() == made


def test_update_by_id_and_by_document(posts):
    made = posts.insert({"title": "old", "views": 1, "meta": {"a": 1}})
    changed = posts.update(made["id"], {"title": "new"})
    assert (changed["title"], changed["views"]) == ("new", 1)
    changed = posts.doc(made["id"]).update({"views": increment(2), "meta": delete_field()})
    assert (changed["views"], changed["meta"]) == (3, None)
    changed = posts.update(made["id"], {"views": FieldOps.increment(-0.5)})
    assert changed["views"] == 2.5
    assert changed["createdAt"] == made["createdAt"]


def test_delete_by_id_and_by_document(posts):
    for delete in (posts.delete, lambda doc_id: posts.doc(doc_id).delete()):
        made = posts.insert({"title": "x"})
        assert delete(made["id"]) == {"deleted": True}
        with pytest.raises(EdgeBaseError) as error:
            posts.get_one(made["id"])
        assert error.value.status_code == 404


def test_count_and_filters(twelve):
    assert twelve.count() == 12
    assert twelve.where("published", "==", True).count() == 6
    by_views = twelve.order_by("views")
    assert views(by_views.where("views", ">", 9).get_list()) == [10, 11]
    assert views(by_views.where("views", "<=", 1).get_list()) == [0, 1]
    assert views(by_views.where("views", "!=", 0).where("views", "<", 3).get_list()) == [1, 2]
    assert views(by_views.where("views", "in", [2, 4, 99]).get_list()) == [2, 4]
    assert views(by_views.where("views", "not in", list(range(11))).get_list()) == [11]
    assert views(by_views.where("title", "contains", "07").get_list()) == [7]
    either = by_views.or_(lambda q: q.where("views", "==", 1).where("title", "==", "post 03"))
    assert views(either.get_list()) == [1, 3]
    assert by_views.where("views", "==", 5).get_first()["title"] == "post 05"
    assert by_views.where("views", "==", 500).get_first() is None


def test_order_is_that_of_sorted(posts, mark):
    titles = ["b", "B", "ä", "a", "A", "z", "10", "9", "é", "_"]
    posts.insert_many([{"mark": mark, "title": title} for title in titles])
    query = posts.where("mark", "==", mark)
    ascending = [item["title"] for item in query.order_by("title").get_list().items]
    assert ascending == sorted(titles)
    descending = [item["title"] for item in query.order_by("title", "desc").get_list().items]
    assert descending == sorted(titles, reverse=True)


def test_pages_by_number_and_offset(twelve):
    page = twelve.order_by("views").page(2).limit(5).get_list()
    assert views(page) == [5, 6, 7, 8, 9]
    assert (page.total, page.page, page.per_page, page.has_more) == (12, 2, 5, True)
    assert views(twelve.order_by("views").offset(10).limit(5).get_list()) == [10, 11]
    with pytest.raises(ValueError):
        twelve.page(1).after("x").get_list()


def test_cursors_go_forth_and_back(twelve):
    seen, page = [], twelve.limit(5).get_list()
    while True:
        seen += page.items
        assert page.has_more == (page.cursor is not None)
        if page.cursor is None:
            break
        page = twelve.limit(5).after(page.cursor).get_list()
    ids = [item["id"] for item in seen]
    assert ids == sorted(ids) and len(set(ids)) == 12
    back = twelve.before(ids[4]).limit(2).get_list()
    assert [item["id"] for item in back.items] == [ids[3], ids[2]]


def test_a_cursor_continues_any_sort(twelve):
    seen, page = [], twelve.order_by("published").order_by("views", "desc").limit(5).get_list()
    while page.items:
        seen += views(page)
        if page.cursor is None:
            break
        query = twelve.order_by("published").order_by("views", "desc")
        page = query.limit(5).after(page.cursor).get_list()
    assert seen == [11, 9, 7, 5, 3, 1, 10, 8, 6, 4, 2, 0]


def test_search(posts, mark):
    for body in ("the quick brown fox", "the lazy dog"):
        posts.insert({"mark": mark, "title": "x", "body": body})
    found = posts.where("mark", "==", mark).search("quick").get_list()
    assert [item["body"] for item in found.items] == ["the quick brown fox"]
    assert posts.where("mark", "==", mark).search("zzzz").get_list().items == []


def test_upsert(db, mark):
    people, email = db.table("people"), f"{mark}@example.com"
    first = people.upsert({"email": email, "name": "Ada"}, conflict_target="email")
    assert first.inserted
    second = people.upsert({"email": email, "name": "Ada L."}, conflict_target="email")
    assert not second.inserted
    assert (second.record["id"], second.record["name"]) == (first.record["id"], "Ada L.")
    third = people.upsert({"id": first.record["id"], "email": email})
    assert not third.inserted
    with pytest.raises(EdgeBaseError) as error:
        people.insert({"email": email})
    assert error.value.status_code == 409


def test_insert_many_and_upsert_many(db, mark):
    people = db.table("people")
    rows = [{"mark": mark, "email": f"{n}-{mark}", "visits": n} for n in range(1_100)]
    assert len(people.insert_many(rows)) == 1_100
    assert people.insert_many([]) == []
    again = [{"mark": mark, "email": f"{n}-{mark}", "visits": 0} for n in range(600, 1_200)]
    assert len(people.upsert_many(again, conflict_target="email")) == 600
    query = people.where("mark", "==", mark)
    assert query.count() == 1_200
    assert query.where("visits", ">", 0).count() == 599


def test_update_many_and_delete_many(posts, mark):
    rows = [{"mark": mark, "title": "x", "views": n} for n in range(700)]
    posts.insert_many(rows)
    query = posts.where("mark", "==", mark)
    updated = query.where("views", "<", 200).update_many({"title": "y"})
    assert (updated.total_processed, updated.total_succeeded, updated.errors) == (200, 200, [])
    either = query.or_(lambda q: q.where("title", "==", "y").where("views", "==", 699))
    assert either.delete_many().total_succeeded == 201
    deleted = query.delete_many()
    assert (deleted.total_succeeded, deleted.errors) == (499, [])
    assert query.count() == 0
    with pytest.raises(ValueError):
        posts.delete_many()


def test_sql(posts, mark):
    posts.insert_many([{"mark": mark, "title": "it's", "views": n} for n in range(3)])
    query = "SELECT title, views FROM posts WHERE mark = ? AND views > ? ORDER BY views"
    rows = posts.sql(query, [mark, 0])
    assert rows == [{"title": "it's", "views": 1}, {"title": "it's", "views": 2}]


def test_sql_of_the_client(admin, mark):
    for place in ({"namespace": "shared"}, {"namespace": "workspace", "instance_id": f"ws-{mark}"}):
        assert admin.sql(**place, query="SELECT 1 AS a, ? AS b", params=["x"]) == [{"a": 1, "b": "x"}]
        with pytest.raises(EdgeBaseError) as error:
            admin.sql(**place, query="SELEC 1")
        assert error.value.status_code == 400


def test_errors_carry_status_and_message(posts):
    with pytest.raises(EdgeBaseError) as error:
        posts.insert({"views": 1})
    assert error.value.status_code == 400
    assert error.value.message == "Invalid 'title'. Field is required."


def test_a_wrong_key_and_an_unknown_table_are_refused(admin):
    with pytest.raises(EdgeBaseError) as error:
        admin.db("shared").table("nope").get_list()
    assert error.value.status_code == 404
    stranger = create_admin_client(os.environ["EDGEBASE_URL"], "wrong")
    with pytest.raises(EdgeBaseError) as error:
        stranger.db("shared").table("posts").get_list()
    assert error.value.status_code == 401
    stranger.destroy()


def test_the_default_namespace_is_shared(admin):
    made = admin.db().table("posts").insert({"title": "x"})
    assert admin.db("shared").table("posts").get_one(made["id"]) == made


def test_instances_do_not_see_each_other(admin, mark):
    places = [admin.db("workspace", f"{name}-{mark}").table("posts") for name in ("a", "b")]
    for place, title in zip(places, ("in a", "in b")):
        place.insert({"title": title})
    for place, title in zip(places, ("in a", "in b")):
        assert [item["title"] for item in place.get_list().items] == [title]


def test_the_client_is_the_one_of_the_package(admin):
    assert isinstance(admin, AdminClient)


def test_health_and_schema(admin):
    assert admin._core.get_health()["status"] == "ok"
    tables = admin._core.get_schema()["tables"]
    assert set(tables) == {"posts", "people"} and tables["posts"]["fts"] is True
