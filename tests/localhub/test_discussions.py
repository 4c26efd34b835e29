"""Discussions and pull requests, as flags and contributions use them."""

from collections.abc import Callable

import httpx
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError

import localhub

from .test_repos import bearer, status_of

Clients = Callable[[str | None], HfApi]


def test_a_discussion_is_opened_argued_and_closed(api: HfApi, as_user: Clients, model: str) -> None:
    eve = as_user("eve")
    opened = eve.create_discussion(model, "[FLAG] contaminated", description="see https://example.org/evidence")
    api.comment_discussion(model, opened.num, "we disagree")
    eve.rename_discussion(model, opened.num, "[FLAG] contaminated with the test set")
    api.change_discussion_status(model, opened.num, "closed", comment="settled")
    details = api.get_discussion_details(model, opened.num)
    assert [event.type for event in details.events] == [
        "comment",
        "comment",
        "title-change",
        "comment",
        "status-change",
    ]
    assert [event.author for event in details.events] == ["eve", "ada", "eve", "ada", "ada"]
    assert (details.status, details.title) == ("closed", "[FLAG] contaminated with the test set")
    page = httpx.get(details.url)
    assert "we disagree" in page.text
    assert '<a href="https://example.org/evidence">' in page.text


def test_comments_are_edited_by_their_author_and_hidden_by_the_owner(api: HfApi, as_user: Clients, model: str) -> None:
    eve, bob = as_user("eve"), as_user("bob")
    num = eve.create_discussion(model, "A question").num
    comment = eve.comment_discussion(model, num, "first")
    edited = eve.edit_discussion_comment(model, num, comment.id, "second")
    assert (edited.content, edited.edited) == ("second", True)
    assert edited.number_of_edits == 1
    assert status_of(lambda: api.edit_discussion_comment(model, num, comment.id, "forged")) == 403
    assert status_of(lambda: bob.hide_discussion_comment(model, num, comment.id)) == 403
    assert api.hide_discussion_comment(model, num, comment.id).hidden
    assert status_of(lambda: eve.edit_discussion_comment(model, num, comment.id, "again")) == 403
    raw = httpx.get(f"{api.endpoint}/api/models/{model}/discussions/{num}").text
    assert "first" not in raw and "second" not in raw


def test_who_may_not(api: HfApi, as_user: Clients, model: str) -> None:
    num = api.create_discussion(model, "Mine alone").num
    assert status_of(lambda: as_user(None).create_discussion(model, "Anonymous")) == 401
    assert status_of(lambda: as_user("eve").change_discussion_status(model, num, "closed")) == 403
    assert status_of(lambda: as_user("eve").rename_discussion(model, num, "Hers now")) == 403
    assert status_of(lambda: api.create_discussion(model, "ab")) == 400
    assert status_of(lambda: api.get_discussion_details(model, 99)) == 404
    empty = httpx.post(
        f"{api.endpoint}/api/models/{model}/discussions/{num}/comment", json={"comment": " "}, headers=bearer("ada")
    )
    assert empty.status_code == 400


def test_lists_filter_and_page(api: HfApi, as_user: Clients, dataset: str) -> None:
    for n in range(53):
        as_user("eve" if n % 2 else "ada").create_discussion(dataset, f"Number {n}", repo_type="dataset")
    api.create_pull_request(dataset, "A pull", repo_type="dataset")
    api.change_discussion_status(dataset, 1, "closed", repo_type="dataset")

    def numbers(**filters: str) -> list[int]:
        discussions = api.get_repo_discussions(dataset, repo_type="dataset", **filters)  # type: ignore[arg-type]
        return [discussion.num for discussion in discussions]

    assert numbers() == list(range(54, 0, -1))
    assert numbers(discussion_type="pull_request") == [54]
    assert numbers(discussion_status="closed") == [1]
    assert len(numbers(discussion_status="open")) == 53
    assert len(numbers(author="eve")) == 26


def test_a_strangers_pull_request_is_merged_by_the_owner(api: HfApi, as_user: Clients, model: str) -> None:
    eve = as_user("eve")
    made = eve.create_commit(model, [CommitOperationAdd("new.txt", b"1")], commit_message="Add", create_pr=True)
    num = made.pr_num
    assert made.pr_url == f"{api.endpoint}/{model}/discussions/{num}"
    assert eve.list_repo_files(model, revision=f"refs/pr/{num}") == [".gitattributes", "new.txt"]
    assert "new.txt" not in api.list_repo_files(model)
    eve.create_commit(model, [CommitOperationAdd("new.txt", b"2")], commit_message="Again", revision=f"refs/pr/{num}")
    assert (
        status_of(
            lambda: as_user("bob").create_commit(
                model, [CommitOperationAdd("no", b"")], commit_message="x", revision=f"refs/pr/{num}"
            )
        )
        == 403
    )
    assert status_of(lambda: eve.merge_pull_request(model, num)) == 403
    details = api.get_discussion_details(model, num)
    assert (details.status, details.conflicting_files, details.target_branch) == ("open", [], "refs/heads/main")
    assert "+++ b/new.txt\n@@ -0,0 +1 @@\n+2" in details.diff
    api.upload_file(path_or_fileobj=b"x", path_in_repo="meanwhile.txt", repo_id=model)
    api.merge_pull_request(model, num, comment="thanks")
    assert api.list_repo_files(model) == [".gitattributes", "meanwhile.txt", "new.txt"]
    merged = api.get_discussion_details(model, num)
    assert merged.merge_commit_oid == api.model_info(model).sha
    assert api.list_repo_commits(model)[0].title == f"Add (#{num})"
    assert status_of(lambda: api.merge_pull_request(model, num)) == 403
    assert status_of(lambda: api.change_discussion_status(model, num, "open")) == 403
    assert num in [int(ref.name) for ref in api.list_repo_refs(model, include_pull_requests=True).pull_requests]


def test_a_draft_must_be_opened_before_it_is_merged(api: HfApi, model: str) -> None:
    draft = api.create_pull_request(model, "To be filled", description="soon")
    assert draft.status == "draft"
    api.create_commit(model, [CommitOperationAdd("x", b"")], commit_message="x", revision=draft.git_reference)
    assert status_of(lambda: api.merge_pull_request(model, draft.num)) == 403
    api.change_discussion_status(model, draft.num, "open")
    api.merge_pull_request(model, draft.num)
    assert "x" in api.list_repo_files(model)


def test_a_conflict_is_told_and_not_merged(api: HfApi, model: str) -> None:
    api.upload_file(path_or_fileobj=b"base", path_in_repo="a.txt", repo_id=model)
    num = api.create_commit(
        model, [CommitOperationAdd("a.txt", b"theirs")], commit_message="Change", create_pr=True
    ).pr_num
    api.create_commit(model, [CommitOperationDelete("a.txt")], commit_message="remove")
    assert api.get_discussion_details(model, num).conflicting_files == ["a.txt"]
    assert status_of(lambda: api.merge_pull_request(model, num)) == 409


def test_a_pull_request_starts_from_its_parent_commit(api: HfApi, model: str) -> None:
    first = api.model_info(model).sha
    api.upload_file(path_or_fileobj=b"x", path_in_repo="later", repo_id=model)
    num = api.create_commit(
        model, [CommitOperationAdd("pr", b"")], commit_message="From there", create_pr=True, parent_commit=first
    ).pr_num
    assert api.list_repo_files(model, revision=f"refs/pr/{num}") == [".gitattributes", "pr"]
    with pytest.raises(HfHubHTTPError):
        api.create_commit(
            model, [CommitOperationAdd("y", b"")], commit_message="no branch", create_pr=True, revision=first
        )


def test_discussions_of_a_private_repo_are_private(api: HfApi, as_user: Clients, served: localhub.Running) -> None:
    api.create_repo("ada/hidden-talk", private=True)
    url = api.create_discussion("ada/hidden-talk", "Among us").url
    assert httpx.get(url).status_code == 401
    assert status_of(lambda: as_user("eve").get_discussion_details("ada/hidden-talk", 1)) == 404
