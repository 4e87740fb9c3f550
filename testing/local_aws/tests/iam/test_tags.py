"""The number of tags of users, roles and policies, and the characters in them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
"""

import pytest

from testing.local_aws.tests.conftest import Account, Client, CreateUser, Json, error_code, policy


def _tags(*pairs: tuple[str, str]) -> list[Json]:
    return [{"Key": key, "Value": value} for key, value in pairs]


FIFTY = [(f"key-{number}", "a") for number in range(50)]


@pytest.mark.parametrize("kind", ["user", "role", "policy"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("team", "a,b", id="comma"),
        pytest.param("team", "billing (eu)", id="parentheses"),
        pytest.param("team", "what?", id="question-mark"),
        pytest.param("cost*", "a", id="key"),
        pytest.param("k" * 129, "a", id="long-key"),
        pytest.param("team", "v" * 257, id="long-value"),
    ],
)
def test_other_characters_and_long_tags_are_refused(
    account: Account, iam: Client, name: str, kind: str, key: str, value: str
) -> None:
    """AWS: a key has 1 to 128 characters and a value at most 256, of the pattern
    [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@].
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html
    """
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    grant = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": account.arn("sqs", "a")}
    documents: dict[str, Json] = {
        "user": {},
        "role": {"AssumeRolePolicyDocument": policy(trust)},
        "policy": {"PolicyDocument": policy(grant)},
    }
    create = getattr(iam, f"create_{kind}")
    arguments = {f"{kind.title()}Name": name, **documents[kind]}

    assert error_code(create, **arguments, Tags=_tags((key, value))) == "ValidationError"


def test_letters_of_all_languages_and_eight_signs_are_accepted(
    iam: Client, create_user: CreateUser, name: str
) -> None:
    create_user()
    tags = _tags(("Équipe 1", "a_b.c:d/e=f+g-h@i"), ("部門", ""))

    iam.tag_user(UserName=name, Tags=tags)

    # In a real account, the user has the tag of the run, too.
    stored = iam.list_user_tags(UserName=name)["Tags"]
    assert [tag for tag in stored if tag in tags] == tags


@pytest.mark.local_only("It needs a user without the tag of the run.")
def test_a_user_has_at_most_fifty_tags(iam: Client, create_user: CreateUser, name: str) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
    create_user()
    iam.tag_user(UserName=name, Tags=_tags(*FIFTY))

    more = error_code(iam.tag_user, UserName=name, Tags=_tags(("key-50", "a")))
    at_once = error_code(iam.tag_user, UserName=name, Tags=_tags(*FIFTY, ("key-50", "a")))
    again = error_code(iam.tag_user, UserName=name, Tags=_tags(("key-49", "b")))

    assert (more, at_once, again) == ("LimitExceeded", "ValidationError", "")
