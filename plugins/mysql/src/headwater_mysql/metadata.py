"""What a database holds, for browsing and completion. Kept for a minute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from headwater.sdk import CallContext
from headwater.sdk.sql import KeptAnswers, Records

_DATABASES = "SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA ORDER BY SCHEMA_NAME"

_TABLES = """
SELECT TABLE_NAME AS name, LOWER(TABLE_TYPE) AS kind, TABLE_ROWS AS estimatedRows, TABLE_COMMENT AS comment
FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME
"""

_COLUMNS = """
SELECT COLUMN_NAME AS name, COLUMN_TYPE AS type, IS_NULLABLE = 'YES' AS nullable, COLUMN_KEY AS `key`,
  COLUMN_DEFAULT AS `default`, EXTRA AS extra, COLUMN_COMMENT AS comment
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION
"""

_ROUTINES = """
SELECT ROUTINE_NAME AS name, ROUTINE_SCHEMA AS `database`, DTD_IDENTIFIER AS returns,
  ROUTINE_COMMENT AS comment
FROM information_schema.ROUTINES WHERE ROUTINE_TYPE = 'FUNCTION' ORDER BY ROUTINE_NAME
"""

_BUILT_IN = """
ABS ADDDATE ADDTIME AVG BIN BIT_AND BIT_COUNT BIT_OR BIT_XOR CASE CAST CEILING CHAR CHAR_LENGTH COALESCE
CONCAT CONCAT_WS CONV CONVERT CONVERT_TZ COS COUNT CRC32 CUME_DIST CURDATE CURRENT_DATE
CURRENT_TIMESTAMP CURTIME DATABASE DATE DATEDIFF DATE_ADD DATE_FORMAT DATE_SUB DAY DAYNAME DAYOFMONTH
DAYOFWEEK DAYOFYEAR DEGREES DENSE_RANK ELT EXP EXTRACT FIELD FIND_IN_SET FIRST_VALUE FLOOR FORMAT
FROM_DAYS FROM_UNIXTIME GREATEST GROUP_CONCAT HEX HOUR IF IFNULL INET_ATON INET_NTOA INSTR INTERVAL
JSON_ARRAY JSON_ARRAYAGG JSON_CONTAINS JSON_EXTRACT JSON_KEYS JSON_LENGTH JSON_OBJECT JSON_OBJECTAGG
JSON_TYPE JSON_UNQUOTE JSON_VALID JSON_VALUE LAG LAST_DAY LAST_VALUE LEAD LEAST LEFT LENGTH LN LOCATE
LOG LOG10 LOG2 LOWER LPAD LTRIM MAKEDATE MAKETIME MAX MD5 MICROSECOND MIN MINUTE MOD MONTH MONTHNAME NOW
NTH_VALUE NTILE NULLIF OCT PERCENT_RANK PERIOD_DIFF PI POSITION POW QUARTER RADIANS RAND RANK
REGEXP_INSTR REGEXP_REPLACE REGEXP_SUBSTR REPEAT REPLACE REVERSE RIGHT ROUND ROW_NUMBER RPAD RTRIM
SECOND SEC_TO_TIME SHA1 SHA2 SIGN SIN SPACE SQRT STDDEV STDDEV_POP STDDEV_SAMP STRCMP STR_TO_DATE
SUBSTRING SUBSTRING_INDEX SUBTIME SUM TAN TIME TIMEDIFF TIMESTAMP TIMESTAMPADD TIMESTAMPDIFF TIME_FORMAT
TIME_TO_SEC TO_DAYS TO_SECONDS TRIM TRUNCATE UNHEX UNIX_TIMESTAMP UPPER UTC_DATE UTC_TIME UTC_TIMESTAMP
UUID VARIANCE VAR_POP VAR_SAMP VERSION WEEK WEEKDAY WEEKOFYEAR YEAR YEARWEEK
"""

BUILT_IN_FUNCTIONS: Final = tuple(_BUILT_IN.split())


class Metadata:
    """Answers from information_schema; `run(sql, parameters, context)` returns rows as dicts. Thread-safe."""

    def __init__(self, run: Callable[[str, tuple[str, ...], CallContext], Records]) -> None:
        self._run = run
        self._kept = KeptAnswers()

    def databases(self, context: CallContext) -> Records:
        return self._cached(_DATABASES, (), context)

    def tables(self, database: str, context: CallContext) -> Records:
        return self._cached(_TABLES, (database,), context)

    def columns(self, database: str, table: str, context: CallContext) -> Records:
        rows = self._cached(_COLUMNS, (database, table), context)
        return [{**row, "nullable": bool(row["nullable"])} for row in rows]

    def functions(self, context: CallContext) -> Records:
        built_in = [
            {"name": name, "database": "", "returns": "", "comment": ""} for name in BUILT_IN_FUNCTIONS
        ]
        return [*built_in, *self._cached(_ROUTINES, (), context)]

    def _cached(self, sql: str, parameters: tuple[str, ...], context: CallContext) -> Records:
        return self._kept.get((sql, parameters), lambda: self._run(sql, parameters, context), context)
