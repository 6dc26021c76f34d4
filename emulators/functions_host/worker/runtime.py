"""Drives `azure-functions-runtime` through its public functions: index once, then invoke.

Invariant: this is the only module that knows the shapes the runtime expects, so that a new version
of it is met in one place.
"""

import json
import logging
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as rt  # type: ignore[import-untyped]  # ships no types

from emulators.functions_host.worker import protos, wire

_RUNTIME_LOGGER = "azure.functions"


class IndexingError(Exception):
    """The app could not be loaded; carries the runtime's message and traceback."""

    def __init__(self, message: str, stack: str) -> None:
        super().__init__(message)
        self.stack = stack


async def index(app: Path) -> list[dict[str, Any]]:
    """Import `function_app.py` and return its functions as plain data.

    Raises:
        IndexingError: if the app cannot be imported or declares something impossible.
    """
    rt.start_threadpool_executor()
    init = SimpleNamespace(capabilities={}, function_app_directory=str(app))
    request = SimpleNamespace(
        request=SimpleNamespace(worker_init_request=init),
        properties={"host": "127.0.0.1", "protos": protos},
    )
    # What the runtime logs of a failure is in its answer, too, and told from there in better words.
    own_logger = logging.getLogger(_RUNTIME_LOGGER)
    own_logger.disabled = True
    answer = await rt.worker_init_request(request)
    own_logger.disabled = False
    if answer.result.status != protos.StatusResult.Success:
        error = answer.result.exception
        raise IndexingError(error.message, error.stack_trace)
    metadata = await rt.functions_metadata_request(SimpleNamespace(request=None))
    script = os.environ.get("PYTHON_SCRIPT_FILE_NAME", "function_app.py")
    if not (app / script).exists():
        raise IndexingError(f"{app} has no {script}", "")
    # None as well when the app declares no function.
    return [_describe(function) for function in metadata.function_metadata_results or ()]


async def invoke(message: wire.Message) -> tuple[Any, ...]:
    """Run what an `INVOKE` message asks and return the members of the `RESULT` after its id."""
    _, invocation, function, inputs, metadata, trace_parent, retry = message
    # The runtime sets this for sync functions only; logs of async ones need it just as much.
    rt.invocation_id_cv.set(invocation)
    request = SimpleNamespace(
        invocation_id=invocation,
        function_id=function,
        input_data=[
            protos.ParameterBinding(name=name, data=protos.to_proto(v)) for name, v in inputs
        ],
        trigger_metadata={name: protos.to_proto(value) for name, value in metadata.items()},
        trace_context=SimpleNamespace(trace_parent=trace_parent, trace_state="", attributes={}),
        retry_context=SimpleNamespace(
            retry_count=retry[0], max_retry_count=retry[1], exception=_failure(*retry[2:])
        ),
    )
    answer = await rt.invocation_request(
        SimpleNamespace(request=SimpleNamespace(invocation_request=request))
    )
    if answer.result.status != protos.StatusResult.Success:
        error = answer.result.exception
        return (False, None, {}, error.message, error.stack_trace)
    outputs = {item.name: protos.from_proto(item.data) for item in answer.output_data}
    return (True, protos.from_proto(answer.return_value), outputs, "", "")


def _failure(message: str, stack: str) -> protos.RpcException | None:
    """The failure that a retry follows, as `context.retry_context.exception` gives it."""
    if not message:
        return None
    return protos.RpcException(source="", stack_trace=stack, message=message)


def current_invocation() -> str | None:
    """Return the id of the invocation that the calling code runs for, if any."""
    value: str | None = rt.invocation_id_cv.get()
    return value


def quieten(*, debug: bool) -> None:
    """Keep the runtime's own chatter, one line an invocation, out of the developer's logs."""
    level = logging.DEBUG if debug else logging.WARNING
    for name in (_RUNTIME_LOGGER, "azure_functions_runtime", "azure_functions_worker", "azure"):
        logging.getLogger(name).setLevel(level)


def stop() -> None:
    """Let go of the thread pool without waiting: a stuck function must not hold the exit."""
    if (pool := rt.get_threadpool_executor()) is not None:
        pool.shutdown(wait=False, cancel_futures=True)
    sys.stdout.flush()


def _describe(function: Any) -> dict[str, Any]:
    return {
        "name": function.name,
        "id": function.function_id,
        "bindings": [json.loads(raw) for raw in function.raw_bindings],
        "retry": _retry(function.retry_options),
    }


def _retry(options: Any) -> dict[str, Any] | None:
    if options is None:
        return None
    fixed = options.retry_strategy == "fixed_delay"
    least = options.delay_interval if fixed else options.minimum_interval
    most = options.delay_interval if fixed else options.maximum_interval
    return {
        "most": options.max_retry_count,
        "exponential": not fixed,
        "least_delay": least.total_seconds(),
        "most_delay": most.total_seconds(),
    }
