"""`gateway coupling`: how much of each source clients depend on, and what their operations cost."""

from __future__ import annotations

from pathlib import Path

from .conftest import Gateway


def operations(folder: Path, **files: str) -> Path:
    path = folder / "operations"
    path.mkdir()
    for name, text in files.items():
        (path / f"{name}.graphql").write_text(text)
    return path


def test_the_surface_of_each_source_is_counted(gateway: Gateway, config: Path) -> None:
    books, people = gateway("coupling", config, "--json").data["sources"]
    assert (books["source"], books["operations"], books["required_arguments"], books["used"]) == ("books", 1, 1, None)
    assert books["fields"] == 5
    assert (people["types"], people["fields"]) == (2, 3)


def test_fields_that_no_operation_uses_are_named(gateway: Gateway, config: Path, tmp_path: Path) -> None:
    folder = operations(tmp_path, page="query Page($id: ID!) { book(id: $id) { title author { name } } }")
    said = gateway("coupling", config, "--operations", folder)
    assert said.code == 0
    assert "books: nothing uses Book.id, Book.authorId, Book.genre" in said.out
    assert "page.graphql Page: 2 fetches from books,people" in said.out


def test_an_operation_that_cannot_be_planned_is_a_problem(gateway: Gateway, config: Path, tmp_path: Path) -> None:
    folder = operations(tmp_path, good='{ book(id: "1") { title } }', gone="{ nothing }", broken="{ book(")
    said = gateway("coupling", config, "--operations", folder)
    assert said.code == 1
    assert "good.graphql : 1 fetches from books" in said.out
    assert "gone.graphql : Cannot query field 'nothing'" in said.out
    assert "broken.graphql : Syntax Error" in said.out


def test_a_chatty_operation_is_marked(gateway: Gateway, config: Path, tmp_path: Path) -> None:
    many = " ".join(f'b{n}: book(id: "{n}") {{ author {{ name }} }}' for n in range(5))
    said = gateway(
        "coupling", config, "--operations", operations(tmp_path, many=f"{{ {many} }}", one='{ book(id: "1") { title } }')
    )
    assert "chatty" in next(line for line in said.out.splitlines() if line.startswith("many.graphql"))
    assert "chatty" not in next(line for line in said.out.splitlines() if line.startswith("one.graphql"))


def budgeted(config: Path, budget: str) -> Path:
    config.write_text(config.read_text().replace("{name: books,", f"{{name: books, budget: {budget},", 1))
    return config


def test_a_source_over_its_budget_fails_the_check_and_names_its_owner(gateway: Gateway, config: Path) -> None:
    said = gateway("check", budgeted(config, "{fields: 4, types: 100, required_arguments: 0}"))
    assert said.code == 1
    assert "SURFACE_BUDGET" in said.err
    assert "5 fields of books are part of the API; its budget is 4" in said.err
    assert "1 required arguments of books are part of the API; its budget is 0" in said.err
    assert "owner: " in said.err
    assert "fine" not in said.out
    assert gateway("coupling", config).code == 1


def test_a_source_within_its_budget_passes_and_is_counted(gateway: Gateway, config: Path) -> None:
    said = gateway("check", budgeted(config, "{operations: 1, types: 3, fields: 5, required_arguments: 1}"))
    assert said.code == 0
    assert "required arguments" in said.out


def test_the_check_takes_operations_too(gateway: Gateway, config: Path, tmp_path: Path) -> None:
    folder = operations(tmp_path, page="query Page($id: ID!) { book(id: $id) { title author { name } } }", gone="{ nothing }")
    said = gateway("check", config, "--operations", folder, "--json")
    assert said.code == 1
    assert [each["fetches"] for each in said.data["operations"]] == [2, 0]
    assert said.data["sources"][0]["unused"] == ["Book.id", "Book.authorId", "Book.genre"]
    assert said.data["problems"] == []
