"""`${...}` is filled in, and what was filled in is told to nobody."""

import pytest

from gateway.config.problem import ConfigError, Problem
from tests.config.conftest import HEAD, KINDS, SOURCE, Choice

# ---------------------------------------------------------------- substitution


def test_the_environment_is_filled_in(desk):
    desk.environ = {"HOST": "shop.example.com", "N": "7", "ON": "true", "EMPTY": ""}
    text = SOURCE.replace("https://shop.example.com/", "https://${env:HOST}:${env:PORT:-8443}/")
    source = desk.load(HEAD + text + "    retry: {max_attempts: 1}\n    timeout: ${env:EMPTY:-100ms}\n").sources[0]
    assert source.url == "https://shop.example.com:8443/graphql"
    assert source.policy.timeout.per_try == 0.1


def test_unquoted_it_means_what_it_would_mean_and_quoted_it_is_text(desk):
    desk.environ = {"N": "7"}
    assert desk.source("retry:\n  max_attempts: ${env:N}").policy.retry.max_attempts == 7
    assert desk.source("retry:\n  max_attempts: ${env:NONE:-4}").policy.retry.max_attempts == 4
    (problem,) = desk.source_problems('retry:\n  max_attempts: "${env:N}"')
    assert problem.path == ("sources", 0, "retry", "max_attempts")


def test_where_text_is_wanted_digits_stay_text(desk):
    desk.environ = {"PIN": "0123", "TRUE": "true"}
    source = desk.source("expose:\n  - ${env:PIN}\n  - ${env:TRUE}\noptions:\n  token: ${env:PIN}", {"graphql": Choice})
    assert source.expose == ("0123", "true")
    assert source.options.token.get_secret_value() == "0123"


def test_a_file_is_filled_in_without_its_last_line_break(desk):
    desk.write("s3cret\n", "secrets/key")
    source = desk.source('headers: {request: [{insert: {name: X, value: "Bearer ${file:secrets/key}"}}]}')
    assert source.headers.request[0].insert.value.get_secret_value() == "Bearer s3cret"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("${env:NOPE}", "no NOPE"),
        ("x-${env:NOPE}-y", "no NOPE"),
        ("${file:./nope}", "No such file"),
        ("${file:.}", "directory"),
        ("${file:empty}", "empty"),
        ("${file:large}", "larger"),
        ("${file:binary}", "UTF-8"),
        ("${NOPE}", "nothing that can be filled in"),
        ("${env:}", "nothing that can be filled in"),
        ("${file:}", "nothing that can be filled in"),
        ("${env:A", "no `}`"),
    ],
)
def test_what_cannot_be_filled_in_is_told_once(desk, written, said):
    desk.write("", "empty")
    desk.write("x" * 70_000, "large")
    desk.write(b"\xff\xfe", "binary")
    (problem,) = desk.problems(HEAD + SOURCE.replace("https://shop.example.com/graphql", f'"{written}"'))
    assert (problem.code, problem.path) == ("CONFIG_SUBSTITUTION", ("sources", 0, "url"))
    assert said in problem.message
    assert problem.fix


def test_every_value_that_cannot_be_filled_in_is_told(desk):
    text = HEAD + SOURCE.replace("https://shop.example.com/graphql", "${env:A}").replace("owner: shop", "owner: ${env:B}")
    assert [p.path[-1] for p in desk.problems(text)] == ["url", "owner"]


# ---------------------------------------------------------------- secrets

SECRET = "gEh3im-9173"


def told(desk, text, options=KINDS):
    """All that may ever be printed about a configuration: its problems, or its settings."""
    try:
        settings = desk.load(text, options)
    except ConfigError as error:
        return f"{error} {error.problems!r}"
    return repr(settings) + repr([s.headers.model_dump_json() + s.schema_.model_dump_json() for s in settings.sources])


@pytest.mark.parametrize(
    "extra",
    [
        "headers: {request: [{insert: {name: X, value: HERE}}]}",
        "headers: {request: [{insert: {name: X, value: [HERE]}}]}",
        "headers: {request: [{insert: {name: X, value: 'HERE\n\n      b'}}]}",
        "headers: {request: [{insert: {name: HERE x, value: y}}]}",
        "auth: {oauth2_client_credentials: {token_url: 'https://x', client_id: a, client_secret: HERE}}",
        "auth: {oauth2_client_credentials: {token_url: HERE, client_id: HERE, client_secret: HERE}}",
        "options: {token: HERE}",
        "options: {mode: HERE}",
        "options: {size: HERE}",
        "timeout: HERE",
        "transport: HERE",
        "owner: HERE",
        "kind: HERE",
    ],
)
@pytest.mark.parametrize("reference", ["${env:KEY}", "${file:key}"])
def test_what_was_filled_in_is_never_told(desk, extra, reference):
    assert SECRET not in told_with(desk, extra, reference)


@pytest.mark.parametrize(
    "extra", ["expose: [HERE]", "about: {url: HERE}", "about: {url: 'https://user:HERE@host'}", "prefix: {only: HERE}"]
)
def test_what_came_from_a_file_is_no_part_of_a_repr(desk, extra):
    assert SECRET not in told_with(desk, extra, "${file:key}")


def told_with(desk, extra, reference):
    desk.environ = {"KEY": SECRET}
    desk.write(SECRET, "key")
    lines = [line for line in SOURCE.splitlines() if line.split(":")[0].strip() != extra.split(":")[0]]
    written = reference if "'" in extra else f'"{reference}"'
    return told(desk, HEAD + "\n".join(lines) + f"\n    {extra.replace('HERE', written)}\n", {"graphql": Choice})


@pytest.mark.parametrize(
    "text",
    [
        SOURCE + f"    headers: {{request: [{{insert: {{name: X, value: {SECRET}}}}}]}}\n",
        SOURCE + "    headers: {request: [{insert: {name: X, value: 4711471147}}]}\n",
        SOURCE + f'    headers: {{request: [{{insert: {{name: X, value: "{SECRET}\\n"}}}}]}}\n',
        SOURCE + f"    options: {{token: [{SECRET}]}}\n",
        SOURCE.replace("schema: introspect", f"schema: {{from: introspect, headers: {{X: {SECRET}}}}}"),
        SOURCE.replace("https://shop", f"https://me:{SECRET}@shop"),
        SOURCE + f"cache: {{store: 'redis://:{SECRET}@cache'}}\n",
        SOURCE + f"cache: {{store: 'rdis://:{SECRET}@cache'}}\n",
    ],
)
def test_what_is_a_secret_by_its_key_is_never_told_though_written_plainly(desk, text):
    shown = told(desk, HEAD + text, {"graphql": Choice})
    assert SECRET not in shown
    assert "4711471147" not in shown


def test_a_later_problem_is_told_without_secrets(desk):
    desk.environ = {"KEY": SECRET}
    settings = desk.load(HEAD + SOURCE.replace("https://shop.example.com/graphql", "https://${env:KEY}/graphql"))
    later = Problem("X", f"https://{SECRET}/graphql does not answer", fix=f"try {SECRET!r}", owners=(f"Shop ({SECRET})",))
    (problem,) = settings.located([later])
    assert problem.message == "https://${env:KEY}/graphql does not answer"
    assert SECRET not in str(problem)
