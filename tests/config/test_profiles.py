"""One configuration, several environments."""

import pytest

from gateway.config import load
from gateway.config.model import Address
from gateway.config.problem import ConfigError, Mark

from .conftest import HEAD, KINDS, SOURCE

PROFILES = """\
profiles:
  production:
    gateway: {listen: 0.0.0.0:80}
    defaults: {retry: {max_attempts: 5}}
    sources:
      - {name: shop, url: "https://${env:SHOP}/graphql", timeout: {total: 9s}}
      - {name: stock, kind: graphql, url: https://stock.example.com, schema: introspect, owner: shop}
  staging:
    gateway: {listen: 127.0.0.1:81, limits: {depth: 9}}
"""
BASE = "gateway: {listen: 127.0.0.1:8080, limits: {aliases: 7}}\n" + HEAD + SOURCE
TEXT = BASE + PROFILES
LINKS = "links: [{field: A.b, to: shop.a}, {field: A.c, to: shop.a}]\n"


def test_without_one_the_configuration_is_as_it_is_written(desk):
    settings = desk.load(TEXT)
    assert settings.profile is None
    assert settings.gateway.listen == Address("127.0.0.1", 8080)
    assert [source.name for source in settings.sources] == ["shop"]


def test_a_profile_is_joined_key_by_key(desk):
    settings = desk.load(TEXT, profile="staging")
    gateway = settings.gateway
    assert settings.profile == "staging"
    assert gateway.listen == Address("127.0.0.1", 81)
    assert (gateway.limits.depth, gateway.limits.aliases) == (9, 7)


def test_sources_are_joined_by_their_names_and_new_ones_are_added(desk):
    desk.environ["SHOP"] = "shop.internal"
    shop, stock = desk.load(TEXT, profile="production").sources
    assert (shop.url, shop.kind, shop.policy.timeout.total) == ("https://shop.internal/graphql", "graphql", 9.0)
    assert shop.policy.retry.max_attempts == 5
    assert stock.name == "stock"


def test_other_lists_and_values_are_replaced_and_nothing_takes_away(desk):
    text = BASE.replace("schema:", "expose: [a, b]\n    schema:") + "profiles: {x: {sources: [{name: shop, expose: [c]}]}}\n"
    assert desk.load(text, profile="x").sources[0].expose == ("c",)
    assert desk.load(text.replace("[c]", ""), profile="x").sources[0].expose is None
    assert desk.load(text + LINKS, profile="x").links
    assert not desk.load(text.replace("x: {", "x: {links: [], ") + LINKS, profile="x").links


def test_links_are_joined_by_their_fields(desk):
    profile = "profiles: {x: {links: [{field: A.c, to: shop.other}]}}\n"
    assert [link.to for link in desk.load(BASE + LINKS + profile, profile="x").links] == ["shop.a", "shop.other"]


def test_a_profile_that_does_not_exist_is_a_problem_among_the_others(desk):
    other, unknown = desk.problems(TEXT.replace("aliases: 7", "aliases: lots"), profile="prodution")
    assert (unknown.code, unknown.fix) == ("CONFIG_UNKNOWN_PROFILE", "did you mean `production`?")
    assert unknown.mark.line == TEXT[: TEXT.index("profiles:")].count("\n") + 1
    assert other.path == ("gateway", "limits", "aliases")
    (none,) = desk.problems(BASE, profile="production")
    assert none.fix == "known profiles: none, add it under `profiles`"


def test_a_problem_is_told_where_it_stands_in_the_profile(desk):
    wrong = TEXT.replace("depth: 9", "dept: 9")
    (problem,) = desk.problems(wrong, profile="staging")
    line = next(number for number, line in enumerate(wrong.splitlines(), 1) if "dept: 9" in line)
    column = wrong.splitlines()[line - 1].index("dept") + 1
    assert problem.mark == Mark(str(desk.folder / "gateway.yaml"), line, column)
    assert problem.fix == "did you mean `depth`?"
    assert desk.load(wrong), "a profile that is not chosen is not looked into"


def test_what_is_filled_in_for_another_profile_need_not_be_there(desk):
    assert desk.load(TEXT, profile="staging")
    (problem,) = desk.problems(TEXT, profile="production")
    assert (problem.code, problem.sources) == ("CONFIG_SUBSTITUTION", ("shop",))


@pytest.mark.parametrize("written", ["profiles: [a]\n", "profiles: {a: 1}\n", "profiles: {a: {profiles: {}}}\n"])
def test_profiles_are_mappings_without_profiles(desk, written):
    (problem, *_) = desk.problems(BASE + written, profile="a")
    assert problem.path[0] == "profiles"


def test_a_name_that_a_profile_has_twice_is_told(desk):
    twice = "profiles: {x: {sources: [{name: shop, expose: [a]}, {name: shop, expose: [b]}]}}\n"
    assert "CONFIG_DUPLICATE" in {problem.code for problem in desk.problems(BASE + twice, profile="x")}


def test_what_shares_an_anchor_with_what_is_overridden_stays_as_it_was(desk):
    text = "gateway: {owner: &us {team: Us, contact: {email: us@example.com}}}\n" + HEAD + "  us: *us\n" + SOURCE
    settings = desk.load(text + "profiles: {x: {owners: {us: {team: Them}}}}\n", profile="x")
    assert (settings.owners["us"].team, settings.gateway.owner.team) == ("Them", "Us")


# ---------------------------------------------------------------- a folder


def test_each_file_of_a_folder_has_its_part_of_a_profile(desk):
    desk.write(HEAD + SOURCE + "profiles: {p: {sources: [{name: shop, url: https://a.example.com}]}}\n", "c/1.yaml")
    stock = "sources: [{name: stock, kind: graphql, url: https://s.example.com, schema: introspect, owner: shop}]\n"
    desk.write(stock + "profiles: {p: {sources: [{name: stock, url: https://b.example.com}]}, q: {}}\n", "c/2.yaml")
    settings = load(desk.folder / "c", KINDS, profile="p", environ={})
    assert [source.url for source in settings.sources] == ["https://a.example.com", "https://b.example.com"]
    assert load(desk.folder / "c", KINDS, profile="q", environ={})


def test_what_two_files_say_of_one_profile_is_a_problem_with_both_places(desk):
    first = desk.write(HEAD + SOURCE + "profiles: {p: {gateway: {listen: 127.0.0.1:1}}}\n", "c/1.yaml")
    again = desk.write("profiles: {p: {gateway: {listen: 127.0.0.1:2}}}\n", "c/2.yaml")
    with pytest.raises(ConfigError) as caught:
        load(desk.folder / "c", KINDS, environ={})
    (problem,) = caught.value.problems
    assert problem.path == ("profiles", "p", "gateway", "listen")
    assert (problem.mark.file, problem.mark.line) == (str(again), 1)
    assert str(first) in problem.message
