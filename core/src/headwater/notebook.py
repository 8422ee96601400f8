"""`%load_ext headwater`: questions as cells of a notebook."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher
from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, needs_local_scope
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display
from IPython.utils.process import arg_split

from .calls.context import CallContext, Progress
from .errors import HeadwaterError, PluginRequestFailedError
from .frames import Frame
from .host import Headwater

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["load_ipython_extension"]

TOKEN_VARIABLE = "HEADWATER_TOKEN"  # noqa: S105 the name of a variable
_PROGRESS_SECONDS = 0.5
_MOST_NAMES = 200
_MOST_LINES = 50
_FORMS = ("frame", "arrow", "pandas", "polars")


def load_ipython_extension(shell: Any) -> None:
    """Adds `%headwater` and `%%headwater`, and completion of data sources, tables and columns."""
    magics = _HeadwaterMagics(shell)
    shell.register_magics(magics)
    shell.Completer.custom_matchers.append(magics.matcher())


def _unquoted(text: str) -> str:
    """IPython leaves quotes where they are."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


@contextmanager
def _errors_as_sentences() -> Iterator[None]:
    """What is wrong with a question is shown without frames of the host, which IPython would print by the
    hundred; a bug is shown with them."""
    try:
        yield
    except HeadwaterError as error:
        if not isinstance(error, PluginRequestFailedError):
            _show_as(error, f"{type(error).__name__}: {error}")
        raise
    except KeyboardInterrupt as error:
        _show_as(error, "KeyboardInterrupt: the query was cancelled")
        raise


def _show_as(error: BaseException, sentence: str) -> None:
    vars(error)["_render_traceback_"] = lambda: [sentence]  # what IPython asks for


@magics_class
class _HeadwaterMagics(Magics):
    """`%headwater` and `%%headwater`.

    They use the host that `%headwater connect` or `%headwater use` chose, else the only `Headwater` among the
    notebook's variables.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._chosen: Headwater | None = None
        self._names: dict[tuple[str, str], list[str]] = {}

    @line_magic
    def headwater(self, line: str) -> Frame | None:
        """`%headwater` lists the data sources.

        `%headwater connect URL` takes the host there, with the token in HEADWATER_TOKEN, and
        `%headwater use NAME` the one in that variable.
        """
        match line.split():
            case []:
                with _errors_as_sentences():
                    sources = self.host.list_data_sources()
                return Frame.from_pydict(
                    {"name": [each.name for each in sources], "type": [each.type for each in sources]}
                )
            case ["connect", url]:
                from .remote import connect

                if not (token := os.environ.get(TOKEN_VARIABLE)):
                    raise UsageError(f"Set {TOKEN_VARIABLE} to a token of that host first.")
                with _errors_as_sentences():
                    self._choose(connect(url, token=token))
            case ["use", name]:
                found = self.shell.user_ns.get(name)
                if not isinstance(found, Headwater):
                    raise UsageError(f"{name} is no Headwater.")
                self._choose(found)
            case _:
                raise UsageError("%headwater, %headwater connect URL, or %headwater use VARIABLE")
        return None

    @needs_local_scope
    @cell_magic("headwater")
    @magic_arguments()
    @argument("source", type=_unquoted, help="a data source, by name or uid; in quotes if it has blanks")
    @argument("-o", "--out", metavar="VARIABLE", help="keep the answer in this variable; several are a list")
    @argument("-a", "--as", dest="form", choices=_FORMS, default="frame", help="what the answer becomes")
    @argument("--from", dest="from_", help="start of the time range, such as now-6h")
    @argument("--to", help="its end, now without this")
    @argument("--max-rows", type=int, help="at most so many rows")
    @argument("--params", metavar="VARIABLE", help="the variable that holds parameters")
    @argument("--plot", action="store_true", help="draw a time series (needs matplotlib)")
    def ask(self, line: str, cell: str, local_ns: dict[str, Any] | None = None) -> Any:
        """Ask a data source. The cell is a query in its own language, or a query object in JSON."""
        asked = parse_argstring(self.ask, line)
        options: dict[str, Any] = {"from_": asked.from_, "to": asked.to, "max_rows": asked.max_rows}
        options = {name: value for name, value in options.items() if value is not None}
        if asked.out and not asked.out.isidentifier():
            raise UsageError(f"{asked.out} is no name of a variable.")
        if asked.params:
            variables = {**self.shell.user_ns, **(local_ns or {})}
            if asked.params not in variables:
                raise UsageError(f"There is no variable {asked.params}, which --params names.")
            options["params"] = variables[asked.params]
        frames = self._query(asked.source, _query_of(cell), options)
        if asked.plot:
            return _plot(frames)
        answers = [_converted(frame, asked.form) for frame in frames]
        if asked.out:
            self.shell.user_ns[asked.out] = answers[0] if len(answers) == 1 else answers
        elif len(answers) == 1:
            return answers[0]
        else:
            display(*answers)
        return None

    @property
    def host(self) -> Headwater:
        """Raises UsageError if there is none, or a choice."""
        if self._chosen is not None:
            return self._chosen
        found = {id(each): each for each in self.shell.user_ns.values() if isinstance(each, Headwater)}
        if len(found) != 1:
            raise UsageError(
                "Say which host: %headwater connect URL, or %headwater use VARIABLE; "
                f"among the variables there are {len(found)}."
            )
        return next(iter(found.values()))

    def matcher(self) -> Any:
        """Completes data sources behind `%%headwater`, tables and columns in such a cell."""

        @context_matcher()
        def headwater_names(context: CompletionContext) -> dict[str, Any]:
            names = self._fitting(context.full_text, context.token)
            return {"completions": [SimpleCompletion(name, type="headwater") for name in names]}

        return headwater_names

    def _choose(self, host: Headwater) -> None:
        self._chosen = host
        self._names.clear()

    def _query(self, source: str, query: Any, options: dict[str, Any]) -> Sequence[Frame]:
        """At least one."""
        shown = _ShownProgress()
        with _errors_as_sentences(), CallContext() as context:
            try:
                frames = self.host.query_frames(source, query, context=context, on_progress=shown, **options)
                return frames or [Frame.from_pydict({})]
            except KeyboardInterrupt:
                context.cancel("the cell was interrupted")
                raise
            finally:
                shown.end()

    def _fitting(self, text: str, token: str) -> list[str]:
        head, _, body = text.partition("\n")
        if not head.startswith("%%headwater"):
            return []
        try:
            words = arg_split(head, strict=False)[1:]
            source = _unquoted(next((word for word in words if not word.startswith("-")), ""))
            names = self._tables_and_columns(source, body) if body or "\n" in text else self._sources()
        except (HeadwaterError, UsageError):
            return []
        qualifier, dot, word = token.rpartition(".")
        fitting = [name for name in names if name.lower().startswith(word.lower())][:_MOST_NAMES]
        if "\n" in text:
            return [qualifier + dot + name for name in fitting]
        quoted = head.removesuffix(token).endswith(("'", '"'))
        return [name if quoted or " " not in name else f'"{name}"' for name in fitting]

    def _sources(self) -> list[str]:
        return [each.name for each in self.host.list_data_sources()]

    def _tables_and_columns(self, source: str, body: str) -> list[str]:
        tables = self._listed(source, "tables")
        named = [table for table in tables if table.lower() in body.lower()]
        columns = (column for table in named for column in self._listed(source, "columns", f"table={table}"))
        return [*dict.fromkeys(columns), *tables]

    def _listed(self, source: str, path: str, query_string: str = "") -> list[str]:
        """What a resource of the plugin lists; asked once."""
        key = (source, f"{path}?{query_string}")
        if key not in self._names:
            answer = self.host.call_resource(source, path, query_string=query_string)
            self._names[key] = list(_names_in(answer.body)) if answer.status == 200 else []
        return self._names[key]


class _ShownProgress:
    """A line under the cell that says how far the query is, once that takes a while; gone at the end."""

    def __init__(self) -> None:
        self._due = time.monotonic() + _PROGRESS_SECONDS
        self._handle: Any = None

    def __call__(self, progress: Progress) -> None:
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _PROGRESS_SECONDS
        of = f" of {progress.total_rows:,}" if progress.total_rows else ""
        shown = {"text/plain": f"{progress.rows:,}{of} rows read"}
        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)

    def end(self) -> None:
        if self._handle is not None:
            self._handle.update({"text/plain": ""}, raw=True)


def _query_of(cell: str) -> Any:
    text = cell.strip()
    if text.startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            pass
    return text


def _converted(frame: Frame, form: str) -> Any:
    if form == "arrow":
        return frame.table
    if form == "polars":
        return frame.to_polars()
    if form == "pandas":
        import pandas as pd

        return frame.table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def _plot(frames: Sequence[Frame]) -> Any:
    """Numbers over the first column of times."""
    import matplotlib.pyplot as plt

    lines = [line for frame in frames for line in _lines(frame)]
    if len(lines) > _MOST_LINES:
        raise UsageError(f"A plot draws {_MOST_LINES} lines at most; this answer has {len(lines):,}.")
    axes = plt.figure().subplots()
    for label, line in lines:
        line.plot(ax=axes, label=label, legend=True)
    return axes


def _lines(frame: Frame) -> Iterator[tuple[str, pd.Series]]:
    """One for each column of numbers; where times repeat, as in the long layout, for each text, too."""
    import pandas as pd
    from pyarrow import types

    columns = [(field.name, field.type) for field in frame.schema]
    times = [name for is_it in (types.is_timestamp, types.is_date) for name, kind in columns if is_it(kind)]
    if not times:
        raise UsageError("A plot needs a column of times; this answer has none.")
    numbers = [
        name
        for name, kind in columns
        if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    ]
    if not numbers:
        raise UsageError("A plot needs a column of numbers; this answer has none.")
    labels = [name for name, kind in columns if types.is_dictionary(kind) or types.is_string(kind)]
    data = frame.table.select([times[0], *numbers, *labels]).to_pandas()
    data[numbers] = data[numbers].astype(float)  # decimals, too
    data.index = pd.DatetimeIndex(pd.to_datetime(data.pop(times[0])), name=times[0])
    data = data.sort_index(kind="stable")
    if not labels or data.index.is_unique:
        parts = [("", data)]
    else:
        groups = data.groupby(labels, dropna=False, observed=True, sort=False)
        parts = [(", ".join(map(str, values)), part) for values, part in groups]
    for name, part in parts:
        for number in numbers:
            yield name if name and len(numbers) == 1 else f"{name} {number}".strip(), part[number]


def _names_in(body: bytes) -> Iterator[str]:
    """Names in what plugins list: texts, or objects with a name."""
    try:
        listed = json.loads(body)
    except ValueError:
        return
    for each in listed if isinstance(listed, list) else ():
        name = each.get("name") if isinstance(each, dict) else each
        if isinstance(name, str):
            yield name
