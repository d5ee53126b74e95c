"""The deployable bundle: where it is, what is in it, and how it is packed (as ``sam package`` would)."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import maestro
import yaml

import maestro_cli
from maestro_cli.stack.errors import StackError

# The property of each resource type that names local content, and the suffix of its upload.
_CONTENT = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
_SKIP = ("__pycache__",)


class _CloudFormationLoader(yaml.SafeLoader):
    """Reads the short forms (``!Ref``, ``!GetAtt`` ...) as the long ones, and dates as text."""


_CloudFormationLoader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


_CloudFormationLoader.add_multi_constructor("!", _intrinsic)


@dataclass(frozen=True, slots=True)
class Package:
    """A template whose local content is named by the S3 keys of ``objects``; ``fingerprint`` covers all of it."""

    template: dict[str, Any]
    objects: dict[str, bytes]
    fingerprint: str

    @property
    def parameters(self) -> frozenset[str]:
        """The names of the parameters that the template declares."""
        return frozenset(self.template.get("Parameters") or {})

    @property
    def body(self) -> str:
        """The template as JSON, which CloudFormation reads like YAML."""
        return json.dumps(self.template)


def locate() -> Path:
    """Return the template's path: of the checkout that this package runs from, or of the copy in the wheel.

    Raises
    ------
    StackError
        If there is neither.
    """
    package = Path(maestro_cli.__file__).parent
    places = (package / "bundle" / "template.yaml", package.parents[1] / "template.yaml")
    for place in places:
        if place.is_file():
            return place
    raise StackError(f"no template to deploy: looked for {' and '.join(map(str, places))}; install maestro-cars again")


def pack(template: Path, bucket: str) -> Package:
    """Read ``template`` and pack what it names into objects of ``bucket``, keyed by content.

    The layer is the ``maestro`` package alone: functions run on this interpreter and see its other packages.

    Raises
    ------
    StackError
        If the template, or something that it names, cannot be read.
    """
    objects: dict[str, bytes] = {}
    try:
        document = yaml.load(template.read_text(encoding="utf-8"), _CloudFormationLoader)  # noqa: S506 - a SafeLoader
        common = (document.get("Globals") or {}).get("Function") or {}
        for resource in document["Resources"].values():
            _pack_resource(resource, common, template.parent, bucket, objects)
    except (OSError, yaml.YAMLError, KeyError, AttributeError) as error:
        raise StackError(f"cannot package {template}: {error!r}; correct the template and deploy again") from error
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    return Package(document, objects, digest)


def _pack_resource(
    resource: dict[str, Any], common: dict[str, Any], root: Path, bucket: str, objects: dict[str, bytes]
) -> None:
    kind = resource.get("Type", "")
    name = _CONTENT.get(kind)
    if name is None:
        return
    properties = resource.setdefault("Properties", {})
    local = properties.get(name, common.get(name) if kind == "AWS::Serverless::Function" else None)
    if not isinstance(local, str) or local.startswith("s3://"):
        return
    if kind == "AWS::Serverless::StateMachine":
        definition = yaml.safe_load((root / local).read_text(encoding="utf-8"))
        key = _add(objects, json.dumps(definition).encode(), ".json")
        properties[name] = {"Bucket": bucket, "Key": key}
        return
    if kind == "AWS::Serverless::LayerVersion":
        package = Path(maestro.__file__).parent
        content = _zip(package, prefix="python/maestro/")
    else:
        if not (root / local).is_dir():
            raise FileNotFoundError(2, "no such folder", str(root / local))
        content = _zip(root / local)
    properties[name] = f"s3://{bucket}/{_add(objects, content, '.zip')}"


def _add(objects: dict[str, bytes], body: bytes, suffix: str) -> str:
    key = hashlib.sha256(body).hexdigest() + suffix
    objects[key] = body
    return key


def _zip(folder: Path, prefix: str = "") -> bytes:
    """Pack a folder so that equal content gives equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not any(part in _SKIP for part in path.parts):
                entry = zipfile.ZipInfo(prefix + path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
                entry.external_attr = 0o644 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()
