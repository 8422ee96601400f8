"""What is mutated, and by which tests each part must be told from its mutants."""

from __future__ import annotations

from attrs import frozen


@frozen
class Room:
    """Part of a distribution: `modules` of `package`, and tests of that distribution, paths in its `tests`.

    `package` is the folder below the distribution's `src`; a test may be one of a file, as pytest names it.
    """

    name: str
    distribution: str
    package: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]


ROOMS = (
    Room(
        "crypto",
        "core",
        "headwater",
        (
            "secrets/cipher.py",
            "secrets/envelope.py",
            "secrets/key_setup.py",
            "secrets/keys.py",
            "secrets/rotation.py",
            "secrets/secret.py",
        ),
        ("secrets", "datasources/test_service.py", "datasources/test_sealed_job.py"),
    ),
    Room(
        "redaction",
        "core",
        "headwater",
        ("secrets/redact.py", "plugins/middleware/redaction.py"),
        ("secrets/test_redact.py", "secrets/test_redaction_middleware.py"),
    ),
    Room(
        "limits",
        "core",
        "headwater",
        ("calls/limiter.py", "calls/deadlines.py", "frames/limits.py"),
        ("calls/test_limiter.py", "calls/test_deadlines.py", "frames/test_limits.py"),
    ),
    Room(
        "paths",
        "core",
        "headwater",
        ("sdk/paths.py", "network.py", "sdk/http/settings.py"),
        ("sdk/test_paths.py", "sdk/test_resources.py", "test_network.py", "sdk/http/test_settings.py"),
    ),
    Room(
        "statements",
        "core",
        "headwater",
        ("sdk/sql/scanner.py", "sdk/sql/statements.py"),
        ("sdk/sql/test_scanner.py", "sdk/sql/test_statements.py"),
    ),
    Room(
        "macros",
        "core",
        "headwater",
        ("sdk/sql/macros.py", "sdk/sql/parameters.py"),
        ("sdk/sql/test_macros.py", "sdk/sql/test_parameters.py"),
    ),
    Room(
        "clickhouse",
        "plugins/clickhouse",
        "headwater_clickhouse",
        ("dialect.py", "parameters.py", "macros/clauses.py", "macros/ad_hoc.py"),
        ("test_dialect.py", "test_macros.py", "test_formats.py::test_what_the_answer_leaves_out_is_told"),
    ),
    Room(
        "mysql",
        "plugins/mysql",
        "headwater_mysql",
        ("statements.py", "dialect.py", "macros.py", "address.py"),
        ("test_statements.py", "test_macros.py", "test_protocol.py"),
    ),
    Room(
        "auth",
        "server",
        "headwater_server",
        ("auth/authenticator.py", "auth/permissions.py", "auth/rate_limits.py", "auth/tokens.py"),
        ("auth", "http/test_tokens.py"),
    ),
)
