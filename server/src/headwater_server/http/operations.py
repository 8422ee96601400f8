"""`Operation`: one method on one path, with all that routing, authorization and OpenAPI know of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from attrs import field, frozen
from starlette.types import ASGIApp

from headwater_server.auth import Action

from .call import Call

Handler = Callable[[Call], Awaitable[ASGIApp]]


@frozen
class Parameter:
    """A query or header parameter, for the description of the API."""

    name: str
    location: str
    description: str
    schema: Mapping[str, Any] = field(factory=lambda: {"type": "string"})


@frozen(kw_only=True)
class Answer:
    """A body: the type of a JSON one, or the media types of others."""

    description: str
    type: Any = None
    media_types: tuple[str, ...] = ("application/json",)


@frozen(kw_only=True)
class Operation:
    """`action` is what a caller needs on at least one data source; None for any authenticated caller.

    Handlers check the very data source with `Call.require`. `statuses` are the error statuses it may answer,
    besides those of every operation.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    action: Action | None = None
    public: bool = False
    request: Any = None
    answers: Mapping[int, Answer] = field(factory=dict)
    statuses: tuple[int, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    deprecated: bool = False
    passes_body: bool = False
