"""Data sources from files: what is read, what is written, and where faults are reported."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from headwater.datasources import (
    REQUEST_FIELDS,
    AddDataSource,
    DataSourceService,
    MemoryStore,
    SealedFile,
    UpdateDataSource,
    apply_plan,
    export_data_sources,
    provision,
    read_plan,
)
from headwater.datasources.documents import DocumentError, read_document
from headwater.datasources.provisioning import ProvisioningReport
from headwater.datasources.references import Resolver, UnresolvedReferenceError
from headwater.errors import DataSourceExistsError, SecretUnavailableError
from headwater.secrets import InMemoryKeySource, KeyRing, SecretCipher
from headwater.secrets.key_setup import prepare_keys

GRAFANA = """
apiVersion: 1
deleteDatasources:
  - name: Old
    orgId: 1
datasources:
  - name: Prometheus
    type: prometheus
    uid: prom-1
    access: proxy
    orgId: 1
    url: http://localhost:9090
    basicAuth: true
    basicAuthUser: ops
    isDefault: true
    version: 3
    jsonData:
      httpMethod: POST
      timeInterval: $__env{INTERVAL}
      exemplars: [{name: trace, url: 'http://x/$${__value.raw}'}]
    secureJsonData:
      basicAuthPassword: $__env{PROM_PASSWORD}
      httpHeaderValue1: Bearer $TOKEN
      tlsCACert: $__file{ca.pem}
  - name: Scratch
    type: mysql
    editable: true
"""
ENVIRON = {"INTERVAL": "15s", "PROM_PASSWORD": "pa$TOKEN{}", "TOKEN": "t0"}


@pytest.fixture
def service() -> DataSourceService:
    return DataSourceService.with_keys(MemoryStore(), [InMemoryKeySource()])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ca.pem").write_text("-----CERT-----\n")
    (tmp_path / "datasources.yaml").write_text(GRAFANA)
    return tmp_path


def write(folder: Path, text: str, name: str = "file.yaml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def secrets_of(service: DataSourceService, name: str) -> dict[str, str]:
    stored = service.store.get_by_name(name)
    return {key: secret.reveal() for key, secret in service.decrypt(stored).items()}


# --- applying


def test_grafanas_file_is_applied(service: DataSourceService, folder: Path) -> None:
    service.add(AddDataSource(type="mysql", name="Old"))

    report = provision(service, [folder], ENVIRON)

    assert report == ProvisioningReport(added=("Prometheus", "Scratch"), deleted=("Old",))
    prometheus = service.store.get_by_uid("prom-1")
    assert (prometheus.url, prometheus.basic_auth, prometheus.is_default) == (
        "http://localhost:9090",
        True,
        True,
    )
    assert prometheus.json_data["timeInterval"] == "15s"
    assert prometheus.json_data["exemplars"] == [{"name": "trace", "url": "http://x/${__value.raw}"}]
    assert prometheus.read_only
    assert not service.store.get_by_name("Scratch").read_only
    assert secrets_of(service, "Prometheus") == {
        "basicAuthPassword": "pa$TOKEN{}",
        "httpHeaderValue1": "Bearer t0",
        "tlsCACert": "-----CERT-----",
    }


def test_applying_again_changes_nothing(service: DataSourceService, folder: Path) -> None:
    provision(service, [folder], ENVIRON)
    before = service.store.list()

    report = provision(service, [folder], ENVIRON)

    assert report == ProvisioningReport(unchanged=("Prometheus", "Scratch"))
    assert service.store.list() == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("url: http://localhost:9090", "url: http://other:9090"),
        ("httpMethod: POST", "httpMethod: GET"),
        ("Bearer $TOKEN", "Bearer changed"),
        ("      httpHeaderValue1: Bearer $TOKEN\n", ""),
        ("basicAuth: true", "basicAuth: false"),
    ],
)
def test_a_change_in_the_file_is_a_change_in_the_store(
    service: DataSourceService, folder: Path, old: str, new: str
) -> None:
    provision(service, [folder], ENVIRON)
    write(folder, GRAFANA.replace(old, new), "datasources.yaml")

    assert provision(service, [folder], ENVIRON).updated == ("Prometheus",)
    assert provision(service, [folder], ENVIRON).updated == ()


def test_a_secret_that_the_file_drops_is_removed(service: DataSourceService, folder: Path) -> None:
    provision(service, [folder], ENVIRON)
    write(folder, GRAFANA.replace("      httpHeaderValue1: Bearer $TOKEN\n", ""), "datasources.yaml")

    provision(service, [folder], ENVIRON)

    assert "httpHeaderValue1" not in secrets_of(service, "Prometheus")


def test_an_unreadable_secret_is_written_anew_from_the_file(folder: Path) -> None:
    store, lost, new = MemoryStore(), InMemoryKeySource(), InMemoryKeySource()
    ring = KeyRing([lost, new], grace=0)
    prepare_keys(ring, store)
    service = DataSourceService(store, SecretCipher(ring, store.active_key))
    provision(service, [folder], ENVIRON)
    store.register_key("k2", b"")
    store.activate_key("k2")
    new.create("k2")
    for key_id in tuple(lost.keys()):
        lost.remove(key_id)
    ring.reload()
    with pytest.raises(SecretUnavailableError):
        secrets_of(service, "Prometheus")

    assert provision(service, [folder], ENVIRON).updated == ("Prometheus",)
    assert secrets_of(service, "Prometheus")["tlsCACert"] == "-----CERT-----"


def test_a_data_source_without_uid_is_found_by_name_and_may_be_renamed_by_uid(
    service: DataSourceService, folder: Path
) -> None:
    service.add(AddDataSource(type="mysql", name="Scratch", uid="mine"))
    provision(service, [folder], ENVIRON)
    assert service.store.get_by_name("Scratch").uid == "mine"

    write(folder, GRAFANA.replace("name: Prometheus", "name: Metrics"), "datasources.yaml")

    assert provision(service, [folder], ENVIRON).updated == ("Metrics",)
    assert service.store.get_by_uid("prom-1").name == "Metrics"


def test_a_name_that_exists_under_another_uid_is_refused_with_its_place(
    service: DataSourceService, folder: Path
) -> None:
    service.add(AddDataSource(type="prometheus", name="Prometheus", uid="other"))

    with pytest.raises(DataSourceExistsError, match=r"datasources\.yaml:7:5: .*a uid cannot change"):
        provision(service, [folder], ENVIRON)


def test_prune_deletes_provisioned_data_sources_that_no_file_names(
    service: DataSourceService, folder: Path
) -> None:
    provision(service, [folder], ENVIRON)
    service.add(AddDataSource(type="mysql", name="by hand"))
    (folder / "datasources.yaml").unlink()
    write(folder, "prune: true\ndatasources: [{name: New, type: mysql}]")

    assert provision(service, [folder], ENVIRON).deleted == ("Prometheus",)
    assert {each.name for each in service.store.list()} == {"by hand", "New", "Scratch"}


def test_the_default_stays_one_when_the_file_does_not_say(service: DataSourceService, folder: Path) -> None:
    write(folder, "datasources: [{name: A, type: t}]", "datasources.yaml")

    provision(service, [folder], ENVIRON)

    assert provision(service, [folder], ENVIRON).unchanged == ("A",)
    assert service.store.get_by_name("A").is_default


def test_toml_and_json_have_the_same_shape(service: DataSourceService, tmp_path: Path) -> None:
    write(
        tmp_path, '[[datasources]]\nname = "T"\ntype = "mysql"\nsecureJsonData = {password = "$PW"}', "a.toml"
    )
    write(
        tmp_path,
        json.dumps({"datasources": [{"name": "J", "type": "mysql", "uid": {"$env": "PW"}}]}),
        "b.json",
    )

    assert provision(service, [tmp_path], {"PW": "hunter22"}).added == ("T", "J")
    assert secrets_of(service, "T") == {"password": "hunter22"}
    assert service.store.get_by_uid("hunter22").name == "J"


def test_an_empty_file_asks_for_nothing(service: DataSourceService, tmp_path: Path) -> None:
    assert provision(service, [write(tmp_path, "# nothing\n")], {}) == ProvisioningReport()


# --- faults

FAULTS = {
    "unknown key": (
        "datasources:\n  - name: a\n    typ: b\n",
        "3:10: datasources[0].typ: unknown key; did you mean type?",
    ),
    "unknown top key": ("datasource: []\n", "1:13: datasource: unknown key; did you mean datasources?"),
    "no name": ("datasources:\n  - type: b\n", "2:5: datasources[0]: a data source needs a name"),
    "no type": ("datasources:\n  - name: b\n", "2:5: datasources[0]: a data source needs a type"),
    "number for text": (
        "datasources:\n  - name: a\n    type: b\n    secureJsonData:\n      password: 0123\n",
        "5:17: datasources[0].secureJsonData.password: text is expected, not int; put it in quotes",
    ),
    "text for flag": (
        "datasources:\n- {name: a, type: b, isDefault: 'yes'}\n",
        "2:33: datasources[0].isDefault: true or false is expected, not str",
    ),
    "not a list": ("datasources: 5\n", "1:14: datasources: a list is expected"),
    "not a mapping": ("datasources: [5]\n", "1:15: datasources[0]: a mapping is expected"),
    "a list": ("- a\n", "1:1: a data-source file is a mapping"),
    "jsonData": (
        "datasources: [{name: a, type: b, jsonData: [1]}]",
        "1:44: datasources[0].jsonData: a mapping",
    ),
    "bad uid": (
        "datasources: [{name: a, type: b, uid: 'a b'}]",
        "1:39: datasources[0].uid: a uid has 1 to 40",
    ),
    "unset variable": (
        "datasources:\n- name: a\n  type: b\n  url: $HOST_IS_UNSET\n",
        "4:8: datasources[0].url: the environment variable HOST_IS_UNSET is not set",
    ),
    "nested unset variable": (
        "datasources:\n- name: a\n  type: b\n  jsonData:\n    x: [1, '$UNSET']\n",
        "5:12: datasources[0].jsonData.x[1]: the environment variable UNSET is not set",
    ),
    "missing file": (
        "datasources: [{name: a, type: b, user: '$__file{none.txt}'}]",
        "1:40: datasources[0].user: the file none.txt cannot be read: No such file or directory",
    ),
    "a file of bytes": (
        "datasources: [{name: a, type: b, url: '$__file{latin1.txt}'}]",
        "1:39: datasources[0].url: the file latin1.txt is not UTF-8",
    ),
    "vault": ("datasources: [{name: '$__vault{x}', type: b}]", "$__vault{} is not supported"),
    "other organisation": (
        "datasources: [{name: a, type: b, orgId: 2}]",
        "1:41: datasources[0].orgId: this host has one",
    ),
    "other version": ("apiVersion: 7\n", "1:13: apiVersion: version 7 is not known; use 1"),
    "nameless deletion": (
        "deleteDatasources: [{orgId: 1}]",
        "1:21: deleteDatasources[0]: a deletion needs a name",
    ),
    "same name": (
        "datasources: [{name: a, type: b}, {name: a, type: b}]",
        "1:35: datasources[1]: name a is given already at",
    ),
    "two defaults": (
        "datasources: [{name: a, type: b, isDefault: true}, {name: b, type: b, isDefault: true}]",
        "1:52: datasources[1]: isDefault true is given already at",
    ),
    "a key twice": ("datasources:\n- name: a\n  name: b\n", "3:3: the key 'name' is given twice"),
    "broken YAML": ("datasources: [\n  {name: a\n", "not YAML"),
    "a Python object": (
        "datasources: !!python/object/apply:os.system [ls]\n",
        "1:14: the tag tag:yaml.org,2002:python/object/apply:os.system is not allowed",
    ),
    "a Python object as text": (
        "datasources: !!python/name:os.system ''\n",
        "not YAML: could not determine a constructor",
    ),
    "password in url": (
        "datasources: [{name: a, type: b, url: 'http://u:pw@h'}]",
        "1:39: datasources[0].url: put the password",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_reported_with_file_line_and_column(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path, text)
    (tmp_path / "latin1.txt").write_bytes(b"\xe9")

    with pytest.raises(DocumentError) as caught:
        read_plan([file], {})

    assert str(caught.value).startswith(f"{file}:")
    assert message in str(caught.value)


def test_one_fault_in_one_file_stops_all_files(service: DataSourceService, folder: Path) -> None:
    write(folder, "datasources: [{name: a}]", "zz.yaml")

    with pytest.raises(DocumentError, match=r"zz\.yaml"):
        provision(service, [folder], ENVIRON)
    assert service.store.list() == []


def test_two_files_that_claim_one_uid_are_both_named(tmp_path: Path) -> None:
    write(tmp_path, "datasources: [{name: a, type: t, uid: u}]", "a.yaml")
    write(tmp_path, "datasources: [{name: b, type: t, uid: u}]", "b.yaml")

    with pytest.raises(DocumentError, match=r"b\.yaml:1:15: .*uid u is given already at .*a\.yaml:1:15"):
        read_plan([tmp_path], {})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yaml", b"\xff\xfe", "not UTF-8"),
        ("a.toml", b"a = ", "not TOML"),
        ("a.txt", b"", "ends in .yaml"),
        ("a.yaml", b"a: \x00", "not YAML"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DocumentError, match=message):
        read_plan([tmp_path / name], {})


def test_without_pyyaml_the_error_names_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(DocumentError, match=r"pip install 'headwater\[yaml\]'"):
        read_plan([folder], ENVIRON)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"none\.yaml: cannot be read: No such file"):
        read_plan([tmp_path / "none.yaml"], {})


def test_endless_nesting_is_refused(tmp_path: Path) -> None:
    for text in ("[" * 5000, "a: &a [*a]", "{a: " * 60 + "1" + "}" * 60):
        with pytest.raises(DocumentError, match=r"nested|not YAML"):
            read_document(write(tmp_path, text))


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    with pytest.raises(DocumentError, match="more than 100000 values"):
        read_document(write(tmp_path, "\n".join(lines)))


def test_a_yaml_merge_key_is_followed(tmp_path: Path) -> None:
    text = "x: &base {type: mysql, user: a}\ny: {<<: *base, user: b}\n"

    assert read_document(write(tmp_path, text)).data["y"] == {"type": "mysql", "user": "b"}


# --- references


@given(st.text())
def test_doubling_dollar_signs_protects_any_text(text: str) -> None:
    assert Resolver({}, Path()).expand(text.replace("$", "$$")) == text


@given(st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True), st.text(), min_size=1))
def test_what_a_reference_yields_is_not_searched_again(environ: dict[str, str]) -> None:
    resolver = Resolver(environ, Path())
    for name, value in environ.items():
        assert resolver.expand(f"$__env{{{name}}}") == value
        assert resolver.expand(f"${{{name}}}") == value
        assert resolver.expand(f"<${name}>") == f"<{value}>"


def test_a_lone_dollar_sign_is_itself() -> None:
    assert Resolver({}, Path()).expand("5$ $5 $ {$}") == "5$ $5 $ {$}"


def test_macros_of_queries_stay_as_they_are() -> None:
    text = "$__from ${__to} ${__from:date:iso} $__interval_ms"
    assert Resolver({}, Path()).expand(text) == text


def test_an_unset_variable_is_never_an_empty_secret() -> None:
    with pytest.raises(UnresolvedReferenceError, match="PW is not set"):
        Resolver({}, Path()).expand("$PW")


# --- export


def test_an_export_without_a_key_names_variables_and_reads_back(
    service: DataSourceService, tmp_path: Path
) -> None:
    service.add(
        AddDataSource(
            type="mysql",
            name="My SQL",
            uid="m1",
            user="a$b",
            json_data={"a": ["$x"]},
            secure_json_data={"password": "canary-1"},
        )
    )

    exported = export_data_sources(service, service.store.list())

    assert "canary" not in repr(exported)
    assert exported["datasources"][0]["secureJsonData"] == {"password": "$__env{MY_SQL_PASSWORD}"}
    file = write(tmp_path, json.dumps(exported), "export.json")
    assert apply_plan(service, read_plan([file], {"MY_SQL_PASSWORD": "canary-1"})).unchanged == ("My SQL",)


def test_an_export_with_a_key_carries_sealed_secrets(service: DataSourceService, tmp_path: Path) -> None:
    service.add(AddDataSource(type="mysql", name="m", uid="m1", secure_json_data={"password": "canary-1"}))
    seal = SealedFile(bytes(range(32)))

    exported = export_data_sources(service, service.store.list(), seal)

    assert "canary" not in repr(exported)
    file = write(tmp_path, json.dumps(exported), "export.json")
    other = DataSourceService.with_keys(MemoryStore(), [InMemoryKeySource()])
    apply_plan(other, read_plan([file], {}, seal=seal))
    assert secrets_of(other, "m") == {"password": "canary-1"}


def test_a_sealed_secret_opens_for_its_own_place_and_key_only(
    service: DataSourceService, tmp_path: Path
) -> None:
    service.add(AddDataSource(type="mysql", name="m", uid="m1", secure_json_data={"password": "canary-1"}))
    text = json.dumps(export_data_sources(service, service.store.list(), SealedFile(bytes(range(32)))))
    right = SealedFile(bytes(range(32)))

    for changed, seal, message in (
        (text, None, "give the key that it was exported with"),
        (text, SealedFile(bytes(32)), "another key, or the file was changed"),
        (text.replace('"password"', '"token"'), right, "the file was changed"),
        (text.replace('"m1"', '"m2"'), right, "the file was changed"),
        (text.replace("$__sealed{", "$__sealed{AAAA"), right, "the file was changed"),
    ):
        with pytest.raises(DocumentError, match=message):
            read_plan([write(tmp_path, changed, "export.json")], {}, seal=seal)


def test_an_update_through_the_api_of_a_provisioned_one_is_refused(
    service: DataSourceService, folder: Path
) -> None:
    provision(service, [folder], ENVIRON)

    with pytest.raises(Exception, match="read-only"):
        service.update(UpdateDataSource.of(service.store.get_by_uid("prom-1"), url="x"))


@pytest.mark.parametrize(("text", "editable"), [("true", True), ("false", False)])
def test_a_reference_may_stand_for_true_or_false(
    service: DataSourceService, folder: Path, text: str, editable: bool
) -> None:
    write(folder, "datasources: [{name: a, type: t, editable: $EDITABLE}]", "datasources.yaml")
    provision(service, [folder], {"EDITABLE": text})
    assert service.store.get_by_name("a").read_only is not editable


def test_null_says_the_same_as_leaving_a_key_out(folder: Path) -> None:
    optional = [each.key for each in REQUEST_FIELDS if each.default is not None]
    keys = [*optional, "uid", "orgId", "editable", "jsonData", "secureJsonData", "version"]
    nulls = dict.fromkeys(keys)
    source = {"name": "n", "type": "t", **nulls}
    document = {"apiVersion": None, "prune": None, "deleteDatasources": None, "datasources": [source]}
    (planned,) = read_plan([write(folder, json.dumps(document), "nulls.json")]).data_sources
    assert planned.command == AddDataSource(name="n", type="t", read_only=True)


def test_a_secret_that_is_null_is_not_set(folder: Path) -> None:
    text = "datasources: [{name: n, type: t, secureJsonData: {password: null, token: x}}]"
    (planned,) = read_plan([write(folder, text)]).data_sources
    assert list(planned.command.secure_json_data) == ["token"]


def test_every_plain_field_can_be_provisioned_and_comes_back_from_an_export(
    service: DataSourceService, folder: Path
) -> None:
    values = {each.key: True if each.kind is bool else "t" for each in REQUEST_FIELDS} | {"access": "proxy"}
    provision(service, [write(folder, json.dumps({"datasources": [values]}), "all.json")])
    (exported,) = export_data_sources(service, service.store.list())["datasources"]
    assert values.items() <= exported.items()


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("0000-01-01", "'0000-01-01' is no valid timestamp"),
        ("2024-13-45", "'2024-13-45' is no valid timestamp"),
        ("2001-12-14t21:59:43.10-99:30", "'2001-12-14t21:59:43.10-99:30' is no valid timestamp"),
        ("2024-01-01", "'2024-01-01' is a timestamp, which JSON has not"),
        ("!!int x", "'x' is no valid int"),
        ("!!float y", "'y' is no valid float"),
        ("!!bool q", "'q' is no valid bool"),
        ("!!timestamp foo", "'foo' is no valid timestamp"),
        ("!!binary aGk=", "'aGk=' is a binary, which JSON has not"),
        ("1" + "0" * 5000, "is no valid int"),
    ],
)
@pytest.mark.parametrize("place", ["name", "jsonData"])
def test_a_value_that_yaml_cannot_make_is_told_with_place_and_remedy(
    folder: Path, place: str, value: str, fault: str
) -> None:
    given = {"name": "n", "jsonData": "{}", place: f"{{x: {value}}}" if place == "jsonData" else value}
    text = f"datasources:\n  - type: t\n    name: {given['name']}\n    jsonData: {given['jsonData']}\n"
    file = write(folder, text)
    with pytest.raises(DocumentError) as caught:
        read_plan([file])
    message = str(caught.value)
    assert message.startswith(f"{file}:{3 if place == 'name' else 4}:")
    assert fault in message
    assert "put it in quotes" in message


@pytest.mark.parametrize("value", ["!!int hunter22", "2024-01-01", "2024-13-45"])
def test_a_secret_that_yaml_cannot_make_is_not_repeated(folder: Path, value: str) -> None:
    file = write(folder, f"datasources: [{{name: n, type: t, secureJsonData: {{password: {value}}}}}]")
    with pytest.raises(DocumentError, match="the secret is") as caught:
        read_plan([file])
    assert value.rsplit(maxsplit=1)[-1] not in str(caught.value)
