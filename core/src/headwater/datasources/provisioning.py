"""Data sources from files, in Grafana's provisioning shape. `docs/how-to/provision-data-sources.md` shows it.

Reading and applying are separate: a fault in any file stops all of them before anything is written.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import attrs
from attrs import frozen

from headwater.errors import DataSourceExistsError, DataSourceNotFoundError, ValidationError
from headwater.secrets.secret import Secret

from .commands import AddDataSource, UpdateDataSource
from .documents import DocumentError
from .fields import edited_fields
from .model import DataSource
from .provisioning_files import Provisioned, ProvisioningPlan, read_plan
from .service import DataSourceService

__all__ = ["DocumentError", "ProvisioningPlan", "ProvisioningReport", "apply_plan", "provision", "read_plan"]


@frozen
class ProvisioningReport:
    """The names of what was changed, and of what was as the files say already."""

    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


def provision(
    service: DataSourceService,
    paths: Iterable[str | os.PathLike[str]],
    environ: Mapping[str, str] | None = None,
) -> ProvisioningReport:
    """Reads `paths` (files, or directories of them) and applies them. Raises as `read_plan` and `apply_plan`
    do."""
    return apply_plan(service, read_plan(paths, environ))


def apply_plan(service: DataSourceService, plan: ProvisioningPlan) -> ProvisioningReport:
    """Brings the store to what `plan` says; applying it again changes nothing.

    Deletions come first. A data source is found by its uid, or else by its name. The files are the whole
    truth: secrets that they do not name are removed. Raises DocumentError, before anything is written, for a
    setting that the plugin does not know; StoreError, EncryptionKeyError, DataSourceExistsError."""
    checked = [_checked(service, each) for each in plan.data_sources]
    deleted = [name for name in plan.deletions if _delete(service, name)]
    if plan.prune:
        deleted += _prune(service, plan)
    outcomes: dict[str, list[str]] = {"added": [], "updated": [], "unchanged": []}
    for provisioned in checked:
        outcomes[_apply_one(service, provisioned)].append(provisioned.command.name)
    return ProvisioningReport(
        deleted=tuple(deleted), **{key: tuple(names) for key, names in outcomes.items()}
    )


def _checked(service: DataSourceService, provisioned: Provisioned) -> Provisioned:
    try:
        return attrs.evolve(provisioned, command=service.check(provisioned.command))
    except ValidationError as error:
        raise provisioned.error(error.reason, error.path) from None


def _apply_one(service: DataSourceService, provisioned: Provisioned) -> str:
    command = provisioned.command
    stored = _stored(service, command)
    if stored is None:
        service.add(command)
        return "added"
    if command.uid and stored.uid != command.uid:
        raise DataSourceExistsError(
            provisioned.error(
                f"{command.name!r} exists with uid {stored.uid!r}, and a uid cannot change; "
                "delete it first (deleteDatasources)"
            ).message
        )
    secrets = {**dict.fromkeys(stored.secure_json_data, Secret("")), **command.secure_json_data}
    if _is_as_stored(service, stored, command, secrets):
        return "unchanged"
    fields = edited_fields(command)
    fields["is_default"] = command.is_default or stored.is_default
    service.update(UpdateDataSource(uid=stored.uid, secure_json_data=secrets, **fields), force=True)
    return "updated"


def _stored(service: DataSourceService, command: AddDataSource) -> DataSource | None:
    if command.uid:
        try:
            return service.store.get_by_uid(command.uid)
        except DataSourceNotFoundError:
            pass
    try:
        return service.store.get_by_name(command.name)
    except DataSourceNotFoundError:
        return None


def _is_as_stored(
    service: DataSourceService, stored: DataSource, command: AddDataSource, secrets: Mapping[str, Secret]
) -> bool:
    wanted = edited_fields(attrs.evolve(command, is_default=command.is_default or stored.is_default))
    if any(getattr(stored, name) != value for name, value in wanted.items()):
        return False
    opened, states = service.cipher.open_each(stored.owner, stored.secrets)
    return len(opened) == len(states) and opened == {name: s for name, s in secrets.items() if s}


def _delete(service: DataSourceService, name: str) -> bool:
    try:
        service.delete(service.store.get_by_name(name).uid, force=True)
    except DataSourceNotFoundError:
        return False
    return True


def _prune(service: DataSourceService, plan: ProvisioningPlan) -> list[str]:
    named = {each.command.name for each in plan.data_sources}
    uids = {each.command.uid for each in plan.data_sources}
    gone = [
        each
        for each in service.store.list()
        if each.read_only and each.name not in named and each.uid not in uids
    ]
    for each in gone:
        service.delete(each.uid, force=True)
    return [each.name for each in gone]
