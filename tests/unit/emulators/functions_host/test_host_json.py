"""host.json: spelling, overrides, unknown keys, time spans."""

from typing import Any

import pytest

from emulators.functions_host import host_json, host_json_keys
from emulators.functions_host.host_json import HostJsonError


def unknown(document: dict[str, Any]) -> list[str]:
    return list(host_json_keys.unknown({"version": "2.0", **document}))


def test_keys_ignore_case() -> None:
    found = host_json.parse(
        {"FunctionTimeout": "00:01:00", "Extensions": {"HTTP": {"ROUTEPREFIX": ""}}}
    )
    assert (found.function_timeout, found.route_prefix) == (60, "")


def test_a_setting_overrides_a_value_of_the_file() -> None:
    settings = {
        "AzureFunctionsJobHost__extensions__http__routePrefix": "v2",
        "AzureFunctionsJobHost:functionTimeout": "00:02:00",
        "azurefunctionsjobhost__extensions__queues__batchSize": "4",
    }
    found = host_json.parse({"extensions": {"http": {"routePrefix": "v1"}}}, settings)
    assert (found.route_prefix, found.function_timeout, found.queues.batch_size) == ("v2", 120, 4)


def test_settings_may_name_the_members_of_a_list() -> None:
    settings = {
        "AzureFunctionsJobHost__functions__0": "One",
        "AzureFunctionsJobHost__functions__1": "two",
    }
    assert host_json.parse({}, settings).functions == frozenset({"one", "two"})


def test_an_unusable_override_is_named_like_a_value_of_the_file() -> None:
    settings = {"AzureFunctionsJobHost__extensions__queues__batchSize": "many"}
    with pytest.raises(HostJsonError, match="batchSize must be between"):
        host_json.parse({}, settings)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:05:00", 300), ("01:00", 3600), ("1.00:00:00", 86400), ("2", 172800), ("00:00:01.5", 1.5)],
)
def test_a_time_out_takes_every_form_of_a_time_span(text: str, seconds: float) -> None:
    assert host_json.parse({"functionTimeout": text}).function_timeout == seconds


@pytest.mark.parametrize("text", ["00:61:00", "25:00:00", "5m", "", "00:00:00.9", "-2"])
def test_what_is_no_time_span_or_under_a_second_is_refused(text: str) -> None:
    with pytest.raises(HostJsonError, match="functionTimeout"):
        host_json.parse({"functionTimeout": text})


def test_an_unknown_key_is_told_with_the_likely_spelling() -> None:
    assert unknown({"functionTimout": "00:05:00"}) == [
        "functionTimout (did you mean functionTimeout?)"
    ]
    assert unknown({"extensions": {"queues": {"batchsizes": 1}}}) == [
        "extensions.queues.batchsizes (did you mean batchSize?)"
    ]


def test_old_service_bus_options_are_told_because_azure_ignores_them() -> None:
    old = {"messageHandlerOptions": {"maxConcurrentCalls": 1}}
    assert unknown({"extensions": {"serviceBus": old}}) == [
        "extensions.serviceBus.messageHandlerOptions"
    ]


def test_what_the_host_knows_is_not_told() -> None:
    document = {
        "logging": {"anything": {"below": 1}},
        "extensionBundle": {"id": "x", "version": "[4.*, 5.0.0)"},
        "EXTENSIONS": {"blobs": {"maxDegreeOfParallelism": 4}, "eventHubs": {"x": 1}},
    }
    assert unknown(document) == []


def test_a_retry_policy_may_be_for_the_whole_app() -> None:
    retry = {"strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:03"}
    found = host_json.parse({"retry": retry}).retry
    assert found == {"most": 2, "exponential": False, "least_delay": 3, "most_delay": 3}


def test_http_limits_and_headers_are_read() -> None:
    http = {
        "maxOutstandingRequests": 2,
        "maxConcurrentRequests": 1,
        "customHeaders": {"X-Frame-Options": "DENY"},
    }
    found = host_json.parse({"extensions": {"http": http}}).http
    assert (found.max_outstanding, found.max_concurrent) == (2, 1)
    assert found.headers == {"x-frame-options": "DENY"}
