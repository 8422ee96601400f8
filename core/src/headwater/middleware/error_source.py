"""Fill in whose fault an error is, and its status, where a plugin left them out."""

from __future__ import annotations

from collections.abc import Generator

from attrs import evolve

from headwater.hookspecs import hookimpl
from headwater.models import DataResponse, QueryDataResponse

__all__ = ["ErrorSourceMiddleware"]


class ErrorSourceMiddleware:
    """A response with an error and status 200 gets the error's own status and source."""

    @hookimpl(wrapper=True)
    def query_data(self) -> Generator[None, QueryDataResponse, QueryDataResponse]:
        answer = yield
        if not isinstance(answer, QueryDataResponse) or not any(map(_incomplete, answer.responses.values())):
            return answer
        return QueryDataResponse({ref_id: _complete(each) for ref_id, each in answer.responses.items()})


def _incomplete(response: DataResponse) -> bool:
    return response.error is not None and (response.error_source is None or response.status == 200)


def _complete(response: DataResponse) -> DataResponse:
    if response.error is None or not _incomplete(response):
        return response
    return evolve(
        response,
        status=response.error.status if response.status == 200 else response.status,
        error_source=response.error_source or response.error.source,
    )
