"""Prints the Python versions that the installed packages suit, and on standard error what does not fit.

Uses what the packages say about themselves: the Python that they need, and their dependencies.
"""

import importlib.metadata
import sys

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

packages = {
    canonicalize_name(package.metadata["Name"]): package
    for package in importlib.metadata.distributions()
}


def misfits(python):
    machine = {"python_version": python.rpartition(".")[0], "python_full_version": python, "extra": ""}
    for name, package in packages.items():
        needed = package.metadata["Requires-Python"] or ""
        if python not in SpecifierSet(needed):
            yield f"{name}=={package.version} needs Python {needed}"
        if name.startswith("tensorflow"):
            continue  # installed without its dependencies
        for requirement in map(Requirement, package.requires or []):
            if requirement.marker and not requirement.marker.evaluate(machine):
                continue
            other = packages.get(canonicalize_name(requirement.name))
            if not other or other.version not in requirement.specifier:
                yield f"{name}=={package.version} needs {requirement}"


suited = []
for python in ["3.11.0", "3.12.0", "3.13.0"]:
    problems = [*misfits(python)]
    for problem in problems:
        print(f"Python {python}: {problem}", file=sys.stderr)
    if not problems:
        suited.append(python)
print(*suited)
