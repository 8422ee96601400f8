"""Masks known secrets in every error and health message that a plugin gives back."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import suppress
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve

from headwater.models import CheckHealthResult, QueryChunk, QueryDataResponse
from headwater.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from headwater.secrets import Redactor

__all__ = ["RedactionMiddleware", "mask_error"]

T = TypeVar("T")


class RedactionMiddleware:
    """A server may repeat a password in its refusal, and a driver a whole URL; nobody else should read that.

    Errors keep their identity and type: their texts are changed in place, those of their causes too. Data is
    not touched."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    @hookimpl(wrapper=True)
    def query_data(self) -> Generator[None, Any, Any]:
        try:
            answer = yield
        except BaseException as error:
            raise mask_error(error, self._redactor)  # noqa: B904 - the same error
        if isinstance(answer, QueryDataResponse):
            for response in answer.responses.values():
                failure = getattr(response, "error", None)  # a plugin may answer with anything
                if isinstance(failure, BaseException):
                    mask_error(failure, self._redactor)
        return answer

    @hookimpl(wrapper=True)
    def query_chunked_data(self) -> Generator[None, Any, Any]:
        try:
            answer = yield
        except BaseException as error:
            raise mask_error(error, self._redactor)  # noqa: B904
        return self._watched(answer)

    @hookimpl(wrapper=True)
    def check_health(self) -> Generator[None, Any, Any]:
        try:
            answer = yield
        except BaseException as error:
            raise mask_error(error, self._redactor)  # noqa: B904
        if isinstance(answer, CheckHealthResult):
            details = self._redactor.clean(answer.details)
            return evolve(answer, message=self._redactor.redact(answer.message), details=details)
        return answer

    @hookimpl(wrapper=True)
    def call_resource(self) -> Generator[None, Any, Any]:
        try:
            answer = yield
        except BaseException as error:
            raise mask_error(error, self._redactor)  # noqa: B904
        return self._watched(answer)

    def _watched(self, items: object) -> object:
        return self._masked(items) if isinstance(items, Iterable) else items

    def _masked(self, items: Iterable[T]) -> Generator[T, None, None]:
        """`items`, with errors masked. Closing this generator closes them."""
        try:
            for item in items:
                if isinstance(item, QueryChunk) and item.error is not None:
                    mask_error(item.error, self._redactor)
                yield item
        except GeneratorExit:
            raise
        except BaseException as error:
            raise mask_error(error, self._redactor)  # noqa: B904
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()


def mask_error(error: BaseException, redactor: Redactor) -> BaseException:
    """`error` itself, with known secrets masked in its texts, its notes, and those of its causes.

    Only the message of an exception group stays, which Python lets nobody change."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        pending += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            pending += each.exceptions
        _mask_texts(each, redactor)
    return error


def _mask_texts(error: BaseException, redactor: Redactor) -> None:
    # Past `__setattr__`, which a frozen class forbids.
    object.__setattr__(error, "args", tuple(redactor.clean(argument) for argument in error.args))
    attributes = vars(error)
    for name, text in attributes.items():
        if isinstance(text, str):
            attributes[name] = redactor.redact(text)
    for kind in type(error).__mro__:
        for slot in vars(kind).values():
            if isinstance(slot, MemberDescriptorType):  # `OSError` shows its own, not its arguments
                _mask_slot(error, slot, redactor)
    for index, note in enumerate(getattr(error, "__notes__", ())):
        error.__notes__[index] = redactor.redact(note)


def _mask_slot(error: BaseException, slot: MemberDescriptorType, redactor: Redactor) -> None:
    with suppress(AttributeError):  # it was not set, or cannot be
        text = slot.__get__(error)
        if isinstance(text, str):
            slot.__set__(error, redactor.redact(text))
