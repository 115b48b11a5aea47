"""Holds `requires:` against what is installed."""

from __future__ import annotations

from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion

from dressage.host.catalog import Catalog, state_of
from dressage.host.document import Steps
from dressage.host.findings import Findings, shown
from dressage.host.known import DISTRIBUTIONS, closest_distribution, normal


def check_requires(catalog: Catalog, findings: Findings, raw: object) -> tuple[str, ...]:
    """The distributions that are required but not there, as they are written; each is noted."""
    absent = []
    for i, text in enumerate(findings.sequence(("requires",), raw, what="a list of distributions")):
        path: Steps = ("requires", i)
        try:
            requirement = Requirement(text) if isinstance(text, str) else None
        except InvalidRequirement:
            requirement = None
        if requirement is None or requirement.url:
            findings.add(path, f"must be a distribution, as dressage-ppo>=0.1, not {shown(text)}")
        elif not _check(catalog, findings, path, requirement):
            absent.append(requirement.name)
    return tuple(absent)


def _check(catalog: Catalog, findings: Findings, path: Steps, requirement: Requirement) -> bool:
    """Whether a distribution is installed, in whatever state."""
    if requirement.marker and not requirement.marker.evaluate():
        return True
    record = catalog.record(requirement.name)
    version = record.version if record else _version(requirement.name)
    quoted = f"'{requirement}'" if requirement.specifier or requirement.extras else str(requirement)
    if version is None:
        guess = closest_distribution(requirement.name, [*catalog.distributions(), *DISTRIBUTIONS])
        if guess and normal(requirement.name) not in DISTRIBUTIONS:
            findings.add(path, f"{requirement.name} is not installed; did you mean {guess!r}?")
        else:
            findings.add(path, f"{requirement.name} is not installed; pip install {quoted}", missing=True)
        return False
    if not _satisfied(requirement, version):
        wanted = f"the run requires {requirement.specifier}; pip install --upgrade {quoted}"
        message = f"{requirement.name} {version} is installed, but {wanted}"
        findings.add(path, message, missing=True)
    elif record and record.state != "loaded":
        findings.add(path, state_of(record), missing=True)
    return True


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _satisfied(requirement: Requirement, version: str) -> bool:
    try:
        return requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return not requirement.specifier
