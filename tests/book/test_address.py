"""The pages' links name the repository that builds them, or nothing."""

from pathlib import Path

import address
import pytest

from tools import set_repository

NOTEBOOK = (Path(__file__).parents[2] / "notebooks/01-regularized-inversion.ipynb").read_text("utf-8")
OWN = "/".join(set_repository.written(address.ROOT))


def test_in_a_workflow_it_is_the_one_that_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "Some-Lab/tp.book")
    assert address.known() == ("Some-Lab", "tp.book")


@pytest.mark.parametrize(
    ("remote", "found"),
    [
        ("https://github.com/a/b.git", ("a", "b")),
        ("https://token@github.com/a/b", ("a", "b")),
        ("git@github.com:a/b.git", ("a", "b")),
        ("ssh://git@github.com/a/b", ("a", "b")),
        ("https://gitlab.com/a/b", None),
        ("../github.com/a", None),
        ("", None),
    ],
)
def test_of_a_remote(remote: str, found: tuple[str, str] | None) -> None:
    assert set_repository.of_remote(remote) == found


def test_links_lead_to_it() -> None:
    text = address.in_text(NOTEBOOK, ("Some-Lab", "tp"))
    assert "/github/Some-Lab/tp/blob/main/notebooks/01" in text and "git+https://github.com/Some-Lab/tp" in text
    assert OWN not in text


def test_a_fork_s_workflow_leads_to_the_branch_that_it_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "Some-Lab/tp")
    text = address.in_text(NOTEBOOK, address.known())
    assert "/github/Some-Lab/tp/blob/live/notebooks/01" in text and "/gh/Some-Lab/tp/live?urlpath" in text


def test_without_an_address_no_link_is_dead() -> None:
    text = address.in_text(NOTEBOOK, None)
    assert "colab.research" not in text and "mybinder" not in text and address.INSTEAD in text
    assert address.in_text(f"[the code](https://github.com/{OWN})", None) in (
        "the code",
        f"[the code](https://github.com/{OWN})",
    )
