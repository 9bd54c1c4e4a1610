"""Package descriptions of this machine's distribution, read through apt.

`apt-cache dumpavail` has one record a package, but only the first line of its description. The rest is in the
translation lists, which container images often tell apt to skip. Where they are missing, `apt-get update` fetches
them into a folder of our own: the machine's lists stay as they are, and root is not needed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from progress import progress

APT_HELPER = "/usr/lib/apt/apt-helper"  # its `cat-file` undoes whatever compression apt keeps lists in

# Sections of things people use; the rest is libraries, language modules, documentation, debug symbols and the like.
PROGRAM_SECTIONS = frozenset(
    "admin comm database editors education electronics embedded games gnome graphics hamradio httpd kde mail math misc "
    "net news science shells sound tex text utils vcs video web x11 xfce".split()
)
SUPPORTING = re.compile(r"^lib|-(common|data|dbg|dev|doc|l10n)$")

APT_CONF = """\
Dir::State::lists "{folder}/lists";
Dir::Cache "{folder}/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
#clear Acquire::Languages;
Acquire::Languages "en";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
APT::Sandbox::User "root";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


class NoPackages(RuntimeError):
    """No package lists on this machine, and none could be fetched; the text says why."""


@dataclass(frozen=True)
class Package:
    name: str
    section: str
    source: str  # the source package it is built from
    size_kb: int  # installed size in KiB
    summary: str  # first line of the description
    details: str  # first paragraph of the rest; "" where only the first line is known

    @property
    def text(self) -> str:
        """What is embedded."""
        return f"{self.name}: {self.summary}. {self.details}".strip()

    @property
    def rank(self) -> int:
        """0 for what looks like a program and is named as its source, 1 for other programs, 2 for the rest."""
        if self.section not in PROGRAM_SECTIONS or SUPPORTING.search(self.name):
            return 2
        return 0 if self.name == self.source else 1


def distribution() -> str:
    """The name to credit for the texts, such as "Debian GNU/Linux 12 (bookworm)"."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "Debian"


def read_packages(folder: Path) -> list[Package]:
    """All available packages that differ in their words, by name; long descriptions are fetched into `folder`."""
    packages = _available([])
    if sum(bool(package.details) for package in packages) * 2 <= len(packages):
        try:
            packages = _available(_private_lists(folder)) or packages
        except OSError as error:
            print(f"the long descriptions could not be fetched: {error}", flush=True)
    if not packages:
        raise NoPackages("there are no package lists here: the demo needs Debian or Ubuntu, with apt and a network")
    return packages


def choose(packages: list[Package], count: int | None) -> list[Package]:
    """`count` of them (None: all), by name: programs first, then by a hash of the name, so always the same ones."""

    def order(package: Package) -> tuple[int, bytes]:
        return package.rank, hashlib.sha256(package.name.encode()).digest()

    return sorted(sorted(packages, key=order)[:count], key=lambda package: package.name)


def _private_lists(folder: Path) -> list[str]:
    """Fetch lists with long descriptions into `folder`; the options that make apt use them."""
    folder = folder.resolve()
    for part in ("lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    conf = folder / "apt.conf"
    conf.write_text(APT_CONF.format(folder=folder))
    options = ["-c", str(conf)]
    if not _files(options, "Translations"):
        complaints = _update(options)
        if not _files(options, "Translations"):
            raise OSError(complaints or "apt-get update brought no descriptions")
    return options


def _update(options: list[str]) -> str:
    """`apt-get update` behind a progress bar, fed from apt's status lines: dlstatus:FILE:PERCENT:WORDS.

    What apt complained of last is returned, not raised: one of many sources may fail without harm."""
    status, status_end = os.pipe()
    command = ["apt-get", *options, "-q=2", "-o", f"APT::Status-Fd={status_end}", "update"]
    with subprocess.Popen(
        command, pass_fds=[status_end], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as apt:
        os.close(status_end)
        with os.fdopen(status) as lines, progress("fetch lists", 100, "%") as bar:
            for line in lines:
                fields = line.split(":")
                if fields[0] == "dlstatus":
                    bar.update(max(0, int(float(fields[2])) - bar.n))
            bar.update(100 - bar.n)
        return apt.stderr.read().strip().rpartition("\n")[2]


def _available(options: list[str]) -> list[Package]:
    """Read apt's records, one for each distinct text, by name; none where apt or its lists are missing."""
    try:
        details = {}
        for file in _files(options, "Translations"):
            for record in _records([APT_HELPER, "cat-file", file]):
                if "Description-en" in record:
                    details[record.get("Description-md5")] = record["Description-en"]
        packages = {}
        for record in _records(["apt-cache", *options, "dumpavail"]):
            short = record.get("Description") or record.get("Description-en", "")
            package = _package(record, details.get(record.get("Description-md5"), short))
            packages.setdefault((package.summary, package.details), package)
    except FileNotFoundError:
        return []
    return sorted(packages.values(), key=lambda package: package.name)


def _package(record: dict[str, str], description: str) -> Package:
    summary, _, rest = description.partition("\n")
    return Package(
        name=record["Package"],
        section=record.get("Section", "misc").rpartition("/")[2],  # Ubuntu writes universe/graphics
        source=record.get("Source", record["Package"]).partition(" ")[0],
        size_kb=int(record.get("Installed-Size", 0)),
        summary=summary.strip(),
        details=" ".join(rest.partition("\n.\n")[0].split()),
    )


def _files(options: list[str], kind: str) -> list[str]:
    """Paths of the lists of one kind that are on disk."""
    command = ["apt-get", *options, "indextargets", "--format", "$(FILENAME)", f"Created-By: {kind}"]
    found = subprocess.run(command, capture_output=True, text=True).stdout.split("\n")
    return [file for file in found if file and os.path.exists(file)]


def _records(command: list[str]) -> Iterator[dict[str, str]]:
    """Paragraphs of `Key: value` lines as dicts; a continuation line keeps its line break and loses its indent."""
    record, key = {}, ""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8", errors="replace"
    ) as process:
        for line in process.stdout:
            line = line.rstrip("\n")
            if line.startswith((" ", "\t")) and key:
                record[key] += "\n" + line[1:]
            elif line:
                key, _, value = line.partition(":")
                record[key] = value.strip()
            elif record:
                yield record
                record, key = {}, ""
    if record:
        yield record
