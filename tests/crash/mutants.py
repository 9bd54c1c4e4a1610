#!/usr/bin/env python3
"""mutants.py: shows that the power-cut test can fail. Takes each sync out of a copy of the source in turn, puts pairs of
writes in the wrong order, builds test_powercut with each such copy in the place of its file and expects it to fail.

Prints a table and exits with 1 if a mutant survives that is not argued to be harmless here.
mutants.py [--jobs N] [--only PART-OF-NAME]; all other files come from build/release/libGigaVector.a, made of this source
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ["-std=c11", "-O2", "-w", "-D_POSIX_C_SOURCE=200809L", '-DGV_VERSION="0"', "-ffp-contract=off"]
LIBRARY = ROOT / "build/release/libGigaVector.a"
HARNESS = ["record", "disk", "images", "workload", "scenarios", "seen", "test_powercut"]
TIMEOUT_S = 300

# A call that syncs, wherever it stands in an expression. Its answer becomes GV_OK.
SYNC = re.compile(r"(?<![\w>*])(?:\w+(?:->|\.))+sync(?:_folder)?\((?:[^()]|\([^()]*\))*\)|(?<!GV_Status )\bgv_log_sync\([^()]*\)")

# name, file, [(text that occurs once, what it becomes) ...]
CHANGES = [
    ("rename, then sync the new file", "api/pack.c", [
        ("    if (status == GV_OK) status = vfs->sync(file);\n", ""),
        ("if (*renamed) status = s->vfs->sync_folder(s->vfs->context, path);",
         "if (*renamed) status = s->vfs->sync(*out);\n    if (status == GV_OK && *renamed) "
         "status = s->vfs->sync_folder(s->vfs->context, path);")]),
    ("sync the folder, then rename", "api/pack.c", [
        ("        status = s->vfs->rename(s->vfs->context, name, path);",
         "        status = s->vfs->sync_folder(s->vfs->context, path);\n"
         "        if (status == GV_OK) status = s->vfs->rename(s->vfs->context, name, path);"),
        ("    if (*renamed) status = s->vfs->sync_folder(s->vfs->context, path);\n", "")]),
    ("remove the old file, then rename", "api/pack.c", [
        ("        status = s->vfs->rename(s->vfs->context, name, path);",
         "        (void)s->vfs->remove(s->vfs->context, path);\n"
         "        status = s->vfs->rename(s->vfs->context, name, path);")]),
    ("clean-close mark, then sync the log", "api/db.c", [
        ("    GV_TRY(gv_log_sync(&s->log));\n    GV_TRY(gv_clean_mark_write(s->vfs, s->file, s->generation, s->log.end));",
         "    GV_TRY(gv_clean_mark_write(s->vfs, s->file, s->generation, s->log.end));\n    GV_TRY(gv_log_sync(&s->log));")]),
    ("sync, then cut the torn end", "api/open.c", [
        ("    if (scan.cut_bytes > 0) GV_TRY(o->vfs->truncate(s->file, scan.end));\n", ""),
        ("    gv_log_attach(&s->log, o->vfs, s->file, s->generation, superblock->log_start, scan.end, scan.next_sequence);",
         "    if (scan.cut_bytes > 0) GV_TRY(o->vfs->truncate(s->file, scan.end));\n"
         "    gv_log_attach(&s->log, o->vfs, s->file, s->generation, superblock->log_start, scan.end, scan.next_sequence);")]),
    ("append behind a torn end that is not cut", "api/open.c", [
        ("    if (scan.cut_bytes > 0) GV_TRY(o->vfs->truncate(s->file, scan.end));\n", "")]),
    ("sync the log, then write it", "storage/log.c", [
        ("    GV_Status status = write_out(log);\n    if (status == GV_OK) status = log->vfs->sync(log->file);",
         "    GV_Status status = log->vfs->sync(log->file);\n    if (status == GV_OK) status = write_out(log);")]),
    ("acknowledge, then sync", "api/write.c", [
        ("return db->options.durability == GV_DURABILITY_COMMIT;", "return false;")]),
    ("acknowledge, then hand to the system", "storage/log.c", [
        ("return log->deferred && log->fill < DEFERRED_BYTES ?", "return log->fill < DEFERRED_BYTES ?")]),
    ("frames that claim a sync not yet made", "storage/log.c", [
        ("log->next_sequence, log->synced, (uint32_t)payload}", "log->next_sequence, log->end, (uint32_t)payload}")]),
    ("a group that is committed by each of its frames", "storage/log.c", [
        ("GV_TRY(close_frame(log, 0));", "GV_TRY(close_frame(log, GV_FRAME_COMMIT));")]),
    ("replay goes on behind a bad frame", "storage/log_read.c", [
        ("if (!valid || header.sequence != sequence || header.synced_to > at) {\n",
         "if (!valid && at + 8 < file_size) { at += 8; continue; }\n"
         "        if (valid) sequence = header.sequence;\n"
         "        if (!valid || header.sequence != sequence || header.synced_to > at) {\n")]),
    ("superblock, then the sections", "storage/image.c", [
        ("    GV_Status status = w->vfs->write(w->file, w->at, table, size);",
         "    GV_Status status = gv_superblock_write(w->vfs, w->file, superblock);\n"
         "    if (status == GV_OK) status = w->vfs->write(w->file, w->at, table, size);")]),
]

# Survivors that are right to survive, and why.
HARMLESS = {
    "superblock, then the sections":
        "the file has no name that anyone opens until all of it is synced; and the superblock is written again at the end",
}


def sync_mutants():
    """Each call that syncs, but in the file systems themselves, which the test replaces by its own."""
    for path in sorted((ROOT / "src").glob("*/*.c")):
        if path.name.startswith("vfs_"):
            continue
        text = path.read_text()
        for match in SYNC.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            if text[text.rfind("\n", 0, match.start()) + 1:match.start()].startswith("GV_Status gv_log_sync"):
                continue
            yield (f"without {match.group(0)}, {path.parent.name}/{path.name}:{line}",
                   f"{path.parent.name}/{path.name}", text[:match.start()] + "GV_OK" + text[match.end():])


def order_mutants():
    for name, file, edits in CHANGES:
        text = (ROOT / "src" / file).read_text()
        for old, new in edits:
            if text.count(old) != 1:
                sys.exit(f"mutants.py: {name}: the source has changed, {file} has {text.count(old)} of: {old.strip()}")
            text = text.replace(old, new)
        yield name, file, text


class Build:
    """The test's own objects, and programs of them, the library, and one file that is linked in the place of the library's."""

    def __init__(self, folder, jobs):
        self.folder = folder
        self.cc = os.environ.get("CC", "cc")
        sources = [ROOT / "tests/crash" / f"{name}.c" for name in HARNESS]
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            self.objects = list(pool.map(lambda p: self.compile(p, folder / f"{p.stem}.o"), sources))

    def compile(self, source, target):
        includes = [f"-I{ROOT / part}" for part in ("src", "include", "tests/unit", "tests/crash")]
        subprocess.run([self.cc, *FLAGS, *includes, "-c", source, "-o", target], check=True)
        return target

    def program(self, name, *changed):
        target = self.folder / name
        subprocess.run([self.cc, *self.objects, *changed, LIBRARY, "-lm", "-lpthread", "-o", target], check=True)
        return target

    def mutant(self, index, file, text):
        """The linker takes no member of an archive whose names are all there, and refuses two of one name."""
        source = self.folder / f"mutant{index}" / Path(file).name
        source.parent.mkdir()
        source.write_text(text)
        return self.program(f"mutant{index}/program", self.compile(source, source.with_suffix(".o")))


def run(program):
    """What caught it, or None."""
    try:
        done = subprocess.run([program], capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return "it does not come to an end"
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line and not line.startswith("  ")]
    where = lines[0].split(", seed")[0] if lines else f"exit code {done.returncode}"
    why = lines[-1].split("not true: ")[-1].removeprefix("false: ") if len(lines) > 1 else ""
    return f"{where}: {why}"[:150]


def main():
    parser = argparse.ArgumentParser(description="shows that the power-cut test catches each missing sync")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    mutants = [m for m in [*sync_mutants(), *order_mutants()] if options.only in m[0]]
    mutants.sort(key=lambda m: m[0] not in HARMLESS)  # what runs to the end begins first
    folder = Path(tempfile.mkdtemp(prefix="gigavector-mutants-"))
    started = time.monotonic()
    try:
        build = Build(folder, options.jobs)

        def judge(numbered):
            index, (name, file, text) = numbered
            return name, run(build.mutant(index, file, text))

        survivors = 0
        print(f"{'mutant':<70} caught by")
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            unchanged = pool.submit(run, build.program("unchanged"))
            judged = pool.map(judge, enumerate(mutants))
            if (caught := unchanged.result()) is not None:
                pool.shutdown(cancel_futures=True)
                sys.exit(f"mutants.py: the test fails on the unchanged source: {caught}")
            for name, caught in judged:
                if caught is None and name in HARMLESS:
                    caught = f"(harmless: {HARMLESS[name]})"
                survivors += caught is None
                print(f"{name:<70} {caught or 'NOTHING: it survives'}", flush=True)
        print(f"{len(mutants)} mutants, {survivors} survived, {time.monotonic() - started:.0f} s")
        return 1 if survivors else 0
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
