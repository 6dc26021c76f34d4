"""Ports come from the environment or from a range that no two stacks share."""

from pathlib import Path

import pytest

from emulators.stack.errors import PortTaken, StackError
from emulators.stack.ports import AUTOMATIC, DEFAULTS, Claims, from_environment, require_free


def test_without_variables_the_ports_are_azures_usual_ones() -> None:
    assert from_environment({}) == {
        "functions": 7071,
        "web_pubsub": 8080,
        "service_bus": 5672,
        "mail": 1080,
        "smtp": 1025,
        "blob": 10000,
        "queue": 10001,
        "table": 10002,
    }


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("FUNCTIONS_PORT", "functions"),
        ("WEB_PUBSUB_PORT", "web_pubsub"),
        ("SERVICE_BUS_PORT", "service_bus"),
        ("MAIL_PORT", "mail"),
        ("MAIL_SMTP_PORT", "smtp"),
        ("AZURITE_BLOB_PORT", "blob"),
        ("AZURITE_QUEUE_PORT", "queue"),
        ("AZURITE_TABLE_PORT", "table"),
    ],
)
def test_each_port_has_its_variable(variable: str, name: str) -> None:
    assert from_environment({variable: "4711"}) == {**DEFAULTS, name: 4711}


def test_an_empty_variable_is_as_none() -> None:
    assert from_environment({"FUNCTIONS_PORT": ""}) == DEFAULTS


@pytest.mark.parametrize("text", ["0", "65536", "-1", "many", "80.5"])
def test_what_is_no_port_is_refused_by_its_variable(text: str) -> None:
    with pytest.raises(StackError, match=f"FUNCTIONS_PORT={text} is not a port"):
        from_environment({"FUNCTIONS_PORT": text})


def test_one_port_for_two_parts_is_refused() -> None:
    with pytest.raises(StackError, match="two parts were given the same port"):
        from_environment({"FUNCTIONS_PORT": "8080"})


def test_a_taken_port_is_named_with_its_variable() -> None:
    with pytest.raises(PortTaken, match=r"port 8080 \(web_pubsub\).*WEB_PUBSUB_PORT"):
        require_free(DEFAULTS, ["functions", "web_pubsub"], free=lambda port: port != 8080)


def test_ports_of_parts_that_do_not_run_may_be_taken() -> None:
    require_free(DEFAULTS, ["blob"], free=lambda port: port == DEFAULTS["blob"])


def test_automatic_ports_differ_and_lie_in_their_range(tmp_path: Path) -> None:
    with Claims(tmp_path / "lock") as claims:
        ports = claims.take(DEFAULTS, free=lambda _: True)
    assert list(ports) == list(DEFAULTS)
    assert len(set(ports.values())) == len(DEFAULTS)
    assert all(port in AUTOMATIC for port in ports.values())


def test_automatic_ports_pass_over_those_in_use(tmp_path: Path) -> None:
    only = {AUTOMATIC[5], AUTOMATIC[9]}
    with Claims(tmp_path / "lock") as claims:
        ports = claims.take(["functions", "blob"], free=lambda port: port in only)
    assert set(ports.values()) == only


def test_when_no_port_is_free_it_says_so(tmp_path: Path) -> None:
    with Claims(tmp_path / "lock") as claims, pytest.raises(StackError, match="no free port"):
        claims.take(["functions"], free=lambda _: False)
