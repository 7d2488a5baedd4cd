"""Rows are the same by whichever way they are reached, and refer to rows that exist."""

import subprocess
import sys

from gateway.mock.values import Leaf
from gateway.mock.world import MANY, POOL, Kind, Page, Row, World, asked_of, page_of

LEAVES = {"id": Leaf("text"), "sku": Leaf("text"), "name": Leaf("text"), "color": Leaf("text", choices=("RED", "BLUE"))}
PRODUCT = Kind("Product", LEAVES, frozenset({"id", "sku"}))
REVIEW = Kind("Review", {"id": Leaf("whole"), "productId": Leaf("whole"), "about": Leaf("text")}, frozenset({"id"}))

WHOLE = Page()


def world(seed=1):
    made = World(seed)
    made.learn(PRODUCT)
    made.learn(REVIEW)
    made.references[("Review", "about")] = ("Product", "sku")
    return made


def fields(made, row, kind=PRODUCT):
    return {name: made.value(row, name, leaf) for name, leaf in kind.leaves.items()}


def rows(made, asked=None, kind=PRODUCT, page=WHOLE):
    return made.many(kind, asked or {}, ("Query", "rows"), page, inside=False)


def test_a_row_is_the_same_by_each_of_its_keys_and_in_a_list():
    made = world()
    listed = fields(made, rows(made)[4])
    for key in ("id", "sku"):
        assert fields(made, made.one(PRODUCT, {key: listed[key]}, ("elsewhere",))) == listed


def test_order_makes_no_difference_and_another_seed_does():
    first, second = world(), world()
    backwards = [fields(second, row) for row in reversed(rows(second))]
    assert [fields(first, row) for row in rows(first)] == backwards[::-1]
    assert fields(world(2), rows(world(2))[0]) != fields(first, rows(first)[0])


def test_another_process_makes_the_same():
    line = "from tests.mock.test_world import *; made = world(); print(fields(made, rows(made)[3]))"
    said = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"})
    made = world()
    assert said.stdout.strip() == str(fields(made, rows(made)[3]))


def test_a_key_that_no_row_has_is_a_row_all_the_same():
    made = world()
    found = fields(made, made.one(PRODUCT, {"id": "B00X"}, ()))
    assert found["id"] == "B00X"
    assert found == fields(made, made.one(PRODUCT, {"id": "B00X"}, ("elsewhere",)))


def test_foreign_keys_are_keys_of_rows_that_exist():
    made = world()
    skus = {fields(made, row)["sku"] for row in rows(made, page=Page(limit=POOL))}
    for row in rows(made, kind=REVIEW):
        found = fields(made, row, REVIEW)
        assert found["about"] in skus, "as the configuration joins them"
        assert 1 <= found["productId"] <= POOL, "as the name says"


def test_rows_are_found_by_what_they_refer_to():
    made = world()
    wanted = fields(made, rows(made, kind=REVIEW)[0], REVIEW)["productId"]
    found = [fields(made, row, REVIEW) for row in rows(made, {"productId": wanted}, REVIEW)]
    assert found
    assert {each["productId"] for each in found} == {wanted}
    assert all(fields(made, made.one(REVIEW, {"id": each["id"]}, ()), REVIEW) == each for each in found)


def test_what_nothing_refers_to_has_an_empty_list_and_a_strange_key_a_few_rows():
    made = world()
    referred = {fields(made, row, REVIEW)["productId"] for row in rows(made, kind=REVIEW, page=Page(limit=POOL))}
    lonely = next(key for key in range(1, POOL + 1) if key not in referred)
    assert rows(made, {"productId": lonely}, REVIEW) == []
    assert [made.value(row, "productId", Leaf("whole")) for row in rows(made, {"productId": 777}, REVIEW)]


def test_a_list_of_keys_gives_a_row_each_once():
    made = world()
    found = rows(made, {"id": ["3", "1", "3", "new"]})
    assert [made.value(row, "id", LEAVES["id"]) for row in found] == ["3", "1", "new"]


def test_other_fields_choose_among_the_rows():
    made = world()
    assert {made.value(row, "color", LEAVES["color"]) for row in rows(made, {"color": "RED"})} == {"RED"}


def test_pages_follow_one_another():
    made = world()
    ten = rows(made, page=Page(limit=10))
    assert rows(made, page=Page(0, 4)) + rows(made, page=Page(4, 6)) == ten
    assert rows(made, page=Page(POOL, 5)) == []
    assert len(rows(made, {"id": [str(each) for each in range(5000)]})) == MANY


def test_values_without_a_key_belong_to_where_they_stand():
    made, money = world(), Kind("Money", {"amount": Leaf("number")})
    of = [made.one(money, {}, ("Product", number, "price")) for number in (1, 2, 1)]
    first, second, again = [made.value(row, "amount", Leaf("number")) for row in of]
    assert first == again != second


def test_what_a_row_is_called_agrees_with_its_other_names():
    made = World(1)
    fields_of_it = {each: Leaf("text") for each in ("id", "name", "email", "slug")}
    person = Kind("User", fields_of_it, frozenset({"id", "slug"}))
    made.learn(person)
    found = fields(made, Row("User", (0,)), person)
    assert found["email"] == f"{found['name'].lower().replace(' ', '.')}@example.com"
    assert found["slug"] == f"{found['name'].lower().replace(' ', '-')}-1"


def test_a_row_without_a_name_still_agrees_with_itself():
    made, leaves = World(1), {each: Leaf("text") for each in ("id", "login", "username", "email")}
    person = Kind("Account", leaves, frozenset({"id"}))
    made.learn(person)
    found = fields(made, Row("Account", (0,)), person)
    assert found["email"] == f"{found['login']}@example.com"


def test_of_two_schemas_the_one_that_says_more_is_believed():
    made = world()
    made.learn(Kind("Product", {"sku": Leaf("text", pattern=r"^X\d{5}$")}, frozenset({"sku"})))
    assert made.value(Row("Product", (0,)), "sku", Leaf("text"))[0] == "X"


def test_arguments_that_name_a_field_choose_and_others_page():
    arguments = {"productIds": ["1"], "first": 3, "after": "5", "color": None, "sort": "NEW", "filter": {"name": "x"}}
    assert asked_of(PRODUCT, arguments) == {"id": ["1"], "name": "x"}
    assert asked_of(PRODUCT, {"for": "1"}, {"for": "sku"}) == {"sku": "1"}
    assert page_of(arguments) == Page(5, 3)
    assert page_of({"page": 3, "perPage": 20}) == Page(40, 20)
    assert page_of({"limit": -1, "offset": "x"}) == Page(0, None)
