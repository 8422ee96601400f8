"""What Headwater's host tells a plugin process of its own kind about a call, beside Grafana's messages."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from attrs import asdict, frozen

from headwater.calls import CallContext, QueryLimits
from headwater.errors import ValidationError
from headwater.models import PluginContext
from headwater.network import AddressPolicy

METADATA_KEY: Final = "headwater-call-bin"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@frozen
class NativeCall:
    """Limits and identity of a call, and what an instance of its data source depends on."""

    request_id: str
    limits: QueryLimits
    skip_cache: bool = False
    version: int = 0
    updated: datetime = _EPOCH
    address_policy: AddressPolicy | None = None

    @classmethod
    def of(cls, plugin_context: PluginContext, context: CallContext | None = None) -> Self:
        """`context` is None for calls of the host itself."""
        context = context or CallContext()
        call = {"request_id": context.request_id, "limits": context.limits, "skip_cache": context.skip_cache}
        settings = plugin_context.data_source_instance_settings
        if settings is None:
            return cls(**call)  # type: ignore[arg-type]
        return cls(
            **call,  # type: ignore[arg-type]
            version=settings.version,
            updated=settings.updated,
            address_policy=settings.address_policy,
        )

    def to_bytes(self) -> bytes:
        """As the value of METADATA_KEY."""
        policy = self.address_policy
        members = {
            "request_id": self.request_id,
            "limits": asdict(self.limits),
            "skip_cache": self.skip_cache,
            "version": self.version,
            "updated": (self.updated - _EPOCH) // _MICROSECOND,
            "address_policy": policy and {"allow": policy.allow, "deny": policy.deny, "only": policy.only},
        }
        return json.dumps(members).encode()

    @classmethod
    def from_metadata(cls, metadata: Any) -> Self | None:
        """The call that `metadata`, pairs of a call's, describes; None if it is not Headwater that calls.

        Raises ValidationError.
        """
        data = next((value for key, value in metadata if key == METADATA_KEY), None)
        if data is None:
            return None
        try:
            members = json.loads(data)
            policy = members["address_policy"]
            return cls(
                request_id=members["request_id"],
                limits=QueryLimits(**members["limits"]),
                skip_cache=members["skip_cache"],
                version=members["version"],
                updated=_EPOCH + members["updated"] * _MICROSECOND,
                address_policy=policy and AddressPolicy(**{key: tuple(each) for key, each in policy.items()}),
            )
        except (ArithmeticError, AttributeError, RecursionError, TypeError, ValueError, KeyError) as error:
            raise ValidationError(
                "is not what this version of Headwater writes", path=METADATA_KEY
            ) from error
