"""What was revoked, as it is published and read."""

from shared_code.revocations import Revocations, parse


def test_a_document_is_read_as_it_was_written() -> None:
    revoked = Revocations({"ses_1": 7}, {"usr_1": (3, 9)})
    assert parse(revoked.document()) == revoked
    assert parse(Revocations().document()) == Revocations()


def test_a_session_and_older_versions_are_refused_and_nothing_else_is() -> None:
    revoked = Revocations({"ses_1": 7}, {"usr_1": (3, 9)})
    assert revoked.refuses("usr_2", "ses_1", 5)
    assert revoked.refuses("usr_1", "ses_2", 2)
    assert not revoked.refuses("usr_1", "ses_2", 3)
    assert not revoked.refuses("usr_2", "ses_2", 0)
