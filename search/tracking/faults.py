"""Errors of calls to MLflow: their cause in a few words, and whether they may pass."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import requests
from mlflow.exceptions import MlflowException, RestException
from sqlalchemy.exc import DBAPIError, OperationalError

OUTAGES = {
    "INTERNAL_ERROR",
    "TEMPORARILY_UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "REQUEST_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "CANCELLED",
    "ENDPOINT_NOT_FOUND",
    "UNAUTHENTICATED",
    "CUSTOMER_UNAUTHORIZED",
    "PERMISSION_DENIED",
}
"""MLflow's codes for HTTP 5xx, 429, 401 and 403, for no answer, for a database that does not work,
and for a proxy without a server behind it."""
LOGINS = {"UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED"}
REFUSALS = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
"""MLflow's codes for a call on a deleted run, among other things."""
BUGS = (TypeError, ValueError, LookupError, AttributeError, ImportError)
"""Causes that MLflow reports as internal errors, and that no retry helps."""
STATUS = re.compile(r"failed with error code (\d{3}) != |\b(4\d\d|5\d\d) (?:Client|Server) Error")
"""HTTP status in the text of an error that has none as an attribute."""
CAUSES = {
    401: "does not accept the token or password (HTTP 401)",
    403: "forbids a call (HTTP 403)",
    404: "has no such page (HTTP 404)",
    413: "refuses data that are too large for it or its proxy (HTTP 413)",
    429: "is overloaded (HTTP 429)",
}
LASTING = {400, 405, 411, 413, 414, 415, 422, 431, 501}
"""Statuses of calls that would be refused again."""
NO_ANSWER = "does not answer"
PAGE = "answers with a page in place of data, as a login or a gateway does"
NO_JSON = ("not in a valid JSON format", "Expecting value", "JSONDecodeError")
WORDS: tuple[tuple[str, str], ...] = (
    ("SSLError|SSLCertVerificationError", "has a certificate that is not accepted"),
    ("TooManyRedirects", "redirects without end"),
    ("gaierror|NameResolutionError", "has a host that is not known"),
    ("SlowAnswerError", "took too long to answer"),
)
"""What a class of errors, by its name, says about MLflow."""
NO_MLFLOW = "answers, but not as MLflow does"
"""Message of an error for an answer that another service may have given."""


class SlowAnswerError(TimeoutError):
    """A call to MLflow that was given up, as its answer was not complete in time."""


@dataclass(frozen=True)
class Fault:
    """Fault of a call.

    Attributes:
        cause: what MLflow does, as the predicate of a sentence.
        passing: whether the same call may succeed later.
        status: of HTTP, if the error has one.
        needs_user: whether it passes only if the user does something, as to log in.
    """

    cause: str
    passing: bool
    status: int | None = None
    needs_user: bool = False


def fault_of(error: BaseException) -> Fault:
    """Return the fault that an error of a call stands for."""
    status, chain = _status_of(error), list(_chain(error))
    if status is not None and status >= 400:
        cause = CAUSES.get(status, f"answers with an error (HTTP {status})")
        passing = status not in LASTING and is_outage(error)
        return Fault(cause, passing, status, needs_user=status in (401, 403))
    if any(_is_page(each) for each in chain):
        return Fault(PAGE, passing=True, needs_user=True)
    for each in chain:
        if found := _cause_of(each):
            lacking = isinstance(each, ImportError) or "Credentials" in type(each).__name__
            return Fault(found, passing=is_outage(error) and not lacking)
    if str(error) == NO_MLFLOW:
        return Fault(NO_MLFLOW, passing=True, needs_user=True)
    return Fault(f"fails: {_first_line(error)}", is_outage(error))


def is_outage(error: BaseException) -> bool:
    """Return whether an error of a call to MLflow may pass with time.

    These are refused and broken connections, timeouts, expired logins, internal errors of servers,
    databases that are locked, full or restarting, and artifacts that cannot be written.
    """
    if isinstance(error, MlflowException):
        cause = error.__cause__
        if isinstance(cause, (DBAPIError, OSError)):
            return is_outage(cause)
        return error.error_code in OUTAGES and not isinstance(cause, BUGS)
    if isinstance(error, DBAPIError):
        return isinstance(error, OperationalError) or bool(error.connection_invalidated)
    status = _status_of(error)
    if status is not None:
        return status >= 500 or status in (401, 403, 408, 429)
    return _is_page(error) or not isinstance(error, (*BUGS, SystemExit))


def is_refusal(error: BaseException) -> bool:
    """Return whether an error may mean that a run was deleted."""
    return isinstance(error, MlflowException) and error.error_code in REFUSALS


def _status_of(error: BaseException) -> int | None:
    """Return the HTTP status of an error, if it has one."""
    response = getattr(error, "response", None)
    if isinstance(getattr(response, "status_code", None), int):
        return int(response.status_code)  # type: ignore[union-attr]
    is_answer = isinstance(error, RestException) and error.error_code not in REFUSALS
    if is_answer or getattr(error, "error_code", None) in LOGINS:
        return int(error.get_http_status_code())  # type: ignore[attr-defined]
    found = STATUS.search(str(error)[:500]) if isinstance(error, MlflowException) else None
    return int(found[1] or found[2]) if found else None


def _is_page(error: BaseException) -> bool:
    """Return whether an error means an answer that is no JSON."""
    if isinstance(error, (json.JSONDecodeError, requests.exceptions.JSONDecodeError)):
        return True
    return isinstance(error, MlflowException) and any(text in str(error) for text in NO_JSON)


def _cause_of(error: BaseException) -> str | None:
    """Return the fault of MLflow that one error of a chain shows; None if it shows none."""
    name, text = type(error).__name__, _first_line(error)
    for names, words in WORDS:
        if name in names.split("|"):
            return words
    if isinstance(error, DBAPIError):
        return f"has a database that cannot be used: {_first_line(error.orig or error)}"
    if isinstance(error, ImportError):
        return f"needs a module that is not installed: {error.name or text}"
    if "Credentials" in name:
        return f"has an artifact store that needs credentials: {text}"
    return _cause_of_system(error)


def _cause_of_system(error: BaseException) -> str | None:
    """Return the fault of MLflow behind an error of the network or of files; None for others."""
    if isinstance(error, (ConnectionError, TimeoutError, requests.exceptions.RequestException)):
        return NO_ANSWER
    if not isinstance(error, OSError):
        return None
    return f"whose files cannot be written ({error.strerror or _first_line(error)}), {NO_ANSWER}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the innermost cause of an error first, and the error itself last."""
    found: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in found:
        found.append(each)
        reason = each.args[0] if each.args else None
        inner = getattr(reason, "reason", reason)  # urllib3's errors are arguments of those above
        each = each.__cause__ or each.__context__
        if each is None and isinstance(inner, BaseException):
            each = inner
    yield from reversed(found)


def _first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its class."""
    text = str(error).strip()
    return text.splitlines()[0][:160] if text else type(error).__name__
