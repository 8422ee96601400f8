"""`CachingClient`: in front of the plugin client, answers from memory what may be answered so."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from typing import TYPE_CHECKING

from attrs import evolve

from headwater.calls.context import DEFAULT_LIMITS
from headwater.errors import (
    DeadlineExceededError,
    HeadwaterError,
    PluginRequestCanceledError,
    ValidationError,
)
from headwater.frames import CacheStatus
from headwater.models import (
    AnswerTraits,
    DataQuery,
    DataResponse,
    PluginContext,
    QueryChunk,
    QueryDataRequest,
    QueryDataResponse,
)
from headwater.plugins.client import PluginClient

from .cache import AnswerCache
from .fetching import Fetcher
from .flights import Flight, Flights
from .kept import Hit, KeptAnswer
from .questions import Asker, Key, Question, SourceVersion, read_question
from .rules import CacheRule

if TYPE_CHECKING:
    from headwater.calls.context import CallContext, QueryLimits
    from headwater.calls.runner import CallRunner
    from headwater.datasources import DataSource
    from headwater.frames import Frame
    from headwater.plugins.registry import Registry

__all__ = ["CachingClient"]

_MOST_TRAITS = 4096


class CachingClient(PluginClient):
    """A `PluginClient` that remembers answers by the rules of `cache`."""

    def __init__(
        self,
        registry: Registry,
        cache: AnswerCache,
        runner: CallRunner,
    ) -> None:
        super().__init__(registry)
        self._cache = cache
        self._runner = runner
        self._clock = cache.clock
        self._flights = Flights()
        self._traits: dict[Key, AnswerTraits] = {}

    def query_data(self, request: QueryDataRequest, context: CallContext) -> QueryDataResponse:
        """As `PluginClient.query_data`. Each answer says how much of it was remembered."""
        questions = self._questions(request, context)
        if not questions:
            return super().query_data(request, context)
        outcomes, missing = self._remembered(questions, request, context)
        boarded = self._board(missing, request, context)
        try:
            rest = [query for query in request.queries if query.ref_id not in questions]
            if rest:
                outcomes |= self._ask(rest, request, context)
            for question, flight in zip(missing, boarded, strict=True):
                response = self._landed(question, flight, request, context)
                if response is not None:
                    outcomes[question.query.ref_id] = response
        finally:
            for flight in boarded:
                self._flights.leave(flight)
        for response in outcomes.values():
            if response.cache is not None:
                self._cache.count(response.cache)
        return QueryDataResponse(outcomes)

    def query_chunked_data(
        self, request: QueryDataRequest, context: CallContext
    ) -> Generator[QueryChunk, None, None]:
        """As `PluginClient.query_chunked_data`. What is remembered comes from memory; rows that stream by
        are not collected to be remembered."""
        source = request.plugin_context.data_source_instance_settings
        hits: set[str] = set()
        missing: set[str] = set()
        for ref_id, question in self._questions(request, context).items():
            assert source is not None  # or there were no questions
            hit = self._hit(question, source, context.max_age, context.max_stale)
            if hit is None:
                missing.add(ref_id)
                continue
            hits.add(ref_id)
            self._cache.count(hit.status)
            if hit.status is CacheStatus.STALE:
                most = {"max_rows": DEFAULT_LIMITS.max_rows, "max_bytes": DEFAULT_LIMITS.max_bytes}
                with context.with_limits(**most) as bounded:  # those of a stream are lifted
                    self._board([question], request, bounded)
            for index, frame in enumerate(hit.answer.frames):
                context.check()
                yield QueryChunk(ref_id, str(index), frame.with_ref_id(ref_id), cache=hit.status)
        rest = tuple(query for query in request.queries if query.ref_id not in hits)
        if not rest:
            return
        with closing(super().query_chunked_data(evolve(request, queries=rest), context)) as chunks:
            for chunk in chunks:
                if chunk.ref_id in missing and chunk.cache is None:
                    missing.discard(chunk.ref_id)
                    self._cache.count(CacheStatus.MISS)
                    yield evolve(chunk, cache=CacheStatus.MISS)
                else:
                    yield chunk

    def remembered(
        self,
        queries: Sequence[tuple[DataSource, DataQuery]],
        asker: Asker,
        limits: QueryLimits,
        max_age: float | None = None,
    ) -> list[Hit] | None:
        """Answers to all of the queries, if all are in memory and fresh, and no older than `max_age` seconds.
        Asks nobody, never blocks."""
        if not self._cache.store.is_local:
            return None
        hits = []
        for data_source, query in queries:
            plugin = self._registry.plugin(data_source.type)
            if plugin is None:
                return None
            rule = self._rule(data_source)
            try:
                question = read_question(
                    query, data_source, plugin.version, asker, rule, self._traits.__getitem__
                )
            except KeyError:  # nobody has asked it before
                return None
            hit = None if question is None else self._hit(question, data_source, max_age)
            if hit is None or hit.status is not CacheStatus.HIT or not hit.answer.fits(limits):
                return None
            hits.append(hit)
        for hit in hits:
            self._cache.count(hit.status)
        return hits

    # --- questions ---------------------------------------------------------------------------------

    def _questions(self, request: QueryDataRequest, context: CallContext) -> dict[str, Question]:
        """Those that may be answered from memory, by ref id."""
        plugin_context = request.plugin_context
        settings = plugin_context.data_source_instance_settings
        if context.skip_cache or request.inputs or settings is None:
            return {}
        asker = Asker(plugin_context.user, context.headers)
        rule = self._rule(settings)
        found = {}
        for query in request.queries:

            def describe(asked: Key, query: DataQuery = query) -> AnswerTraits:
                return self._described(asked, query, plugin_context)

            question = read_question(query, settings, plugin_context.plugin_version, asker, rule, describe)
            if question is not None:
                found[query.ref_id] = question
        return found

    def _rule(self, source: SourceVersion) -> CacheRule:
        if "cache" not in source.json_data:
            return self._cache.rule
        try:
            return CacheRule.from_settings(source.json_data["cache"], self._cache.rule)
        except ValidationError:  # written past the service that checks it
            return CacheRule()

    def _described(self, asked: Key, query: DataQuery, plugin_context: PluginContext) -> AnswerTraits:
        traits = self._traits.get(asked)
        if traits is None:
            traits = self.describe_answer(query, plugin_context)
            if len(self._traits) >= _MOST_TRAITS:
                self._traits.clear()
            self._traits[asked] = traits
        return traits

    # --- from memory -------------------------------------------------------------------------------

    def _remembered(
        self, questions: Mapping[str, Question], request: QueryDataRequest, context: CallContext
    ) -> tuple[dict[str, DataResponse], list[Question]]:
        """What is remembered, and the questions whose answers are not."""
        source = request.plugin_context.data_source_instance_settings
        assert source is not None  # or there were no questions
        outcomes: dict[str, DataResponse] = {}
        missing = []
        for ref_id, question in questions.items():
            hit = self._hit(question, source, context.max_age, context.max_stale)
            if hit is None or not hit.answer.fits(context.limits):
                missing.append(question)
                continue
            outcomes[ref_id] = _response(hit.answer.frames, ref_id, hit.status)
            if hit.status is CacheStatus.STALE:
                self._board([question], request, context)  # for whoever asks next: nobody waits
        return outcomes, missing

    def _hit(
        self,
        question: Question,
        source: SourceVersion,
        max_age: float | None = None,
        max_stale: float = 0.0,
    ) -> Hit | None:
        answer = self._cache.store.get(question.key)
        now = self._clock()
        if answer is None:
            return None
        fresh_until, stale_until = _good_until(answer, question.rule)
        if max_age is not None:
            fresh_until = min(fresh_until, (answer.made or 0.0) + max_age)
            stale_until = min(stale_until, fresh_until + max_stale)
        if stale_until <= now:
            return None
        status = CacheStatus.HIT if now < fresh_until else CacheStatus.STALE
        until = min(fresh_until, now + question.same_for)
        return Hit(question.key, question.query.ref_id, answer, status, source, until, question.is_anybodys)

    # --- from the plugin ---------------------------------------------------------------------------

    def _board(
        self, questions: Sequence[Question], request: QueryDataRequest, context: CallContext
    ) -> list[Flight]:
        def start(flight: Flight, asked: list[Question]) -> None:
            self._runner.watch(flight.context)
            self._runner.start(
                lambda: self._fetch(asked, request, flight.context),
                flight.context,
                request.plugin_context,
                lambda ended: _pass_on(ended, flight.future),
            )

        return self._flights.board(questions, context, _flight_timeout(context), start)

    def _landed(
        self, question: Question, flight: Flight, request: QueryDataRequest, context: CallContext
    ) -> DataResponse | None:
        try:
            response = self._flights.wait(flight, context).get(question.key)
        except Exception as error:
            response = DataResponse.from_error(error)
        if response is None:
            return None
        ref_id = question.query.ref_id
        if isinstance(response.error, _ENDED) and not context.cancelled:
            # The flight had less time than this caller has.
            return self._ask([question.query], request, context).get(ref_id)
        return evolve(response, frames=_named(response.frames, ref_id))

    def _ask(
        self, queries: Sequence[DataQuery], request: QueryDataRequest, context: CallContext
    ) -> dict[str, DataResponse]:
        """Outcomes by ref id; a failure of the call is the outcome of each."""
        try:
            answer = super().query_data(evolve(request, queries=tuple(queries)), context)
        except HeadwaterError as error:
            return {query.ref_id: DataResponse.from_error(error) for query in queries}
        return dict(answer.responses)

    def _fetch(
        self, questions: Sequence[Question], request: QueryDataRequest, context: CallContext
    ) -> dict[Key, DataResponse]:
        """In a worker: the answers by key, of which those that may be are kept from now on."""
        landed = self._landed_meanwhile(questions, request, context)
        missing = [question for question in questions if question.key not in landed]
        if not missing:
            return landed
        fetcher = Fetcher(
            self._cache.store,
            lambda queries: self._ask(queries, request, context),
            context.limits,
            self._clock,
        )
        return {**landed, **fetcher.fetch(missing)}

    def _landed_meanwhile(
        self, questions: Sequence[Question], request: QueryDataRequest, context: CallContext
    ) -> dict[Key, DataResponse]:
        """What another flight has brought after its caller had looked, and before this one began."""
        source = request.plugin_context.data_source_instance_settings
        assert source is not None  # or there were no questions
        found = {}
        for question in questions:
            hit = self._hit(question, source, context.max_age)
            if hit is not None and hit.status is CacheStatus.HIT and hit.answer.fits(context.limits):
                found[question.key] = _response(hit.answer.frames, question.query.ref_id, hit.status)
        return found


_ENDED = (DeadlineExceededError, PluginRequestCanceledError)


def _flight_timeout(context: CallContext) -> float | None:
    """As long as its first caller has, and not less than a query may take: others may have longer."""
    left, most = context.remaining(), context.limits.timeout
    return None if left is None else max(left, most or 0.0)


def _good_until(answer: KeptAnswer, rule: CacheRule) -> tuple[float, float]:
    """Until when an answer is fresh, and may be given at all, to a caller of `rule`: another one's rule may
    have kept it for longer."""
    if answer.made is None:
        return answer.fresh_until, answer.stale_until
    fresh_until = answer.made + rule.ttl
    stale_until = fresh_until + rule.stale_while_revalidate
    return min(answer.fresh_until, fresh_until), min(answer.stale_until, stale_until)


def _response(frames: Sequence[Frame], ref_id: str, status: CacheStatus) -> DataResponse:
    return DataResponse(_named(frames, ref_id), cache=status)


def _named(frames: Sequence[Frame], ref_id: str) -> tuple[Frame, ...]:
    return tuple(frame if frame.ref_id == ref_id else frame.with_ref_id(ref_id) for frame in frames)


def _pass_on(ended: Future[dict[Key, DataResponse]], to: Future[dict[Key, DataResponse]]) -> None:
    error = ended.exception()
    if error is None:
        to.set_result(ended.result())
    else:
        to.set_exception(error)
