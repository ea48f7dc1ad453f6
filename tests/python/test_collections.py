"""Collections: what was added is there, in order, as the very same object."""

from typing import Any

import pytest
from freesmtp import SMTP, Collection, EmailMessage, Recipient, SMTPServer


def make(name: str) -> tuple[Any, list[Any]]:
    """A collection with three items."""
    message, smtp = EmailMessage(), SMTP()
    collections: dict[str, tuple[Any, list[tuple[Any, ...]]]] = {
        "SMTPServers": (smtp.smtp_servers, [("a.test",), ("b.test", 25), ("c.test",)]),
        "Recipients": (message.recipients, [("a@b.test",), ("c@d.test", "C"), ("e@f.test", "E", 1)]),
        "BodyParts": (message.body_parts, [("a",), ("b", "html"), ("c", 0, 3)]),
        "Attachments": (message.attachments, [("a",), (b"b", "b"), ("c", "d")]),
        "EmbeddedObjects": (message.embedded_objects, [("a", "1"), (b"b", "2", "b"), ("c", "3")]),
        "CustomHeaders": (message.custom_headers, [("X-A", "1"), ("X-B", "2"), ("X-A", "3")]),
    }
    collection, arguments = collections[name]
    return collection, [collection.add(*given) for given in arguments]


@pytest.fixture(params=["SMTPServers", "Recipients", "BodyParts", "Attachments", "EmbeddedObjects", "CustomHeaders"])
def filled(request: pytest.FixtureRequest) -> tuple[Any, list[Any]]:
    """Each collection in turn, and its items."""
    return make(request.param)


def test_items_are_reached_in_every_way(filled: tuple[Any, list[Any]]) -> None:
    collection, items = filled
    assert isinstance(collection, Collection)
    assert collection.Count == collection.count == len(collection) == 3
    assert all(found is item for found, item in zip(collection, items, strict=True))
    assert [collection[i] for i in range(3)] == items
    assert collection[-1] is collection.GetLastItem() is items[2]
    assert collection[1:] == items[1:]
    assert collection[::-1] == items[::-1]
    assert items[1] in collection
    assert "a@b.test" not in collection
    assert type(collection).__name__ in repr(collection)


def test_items_are_removed_by_themselves_and_by_index(filled: tuple[Any, list[Any]]) -> None:
    collection, (first, second, third) = filled
    collection.Remove(second)
    assert list(collection) == [first, third]
    collection.remove(0)
    assert list(collection) == [third]
    with pytest.raises(ValueError, match="not in"):
        collection.remove(second)
    del collection[-1]
    with pytest.raises(IndexError):
        collection.get_last_item()
    collection.add(first)
    collection.clear()
    assert not collection
    assert collection.count == 0


@pytest.mark.parametrize("index", [3, -4, 2**40])
def test_no_index_is_out_of_range_unnoticed(filled: tuple[Any, list[Any]], index: int) -> None:
    collection, _ = filled
    with pytest.raises(IndexError):
        collection[index]
    with pytest.raises(IndexError):
        del collection[index]
    with pytest.raises(IndexError):
        collection.remove(index)
    with pytest.raises(TypeError):
        collection["a"]


def test_an_object_is_added_as_it_is(filled: tuple[Any, list[Any]]) -> None:
    collection, items = filled
    assert collection.add(items[0]) is items[0]
    assert collection.count == 4
    with pytest.raises(TypeError):
        collection.add(object())
    assert collection.count == 4


def test_iteration_is_over_what_was_there(filled: tuple[Any, list[Any]]) -> None:
    collection, items = filled
    seen = []
    for item in collection:
        seen.append(item)
        collection.remove(item)
    assert seen == items
    assert collection.count == 0


def test_a_change_of_an_item_is_a_change_of_the_message() -> None:
    message = EmailMessage("old@domain.test", "c@d.test", "", "")
    recipient = message.recipients[0]
    message.recipients.add("other@domain.test")
    recipient.email = "new@domain.test"
    assert b"new@domain.test" in message.to_bytes()
    assert b"old@domain.test" not in message.to_bytes()


def test_one_object_may_be_in_two_collections() -> None:
    both = Recipient("a@b.test")
    first, second = EmailMessage(), EmailMessage()
    first.recipients.add(both)
    second.recipients.add(both)
    first.recipients.clear()
    assert list(second.recipients) == [both]


def test_letting_an_item_go_may_use_the_collection() -> None:
    smtp = SMTP()
    seen: list[int] = []

    class Last(SMTPServer):
        def __del__(self) -> None:
            seen.append(smtp.smtp_servers.count)

    smtp.smtp_servers.add(Last("a.test"))
    smtp.smtp_servers.clear()
    smtp.smtp_servers.add(Last("a.test"))
    del smtp.smtp_servers[0]
    assert seen == [0, 0]
