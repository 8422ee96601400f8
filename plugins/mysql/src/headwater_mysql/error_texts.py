"""Which of the server's error texts may be shown to whoever sent the statement.

A text may be shown if its template, in MySQL's and in MariaDB's list of errors, has room only for what its
reader has already or may read: words and literals of the statement, values of rows, names of tables,
columns, functions and settings, counts and positions. Templates with room for accounts and hosts,
privileges, paths and system errors, other servers and their connection strings, or for text of unknown
origin (1105, signals) are not on the list, nor is what an engine, a plugin or the replication reports.
Lists: https://dev.mysql.com/doc/mysql-errors/9.4/en/server-error-reference.html
and https://mariadb.com/kb/en/mariadb-error-code-reference/.
"""

from __future__ import annotations

import re
from typing import Final

from headwater_mysql.protocol.packets import ServerError

_ACCOUNT = re.compile(r"""(['"`])[^'"`]*\1@(['"`])[^'"`]*\2""")


def shown_text(error: ServerError) -> str | None:
    """The server's words, or None if they may hold what the caller must not see."""
    if error.code not in _NUMBERS or _ACCOUNT.search(error.text):
        return None
    return error.text


def _numbers(ranges: str) -> frozenset[int]:
    """The numbers of `ranges`, such as `1046 1050-1052`."""
    numbers: set[int] = set()
    for part in ranges.split():
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)


_NUMBERS: Final = _numbers("""
1046 1048 1050-1052 1054-1075 1082-1084 1086 1089-1091 1093-1094 1096-1097 1099-1100 1102-1104 1106-1118
1120-1121 1125 1128 1136-1140 1146 1148-1149 1153 1162-1167 1169-1173 1175-1176 1178-1179 1191-1193
1196 1204-1206 1210 1212-1217 1221-1225 1228-1235 1238-1243 1245-1250 1252-1253 1256 1258-1267 1270-1273
1276 1280-1284 1286-1295 1298-1305 1308-1314 1317-1333 1335-1339 1343 1345 1347-1369 1382 1384-1386
1390-1391 1393-1395 1406-1407 1411-1416 1420-1428 1435 1437-1439 1441-1442 1444-1445 1450-1453 1455-1456
1458 1460 1462-1467 1470-1475 1479-1489 1491-1500 1502-1517 1519-1523 1525-1527 1542-1543 1546 1552-1554
1562-1564 1566-1569 1572 1575 1578 1582-1586 1591 1599-1601 1603-1604 1606-1607 1615-1616 1618 1621-1622
1624 1628-1641 1647-1649 1652-1660 1688 1690-1691 1701 1735 1748 1901 1903-1905 1907 1918 1958 1967 1981
3025-3029 3034-3043 3055 3064 3070-3073 3087-3088 3102-3110 3122-3128 3135 3140-3158 3513-3514 3516 3548
3565 3568-3569 3572-3577 3579-3599 3602 3616-3617 3636-3637 3643 3665-3669 3672 3676-3677 3682 3684-3686
3688-3700 3704 3706 3726-3727 3731-3732 3741-3744 3751-3752 3812 3819 3853 3882 3887 3900 3902-3904 3948
3953-3954 3986-3987 3994-3995 3997-3998 4003 4007-4009 4015-4020 4032-4046 4074 4078-4079 4107 4161 4169
4203 4206 4279
""")
