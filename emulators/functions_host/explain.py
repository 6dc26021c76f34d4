"""Turns failures of the user's code into words and tracebacks that a newcomer can use.

Invariant: nothing of the user's own traceback is lost; only frames of the runtime and of Python's
import machinery are left out.
"""

import re

_FRAME = re.compile(r'^  File "([^"]+)", line \d+')
_MACHINERY = (
    "azure_functions_runtime/",
    "<frozen importlib",
    "importlib/__init__.py",
    "concurrent/futures/thread.py",
    "emulators/functions_host/worker/",
)
# The runtime appends a hint and the whole sys.path to an import error's message.
_RUNTIME_HINT = re.compile(
    r"\. Cannot find module\. Please check the requirements\.txt.*", re.DOTALL
)
_CHAINED = "During handling of the above exception, another exception occurred:"
_MODULE = re.compile(r"No module named '([^']+)'")


def trim(stack: str) -> str:
    """Leave the runtime's frames out of a traceback, and what it says twice.

    The runtime raises an import error again with a hint, so its traceback has the same part twice.
    """
    parts = [_without_machinery(part) for part in _RUNTIME_HINT.sub("", stack).split(_CHAINED)]
    return _CHAINED.join(dict.fromkeys(part.strip("\n") for part in parts))


def _without_machinery(stack: str) -> str:
    kept: list[str] = []
    skipping = False
    for line in stack.rstrip().split("\n"):
        if (frame := _FRAME.match(line)) is not None:
            skipping = any(part in frame[1] for part in _MACHINERY)
        elif not line.startswith("    "):
            skipping = False
        if not skipping:
            kept.append(line.removeprefix("azure_functions_runtime.functions."))
    return "\n".join(kept)


def indexing_failure(message: str, stack: str) -> str:
    """Say why the app has no functions, what to do, and where it happened."""
    message = _RUNTIME_HINT.sub("", message)
    head = f"No function was loaded, because function_app.py could not be:\n  {message}"
    return "\n".join(part for part in (head, f"  {_advice(message)}", trim(stack)) if part)


def exit_reason(code: int | None) -> str:
    """Put a process's exit code into words."""
    if code is None:
        return "it did not start in time"
    if code < 0:
        return f"killed by signal {-code}" + (" (out of memory?)" if code == -9 else "")  # noqa: PLR2004 - SIGKILL
    return f"exit code {code}"


def over_budget(init_seconds: float | None) -> str:
    """Say why a worker that was starting is ended; without seconds it never even began."""
    if init_seconds is None:
        return "it did not start in time"
    return (
        f"importing and indexing the app took more than {init_seconds:g} s, which is all that Azure "
        "gives; see what takes so long with `python -X importtime -c 'import function_app'`, and "
        "import late what only some functions need"
    )


def slow_import(seconds: float, budget: float, modules: list[tuple[str, float]]) -> str:
    """Say that the app is slow to import, and which modules make it so."""
    head = (
        f"importing the app took {seconds:.1f} s; every cold start waits for it, and Azure ends a "
        f"worker at {budget:g} s. The slowest imports (python -X importtime), each by itself:"
    )
    return "\n".join([head, *(f"  {took:6.2f} s  {name}" for name, took in modules)])


def _advice(message: str) -> str:
    if (module := _MODULE.search(message)) is not None:
        name = module[1].split(".", maxsplit=1)[0]
        return (
            f"Python cannot find {name!r}. If it is a package, add it to requirements.txt and "
            "install it in this environment; if it is your own file, check its name and folder."
        )
    if message.startswith(("SyntaxError", "IndentationError", "TabError")):
        return "Python cannot read the file; the last lines below show where."
    if "cannot load the" in message:
        return "A function's parameters and its decorators do not agree; compare their names."
    if "Could not find top level function app" in message:
        return "The file needs one `app = func.FunctionApp()` at its top level."
    if "has no function_app.py" in message:
        return "This host runs the Python v2 programming model, which starts from function_app.py."
    return "One error while importing hides every function, on Azure too; fix it and start again."
